// Terminal output as spans: colours and weights stay, every other control sequence is dropped.

import { html } from "../vendor/preact-htm.js";
import { AnsiUp } from "../vendor/ansi_up.js";

// OSC (titles, clipboard, links), DCS/PM/APC/SOS, CSI, charset and single-character escapes. A string ends at the
// end of its line at the latest: one that is never closed would swallow the rest of what was printed.
const STRINGS = /(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x18\x1a\x1b\x80-\x9f\n]*(?:\x07|\x1b\\|\x9c)?/g;
// One without its end goes too: ansi_up would wait for the end and keep what follows to itself.
const CSI = /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?/g;
const ESCAPES = /\x1b(?!\[)[ -/]*[0-~]?/g;
const CONTROLS = /[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]/g;
const COLOUR = /^(?:\x1b\[|\x9b)([\d;]*)m$/;

function coloursOnly(text) {
  return text
    .replace(STRINGS, "")
    .replace(CSI, (sequence) => {
      const colour = COLOUR.exec(sequence);
      return colour ? `\x1b[${colour[1]}m` : "";
    })
    .replace(ESCAPES, "")
    .replace(CONTROLS, "");
}

// A line redrawn with carriage returns shows as it looked last.
function lastDrawn(line) {
  const trimmed = line.replace(/\r+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("\r") + 1);
}

export function cleanLines(text) {
  return String(text).split("\n").map(lastDrawn);
}

class Fragments extends AnsiUp {
  read(text) {
    this.found = [];
    this.ansi_to_html(text);
    return this.found;
  }
  transform_to_html(fragment) {
    if (fragment.text) this.found.push(fragment);
    return "";
  }
  process_hyperlink(packet) {
    return this.transform_to_html(this.with_state(packet));
  }
}

function classes({ bold, faint, italic, underline, fg, bg }) {
  const names = [];
  if (bold) names.push("ansi-bold");
  if (faint) names.push("ansi-faint");
  if (italic) names.push("ansi-italic");
  if (underline) names.push("ansi-underline");
  if (fg && fg.class_name !== "truecolor") names.push(`${fg.class_name}-fg`);
  if (bg && bg.class_name !== "truecolor") names.push(`${bg.class_name}-bg`);
  return names.join(" ");
}

function exactColours({ fg, bg }) {
  const style = {};
  if (fg?.class_name === "truecolor") style.color = `rgb(${fg.rgb.join(",")})`;
  if (bg?.class_name === "truecolor") style.backgroundColor = `rgb(${bg.rgb.join(",")})`;
  return style;
}

// `text` as text and spans for a <pre>.
export function coloured(text) {
  const clean = coloursOnly(text);
  if (!clean.includes("\x1b")) return clean;
  return new Fragments().read(clean).map((fragment) => {
    const name = classes(fragment);
    const plain = !name && !fragment.fg && !fragment.bg;
    return plain ? fragment.text : html`<span class=${name} style=${exactColours(fragment)}>${fragment.text}</span>`;
  });
}

export function plainText(text) {
  return coloursOnly(String(text)).replace(/\x1b\[[\d;]*m/g, "");
}
