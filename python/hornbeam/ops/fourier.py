"""Fourier transforms of signals that are pairs of tensors: real and imaginary parts.

A transform of up to 64 points is one product with its matrix. A longer one is split into shorter ones (Cooley and Tukey,
"An algorithm for the machine calculation of complex Fourier series", 1965), and one whose length has no divisor that
helps is a convolution with a chirp, done by transforms of a power of two (Bluestein, "A linear filtering approach to the
computation of the discrete Fourier transform", 1970). Roots of unity are made in float64 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, is_float, promote, to_tensor
from hornbeam.ops import math as m
from hornbeam.ops.arrays import reshape, swapaxes
from hornbeam.ops.elementwise import to_float
from hornbeam.ops.joining import _slice_axis, concatenate, flip
from hornbeam.ops.linalg import matmul
from hornbeam.ops.padding import pad

__all__ = ["fft", "fft2", "ifft2", "irfft", "rfft"]

_PRODUCT = 64  # up to this length one product is as fast as anything smarter

Pair = tuple[Any, Any]


def _roots(rows: int, columns: int, n: int) -> Any:
    """The n-th root of unity to the power ``-row * column``, the exponent reduced so that no angle is large."""
    angles = -2 * np.pi / n * (np.outer(np.arange(rows), np.arange(columns)) % n)
    parts = np.stack([np.cos(angles), np.sin(angles)])
    parts[np.abs(parts) < 1e-15] = 0.0  # exact at quarter turns, where pi is not
    return parts[0] + 1j * parts[1]


def _times(product: Callable[[Any, Any], Any], re: Any, im: Any, factor: Any) -> Pair:
    """A product with complex constants; ``im`` is None for real numbers."""
    a, b = to_tensor(factor.real, re.dtype), to_tensor(factor.imag, re.dtype)
    if im is None:
        return product(re, a), product(re, b)
    return m.subtract(product(re, a), product(im, b)), m.add(product(re, b), product(im, a))


def _transform(re: Any, im: Any, kept: int) -> Pair:
    """The first ``kept`` coefficients along the last axis; ``im`` is None for real numbers."""
    n = int(re.shape[-1])
    if n <= _PRODUCT:
        return _times(matmul, re, im, _roots(n, kept, n))
    rows = max(d for d in range(1, min(_PRODUCT, math.isqrt(n)) + 1) if n % d == 0)
    if rows == 1:
        return _chirp(re, im, kept)
    columns, lead = n // rows, dims_of(re)[:-1]

    def split(part: Any) -> Any:  # every rows-th element in a row
        return swapaxes(reshape(part, [*lead, columns, rows]), -1, -2)

    re, im = _transform(split(re), None if im is None else split(im), columns)
    re, im = _times(m.multiply, re, im, _roots(rows, columns, n))
    used = -(-kept // columns)
    re, im = _times(lambda x, roots: matmul(roots, x), re, im, _roots(used, rows, rows))
    return tuple(_cut(reshape(part, [*lead, used * columns]), 0, kept) for part in (re, im))  # type: ignore[return-value]


def _chirp(re: Any, im: Any, kept: int) -> Pair:
    """The same for any length: with w[k] = exp(-i pi k**2 / n) coefficient k is w[k] times the sum of x[j] w[j] / w[k - j]."""
    n = int(re.shape[-1])
    size = 1 << (2 * n - 2).bit_length()
    k = np.arange(n)
    w = np.exp(-1j * np.pi / n * (k * k % (2 * n)))
    wave = np.zeros(size, complex)
    wave[:n], wave[size - n + 1 :] = w.conj(), w[:0:-1].conj()
    re, im = _times(m.multiply, re, im, w)
    behind = [(0, 0)] * (re.ndim - 1) + [(0, size - n)]
    re, im = _transform(pad(re, behind), pad(im, behind), size)
    re, im = _times(m.multiply, re, im, np.fft.fft(wave) / size)
    im, re = _transform(im, re, kept)  # backwards
    return _times(m.multiply, re, im, w[:kept])


def _cut(x: Any, begin: int, end: int) -> Any:
    return _slice_axis(x, x.ndim - 1, begin, end)


def fitted(x: Any, n: int) -> Any:
    """``x`` cut or filled with zeros to ``n`` elements along the last axis."""
    have = dims_of(x)[-1]
    missing = max(n - have, 0) if isinstance(have, int) else n
    return _cut(pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)]) if missing else x, 0, n)


def known_length(x: Any, axis: int = -1) -> int:
    """The size of an axis that a transform goes along."""
    n = x.shape[axis]
    if n is None:
        which = "last dimension" if axis == -1 else f"{axis} and -1 axes"
        raise ValueError(f"Input should have its {which} fully-defined. Received: input.shape={tuple(x.shape)}")
    if n == 0:
        raise ValueError(f"Fourier transforms need axes that are not empty. Received: input.shape={tuple(x.shape)}")
    return int(n)


def _computable(x: Any) -> Any:
    """A float tensor in a dtype that sums of many products may have."""
    x = to_float(x)
    return to_tensor(x, "float32") if x.dtype in ("float16", "bfloat16") else x


def pair_of(x: Any, rank: int) -> tuple[Any, Any, str]:
    """Real and imaginary part, ready to be computed with, and the dtype that the result has."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(
            f"Input `x` should be a tuple of two tensors - real and imaginary. Received: x={x!r} of type {type(x).__name__}"
        )
    re, im = to_tensor(x[0]), to_tensor(x[1])
    if tuple(re.shape) != tuple(im.shape):
        raise ValueError(
            "Both the real and imaginary parts should have the same shape. "
            f"Received: x[0].shape={tuple(re.shape)}, x[1].shape={tuple(im.shape)}"
        )
    if re.ndim < rank:
        raise ValueError(f"Input should have rank >= {rank}. Received: input.shape={tuple(re.shape)}")
    if not (is_float(re.dtype) and is_float(im.dtype)):
        raise ValueError(f"Both parts of `x` must be of a float dtype. Received: {re.dtype} and {im.dtype}")
    dtype = promote(re.dtype, im.dtype)
    return _computable(to_tensor(re, dtype)), _computable(to_tensor(im, dtype)), dtype


