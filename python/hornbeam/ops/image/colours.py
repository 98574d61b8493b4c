"""Colours in other terms: greys, and hue, saturation and value."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core.tensor import is_float, to_tensor
from hornbeam.ops import math as m
from hornbeam.ops.comparison import equal, greater, less, where
from hornbeam.ops.elementwise import to_float
from hornbeam.ops.image.layouts import Layout
from hornbeam.ops.joining import concatenate, split

__all__ = ["hsv_to_rgb", "rgb_to_grayscale", "rgb_to_hsv"]


def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """Greys of colour images: 0.2989 red + 0.587 green + 0.114 blue (ITU-R BT.601).

    Args:
        images: ``(batch, rows, columns, 3)``, or one image without the first axis. One channel is grey already.
        data_format: "channels_last", or "channels_first" for ``(batch, 3, rows, columns)``; None for the default.

    Returns:
        A tensor of the images' dtype with one channel; ints are cut towards zero.

    Raises:
        ValueError: for another number of channels.

    Example:
        >>> rgb_to_grayscale([[[100, 0, 0]]]).ravel().tolist()
        [29]
    """
    layout = Layout(images, data_format)
    x, axis = layout.given, layout.axes[2]
    if x.shape[axis] == 1:
        return x
    if x.shape[axis] not in (3, None):
        raise ValueError(
            "Invalid channel size: expected 3 (RGB) or 1 (Grayscale). Received input with shape: "
            f"images.shape={tuple(x.shape)}"
        )
    red, green, blue = (to_float(c) for c in split(x, 3, axis))
    grey = m.add(m.add(m.multiply(red, 0.2989), m.multiply(green, 0.587)), m.multiply(blue, 0.114))
    return to_tensor(grey, x.dtype)


def _channels(images: Any, data_format: str | None) -> tuple[list[Any], int]:
    """Three channels of floats, and their axis."""
    layout = Layout(images, data_format)
    x, axis = layout.given, layout.axes[2]
    if not is_float(x.dtype):
        raise ValueError(f"Invalid images dtype: expected float dtype. Received: images.dtype={x.dtype}")
    if x.shape[axis] not in (3, None):
        raise ValueError(
            f"Input images must have 3 channels, but received images with {x.shape[axis]} channels. Received: "
            f"images.shape={tuple(x.shape)}"
        )
    return split(x, 3, axis), axis


def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Hue, saturation and value of colours (Smith 1978), all in [0, 1]: a hue of 0 is red, 1/3 green, 2/3 blue.

    Args:
        images: floats ``(batch, rows, columns, 3)`` in [0, 1], or one image without the first axis.
        data_format: "channels_last", or "channels_first" for ``(batch, 3, rows, columns)``; None for the default.

    Returns:
        A tensor of the images' shape and dtype. A grey has hue and saturation 0.

    Raises:
        ValueError: for ints, and for another number of channels.

    Example:
        >>> rgb_to_hsv([[[0.0, 0.5, 0.0]]]).ravel().tolist()
        [0.3333333432674408, 1.0, 0.5]
    """
    channels, axis = _channels(images, data_format)
    least = _EPSILON[channels[0].dtype]
    red, green, blue = (where(less(m.abs(c), least), 0.0, c) for c in channels)
    value = m.maximum(m.maximum(red, green), blue)
    spread = m.subtract(value, m.minimum(m.minimum(red, green), blue))
    coloured = greater(spread, 0.0)
    saturation = where(greater(value, 0.0), m.divide(spread, where(greater(value, 0.0), value, 1.0)), 0.0)
    sixth = m.divide(1.0 / 6.0, where(coloured, spread, 1.0))
    hue = where(
        equal(value, green),
        m.add(m.multiply(m.subtract(blue, red), sixth), 2.0 / 6.0),
        m.add(m.multiply(m.subtract(red, green), sixth), 4.0 / 6.0),
    )
    hue = where(equal(value, red), m.multiply(m.subtract(green, blue), sixth), hue)
    hue = where(coloured, where(less(hue, 0.0), m.add(hue, 1.0), hue), 0.0)
    return concatenate([hue, saturation, value], axis)


# The distance from 1 to the next number: what is less than it counts as 0.
_EPSILON = {**{t: float(np.finfo(t).eps) for t in ("float16", "float32", "float64")}, "bfloat16": 2.0**-7}


def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """Colours of hue, saturation and value: ``rgb_to_hsv`` undone. A hue's whole part does not matter.

    Args:
        images: floats ``(batch, rows, columns, 3)`` in [0, 1], or one image without the first axis.
        data_format: "channels_last", or "channels_first" for ``(batch, 3, rows, columns)``; None for the default.

    Returns:
        A tensor of the images' shape and dtype.

    Raises:
        ValueError: for ints, and for another number of channels.

    Example:
        >>> hsv_to_rgb([[[0.5, 1.0, 0.25]]]).ravel().tolist()
        [0.0, 0.25, 0.25]
    """
    (hue, saturation, value), axis = _channels(images, data_format)
    turn = m.multiply(m.subtract(hue, m.floor(hue)), 6.0)
    shares = (
        m.subtract(m.abs(m.subtract(turn, 3.0)), 1.0),
        m.subtract(2.0, m.abs(m.subtract(turn, 2.0))),
        m.subtract(2.0, m.abs(m.subtract(turn, 4.0))),
    )
    grey = m.subtract(1.0, saturation)
    return concatenate(
        [m.multiply(value, m.add(grey, m.multiply(saturation, m.clip(s, 0.0, 1.0)))) for s in shares], axis
    )
