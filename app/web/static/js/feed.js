// A Feed keeps one Task's transcript whole: the backlog after the last seq, then live, whatever drops in between.

import { changed, isFinal, putTask, soon, subscribe, taskOf } from "./store.js";
import { Socket } from "./socket.js";
import { Transcript } from "./transcript.js";

const KEPT = 30;
const feeds = new Map();

class Feed {
  constructor(taskId) {
    this.taskId = taskId;
    this.transcript = new Transcript();
    this.listeners = new Set();
    this.gone = false;
    this.ended = false;
  }

  // Events this page has not got yet; large numbers mean it is catching up.
  get behind() {
    return Math.max(0, (taskOf(this.taskId)?.last_seq ?? 0) - this.transcript.lastSeq);
  }

  open() {
    if (this.socket && !this.socket.done) return;
    this.ended = false;
    this.socket = new Socket({
      path: () => `/ws/tasks/${encodeURIComponent(this.taskId)}?after=${this.transcript.lastSeq}`,
      onFrame: (frame) => this.take(frame),
      onGone: () => {
        this.gone = true;
        this.tell();
      },
    });
  }

  close() {
    this.socket?.close();
  }

  take(frame) {
    if (frame.type === "task") putTask(frame.task);
    else if (frame.type === "events") {
      if (!this.transcript.add(frame.events)) this.socket.connect();
    } else if (frame.type === "end") {
      if (frame.last_seq > this.transcript.lastSeq) return this.socket.connect();
      this.ended = true;
      this.close();
      changed();
    }
    this.tell();
  }

  tell() {
    if (this.telling) return;
    this.telling = true;
    soon(() => {
      this.telling = false;
      for (const listener of this.listeners) listener();
    });
  }

  // Someone retried a finished Task: go on where this stopped.
  wake() {
    const task = taskOf(this.taskId);
    if (task && this.ended && (!isFinal(task) || this.behind > 0)) this.open();
  }

  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

export function feedOf(taskId) {
  let feed = feeds.get(taskId);
  if (feed) feeds.delete(taskId);
  else feed = new Feed(taskId);
  feeds.set(taskId, feed);
  forgetOldest();
  if (feed.socket) feed.wake();
  else feed.open();
  return feed;
}

function forgetOldest() {
  for (const [id, feed] of feeds) {
    if (feeds.size <= KEPT) return;
    if (feed.listeners.size) continue;
    feed.close();
    feeds.delete(id);
  }
}

subscribe(() => {
  for (const feed of feeds.values()) feed.wake();
});

export function catchingUp() {
  let behind = 0;
  for (const feed of feeds.values()) if (feed.listeners.size && !feed.ended) behind += feed.behind;
  return behind;
}
