"""What feeds steps: arrays, batches of them, data sets, and the loops that take one batch after another."""
