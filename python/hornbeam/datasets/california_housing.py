"""California housing: prices in districts, from the census of 1990 (R. K. Pace, R. Barry, 1997)."""

from hornbeam.datasets._california_housing import load_data

__all__ = ["load_data"]
