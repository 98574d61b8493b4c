"""Arrays: what counts as one, and how it becomes numbers that programs take."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core.buffer import name_of
from hornbeam.core.strings import is_strings
from hornbeam.core.tensor import Tensor, as_array
from hornbeam.core.tree import flatten, map_structure
from hornbeam.data.dataset import PyDataset
from hornbeam.data.foreign import as_numpy, is_array_like, table_array

__all__ = ["cardinality", "is_arrays", "to_arrays"]


def is_arrays(x: Any) -> bool:
    """Whether x is an array or a structure of arrays (rather than a source of batches); numbers in lists are arrays."""
    if isinstance(x, PyDataset) or hasattr(x, "__next__"):
        return False
    leaves = flatten(x)
    return bool(leaves) and all(_is_array(i) or _is_scalar(i) for i in leaves if i is not None)


def _is_array(x: Any) -> bool:
    return isinstance(x, (np.ndarray, Tensor)) or is_array_like(x)


def _is_scalar(x: Any) -> bool:
    return isinstance(x, (numbers.Number, str, bytes, np.generic))


def to_arrays(name: str, x: Any, strings: bool = False) -> Any:
    """The structure with each leaf a contiguous NumPy array of a supported dtype, floats as ``floatx``.

    Lists and tuples of numbers, nested or not, are arrays. Tables of pandas, polars and Arrow become numbers by column, a
    series one column, as in Keras. Arrays of strings stay what they are where those are wanted.

    Raises:
        TypeError: for what is not numeric, missing values in a nullable column included.
        ValueError: for scalars, and for nested lists of different lengths.
    """
    if x is None or _is_ready(x):
        return x

    def array(a: Any) -> Any:
        return a if a is None or _is_ready(a) or (strings and is_strings(a)) else _to_array(name, a)

    return map_structure(array, _lists_to_arrays(name, x))


def _is_ready(x: Any) -> bool:
    """Whether x is an array as programs take it."""
    if type(x) is not np.ndarray or not x.dtype.isnative or name_of(x.dtype) != config.floatx():
        return False
    return x.ndim > 0 and x.flags.c_contiguous


def _lists_to_arrays(name: str, x: Any) -> Any:
    if isinstance(x, dict):
        return {k: _lists_to_arrays(name, v) for k, v in x.items()}
    if not isinstance(x, (list, tuple)):
        return x
    leaves = flatten(x)
    if leaves and all(_is_scalar(i) for i in leaves):
        try:
            return np.asarray(x)
        except ValueError as e:
            raise ValueError(
                f"`{name}` must be arrays, or lists that nest evenly. Received: lists of different lengths"
            ) from e
    items = [_lists_to_arrays(name, i) for i in x]
    return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)


def _to_array(name: str, x: Any) -> Any:
    a = table_array(name, x)
    a = as_numpy(x) if a is None else a
    if a.dtype.kind in "OUSVMm":
        raise TypeError(f"`{name}` must be numeric. Received: an array of dtype {a.dtype}")
    if a.dtype.kind == "c":
        raise TypeError(f"`{name}` must be real. Received: an array of dtype {a.dtype}")
    if a.ndim == 0:
        raise ValueError(f"`{name}` must have an axis of samples. Received: a scalar")
    if a.dtype.kind == "f" and a.dtype != config.floatx():
        a = a.astype(config.floatx())
    return np.ascontiguousarray(as_array(a))


def cardinality(*structures: Any) -> int:
    """The number of samples all arrays have.

    Raises:
        ValueError: when they differ.
    """
    sizes = [len(a) for s in structures if s is not None for a in flatten(s) if a is not None]
    if len(set(sizes)) > 1:
        raise ValueError(f"all arrays must have the same number of samples. Received: {sizes}")
    return sizes[0] if sizes else 0
