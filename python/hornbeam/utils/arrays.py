"""Arrays for models: labels, splits, padded sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam.core.validation import choice, fits_memory, integer, unsupported

__all__ = ["normalize", "pad_sequences", "split_dataset", "to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Class indices as one-hot rows.

    Args:
        x: ints of any shape (a last axis of 1 is dropped).
        num_classes: None for the largest index plus 1.

    Example:
        >>> to_categorical([0, 2]).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    x = np.asarray(x).astype("int64")
    if x.ndim > 1 and x.shape[-1] == 1:
        x = x[..., 0]
    n = int(x.max(initial=-1)) + 1 if num_classes is None else integer("num_classes", num_classes, 0)
    if x.size and (x.min() < 0 or x.max() >= n):
        raise ValueError(f"classes must be in [0, {n}). Received: values in [{x.min()}, {x.max()}]")
    fits_memory("one-hot rows", [x.size, n], "float32")
    rows = np.zeros((x.size, n), "float32")
    rows[np.arange(x.size), x.reshape(-1)] = 1
    return rows.reshape(*x.shape, n)


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """An array divided by its norm along ``axis``."""
    n = np.atleast_1d(np.linalg.norm(x, order, axis))
    n[n == 0] = 1
    return np.asarray(x) / np.expand_dims(n, axis)


def split_dataset(
    dataset: Any,
    left_size: Any = None,
    right_size: Any = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Arrays in two parts.

    Args:
        dataset: an array or a tuple of arrays.
        left_size: a number of samples or a share.
        right_size: likewise.
        shuffle: whether to take the samples in random order.
        seed: for that order.
        preferred_backend: only None.
    """
    unsupported("preferred_backend", preferred_backend, None)
    arrays = dataset if isinstance(dataset, (tuple, list)) else (dataset,)
    n = len(arrays[0])

    def count(v: Any) -> int | None:
        return None if v is None else int(v) if hasattr(v, "__index__") else int(round(n * v))

    left, right = count(left_size), count(right_size)
    if left is None and right is None:
        raise ValueError("at least one of `left_size` and `right_size` is needed")
    left = n - (right or 0) if left is None else left
    right = n - left if right is None else right
    if left + right > n:
        raise ValueError(f"{left} + {right} samples asked for. Received: {n}")
    order = np.random.default_rng(seed).permutation(n) if shuffle else np.arange(n)
    first, second = order[:left], order[left : left + right]
    parts = tuple(tuple(np.asarray(a)[i] for a in arrays) for i in (first, second))
    return parts if isinstance(dataset, (tuple, list)) else (parts[0][0], parts[1][0])  # type: ignore[return-value]


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: str = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> Any:
    """Lists of numbers as one array, cut or padded to one length.

    Args:
        sequences: the lists.
        maxlen: None for the longest.
        dtype: of the result.
        padding: "pre" or "post".
        truncating: "pre" or "post": which end is cut.
        value: the padding.
    """
    maxlen = max((len(s) for s in sequences), default=0) if maxlen is None else integer("maxlen", maxlen, 0)
    padding = choice("padding", padding, ("pre", "post"))
    truncating = choice("truncating", truncating, ("pre", "post"))
    fits_memory("padded sequences", [len(sequences), maxlen], dtype)
    out = np.full((len(sequences), maxlen), value, dtype=dtype)
    for i, s in enumerate(sequences):
        if not len(s):
            continue
        cut = s[max(0, len(s) - maxlen) :] if truncating == "pre" else s[:maxlen]
        if padding == "post":
            out[i, : len(cut)] = cut
        else:
            out[i, maxlen - len(cut) :] = cut
    return out
