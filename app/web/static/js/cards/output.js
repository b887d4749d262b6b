// Lines a program printed: colours kept, head and tail shown, the middle on request.

import { Component, html } from "../../vendor/preact-htm.js";
import { cleanLines, coloured } from "../ansi.js";
import { count } from "../format.js";

const WHOLE = 40;
const HEAD = 12;
const TAIL = 20;
const PIECE = 200;
export const STEP = 2000;
const WIDE = 4000;

function shown(text) {
  return text.length > WIDE ? `${text.slice(0, WIDE)}… ${count(text.length - WIDE)} characters more` : text;
}

// Runs of lines with the same origin become one text each; stderr is marked at its side.
function pieces(lines) {
  const found = [];
  for (const { text, err } of lines) {
    const last = found.at(-1);
    if (last && last.err === err && last.lines.length < PIECE) last.lines.push(shown(text));
    else found.push({ err, lines: [shown(text)] });
  }
  return found;
}

// The way to what is not shown yet.
export function More({ hidden, show }) {
  const words = hidden > STEP ? `Show ${count(STEP)} of ${count(hidden)} lines more` : `${count(hidden)} lines more`;
  return html`<button type="button" class="more" onClick=${show}>${words}</button>`;
}

class Pieces extends Component {
  shouldComponentUpdate({ lines, v }) {
    return lines.length !== this.props.lines.length || v !== this.props.v;
  }
  render({ lines }) {
    return pieces(lines).map(
      ({ err, lines: some }) => html`<div class=${err ? "piece stderr" : "piece"}>${coloured(some.join("\n"))}</div>`,
    );
  }
}

export class Lines extends Component {
  render({ lines, v = 0, label = "Output", live = false }, { more = 0 }) {
    const whole = lines.length <= WHOLE || HEAD + more + TAIL >= lines.length;
    const head = whole ? lines : lines.slice(0, HEAD + more);
    const hidden = whole ? 0 : lines.length - HEAD - more - TAIL;
    const show = () => this.setState({ more: more + Math.min(hidden, STEP) });
    return html`<div class="output" role="group" aria-label=${label}>
      <pre tabindex="0"><${Pieces} lines=${head} v=${whole ? v : 0} /></pre>
      ${hidden > 0 && html`<${More} hidden=${hidden} show=${show} />`}
      ${hidden > 0 && html`<pre tabindex="0"><${Pieces} lines=${lines.slice(-TAIL)} v=${live ? v : lines.length} /></pre>`}
    </div>`;
  }
}

export class Output extends Component {
  shouldComponentUpdate(next, state) {
    return next.text !== this.props.text || state !== this.state;
  }
  render({ text, label }) {
    const lines = cleanLines(text.replace(/\n+$/, "")).map((line) => ({ text: line, err: false }));
    return html`<${Lines} lines=${lines} label=${label} />`;
  }
}

// Lines the adapter did not know, and stderr, as they came.
export function OutputCard({ card, v }) {
  const lines = card.lines.map(({ text, err }) => ({ text: text.slice(text.lastIndexOf("\r", text.length - 2) + 1), err }));
  return html`<div class="card-output">
    <${Lines} lines=${lines} v=${v} live=${true} label="What the CLI printed" />
  </div>`;
}
