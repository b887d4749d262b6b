"""Adapters: all that Errand knows about each CLI, sans I/O."""

from app.runner.adapters.base import Adapter, Outcome, Parser, Run
from app.runner.adapters.claude import ClaudeAdapter
from app.runner.adapters.command import CommandAdapter
from app.runner.adapters.demo import DemoAdapter

__all__ = ["Adapter", "Outcome", "Parser", "Run", "adapter_for"]


def adapter_for(cli: str) -> Adapter:
    """Return the Adapter that knows `cli`, or the one for programs nothing is known about."""
    if cli == "claude":
        return ClaudeAdapter()
    if cli == "demo":
        return DemoAdapter()
    return CommandAdapter(cli)
