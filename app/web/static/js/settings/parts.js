// What the sections of the settings page share: forms that say what went wrong, secrets shown once, drawing.

import { html, render, useState } from "../../vendor/preact-htm.js";
import { get, post } from "../api.js";
import { Copy } from "../copy.js";
import { applyTheme } from "../drafts.js";
import { announce } from "../live.js";

export const ROLES = ["viewer", "operator", "admin"];

export const role = () => document.querySelector(".settings").dataset.role;

// Roles that may be given by whoever looks at the page.
export const rolesUpTo = (highest) => ROLES.slice(0, ROLES.indexOf(highest) + 1);

// Reads `path` and draws `draw(found, reload)` into the section; a refusal is a sentence with a way on.
export async function fill(id, path, draw) {
  const place = document.getElementById(`${id}-body`);
  const reload = () => fill(id, path, draw);
  try {
    const found = await get(path);
    if (!place.dataset.drawn) place.replaceChildren();
    place.dataset.drawn = "yes";
    render(draw(found, reload), place);
  } catch (problem) {
    if (place.dataset.drawn) return announce(problem.message);
    place.replaceChildren();
    place.dataset.drawn = "yes";
    render(html`<p class="settings-problem" role="alert">${problem.message} <button type="button" class="button small" onClick=${reload}>Try again</button></p>`, place);
  }
}

// A form whose fields are handed to `send` by name; what is refused is said below it. `keep`: it stays filled in.
export function Form({ send, children, submit, label, keep }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  async function onSubmit(event) {
    event.preventDefault();
    const form = event.target;
    setBusy(true);
    setProblem("");
    try {
      await send(Object.fromEntries(new FormData(form)));
      if (!keep) form.reset();
    } catch (refused) {
      setProblem(refused.message);
    }
    setBusy(false);
  }
  return html`<form class="settings-form" aria-label=${label} onSubmit=${onSubmit}>
    ${children}
    <button type="submit" class="button primary" disabled=${busy}>${submit}</button>
    <p class="settings-problem" role="alert" hidden=${!problem}>${problem}</p>
  </form>`;
}

// A button that asks the server, and says beside itself why not.
export function Act({ path, body, done, words, what }) {
  const [problem, setProblem] = useState("");
  async function act() {
    setProblem("");
    try {
      await done(await post(path, body));
    } catch (refused) {
      setProblem(refused.message);
    }
  }
  return html`<button type="button" class="button small" aria-label=${what} onClick=${act}>${words}</button>
    ${problem && html`<span class="settings-problem" role="alert">${problem}</span>`}`;
}

// Asked twice, in the button itself: what is removed cannot be had back.
export function Removal({ act: forget, name, done }) {
  const [sure, setSure] = useState(false);
  const [problem, setProblem] = useState("");
  async function act() {
    if (!sure) return setSure(true);
    try {
      await forget();
      await done();
    } catch (refused) {
      setProblem(refused.message);
    }
  }
  return html`<button type="button" class=${`button small ${sure ? "danger" : "quiet"}`} aria-label=${`Remove ${name}`} onClick=${act} onBlur=${() => setSure(false)}>
      ${sure ? "Really remove" : "Remove"}</button>
    ${problem && html`<span class="settings-problem" role="alert">${problem}</span>`}`;
}

export function Secret({ text, what, children }) {
  return html`<div class="settings-secret" role="status">
    <p>${children}</p>
    <p class="settings-secret-line"><code>${text}</code><${Copy} text=${text} what=${what} words="Copy" /></p>
  </div>`;
}

applyTheme();
