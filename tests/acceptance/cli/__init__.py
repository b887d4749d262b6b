"""The `errand` command from outside."""
