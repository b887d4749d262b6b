// Find anything: conversations by title and message, and what one can do.

import { Component, html } from "../vendor/preact-htm.js";
import { show, showKeys } from "./dialogs.js";
import { oneLine } from "./format.js";
import { Icon } from "./icons.js";
import { go } from "./router.js";
import { known, telling, loadSessions, sessions, tasksOf } from "./store.js";
import { When } from "./time.js";

const SHOWN = 12;
const PAGES = 10;
let isOpen = false;

async function loadMore(redraw) {
  for (let page = 0; known.moreSessions && isOpen && page < PAGES; page += 1) {
    await loadSessions(known.moreSessions).catch(() => {});
    redraw();
  }
}

function score(words, text) {
  const low = text.toLowerCase();
  return words.every((word) => low.includes(word));
}

function results(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const commands = [
    { icon: "plus", title: "New task", run: () => go("/") },
    { icon: "keyboard", title: "Keys", run: showKeys },
  ].filter(({ title }) => words.length && score(words, title));
  const latest = telling();
  const found = sessions()
    .filter((session) => score(words, [session.title, session.agent, session.id, ...tasksOf(session.id).map((t) => t.message)].join("\n")))
    .slice(0, SHOWN)
    .map((session) => ({
      icon: "message", title: session.title, at: session.updated_at, run: () => go(`/sessions/${session.id}`),
      note: latest.get(session.id) ? oneLine(latest.get(session.id).message, 80) : "",
    }));
  return [...found, ...commands];
}

class Palette extends Component {
  componentDidMount() {
    loadMore(() => this.forceUpdate());
  }
  onKeyDown(event, found) {
    const { at = 0 } = this.state;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      this.setState({ at: (at + step + found.length) % Math.max(1, found.length) });
    } else if (event.key === "Enter" && found[at]) {
      event.preventDefault();
      this.take(found[at]);
    }
  }
  take(result) {
    this.props.done(true);
    result.run();
  }
  render(_, { query = "", at = 0 }) {
    const found = results(query);
    return html`<div class="palette">
      <h2 id="dialog-title" class="visually-hidden">Find</h2>
      <label class="palette-box"><${Icon} name="find" /><input type="text" autofocus value=${query} placeholder="Find a conversation"
        role="combobox" aria-expanded="true" aria-controls="found" aria-activedescendant=${found[at] ? `found-${at}` : null} aria-label="Find"
        onInput=${(event) => this.setState({ query: event.target.value, at: 0 })} onKeyDown=${(event) => this.onKeyDown(event, found)} /></label>
      <ul id="found" role="listbox" aria-label="Found">
        ${found.map((result, i) => html`<li id=${`found-${i}`} role="option" aria-selected=${String(i === at)} onClick=${() => this.take(result)}>
          <${Icon} name=${result.icon} /><span class="found-title">${result.title}</span>
          ${result.note && result.note !== result.title && html`<span class="found-note">${result.note}</span>`}
          ${result.at && html`<${When} at=${result.at} />`}</li>`)}
        ${!found.length && html`<li class="found-none">Nothing found.</li>`}
      </ul>
    </div>`;
  }
}

export async function find() {
  if (isOpen) return;
  isOpen = true;
  await show((done) => html`<${Palette} done=${done} />`, "find");
  isOpen = false;
}
