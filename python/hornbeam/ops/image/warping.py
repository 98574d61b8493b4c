"""Images as seen from elsewhere: moved, turned, sheared, scaled, tilted, kneaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, to_tensor
from hornbeam.core.trace import Traced
from hornbeam.ops import math as m
from hornbeam.ops.arrays import expand_dims, reshape
from hornbeam.ops.creation import arange
from hornbeam.ops.image.layouts import Layout
from hornbeam.ops.image.sampling import FILL_MODES, INTERPOLATIONS, coordinates_of, sampled
from hornbeam.ops.joining import unstack

__all__ = ["affine_transform", "map_coordinates"]


def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Images under affine or projective maps, given as where each pixel of the result comes from.

    ``(a0, a1, a2, b0, b1, b2, c0, c1)`` takes the pixel at column x and row y from column ``(a0 x + a1 y + a2) / k`` and row
    ``(b0 x + b1 y + b2) / k``, where ``k = c0 x + c1 y + 1``.

    Args:
        images: ``(batch, rows, columns, channels)``, or one image without the first axis.
        transform: ``(8,)``, or ``(batch, 8)`` for a map of each image's own.
        interpolation: "nearest" or "bilinear".
        fill_mode: what lies around images: "constant", "nearest", "wrap", "mirror" or "reflect", as
            ``map_coordinates`` has it.
        fill_value: of the mode "constant".
        data_format: "channels_last", or "channels_first" for ``(batch, channels, rows, columns)``; None for the default.

    Returns:
        A tensor of the images' shape and dtype; ints are rounded, halves away from 0.

    Raises:
        ValueError: for other shapes, interpolations and modes.

    Example:
        >>> affine_transform([[[1.0], [2.0], [3.0]]], [1, 0, 1, 0, 1, 0, 0, 0]).ravel().tolist()
        [2.0, 3.0, 0.0]
    """
    layout = Layout(images, data_format)
    linear = _check.choice("interpolation", interpolation, INTERPOLATIONS) == "bilinear"
    mode = _check.choice("fill_mode", fill_mode, FILL_MODES)
    given = to_tensor(transform)
    if given.ndim not in (1, 2):
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of transforms). Received input "
            f"with shape: transform.shape={tuple(given.shape)}"
        )
    if given.shape[-1] not in (8, None):
        raise ValueError(
            f"`transform` must have 8 numbers for each image. Received: transform.shape={tuple(given.shape)}"
        )
    x = layout.batch()
    flat = not isinstance(given, Traced) and not np.asarray(given)[..., 6:].any()  # known to be affine
    columns, rows = _projected(coordinates_of(given)[0], x, flat)
    return layout.back(sampled(x, [rows, columns], linear, mode, fill_value))


def _projected(transform: Any, x: Any, affine: bool) -> tuple[Any, Any]:
    """From which column and row each pixel of a batch ``x`` comes, ``(batch, rows, columns)`` each."""
    batch, height, width = dims_of(x)[:3]
    t = transform if transform.ndim == 2 else expand_dims(transform, 0)
    a0, a1, a2, b0, b1, b2, c0, c1 = (reshape(t[:, i], [-1, 1, 1]) for i in range(8))
    column = reshape(arange(width, dtype=t.dtype), [1, 1, width])
    row = reshape(arange(height, dtype=t.dtype), [1, height, 1])

    def plane(p: Any, q: Any, r: Any) -> Any:
        return m.add(m.multiply(p, column), m.add(m.multiply(q, row), r))

    places = plane(a0, a1, a2), plane(b0, b1, b2)
    if not affine:
        depth = plane(c0, c1, 1.0)
        places = m.divide(places[0], depth), m.divide(places[1], depth)
    return places


def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Any:
    """Values of a tensor at any places, between its elements too.

    Args:
        inputs: a tensor of k axes.
        coordinates: ``(k, ...)``: places on each axis, in elements; a list of k tensors will do.
        order: 0 for the nearest element, 1 for linear interpolation.
        fill_mode: what lies beyond the ends of ``a b c d``: "constant" (``fill_value``, to which the values blend within
            a pixel of the ends), "nearest" (``a a | a b c d | d d``), "wrap" (``c d | a b c d | a b``), "mirror"
            (``c b | a b c d | c b``) or "reflect" (``b a | a b c d | d c``).
        fill_value: a number.

    Returns:
        A tensor of the inputs' dtype and the shape of the coordinates but their first axis; ints are rounded, halves away
        from 0. A place that is NaN gives NaN, or, in ints, the inputs' beginning or the fill value.

    Raises:
        ValueError: when there is not a coordinate for each axis, and for another order or mode.

    Example:
        >>> map_coordinates([0.0, 2.0, 4.0], [[0.5, 1.75]], order=1).tolist()
        [1.0, 3.5]
    """
    x = to_tensor(inputs)
    listed = isinstance(coordinates, (list, tuple))
    where_to = coordinates_of(*coordinates) if listed else coordinates_of(coordinates)
    if listed:
        rank, axes = len(where_to), where_to[0].ndim + 1 if where_to else 0
    else:
        rank, axes = where_to[0].shape[0] if where_to[0].ndim else None, where_to[0].ndim
    if rank != x.ndim:
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. Received inputs with shape: "
            f"{tuple(x.shape)} and coordinate leading dim of {rank}"
        )
    if axes < 2:
        raise ValueError(f"Invalid coordinates rank: expected at least rank 2. Received: a rank of {axes}")
    mode = _check.choice("fill_mode", fill_mode, FILL_MODES)
    if _check.integer("order", order) not in (0, 1):
        raise ValueError(f"Invalid value for argument `order`. Expected one of [0, 1]. Received: order={order}")
    places = where_to if listed else unstack(where_to[0])
    if x.ndim == 0 or 0 in x.shape:
        raise ValueError(f"`inputs` must have elements. Received: inputs.shape={tuple(x.shape)}")
    y = sampled(expand_dims(x, (0, x.ndim + 1)), [expand_dims(p, 0) for p in places], order == 1, mode, fill_value)
    return reshape(y, dims_of(y)[1:-1])
