"""Sizes of single pictures, each of another size: what ``ops.image.resize`` computes, without a program for each size.

A row of the result is a sum of a few rows of the picture ("taps"), then a column likewise.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from hornbeam.ops.image.kernels import KERNELS

__all__ = ["INTERPOLATIONS", "fit_ratio", "resize"]


def _mitchell(_: Any, x: Any) -> Any:
    """The cubic kernel of D. Mitchell and A. Netravali (1988) with B = C = 1/3."""
    near, far = (7 * x - 12) * x**2 + 16 / 3, ((-7 / 3 * x + 12) * x - 20) * x + 32 / 3
    return np.where(x < 1, near, np.where(x < 2, far, 0)) / 6


def _gaussian(_: Any, x: Any) -> Any:
    return np.where(x < 1.5, np.exp(-2 * x**2), 0)


_ALL = {**KERNELS, "gaussian": (2, _gaussian), "mitchellcubic": (2, _mitchell)}
INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


@functools.lru_cache(maxsize=256)
def _taps(method: str, old: int, new: int, repeated: int) -> tuple[Any, Any]:
    """For each of ``new`` places the indices of some of ``old``, and their weights, (taps, new) each; for places of so
    many numbers each, (taps, new * repeated)."""
    scale, place = old / new, np.arange(new)
    if method == "nearest":
        index, weight = ((2 * place + 1) * old // (2 * new))[None], np.ones((1, new))
    elif method == "area":
        low, high = place * scale, (place + 1) * scale
        index = np.floor(low).astype("int64") + np.arange(int(np.ceil(scale)) + 1)[:, None]
        weight = np.clip(np.minimum(index + 1, high) - np.maximum(index, low), 0, None)
    else:
        radius, kernel = _ALL[method]
        at = (place + 0.5) * scale - 0.5
        index = np.floor(at).astype("int64") + np.arange(1 - radius, radius + 1)[:, None]
        weight = kernel(np, np.abs(at - index))
    weight = np.where((index >= 0) & (index < old), weight, 0)
    index = index.clip(0, old - 1)[..., None] * repeated + np.arange(repeated)
    weight = np.repeat(weight / weight.sum(0), repeated, axis=1)
    return index.reshape(weight.shape), weight.astype("float32")


def _along(x: Any, axis: int, method: str, new: int, channels: int) -> Any:
    """``x`` of (rows, columns * channels) with another number of rows (axis 0) or columns."""
    repeated = channels if axis else 1
    if x.shape[axis] == new * repeated:
        return x
    index, weight = _taps(method, x.shape[axis] // repeated, new, repeated)
    parts = (x.take(i, axis, mode="clip") for i in index)
    if method == "nearest":
        return next(parts)
    weight = weight if axis else weight[:, :, None]
    total = next(parts).astype("float32", copy=False)
    total *= weight[0]
    for part, w in zip(parts, weight[1:]):
        part = part.astype("float32", copy=False)
        part *= w
        total += part
    return total


def resize(x: Any, size: tuple[int, int], method: str) -> Any:
    """A picture of another size, without antialiasing.

    Args:
        x: (rows, columns, channels).
        size: (rows, columns).
        method: one of ``INTERPOLATIONS``.

    Returns:
        A float32 array.
    """
    rows, columns, channels = x.shape
    first = 0 if size[0] * columns <= rows * size[1] else 1  # what leaves less for the second
    flat = x.reshape(rows, columns * channels)
    for axis in (first, 1 - first):
        flat = _along(flat, axis, method, size[axis], channels)
    return flat.astype("float32", copy=False).reshape(*size, channels)


def fit_ratio(x: Any, size: tuple[int, int], crop: bool, pad: bool) -> Any:
    """The picture's middle, or the picture with a black border, in the ratio of a size.

    Args:
        x: (rows, columns, channels).
        size: (rows, columns).
        crop: whether to cut what is too long.
        pad: whether to fill what is too short.
    """
    (height, width), (rows, columns) = x.shape[:2], size
    like_width, like_height = int(width * rows / columns), int(height * columns / rows)
    if crop:
        h, w = max(min(height, like_width), 1), max(min(width, like_height), 1)
        top, left = (height - h) // 2, (width - w) // 2
        return x[top : top + h, left : left + w]
    if pad:
        above, before = max(like_width - height, 0) // 2, max(like_height - width, 0) // 2
        return np.pad(x, ((above, above), (before, before), (0, 0)))
    return x
