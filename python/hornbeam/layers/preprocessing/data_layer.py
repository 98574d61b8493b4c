"""The base of layers that take what a data set holds: numbers in lists, too."""

from __future__ import annotations

from typing import Any

from hornbeam.core.tensor import to_tensor
from hornbeam.layers.layer import Layer

__all__ = ["DataLayer"]


class DataLayer(Layer):
    """A layer that takes lists of numbers as it takes arrays, for it is often called by hand, on a few examples."""

    def _convert(self, x: Any) -> Any:
        return super()._convert(to_tensor(x) if isinstance(x, (list, tuple)) else x)
