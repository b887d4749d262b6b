// The prompt box: always there, keeps what is half typed, says what went wrong beside itself.

import { Component, html } from "../vendor/preact-htm.js";
import { uuid } from "./api.js";
import { send } from "./actions.js";
import { agentNames, choose, isReady, isScripted } from "./agents.js";
import { draft, keepAgent, keepDraft } from "./drafts.js";
import { Icon } from "./icons.js";
import { go } from "./router.js";
import { mayWrite } from "./me.js";
import { known } from "./store.js";

const touch = matchMedia("(pointer: coarse)");

// What is left of `text` when `message` was sent from its beginning.
function without(message, text) {
  return text.startsWith(message) ? text.slice(message.length).trimStart() : text;
}

export class Composer extends Component {
  constructor(props) {
    super(props);
    this.state = { text: draft(props.place), agent: null, sending: false, problem: null };
  }

  componentDidMount() {
    this.box = this.base.querySelector("textarea");
    if (!this.box) return; // a viewer asks nothing
    this.grow();
    if (this.props.focus && !touch.matches) this.box.focus();
  }

  componentDidUpdate() {
    this.grow();
  }

  componentWillUnmount() {
    this.left = true;
  }

  // As tall as its text, up to a third of the window.
  grow() {
    const { box } = this;
    if (!box || this.grownFor === box.value) return;
    this.grownFor = box.value;
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight + 2, innerHeight / 3)}px`;
  }

  get agent() {
    return this.state.agent ?? choose(this.props.sessionId);
  }

  write(text) {
    keepDraft(this.props.place, text);
    this.setState({ text, problem: null });
  }

  // The same request sent again after a lost answer has the same key; any other has its own.
  keyFor(message, agent) {
    const request = JSON.stringify([message, agent, this.props.sessionId]);
    if (this.request !== request) Object.assign(this, { request, key: uuid() });
    return this.key;
  }

  // Sends what is in the box, or an `example`, { message, agent }, which leaves the box as it is.
  async submit(example) {
    const { message, agent } = example ?? { message: this.state.text, agent: this.agent };
    if (!message.trim() || this.state.sending) return;
    this.setState({ sending: true, problem: null });
    const { sessionId, onSent } = this.props;
    try {
      const made = await send({ message, agent, sessionId, key: this.keyFor(message, agent) });
      this.request = null;
      if (!example) this.takeOut(message, made.session_id);
      this.setState({ sending: false });
      // Whoever looks at something else by now is not fetched back.
      if (this.left) return;
      onSent?.();
      if (!sessionId) go(`/sessions/${made.session_id}`);
    } catch (problem) {
      this.refused(problem, message, agent);
    }
  }

  // What was typed while the message was sent stays, and goes along to a new conversation.
  takeOut(message, sessionId) {
    const { place } = this.props;
    const { text, agent } = this.state;
    if (agent) keepAgent(agent);
    const rest = without(message, text);
    // Another tab may have stored a prompt of its own there.
    if (draft(place) === text) keepDraft(place, "");
    keepDraft(sessionId, rest);
    this.setState({ text: rest });
  }

  // An example that was refused comes into the box, where that is empty.
  refused(problem, message, asked) {
    const [text, agent] = this.state.text ? [this.state.text, this.state.agent] : [message, asked];
    if (!this.left) keepDraft(this.props.place, text);
    this.setState({ text, agent, sending: false, problem: problem.message });
  }

  onKeyDown(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || touch.matches) return;
    event.preventDefault();
    this.submit();
  }

  render({ sessionId, hint }, { text, sending, problem }) {
    const { agent } = this;
    const names = agentNames().includes(agent) ? agentNames() : [agent, ...agentNames()];
    const find = (name) => known.agents.find((one) => one.name === name);
    if (!mayWrite()) return html`<p class="composer looks-only"><${Icon} name="info" /><span>You may look (role viewer). An admin can make you an operator, who may also ask.</span></p>`;
    const label = (name) => {
      const one = find(name);
      if (one && isScripted(one)) return `${name} (scripted)`;
      return one && !isReady(one) ? `${name} (not ready)` : name;
    };
    return html`<form class="composer" onSubmit=${(event) => { event.preventDefault(); this.submit(); }}>
      ${problem && html`<p class="composer-problem" role="alert"><${Icon} name="alert" /><span>${problem} <span class="kept">Your text is still here.</span></span></p>`}
      <div class="composer-box">
        <textarea id="prompt" rows="1" value=${text} aria-label="Message"
          placeholder=${sessionId ? "Ask a follow-up" : "Ask a question, or describe a change"}
          onInput=${(event) => this.write(event.target.value)} onKeyDown=${(event) => this.onKeyDown(event)}></textarea>
        <div class="composer-bar">
          <label class="agent-choice"><${Icon} name="agent" /><span class="visually-hidden">Agent</span>
            <select value=${agent} onChange=${(event) => this.setState({ agent: event.target.value })}>
              ${names.map((name) => html`<option value=${name} selected=${name === agent}>${label(name)}</option>`)}
            </select></label>
          <span class="composer-hint">${hint ?? find(agent)?.description ?? ""}</span>
          <button type="submit" class="button primary send" disabled=${!text.trim() || sending}>
            <${Icon} name="send" /><span>${sending ? "Sending" : "Send"}</span></button>
        </div>
      </div>
    </form>`;
  }
}
