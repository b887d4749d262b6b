// The agent's own list of what it means to do.

import { html } from "../../vendor/preact-htm.js";
import { Icon } from "../icons.js";

const ICONS = { completed: "check", in_progress: "running", pending: "circle" };
const WORDS = { completed: "done", in_progress: "in progress", pending: "to do" };

export function progress(todos) {
  return `${todos.filter((item) => item.status === "completed").length}/${todos.length}`;
}

export function Todos({ todos }) {
  return html`<ul class="todos" aria-label="Todo list">
    ${todos.map(
      ({ content, status }) => html`<li class=${`todo ${status}`}>
        <${Icon} name=${ICONS[status] ?? "circle"} label=${WORDS[status] ?? status} /><span>${content}</span>
      </li>`,
    )}
  </ul>`;
}