def fft(x: Any) -> Pair:
    """The discrete Fourier transform along the last axis, whose size must be known.

    Args:
        x: a pair of tensors ``(..., n)``: real and imaginary parts, floats. Half precision is computed in float32.

    Returns:
        A pair of tensors of their shape and dtype.

    Raises:
        ValueError: for what is no such pair.

    Example:
        >>> re, im = fft(([1.0, 2.0], [0.0, 1.0]))
        >>> re.tolist(), im.tolist()
        ([3.0, -1.0], [1.0, -1.0])
    """
    re, im, dtype = pair_of(x, 1)
    re, im = _transform(re, im, known_length(re))
    return to_tensor(re, dtype), to_tensor(im, dtype)


def _transform_2d(re: Any, im: Any) -> Pair:
    rows, columns = known_length(re, -2), known_length(re)
    re, im = _transform(re, im, columns)
    re, im = _transform(swapaxes(re, -1, -2), swapaxes(im, -1, -2), rows)
    return swapaxes(re, -1, -2), swapaxes(im, -1, -2)


def fft2(x: Any) -> Pair:
    """The discrete Fourier transform along the last two axes, whose sizes must be known.

    Args:
        x: a pair of tensors ``(..., rows, columns)``: real and imaginary parts, floats.

    Returns:
        A pair of tensors of their shape and dtype.

    Raises:
        ValueError: for what is no such pair.

    Example:
        >>> re, im = fft2(([[1.0, 2.0], [2.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]))
        >>> re.tolist(), im.tolist()
        ([[6.0, 0.0], [0.0, -2.0]], [[2.0, 0.0], [0.0, -2.0]])
    """
    re, im, dtype = pair_of(x, 2)
    re, im = _transform_2d(re, im)
    return to_tensor(re, dtype), to_tensor(im, dtype)


def ifft2(x: Any) -> Pair:
    """The inverse of ``fft2``.

    Args:
        x: a pair of tensors ``(..., rows, columns)``: real and imaginary parts, floats.

    Returns:
        A pair of tensors of their shape and dtype.

    Raises:
        ValueError: for what is no such pair.
    """
    re, im, dtype = pair_of(x, 2)
    im, re = _transform_2d(im, re)  # with the parts exchanged a transform goes backwards
    share = 1.0 / (known_length(re, -2) * known_length(re))
    return to_tensor(m.multiply(re, share), dtype), to_tensor(m.multiply(im, share), dtype)


def rfft(x: Any, fft_length: int | None = None) -> Pair:
    """The discrete Fourier transform of real numbers along the last axis: the half of it that is not a mirror image.

    Args:
        x: a tensor ``(..., n)``.
        fft_length: to how many numbers the axis is cut, or filled with zeros; None for all of them, whose number must be
            known.

    Returns:
        A pair of tensors ``(..., fft_length // 2 + 1)``, real and imaginary parts, in x's dtype.

    Raises:
        ValueError: for a scalar, or an axis of unknown size.

    Example:
        >>> re, im = rfft([0.0, 1.0, 2.0, 3.0])
        >>> re.tolist(), im.tolist()
        ([6.0, -2.0, -2.0], [0.0, 2.0, 0.0])
    """
    x = to_float(x)
    if x.ndim < 1:
        raise ValueError(f"Input should have rank >= 1. Received: input.shape={tuple(x.shape)}")
    n = known_length(x) if fft_length is None else _check.positive_int("fft_length", fft_length)
    re, im = _transform(fitted(_computable(x), n), None, n // 2 + 1)
    return to_tensor(re, x.dtype), to_tensor(im, x.dtype)


def irfft(x: Any, fft_length: int | None = None) -> Any:
    """The inverse of ``rfft``: real numbers from the half of their transform.

    Args:
        x: a pair of tensors ``(..., bins)``: real and imaginary parts, floats. The axis is cut, or filled with zeros, to
            ``fft_length // 2 + 1``. The imaginary parts of the first bin, and of an even length's last, do not count.
        fft_length: how many numbers to return; None for ``2 * (bins - 1)``, which is right for even lengths.

    Returns:
        A tensor ``(..., fft_length)`` in the parts' dtype.

    Raises:
        ValueError: for what is no such pair, and when nothing would be returned.

    Example:
        >>> irfft(rfft([0.0, 1.0, 2.0, 3.0])).tolist()
        [0.0, 1.0, 2.0, 3.0]
    """
    re, im, dtype = pair_of(x, 1)
    n = 2 * (known_length(re) - 1) if fft_length is None else fft_length
    n = _check.positive_int("fft_length", n)
    re, im = fitted(re, n // 2 + 1), fitted(im, n // 2 + 1)
    mirrored = n - n // 2 - 1  # the bins behind the half
    if mirrored:
        re = concatenate([re, flip(_cut(re, 1, mirrored + 1), -1)], -1)
        im = concatenate([im, m.negative(flip(_cut(im, 1, mirrored + 1), -1))], -1)
    _, re = _transform(im, re, n)  # backwards: what is imaginary is 0
    return to_tensor(m.multiply(re, 1.0 / n), dtype)
