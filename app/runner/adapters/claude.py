"""The Adapter for Claude Code: its flags, and the prompt where it cannot be taken for one."""

from collections.abc import Mapping

from app.domain.agent import Agent
from app.runner.adapters.base import Run
from app.runner.adapters.claude_cleaner import ClaudeCleaner
from app.runner.adapters.claude_parser import ClaudeParser
from app.security.redact import Redactor

#: Input that begins with `-` or `/` may be flag or command to the CLI: ours never begins as the user wants.
FIRST_LINE = "The request follows."

_ALWAYS = (
    "-p",
    *("--output-format", "stream-json", "--verbose", "--include-partial-messages"),
)


class ClaudeAdapter:
    """Claude Code, run headless."""

    program = "claude"
    resumes = True
    signs_in_with = frozenset({"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"})

    def argv(self, run: Run) -> list[str]:
        """Return the flags: the agent's, and the session to begin or to go on with."""
        agent = run.agent
        argv = [*_ALWAYS, *_sources(agent), "--permission-mode", agent.permission_mode]
        if agent.model:
            argv += ["--model", agent.model]
        if agent.max_turns:
            argv += ["--max-turns", str(agent.max_turns)]
        if agent.budget_usd:
            argv += ["--max-budget-usd", format(agent.budget_usd, "f")]
        if agent.allowed_tools:
            argv += ["--allowedTools", *agent.allowed_tools]
        if run.cli_session_id:
            return [*argv, "--resume", run.cli_session_id]
        return [*argv, "--session-id", run.new_session_id]

    def env(self, run: Run) -> Mapping[str, str]:  # noqa: ARG002 - the same for every run
        """Return what keeps the CLI to its task: few retries of its own, no updates, no telemetry.

        And what lets it keep its plan as one list, which the page and GitHub show: of its own accord the
        newer models get no such tool when headless (tried with 2.1.330).
        """
        return {
            "CLAUDE_CODE_ENABLE_TASKS": "0",
            "CLAUDE_CODE_ENABLE_TODO_TOOLS": "1",
            "CLAUDE_CODE_MAX_RETRIES": "2",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }

    def stdin(self, run: Run) -> bytes:
        """Return the fixed first line, an empty one, and the message byte for byte."""
        return f"{FIRST_LINE}\n\n{run.message}".encode("utf-8", "replace")

    def cleaner(self, redactor: Redactor) -> ClaudeCleaner:
        """Return a cleaner of stream-json lines."""
        return ClaudeCleaner(redactor)

    def parser(self, run: Run) -> ClaudeParser:
        """Return a parser of its stream-json lines."""
        return ClaudeParser(run)


def _sources(agent: Agent) -> list[str]:
    """Return from where settings, hooks, commands and CLAUDE.md may come: "project" is the workspace.

    Its MCP servers are programs, and are not started even where its instructions are let in.
    """
    sources = "user,project" if agent.trust_workspace else "user"
    return ["--setting-sources", sources, "--strict-mcp-config"]
