"""Arrays: what counts as one, and how it becomes numbers that programs take."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core.strings import is_strings
from hornbeam.core.tensor import Tensor, as_array, plain_array
from hornbeam.core.tree import flatten, map_structure
from hornbeam.data.dataset import PyDataset

__all__ = ["cardinality", "is_arrays", "to_arrays"]


def is_arrays(x: Any) -> bool:
    """Whether x is an array or a structure of arrays (rather than a source of batches); numbers in lists are arrays."""
    if isinstance(x, PyDataset) or hasattr(x, "__next__"):
        return False
    leaves = flatten(x)
    return bool(leaves) and all(_is_array(i) or _is_scalar(i) for i in leaves if i is not None)


def _is_array(x: Any) -> bool:
    return isinstance(x, (np.ndarray, Tensor)) or hasattr(x, "__array__")


def _is_scalar(x: Any) -> bool:
    return isinstance(x, (numbers.Number, str, bytes, np.generic))


def to_arrays(name: str, x: Any, strings: bool = False) -> Any:
    """The structure with each leaf a contiguous NumPy array of a supported dtype, floats as ``floatx``.

    Lists and tuples of numbers, nested or not, are arrays. Tables and series of pandas become numbers by column, a series
    one column, as in Keras. Arrays of strings stay what they are where those are wanted.

    Raises:
        TypeError: for what is not numeric, missing values in a nullable column included.
        ValueError: for scalars, and for nested lists of different lengths.
    """
    if x is None:
        return None

    def array(a: Any) -> Any:
        return a if a is None or (strings and is_strings(a)) else _to_array(name, a)

    return map_structure(array, _lists_to_arrays(name, x))


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
    a = _of_table(name, x) if hasattr(x, "iloc") else plain_array(x)
    if a.dtype.kind in "OUSVMm":
        raise TypeError(f"`{name}` must be numeric. Received: an array of dtype {a.dtype}")
    if a.dtype.kind == "c":
        raise TypeError(f"`{name}` must be real. Received: an array of dtype {a.dtype}")
    if a.ndim == 0:
        raise ValueError(f"`{name}` must have an axis of samples. Received: a scalar")
    if a.dtype.kind == "f" and a.dtype != config.floatx():
        a = a.astype(config.floatx())
    return np.ascontiguousarray(as_array(a))


def _of_table(name: str, table: Any) -> Any:
    """A table or series of pandas as two axes of numbers: the dtype that holds all columns."""
    if np.ndim(table) == 1:
        return _of_column(name, table)[:, None]
    columns = [_of_column(name, table.iloc[:, i]) for i in range(table.shape[1])]
    return np.stack(columns, 1) if columns else np.zeros((len(table), 0), config.floatx())


def _of_column(name: str, series: Any) -> Any:
    a = np.asarray(series)
    if a.dtype.kind == "O":  # nullable, or of several types
        bad = [v for v in a if not isinstance(v, (numbers.Real, np.bool_))]
        if bad:
            raise TypeError(
                f"`{name}` must be numeric, without missing values. Received: {bad[0]!r} in column {series.name!r} of dtype "
                f"{series.dtype}"
            )
        a = np.asarray(a.tolist())
    if a.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must be numeric. Received: column {series.name!r} of dtype {series.dtype}")
    return a


def cardinality(*structures: Any) -> int:
    """The number of samples all arrays have.

    Raises:
        ValueError: when they differ.
    """
    sizes = [len(a) for s in structures if s is not None for a in flatten(s) if a is not None]
    if len(set(sizes)) > 1:
        raise ValueError(f"all arrays must have the same number of samples. Received: {sizes}")
    return sizes[0] if sizes else 0
