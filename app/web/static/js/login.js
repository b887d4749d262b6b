// Signing in: the token from the address's fragment, or the one pasted, is traded for a cookie.

import { applyTheme } from "./drafts.js";

applyTheme();
const form = document.getElementById("login");
const box = document.getElementById("token");
const problem = document.getElementById("problem");
const button = form.querySelector("button");

function say(sentence) {
  problem.textContent = sentence;
  problem.hidden = !sentence;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a percent sign that somebody typed
  }
}

async function signIn(token) {
  button.disabled = true;
  say("");
  try {
    const response = await fetch("/login", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ token, next: form.dataset.next }),
    });
    const said = await response.json().catch(() => ({}));
    if (response.ok) return location.replace(said.next ?? "/");
    say(said.detail ?? "That did not work. Try again.");
  } catch {
    say("The server cannot be reached right now.");
  }
  button.disabled = false;
  box.focus();
  box.select();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  // A whole address pasted from the terminal is fine too; only there is the token written as in an address.
  const [, inAddress] = /^.*#token=(.*)$/.exec(box.value.trim()) ?? [];
  const token = inAddress === undefined ? box.value.trim() : decoded(inAddress);
  if (token) signIn(token);
});

// The printed address opened where this page is open already changes nothing but the fragment.
function takeFragment() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return;
  history.replaceState(null, "", location.pathname + location.search);
  signIn(decoded(found[1]));
}

window.addEventListener("hashchange", takeFragment);
takeFragment();
