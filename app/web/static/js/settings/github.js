// GitHub: how it is to be set up, the webhooks that came with their verdicts, and a payload tried without effect.

import { html, useEffect, useState } from "../../vendor/preact-htm.js";
import { get, post } from "../api.js";
import { When } from "../time.js";
import { ROLES, Act, Form, NextTry, fill, role } from "./parts.js";

// A narrow column breaks it where its words end, not in the middle of one.
const named = ({ event, action }) => [event, action].filter(Boolean).join(".").split(/(?<=[._])/).map((part) => html`${part}<wbr />`);

const may = (least) => ROLES.indexOf(role()) >= ROLES.indexOf(least);
const AGAIN = ["ignored", "refused", "failed"];

function Setup() {
  const [setup, setSetup] = useState(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    get("/api/github").then(setSetup, (refused) => setProblem(refused.message));
  }, []);
  if (problem) return html`<p class="settings-problem" role="alert">${problem}</p>`;
  if (!setup) return html`<p class="settings-note">Asking GitHub</p>`;
  return html`<h3>Set-up</h3>
    ${setup.account && html`<p>Errand speaks as <strong>${setup.account}</strong>.</p>`}
    <ul class="settings-list">${setup.problems.map((line) => html`<li key=${line}><span class="settings-main-text">${line}</span></li>`)}</ul>
    ${!setup.problems.length && html`<p class="settings-note">Nothing is missing.${setup.access === "token" && " What the token may do, and where webhooks go, GitHub tells an App only."}</p>`}
    <details><summary>What to set at GitHub</summary>
      <p>Webhook: <code class="settings-object">${setup.webhook_url}</code>, content type <code class="settings-object">application/json</code>, with the secret in GITHUB_WEBHOOK_SECRET.</p>
      <p>Permissions: ${Object.entries(setup.permissions).map(([name, level]) => `${name}: ${level}`).join(", ")}</p>
      <p>Events: ${setup.events.join(", ")}</p>
      <p>Then give Errand GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY, and restart it. Without an App: a token with these permissions in GITHUB_TOKEN, of an account that nobody writes with, and a webhook in the settings of each repository.</p>
    </details>
    ${setup.sent.length > 0 && html`<${Sent} sent=${setup.sent} />`}`;
}

// What GitHub itself says it sent: what never reached us is only there.
function Sent({ sent }) {
  return html`<details><summary>What GitHub sent lately</summary>
    <div class="settings-table"><table>
      <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Our answer</th></tr></thead>
      <tbody>${sent.map((one) => html`<tr key=${one.id}><td><${When} at=${one.delivered_at} /></td>
        <td class="settings-what">${named(one)}${one.redelivery && html` <span class="settings-note">again</span>`}</td>
        <td><span class=${`badge ${one.status_code >= 400 || !one.status_code ? "is-refused" : ""}`}>${one.status_code || "none"}</span> ${one.status}</td></tr>`)}</tbody>
    </table></div>
  </details>`;
}

// What was told in the thread, and a way to tell it once more where that failed.
function Answer({ one, reload }) {
  const { reply, task_id } = one;
  if (!reply) return null;
  const link = reply.url && html`<a href=${reply.url} target="_blank" rel="noopener noreferrer">Reply</a>`;
  const again = reply.problem && reply.state === "finished" && task_id && may("operator");
  return html`${link} ${reply.problem && html`<span class="settings-problem">Not told: ${reply.problem}</span>`}
    ${again && html` <${Act} path=${`/api/tasks/${task_id}/reply`} done=${reload} words="Send again" what=${`Send the reply of ${one.id} again`} />`}`;
}

function Verdict({ one }) {
  return html`<span class=${`badge ${one.verdict === "failed" ? "is-refused" : ""}`}>${one.verdict || "waits"}</span>`;
}

