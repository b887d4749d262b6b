"""Tests: unit (no I/O), integration (real servers), acceptance (real processes and a real browser)."""
