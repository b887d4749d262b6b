"""The `errand` command, and bin/up."""
