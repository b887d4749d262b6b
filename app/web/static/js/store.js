// What the page knows: Tasks, Sessions, Agents, Machines. Views subscribe and are told once a frame.

import { get } from "./api.js";
import { Socket, connection } from "./socket.js";

const FINAL = new Set(["completed", "failed", "cancelled"]);
export const isFinal = (task) => FINAL.has(task.state);

const known = {
  tasks: new Map(),
  sessions: new Map(),
  agents: [],
  machines: [],
  ignored: new Map(),
  origins: new Map(),
  moreSessions: null,
  // Whether more Tasks wait than are known; null until somebody looked.
  moreQueued: null,
  loaded: false,
  error: null,
};
const listeners = new Set();
let scheduled = false;

// Frames are for the eyes; a page in the background still has to move on, slowly.
export function soon(work) {
  if (document.hidden) setTimeout(work, 200);
  else requestAnimationFrame(work);
}

export function changed() {
  if (scheduled) return;
  scheduled = true;
  soon(() => {
    scheduled = false;
    for (const listener of listeners) listener();
  });
}
connection.watch(changed);

export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// ---- Tasks

// The same Task arrives by REST and by two sockets in any order; `last_seq` never goes back.
export function putTask({ ignored, origin, ...task }) {
  // Only REST tells what was ignored and who asked from outside, so a frame without says nothing about that.
  if (ignored) known.ignored.set(task.id, ignored);
  if (origin) known.origins.set(task.id, origin);
  const old = known.tasks.get(task.id);
  if (old && !old.provisional && old.last_seq > task.last_seq) return;
  known.tasks.set(task.id, { ...task, heard: performance.now() });
  if (!known.sessions.has(task.session_id)) learnSession(task.session_id);
  changed();
}

export const taskOf = (id) => known.tasks.get(id);
export const originOf = (id) => known.origins.get(id);
export const ignoredOf = (id) => known.ignored.get(id) ?? [];

export function tasksOf(sessionId) {
  const found = [...known.tasks.values()].filter((task) => task.session_id === sessionId);
  return found.sort((a, b) => a.position - b.position);
}

// By Session the Task that tells how it stands: the one that runs, else the first that waits, else the newest.
export function telling() {
  const found = new Map();
  for (const task of known.tasks.values()) {
    const other = found.get(task.session_id);
    if (!other || tells(task) > tells(other)) found.set(task.session_id, task);
  }
  return found;
}

function tells({ state, position }) {
  if (state === "running") return 3e9;
  return state === "queued" ? 2e9 - position : position;
}

// Place in the queue, from 1, among those that nothing holds; null where not all that wait are known.
export function placeOf(task) {
  if (known.moreQueued !== false) return null;
  const queue = [...known.tasks.values()].filter((t) => t.state === "queued" && !t.hold && !t.not_before);
  return 1 + queue.filter((t) => t.created_at < task.created_at).length;
}

// ---- Sessions

const asked = new Set();

async function learnSession(id) {
  if (asked.has(id)) return;
  asked.add(id);
  try {
    putSession(await get(`/api/sessions/${encodeURIComponent(id)}`));
  } catch {
    asked.delete(id);
  }
}

export function putSession(session) {
  const { tasks, ...rest } = session;
  known.sessions.set(session.id, { ...known.sessions.get(session.id), ...rest });
  for (const task of tasks ?? []) if (typeof task === "object") putTask(task);
  changed();
}

export const sessionOf = (id) => known.sessions.get(id);

// A Session is as fresh as the newest thing heard of its Tasks; `task` is the one that tells how it stands.
export function lastUsed(session, task) {
  const times = [session.updated_at, task?.created_at, task?.finished_at].filter(Boolean);
  return times.sort().at(-1);
}

export function sessions() {
  const latest = telling();
  const used = new Map([...known.sessions.values()].map((session) => [session, lastUsed(session, latest.get(session.id))]));
  return [...used.keys()].sort((a, b) => (used.get(a) < used.get(b) ? 1 : -1));
}

export function sessionCost(id) {
  const known = sessionOf(id)?.cost_usd ?? 0;
  return Math.max(known, tasksOf(id).reduce((sum, task) => sum + (task.cost_usd || 0), 0));
}

export async function loadSessions(cursor = null) {
  const page = await get(`/api/sessions?limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
  page.items.forEach(putSession);
  known.moreSessions = page.next_cursor ?? null;
  changed();
}

export async function loadSession(id) {
  putSession(await get(`/api/sessions/${encodeURIComponent(id)}`));
}

export async function loadTask(id) {
  const task = await get(`/api/tasks/${encodeURIComponent(id)}`);
  putTask(task);
  return taskOf(id);
}

// ---- everything at once, and again after each reconnection: a lost echo is read from the rows

// No more than the side shows: each comes with its whole message and result.
const SHOWN = ["limit=50", "state=failed&limit=25", "state=running&limit=50"];
const QUEUE = 100;
const MISSED = 50;

async function loadPage(query) {
  const page = await get(`/api/tasks?${query}`);
  page.items.forEach(putTask);
  return page;
}

async function loadQueue() {
  const page = await loadPage(`state=queued&limit=${QUEUE}`);
  known.moreQueued = Boolean(page.next_cursor);
  changed();
  return page;
}

// A queue that was too long to be known whole is asked for again when it has become shorter.
export async function noteWaiting(tasks) {
  if (known.moreQueued && tasks && tasks.queued <= QUEUE) await loadQueue();
}

async function loadTasks() {
  const open = [...known.tasks.values()].filter((task) => !isFinal(task));
  const pages = await Promise.all([...SHOWN.map(loadPage), loadQueue()]);
  const found = new Set(pages.flatMap((page) => page.items.map((task) => task.id)));
  // What was under way and is in no page went on while nobody was listening.
  const missed = open.filter(({ id }) => !found.has(id)).slice(0, MISSED);
  await Promise.all(missed.map(({ id }) => loadTask(id).catch(() => {})));
}

export async function loadSurroundings() {
  const [agents, machines] = await Promise.all([get("/api/agents"), get("/api/machines")]);
  known.agents = agents.items;
  known.machines = machines.items;
  changed();
}

export async function loadAll() {
  try {
    await Promise.all([loadSessions(), loadTasks(), loadSurroundings()]);
    known.error = null;
  } catch (problem) {
    known.error = problem;
  }
  known.loaded = true;
  changed();
}

export function follow() {
  // Where no WebSocket gets through, the page still shows what is stored.
  setTimeout(() => known.loaded || loadAll(), 1500);
  return new Socket({
    path: () => "/ws/tasks",
    onOpen: loadAll,
    onFrame: (frame) => frame.type === "task" && putTask(frame.task),
  });
}

export { known };
