// The prompt box: always there, keeps what is half typed, says what went wrong beside itself.

import { Component, html } from "../vendor/preact-htm.js";
import { uuid } from "./api.js";
import { send } from "./actions.js";
import { agentNames, choose, isReady, isScripted } from "./agents.js";
import { draft, keepAgent, keepDraft } from "./drafts.js";
import { Icon } from "./icons.js";
import { known } from "./store.js";

const touch = matchMedia("(pointer: coarse)");

export class Composer extends Component {
  constructor(props) {
    super(props);
    this.state = { text: draft(props.place), agent: null, sending: false, problem: null };
  }

  componentDidMount() {
    this.box = this.base.querySelector("textarea");
    this.grow();
    if (this.props.focus && !touch.matches) this.box.focus();
  }

  componentDidUpdate() {
    this.grow();
  }

  // As tall as its text, up to a third of the window.
  grow() {
    const { box } = this;
    if (this.grownFor === box.value) return;
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

  async submit(message = this.state.text) {
    if (!message.trim() || this.state.sending) return;
    // The same message sent again after a lost answer is the same request.
    if (this.sent !== message) Object.assign(this, { sent: message, key: uuid() });
    this.setState({ sending: true, problem: null });
    const { sessionId, place, onSent } = this.props;
    try {
      await send({ message, agent: this.agent, sessionId, key: this.key });
      this.sent = null;
      if (this.state.agent) keepAgent(this.state.agent);
      keepDraft(place, "");
      this.setState({ text: "", sending: false });
      onSent?.();
    } catch (problem) {
      // An example that was refused was never in the box.
      const text = this.state.text || message;
      keepDraft(place, text);
      this.setState({ text, sending: false, problem: problem.message });
    }
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
