// What the agent says, and what it thought.

import { html } from "../../vendor/preact-htm.js";
import { Markdown } from "../markdown.js";
import { oneLine } from "../format.js";
import { Row } from "../row.js";
import { Copy } from "../copy.js";

export function TextCard({ card }) {
  return html`<div class="card-text"><${Markdown} text=${card.text} /><${Copy} text=${() => card.text} what="text" /></div>`;
}

export function ThinkingCard({ card }) {
  return html`<${Row} icon="thinking" name="Thinking" className="thinking"
    summary=${oneLine(card.text, 120)} body=${() => html`<${Markdown} text=${card.text} />`} />`;
}
