"""Real processes, seen from outside."""
