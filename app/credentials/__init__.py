"""Credentials: kept encrypted, handed to those CLIs whose Agents name them, watched, and refreshed."""

from app.credentials.contents import Contents
from app.credentials.safe import Safe

__all__ = ["Contents", "Safe"]
