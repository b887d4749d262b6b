// Tool calls with their results: one row each, runs of the same tool folded, failures open.

import { Component, html } from "../../vendor/preact-htm.js";
import { oneLine, plural, took } from "../format.js";
import { Row } from "../row.js";
import { Since } from "../time.js";
import { Copy } from "../copy.js";
import { Diff, changes, diffOf, editsOf } from "./diff.js";
import { Output } from "./output.js";
import { Todos, progress } from "./todos.js";

const ICONS = {
  Bash: "terminal", shell: "terminal", command_execution: "terminal", BashOutput: "terminal",
  Read: "file", Write: "edit", Edit: "edit", MultiEdit: "edit", NotebookEdit: "edit", file_change: "edit",
  Grep: "find", Glob: "find", LS: "find", WebFetch: "globe", WebSearch: "globe", web_search: "globe",
  TodoWrite: "todo", TaskCreate: "todo", TaskUpdate: "todo", Task: "agent", Agent: "agent",
};

const NOUNS = {
  Bash: ["command"], Read: ["file"], Edit: ["edit"], MultiEdit: ["edit"], Write: ["file"], Grep: ["search", "searches"],
  Glob: ["search", "searches"], WebFetch: ["page"], WebSearch: ["search", "searches"], TodoWrite: ["update"],
  TaskUpdate: ["update"], TaskCreate: ["todo"],
};

const NAMES = { TodoWrite: "Todo list" };

const TELLING = ["command", "file_path", "notebook_path", "pattern", "path", "query", "url", "description", "subject", "skill", "prompt"];

