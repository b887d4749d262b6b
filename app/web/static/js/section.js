// A few dozen cards that are drawn when the reader comes near, or when there is nothing better to do.

import { Component, html } from "../vendor/preact-htm.js";
import { Row } from "./row.js";
import { AttemptCard, NoticeCard, StatusCard, UnknownCard } from "./cards/notes.js";
import { OutputCard } from "./cards/output.js";
import { TextCard, ThinkingCard } from "./cards/prose.js";
import { ResultCard } from "./cards/result.js";
import { ToolsCard } from "./cards/tool.js";

const CARDS = {
  attempt: AttemptCard,
  notice: NoticeCard,
  output: OutputCard,
  result: ResultCard,
  status: StatusCard,
  text: TextCard,
  thinking: ThinkingCard,
  tools: ToolsCard,
  unknown: UnknownCard,
};

const CARD_HEIGHT = 56;

// One card. What it cannot draw is shown as it came: no Event may take the page with it.
class Card extends Component {
  shouldComponentUpdate(next, state) {
    return next.v !== this.props.v || next.live !== this.props.live || next.ends !== this.props.ends || state !== this.state;
  }
  componentDidCatch() {
    this.setState({ broken: true });
  }
  render({ card, v, live, task }, { broken }) {
    if (broken) {
      const { section, ...fields } = card;
      return html`<${Row} icon="alert" name="Not shown" summary="this page could not draw it"
        body=${() => html`<pre class="command">${JSON.stringify(fields, null, 2)}</pre>`} />`;
    }
    return html`<${CARDS[card.kind]} card=${card} v=${v} live=${live} task=${task} />`;
  }
}

const idle = [];
const later = window.requestIdleCallback ?? ((work) => setTimeout(() => work({ timeRemaining: () => 8 }), 50));
let working = false;

function drawIdly(deadline) {
  while (idle.length && deadline.timeRemaining() > 4) {
    const section = idle.pop();
    if (section.mounted && !section.state.drawn) {
      section.setState({ drawn: true });
      break;
    }
  }
  working = idle.length > 0;
  if (working) later(drawIdly);
}

const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) target.section?.setState({ drawn: true });
  },
  { rootMargin: "1200px 0px" },
);

export class Section extends Component {
  constructor(props) {
    super(props);
    this.state = { drawn: props.drawn };
  }
  shouldComponentUpdate(next, state) {
    const { props } = this;
    return next.v !== props.v || next.live !== props.live || next.ends !== props.ends || state.drawn !== this.state.drawn;
  }
  componentDidMount() {
    this.mounted = true;
    this.base.section = this;
    if (this.state.drawn) return;
    near.observe(this.base);
    idle.push(this);
    if (!working) {
      working = true;
      later(drawIdly);
    }
  }
  componentDidUpdate() {
    if (this.state.drawn) near.unobserve(this.base);
  }
  componentWillUnmount() {
    this.mounted = false;
    near.unobserve(this.base);
  }
  render({ section, live, ends, task }, { drawn }) {
    const height = section.cards.length * CARD_HEIGHT;
    if (!drawn) return html`<div class="section" style=${{ height: `${height}px` }}></div>`;
    const closed = section.cards.length >= 30;
    const style = { height: "", containIntrinsicSize: closed ? `auto ${height}px` : "" };
    return html`<div class=${closed ? "section is-long" : "section"} style=${style}>
      ${section.cards.map((card) => html`<${Card} key=${card.key} card=${card} v=${card.v} live=${live} ends=${ends} task=${task} />`)}
    </div>`;
  }
}
