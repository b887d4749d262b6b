"""Rows and the verbs on them; the only room that speaks SQL."""