// Paths inside the Session's own workspace are read from there.
const WORKSPACE = /(?:\/[^\s"'/]+)*\/sessions\/[0-9a-f-]{36}\/workspace(?:\/|(?=$|\s))/g;

function fromWorkspace(text) {
  return text.replace(WORKSPACE, (whole) => (whole.endsWith("/") ? "" : "."));
}

export function summaryOf(call) {
  return fromWorkspace(told(call));
}

function told({ name, input }) {
  if (input === null || input === undefined) return "";
  if (typeof input !== "object") return oneLine(input);
  if (name === "TodoWrite" && Array.isArray(input.todos))
    return progress(input.todos.map((item) => ({ status: item?.status })));
  if (name === "Grep" && input.path) return oneLine(`${input.pattern}  in ${input.path}`);
  const found = TELLING.find((key) => typeof input[key] === "string" && input[key]);
  if (found) return oneLine(input[found]);
  const text = Object.values(input).find((value) => typeof value === "string");
  return oneLine(text ?? (Object.keys(input).length ? JSON.stringify(input) : ""));
}

const EXIT = /^(?:Error:\s*)?(?:Command failed with )?exit code:?\s*(\d+)\s*\n?/i;

function exitOf(call) {
  return call.result ? EXIT.exec(call.result.text)?.[1] : undefined;
}

function seconds(call) {
  if (!call.result || !call.at) return null;
  return (new Date(call.result.at) - new Date(call.at)) / 1000;
}

function editRows(call) {
  const edits = editsOf(call);
  if (!edits) return null;
  // Diffing is done once; a call's input never changes.
  call.rows ??= edits.flatMap(([before, after], i) => [...(i ? [{ sign: "…", text: "" }] : []), ...diffOf(before, after)]);
  return call.rows;
}

function Counts({ added, removed }) {
  return html`<span>${added > 0 && html`<span class="plus">+${added}</span>`}${removed > 0 && html` <span class="minus">−${removed}</span>`}</span>`;
}

function Meta({ call, live, task }) {
  if (!call.result) return live ? html`<span class="working">running <${Since} task=${task} at=${call.at} /></span>` : "no result";
  const parts = [];
  const rows = editRows(call);
  if (rows) {
    const { added, removed } = changes(rows);
    parts.push(html`<${Counts} added=${added} removed=${removed} />`);
  }
  const exit = exitOf(call);
  if (exit !== undefined) parts.push(`exit ${exit}`);
  else if (!call.result.ok) parts.push("failed");
  const time = seconds(call);
  if (time !== null && time >= 0.1) parts.push(took(time));
  return parts.flatMap((part, i) => (i ? [" · ", part] : [part]));
}

// Flat arguments as lines, deeper ones as JSON.
function fields(input) {
  const pairs = Object.entries(input);
  if (Array.isArray(input) || pairs.some(([, value]) => value !== null && typeof value === "object")) return JSON.stringify(input, null, 2);
  return pairs.map(([key, value]) => `${key}: ${value}`).join("\n");
}

function Given({ call }) {
  const { input } = call;
  if (typeof input?.command === "string")
    return html`<div class="given"><pre class="command" tabindex="0">${input.command}</pre>
      <${Copy} text=${input.command} what="command" /></div>`;
  if (input === null || input === undefined || (typeof input === "object" && Object.keys(input).length === 0)) return null;
  const whole = typeof input === "string" ? input : fields(input);
  return html`<div class="given"><pre class="command" tabindex="0">${fromWorkspace(whole)}</pre><${Copy} text=${whole} what="arguments" /></div>`;
}

function Body({ call }) {
  const rows = editRows(call);
  const todos = call.name === "TodoWrite" && Array.isArray(call.input?.todos) ? call.input.todos : null;
  const text = call.result?.text.replace(EXIT, "") ?? "";
  const quiet = call.result?.ok && (rows || todos);
  return html`<div class="tool-body">
    ${todos ? html`<${Todos} todos=${todos.map((t) => ({ content: String(t?.content ?? ""), status: t?.status }))} />`
      : rows ? html`<${Diff} rows=${rows} />` : html`<${Given} call=${call} />`}
    ${text.trim() && !quiet ? html`<${Output} text=${text} label="Result" />` : null}
    ${call.result && !text.trim() && !quiet ? html`<p class="nothing">It printed nothing.</p>` : null}
  </div>`;
}

function Call({ call, live, task }) {
  const failed = call.result && !call.result.ok;
  return html`<${Row}
    icon=${ICONS[call.name] ?? "tool"} name=${NAMES[call.name] ?? call.name} summary=${summaryOf(call)}
    meta=${html`<${Meta} call=${call} live=${live} task=${task} />`}
    tone=${failed ? "is-failed" : call.result || !live ? "" : "is-working"}
    open=${Boolean(failed)} body=${() => html`<${Body} call=${call} />`} />`;
}

// Successes next to one another make one fold; failures and what still runs stand for themselves.
function folds(calls) {
  const found = [];
  for (const call of calls) {
    const quiet = call.result?.ok;
    if (quiet && found.at(-1)?.quiet) found.at(-1).calls.push(call);
    else found.push({ quiet, calls: [call] });
  }
  return found;
}

function foldWords(name, n) {
  const [one, many] = NOUNS[name] ?? ["time"];
  return plural(n, one, many);
}

function foldMeta(calls) {
  const total = calls.reduce((sum, call) => sum + (seconds(call) ?? 0), 0);
  const edits = calls.map(editRows).filter(Boolean).map(changes);
  const added = edits.reduce((sum, edit) => sum + edit.added, 0);
  const removed = edits.reduce((sum, edit) => sum + edit.removed, 0);
  return html`${edits.length > 0 && html`<${Counts} added=${added} removed=${removed} />`}
    ${total >= 0.1 && html`<span>${edits.length ? " · " : ""}${took(total)}</span>`}`;
}

export class ToolsCard extends Component {
  render({ card, live, task }) {
    return html`<div class="card-tools">
      ${folds(card.calls).map(({ calls }) =>
        calls.length === 1
          ? html`<${Call} key=${calls[0].id} call=${calls[0]} live=${live} task=${task} />`
          : html`<${Row} key=${calls[0].id} className="fold"
              icon=${ICONS[card.name] ?? "tool"} name=${NAMES[card.name] ?? card.name} summary=${foldWords(card.name, calls.length)}
              meta=${foldMeta(calls)}
              body=${() => calls.map((call) => html`<${Call} key=${call.id} call=${call} live=${live} task=${task} />`)} />`)}
    </div>`;
  }
}
