"""What elements look like: shapes and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core.tree import flatten, map_structure, pack_like, signature
from hornbeam.core.validation import optional_dims

__all__ = ["TensorSpec", "conform", "dtype_of_part", "spec_of", "with_rows"]

_NARROW = ("int8", "int16", "uint16", "uint32", "uint64")


class TensorSpec:
    """The shape and dtype of a part of an element.

    Args:
        shape: dimensions, None where they vary; None for any shape at all.
        dtype: name of the element type, or "string".
        name: a name, which says nothing.
    """

    def __init__(self, shape: Any, dtype: Any = "float32", name: str | None = None) -> None:
        self.shape = None if shape is None else optional_dims("shape", shape)
        self.dtype = _dtype(dtype)
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r})"

    def admits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array may have this shape."""
        return self.shape is None or (
            len(shape) == len(self.shape) and all(d is None or d == n for d, n in zip(self.shape, shape))
        )


def _dtype(dtype: Any) -> str:
    if dtype is str or dtype == "string":
        return "string"
    try:
        kind = np.dtype(dtype)
    except TypeError:
        return config.standardize_dtype(dtype)
    return kind.name if kind.name in _NARROW else config.standardize_dtype(kind.name)


def dtype_of_part(x: Any) -> str:
    """The name of a part's dtype."""
    if isinstance(x, (str, bytes)) or x.dtype.kind in "USO":
        return "string"
    return str(x.dtype.name)


def spec_of(element: Any) -> Any:
    """The structure of an element with a ``TensorSpec`` for each part."""
    return pack_like(
        element,
        [
            x if x is None or hasattr(x, "_node") else TensorSpec(np.shape(x), dtype_of_part(x))
            for x in flatten(element)
        ],
    )


def with_rows(spec: Any, rows: int | None) -> Any:
    """The structure of a batch's parts: with a first axis of that many rows."""
    return map_structure(
        lambda s: (
            TensorSpec((rows, *s.shape) if s.shape is not None else None, s.dtype) if isinstance(s, TensorSpec) else s
        ),
        spec,
    )


def conform(element: Any, signature_: Any, number: int) -> Any:
    """The element with its numbers in a signature's dtypes.

    Raises:
        TypeError: when the structure, or the kind of a part, is another.
        ValueError: when a shape is.
    """
    if signature(element) != signature(signature_):
        raise TypeError(f"element {number} must be structured as {signature_!r}. Received: {element!r:.200}")
    parts = []
    for x, spec in zip(flatten(element), flatten(signature_)):
        if (dtype_of_part(x) == "string") != (spec.dtype == "string"):
            raise TypeError(f"element {number} must be {spec!r}. Received: {x!r:.200}")
        if not spec.admits(np.shape(x)):
            raise ValueError(f"element {number} must be {spec!r}. Received: an array of shape {np.shape(x)}")
        parts.append(x if spec.dtype == "string" else np.asarray(x, spec.dtype)[()])
    return pack_like(element, parts)
