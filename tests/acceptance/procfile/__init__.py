"""The Procfile's own lines, as a platform runs them."""
