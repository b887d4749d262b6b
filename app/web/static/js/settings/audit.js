// The audit: who did what, a page at a time.

import { html, useState } from "../../vendor/preact-htm.js";
import { get } from "../api.js";
import { When } from "../time.js";
import { fill } from "./parts.js";

function Audit({ first }) {
  const [older, setOlder] = useState({ items: [], next: first.next_cursor });
  const [problem, setProblem] = useState("");
  const more = async () => {
    try {
      const page = await get(`/api/audit?cursor=${encodeURIComponent(older.next)}`);
      setOlder({ items: [...older.items, ...page.items], next: page.next_cursor });
      setProblem("");
    } catch (refused) {
      setProblem(refused.message);
    }
  };
  const lines = [...first.items, ...older.items];
  return html`<div class="settings-table"><table>
    <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">From</th></tr></thead>
    <tbody>${lines.map((line) => html`<tr key=${line.id}><td><${When} at=${line.at} /></td><td>${line.actor}</td>
      <td>${line.action} <span class="settings-object">${line.object}</span> <span class="settings-note">${line.detail}</span></td><td>${line.address}</td></tr>`)}</tbody>
  </table></div>
  ${older.next && html`<button type="button" class="button small" onClick=${more}>Older</button>`}
  ${problem && html`<p class="settings-problem" role="alert">${problem}</p>`}`;
}

fill("audit", "/api/audit", (first) => html`<${Audit} first=${first} />`);
