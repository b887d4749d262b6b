// Webhooks: make, change, try, rotate, delete; what came to each, and what became of it. Secrets are shown once.

import { html, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { get, post, put, remove } from "../api.js";
import { plural } from "../format.js";
import { announce } from "../live.js";
import { When } from "../time.js";
import { Act, Form, NextTry, Removal, Secret, fill } from "./parts.js";

const at = (name) => `/api/webhooks/${encodeURIComponent(name)}`;
const moment = (date) => date.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
const VERDICTS = { task: "task", known: "known already", refused: "refused" };
const TOLD = { sent: "told", failed: "not told", open: "to be told" };
const UNREADABLE = "Its secrets are encrypted under another key: give ERRAND_FERNET_KEYS that key too, or make a new secret.";
const settingsOf = ({ agent, template, dedupe, bearer, callback_url, enabled }) => ({ agent, template, dedupe, bearer, callback_url, enabled });
const asked = ({ agent, template, dedupe, bearer, callback_url }) => ({
  agent: agent.trim() || "brain", template, dedupe: dedupe.trim(), bearer: bearer === "on", callback_url: callback_url.trim() || null,
});

// What it begins with, not what it is: a list that is read again leaves alone what somebody is typing.
function Fields({ hook = {} }) {
  return html`<label>Agent <input name="agent" defaultValue=${hook.agent ?? ""} placeholder="brain" maxlength="41" spellcheck="false" autocomplete="off" /></label>
    <label>Doubles share <input name="dedupe" defaultValue=${hook.dedupe ?? ""} placeholder="alert.id or header:X-Id" title="A path into the payload, or header:NAME. Empty: the whole body, for ten minutes" spellcheck="false" autocomplete="off" /></label>
    <label>Tell the end to <input name="callback_url" type="url" defaultValue=${hook.callback_url ?? ""} placeholder="https://…" spellcheck="false" autocomplete="off" /></label>
    <label class="wide">Template <textarea name="template" rows="4" required spellcheck="false" placeholder="Find out why {{ alert.title }} fired on {{ alert.host }}.">${hook.template ?? ""}</textarea></label>
    <label class="wide settings-check"><input name="bearer" type="checkbox" defaultChecked=${hook.bearer ?? false} /> <span>The sender cannot sign: take the secret itself as <code>Authorization: Bearer</code></span></label>`;
}

function Try({ hook }) {
  const [found, setFound] = useState(null);
  const send = async ({ payload }) => {
    setFound(null);
    const kind = /^\s*[[{]/.test(payload) ? "application/json" : "text/plain";
    setFound(await post(`${at(hook.name)}/test`, { payload, content_type: kind }));
  };
  return html`<${Form} send=${send} submit="Try" label=${`Try ${hook.name}`} keep>
      <label class="wide">A payload; nothing is written and nobody works <textarea name="payload" rows="4" required spellcheck="false" placeholder='{"alert": {"id": 7, "title": "disk full"}}'></textarea></label>
    </${Form}>
    ${found && html`<div class="settings-found" role="status"><p><strong>${found.verdict}</strong>${found.missing.length > 0 && ` Not in the payload: ${found.missing.join(", ")}.`}</p>
      <pre tabindex="0" aria-label="What the agent would be asked">${found.message}</pre></div>`}`;
}

function Told({ one, hook, reload }) {
  const { callback } = one;
  if (!callback) return null;
  const tries = callback.tries ? ` after ${plural(callback.tries, "try", "tries")}` : "";
  return html` · ${TOLD[callback.state]}${callback.state === "sent" ? "" : tries}${callback.detail && `: ${callback.detail}`}
    ${callback.state === "open" && callback.detail && html` <${NextTry} at=${callback.next_at} />`}
    ${callback.state === "failed" && hook.callback_url && html` <${Act} path=${`${at(hook.name)}/deliveries/${one.id}/callback`} done=${reload} words="Tell again" what=${`Tell the end of ${one.id} again`} />`}`;
}

function Deliveries({ hook }) {
  const [items, setItems] = useState(null);
  const [problem, setProblem] = useState("");
  const reload = () => get(`${at(hook.name)}/deliveries`).then((found) => setItems(found.items), (refused) => setProblem(refused.message));
  useEffect(() => {
    reload();
  }, [hook.name]);
  if (problem) return html`<p class="settings-problem" role="alert">${problem}</p>`;
  if (!items) return html`<p class="settings-loading">Reading</p>`;
  if (!items.length) return html`<p class="settings-note">Nothing that was signed has come yet. A wrong signature leaves no trace here: the sender gets 401.</p>`;
  return html`<ul class="settings-deliveries">${items.map((one) => html`<li key=${one.id}>
    <span class=${`badge is-${one.verdict}`}>${VERDICTS[one.verdict]}</span> <${When} at=${one.received_at} words=${moment} />
    <span class="settings-note">${one.detail} ${one.task_id && html`<a href=${`/tasks/${one.task_id}`}>The task</a>`}<${Told} one=${one} hook=${hook} reload=${reload} /></span>
  </li>`)}</ul>`;
}

const written = (hook) => JSON.stringify({ ...settingsOf(hook), enabled: null });

function Edit({ hook, done }) {
  // What it was when this was opened: somebody else may change it, too.
  const known = useRef(written(hook));
  const send = async (given) => {
    const now = await get(at(hook.name));
    if (written(now) !== known.current) {
      known.current = written(now);
      throw new Error("Somebody has changed this webhook since you opened it. Save again to put yours in its place.");
    }
    await put(at(hook.name), { ...settingsOf(now), ...asked(given) });
    announce(`${hook.name} is changed.`);
  };
  return html`<${Form} send=${send} done=${done} submit="Save" label=${`Change ${hook.name}`} keep draft><${Fields} hook=${hook} /></${Form}>`;
}

// On or off: a write that needs no form.
function Switch({ hook, done }) {
  const [problem, setProblem] = useState("");
  async function act() {
    setProblem("");
    try {
      // As it is now, and not as this page read it: only that is to change.
      await put(at(hook.name), { ...settingsOf(await get(at(hook.name))), enabled: !hook.enabled });
      await done();
    } catch (refused) {
      setProblem(refused.message);
    }
  }
  const words = hook.enabled ? "Switch off" : "Switch on";
  return html`<button type="button" class="button small" aria-label=${`${words} ${hook.name}`} onClick=${act}>${words}</button>
    ${problem && html`<span class="settings-problem" role="alert">${problem}</span>`}`;
}

const PANELS = { Deliveries, Try, Edit };

function facts(hook) {
  return [
    `asks ${hook.agent}`,
    hook.used_at ? html`last delivery <${When} at=${hook.used_at} />` : "never used",
    hook.previous_until && new Date(hook.previous_until) > new Date() && html`secrets before are good until <${When} at=${hook.previous_until} words=${moment} />`,
    hook.callback_url && `tells ${hook.callback_url}`,
  ].filter(Boolean).flatMap((fact, place) => (place ? [" · ", fact] : [fact]));
}

function Hook({ hook, reload, show }) {
  const [open, setOpen] = useState("");
  const Panel = PANELS[open];
  const done = async () => {
    setOpen("");
    await reload();
  };
  const rotated = (what, words) => async (made) => {
    show([{ name: hook.name, what, text: made.secret, words }]);
    await reload();
  };
  return html`<li class=${hook.enabled ? "" : "is-shut"}>
    <span class="settings-main-text">${hook.name} ${!hook.enabled && html`<span class="badge">off</span>`} ${!hook.readable && html`<span class="badge is-unreadable">unreadable</span>`}
      <span class="settings-note"><code>${hook.url}</code></span>
      <span class="settings-note">${facts(hook)}</span>
      ${!hook.readable && html`<span class="settings-note">${UNREADABLE}</span>`}</span>
    <span class="settings-acts">
      ${Object.keys(PANELS).map((name) => html`<button type="button" key=${name} class="button small" aria-expanded=${open === name} aria-label=${`${name}: ${hook.name}`} onClick=${() => setOpen(open === name ? "" : name)}>${name}</button>`)}
      <${Switch} hook=${hook} done=${reload} />
      <${Act} path=${`${at(hook.name)}/rotate`} done=${rotated("secret", "Those before are good for a day more.")} words="New secret" what=${`New secret for ${hook.name}`} />
      ${hook.callback_url && html`<${Act} path=${`${at(hook.name)}/rotate`} body=${{ which: "callback" }} done=${rotated("callback secret", "What is told to you is signed with it from now on.")} words="New callback secret" what=${`New callback secret for ${hook.name}`} />`}
      <${Removal} act=${() => remove(at(hook.name))} name=${hook.name} done=${reload} />
    </span>
    ${Panel && html`<div class="settings-panel"><${Panel} hook=${hook} done=${done} /></div>`}
  </li>`;
}

function Webhooks({ items, reload }) {
  const [secrets, setSecrets] = useState([]);
  const send = async ({ name, ...given }) => {
    // Whatever came of it: it may be made, and only the answer be lost.
    const made = await post("/api/webhooks", { name, ...asked(given) }).catch(async (refused) => {
      if (refused.status !== 401) await reload();
      throw refused;
    });
    const own = { name, what: "secret", text: made.secret, words: `The sender signs with it, and posts to ${made.url}` };
    const told = { name, what: "callback secret", text: made.callback_secret, words: "What is told to you is signed with it." };
    setSecrets(made.callback_url ? [own, told] : [own]);
  };
  return html`<${Form} send=${send} done=${reload} submit="Make webhook" label="New webhook" draft>
      <label>Name <input name="name" required maxlength="41" pattern="[a-z][a-z0-9\\-]{0,40}" placeholder="alerts" title="Lower-case letters, digits and -; it is part of the address" autocomplete="off" spellcheck="false" /></label>
      <${Fields} />
    </${Form}>
    ${secrets.map((one) => html`<${Secret} key=${one.text} text=${one.text} what=${one.what}>The ${one.what} of <strong>${one.name}</strong>. Copy it now: nobody can show it again. ${one.words}</${Secret}>`)}
    <ul class="settings-list">${items.map((hook) => html`<${Hook} key=${hook.name} hook=${hook} reload=${reload} show=${setSecrets} />`)}</ul>
    ${!items.length && html`<p class="settings-note">There are no webhooks. GitHub needs none of these.</p>`}`;
}

fill("webhooks", "/api/webhooks", ({ items }, reload) => html`<${Webhooks} items=${items} reload=${reload} />`);
