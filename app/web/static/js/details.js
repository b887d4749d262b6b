// What belongs to the open Task: state and attempts, cost and tokens, where it ran, its names.

import { html } from "../vendor/preact-htm.js";
import { sendAgain } from "./actions.js";
import { outputOf } from "./api.js";
import { Copy } from "./copy.js";
import { count, money, took } from "./format.js";
import { Icon } from "./icons.js";
import { Ledger } from "./ledger.js";
import { mayWrite } from "./me.js";
import { TaskState } from "./status.js";
import { isFinal, originOf, sessionCost } from "./store.js";
import { Elapsed, When } from "./time.js";

// What stands between the CLI and the worker's machine: docs/security.md.
const LEVELS = { "level-0": "Level 0, limits only", "level-1": "Level 1, own user", "level-2": "Level 2, caged" };
const TOKENS = { input: "Input", output: "Output", cache_read: "Cache read", cache_write: "Cache written" };

function Pair({ term, children }) {
  return html`<div class="pair"><dt>${term}</dt><dd>${children}</dd></div>`;
}

function Name({ text, what }) {
  return html`<span class="name"><code>${text}</code><${Copy} text=${text} what=${what} /></span>`;
}

function Outside({ url, children }) {
  return html`<a href=${url} target="_blank" rel="noopener noreferrer">${children}</a>`;
}

// What is told on GitHub; what could not be told is sent again by hand.
function Answer({ task, origin }) {
  const reply = origin?.reply;
  if (!reply) return null;
  return html`<section aria-label="On GitHub"><h3>On GitHub</h3><dl>
      <${Pair} term="Asked in"><${Outside} url=${origin.url}>${origin.name}<//><//>
      <${Pair} term="Answer">${reply.url ? html`<${Outside} url=${reply.url}>${reply.state === "open" ? "is kept up to date" : "finished"}<//>` : "none yet"}<//>
      ${reply.pull_url && html`<${Pair} term="Changes"><${Outside} url=${reply.pull_url}>#${reply.pull_url.split("/").at(-1)}<//><//>`}
    </dl>
    ${reply.problem && html`<p class="attempt-why">${reply.problem}</p>`}
    ${reply.problem && reply.state === "finished" && mayWrite() && html`<p><button type="button" class="button small" onClick=${() => sendAgain(task)}>Send the answer again</button></p>`}
  </section>`;
}

export function Details({ task, session, tasks, onClose }) {
  const tokens = Object.entries(TOKENS).filter(([key]) => task.tokens?.[key]);
  return html`<aside class="details" aria-label="Details of the task">
    <div class="details-head"><h2>Task</h2>
      <button type="button" class="icon-button details-close" aria-label="Close details" onClick=${onClose}><${Icon} name="close" /></button></div>
    <dl>
      <${Pair} term="State"><${TaskState} task=${task} short=${true} /><//>
      <${Pair} term="Agent">${task.agent}<//>
      ${task.cli && html`<${Pair} term="CLI">${task.cli}<//>`}
      ${LEVELS[task.sandbox] && html`<${Pair} term="Sandbox">${LEVELS[task.sandbox]}<//>`}
      ${task.workspace_trusted && html`<${Pair} term="Workspace">Trusted<//>`}
      <${Pair} term="Asked"><${When} at=${task.created_at} /><//>
      ${task.state === "running" && html`<${Pair} term="Running for"><${Elapsed} task=${task} /><//>`}
      ${isFinal(task) && task.started_at && html`<${Pair} term="Took">${took(task.duration_s)}<//>`}
      <${Pair} term="Cost"><span class="num">${money(task.cost_usd)}</span><//>
      ${tokens.map(([key, word]) => html`<${Pair} term=${word}><span class="num">${count(task.tokens[key])}</span><//>`)}
    </dl>
    <${Answer} task=${task} origin=${originOf(task.id)} />
    <${Ledger} key=${task.id} task=${task} />
    <section><h3>Conversation</h3><dl>
      <${Pair} term="Tasks">${count(tasks.length)}<//>
      <${Pair} term="Cost"><span class="num">${money(sessionCost(task.session_id))}</span><//>
      ${session?.created_at && html`<${Pair} term="Begun"><${When} at=${session.created_at} /><//>`}
    </dl></section>
    <section><h3>Names</h3><dl>
      <${Pair} term="Task"><${Name} text=${task.id} what="task id" /><//>
      <${Pair} term="Session"><${Name} text=${task.session_id} what="session id" /><//>
      ${session?.cli_session_id && html`<${Pair} term="CLI session"><${Name} text=${session.cli_session_id} what="CLI session id" /><//>`}
    </dl></section>
    <p class="details-links">
      <a href=${outputOf(task.id)} target="_blank" rel="noopener"><${Icon} name="terminal" />Raw output</a>
      <a href=${`/tasks/${task.id}`} data-inside><${Icon} name="external" />Link to this task</a>
    </p>
  </aside>`;
}
