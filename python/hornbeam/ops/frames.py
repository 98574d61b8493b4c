"""Signals as overlapping frames, and the Fourier transform of each frame."""

from __future__ import annotations

import math
from typing import Any

from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, emit1, to_tensor
from hornbeam.ops import math as m
from hornbeam.ops.arrays import broadcast_to, expand_dims, moveaxis, reshape, shape_product
from hornbeam.ops.comparison import greater, where
from hornbeam.ops.creation import arange, ones
from hornbeam.ops.fourier import Pair, fitted, irfft, pair_of, rfft
from hornbeam.ops.joining import _slice_axis
from hornbeam.ops.padding import pad
from hornbeam.ops.selection import take
from hornbeam.ops.windows import window_values

__all__ = ["extract_sequences", "istft", "stft"]


def _block_ids(count: Any, length: int, stride: int) -> tuple[int, Any]:
    """Frames as blocks that start and end where frames do: a block's size, and for each frame the numbers of its blocks."""
    size = math.gcd(length, stride)
    first = m.multiply(expand_dims(arange(count, dtype="int32"), 1), stride // size)
    return size, m.add(first, arange(length // size, dtype="int32"))


def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Windows that slide along the last axis.

    Args:
        x: a tensor ``(..., n)``.
        sequence_length: how many elements each window has.
        sequence_stride: how far it goes each time.

    Returns:
        A tensor ``(..., 1 + (n - sequence_length) // sequence_stride, sequence_length)`` of x's dtype.

    Raises:
        ValueError: for a scalar.

    Example:
        >>> extract_sequences([1, 2, 3, 4, 5, 6], 3, 2).tolist()
        [[1, 2, 3], [3, 4, 5]]
    """
    x = to_tensor(x)
    length = _check.positive_int("sequence_length", sequence_length)
    stride = _check.positive_int("sequence_stride", sequence_stride)
    if x.ndim < 1:
        raise ValueError(f"Input should have rank >= 1. Received: input.shape={tuple(x.shape)}")
    *lead, n = dims_of(x)
    count = 1 + (n - length) // stride
    count = max(count, 0) if isinstance(count, int) else count
    size, ids = _block_ids(count, length, stride)
    blocks = reshape(_slice_axis(x, x.ndim - 1, 0, n // size * size), [*lead, n // size, size])
    return reshape(take(blocks, ids, -2), [*lead, count, length])


def _overlap_add(x: Any, stride: int) -> Any:
    """The signal ``(..., n)`` whose frames are ``(..., count, length)``, added up where they overlap."""
    *lead, count, length = dims_of(x)
    size, ids = _block_ids(count, int(length), stride)
    blocks = (count - 1) * (stride // size) + length // size
    rows = moveaxis(reshape(x, [*lead, shape_product(dims_of(ids)), size]), -2, 0)
    y = emit1("scatter_add", [reshape(ids, [-1]), rows], rows=[blocks])
    return reshape(moveaxis(y, 0, -2), [*lead, blocks * size])


def _window(window: Any, length: int, fft_length: int, dtype: str) -> Any:
    """A window between zeros on both sides, up to the length of a transform; None where there is none."""
    _check.positive_int("sequence_length", length)
    if _check.positive_int("fft_length", fft_length) < length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. "
            f"Received: sequence_length={length}, fft_length={fft_length}"
        )
    if window is None:
        return None
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(
                f"If a string is passed to `window`, it must be one of 'hann', 'hamming'. Received: window={window!r}"
            )
        window = window_values(window, length, True)
    window = to_tensor(window, dtype)
    if tuple(window.shape) != (length,):
        raise ValueError(
            "The shape of `window` must be equal to [sequence_length]. "
            f"Received: window shape={tuple(window.shape)}, sequence_length={length}"
        )
    before = (fft_length - length) // 2
    return pad(window, [(before, fft_length - length - before)])


def _check_stride(stride: Any) -> None:
    if not isinstance(stride, int) or stride <= 0:
        raise ValueError(f"`sequence_stride` must be a positive integer. Received: sequence_stride={stride}")


def stft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> Pair:
    """The Fourier transform of each of the overlapping frames of a signal.

    Args:
        x: signals ``(..., n)``, float32 or float64.
        sequence_length: how many samples the window takes in.
        sequence_stride: how far a frame is from the one before.
        fft_length: the length of a transform, at least ``sequence_length``; the window is in its middle, between zeros.
        window: "hann", "hamming" (periodic), a tensor ``(sequence_length,)``, or None: frames are taken as they are.
        center: whether frame t has its middle at sample ``t * sequence_stride``, for which the signal is reflected at both
            ends; else it begins there.

    Returns:
        A pair of tensors ``(..., frames, fft_length // 2 + 1)``, real and imaginary parts, in x's dtype.

    Raises:
        TypeError: for another dtype.
        ValueError: for lengths or a window that do not fit.
    """
    _check_stride(sequence_stride)
    x = to_tensor(x)
    if x.dtype not in ("float32", "float64"):
        raise TypeError(f"Invalid input type. Expected `float32` or `float64`. Received: input type={x.dtype}")
    factors = _window(window, sequence_length, fft_length, x.dtype)
    if center:
        half = fft_length // 2
        x = pad(x, [(0, 0)] * (x.ndim - 1) + [(half, half)], mode="reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    return rfft(frames if factors is None else m.multiply(frames, factors))


def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """The signal whose frames have these transforms: the inverse of ``stft`` with the same arguments.

    Frames are windowed once more, added up, and divided by the sum of the squared windows, which is the signal that fits
    best (Griffin and Lim, "Signal estimation from modified short-time Fourier transform", 1984).

    Args:
        x: a pair of tensors ``(..., frames, fft_length // 2 + 1)``: real and imaginary parts, floats.
        sequence_length: how many samples the window takes in.
        sequence_stride: how far a frame is from the one before.
        fft_length: the length of a transform.
        length: how many samples to return: cut, or filled with zeros; None for what the frames cover (and, where they are
            centred, without ``fft_length // 2`` at each end).
        window: as in ``stft``.
        center: as in ``stft``.

    Returns:
        A tensor ``(..., samples)`` in the parts' dtype. Without a window it is ``fft_length / sequence_stride`` times the
        signal, as Keras'.

    Raises:
        ValueError: for what is no such pair, and for lengths or a window that do not fit.
    """
    _check_stride(sequence_stride)
    re, im, dtype = pair_of(x, 2)
    factors = _window(window, sequence_length, fft_length, re.dtype)
    weights = ones([fft_length], re.dtype) if factors is None else m.square(factors)
    frames = irfft((re, im), fft_length)
    signal = _overlap_add(frames if factors is None else m.multiply(frames, factors), sequence_stride)
    weight = _overlap_add(broadcast_to(weights, dims_of(frames)[-2:]), sequence_stride)
    signal = m.divide(signal, where(greater(weight, 1e-10), weight, 1.0))
    if factors is None:
        signal = m.multiply(signal, fft_length / sequence_stride)
    *_, n = dims_of(signal)
    half = fft_length // 2 if center else 0
    signal = _slice_axis(signal, signal.ndim - 1, half, n if length is not None else n - half)
    if length is not None:
        signal = fitted(signal, _check.integer("length", length, 0))
    return to_tensor(signal, dtype)
