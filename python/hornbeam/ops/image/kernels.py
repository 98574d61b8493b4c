"""Interpolation along one axis: from which elements each element of the result is made, and how much of each.

What is known when a program is traced is computed then, with NumPy; sizes and scales that only the running program knows
are computed by it, by the same formulas: ``xp`` stands for either's functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam.core.operators import ops as _ops
from hornbeam.core.tensor import dims_of, emit1, is_tensor, promote, to_tensor
from hornbeam.ops.arrays import expand_dims, reshape, shape_product
from hornbeam.ops.linalg import matmul
from hornbeam.ops.math import add, multiply, subtract

__all__ = ["KERNELS", "blended_rows", "gathered_rows", "mixed_rows", "nearest_rows", "weights"]

_TINY = 1000 * float(np.finfo("float32").eps)  # a sum of weights below it is that of an element out of sight


def _triangle(xp: Any, x: Any) -> Any:
    return xp.maximum(1.0 - x, 0.0)


def _cubic(xp: Any, x: Any) -> Any:
    """Keys' kernel with a = -0.5 (Keys 1981)."""
    near = ((1.5 * x - 2.5) * x) * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return xp.where(x >= 2.0, 0.0, xp.where(x >= 1.0, far, near))


def _lanczos(radius: float) -> Callable[[Any, Any], Any]:
    """The sinc function, windowed by its own wide main lobe (Duchon 1979)."""

    def kernel(xp: Any, x: Any) -> Any:
        wide = xp.where(x > 1e-3, x, 1.0)
        y = radius * xp.sin(np.pi * wide) * xp.sin(np.pi * wide / radius) / (np.pi**2 * wide * wide)
        return xp.where(x > radius, 0.0, xp.where(x > 1e-3, y, 1.0))

    return kernel


KERNELS: dict[str, Callable[[Any, Any], Any]] = {  # of the distance, in elements
    "bilinear": _triangle,
    "bicubic": _cubic,
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
}


def weights(n: Any, out: Any, scale: Any, translation: Any, method: str, antialias: bool) -> Any:
    """How much of each of ``n`` elements is in each of ``out``, a float matrix ``(out, n)``.

    Element i of the result lies at ``(i + 0.5 - translation) / scale - 0.5``. Its weights add up to 1; they are 0 where
    that is not among the elements.

    Args:
        n: how many there are: an int or an expression.
        out: likewise, of the result.
        scale: a float, or a scalar tensor.
        translation: likewise.
        method: one of ``KERNELS``.
        antialias: whether the kernel is as wide as an element of the result.
    """
    known = all(isinstance(v, (int, float, np.generic)) for v in (n, out, scale, translation))
    tensors = [v.dtype for v in (scale, translation) if is_tensor(v)]
    xp, dtype = (np, "float64") if known else (_ops, promote("float32", *tensors))
    places, size = xp.arange(n, dtype=dtype), n if known else to_tensor(n, dtype)
    step = 1.0 / scale
    at = (xp.arange(out, dtype=dtype) + 0.5 - translation) * step - 0.5
    distance = xp.abs(at[:, None] - places[None, :])
    w = KERNELS[method](xp, distance / xp.maximum(step, 1.0) if antialias else distance)
    total = xp.sum(w, axis=1, keepdims=True)
    seen = xp.logical_and(xp.abs(total) > _TINY, xp.logical_and(at >= -0.5, at <= size - 0.5)[:, None])
    return xp.where(seen, w / xp.where(seen, total, 1.0), 0.0)


def gathered_rows(x: Any, ids: Any) -> Any:
    """``x[:, ids]`` of ``(batch, n, ...)``, whole rows at a time.

    Args:
        x: a tensor of at least two axes.
        ids: int32 of one axis: an array, or a tensor.
    """
    batch, n, *rest = dims_of(x)
    if isinstance(batch, int) and isinstance(n, int) and isinstance(ids, np.ndarray):
        places: Any = np.arange(batch, dtype="int32")[:, None] * np.int32(n) + ids
    else:
        first = multiply(emit1("iota", [], shape=[batch, 1], axis=0, dtype="int32"), to_tensor(n, "int32"))
        places = add(first, expand_dims(ids, 0))
    y = emit1("gather", [reshape(x, [batch * n, shape_product(rest)]), to_tensor(places)])
    return reshape(y, [batch, dims_of(places)[1], *rest])


def nearest_rows(x: Any, out: int) -> Any:
    """``x`` with ``out`` rows, each the nearest one.

    Args:
        x: ``(batch, n, columns, channels)``.
        out: how many.
    """
    n = dims_of(x)[1]
    if isinstance(n, int):
        return gathered_rows(x, ((2 * np.arange(out) + 1) * n // (2 * out)).astype("int32"))
    odd = to_tensor((2 * np.arange(out) + 1).astype("int64"))
    ids = _ops.floor_divide(multiply(odd, to_tensor(n, "int64")), 2 * out)
    return gathered_rows(x, to_tensor(ids, "int32"))


def blended_rows(x: Any, out: int, as_float: Callable[[Any], Any]) -> Any:
    """``x`` with ``out`` rows, each between its two neighbours.

    Args:
        x: ``(batch, n, columns, channels)``.
        out: how many.
        as_float: makes floats of what was picked of x.
    """
    n = dims_of(x)[1]
    known = isinstance(n, int)
    xp, size = (np, n) if known else (_ops, to_tensor(n, "float32"))
    at = (xp.arange(out, dtype="float64" if known else "float32") + 0.5) * (size / out) - 0.5
    low = xp.floor(at)
    ids = [_ids(xp.clip(low + k, 0.0, size - 1.0)) for k in (0.0, 1.0)]
    a, b = (as_float(gathered_rows(x, i)) for i in ids)
    share = reshape(to_tensor(at - low, a.dtype), [out, 1, 1])
    return add(a, multiply(subtract(b, a), share))


def _ids(places: Any) -> Any:
    return places.astype("int32") if isinstance(places, np.ndarray) else to_tensor(places, "int32")


def mixed_rows(x: Any, w: Any) -> Any:
    """Rows that are sums of x's, ``(batch, out, ...)``.

    Args:
        x: floats ``(batch, n, ...)``.
        w: weights ``(out, n)``.
    """
    batch, n, *rest = dims_of(x)
    y = matmul(to_tensor(w, x.dtype), reshape(x, [batch, n, shape_product(rest)]))
    return reshape(y, [batch, dims_of(w)[0], *rest])
