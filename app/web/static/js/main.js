// The page: which view is open, the drawer, and what ties them together.

import { Component, html, render } from "../vendor/preact-htm.js";
import { Banner, watchProblems } from "./banner.js";
import { Conversation, NotFound } from "./conversation.js";
import { applyTheme } from "./drafts.js";
import { listenToKeys } from "./keys.js";
import { onRoute, route } from "./router.js";
import { Sidebar } from "./sidebar.js";
import { connection } from "./socket.js";
import { ConnectionSign } from "./status.js";
import { follow, loadTask, subscribe, taskOf } from "./store.js";
import { Icon } from "./icons.js";
import { Welcome } from "./welcome.js";

const narrow = matchMedia("(max-width: 819px)");

class Page extends Component {
  constructor(props) {
    super(props);
    this.state = { drawer: false, missing: null };
    this.openDrawer = () => this.setState({ drawer: true }, () => document.querySelector(".drawer-close")?.focus());
    this.closeDrawer = () => {
      const was = this.state.drawer;
      if (was) this.setState({ drawer: false }, () => document.querySelector(".menu")?.focus());
      return was;
    };
  }

  componentDidMount() {
    subscribe(() => this.forceUpdate());
    onRoute(() => this.setState({ drawer: false }));
    narrow.addEventListener("change", () => this.setState({ drawer: false }));
    listenToKeys({ closeDrawer: this.closeDrawer });
    follow();
    watchProblems();
  }

  async learnTask(id) {
    if (this.asked === id) return;
    this.asked = id;
    try {
      await loadTask(id);
    } catch (problem) {
      if (problem.status === 404) this.setState({ missing: id });
      else setTimeout(() => this.askAgain(), 2000);
    }
  }

  askAgain() {
    this.asked = null;
    this.forceUpdate();
  }

  view(at) {
    const onMenu = this.openDrawer;
    if (at.view === "new")
      return html`<div class="plain"><button type="button" class="icon-button menu" aria-label="Conversations" onClick=${onMenu}><${Icon} name="menu" /></button>
        ${connection.away && html`<${ConnectionSign} />`}
        <${Welcome} examples=${this.props.examples} /></div>`;
    if (at.view === "session") return html`<${Conversation} key=${at.id} id=${at.id} onMenu=${onMenu} />`;
    const task = taskOf(at.id);
    if (task) return html`<${Conversation} key=${task.session_id} id=${task.session_id} taskId=${task.id} onMenu=${onMenu} />`;
    if (this.state.missing === at.id) return html`<${NotFound} what="task" onMenu=${onMenu} />`;
    this.learnTask(at.id);
    return html`<p class="loading">Reading the task</p>`;
  }

  render(_, { drawer }) {
    const at = route();
    const openId = at.view === "session" ? at.id : taskOf(at.id)?.session_id;
    return html`<div class=${`page ${drawer ? "has-drawer" : ""}`}>
      <div class="side" inert=${narrow.matches && !drawer}><${Sidebar} openId=${openId} isNew=${at.view === "new"} onClose=${this.closeDrawer} /></div>
      <div class="shade" onClick=${this.closeDrawer}></div>
      <main id="main" inert=${narrow.matches && drawer}><${Banner} />${this.view(at)}</main>
    </div>`;
  }
}

applyTheme();
// Signed in already, the token has no business in the address bar.
if (location.hash.startsWith("#token=")) history.replaceState(null, "", location.pathname);

const root = document.getElementById("app");
root.replaceChildren();
render(html`<${Page} examples=${JSON.parse(root.dataset.examples)} />`, root);
