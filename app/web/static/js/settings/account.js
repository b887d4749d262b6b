// My account: become a user, another password, where one is signed in.

import { html } from "../../vendor/preact-htm.js";
import { get, post } from "../api.js";
import { announce } from "../live.js";
import { When } from "../time.js";
import { Act, Form, fill } from "./parts.js";

const VIA = { token: "with the admin token", link: "with a link", password: "with a password", github: "with GitHub" };

function SetUp({ reload }) {
  const send = async (fields) => {
    await post("/api/account", fields);
    announce("You are a user now.");
  };
  return html`<h3>Make yourself a user</h3>
    <p>You are the built-in admin: you came by the admin token or by a link. With a login and a password of your own you need neither.</p>
    <${Form} send=${send} done=${reload} submit="Make user" label="Make yourself a user">
      <label>Login <input name="login" autocomplete="username" required maxlength="64" pattern="[A-Za-z0-9][A-Za-z0-9._@+\\-]*" /></label>
      <label>Password <input name="password" type="password" autocomplete="new-password" required minlength="10" maxlength="1024" /></label>
    </${Form}>`;
}

function Password({ account, reload }) {
  const send = async (fields) => {
    await post("/api/account/password", fields);
    announce("The password was changed. Other browsers are signed out.");
  };
  return html`<h3>${account.needs_old_password ? "Another password" : "Choose a password"}</h3>
    <${Form} send=${send} done=${reload} submit="Set password" label="Password">
      <input type="text" name="login" autocomplete="username" value=${account.name} readonly hidden />
      ${account.needs_old_password && html`<label>Old password <input name="old" type="password" autocomplete="current-password" required /></label>`}
      <label>New password <input name="password" type="password" autocomplete="new-password" required minlength="10" maxlength="1024" /></label>
    </${Form}>
    <p class="settings-note">At least 10 characters. Every other browser is signed out.</p>`;
}

function browser(agent) {
  const name = /(Firefox|Edg|Chrome|Safari)\//.exec(agent)?.[1];
  const system = /(Windows|Mac OS X|Android|iPhone|Linux)/.exec(agent)?.[1];
  return [name === "Edg" ? "Edge" : name, system && `on ${system}`].filter(Boolean).join(" ") || agent || "A program";
}

function Logins({ items, reload }) {
  return html`<h3>Signed in</h3><ul class="settings-list">${items.map((login) => html`<li key=${login.id}>
    <span class="settings-main-text">${browser(login.agent)}${login.this && html` <span class="badge">this one</span>`}
      <span class="settings-note">${VIA[login.via]}, from ${login.address}, used <${When} at=${login.seen_at} /></span></span>
    ${!login.this && html`<${Act} path=${`/api/account/logins/${login.id}/revoke`} done=${reload} words="Sign out" what=${`Sign out ${browser(login.agent)}`} />`}
  </li>`)}</ul>`;
}

async function load() {
  await fill("account", "/api/account", (account, reload) => html`
    <p class="settings-who"><strong>${account.name}</strong> <span class="badge">${account.role}</span></p>
    ${account.built_in && account.via === "cookie" && html`<${SetUp} reload=${reload} />`}
    ${account.may_set_password && html`<${Password} account=${account} reload=${reload} />`}
    ${account.via === "cookie" && html`<div id="logins-body"></div>`}`);
  if (document.getElementById("logins-body")) await fill("logins", "/api/account/logins", ({ items }, reload) => html`<${Logins} items=${items} reload=${reload} />`);
}

load();
