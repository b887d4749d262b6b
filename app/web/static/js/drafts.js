// What this browser remembers by itself: half-typed prompts, the last agent, what was looked at, the theme.

function read(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(`errand.${key}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(key, value) {
  try {
    if (value === "" || value === null) localStorage.removeItem(`errand.${key}`);
    else localStorage.setItem(`errand.${key}`, JSON.stringify(value));
  } catch {
    // Storage may be full or forbidden; the page works without.
  }
}

export const draft = (place) => read(`draft.${place}`, "");
export const keepDraft = (place, text) => write(`draft.${place}`, text);

export const lastAgent = () => read("agent", null);
export const keepAgent = (name) => write("agent", name);

const SEEN_KEPT = 300;
export const isSeen = (task) => read("seen", []).includes(`${task.id}:${task.last_seq}`);
export const markSeen = (task) => write("seen", [...read("seen", []), `${task.id}:${task.last_seq}`].slice(-SEEN_KEPT));

export const isTold = (what) => read("told", []).includes(what);
export const markTold = (what) => write("told", [...read("told", []), what]);

export const theme = () => read("theme", "system");
export function setTheme(name) {
  write("theme", name === "system" ? null : name);
  applyTheme();
}
export function applyTheme() {
  document.documentElement.dataset.theme = theme();
}
