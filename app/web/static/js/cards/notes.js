// Quiet rows between the agent's own words: notices, states, attempts, and what the page does not know.

import { html } from "../../vendor/preact-htm.js";
import { Icon } from "../icons.js";
import { Row } from "../row.js";
import { When } from "../time.js";

export function NoticeCard({ card }) {
  return html`<div class="note notice" title=${card.code}><${Icon} name="info" /><p>${card.text}</p></div>`;
}

export function StatusCard({ card }) {
  const waits = card.state === "queued";
  return html`<div class="note status"><${Icon} name=${waits ? "queued" : "clock"} />
    <p>${card.detail || card.state.replaceAll("_", " ")}</p><${When} at=${card.at} /></div>`;
}

// Nobody did anything wrong where an Attempt was cut off and the next one takes over: a quiet row says so.
const CUT_OFF = { interrupted: "was interrupted by a shutdown", lost: "was lost with its worker" };

export function AttemptCard({ card, task }) {
  const before = task?.attempts?.find((attempt) => attempt.number === card.number - 1);
  const cut = !card.again && CUT_OFF[before?.state];
  if (cut)
    return html`<div class="note attempt-goes-on"><${Icon} name="retry" />
      <p>Attempt ${before.number} ${cut}; attempt ${card.number} goes on</p><${When} at=${card.at} /></div>`;
  const why = card.why || (before && before.state !== "running" ? before.detail || before.state.replaceAll("_", " ") : "");
  return html`<div class="attempt"><h3>Attempt ${card.number}</h3>${why && html`<p>${why}</p>`}</div>`;
}

export function UnknownCard({ card }) {
  const { kind, seq, at, attempt, ...fields } = card.event;
  return html`<${Row} icon="info" name=${String(kind)} summary="an event this page does not know"
    body=${() => html`<pre class="command" tabindex="0">${JSON.stringify(fields, null, 2)}</pre>`} />`;
}
