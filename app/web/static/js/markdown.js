// Markdown from an agent is untrusted text: raw HTML is shown as text, images as links, and what is left is sanitised.

import { Component, html } from "../vendor/preact-htm.js";
import { Marked } from "../vendor/marked.js";
import DOMPurify from "../vendor/purify.js";
import { iconElement } from "./icons.js";

const TAGS = (
  "p a strong em del code pre ul ol li blockquote h1 h2 h3 h4 h5 h6 hr br table thead tbody tr th td span"
).split(" ");

// Beyond this a text is shown as it is: nobody reads it as prose, and parsing it again and again costs.
const PLAIN_OVER = 200_000;

function escaped(text) {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

const marked = new Marked({
  gfm: true,
  renderer: {
    html: ({ text }) => escaped(text),
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    checkbox: ({ checked }) => `<span class="${checked ? "box checked" : "box"}"></span>`,
  },
});

const purifier = DOMPurify(window);
const ALLOWED = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ["href", "title", "start", "align", "class"],
  // Only what names its own host: a relative link would lead into Errand itself.
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  // Without this, values that are no addresses would have to look like one.
  ADD_URI_SAFE_ATTR: ["align", "start"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A" && node.hasAttribute("href")) {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
    node.setAttribute("title", node.getAttribute("href"));
  }
  const name = node.getAttribute?.("class");
  if (name && !/^(?:box|box checked|language-[\w+#.-]{1,30})$/.test(name)) node.removeAttribute("class");
});

function withCopyButtons(fragment) {
  for (const pre of fragment.querySelectorAll("pre")) {
    const frame = document.createElement("div");
    frame.className = "code";
    pre.replaceWith(frame);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy-code icon-button";
    button.title = "Copy code";
    button.setAttribute("aria-label", "Copy code");
    button.append(iconElement("copy"));
    pre.tabIndex = 0;
    frame.append(pre, button);
  }
  for (const table of fragment.querySelectorAll("table")) {
    const frame = document.createElement("div");
    frame.className = "wide";
    table.replaceWith(frame);
    frame.append(table);
  }
  return fragment;
}

function fragmentOf(token) {
  return withCopyButtons(purifier.sanitize(marked.parser([token]), ALLOWED));
}

// One top-level block. It is drawn again only when its own source changed, so that a text which grows
// at its end leaves what stands above (and the reader's selection in it) alone.
class Block extends Component {
  shouldComponentUpdate(next) {
    return next.raw !== this.props.raw;
  }
  componentDidMount() {
    this.draw();
  }
  componentDidUpdate() {
    this.draw();
  }
  draw() {
    this.base.replaceChildren(fragmentOf(this.props.token));
  }
  render() {
    return html`<div class="block"></div>`;
  }
}

export class Markdown extends Component {
  shouldComponentUpdate(next) {
    return next.text !== this.props.text;
  }
  render({ text }) {
    if (text.length > PLAIN_OVER) return html`<pre class="plain" tabindex="0">${text}</pre>`;
    const tokens = marked.lexer(text).filter((token) => token.type !== "space" && token.type !== "def");
    return html`<div class="prose">
      ${tokens.map((token, i) => html`<${Block} key=${i} raw=${token.raw} token=${token} />`)}
    </div>`;
  }
}
