// The REST calls. Every failure is a Problem with a sentence to show.

export class Problem extends Error {
  constructor(status, reason, detail) {
    super(detail);
    this.status = status;
    this.reason = reason;
  }
}

// Whoever holds what somebody typed hears of it first: nothing of the page runs reliably once it is being left.
export const SIGNED_OUT = "errand:signed-out";

export function toLogin() {
  dispatchEvent(new Event(SIGNED_OUT));
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.hash)}`);
}

// How far the server's clock is ahead of this one; what it says of the future is counted on its clock.
let ahead = 0;
export const serverNow = () => Date.now() + ahead;

function noteClock(response) {
  const said = Date.parse(response.headers.get("Date"));
  if (!Number.isNaN(said)) ahead = Math.abs(said - Date.now()) > 2000 ? said - Date.now() : 0;
}

async function problemOf(response) {
  const said = await response.json().catch(() => ({}));
  const sentence = said.detail || said.title || `The server answered ${response.status}.`;
  return new Problem(response.status, said.reason ?? "error", sentence);
}

async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Problem(0, "away", "The server cannot be reached right now.");
  }
  noteClock(response);
  if (response.status === 401) toLogin();
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? null : response.json();
}

export function get(path) {
  return request(path, { headers: { Accept: "application/json" } });
}

function send(method, path, body, headers) {
  const sent = { "Content-Type": "application/json", Accept: "application/json", ...headers };
  return request(path, { method, headers: sent, body: JSON.stringify(body ?? {}) });
}

export const post = (path, body, headers = {}) => send("POST", path, body, headers);
export const put = (path, body) => send("PUT", path, body, {});

export function remove(path) {
  return request(path, { method: "DELETE", headers: { Accept: "application/json" } });
}

// crypto.randomUUID is there on secure origins only; a laptop on the local network has none.
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const chat = (body, key) => post("/api/chat", body, { "Idempotency-Key": key });
export const cancel = (id) => post(`/api/tasks/${id}/cancel`);
export const retry = (id) => post(`/api/tasks/${id}/retry`);
export const answerAgain = (id) => post(`/api/tasks/${id}/reply`);
export const outputOf = (id) => `/api/tasks/${encodeURIComponent(id)}/output`;
