// What the sections of the settings page share: forms that say what went wrong, secrets shown once, drawing.

import { html, render, useEffect, useLayoutEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { SIGNED_OUT, get, post } from "../api.js";
import { Copy } from "../copy.js";
import { applyTheme } from "../drafts.js";
import { When } from "../time.js";

export const ROLES = ["viewer", "operator", "admin"];

export const role = () => document.querySelector(".settings").dataset.role;

// Roles that may be given by whoever looks at the page.
export const rolesUpTo = (highest) => ROLES.slice(0, ROLES.indexOf(highest) + 1);

// What is above grows when it is read: who came for one section is kept there until they move by themselves.
let moved = false;
for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
  addEventListener(kind, () => { moved = true; }, { once: true, passive: true });
}
const arrive = () => !moved && document.getElementById(location.hash.slice(1))?.scrollIntoView();

// Says above a section that it could not be read again, until it could.
function tellAge(place, words) {
  let note = document.getElementById(`${place.id}-age`);
  if (!note && !words) return;
  if (!note) {
    note = document.createElement("div");
    note.id = `${place.id}-age`;
    place.before(note);
  }
  render(words, note);
}

// Reads `path` and draws `draw(found, reload)` into the section; a refusal is a sentence with a way on.
export async function fill(id, path, draw) {
  const place = document.getElementById(`${id}-body`);
  const reload = () => fill(id, path, draw);
  try {
    const found = await get(path);
    const first = !place.dataset.drawn;
    if (first) place.replaceChildren();
    place.dataset.drawn = "yes";
    render(draw(found, reload), place);
    tellAge(place, null);
    if (first) arrive();
  } catch (problem) {
    const again = html`<button type="button" class="button small" onClick=${reload}>Try again</button>`;
    if (place.dataset.drawn) return tellAge(place, html`<p class="settings-problem" role="alert">What is shown may be old. ${problem.message} ${again}</p>`);
    place.replaceChildren();
    place.dataset.drawn = "yes";
    render(html`<p class="settings-problem" role="alert">${problem.message} ${again}</p>`, place);
  }
}

// What was typed when the sign-in had ended is there again afterwards, in this tab; never for forms that take secrets.
const DRAFT = "errand.form.";

const isTyped = ({ value, defaultValue = value, checked, defaultChecked }) => value !== defaultValue || checked !== defaultChecked;

function setAside(form, label) {
  if (![...form.elements].some(isTyped)) return;
  sessionStorage.setItem(DRAFT + label, JSON.stringify(Object.fromEntries(new FormData(form))));
}

function putBack(form, label) {
  const kept = JSON.parse(sessionStorage.getItem(DRAFT + label));
  sessionStorage.removeItem(DRAFT + label);
  for (const field of kept ? form.elements : []) {
    if (field.type === "checkbox") field.checked = field.name in kept;
    else if (field.name) field.value = kept[field.name] ?? "";
  }
}

// A form whose fields are handed to `send` by name; what is refused is said below it. `keep`: it stays filled in;
// `draft`: what is typed may be stored while somebody signs in again. `done` is not waited for: the form is empty by
// then, and what somebody types while a list is read again is theirs.
export function Form({ send, done, children, submit, label, keep, draft }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const place = useRef();
  // With the form itself: an effect comes later, and would undo what a quick hand had typed by then.
  useLayoutEffect(() => {
    if (!draft) return;
    putBack(place.current, label);
    const leave = () => setAside(place.current, label);
    addEventListener(SIGNED_OUT, leave);
    return () => removeEventListener(SIGNED_OUT, leave);
  }, []);
  async function onSubmit(event) {
    event.preventDefault();
    if (busy) return;
    const form = event.target;
    const given = Object.fromEntries(new FormData(form));
    setBusy(true);
    setProblem("");
    try {
      await send(given);
      if (!keep) form.reset();
      done?.();
    } catch (refused) {
      setProblem(refused.message);
    }
    setBusy(false);
  }
  // Not `disabled`, which would take the focus from whoever pressed it.
  return html`<form class="settings-form" aria-label=${label} onSubmit=${onSubmit} ref=${place}>
    ${children}
    <button type="submit" class="button primary" aria-disabled=${busy}>${submit}</button>
    <p class="settings-problem" role="alert" hidden=${!problem}>${problem}</p>
  </form>`;
}

// The second half of a double click, which nobody means where a button does something.
const isSecond = (event) => event.detail > 1;

// A button that asks the server, and says beside itself why not.
export function Act({ path, body, done, words, what }) {
  const [problem, setProblem] = useState("");
  async function act(event) {
    if (isSecond(event)) return;
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

// Asked twice, in the button itself: what is removed cannot be had back. What is gone already is removed too.
export function Removal({ act: forget, name, done }) {
  const [sure, setSure] = useState(false);
  const [problem, setProblem] = useState("");
  async function act(event) {
    if (isSecond(event)) return;
    if (!sure) return setSure(true);
    try {
      await forget().catch((refused) => {
        if (refused.status !== 404) throw refused;
      });
      await done();
    } catch (refused) {
      setProblem(refused.message);
    }
  }
  return html`<button type="button" class=${`button small ${sure ? "danger" : "quiet"}`} aria-label=${`Remove ${name}`} onClick=${act} onBlur=${() => setSure(false)}>
      ${sure ? "Really remove" : "Remove"}</button>
    ${problem && html`<span class="settings-problem" role="alert">${problem}</span>`}`;
}

// When what did not work is tried again.
export function NextTry({ at }) {
  const hour = (date) => date.toLocaleTimeString("en", { timeStyle: "short" });
  return at && html`<span class="settings-note">Next try at <${When} at=${at} words=${hour} />.</span>`;
}

export function Secret({ text, what, children }) {
  const place = useRef();
  // The button that made it may be far below.
  useEffect(() => place.current.scrollIntoView({ block: "nearest" }), []);
  return html`<div class="settings-secret" role="status" ref=${place}>
    <p>${children}</p>
    <p class="settings-secret-line"><code>${text}</code><${Copy} text=${text} what=${what} words="Copy" /></p>
  </div>`;
}

applyTheme();
