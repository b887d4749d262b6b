"""bin/up: all of Errand on this machine, started by one command and ended by one key."""

from app.cli.up.command import main

__all__ = ["main"]
