// The credentials section of the settings: list, store, remove, try again. No answer of the server holds a value.

import { applyTheme } from "./drafts.js";

applyTheme();
const part = (name) => document.getElementById(name);
const list = part("credentials-list");
const problem = part("credentials-problem");
const kind = part("credential-kind");
const value = part("credential-value");
const file = part("credential-file");

const STATES = { usable: "Usable", refused: "Refused", expired: "Expired", unreadable: "Unreadable" };
const UNREADABLE = "It was encrypted under another key: give ERRAND_FERNET_KEYS that key too, or store it again.";

function say(sentence) {
  problem.textContent = sentence;
  problem.hidden = !sentence;
}

async function ask(method, path, body) {
  const headers = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), credentials: "same-origin" });
  } catch {
    throw new Error("The server cannot be reached right now.");
  }
  if (response.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
  const said = response.status === 204 ? {} : await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(said.detail ?? `The server answered ${response.status}.`);
  return said;
}

function element(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text ?? "";
  if (className) made.className = className;
  return made;
}

function button(text, act, className = "button small") {
  const made = element("button", text, className);
  made.type = "button";
  made.addEventListener("click", () => act().then(() => say(""), (error) => say(error.message)));
  return made;
}

const moment = (text) => new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

function facts(one) {
  return [
    one.variables.length && `sets ${one.variables.join(", ")}`,
    one.last4 && `ends in ${one.last4}`,
    one.set && `stored ${moment(one.updated_at)}`,
    one.expires_at && `${new Date(one.expires_at) > new Date() ? "good until" : "was good until"} ${moment(one.expires_at)}`,
    one.retry_at && `tried again at ${moment(one.retry_at)}`,
    one.waiting && `${one.waiting} ${one.waiting === 1 ? "task waits" : "tasks wait"} for it`,
  ].filter(Boolean).join(" · ");
}

// Asked twice, in the button itself: what is removed cannot be had back.
function removal(one) {
  const made = button("Remove", async () => {
    if (made.dataset.sure !== "yes") {
      made.dataset.sure = "yes";
      made.textContent = "Really remove";
      made.classList.add("danger");
      return;
    }
    await ask("DELETE", `/api/credentials/${encodeURIComponent(one.name)}`);
    await load();
  }, "button small quiet");
  made.setAttribute("aria-label", `Remove ${one.name}`);
  made.addEventListener("blur", () => {
    delete made.dataset.sure;
    made.textContent = "Remove";
    made.classList.remove("danger");
  });
  return made;
}

function drawn(one) {
  const item = element("li", "", "credential");
  const head = element("p", "", "credential-head");
  const name = one.kind === "environment" ? `The workers' environment (${one.name.split(":")[1]})` : one.name;
  head.append(element("strong", name), element("span", STATES[one.state] ?? one.state, `credential-state is-${one.state}`));
  item.append(head, element("p", facts(one), "soft"));
  const sentence = one.state === "unreadable" ? UNREADABLE : one.detail;
  if (sentence) item.append(element("p", sentence, "sentence"));
  const buttons = element("div", "", "buttons");
  if (one.state === "refused") {
    buttons.append(button("Try again", async () => {
      await ask("POST", `/api/credentials/${encodeURIComponent(one.name)}/retry`);
      await load();
    }));
  }
  if (one.kind !== "environment") buttons.append(removal(one));
  item.append(buttons);
  return item;
}

async function load() {
  const { items } = await ask("GET", "/api/credentials");
  list.replaceChildren(...items.map(drawn));
  part("credentials-none").hidden = items.length > 0;
}

function chooseKind() {
  const isFile = kind.value === "claude";
  value.hidden = isFile;
  file.hidden = !isFile;
  part("credential-variable-row").hidden = kind.value !== "";
}

async function store() {
  const name = part("credential-name").value.trim();
  const variable = kind.value || part("credential-variable").value.trim();
  const body = kind.value === "claude" ? { claude: file.value } : { variables: { [variable]: value.value } };
  await ask("PUT", `/api/credentials/${encodeURIComponent(name)}`, body);
  part("credential-form").reset();
  chooseKind();
  await load();
  part("credentials-told").textContent = `${name} is stored.`;
}

kind.addEventListener("change", chooseKind);
part("credential-form").addEventListener("submit", (event) => {
  event.preventDefault();
  store().then(() => say(""), (error) => say(error.message));
});
load().catch((error) => say(error.message));
