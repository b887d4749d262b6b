// Times relative to now, exact on hover; one ticker for everything that moves with the clock.

import { Component, html } from "../vendor/preact-htm.js";
import { serverNow } from "./api.js";
import { clock } from "./format.js";

const ticking = new Set();
let timer = null;

function tick() {
  for (const wake of ticking) wake();
}

function onTick(wake) {
  ticking.add(wake);
  timer ??= setInterval(tick, 1000);
  return () => {
    ticking.delete(wake);
    if (ticking.size === 0) timer = void clearInterval(timer) ?? null;
  };
}

const DAY = 86_400_000;

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

function daysAgo(date, now) {
  return Math.round((startOfDay(now) - startOfDay(date)) / DAY);
}

export function hour(date) {
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export function dayName(date, now = new Date()) {
  const days = daysAgo(date, now);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days < 7) return date.toLocaleDateString("en", { weekday: "long" });
  const sameYear = date.getFullYear() === now.getFullYear();
  return date.toLocaleDateString("en", { day: "numeric", month: "long", ...(sameYear ? {} : { year: "numeric" }) });
}

export function ago(date, now = new Date()) {
  const seconds = (now - date) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  const days = daysAgo(date, now);
  if (days <= 0) return hour(date);
  if (days === 1) return `yesterday ${hour(date)}`;
  return `${date.toLocaleDateString("en", { day: "numeric", month: "short" })} ${hour(date)}`;
}

// The time of day, with the day where it is another.
export function moment(date, now = new Date()) {
  if (daysAgo(date, now) === 0) return hour(date);
  return `${date.toLocaleDateString("en", { day: "numeric", month: "short" })} ${hour(date)}`;
}

// 12 s, 4 min, 2 h.
function distance(seconds) {
  if (seconds < 100) return `${seconds} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

// How long until then, on the server's clock; "" when it has come.
export function until(date) {
  const seconds = Math.ceil((date - serverNow()) / 1000);
  return seconds <= 0 ? "" : distance(seconds);
}

// 4 s ago: to the second, on the server's clock.
export function since(date) {
  return `${distance(Math.max(0, Math.floor((serverNow() - date) / 1000)))} ago`;
}

// As narrow as a list at the side needs it.
export function brief(date, now = new Date()) {
  const seconds = (now - date) / 1000;
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return hour(date);
}

// The same where no heading above it names the day; there is no room for the hour as well.
export function briefWithDay(date, now = new Date()) {
  const recent = now - date < 3_600_000 || daysAgo(date, now) <= 0;
  return recent ? brief(date, now) : date.toLocaleDateString("en", { day: "numeric", month: "short" });
}

export function exact(date) {
  return date.toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
}

// Renders what `draw()` says, again every second while `active`.
export class Ticking extends Component {
  componentDidMount() {
    this.follow();
  }
  componentDidUpdate() {
    this.follow();
  }
  componentWillUnmount() {
    this.stop?.();
  }
  follow() {
    const active = this.props.active !== false;
    if (active && !this.stop) this.stop = onTick(() => this.forceUpdate());
    if (!active && this.stop) this.stop = void this.stop() ?? null;
  }
  render({ draw }) {
    return draw();
  }
}

export function When({ at, words = ago }) {
  if (!at) return null;
  const date = new Date(at);
  return html`<time datetime=${at} title=${exact(date)}><${Ticking} draw=${() => words(date)} /></time>`;
}

// Seconds a Task has run: what the server said, plus what passed here since. Clocks need not agree.
export function elapsed(task) {
  if (task.duration_s === null || task.duration_s === undefined) return null;
  if (task.state !== "running") return task.duration_s;
  return task.duration_s + (performance.now() - (task.heard ?? performance.now())) / 1000;
}

export function Elapsed({ task }) {
  if (elapsed(task) === null) return null;
  const draw = () => clock(elapsed(task));
  return html`<span class="num"><${Ticking} active=${task.state === "running"} draw=${draw} /></span>`;
}

// Time since a moment of a running Task, on the Task's own clock.
export function Since({ task, at, from = 0 }) {
  const before = (new Date(at) - new Date(task.started_at)) / 1000;
  const draw = () => {
    const seconds = (elapsed(task) ?? 0) - before;
    return seconds < from ? "" : clock(seconds);
  };
  return html`<span class="num"><${Ticking} draw=${draw} /></span>`;
}
