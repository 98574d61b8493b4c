"""Arrays for models: labels, padded sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam.core.validation import choice, fits_memory, integer

__all__ = ["normalize", "pad_sequences", "to_categorical"]


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


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Any:
    """Sequences as one array, cut or padded to one length.

    Args:
        sequences: lists of numbers, of vectors of one shape, or (with ``dtype=object``) of strings.
        maxlen: None for the longest.
        dtype: of the result.
        padding: "pre" or "post".
        truncating: "pre" or "post": which end is cut.
        value: the padding.

    Returns:
        An array (len(sequences), maxlen, ...).
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError("`sequences` must be iterable.")
    for s in sequences:
        if not hasattr(s, "__len__"):
            raise ValueError(f"`sequences` must be a list of iterables. Found non-iterable: {s}")
    lengths = [len(s) for s in sequences]
    maxlen = max(lengths, default=0) if maxlen is None else integer("maxlen", maxlen, 0)
    padding = choice("padding", padding, ("pre", "post"))
    truncating = choice("truncating", truncating, ("pre", "post"))
    kind = np.dtype(dtype)
    if isinstance(value, str) and kind.kind not in "OUS":
        raise ValueError(f"`dtype` {dtype} is not compatible with `value`'s type: {type(value)}. Use dtype=object.")
    shape = np.shape(next((s for s in sequences if len(s)), [0]))[1:]
    fits_memory("padded sequences", [len(sequences), maxlen, *shape], kind.name)
    out = np.full((len(sequences), maxlen, *shape), value, dtype=kind)
    for i, (s, n) in enumerate(zip(sequences, lengths)):
        if n == 0:
            continue
        cut = np.asarray(s[max(0, n - maxlen) :] if truncating == "pre" else s[:maxlen], dtype=kind)
        if cut.shape[1:] != shape and len(cut):
            raise ValueError(
                f"Shape of sample {cut.shape[1:]} of sequence at position {i} is different from expected shape {shape}"
            )
        start = 0 if padding == "post" else maxlen - len(cut)
        out[i, start : start + len(cut)] = cut
    return out
