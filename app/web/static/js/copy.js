// Copy buttons.

import { Component, html } from "../vendor/preact-htm.js";
import { Icon } from "./icons.js";

// navigator.clipboard is there on secure origins only.
async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const box = document.createElement("textarea");
  box.value = text;
  document.body.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
}

export class Copy extends Component {
  componentWillUnmount() {
    clearTimeout(this.timer);
  }
  async copy() {
    const { text } = this.props;
    await write(typeof text === "function" ? text() : text);
    this.setState({ done: true });
    this.timer = setTimeout(() => this.setState({ done: false }), 1500);
  }
  render({ what, words = "" }, { done }) {
    const label = done ? "Copied" : `Copy ${what}`;
    return html`<button type="button" class="copy icon-button" title=${label} aria-label=${label} onClick=${() => this.copy()}>
      <${Icon} name=${done ? "check" : "copy"} />${words && html`<span>${done ? "Copied" : words}</span>`}
    </button>`;
  }
}

// The buttons that markdown.js puts on code blocks.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.(".copy-code");
  if (!button) return;
  await write(button.parentElement.querySelector("pre").textContent);
  button.classList.add("is-done");
  setTimeout(() => button.classList.remove("is-done"), 1500);
});
