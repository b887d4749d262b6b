// One conversation: its Tasks in order, newest at the bottom, the prompt box always there.

import { Component, html } from "../vendor/preact-htm.js";
import { choose } from "./agents.js";
import { Composer } from "./composer.js";
import { Details } from "./details.js";
import { money } from "./format.js";
import { Icon } from "./icons.js";
import { announce } from "./live.js";
import { Now } from "./now.js";
import { go, takesFocus } from "./router.js";
import { Follow } from "./scroll.js";
import { ConnectionSign, TaskState, stateWord } from "./status.js";
import { isFinal, loadSession, sessionCost, sessionOf, tasksOf } from "./store.js";
import { TaskView } from "./task.js";
import { Elapsed } from "./time.js";

// Older ones come on request: a conversation of hundreds must open as fast as a new one.
const SHOWN = 12;
const TRY_AGAIN = 3000;

export function current(tasks) {
  return tasks.find((task) => task.state === "running") ?? tasks.find((task) => !isFinal(task)) ?? tasks.at(-1);
}

export class Conversation extends Component {
  constructor(props) {
    super(props);
    this.state = { shown: SHOWN, gone: null, details: false, read: false };
  }

  componentDidMount() {
    const scroller = this.base.querySelector(".scroll");
    this.follow = new Follow(scroller, scroller.firstElementChild, () => this.setState({}));
    this.load();
  }

  componentDidUpdate() {
    const task = current(tasksOf(this.props.id));
    const said = task && `${stateWord(task)}`;
    if (said && this.said && said !== this.said) announce(`Task ${said.toLowerCase()}${isFinal(task) && task.detail ? `. ${task.detail}` : ""}`);
    // What it cost and how its CLI calls this conversation is known at the end.
    if (this.said && said !== this.said && isFinal(task)) this.load();
    this.said = said;
    this.goToTask();
  }

  componentWillUnmount() {
    clearTimeout(this.timer);
    this.follow?.stop();
  }

  async load() {
    try {
      await loadSession(this.props.id);
      this.setState({ read: true });
    } catch (problem) {
      if (problem.status === 404) this.setState({ gone: problem.message });
      else {
        this.setState({ read: true });
        this.timer = setTimeout(() => this.load(), TRY_AGAIN);
      }
    }
  }

  // A deep link names a Task: shown once, then the reader is free.
  goToTask() {
    const { taskId } = this.props;
    if (!taskId || taskId === this.shownTask || !this.state.read) return;
    const tasks = tasksOf(this.props.id);
    const at = tasks.findIndex((task) => task.id === taskId);
    if (at < 0) return;
    if (tasks.length - at > this.state.shown) return this.setState({ shown: tasks.length - at });
    this.shownTask = taskId;
    const element = document.getElementById(`task-${taskId}`);
    if (element && at < tasks.length - 1) this.follow.to(element);
  }

  // Where the newest goes on, the address no longer names an older one.
  sent() {
    if (this.props.taskId) go(`/sessions/${this.props.id}`);
    this.follow.toBottom();
  }

  render({ id, taskId, onMenu }, { shown, gone, details, read }) {
    const tasks = tasksOf(id);
    if (gone && !tasks.length) return html`<${NotFound} what="conversation" onMenu=${onMenu} />`;
    const session = sessionOf(id);
    const task = current(tasks);
    const title = session?.title ?? task?.message.split("\n")[0] ?? "Conversation";
    document.title = `${task?.state === "running" ? "● " : ""}${title} · Errand`;
    const visible = tasks.slice(-shown);
    const hidden = tasks.length - visible.length;
    const waiting = tasks.filter((one) => one.state === "queued").length;
    return html`<div class=${`conversation ${details ? "shows-details" : ""}`}>
      <header class="head">
        <button type="button" class="icon-button menu" aria-label="Conversations" onClick=${onMenu}><${Icon} name="menu" /></button>
        <h1 title=${title}>${title}</h1>
        <div class="head-facts">
          ${task && html`<${TaskState} task=${task} short=${true} />`}
          ${task?.state === "running" && html`<${Elapsed} task=${task} />`}
          ${task?.attempts?.length > 1 && html`<span class="head-attempt">attempt ${task.attempts.at(-1).number}</span>`}
          ${task && (isFinal(task) || sessionCost(id) > 0) && html`<span class="num head-cost" title="Cost of this conversation">${money(sessionCost(id))}</span>`}
          <${ConnectionSign} />
        </div>
        <button type="button" class="icon-button details-button" aria-label="Details" aria-expanded=${String(details)}
          onClick=${() => this.setState({ details: !details })}><${Icon} name="panel" /></button>
      </header>
      <div class="scroll" tabindex="-1"><div class="scroll-inside">
        ${hidden > 0 && html`<button type="button" class="more earlier" onClick=${() => this.setState({ shown: shown + 4 * SHOWN })}>${hidden} earlier tasks</button>`}
        ${!tasks.length && !read && html`<p class="loading">Reading the conversation</p>`}
        <div role="log" aria-label="Transcript" aria-live="off">
          ${visible.map((one) => html`<${TaskView} key=${one.id} task=${one} />`)}
        </div>
      </div></div>
      ${this.follow?.away && html`<button type="button" class="latest" onClick=${() => this.follow.toBottom()}><${Icon} name="down" />Latest</button>`}
      <div class="foot">
        ${task?.state === "running" && html`<${Now} key=${task.id} task=${task} />`}
        <${Composer} place=${id} sessionId=${id} focus=${takesFocus()} onSent=${() => this.sent()}
          hint=${task && !isFinal(task) ? `Waits its turn behind ${waiting + (task.state === "running" ? 1 : 0)}` : undefined} />
      </div>
      ${task && html`<${Details} task=${tasks.find((one) => one.id === taskId) ?? task} session=${session} tasks=${tasks} agent=${choose(id)} onClose=${() => this.setState({ details: false })} />`}
    </div>`;
  }
}

export function NotFound({ what, onMenu }) {
  document.title = "Not found · Errand";
  return html`<div class="welcome not-found">
    <button type="button" class="icon-button menu" aria-label="Conversations" onClick=${onMenu}><${Icon} name="menu" /></button>
    <h1>There is no such ${what}</h1>
    <p class="lead">The address may be cut off, or it was on another Errand. <a href="/" data-inside>Start a new task</a></p>
  </div>`;
}
