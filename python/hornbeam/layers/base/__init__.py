"""What ``Layer`` is made of, each part building on the one before: weights, building, calls; and configs."""
