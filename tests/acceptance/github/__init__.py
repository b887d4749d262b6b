"""GitHub against the processes of the Procfile."""
