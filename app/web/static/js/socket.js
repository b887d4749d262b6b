// A WebSocket that comes back: with growing pauses, at once when the network or the reader returns.

import { toLogin } from "./api.js";

const FIRST_PAUSE = 400;
const LONGEST_PAUSE = 15_000;

const away = new Set();
const watchers = new Set();

function report(socket, isAway) {
  const before = away.size;
  if (isAway) away.add(socket);
  else away.delete(socket);
  if (Boolean(before) !== Boolean(away.size)) for (const watcher of watchers) watcher();
}

export const connection = {
  get away() {
    return away.size > 0;
  },
  watch(watcher) {
    watchers.add(watcher);
  },
};

const waiting = new Set();

function hurry() {
  for (const socket of [...waiting]) socket.connect();
}
window.addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => document.hidden || hurry());

// A machine that slept has sockets that look open and are not.
const CHECK = 10_000;
const open = new Set();
let checked = Date.now();
setInterval(() => {
  const slept = Date.now() - checked > 4 * CHECK && !document.hidden;
  checked = Date.now();
  if (slept) for (const socket of [...open]) socket.connect();
}, CHECK);

function address(path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

export class Socket {
  // `path()` is asked before each attempt, so that it names the newest seq.
  constructor({ path, onFrame, onOpen = () => {}, onGone = () => {} }) {
    Object.assign(this, { path, onFrame, onOpen, onGone });
    this.pause = FIRST_PAUSE;
    this.done = false;
    this.connect();
  }

  connect() {
    waiting.delete(this);
    clearTimeout(this.timer);
    if (this.done) return;
    this.drop();
    const ws = new WebSocket(address(this.path()));
    this.ws = ws;
    ws.onopen = () => {
      open.add(this);
      report(this, false);
      this.onOpen();
    };
    ws.onmessage = (message) => {
      this.pause = FIRST_PAUSE;
      this.onFrame(JSON.parse(message.data));
    };
    ws.onclose = (event) => ws === this.ws && this.closed(event.code);
  }

  closed(code) {
    this.ws = null;
    open.delete(this);
    if (this.done) return;
    if (code === 4401) return toLogin();
    if (code === 4404) {
      this.close();
      return this.onGone();
    }
    if (code === 4408) return this.connect();
    report(this, true);
    waiting.add(this);
    this.timer = setTimeout(() => this.connect(), this.pause * (0.75 + Math.random() / 2));
    this.pause = Math.min(LONGEST_PAUSE, this.pause * 2);
    // A refused handshake tells the browser nothing; asking by REST tells whether we are signed in.
    if (this.pause > 1000) fetch("/api/status").then((r) => r.status === 401 && toLogin(), () => {});
  }

  drop() {
    open.delete(this);
    const ws = this.ws;
    this.ws = null;
    ws?.close();
  }

  close() {
    this.done = true;
    clearTimeout(this.timer);
    waiting.delete(this);
    report(this, false);
    this.drop();
  }
}
