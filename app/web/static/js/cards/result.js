// How a run ended by the CLI's own word. A good end is told once, by the Task's own last line, unless the answer is new.

import { html } from "../../vendor/preact-htm.js";
import { money, plural, took } from "../format.js";
import { Markdown } from "../markdown.js";
import { Row } from "../row.js";
import { Output } from "./output.js";

function facts({ turns, duration_ms, cost_usd }) {
  const known = [turns != null && plural(turns, "turn"), duration_ms != null && took(duration_ms / 1000), cost_usd != null && money(cost_usd)];
  return known.filter(Boolean).join(" · ");
}

export function ResultCard({ card }) {
  const says = card.text.trim() && !card.said;
  if (card.ok) return says ? html`<div class="result"><${Markdown} text=${card.text} /></div>` : null;
  return html`<${Row} icon="close" name="Result" summary="the CLI reported a failure" meta=${facts(card)} tone="is-failed" open=${true}
    className="fold" body=${says && (() => html`<${Output} text=${card.text} label="The CLI's last word" />`)} />`;
}
