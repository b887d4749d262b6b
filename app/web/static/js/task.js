// One Task of a conversation: the person's message, the transcript, and how it ended.

import { Component, html } from "../vendor/preact-htm.js";
import { outputOf } from "./api.js";
import { refusals, retry, stop } from "./actions.js";
import { Copy } from "./copy.js";
import { isSeen, markSeen } from "./drafts.js";
import { feedOf } from "./feed.js";
import { count, money, plural, short, took, totalTokens } from "./format.js";
import { Icon } from "./icons.js";
import { mayWrite } from "./me.js";
import { Command, Limit, commandFor } from "./mend.js";
import { Section } from "./section.js";
import { TaskState, needsLook } from "./status.js";
import { changed, isFinal, loadTask, originOf } from "./store.js";
import { When } from "./time.js";

const LONG_MESSAGE = 1200;
const DRAWN_AT_ONCE = 2;
const BEHIND = 300;

// Who asked: whoever looks at the page may have, or somebody on GitHub, or another program.
function Asker({ task }) {
  const origin = originOf(task.id);
  if (!task.from_outside) return html`<span>You</span>`;
  if (!origin) return html`<span>From outside</span>`;
  const who = origin.by ?? (origin.kind === "github" ? "A failed check" : "Webhook");
  const place = origin.url ? html`<a class="message-place" href=${origin.url} target="_blank" rel="noopener noreferrer">${origin.name}</a>` : html`<span class="message-place">${origin.name}</span>`;
  return html`<span>${who}</span> ${place}`;
}

class Message extends Component {
  componentDidMount() {
    const { task } = this.props;
    if (task.from_outside && !originOf(task.id)) loadTask(task.id).catch(() => {});
  }
  render({ task }, { whole }) {
    const long = task.message.length > LONG_MESSAGE;
    const text = long && !whole ? `${task.message.slice(0, LONG_MESSAGE)}…` : task.message;
    return html`<div class="message">
      <p class="message-head"><${Asker} task=${task} /> <${Icon} name="chevron" /> <span class="message-agent">${task.agent}</span>
        <${When} at=${task.created_at} /><${Copy} text=${task.message} what="message" /></p>
      <p class="message-text">${text}</p>
      ${long && html`<button type="button" class="more" onClick=${() => this.setState({ whole: !whole })}>
        ${whole ? "Show less" : `${count(task.message.length - LONG_MESSAGE)} characters more`}</button>`}
    </div>`;
  }
}

function OutputLink({ task, className = "button" }) {
  return html`<a class=${className} href=${outputOf(task.id)} target="_blank" rel="noopener"><${Icon} name="terminal" />Show output</a>`;
}

function RetryButton({ task, words = "Retry", className = "button" }) {
  if (!mayWrite()) return null;
  return html`<button type="button" class=${className} onClick=${() => retry(task)}><${Icon} name="retry" />${words}</button>`;
}

function facts(task, turns) {
  const tokens = totalTokens(task.tokens);
  return [
    turns != null && plural(turns, "turn"),
    task.duration_s != null && took(task.duration_s),
    tokens > 0 && `${short(tokens)} tokens`,
    money(task.cost_usd),
  ].filter(Boolean).join(" · ");
}

// What is still there after it broke.
function kept(task) {
  const parts = [task.last_seq > 0 && "everything it printed", task.started_at && "the workspace"].filter(Boolean);
  return parts.length ? `Kept: ${parts.join(" and ")}.` : "Your message is kept.";
}

const LOOK = {
  no_result: "It ended without giving a result. Look at the output before you rely on it.",
  cut_short: "It had given its answer but was still running when it was ended. Check whether what it left running mattered.",
  permission_denied: "The agent was refused something it asked for. Allow it in agent.toml if it should be able to.",
};

function Seen({ task }) {
  if (isSeen(task)) return null;
  const seen = () => {
    markSeen(task);
    changed();
  };
  return html`<button type="button" class="button quiet" onClick=${seen}><${Icon} name="check" />Mark as seen</button>`;
}

// Trying again comes first, unless something has to be mended before that.
function Failed({ task, turns }) {
  const mend = commandFor(task);
  return html`<section class="end failed" aria-label="What went wrong">
    <p class="end-head"><${TaskState} task=${task} /><span class="facts">${facts(task, turns)}</span></p>
    <p class="sentence">${task.detail || "The task failed."}</p>
    ${mend ? html`<${Command} ...${mend} />` : html`<${Limit} ...${task} />`}
    <p class="kept">${kept(task)}</p>
    <div class="buttons"><${RetryButton} task=${task} className=${mend ? "button" : "button primary"} /><${OutputLink} task=${task} /><${Seen} task=${task} /></div>
  </section>`;
}

