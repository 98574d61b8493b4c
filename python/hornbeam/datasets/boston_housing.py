"""Boston housing: prices in the suburbs in the 1970s (D. Harrison, D. Rubinfeld, 1978)."""

from hornbeam.datasets._boston_housing import load_data

__all__ = ["load_data"]
