"""What both tables of house prices share: shuffled rows in two parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core.validation import number
from hornbeam.datasets._files import Pairs, load_npz, stored


def load_table(fname: Any, name: str, file_hash: str, rows: int | None, test_split: float, seed: int) -> Pairs:
    """The rows of a table in Keras' order.

    Args:
        fname: its name in the cache.
        name: its name where it comes from.
        file_hash: the file's.
        rows: how many of the first rows; None for all.
        test_split: the share for tests, below 1.
        seed: for the order.
    """
    if number("test_split", test_split, 0) >= 1:
        raise ValueError(f"`test_split` must be in [0, 1). Received: test_split={test_split}")
    x, y = (a[:rows] for a in load_npz(stored(fname, name, file_hash), "x", "y"))
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y, n = x[order], y[order], int(len(x) * (1 - test_split))
    return (x[:n], y[:n]), (x[n:], y[n:])