function LookAtIt({ task, turns, answer }) {
  return html`<section class="end attention" aria-label="Finished, but look at it">
    <p class="end-head"><${TaskState} task=${task} /><span class="facts">${facts(task, turns)}</span>
      ${answer && html`<span class="end-tools"><${Copy} text=${answer} what="answer" /></span>`}</p>
    <p class="sentence">${task.detail || LOOK[task.attention] || "It finished, but something wants a look."}</p>
    <div class="buttons"><${OutputLink} task=${task} /><${RetryButton} task=${task} words="Run again" /><${Seen} task=${task} /></div>
  </section>`;
}

function Quiet({ task, turns, answer }) {
  return html`<footer class="end quiet">
    <${TaskState} task=${task} /><span class="facts">${facts(task, turns)}</span>
    <span class="end-tools">
      ${answer && html`<${Copy} text=${answer} what="answer" />`}
      <a class="icon-button" href=${outputOf(task.id)} target="_blank" rel="noopener" title="Show output" aria-label="Show output"><${Icon} name="terminal" /></a>
      ${mayWrite() && html`<button type="button" class="icon-button" title="Run again" aria-label="Run again" onClick=${() => retry(task)}><${Icon} name="retry" /></button>`}
    </span>
  </footer>`;
}

// Which try the next Attempt is: interrupted ones don't count, and a person's retry begins anew.
const SELF_MENDING = new Set(["rate_limited", "overloaded", "network", "worker_lost"]);

function nextTry({ attempts, max_attempts }) {
  let failures = 0;
  for (const { state, reason } of [...attempts].reverse()) {
    if (state === "interrupted") continue;
    if (!SELF_MENDING.has(reason)) break;
    failures += 1;
  }
  return 1 + (failures % max_attempts);
}

function Waiting({ task, transcript }) {
  const told = transcript.last?.kind === "status" && transcript.last.detail === task.detail;
  return html`<div class="end waiting"><${TaskState} task=${task} />
    ${SELF_MENDING.has(task.reason) && html`<span class="facts">attempt ${nextTry(task)} of ${task.max_attempts}</span>`}
    ${task.detail && !told && html`<span class="facts">${task.detail}</span>`}
    ${mayWrite() && html`<span class="end-tools"><button type="button" class="button small" onClick=${() => stop(task)}><${Icon} name="close" />Cancel task</button></span>`}
  </div>`;
}

function End({ task, transcript }) {
  const { turns } = transcript;
  const answer = task.result ?? transcript.lastText?.text;
  if (task.state === "queued") return html`<${Waiting} task=${task} transcript=${transcript} />`;
  if (task.state === "failed") return html`<${Failed} task=${task} turns=${turns} />`;
  if (needsLook(task)) return html`<${LookAtIt} task=${task} turns=${turns} answer=${answer} />`;
  if (isFinal(task)) return html`<${Quiet} task=${task} turns=${turns} answer=${answer} />`;
  return null;
}

export class TaskView extends Component {
  componentDidMount() {
    this.feed = feedOf(this.props.task.id);
    this.forget = this.feed.listen(() => this.heard());
    this.forceUpdate();
  }
  componentWillUnmount() {
    clearTimeout(this.timer);
    this.forget();
  }
  // While a long backlog comes in, drawing each frame of it would only hold it up.
  heard() {
    const pause = this.feed.behind > BEHIND ? 250 : 0;
    if (!pause) this.draw();
    else this.timer ??= setTimeout(() => this.draw(), pause);
  }
  draw() {
    this.timer = void clearTimeout(this.timer);
    this.forceUpdate();
    this.props.onEvents?.();
  }
  render({ task }) {
    const transcript = this.feed?.transcript;
    const live = task.state === "running";
    const total = transcript?.sections.length ?? 0;
    const attempts = task.attempts?.length ?? 0;
    const refused = refusals.get(task.id);
    return html`<article class="task" id=${`task-${task.id}`} aria-label=${`Task: ${task.message.slice(0, 80)}`}>
      <${Message} task=${task} />
      <div class="transcript">
        ${transcript?.sections.map((section, i) => html`<${Section} key=${section.key} section=${section} v=${section.v}
          live=${live && i >= total - 2} ends=${attempts} task=${task} drawn=${i >= total - DRAWN_AT_ONCE} />`)}
      </div>
      ${transcript && html`<${End} task=${task} transcript=${transcript} />`}
      ${refused && html`<p class="refused" role="alert"><${Icon} name="alert" />${refused}</p>`}
    </article>`;
  }
}
