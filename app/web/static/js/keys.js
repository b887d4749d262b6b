// The page by keyboard.

import { showKeys } from "./dialogs.js";
import { stop } from "./actions.js";
import { current } from "./conversation.js";
import { find } from "./palette.js";
import { go, route } from "./router.js";
import { groups } from "./sidebar.js";
import { taskOf, tasksOf } from "./store.js";

const openSession = () => {
  const { view, id } = route();
  return view === "task" ? taskOf(id)?.session_id : id;
};

function move(step) {
  const ids = groups().flatMap(([, entries]) => entries.map(([session]) => session.id));
  const at = ids.indexOf(openSession());
  const next = ids[at < 0 ? 0 : Math.min(ids.length - 1, Math.max(0, at + step))];
  if (next) go(`/sessions/${next}`, { focused: false });
  document.querySelector('.entry[aria-current="page"]')?.scrollIntoView({ block: "nearest" });
}

function stopCurrent() {
  const task = current(tasksOf(openSession()));
  if (task) stop(task);
}

const focusPrompt = () => document.getElementById("prompt")?.focus();

const KEYS = {
  "/": find,
  "?": showKeys,
  ".": stopCurrent,
  j: () => move(1),
  k: () => move(-1),
  m: focusPrompt,
  n: () => {
    go("/");
    requestAnimationFrame(focusPrompt);
  },
};

const typing = (element) => element?.matches?.("input, textarea, select, [contenteditable]");

export function listenToKeys({ closeDrawer }) {
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey)) {
      event.preventDefault();
      return find();
    }
    if (document.querySelector("dialog[open]") || event.isComposing) return;
    if (event.key === "Escape") {
      const details = document.querySelector(".shows-details .details-close");
      if (closeDrawer()) return;
      if (details?.checkVisibility()) details.click();
      else if (typing(document.activeElement)) document.activeElement.blur();
      return;
    }
    if (typing(event.target) || event.metaKey || event.ctrlKey || event.altKey) return;
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
