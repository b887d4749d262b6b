// Users: make one, give a role, shut out, a link to choose a password.

import { html, useState } from "../../vendor/preact-htm.js";
import { post } from "../api.js";
import { ROLES, Act, Form, Secret, fill } from "./parts.js";

function RoleChoice({ user, reload }) {
  const [problem, setProblem] = useState("");
  const change = async (event) => {
    setProblem("");
    try {
      await post(`/api/users/${user.id}`, { role: event.target.value });
    } catch (refused) {
      event.target.value = user.role;
      setProblem(refused.message);
    }
    await reload();
  };
  return html`<select aria-label=${`Role of ${user.login}`} onChange=${change}>
      ${ROLES.map((one) => html`<option value=${one} selected=${one === user.role}>${one}</option>`)}
    </select>${problem && html`<span class="settings-problem" role="alert">${problem}</span>`}`;
}

function Users({ items, reload }) {
  const [link, setLink] = useState(null);
  const send = async ({ login, role }) => {
    const made = await post("/api/users", { login, role });
    setLink({ login, url: made.link.url });
  };
  return html`<${Form} send=${send} done=${reload} submit="Make user" label="New user">
      <label>Login <input name="login" required maxlength="64" autocomplete="off" pattern="[A-Za-z0-9][A-Za-z0-9._@+\\-]*" /></label>
      <label>Role <select name="role">${ROLES.map((one) => html`<option value=${one}>${one}</option>`)}</select></label>
    </${Form}>
    ${link && html`<${Secret} text=${link.url} what="link">Send this link to <strong>${link.login}</strong>: it signs in once, within a day, to choose a password.</${Secret}>`}
    <ul class="settings-list">${items.map((user) => html`<li key=${user.id} class=${user.disabled ? "is-shut" : ""}>
      <span class="settings-main-text">${user.login} ${user.disabled && html`<span class="badge">shut out</span>`}
        <span class="settings-note">${user.has_password ? "has a password" : user.github ? "signs in with GitHub" : "has not chosen a password yet"}</span></span>
      <span class="settings-acts"><${RoleChoice} user=${user} reload=${reload} />
        <${Act} path=${`/api/users/${user.id}/link`} done=${(made) => setLink({ login: user.login, url: made.url })} words="Password link" what=${`Password link for ${user.login}`} />
        <${Act} path=${`/api/users/${user.id}`} body=${{ disabled: !user.disabled }} done=${reload} words=${user.disabled ? "Let in" : "Shut out"} what=${`${user.disabled ? "Let in" : "Shut out"} ${user.login}`} /></span>
    </li>`)}</ul>
    ${!items.length && html`<p class="settings-note">There are no users. You are the built-in admin.</p>`}`;
}

fill("users", "/api/users", ({ items }, reload) => html`<${Users} items=${items} reload=${reload} />`);
