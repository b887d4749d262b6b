// An edit as a diff: what went, what came, a little around it.

import { Component, html } from "../../vendor/preact-htm.js";
import { diffLines } from "../../vendor/diff/diff/line.js";
import { count } from "../format.js";
import { More, STEP } from "./output.js";

const AROUND = 3;
const LONGEST = 400;

function linesOf(part) {
  return part.value.replace(/\n$/, "").split("\n");
}

function whole(text) {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

// [{ sign: " " | "+" | "-" | "…", text }]
export function diffOf(before, after) {
  // A last line without its newline is the same line.
  const parts = diffLines(whole(before), whole(after), { timeout: 300 }) ?? [
    { value: before, removed: true },
    { value: after, added: true },
  ];
  const rows = [];
  parts.forEach((part, i) => {
    const sign = part.added ? "+" : part.removed ? "-" : " ";
    const lines = part.value === "" ? [] : linesOf(part);
    const first = i > 0 ? AROUND : 0;
    const last = i < parts.length - 1 ? AROUND : 0;
    if (sign === " " && lines.length > first + last + 1) {
      for (const text of lines.slice(0, first)) rows.push({ sign, text });
      rows.push({ sign: "…", text: `${count(lines.length - first - last)} lines the same` });
      for (const text of last ? lines.slice(-last) : []) rows.push({ sign, text });
    } else for (const text of lines) rows.push({ sign, text });
  });
  return rows;
}

export function editsOf({ name, input }) {
  if (!input || typeof input !== "object") return null;
  if (name === "Write" && typeof input.content === "string") return [["", input.content]];
  if (name === "MultiEdit" && Array.isArray(input.edits))
    return input.edits.map((edit) => [String(edit?.old_string ?? ""), String(edit?.new_string ?? "")]);
  if (typeof input.old_string === "string" && typeof input.new_string === "string")
    return [[input.old_string, input.new_string]];
  return null;
}

export function changes(rows) {
  const of = (sign) => rows.filter((row) => row.sign === sign).length;
  return { added: of("+"), removed: of("-") };
}

const WORDS = { "+": "added", "-": "removed" };
const CLASSES = { "+": "added", "-": "removed", " ": "same", "…": "skipped" };

export class Diff extends Component {
  render({ rows }, { shown = LONGEST }) {
    return html`<div class="diff" role="group" aria-label="Changes" tabindex="0">
      ${rows.slice(0, shown).map(
        ({ sign, text }) => html`<div class=${`diff-line ${CLASSES[sign]}`}>
          <span class="diff-sign" aria-label=${WORDS[sign]}>${sign}</span><span class="diff-text">${text}</span>
        </div>`,
      )}
      ${rows.length > shown && html`<${More} hidden=${rows.length - shown} show=${() => this.setState({ shown: shown + STEP })} />`}
    </div>`;
  }
}
