"""Images convolved channel by channel: blurred, their edges, and how alike two of them are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, is_float, is_tensor, promote, to_tensor, variable_value
from hornbeam.ops import math as m
from hornbeam.ops import reductions
from hornbeam.ops.arrays import reshape, transpose
from hornbeam.ops.convolution import depthwise_conv
from hornbeam.ops.elementwise import to_float
from hornbeam.ops.image.layouts import Layout, computed_in, in_dtype
from hornbeam.ops.joining import tile, unstack

__all__ = ["gaussian_blur", "sobel_edges", "ssim"]


def _bell(size: int, sigma: Any, dtype: str) -> Any:
    """A Gaussian at ``size`` places around its centre, which add up to 1."""
    x = np.arange(size) - (size - 1) / 2
    if not is_tensor(sigma):
        y = np.exp(-0.5 * (x / sigma) ** 2)
        return to_tensor(y / y.sum(), dtype)
    bell = m.exp(m.multiply(m.square(m.divide(to_tensor(x, dtype), sigma)), -0.5))
    return m.divide(bell, reductions.sum(bell))


def _along(x: Any, bell: Any, axis: int, padding: str) -> Any:
    """``(batch, rows, columns, channels)`` convolved along rows (1) or columns (2)."""
    window = [dims_of(bell)[0], 1] if axis == 1 else [1, dims_of(bell)[0]]
    return depthwise_conv(x, tile(reshape(bell, [*window, 1, 1]), [1, 1, _channels(x), 1]), padding=padding)


def _channels(x: Any) -> int:
    if x.shape[-1] is None:
        raise ValueError(f"images need a known number of channels. Received: shape={tuple(x.shape)}")
    return int(x.shape[-1])


def gaussian_blur(
    images: Any, kernel_size: Sequence[int] = (3, 3), sigma: Any = (1.0, 1.0), data_format: str | None = None
) -> Any:
    """Images blurred by a Gaussian; what lies around them counts as 0.

    Args:
        images: ``(batch, rows, columns, channels)``, or one image without the first axis.
        kernel_size: over how many columns and rows, in Keras' order; an int for both.
        sigma: the standard deviation across columns and rows, likewise: numbers above 0, or a tensor ``(2,)``.
        data_format: "channels_last", or "channels_first" for ``(batch, channels, rows, columns)``; None for the default.

    Returns:
        A tensor of the images' shape and dtype; ints are rounded.

    Raises:
        ValueError: for sizes and deviations that are not above 0.

    Example:
        >>> blurred = gaussian_blur([[[0.0], [1.0], [0.0]]], (3, 1), (0.5, 1.0))
        >>> [round(v, 4) for v in blurred.ravel().tolist()]
        [0.1065, 0.787, 0.1065]
    """
    sizes = _check.int_tuple("kernel_size", kernel_size, 2)
    layout = Layout(images, data_format)
    x = computed_in(layout.batch())
    bells = [_bell(n, s, x.dtype) for n, s in zip(sizes, _deviations(sigma, x.dtype))]
    for axis, bell in zip((2, 1), bells):
        x = _along(x, bell, axis, "same")
    return layout.back(in_dtype(x, layout.given.dtype))


def _deviations(sigma: Any, dtype: str) -> list[Any]:
    sigma = variable_value(sigma)
    if is_tensor(sigma):
        if tuple(sigma.shape) != (2,):
            raise ValueError(f"`sigma` must have 2 numbers. Received: sigma.shape={tuple(sigma.shape)}")
        return unstack(to_tensor(sigma, dtype))
    given = [sigma, sigma] if np.ndim(sigma) == 0 else list(sigma)
    if len(given) != 2:
        raise ValueError(f"`sigma` must have 2 numbers. Received: sigma={sigma}")
    for s in given:
        if not is_tensor(s) and _check.number("sigma", s) <= 0:
            raise ValueError(f"`sigma` must be above 0. Received: sigma={sigma}")
    return [to_tensor(s, dtype) if is_tensor(s) else s for s in given]


_SOBEL = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])  # rises from above to below


def sobel_edges(images: Any, data_format: str | None = None) -> Any:
    """How steeply images rise downwards and to the right (Sobel and Feldman 1968); what lies around them counts as 0.

    Args:
        images: ``(batch, rows, columns, channels)``.
        data_format: "channels_last", or "channels_first" for ``(batch, channels, rows, columns)``; None for the default.

    Returns:
        A tensor of the images' shape with an axis of 2 added: the rise by rows and by columns, a float's.

    Raises:
        ValueError: when the images are no batch.
    """
    layout = Layout(images, data_format)
    if layout.single:
        raise ValueError(
            "Invalid images rank: expected rank 4 (batch of images). Received: "
            f"images.shape={tuple(layout.given.shape)}"
        )
    x = to_float(layout.batch())
    kernels = np.repeat(np.stack([_SOBEL, _SOBEL.T], -1)[:, :, None], _channels(x), axis=2)
    y = depthwise_conv(x, to_tensor(kernels, x.dtype), padding="same")
    y = reshape(y, [*dims_of(x), 2])
    return transpose(y, [0, 3, 1, 2, 4]) if layout.channels_first else y


def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Any:
    """The structural similarity of two images, 1 for equal ones (Wang et al. 2004).

    Args:
        image1: ``(batch, rows, columns, channels)``, or one image without the first axis.
        image2: of its shape.
        max_val: the largest value that a pixel may have, 255 for bytes.
        filter_size: rows and columns of the window in which they are compared, at most the images'.
        filter_sigma: the standard deviation of the window's Gaussian.
        k1: how much of ``max_val`` steadies the comparison of means.
        k2: likewise of deviations.
        data_format: "channels_last", or "channels_first" for ``(batch, channels, rows, columns)``; None for the default.

    Returns:
        A float tensor: a number for each of the batch, or one.

    Raises:
        ValueError: when the shapes differ, or the window is larger than the images.
    """
    size, sigma = _check.integer("filter_size", filter_size, 1), _check.number("filter_sigma", filter_sigma)
    if sigma <= 0:
        raise ValueError(f"`filter_sigma` must be above 0. Received: filter_sigma={filter_sigma}")
    most = _check.number("max_val", max_val)
    c1, c2 = ((_check.number(n, k) * most) ** 2 for n, k in (("k1", k1), ("k2", k2)))
    first, second = Layout(to_tensor(image1), data_format), Layout(to_tensor(image2), data_format)
    shapes = tuple(first.given.shape), tuple(second.given.shape)
    if len(shapes[0]) != len(shapes[1]) or any(None not in (a, b) and a != b for a, b in zip(*shapes)):
        raise ValueError(
            f"the images must have one shape. Received: image1.shape={shapes[0]}, image2.shape={shapes[1]}"
        )
    x, y = (computed_in(i.batch()) for i in (first, second))
    dtype = promote(x.dtype, y.dtype)
    x, y, bell = to_tensor(x, dtype), to_tensor(y, dtype), _bell(size, sigma, dtype)

    def local(t: Any) -> Any:
        return _along(_along(t, bell, 1, "valid"), bell, 2, "valid")

    mean_x, mean_y = local(x), local(y)
    squares, product = m.add(m.square(mean_x), m.square(mean_y)), m.multiply(mean_x, mean_y)
    variances = m.subtract(local(m.add(m.square(x), m.square(y))), squares)
    covariance = m.subtract(local(m.multiply(x, y)), product)
    above = m.multiply(m.add(m.multiply(product, 2.0), c1), m.add(m.multiply(covariance, 2.0), c2))
    result = reductions.mean(m.divide(above, m.multiply(m.add(squares, c1), m.add(variances, c2))), [1, 2, 3])
    kind = first.given.dtype if is_float(first.given.dtype) else dtype
    return to_tensor(reshape(result, []) if first.single else result, kind)
