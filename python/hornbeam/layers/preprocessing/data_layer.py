"""The base of layers that take what a data set holds: lists of numbers, and strings."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core.operators import TensorLike
from hornbeam.core.tensor import to_tensor
from hornbeam.layers.layer import Layer

__all__ = ["DataLayer", "is_strings", "strings_or_tensor"]


class DataLayer(Layer):
    """A layer that takes lists of numbers as it takes arrays, for it is often called by hand, on a few examples."""

    def _convert(self, x: Any) -> Any:
        return super()._convert(to_tensor(x) if isinstance(x, (list, tuple)) else x)


def is_strings(x: Any) -> bool:
    """Whether x is an array of strings, as ``strings_or_tensor`` gives it."""
    return isinstance(x, np.ndarray)


def strings_or_tensor(x: Any) -> Any:
    """A string, or a list or an array of strings, as an array of them of dtype object; anything else as a tensor.

    Raises:
        TypeError: for an array of dtype object that holds anything but strings.
    """
    if isinstance(x, TensorLike):
        return x
    array = np.asarray(x)
    if array.dtype.kind not in "USO":
        return to_tensor(x)
    array = np.array(x, object)  # from the strings themselves: NumPy's own drop NULs at their ends
    wrong = [i for i in array.reshape(-1) if not isinstance(i, (str, bytes))]
    if wrong:
        raise TypeError(f"an array of objects must hold strings. Received: {wrong[0]!r} of {type(wrong[0]).__name__}")
    return array
