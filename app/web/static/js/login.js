// Signing in: a token or a link's secret from the address's fragment or the box, or a login and a password, for a cookie.

import { applyTheme } from "./drafts.js";

applyTheme();
const place = document.getElementById("login");
const problem = document.getElementById("problem");
const byToken = document.getElementById("by-token");
const byPassword = document.getElementById("by-password");
const token = document.getElementById("token");

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

function busy(now) {
  for (const button of place.querySelectorAll("button")) button.disabled = now;
}

async function signIn(shown, box) {
  busy(true);
  say("");
  try {
    const response = await fetch("/login", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ ...shown, next: place.dataset.next }),
    });
    const said = await response.json().catch(() => ({}));
    if (response.ok) return location.replace(said.next ?? "/");
    say(said.detail ?? "That did not work. Try again.");
  } catch {
    say("The server cannot be reached right now.");
  }
  busy(false);
  box.focus();
  box.select();
}

byToken.addEventListener("submit", (event) => {
  event.preventDefault();
  // A whole address pasted from the terminal is fine too; only there is the token written as in an address.
  const [, inAddress] = /^.*#token=(.*)$/.exec(token.value.trim()) ?? [];
  const found = inAddress === undefined ? token.value.trim() : decoded(inAddress);
  if (found) signIn({ token: found }, token);
});

byPassword?.addEventListener("submit", (event) => {
  event.preventDefault();
  const { login, password } = Object.fromEntries(new FormData(byPassword));
  signIn({ login: login.trim(), password }, document.getElementById("password"));
});

// The printed address opened where this page is open already changes nothing but the fragment.
function takeFragment() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return;
  history.replaceState(null, "", location.pathname + location.search);
  signIn({ token: decoded(found[1]) }, token);
}

window.addEventListener("hashchange", takeFragment);
takeFragment();
