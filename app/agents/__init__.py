"""Reads and validates agents/: what can be used, what to mend where, and who stands in for the unknown."""

from app.agents.catalogue import Agents, Catalogue, Resolved, load, resolve
from app.agents.instructions import File, instructions
from app.agents.source import Unusable

__all__ = ["Agents", "Catalogue", "File", "Resolved", "Unusable", "instructions", "load", "resolve"]
