// A quiet row that opens: closed unless told otherwise, and then as the reader leaves it.

import { Component, html } from "../vendor/preact-htm.js";
import { Icon } from "./icons.js";

export class Row extends Component {
  // `open` is the default (failures are open); the reader's own choice wins.
  render({ icon, name, summary, meta, tone = "", open = false, className = "", body }, { chosen }) {
    const isOpen = body ? (chosen ?? open) : false;
    const toggle = () => this.setState({ chosen: !isOpen });
    const inside = html`
      <span class="row-icon"><${Icon} name=${icon} /></span>
      <span class="row-name">${name}</span>
      <span class="row-summary">${summary}</span>
      <span class="row-meta">${meta}</span>
      ${body && html`<span class="row-chevron"><${Icon} name="chevron" /></span>`}
    `;
    return html`<div class=${`row-card ${tone} ${className} ${isOpen ? "is-open" : ""}`}>
      ${body
        ? html`<button type="button" class="row" aria-expanded=${String(isOpen)} onClick=${toggle}>${inside}</button>`
        : html`<div class="row">${inside}</div>`}
      ${isOpen && html`<div class="row-body">${body()}</div>`}
    </div>`;
  }
}
