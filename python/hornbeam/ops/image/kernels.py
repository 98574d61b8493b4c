"""Interpolation along one axis: from which elements each element of the result is made, and how much of each.

What is known when a program is traced is computed then, with NumPy; sizes and scales that only the running program knows
are computed by it, by the same formulas: ``xp`` stands for either's functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam.core.operators import ops as _ops
from hornbeam.core.tensor import is_tensor, promote, to_tensor

__all__ = ["KERNELS", "bell_matrix", "weights"]

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


KERNELS: dict[str, tuple[int, Callable[[Any, Any], Any]]] = {  # radius, and weight by distance, in elements
    "bilinear": (1, _triangle),
    "bicubic": (2, _cubic),
    "lanczos3": (3, _lanczos(3.0)),
    "lanczos5": (5, _lanczos(5.0)),
}


def _normalized(xp: Any, w: Any, inside: Any) -> Any:
    """Weights of each row that add up to 1, or zeros where there is nothing to see."""
    total = xp.sum(w, axis=1, keepdims=True)
    seen = xp.logical_and(xp.abs(total) > _TINY, inside)
    return xp.where(seen, w / xp.where(seen, total, 1.0), 0.0)


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
    known = all(isinstance(v, (int, float)) for v in (n, out, scale, translation))
    tensors = [v.dtype for v in (scale, translation) if is_tensor(v)]
    xp, dtype = (np, "float64") if known else (_ops, promote("float32", *tensors))
    places, size = xp.arange(n, dtype=dtype), n if known else to_tensor(n, dtype)
    step = 1.0 / scale
    at = (xp.arange(out, dtype=dtype) + 0.5 - translation) * step - 0.5
    distance = xp.abs(at[:, None] - places[None, :])
    w = KERNELS[method][1](xp, distance / xp.maximum(step, 1.0) if antialias else distance)
    return _normalized(xp, w, xp.logical_and(at >= -0.5, at <= size - 0.5)[:, None])


def bell_matrix(n: Any, sigma: float, reach: int) -> Any:
    """A Gaussian that is 0 beyond ``reach`` elements as a matrix ``(n, n)``, which blurs what it multiplies; beyond the ends
    there is nothing.

    Args:
        n: how many elements there are: an int or an expression.
        sigma: the standard deviation, in elements.
        reach: over how many elements on each side.
    """
    xp, dtype = (np, "float64") if isinstance(n, int) else (_ops, "float32")
    places = xp.arange(n, dtype=dtype)
    distance = xp.abs(places[:, None] - places[None, :])
    total = float(np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).sum())
    return xp.where(distance <= reach, xp.exp(-0.5 * (distance / sigma) ** 2) / total, 0.0)
