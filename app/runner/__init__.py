"""Runs a claimed Task's CLI and brings what it prints into the rows."""
