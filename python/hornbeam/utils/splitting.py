"""Data sets in two parts."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from hornbeam.core.tree import flatten, map_structure
from hornbeam.core.validation import integer, unsupported
from hornbeam.data import AUTOTUNE, INFINITE_CARDINALITY, Dataset
from hornbeam.data.pipeline.batching import Batched
from hornbeam.data.pipeline.elements import as_element
from hornbeam.data.pipeline.reading import Prefetched
from hornbeam.data.pipeline.sources import Items

__all__ = ["split_dataset"]


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """The first samples and the last ones, as two data sets.

    Args:
        dataset: an array, a list or tuple of arrays of one length, a ``Dataset``, or anything with ``len`` and ``[i]``.
        left_size: a number of samples, or a share of them; None for what ``right_size`` leaves.
        right_size: likewise.
        shuffle: whether to shuffle first, in Keras' order.
        seed: for that.
        preferred_backend: only None.

    Returns:
        Two of ``Dataset``, whose elements are samples; batches where the samples of a ``Dataset`` came in batches.

    Example:
        >>> left, right = split_dataset(np.arange(5), left_size=0.4)
        >>> len(left), len(right)
        (2, 3)
    """
    unsupported("preferred_backend", preferred_backend, None)
    if left_size is None and right_size is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. "
            "Received: left_size=None and right_size=None"
        )
    columns, batch = _columns(dataset)
    n = len(columns) if isinstance(columns, list) else len(flatten(columns)[0])
    left, right = _counts(n, left_size, right_size)
    order = list(range(n))
    if shuffle:
        random.Random(random.randint(0, 10**6) if seed is None else integer("seed", seed)).shuffle(order)
    parts = []
    for numbers in (order[:left], order[n - right :]):
        if isinstance(columns, list):
            part = Dataset(Items([columns[i] for i in numbers]))
        else:
            part = Dataset.from_tensor_slices(map_structure(lambda a, numbers=numbers: a[numbers], columns))
        parts.append((part if batch is None else part.batch(batch)).prefetch(AUTOTUNE))
    return parts[0], parts[1]


def _columns(dataset: Any) -> tuple[Any, int | None]:
    """All samples as a structure of arrays, or as a list, and the size of the batches that they came in."""
    if isinstance(dataset, Dataset):
        return _of_dataset(dataset)
    if isinstance(dataset, (list, tuple)):
        arrays = tuple(dataset)
        if not arrays:
            raise ValueError("Received an empty list dataset. Please provide a non-empty list of arrays.")
        for i, a in enumerate(arrays):
            if not hasattr(a, "shape") or len(a.shape) == 0:
                raise ValueError(f"Expected a list of `numpy.ndarray` objects. Received: {type(a)} at index {i}.")
        if len({len(a) for a in arrays}) > 1:
            raise ValueError(f"Received arrays with different lengths: {[len(a) for a in arrays]}")
        return map_structure(np.asarray, arrays), None
    if hasattr(dataset, "shape") and len(dataset.shape):
        return np.asarray(dataset), None
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
        return _some([as_element(dataset[i]) for i in range(len(dataset))]), None
    raise TypeError(
        "The `dataset` argument must be either a `Dataset` object, or a list/tuple of arrays. "
        f"Received: dataset={dataset!r:.200} of type {type(dataset)}"
    )


def _of_dataset(dataset: Dataset) -> tuple[Any, int | None]:
    if dataset.cardinality() == INFINITE_CARDINALITY:
        raise ValueError("a data set without end has no parts")
    node = dataset._node
    while isinstance(node, Prefetched):
        node = node.inputs[0]
    batch = node.size if isinstance(node, Batched) else None
    samples = dataset if batch is None else dataset.unbatch()
    return _some(list(samples.as_numpy_iterator())), batch


def _some(samples: list[Any]) -> list[Any]:
    if not samples:
        raise ValueError("Received an empty dataset.")
    return samples


def _counts(n: int, left: Any, right: Any) -> tuple[int, int]:
    """How many samples either side has."""
    sizes = []
    for name, size in (("left_size", left), ("right_size", right)):
        if size is not None:
            if isinstance(size, bool) or not isinstance(size, (int, float, np.integer, np.floating)):
                raise TypeError(f"Invalid `{name}` Type. Expected: int or float or None, Received: {type(size)}")
            whole = isinstance(size, (int, np.integer))
            if not 0 < size < (n if whole else 1):
                raise ValueError(
                    f"`{name}` should be either a positive integer smaller than {n}, or a float within the range "
                    f"`[0, 1]`. Received: {name}={size}"
                )
            size = int(size) if whole else round(size * n)
        sizes.append(size)
    first = n - sizes[1] if sizes[0] is None else sizes[0]
    last = n - first if sizes[1] is None else sizes[1]
    if first + last > n:
        raise ValueError(
            f"The sum of `left_size` and `right_size` should be at most {n}, the number of samples. "
            f"Received: left_size={left}, right_size={right}"
        )
    if not (first and last):
        raise ValueError(f"a part is empty: {first} and {last} of {n} samples. left_size={left}, right_size={right}")
    return first, last
