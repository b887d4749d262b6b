// The page's icons: 16 px, stroked with the colour of the text around them.

import { html } from "../vendor/preact-htm.js";

const PATHS = {
  agent: "M5 6.5h6a1.5 1.5 0 0 1 1.5 1.5v3A1.5 1.5 0 0 1 11 12.5H5A1.5 1.5 0 0 1 3.5 11V8A1.5 1.5 0 0 1 5 6.5zM8 6.5V4M6.5 9v1M9.5 9v1M8 4h.01",
  alert: "M8 2.5 14 13H2zM8 6.5v3M8 11.2v.1",
  away: "M2 2l12 12M4 12h7.5M4 12a2.5 2.5 0 0 1-.6-4.9M12.9 11.2A2.5 2.5 0 0 0 11.5 7 4 4 0 0 0 6.6 4.3",
  back: "M10 3 5 8l5 5",
  check: "M3.5 8.5l3 3 6-7",
  chevron: "M6 4l4 4-4 4",
  circle: "M8 3a5 5 0 1 1 0 10A5 5 0 0 1 8 3z",
  clock: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM8 5v3.2l2 1.3",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M6 6h7v7.5H6zM3 10V2.5h7",
  down: "M8 3v10M4 9l4 4 4-4",
  edit: "M3 13l.7-2.9L11 2.8 13.2 5l-7.3 7.3zM9.5 4.3l2.2 2.2",
  external: "M6.5 3H3v10h10V9.5M9 3h4v4M13 3 7.5 8.5",
  file: "M4 2h5l3 3v9H4zM9 2v3h3",
  find: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.3 10.3 14 14",
  globe: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM2.5 8h11M8 2.5c-4 4-4 7 0 11M8 2.5c4 4 4 7 0 11",
  info: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM8 7.3v3.4M8 5.2v.1",
  keyboard: "M2 4.5h12v7.5H2zM4.5 7h.1M7 7h.1M9.5 7h.1M11.7 7h.1M5 9.7h6",
  live: "M8 7a1 1 0 1 1 0 2 1 1 0 0 1 0-2zM5 5a4.2 4.2 0 0 0 0 6M11 5a4.2 4.2 0 0 1 0 6M3 3a7 7 0 0 0 0 10M13 3a7 7 0 0 1 0 10",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  message: "M2.5 3.5h11v7.5H7L4 13.5V11H2.5z",
  panel: "M2.5 3h11v10h-11zM10 3v10",
  plus: "M8 3v10M3 8h10",
  queued: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM5.5 8h.1M8 8h.1M10.5 8h.1",
  retry: "M13 3v3.5H9.5M12.7 6.3A5 5 0 1 0 13 9",
  running: "M8 2.5A5.5 5.5 0 1 1 2.5 8",
  send: "M8 13V3M4 7l4-4 4 4",
  sliders: "M3 5h6M12 5h1M3 11h1M7 11h6M10.5 3.5v3M5.5 9.5v3",
  stop: "M4.5 4.5h7v7h-7z",
  terminal: "M3 4l4 4-4 4M8.5 12H13",
  theme: "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11",
  thinking: "M5.5 11.5a4 4 0 1 1 5 0v1.5h-5zM6.5 15h3",
  todo: "M2.5 4l1 1 2-2M8 4.2h5.5M2.5 8.5l1 1 2-2M8 8.7h5.5M3 13h2M8 13h5.5",
  tool: "M10.5 2.8a3 3 0 0 0-2.7 4.3L3 11.9l1.6 1.6 4.8-4.8a3 3 0 0 0 4-3.6l-1.9 1.7-1.6-.4-.4-1.6 1.6-2z",
};

export function Icon({ name, label }) {
  const said = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return html`<svg class=${`icon icon-${name}`} viewBox="0 0 16 16" width="16" height="16" ...${said}>
    <path d=${PATHS[name]} />
  </svg>`;
}

// The same for places that are not drawn by Preact.
export function iconElement(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  for (const [key, value] of Object.entries({ class: `icon icon-${name}`, viewBox: "0 0 16 16", "aria-hidden": "true" }))
    svg.setAttribute(key, value);
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
