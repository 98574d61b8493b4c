"""What ``adapt`` reads: arrays, or batches from anything that gives them, one after another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam.core.tensor import plain_array
from hornbeam.core.tree import flatten
from hornbeam.core.validation import positive_int

__all__ = ["batches_of", "first_part", "to_array"]

_ROWS = 32  # rows of a batch, where a number of batches is asked for and no size


def batches_of(data: Any, batch_size: int | None = None, steps: int | None = None) -> Iterator[Any]:
    """The batches of what a layer adapts to, as NumPy arrays, each made when it is asked for.

    Args:
        data: an array or a tensor, or what becomes one (a series or table of pandas; lists of numbers or of strings, however
            nested); or an iterable of batches: a list of arrays, a generator, a ``PyDataset``, any other data set. Of a batch
            that is a tuple, ``(x, y)`` or ``(x, y, sample_weight)``, the first part is taken.
        batch_size: rows of an array that make a batch; None for all of them, or for 32 where there are ``steps``. What comes
            in batches stays as it is.
        steps: how many batches are read at most; None for all.

    Strings come as arrays of dtype object, so that no NUL at their ends is lost.

    Raises:
        TypeError: for what is neither, and for a batch that is no array.
        ValueError: when there is no batch at all, for a scalar, and for lists that do not nest evenly.
    """
    most = None if steps is None else positive_int("steps", steps)
    size = None if batch_size is None else positive_int("batch_size", batch_size)
    if _is_array(data) or _is_listed(data):
        return itertools.islice(_slices(to_array(data), size or (None if most is None else _ROWS)), most)
    if isinstance(data, (str, bytes, dict)) or not hasattr(data, "__iter__"):
        raise TypeError(
            "Unsupported data type: `adapt` takes arrays, tensors, data sets, and iterables of batches such as lists and "
            f"generators. Received: data of type {type(data).__name__}"
        )
    return _batches(itertools.islice(data, most))


def first_part(batch: Any) -> Any:
    """The inputs of a batch that may be ``(x, y)`` or ``(x, y, sample_weight)``."""
    return batch[0] if isinstance(batch, tuple) and batch else batch


def _is_array(x: Any) -> bool:
    return hasattr(x, "__array__") and hasattr(x, "shape")


def _is_listed(x: Any) -> bool:
    """Whether x is a list of numbers or of strings, however nested: an array, rather than batches."""
    leaves = flatten(x) if isinstance(x, (list, tuple)) else []
    return bool(leaves) and all(isinstance(i, (str, bytes, int, float, np.generic)) for i in leaves)


def to_array(x: Any) -> Any:
    """An array, a tensor or a list as a NumPy array; strings as one of dtype object. Raises ValueError for uneven lists."""
    if isinstance(x, (list, tuple)):
        words = any(isinstance(i, (str, bytes)) for i in flatten(x))
        try:
            x = np.array(x, object) if words else np.asarray(x)
        except ValueError as e:
            raise ValueError("lists must nest evenly. Received: lists of different lengths") from e
    array = plain_array(x)
    return array.astype(object) if array.dtype.kind in "US" else array


def _slices(array: Any, size: int | None) -> Iterator[Any]:
    if array.ndim == 0:
        raise ValueError("`data` must have an axis of samples. Received: a scalar")
    if size is None:
        return iter([array])
    return (array[i : i + size] for i in range(0, max(1, len(array)), size))


def _batches(source: Iterator[Any]) -> Iterator[Any]:
    batch = None
    for batch in source:
        x = first_part(batch)
        if not (_is_array(x) or _is_listed(x)):
            raise TypeError(
                "adapt() expects an iterable that yields arrays or tensors with a `.shape` attribute. Received: a batch of "
                f"type {type(x).__name__}"
            )
        yield to_array(x)
    if batch is None:
        raise ValueError("adapt() received an empty iterable (no batches): it needs at least one")
