"""Training: the loop, its data and its callbacks."""
