// The empty page: an invitation, three things that really run, and one line per missing thing.

import { Component, html } from "../vendor/preact-htm.js";
import { Composer } from "./composer.js";
import { missing } from "./agents.js";
import { Copy } from "./copy.js";
import { isTold, markTold } from "./drafts.js";
import { Icon } from "./icons.js";
import { isBuiltIn, mayWrite } from "./me.js";
import { loadSurroundings } from "./store.js";

function Missing() {
  const lines = missing();
  if (!lines.length) return null;
  return html`<section class="missing" aria-label="What is missing">
    ${lines.map(({ text, command }) => html`<p class="missing-line"><${Icon} name="info" /><span>${text}</span>
      ${command && html`<span class="mend"><code>${command}</code><${Copy} text=${command} what="command" /></span>`}</p>`)}
  </section>`;
}

// Said until it was heard: whoever came by a link can have a login of their own, or go on without.
class BuiltIn extends Component {
  render() {
    if (!isBuiltIn() || isTold("built-in")) return null;
    const hide = () => { markTold("built-in"); this.forceUpdate(); };
    return html`<p class="missing-line built-in"><${Icon} name="info" /><span>You are the built-in admin.${" "}<a href="/settings#account">Choose a login and a password</a> to come back without a link.</span>
      <button type="button" class="button small quiet" onClick=${hide}>Not now</button></p>`;
  }
}

export class Welcome extends Component {
  componentDidMount() {
    document.title = "Errand";
    // Somebody may be installing what is missing right now.
    this.timer = setInterval(() => missing().length && !document.hidden && loadSurroundings().catch(() => {}), 10_000);
  }
  componentWillUnmount() {
    clearInterval(this.timer);
  }
  take(example) {
    this.composer.submit({ message: example, agent: "demo" });
  }
  render({ examples }) {
    return html`<div class="welcome">
      <h1>What should be done?</h1>
      <p class="lead">Errand hands it to an agent and shows its work here, line by line.</p>
      <${Composer} ref=${(composer) => { this.composer = composer; }} place="new" focus=${true} />
      ${examples.length > 0 && mayWrite() && html`<section class="examples" aria-label="Examples">
        <h2>Try one with <code>demo</code>, which is scripted and needs no key</h2>
        ${examples.map((example) => html`<button type="button" class="example" onClick=${() => this.take(example)}>
          <span>${example}</span><${Icon} name="chevron" /></button>`)}
      </section>`}
      <${Missing} />
      <${BuiltIn} />
    </div>`;
  }
}
