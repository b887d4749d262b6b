// Questions and the list of keys, as native dialogs: focus stays inside, Esc closes.

import { html, render } from "../vendor/preact-htm.js";

export function show(draw, className = "") {
  const host = document.createElement("div");
  document.body.append(host);
  return new Promise((resolve) => {
    let answer = false;
    const done = (value) => {
      answer = value;
      host.firstElementChild?.close();
    };
    const closed = () => {
      render(null, host);
      host.remove();
      resolve(answer);
    };
    render(html`<dialog class=${`dialog ${className}`} aria-labelledby="dialog-title" onClose=${closed}
      onClick=${(event) => event.target === event.currentTarget && done(false)}>${draw(done)}</dialog>`, host);
    host.firstElementChild.showModal();
  });
}

export function ask({ title, text, yes, no }) {
  return show((done) => html`<div class="dialog-inside">
    <h2 id="dialog-title">${title}</h2><p>${text}</p>
    <div class="buttons"><button type="button" class="button" onClick=${() => done(false)}>${no}</button>
      <button type="button" class="button danger" autofocus onClick=${() => done(true)}>${yes}</button></div>
  </div>`);
}

const KEYS = [
  ["/ or Cmd-K", "Find a conversation"],
  ["n", "New task"],
  ["j  k", "Next, previous conversation"],
  ["m", "Write a message"],
  [".", "Stop the running task"],
  ["Enter", "Send"],
  ["Shift-Enter", "New line"],
  ["Esc", "Close, or leave the box"],
  ["?", "This list"],
];

export function showKeys() {
  return show((done) => html`<div class="dialog-inside">
    <h2 id="dialog-title">Keys</h2>
    <dl class="keys">${KEYS.map(([key, what]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`)}</dl>
    <div class="buttons"><button type="button" class="button" autofocus onClick=${() => done(false)}>Close</button></div>
  </div>`);
}
