// At the side: new task, what needs somebody, what runs, then the conversations by day.

import { html } from "../vendor/preact-htm.js";
import { isWrong } from "./banner.js";
import { showKeys } from "./dialogs.js";
import { isSeen, setTheme, theme } from "./drafts.js";
import { Icon } from "./icons.js";
import { signedIn } from "./me.js";
import { find } from "./palette.js";
import { connection } from "./socket.js";
import { TaskState, needsLook } from "./status.js";
import { changed, isFinal, known, lastUsed, telling, loadSessions, sessions } from "./store.js";
import { Elapsed, When, brief, briefWithDay, dayName } from "./time.js";

function needsYou(task) {
  return Boolean(task) && (task.state === "failed" || needsLook(task)) && !isSeen(task);
}

// Those that are not a day.
const URGENT = ["Needs you", "Running"];

// [[heading, [session, task]...]] in the order of the page, which is also that of j and k.
export function groups() {
  const latest = telling();
  const found = new Map(URGENT.map((heading) => [heading, []]));
  for (const session of sessions()) {
    const task = latest.get(session.id);
    const day = dayName(new Date(lastUsed(session, task)));
    const heading = needsYou(task) ? "Needs you" : task && !isFinal(task) ? "Running" : day;
    if (!found.has(heading)) found.set(heading, []);
    found.get(heading).push([session, task]);
  }
  return [...found].filter(([, entries]) => entries.length);
}

function Entry({ session, task, open, words }) {
  return html`<li><a class="entry" href=${`/sessions/${session.id}`} data-inside aria-current=${open ? "page" : null} title=${session.title}>
    <span class="entry-state">${task ? html`<${TaskState} task=${task} bare=${true} />` : html`<${Icon} name="message" />`}</span>
    <span class="entry-title">${session.title}</span>
    <span class="entry-meta">${task?.state === "running" ? html`<${Elapsed} task=${task} />` : html`<${When} at=${lastUsed(session, task)} words=${words} />`}</span>
  </a></li>`;
}

const THEMES = { system: "light", light: "dark", dark: "system" };

function nextTheme() {
  setTheme(THEMES[theme()]);
  changed();
}

async function signOut() {
  await fetch("/logout", { method: "POST", headers: { Accept: "application/json" } }).catch(() => {});
  location.assign("/login");
}

export function Sidebar({ openId, isNew, onClose }) {
  const all = groups();
  const id = (heading) => `group-${heading.toLowerCase().replace(/\W+/g, "-")}`;
  return html`<nav class="sidebar" id="sidebar" aria-label="Conversations">
    <div class="sidebar-head">
      <a class="brand" href="/" data-inside>Errand</a>
      <button type="button" class="icon-button" title="Find ( / )" aria-label="Find a conversation" onClick=${find}><${Icon} name="find" /></button>
      <button type="button" class="icon-button drawer-close" aria-label="Close conversations" onClick=${onClose}><${Icon} name="close" /></button>
    </div>
    <a class="new-task" href="/" data-inside aria-current=${isNew ? "page" : null}><${Icon} name="plus" /><span>New task</span><kbd>n</kbd></a>
    <div class="sidebar-list">
      ${known.error && !connection.away && !isWrong() && html`<p class="sidebar-note" role="alert"><${Icon} name="away" />${known.error.message}</p>`}
      ${all.map(([heading, entries]) => html`<section class=${heading === "Needs you" ? "needs-you" : ""} aria-labelledby=${id(heading)}>
        <h2 id=${id(heading)}>${heading}${URGENT.includes(heading) && html`<span class="badge">${entries.length}</span>`}</h2>
        <ul>${entries.map(([session, task]) => html`<${Entry} key=${session.id} session=${session} task=${task} open=${session.id === openId}
          words=${URGENT.includes(heading) ? briefWithDay : brief} />`)}</ul>
      </section>`)}
      ${known.loaded && !all.length && !known.error && html`<p class="sidebar-note">Conversations will stand here.</p>`}
      ${known.moreSessions && html`<button type="button" class="more" onClick=${() => loadSessions(known.moreSessions)}>Earlier conversations</button>`}
    </div>
    <div class="sidebar-foot">
      <button type="button" class="icon-button" title=${`Colours: ${theme()}`} aria-label=${`Colours: ${theme()}`} onClick=${nextTheme}><${Icon} name="theme" /></button>
      <button type="button" class="icon-button" title="Keys ( ? )" aria-label="Keys" onClick=${showKeys}><${Icon} name="keyboard" /></button>
      <a class="link" href="/settings">Settings</a>
      ${signedIn() && html`<button type="button" class="link" onClick=${signOut}>Sign out</button>`}
    </div>
  </nav>`;
}
