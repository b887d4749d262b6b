"""What Errand knows without doing any I/O: its words as models, and the rules between them."""
