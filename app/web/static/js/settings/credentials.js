// Credentials: store or replace one, remove it, try a refused one again. No answer of the server holds a value.

import { html, useState } from "../../vendor/preact-htm.js";
import { put, remove } from "../api.js";
import { plural } from "../format.js";
import { announce } from "../live.js";
import { When } from "../time.js";
import { Act, Form, Removal, fill } from "./parts.js";

const STATES = { usable: "usable", refused: "refused", expired: "expired", unreadable: "unreadable" };
const UNREADABLE = "It was encrypted under another key: give ERRAND_FERNET_KEYS that key too, or store it again.";
const KINDS = [
  ["ANTHROPIC_API_KEY", "An Anthropic API key"],
  ["CLAUDE_CODE_OAUTH_TOKEN", "A long-lived token of claude setup-token"],
  ["claude", "A signed-in Claude Code's .credentials.json"],
  ["", "Another environment variable"],
];
const at = (name) => `/api/credentials/${encodeURIComponent(name)}`;
const moment = (date) => date.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });

function facts(one) {
  const over = one.expires_at && new Date(one.expires_at) <= new Date();
  return [
    one.variables.length > 0 && `sets ${one.variables.join(", ")}`,
    one.last4 && `ends in ${one.last4}`,
    one.set && html`stored <${When} at=${one.updated_at} />`,
    one.expires_at && html`${over ? "was good until" : "good until"} <${When} at=${one.expires_at} words=${moment} />`,
    one.retry_at && html`tried again at <${When} at=${one.retry_at} words=${moment} />`,
    one.waiting > 0 && `${plural(one.waiting, "task")} ${one.waiting === 1 ? "waits" : "wait"} for it`,
  ].filter(Boolean).flatMap((fact, place) => (place ? [" · ", fact] : [fact]));
}

function Value({ kind }) {
  if (kind === "claude") return html`<label class="wide">Content of .credentials.json <textarea name="value" rows="4" required spellcheck="false"></textarea></label>`;
  return html`${kind === "" && html`<label>Variable <input name="variable" required pattern="[A-Za-z_][A-Za-z0-9_]*" placeholder="OPENAI_API_KEY" spellcheck="false" /></label>`}
    <label>Value <input name="value" type="password" required autocomplete="new-password" spellcheck="false" /></label>`;
}

function Credentials({ items, reload }) {
  const [kind, setKind] = useState(KINDS[0][0]);
  const send = async ({ name, variable, value }) => {
    await put(at(name), kind === "claude" ? { claude: value } : { variables: { [kind || variable]: value } });
    setKind(KINDS[0][0]);
    announce(`${name} is stored.`);
  };
  return html`<${Form} send=${send} done=${reload} submit="Store" label="Store or replace a credential">
      <label>Name <input name="name" required maxlength="41" pattern="[a-z][a-z0-9\\-]{0,40}" placeholder="anthropic" title="Lower-case letters, digits and -; a name that is there gets the new value" autocomplete="off" spellcheck="false" /></label>
      <label>What it is <select name="kind" onChange=${(event) => setKind(event.target.value)}>${KINDS.map(([value, words]) => html`<option value=${value} selected=${value === kind}>${words}</option>`)}</select></label>
      <${Value} kind=${kind} />
    </${Form}>
    <ul class="settings-list">${items.map((one) => html`<li key=${one.name}>
      <span class="settings-main-text">${one.kind === "environment" ? `The workers' environment (${one.name.split(":")[1]})` : one.name} <span class=${`badge is-${one.state}`}>${STATES[one.state] ?? one.state}</span>
        <span class="settings-note">${facts(one)}</span>
        ${(one.state === "unreadable" || one.detail) && html`<span class="settings-note">${one.state === "unreadable" ? UNREADABLE : one.detail}</span>`}</span>
      <span class="settings-acts">${one.state === "refused" && html`<${Act} path=${`${at(one.name)}/retry`} done=${reload} words="Try again" what=${`Try ${one.name} again`} />`}
        ${one.kind !== "environment" && html`<${Removal} act=${() => remove(at(one.name))} name=${one.name} done=${reload} />`}</span>
    </li>`)}</ul>
    ${!items.length && html`<p class="settings-note">None is stored yet. Agents use what the workers have in their environment.</p>`}`;
}

fill("credentials", "/api/credentials", ({ items }, reload) => html`<${Credentials} items=${items} reload=${reload} />`);
