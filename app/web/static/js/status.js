// The three kinds of state, never mixed: of the Task, of the agent, of the connection. Word, icon and colour each.

import { html } from "../vendor/preact-htm.js";
import { Icon } from "./icons.js";
import { count, oneLine } from "./format.js";
import { catchingUp } from "./feed.js";
import { connection } from "./socket.js";
import { placeOf } from "./store.js";
import { Ticking, moment, until } from "./time.js";
import { summaryOf } from "./cards/tool.js";

const TASK = {
  queued: ["Queued", "queued"],
  running: ["Running", "running"],
  completed: ["Completed", "check"],
  failed: ["Failed", "close"],
  cancelled: ["Stopped", "stop"],
};

const HOLDS = {
  session_busy: "after the task before it",
  credential_expired: "waits for its credential",
  usage_limit: "waits for the usage limit to reset",
  budget: "waits for budget",
};

export function needsLook(task) {
  return task.state === "completed" && Boolean(task.attention);
}

export function toneOf(task) {
  return needsLook(task) ? "attention" : task.state;
}

// What a queued Task waits for; `short` where there is little room.
export function waitsFor(task, short = false) {
  if (task.state !== "queued") return "";
  if (task.hold) return HOLDS[task.hold] ?? task.hold.replaceAll("_", " ");
  if (isPaused(task)) return pause(task, short);
  if (task.provisional) return "";
  const place = placeOf(task);
  if (place === null) return "";
  return place > 1 ? `place ${place}` : "next in line";
}

export const isPaused = (task) => task.state === "queued" && !task.hold && Boolean(task.not_before && until(new Date(task.not_before)));

function pause({ not_before, reason }, short) {
  const date = new Date(not_before);
  if (short) return `again in ${until(date)}`;
  return `tries again at ${moment(date)} (in ${until(date)})${reason ? `: ${reason.replaceAll("_", " ")}` : ""}`;
}

export function stateWord(task) {
  if (needsLook(task)) return "Look at it";
  if (task.state === "running" && task.cancel_requested) return "Stopping";
  return TASK[task.state]?.[0] ?? task.state;
}

export function TaskState({ task, bare = false, short = false }) {
  const icon = needsLook(task) ? "alert" : TASK[task.state]?.[1] ?? "info";
  const words = () => [stateWord(task), waitsFor(task, short)].filter(Boolean).join(", ");
  return html`<span class=${`state state-${toneOf(task)}`}>
    <${Icon} name=${icon} label=${bare ? stateWord(task) : undefined} />
    ${!bare && html`<span><${Ticking} active=${isPaused(task)} draw=${words} /></span>`}
  </span>`;
}

const STEPS = { writing: "Writing", thinking: "Thinking", printing: "Printing", finishing: "Finishing" };

// What the agent does this moment, in words.
export function stepWords(step) {
  if (!step) return "Starting";
  if (step.word === "tool") return oneLine(`${step.detail.name} ${summaryOf(step.detail)}`, 140);
  if (step.word === "status") return oneLine(String(step.detail).replaceAll("_", " "), 140);
  return STEPS[step.word] ?? step.word;
}

export function ConnectionSign() {
  const behind = catchingUp();
  const [word, icon, tone] = connection.away
    ? ["Away, reconnecting", "away", "is-away"]
    : behind > 200
      ? [`Catching up ${count(behind)}`, "retry", "is-behind"]
      : ["Live", "live", "is-live"];
  return html`<span class=${`connection ${tone}`} role="status" title="The connection to the server"><${Icon} name=${icon} /><span>${word}</span></span>`;
}
