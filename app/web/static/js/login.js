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
  // A whole address pasted from the terminal is fine too.
  const token = box.value.trim().replace(/^.*#token=/, "");
  if (token) signIn(decodeURIComponent(token));
});

// The printed address opened where this page is open already changes nothing but the fragment.
function takeFragment() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return;
  history.replaceState(null, "", location.pathname + location.search);
  signIn(decodeURIComponent(found[1]));
}

window.addEventListener("hashchange", takeFragment);
takeFragment();
