"""Generic webhooks: a signed POST becomes a Task, and its end is told to whoever wants to know."""
