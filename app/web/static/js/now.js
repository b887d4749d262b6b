// Pinned above the prompt box while a Task runs: the current step, the todo list, the way to stop.

import { Component, html } from "../vendor/preact-htm.js";
import { stop } from "./actions.js";
import { Todos, progress } from "./cards/todos.js";
import { feedOf } from "./feed.js";
import { money, short, totalTokens } from "./format.js";
import { Icon } from "./icons.js";
import { mayWrite } from "./me.js";
import { stepWords } from "./status.js";
import { Elapsed, Since } from "./time.js";

// The list stands open where it takes nothing from the transcript.
const roomy = matchMedia("(min-width: 820px) and (min-height: 860px)");

// So far, with what earlier Attempts used; dollars where the CLI tells them before its end.
function used(task, usage) {
  const tokens = totalTokens(task.tokens) + totalTokens(usage);
  const cost = usage?.cost_usd == null ? "" : money(task.cost_usd + usage.cost_usd);
  return [tokens > 0 && `${short(tokens)} tokens`, cost].filter(Boolean).join(" · ");
}

export class Now extends Component {
  componentDidMount() {
    this.listen();
  }
  componentDidUpdate() {
    this.listen();
  }
  componentWillUnmount() {
    this.forget?.();
  }
  listen() {
    const feed = feedOf(this.props.task.id);
    if (feed === this.feed) return;
    this.forget?.();
    this.feed = feed;
    this.forget = feed.listen(() => this.forceUpdate());
    this.forceUpdate();
  }
  render({ task }, { open = roomy.matches }) {
    const transcript = this.feed?.transcript;
    const { step, todos, usage } = transcript ?? {};
    return html`<section class="now" aria-label="Current step">
      ${open && todos && html`<${Todos} todos=${todos} />`}
      <div class="now-line">
        <span class="now-mark"><${Icon} name="running" /></span>
        <span class="now-step">${task.cancel_requested ? "Stopping" : stepWords(step)}</span>
        ${step && html`<span class="now-since"><${Since} task=${task} at=${step.at} from=${3} /></span>`}
        ${todos && html`<button type="button" class="button small quiet" aria-expanded=${String(Boolean(open))}
          onClick=${() => this.setState({ open: !open })}><${Icon} name="todo" /><span class="todo-word">Todo</span> ${progress(todos)}</button>`}
        <span class="now-used num" title="Used so far">${used(task, usage)}</span>
        <span class="now-total" title="Running for"><${Icon} name="clock" /><${Elapsed} task=${task} /></span>
        ${mayWrite() && html`<button type="button" class="button small stop" disabled=${task.cancel_requested} title="Stop task ( . )" onClick=${() => stop(task)}>
          <${Icon} name="stop" />Stop task</button>`}
      </div>
    </section>`;
  }
}
