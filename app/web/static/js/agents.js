// Which agents can run, on what, and what is missing where they cannot.

import { lastAgent } from "./drafts.js";
import { known, sessionOf } from "./store.js";

export const INSTALL = {
  claude: "npm install -g @anthropic-ai/claude-code@latest",
  codex: "npm install -g @openai/codex",
  gemini: "npm install -g @google/gemini-cli",
  opencode: "npm install -g opencode-ai",
  aider: "pip install aider-chat",
};

export const aliveWorkers = () => known.machines.filter((machine) => machine.alive && machine.role === "worker");

export const cliReady = (name) => aliveWorkers().some(({ clis }) => clis[name]?.path && !clis[name].problem);

export const isScripted = (agent) => agent.name === "demo";
export const isReady = (agent) => agent.ready;

export const agentNames = () => known.agents.map((agent) => agent.name);

// The agent for a new message: the conversation's own, else the last one taken, else the first that can run.
export function choose(sessionId) {
  const session = sessionId && sessionOf(sessionId);
  if (session) return session.agent;
  const ready = known.agents.filter(isReady);
  const last = ready.find((agent) => agent.name === lastAgent());
  const first = ready.find((agent) => agent.name === "brain") ?? ready.find((agent) => !isScripted(agent));
  return (last ?? first)?.name ?? "demo";
}

// [{ text, command }]: one line per missing CLI, with what mends it. What else is wrong, the banner says.
export function missing() {
  if (!known.loaded || known.error) return [];
  const workers = aliveWorkers();
  const clis = new Set(known.agents.filter((agent) => agent.usable && !isScripted(agent)).map((agent) => agent.cli));
  return workers.length ? [...clis].filter((cli) => !cliReady(cli)).map((cli) => missingCli(cli, workers)) : [];
}

function missingCli(cli, workers) {
  const problem = workers.map(({ clis }) => clis[cli]?.problem).find(Boolean);
  const text = problem ? (problem.includes(cli) ? problem : `${cli}: ${problem}`) : `The program ${cli} was not found on the worker's PATH.`;
  return { text, command: INSTALL[cli] };
}
