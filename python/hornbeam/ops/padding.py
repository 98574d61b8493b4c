"""Padding: elements before and after each axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam.core import validation as _check
from hornbeam.core.tensor import _INTEGERS, dims_of, emit1, to_tensor
from hornbeam.core.trace import Traced
from hornbeam.ops import math as m
from hornbeam.ops.arrays import moveaxis
from hornbeam.ops.comparison import less, where
from hornbeam.ops.creation import arange, ones_like
from hornbeam.ops.joining import _slice_axis, concatenate, flip

__all__ = ["pad"]


def _pad_zeros(x: Any, pairs: Sequence[tuple[Any, Any]], value: float = 0.0) -> Any:
    return emit1("pad", [x], low=[p[0] for p in pairs], high=[p[1] for p in pairs], value=value)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """Adds elements before and after each axis.

    Args:
        x: a tensor.
        pad_width: an int, a pair, or a pair for each axis.
        mode: "constant", "reflect" or "symmetric".
        constant_values: the padding of mode "constant" (None: 0): a number, or a scalar tensor. Ints take the nearest
            that they hold.

    Returns:
        A tensor.
    """
    x = to_tensor(x)
    mode = _check.choice("mode", mode, ("constant", "reflect", "symmetric"))
    pairs = _pad_pairs(pad_width, x.ndim)
    if mode == "constant":
        if isinstance(constant_values, Traced):
            inside = _pad_zeros(ones_like(x, dtype="bool"), pairs)
            return where(inside, _pad_zeros(x, pairs), to_tensor(constant_values, x.dtype))
        return _pad_zeros(x, pairs, _held_value(0 if constant_values is None else constant_values, x.dtype))
    if constant_values is not None:
        raise ValueError(
            f"Argument `constant_values` can only be provided when `mode == 'constant'`. Received: mode={mode!r}"
        )
    for axis, (lo, hi) in enumerate(pairs):
        if isinstance(lo, int) and lo == 0 and isinstance(hi, int) and hi == 0:
            continue
        n, skipped = dims_of(x)[axis], int(mode == "reflect")
        if all(isinstance(d, int) for d in (n, lo, hi)) and max(lo, hi) <= n - skipped:
            x = _between_mirrors(x, axis, lo, hi, skipped)
        else:  # there and back
            ids = _mirrored(mode, dims_of(x)[axis], lo, hi)
            x = moveaxis(emit1("gather", [moveaxis(x, axis, 0), ids]), 0, axis)
    return x


def _between_mirrors(x: Any, axis: int, lo: int, hi: int, skipped: int) -> Any:
    """``x`` between its first and last elements in reverse, but for those ``skipped`` at the ends."""
    end = dims_of(x)[axis] - skipped
    before = [flip(_slice_axis(x, axis, skipped, skipped + lo), axis)] if lo else []
    after = [flip(_slice_axis(x, axis, end - hi, end), axis)] if hi else []
    return concatenate([*before, x, *after], axis)


def _held_value(value: Any, dtype: str) -> float:
    """A padding that elements of ``dtype`` can be: ints and bools take the nearest."""
    if isinstance(value, (bool, np.bool_, str)) or np.ndim(value) > 0:
        raise TypeError(f"`constant_values` must be a number. Received: constant_values={value!r}")
    try:
        v = float(value)
    except OverflowError as e:
        raise ValueError(f"`constant_values` must be a float64. Received: constant_values={value}") from e
    if dtype == "bool":
        return float(v != 0)
    if dtype not in _INTEGERS:
        return v
    low, high = _INTEGERS[dtype]
    high = min(high, 2**63 - 1024)  # the largest that a float64 holds
    return 0.0 if np.isnan(v) else float(low) if v <= low else float(high) if v >= high else float(int(v))


def _mirrored(mode: str, n: Any, lo: Any, hi: Any) -> Any:
    """For each place of a padded axis the element that is seen there, as in mirrors at its ends."""
    if n == 0 and isinstance(n, int):
        raise ValueError(f"mode {mode!r} needs an axis that is not empty. Received: a size of 0")
    if isinstance(n, int) and isinstance(lo, int) and isinstance(hi, int):
        _check.fits_memory("a padded axis", [n + lo + hi], "int64")
        return to_tensor(np.pad(np.arange(n), (lo, hi), mode=mode).astype("int32"))  # type: ignore[call-overload]
    period = 2 * n - (2 if mode == "reflect" else 0)
    place = m.subtract(arange(n + lo + hi, dtype="int32"), to_tensor(lo, "int32"))
    place = m.mod(place, m.maximum(to_tensor(period, "int32"), 1))
    back = m.subtract(to_tensor(period if mode == "reflect" else period - 1, "int32"), place)
    return where(less(place, to_tensor(n, "int32")), place, back)


def _pad_pairs(pad_width: Any, rank: int) -> list[tuple[Any, Any]]:
    """Low and high padding of each axis."""

    def single(i: Any) -> bool:
        return isinstance(i, _core.Dim) or (hasattr(i, "__index__") and getattr(i, "ndim", 0) == 0)

    items = [pad_width] if single(pad_width) else list(pad_width)
    if items and all(single(i) for i in items):
        items = [items]
    pairs = [_check.dims("pad_width", p) for p in items]
    if len(pairs) == 1:
        pairs = pairs * rank
    if len(pairs) != rank or any(len(p) not in (1, 2) for p in pairs):
        raise ValueError(f"`pad_width` needs a pair for each of {rank} axes. Received: pad_width={pad_width}")
    return [(p[0], p[-1]) for p in pairs]
