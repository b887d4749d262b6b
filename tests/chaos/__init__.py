"""The proof: real processes, seeded faults, and promises checked from what the CLIs themselves recorded."""
