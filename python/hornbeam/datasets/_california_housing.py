"""California housing: prices in districts, from the census of 1990 (R. K. Pace, R. Barry, 1997)."""

from __future__ import annotations

from typing import Any

from hornbeam.core.validation import choice
from hornbeam.datasets._files import Pairs
from hornbeam.datasets._housing import load_table

__all__ = ["load_data"]

_HASH = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"


def load_data(
    version: str = "large", path: Any = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> Pairs:
    """20,640 districts, with median income, age of houses, average rooms, average bedrooms, population, average
    occupation, latitude and longitude.

    Args:
        version: "large", or "small" for the first 600 rows.
        path: the file's name in the cache.
        test_split: the share for tests, below 1.
        seed: for the order of the rows.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: columns float32 (n, 8), median prices in dollars float32 (n,).
    """
    rows = 600 if choice("version", version, ("small", "large")) == "small" else None
    return load_table(path, "california_housing.npz", _HASH, rows, test_split, seed)
