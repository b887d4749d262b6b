// What is wrong now, above everything else: a line each, there until it is mended.

import { html } from "../vendor/preact-htm.js";
import { get } from "./api.js";
import { Icon } from "./icons.js";
import { connection } from "./socket.js";
import { changed, loadSurroundings, noteWaiting } from "./store.js";

const EVERY = 15_000;
let problems = [];
let timer = null;

export const isWrong = () => problems.length > 0;

async function look() {
  clearTimeout(timer);
  let found;
  try {
    const status = await get("/api/status");
    found = status.problems;
    noteWaiting(status.tasks).catch(() => {});
  } catch (problem) {
    // That the server is out of reach is for the connection's sign to say.
    found = problem.status > 0 && problem.status !== 401 ? [problem.message] : [];
  }
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(look, EVERY);
  if (found.join("\n") === problems.join("\n")) return;
  problems = found;
  changed();
  // An agent's files were mended, a worker came or went: what can run may be another.
  loadSurroundings().catch(() => {});
}

export function watchProblems() {
  document.addEventListener("visibilitychange", () => document.hidden || look());
  connection.watch(() => connection.away || look());
  look();
}

// Always there, so that a screen reader is told of the first line too.
export function Banner() {
  return html`<div class="banner" role="status" aria-label="What is wrong now">
    ${problems.map((text) => html`<p key=${text}><${Icon} name="alert" /><span>${text}</span></p>`)}
  </div>`;
}