function Line({ one, reload }) {
  const path = `/api/deliveries/${encodeURIComponent(one.id)}`;
  return html`<tr><td><${When} at=${one.received_at} /></td>
    <td class="settings-what">${named(one)} <span class="settings-note">${[one.sender, one.repository].filter(Boolean).join(" in ")}</span></td>
    <td><${Verdict} one=${one} /> ${one.reason} ${!one.verdict && html`<${NextTry} at=${one.not_before} />`} ${one.task_id && html`<a href=${`/tasks/${one.task_id}`}>Task</a>`} <${Answer} one=${one} reload=${reload} />
      ${may("operator") && html` <a href=${`${path}/payload`} target="_blank" rel="noopener noreferrer">Payload</a>`}
      ${may("operator") && AGAIN.includes(one.verdict) && html` <${Act} path=${`${path}/redeliver`} done=${reload} words="Again" what=${`Decide anew on ${one.id}`} />`}</td></tr>`;
}

function Trial() {
  const [told, setTold] = useState(null);
  const send = async ({ event, payload }) => {
    setTold(null);
    let parsed;
    try {
      parsed = JSON.parse(payload);
    } catch {
      throw new Error("This is not JSON. Paste the payload as GitHub shows it under Recent Deliveries.");
    }
    setTold(await post("/api/deliveries/dry-run", { event, payload: parsed }));
  };
  return html`<h3>Try a payload</h3>
    <p>Judged as if it had just come. Nothing is written, and nothing is posted.</p>
    <${Form} send=${send} submit="Try it" label="Try a payload" keep>
      <label>Event <input name="event" required maxlength="64" placeholder="issue_comment" autocomplete="off" /></label>
      <label class="wide">Payload <textarea name="payload" required rows="6" spellcheck="false"></textarea></label>
    </${Form}>
    ${told && html`<p role="status"><${Verdict} one=${told} /> ${told.reason}</p>`}`;
}

// What is known stays, with what became of it since; where the newest page does not reach down to it, the list
// begins anew, for there would be a hole in it.
function joined({ lines, next }, first) {
  const ids = new Set(first.items.map((one) => one.id));
  const older = lines.filter((one) => !ids.has(one.id));
  if (older.length === lines.length) return { lines: first.items, next: first.next_cursor };
  return { lines: [...first.items, ...older], next };
}

function Deliveries({ first, reload }) {
  const [{ lines, next }, setKnown] = useState(() => joined({ lines: [] }, first));
  const [problem, setProblem] = useState("");
  useEffect(() => {
    setKnown((known) => joined(known, first));
    if (first.items.every((one) => one.verdict)) return undefined;
    const soon = setTimeout(reload, 3000);
    return () => clearTimeout(soon);
  }, [first]);
  const more = async () => {
    try {
      const page = await get(`/api/deliveries?limit=20&cursor=${encodeURIComponent(next)}`);
      setKnown({ lines: [...lines, ...page.items], next: page.next_cursor });
      setProblem("");
    } catch (refused) {
      setProblem(refused.message);
    }
  };
  // The line itself too: it may be one of those that the newest page does not show.
  const renew = (id) => async () => {
    const now = await get(`/api/deliveries/${encodeURIComponent(id)}`);
    setKnown((known) => ({ ...known, lines: known.lines.map((one) => (one.id === id ? now : one)) }));
    await reload();
  };
  return html`${may("admin") && html`<${Setup} />`}
    <h3>Deliveries</h3>
    ${!lines.length && html`<p class="settings-note">Nothing has come yet.</p>`}
    ${lines.length > 0 && html`<div class="settings-table"><table>
      <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Verdict</th></tr></thead>
      <tbody>${lines.map((one) => html`<${Line} key=${one.id} one=${one} reload=${renew(one.id)} />`)}</tbody>
    </table></div>`}
    ${next && html`<button type="button" class="button small" onClick=${more}>Older</button>`}
    ${problem && html`<p class="settings-problem" role="alert">${problem}</p>`}
    ${may("operator") && html`<${Trial} />`}`;
}

fill("github", "/api/deliveries?limit=20", (first, reload) => html`<${Deliveries} first=${first} reload=${reload} />`);
