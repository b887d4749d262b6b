"""Who may come in, and what may not go out."""
