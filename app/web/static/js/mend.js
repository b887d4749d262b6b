// What mends a failure, where that is known: a command to run where the worker is, or a setting to raise.

import { html } from "../vendor/preact-htm.js";
import { INSTALL, cliReady } from "./agents.js";
import { Copy } from "./copy.js";

const PROGRAM = new Set(["cli_missing", "cli_not_executable", "cli_version"]);
const KEYS = { claude: "ANTHROPIC_API_KEY" };

// [field of agent.toml, setting that holds where an agent says nothing]
const LIMITS = {
  budget: ["budget_usd"],
  max_turns: ["max_turns"],
  timeout: ["timeout", "ERRAND_TASK_TIMEOUT"],
  idle_timeout: ["idle_timeout", "ERRAND_IDLE_TIMEOUT"],
  output_limit: [null, "ERRAND_OUTPUT_LIMIT"],
};

// { text, command }, as `errand doctor` says it; null where trying again may be all it needs.
export function commandFor({ reason, cli }) {
  if (PROGRAM.has(reason) && INSTALL[cli] && !cliReady(cli)) return { text: "Where the worker runs:", command: INSTALL[cli] };
  if (reason === "cli_auth" && KEYS[cli]) return { text: "Where the worker is started, then restart it:", command: `export ${KEYS[cli]}=...` };
  return null;
}

export function Command({ text, command }) {
  return html`<p class="mending"><span>${text}</span> <span class="mend"><code>${command}</code><${Copy} text=${command} what="command" /></span></p>`;
}

export function Limit({ reason, agent }) {
  const [field, setting] = LIMITS[reason] ?? [];
  const own = field && html`<code>${field}</code> in <code>agents/${agent}/agent.toml</code>`;
  if (own && setting) return html`<p class="mending">The limit is ${own}, else <code>${setting}</code>.</p>`;
  if (own || setting) return html`<p class="mending">The limit is ${own || html`<code>${setting}</code>`}.</p>`;
  return null;
}
