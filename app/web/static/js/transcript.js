// The transcript of one Task: Events in, cards out. Pure: no DOM, no network.
//
// Cards sit in sections of a few dozen. Whatever changes raises the `v` of its card and of its section, so
// that drawing touches only those, and twenty thousand Events cost no more on screen than the last few.

import { plainText } from "./ansi.js";

const SECTION = 30;
const RUN = 100;
const FINAL = new Set(["completed", "failed", "cancelled"]);
const TASK_STATES = new Set(["queued", "running", ...FINAL]);

export class Transcript {
  constructor() {
    this.lastSeq = 0;
    this.v = 0;
    this.sections = [];
    this.todos = null;
    this.usage = null;
    this.step = null;
    this.attempt = 0;
    this.ended = false;
    this.calls = new Map();
    this.blocks = new Map();
    this.lastText = null;
    this.turns = null;
  }

  get empty() {
    return this.sections.length === 0;
  }

  // Takes Events in order; what was seen is dropped. Returns false where some are missing in between.
  add(events) {
    for (const event of events) {
      if (event.seq <= this.lastSeq) continue;
      if (event.seq > this.lastSeq + 1) return false;
      this.lastSeq = event.seq;
      this.take(event);
    }
    this.v += 1;
    return true;
  }

  take(event) {
    if (event.attempt > this.attempt) this.beginAttempt(event);
    const take = this[`take_${event.kind}`];
    if (take) take.call(this, event);
    else this.push({ kind: "unknown", event });
  }

  beginAttempt(event) {
    this.attempt = event.attempt;
    this.blocks.clear();
    this.forgetStep();
    if (event.attempt === 1) return;
    // Why it waited, and that it goes on, are one row. `again`: somebody asked for it after an end.
    const card = { kind: "attempt", number: event.attempt, at: event.at, again: this.ended };
    const last = this.last;
    if (last?.kind === "status" && last.state === "queued") {
      Object.assign(last, card, { why: last.detail });
      this.changed(last);
    } else this.push(card);
    this.ended = false;
  }

  // What the Attempt before was at is not what goes on now.
  forgetStep() {
    Object.assign(this, { step: null, todos: null, usage: null });
  }

  get last() {
    return this.sections.at(-1)?.cards.at(-1);
  }

  push(card) {
    let section = this.sections.at(-1);
    if (!section || section.cards.length >= SECTION) {
      section = { key: this.sections.length, cards: [], v: 0 };
      this.sections.push(section);
    }
    Object.assign(card, { key: section.cards.length, v: 0, section });
    section.cards.push(card);
    section.v += 1;
    return card;
  }

  changed(card) {
    card.v += 1;
    card.section.v += 1;
  }

  now(word, { at }, detail = "") {
    if (this.step?.word !== word || this.step?.detail !== detail) this.step = { word, detail, at };
  }

  // ---- one per kind

  prose(kind, event) {
    const name = event.block ? `${kind}:${event.block}` : null;
    let card = name && this.blocks.get(name);
    if (card) {
      card.text += event.text;
      this.changed(card);
    } else {
      card = this.push({ kind, text: event.text, at: event.at });
      if (name) this.blocks.set(name, card);
    }
    return card;
  }

  take_text(event) {
    this.lastText = this.prose("text", event);
    this.now("writing", event);
  }

  take_thinking(event) {
    const last = this.last;
    if (!event.block && last?.kind === "thinking" && !last.block) {
      last.text += `\n\n${event.text}`;
      this.changed(last);
    } else this.prose("thinking", event).block = event.block;
    this.now("thinking", event);
  }

  take_tool_call(event) {
    const call = { id: event.id, name: event.name, input: event.input, at: event.at };
    const last = this.last;
    let run = last?.kind === "tools" && last.name === event.name && last.calls.length < RUN ? last : null;
    if (run) {
      run.calls.push(call);
      this.changed(run);
    } else run = this.push({ kind: "tools", name: event.name, calls: [call] });
    call.run = run;
    this.calls.set(event.id, call);
    this.noteTodos(event);
    this.now("tool", event, call);
  }

  take_tool_result(event) {
    const call = this.calls.get(event.id);
    const result = { ok: event.ok, text: event.text, at: event.at };
    if (!call || call.result) {
      this.push({ kind: "tools", name: "result", calls: [{ id: event.id, name: "result", at: event.at, result }] });
    } else {
      call.result = result;
      this.changed(call.run);
      this.noteCreatedTodo(call);
    }
    this.now("thinking", event);
  }

  lines(event, err) {
    const added = event.text.replace(/\n$/, "").split("\n").map((text) => ({ text, err }));
    const last = this.last;
    if (last?.kind === "output") {
      for (const line of added) last.lines.push(line);
      this.changed(last);
    } else this.push({ kind: "output", lines: added });
    this.now("printing", event);
  }

  take_raw(event) {
    this.lines(event, false);
  }

  take_stderr(event) {
    this.lines(event, true);
  }

  take_notice(event) {
    this.push({ kind: "notice", code: event.code, text: event.text, at: event.at });
  }

  take_usage(event) {
    this.usage = event;
  }

  // The Task's own states are told by its card; here only why it waits, and what the CLI says of itself.
  take_status(event) {
    this.ended ||= FINAL.has(event.state);
    if (event.state === "queued") this.forgetStep();
    if (TASK_STATES.has(event.state) && event.state !== "queued") return;
    if (event.state === "queued" && !event.detail) return;
    const last = this.last;
    if (last?.kind === "status" && last.state === event.state) {
      Object.assign(last, { detail: event.detail, at: event.at });
      this.changed(last);
    } else this.push({ kind: "status", state: event.state, detail: event.detail, at: event.at });
    if (event.state !== "queued") this.now("status", event, event.detail || event.state);
  }

  take_result(event) {
    const said = this.lastText && plainText(this.lastText.text).trim() === plainText(event.text).trim();
    this.turns = event.turns;
    this.push({ kind: "result", ...event, said: Boolean(said), attempt: this.attempt });
    this.now("finishing", event);
  }

  // ---- the agent's todo list, as its tools tell it

  noteTodos({ name, input }) {
    if (name === "TodoWrite" && Array.isArray(input?.todos)) this.todos = input.todos.map(todo);
    if (name === "TaskUpdate" && this.todos) {
      const found = this.todos.find((item) => item.id === String(input?.taskId));
      if (found && typeof input?.status === "string") found.status = input.status;
      this.todos = this.todos.filter((item) => item.status !== "deleted");
    }
  }

  noteCreatedTodo({ name, input, result }) {
    if (name !== "TaskCreate" || !result.ok) return;
    const id = /#(\w+)/.exec(result.text)?.[1] ?? String((this.todos?.length ?? 0) + 1);
    this.todos = [...(this.todos ?? []), { id, content: String(input?.subject ?? ""), status: "pending" }];
  }
}

function todo(item) {
  return { content: String(item?.content ?? ""), status: String(item?.status ?? "pending") };
}
