"""The rules of the house as tests: who may do what, and that the documents say what the code does."""
