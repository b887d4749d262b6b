"""GitHub: what a Delivery asks for, whether it may, what the agent is told, and what is answered."""
