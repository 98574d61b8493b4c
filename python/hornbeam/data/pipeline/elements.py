"""Elements: structures (tuples and dicts) of NumPy arrays and numbers, and of strings."""

from __future__ import annotations

import numbers
import os
from typing import Any

import numpy as np

from hornbeam.core.operators import HasValue, TensorLike
from hornbeam.core.tensor import Tensor, as_array
from hornbeam.core.tree import flatten, map_structure, pack_like, signature
from hornbeam.data.foreign import as_numpy, is_array_like

__all__ = [
    "ShapesDiffer",
    "as_element",
    "as_sample",
    "as_slices",
    "read_only",
    "stack",
    "to_tensors",
    "unstack",
    "writable",
]


class ShapesDiffer(ValueError):
    """Elements of several shapes do not fit one array."""


def as_element(x: Any) -> Any:
    """What a function or generator gave as an element: lists become arrays, Python's numbers int32 and ``floatx``.

    Raises:
        TypeError: for what is no number, array or string.
        ValueError: for lists that do not nest evenly.
    """
    if isinstance(x, dict):
        return {k: as_element(v) for k, v in x.items()}
    if isinstance(x, tuple):
        items = [as_element(i) for i in x]
        return type(x)(*items) if hasattr(x, "_fields") else tuple(items)
    return _leaf(x)


def as_sample(x: Any) -> Any:
    """What somebody else's data set gave as an element: as ``as_element`` takes it, but that lists which do not hold mere
    numbers and strings are tuples."""
    return as_element(_lists_to_tuples(x))


def _lists_to_tuples(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: _lists_to_tuples(v) for k, v in x.items()}
    plain = isinstance(x, list) and all(isinstance(i, (numbers.Number, str, bytes)) for i in flatten(x))
    if plain or not isinstance(x, (list, tuple)):
        return x
    items = [_lists_to_tuples(i) for i in x]
    return type(x)(*items) if hasattr(x, "_fields") else tuple(items)


def _leaf(x: Any) -> Any:
    if x is None or type(x) in (str, bytes):
        return x
    if isinstance(x, np.ndarray):
        return _plain(x)
    if isinstance(x, np.generic):
        return x.item() if x.dtype.kind in "USO" else x
    if isinstance(x, os.PathLike):
        return os.fspath(x)
    if isinstance(x, (numbers.Number, list)):
        return _of_python(x)
    if isinstance(x, (TensorLike, HasValue)):
        return _leaf(np.asarray(x))
    if is_array_like(x):
        return _leaf(as_numpy(x))
    if hasattr(x, "_node"):  # a data set: an element of `window`
        return x
    raise TypeError(
        f"elements are numbers, arrays and strings, and tuples and dicts of them. Received: {type(x).__name__}"
    )


def _plain(a: Any) -> Any:
    if a.dtype.kind in "fiubUS" or (a.dtype.kind == "O" and all(isinstance(i, (str, bytes)) for i in a.flat)):
        return a[()] if a.ndim == 0 and a.dtype.kind != "O" else a
    raise TypeError(f"elements are of real numbers, bools and strings. Received: an array of dtype {a.dtype}")


def _of_python(x: Any) -> Any:
    """A number of Python's, or a list, as an array."""
    leaves = flatten(x)
    if leaves and all(isinstance(i, (str, bytes, os.PathLike)) for i in leaves):
        out = np.empty(np.shape(np.asarray(x, object)), object)  # texts differ in length
        out[...] = np.asarray(map_structure(lambda i: os.fspath(i), x), object)
        return out
    try:
        return as_array(x)[()]
    except ValueError as e:
        raise ValueError(
            f"a list becomes an array, and its items must have the same shape; parts of an element go into a tuple. {e}"
        ) from e


def as_slices(x: Any) -> Any:
    """Arrays as they were given, tuples and dicts of them; lists become arrays.

    Raises:
        ValueError: for scalars, for None, and for arrays of different lengths.
    """
    arrays = as_element(x)
    leaves = flatten(arrays)
    if any(np.ndim(a) == 0 or a is None for a in leaves) or not leaves:
        raise ValueError(f"slices are taken of arrays with an axis of samples. Received: {x!r:.200}")
    if len({len(a) for a in leaves}) > 1:
        raise ValueError(f"all arrays must have the same number of samples. Received: {[len(a) for a in leaves]}")
    return read_only(arrays)


def read_only(x: Any) -> Any:
    """The element, or batch, whose arrays others share: nobody can write to them."""
    return map_structure(_read_only, x)


def _read_only(a: Any) -> Any:
    if not isinstance(a, np.ndarray) or not a.flags.writeable:
        return a
    view = a.view()
    view.flags.writeable = False
    return view


def writable(x: Any) -> Any:
    """The element with copies of the arrays that are not to be written to."""
    return map_structure(lambda a: a.copy() if isinstance(a, np.ndarray) and not a.flags.writeable else a, x)


def stack(elements: list[Any]) -> Any:
    """Elements as a batch: each part with a new first axis, strings as an array of objects.

    Raises:
        ValueError: when their structures or shapes differ.
    """
    first = elements[0]
    kind = signature(first)
    for i, e in enumerate(elements):
        if e is not first and signature(e) != kind:
            raise ValueError(
                f"a batch's elements must have the same structure. Element 0: {first!r:.200}; {i}: {e!r:.200}"
            )
    return pack_like(first, [_stack_part(list(part)) for part in zip(*(flatten(e) for e in elements))])


def _stack_part(parts: list[Any]) -> Any:
    first = parts[0]
    if first is None:
        return None
    if isinstance(first, (str, bytes)):
        out = np.empty(len(parts), object)
        out[:] = parts
        return out
    shape = np.shape(first)
    for i, p in enumerate(parts):
        if np.shape(p) != shape:
            raise ShapesDiffer(
                f"a batch's elements must have the same shape: element 0 has {shape}, element {i} has {np.shape(p)}. "
                "Use padded_batch, or resize them"
            )
    return np.stack(parts) if shape else np.array(parts)


def unstack(batch: Any, number: int) -> Any:
    """An element of a batch."""
    return map_structure(lambda a: None if a is None else a[number], batch)


def rows_of(batch: Any, numbers: Any) -> Any:
    """A batch of these rows: a range's without a copy."""
    if isinstance(numbers, range) and numbers.step > 0:
        numbers = slice(numbers.start, numbers.stop, numbers.step)
    return map_structure(lambda a: None if a is None else a[numbers], batch)


def rows_in(batch: Any) -> int:
    """How many elements a batch has.

    Raises:
        ValueError: where its parts disagree, or one has no axis.
    """
    leaves = [a for a in flatten(batch) if a is not None]
    sizes = {len(a) if np.ndim(a) and not isinstance(a, (str, bytes)) else -1 for a in leaves}
    if len(sizes) != 1 or -1 in sizes:
        raise ValueError(f"a batch's parts must have a first axis of one length. Received: {batch!r:.200}")
    return sizes.pop()


def to_tensors(element: Any) -> Any:
    """The element with its numbers and strings as tensors."""
    return map_structure(_to_tensor, element)


def _to_tensor(x: Any) -> Any:
    if x is None or hasattr(x, "_node"):
        return x
    if isinstance(x, (str, bytes)):
        return Tensor(np.array(x, object))
    return Tensor(x)
