// The ledger of a Task: each Attempt, and the deliveries that were ignored because the Task runs once.

import { Component, html } from "../vendor/preact-htm.js";
import { money, plural, took } from "./format.js";
import { Icon } from "./icons.js";
import { ignoredOf, isFinal, loadTask } from "./store.js";
import { Since, When, exact, moment, since } from "./time.js";

// A renewal is not announced: it is asked for while somebody looks.
const LOOK_EVERY = 5000;

const STATES = {
  running: ["Running", "running"],
  succeeded: ["Succeeded", "check"],
  failed: ["Failed", "close"],
  timed_out: ["Timed out", "clock"],
  cancelled: ["Stopped", "stop"],
  interrupted: ["Interrupted", "retry"],
  lost: ["Lost", "away"],
};

// What was ignored, as [one, why]: most are second deliveries, some only came too early.
const IGNORED = {
  already_running: ["duplicate delivery", "already running"],
  already_finished: ["duplicate delivery", "already finished"],
  taken_meanwhile: ["duplicate delivery", "another worker was first"],
  not_due_yet: ["early delivery", "not due yet"],
  session_busy: ["early delivery", "the task before it was not done"],
  held: ["early delivery", "the task was held"],
  no_try_left: ["delivery", "no try was left"],
};

function duration({ started_at, finished_at }) {
  return took((new Date(finished_at) - new Date(started_at)) / 1000);
}

function Times({ started_at, finished_at }) {
  if (!finished_at) return html`since <${When} at=${started_at} words=${moment} />`;
  return html`<${Span} from=${started_at} to=${finished_at} />`;
}

// 18:03–18:04, or 18:03 where both are in one minute; exact on hover.
function Span({ from, to }) {
  const [first, last] = [new Date(from), new Date(to)];
  const begun = html`<time datetime=${from} title=${`from ${exact(first)} to ${exact(last)}`}>${moment(first)}</time>`;
  return moment(first) === moment(last) ? begun : html`${begun}${"–"}<${When} at=${to} words=${(date) => moment(date, first)} />`;
}

// That the worker is there, or when it was last: a Lease that is not renewed runs out, and the Task goes on elsewhere.
function Lease({ state, lease }) {
  if (state === "lost" && !lease?.renewed_at) return html`<p class="dim lease">lease never renewed</p>`;
  if (state === "lost") return html`<p class="dim lease">lease last renewed at <${When} at=${lease.renewed_at} words=${moment} /></p>`;
  if (state !== "running" || !lease?.renewed_at) return null;
  return html`<p class="dim lease">lease renewed <${When} at=${lease.renewed_at} words=${since} /></p>`;
}

function AttemptLine({ task, attempt }) {
  const { number, state, reason, detail, machine, exit_code, cost_usd } = attempt;
  const [word, icon] = STATES[state] ?? [state.replaceAll("_", " "), "info"];
  const facts = [exit_code != null && `exit ${exit_code}`, cost_usd > 0 && money(cost_usd)].filter(Boolean);
  return html`<li class=${`attempt-line ${state}`} aria-label=${`Attempt ${number}`}>
    <p class="attempt-head"><${Icon} name=${icon} /><strong class="num">${number}</strong><span class="attempt-state">${word}</span>
      <span class="dim num">${attempt.finished_at ? duration(attempt) : html`<${Since} task=${task} at=${attempt.started_at} />`}</span></p>
    ${reason && detail && html`<p class="attempt-why">${detail}</p>`}
    <p class="dim"><${Times} ...${attempt} /> on <span class="machine">${machine}</span></p>
    <${Lease} ...${attempt} />
    ${(reason || facts.length > 0) && html`<p class="dim">${reason && html`<code>${reason}</code>`}${reason && facts.length ? " · " : ""}<span class="num">${facts.join(" · ")}</span></p>`}
  </li>`;
}

function IgnoredLine({ why, count, first_at, last_at }) {
  const [what, because] = IGNORED[why] ?? ["delivery", why.replaceAll("_", " ")];
  return html`<li class="ignored-line">${plural(count, what, what.replace(/y$/, "ies"))} ignored: ${because},${" "}
    <span class="span"><${Span} from=${first_at} to=${last_at} /></span></li>`;
}

export class Ledger extends Component {
  componentDidMount() {
    this.ask();
    this.timer = setInterval(() => this.isWatched && this.ask(), LOOK_EVERY);
  }
  componentWillUnmount() {
    clearInterval(this.timer);
  }
  get isWatched() {
    return this.props.task.state === "running" && !document.hidden && Boolean(this.base?.checkVisibility?.());
  }
  // What was ignored comes with the Task by REST only: asked when it is opened, and when it ends.
  componentDidUpdate({ task: before }) {
    if (isFinal(this.props.task) && !isFinal(before)) this.ask();
  }
  ask() {
    loadTask(this.props.task.id).catch(() => {});
  }
  render({ task }) {
    const ignored = ignoredOf(task.id);
    return html`
      ${task.attempts?.length > 0 && html`<section aria-label="Attempts"><h3>Attempts</h3><ol class="attempts">
        ${task.attempts.map((attempt) => html`<${AttemptLine} key=${attempt.number} task=${task} attempt=${attempt} />`)}
      </ol></section>`}
      ${ignored.length > 0 && html`<section aria-label="Ignored deliveries"><h3>Ignored, as a task runs once</h3><ul class="ignored">
        ${ignored.map((line) => html`<${IgnoredLine} key=${line.why} ...${line} />`)}
      </ul></section>`}
    `;
  }
}
