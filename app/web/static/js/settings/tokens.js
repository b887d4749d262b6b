// API tokens: make one, see their last use, revoke.

import { html, useState } from "../../vendor/preact-htm.js";
import { post } from "../api.js";
import { When } from "../time.js";
import { Act, Form, Secret, fill, role, rolesUpTo } from "./parts.js";

const DAYS = [[90, "90 days"], [30, "30 days"], [365, "a year"], ["", "for ever"]];
const within = (date) => date.toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });

function Tokens({ items, reload }) {
  const [made, setMade] = useState(null);
  const send = async ({ name, role: wanted, days }) => {
    setMade(await post("/api/tokens", { name, role: wanted, days: days ? Number(days) : null }));
  };
  return html`<${Form} send=${send} done=${reload} submit="Make token" label="New API token">
      <label>Name <input name="name" required maxlength="100" placeholder="What it is for" /></label>
      <label>Role <select name="role">${rolesUpTo(role()).map((one) => html`<option value=${one}>${one}</option>`)}</select></label>
      <label>Good for <select name="days">${DAYS.map(([value, words]) => html`<option value=${value}>${words}</option>`)}</select></label>
    </${Form}>
    ${made && html`<${Secret} text=${made.token} what="token">The token <strong>${made.name}</strong>. Copy it now: nobody can show it again.</${Secret}>`}
    <ul class="settings-list">${items.map((token) => html`<li key=${token.id}>
      <span class="settings-main-text">${token.name} <span class="badge">${token.role}</span>
        <span class="settings-note"><code>${token.hint}…</code> of ${token.owner}, ${token.used_at ? html`used <${When} at=${token.used_at} />` : "never used"}, ${token.expires_at ? html`good until <${When} at=${token.expires_at} words=${within} />` : "good for ever"}</span></span>
      <${Act} path=${`/api/tokens/${token.id}/revoke`} done=${reload} words="Revoke" what=${`Revoke ${token.name}`} />
    </li>`)}</ul>
    ${!items.length && html`<p class="settings-note">There are no tokens.</p>`}`;
}

fill("tokens", "/api/tokens", ({ items }, reload) => html`<${Tokens} items=${items} reload=${reload} />`);
