// Every view has its own address; going back works.

const listeners = new Set();
// Whoever goes through the list by key would be caught in the prompt box of the first conversation.
let focus = true;
export const takesFocus = () => focus;

export function route() {
  const [, room, id] = location.pathname.split("/");
  if (room === "sessions" && id) return { view: "session", id: decodeURIComponent(id) };
  if (room === "tasks" && id) return { view: "task", id: decodeURIComponent(id) };
  return { view: "new" };
}

function tell() {
  for (const listener of listeners) listener();
}

export function go(path, { replace = false, focused = true } = {}) {
  focus = focused;
  if (path !== location.pathname) history[replace ? "replaceState" : "pushState"](null, "", path);
  tell();
}

export function onRoute(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

window.addEventListener("popstate", () => {
  focus = true;
  tell();
});

// Links inside the page change the view without loading it again.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-inside]");
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.pathname);
});
