// What a person does to Tasks; every refusal comes back as a sentence next to where it was asked.

import * as api from "./api.js";
import { ask } from "./dialogs.js";
import { clock } from "./format.js";
import { announce } from "./live.js";
import { mayWrite } from "./me.js";
import { isFinal, putTask, tasksOf } from "./store.js";
import { elapsed } from "./time.js";

export const refusals = new Map();

async function attempt(task, work) {
  refusals.delete(task.id);
  try {
    putTask(await work());
  } catch (problem) {
    refusals.set(task.id, problem.message);
    announce(problem.message);
    putTask({ ...task });
  }
}

// Stopping what runs loses the work in progress: that is asked for. What only waits is not.
export async function stop(task) {
  if (isFinal(task) || task.cancel_requested || !mayWrite()) return;
  if (task.state === "running") {
    const sure = await ask({
      title: "Stop this task?",
      text: `It has been running for ${clock(elapsed(task) ?? 0)}. What it printed so far and its workspace are kept.`,
      yes: "Stop task",
      no: "Let it run",
    });
    if (!sure) return;
  }
  await attempt(task, () => api.cancel(task.id));
}

export const retry = (task) => attempt(task, () => api.retry(task.id));

// The answer on GitHub, where it could not be told.
export const sendAgain = (task) => attempt(task, () => api.answerAgain(task.id));

// Sends a message; the Task is known to the page before the server's first word about it.
export async function send({ message, agent, sessionId, key }) {
  const body = { message, agent, ...(sessionId ? { session_id: sessionId } : {}) };
  const made = await api.chat(body, key);
  const position = 1 + (sessionId ? (tasksOf(sessionId).at(-1)?.position ?? 0) : 0);
  const waits = Boolean(sessionId) && !tasksOf(sessionId).every(isFinal);
  const unknown = { attempts: [], tokens: {}, cost_usd: 0, last_seq: 0, duration_s: null, detail: "" };
  putTask({
    ...unknown, id: made.task_id, session_id: made.session_id, state: made.state, message, agent, position,
    hold: waits ? "session_busy" : null, created_at: new Date().toISOString(), provisional: true,
  });
  return made;
}
