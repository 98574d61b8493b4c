"""Boston housing: prices in the suburbs in the 1970s (D. Harrison, D. Rubinfeld, 1978).

One of its columns, "B", assumes that segregation raises prices; the table is here for code that asks for it. Prefer
`california_housing`.
"""

from __future__ import annotations

from typing import Any

from hornbeam.datasets._files import Pairs
from hornbeam.datasets._housing import load_table

__all__ = ["load_data"]

_HASH = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(path: Any = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> Pairs:
    """506 places.

    Args:
        path: the file's name in the cache.
        test_split: the share for tests, below 1.
        seed: for the order of the rows.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: columns float64 (n, 13), median prices in 1000 dollars float64 (n,).
    """
    return load_table(path, "boston_housing.npz", _HASH, None, test_split, seed)
