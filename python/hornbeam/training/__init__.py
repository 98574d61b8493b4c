"""Training: steps, and the loops over them."""
