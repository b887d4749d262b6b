"""bin/up and what it stands on."""
