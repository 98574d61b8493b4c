"""Images as seen from elsewhere: moved, turned, sheared, scaled, tilted, kneaded; tensors at any places."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core import validation as _check
from hornbeam.core.operators import ops as _installed
from hornbeam.core.tensor import dims_of, is_tensor, to_tensor, variable_value
from hornbeam.core.trace import Traced, recordings
from hornbeam.ops import math as m
from hornbeam.ops.arrays import expand_dims, reshape
from hornbeam.ops.creation import arange
from hornbeam.ops.image.kernels import bell_matrix
from hornbeam.ops.image.layouts import Layout
from hornbeam.ops.image.sampling import FILL_MODES, INTERPOLATIONS, coordinates_of, sampled, stacked
from hornbeam.ops.joining import stack
from hornbeam.ops.linalg import matmul

__all__ = ["affine_transform", "elastic_transform", "map_coordinates", "perspective_transform"]


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
    _for_each("transform", given, x, 2)
    known = not isinstance(given, Traced) and not recordings()
    flat = known and not np.asarray(given)[..., 6:].any()
    places = _projected(coordinates_of(given)[0], x, flat)
    return layout.back(sampled(x, places, linear, mode, fill_value))


def _for_each(name: str, maps: Any, x: Any, axes: int) -> None:
    """Refuses maps, of which a batch has ``axes``, that are neither one nor as many as the images of a batch ``x``."""
    if maps.ndim == axes and maps.shape[0] not in (None, 1) and x.shape[0] not in (None, maps.shape[0]):
        raise ValueError(
            f"`{name}` must be one or as many as there are images, {x.shape[0]}. Received: {name}.shape={tuple(maps.shape)}"
        )


def _projected(transform: Any, x: Any, affine: bool) -> Any:
    """From which row and column each pixel of a batch ``x`` comes, for ``sampled``."""
    height, width = dims_of(x)[1:3]
    t = transform if transform.ndim == 2 else expand_dims(transform, 0)
    row, column = reshape(arange(height, dtype=t.dtype), [-1, 1]), arange(width, dtype=t.dtype)

    def plane(p: Any, q: Any, r: Any) -> Any:
        return m.add(m.multiply(p, column), m.add(m.multiply(q, row), r))

    places = plane(*(reshape(stack([t[:, 3 + i], t[:, i]]), [2, -1, 1, 1]) for i in range(3)))
    if affine:
        return places
    c0, c1 = (reshape(t[:, i], [-1, 1, 1]) for i in (6, 7))
    return m.divide(places, plane(c0, c1, 1.0))


def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Images tilted: four points of the images come to four places of the results.

    Args:
        images: ``(batch, rows, columns, channels)``, or one image without the first axis.
        start_points: ``(4, 2)``, or ``(batch, 4, 2)``: columns and rows of the points in the images.
        end_points: of that shape: where they come to. No three of the four lie on a line.
        interpolation: "nearest" or "bilinear".
        fill_value: what lies around images.
        data_format: "channels_last", or "channels_first" for ``(batch, channels, rows, columns)``; None for the default.

    Returns:
        A tensor of the images' shape and dtype; ints are rounded, halves away from 0.

    Raises:
        ValueError: for other shapes and interpolations.
    """
    layout = Layout(images, data_format)
    linear = _check.choice("interpolation", interpolation, INTERPOLATIONS) == "bilinear"
    start, end = (_points(n, p) for n, p in (("start_points", start_points), ("end_points", end_points)))
    if start.ndim != end.ndim or None not in (start.shape[0], end.shape[0]) and start.shape[0] != end.shape[0]:
        raise ValueError(
            "start_points and end_points must have the same shape. Received: "
            f"start_points.shape={tuple(start.shape)}, end_points.shape={tuple(end.shape)}"
        )
    x = layout.batch()
    _for_each("start_points", start, x, 3)
    places = _projected(to_tensor(_homography(start, end), "float32"), x, False)
    return layout.back(sampled(x, places, linear, "constant", fill_value))


def _points(name: str, points: Any) -> Any:
    p = to_tensor(points)
    if p.ndim not in (2, 3) or tuple(p.shape[-2:]) != (4, 2):
        raise ValueError(
            f"Invalid {name} shape: expected (4,2) for a single image or (N,4,2) for a batch. Received: "
            f"{name}.shape={tuple(p.shape)}"
        )
    return to_tensor(p if p.ndim == 3 else expand_dims(p, 0), "float64")


def _homography(start: Any, end: Any) -> Any:
    """The projective map that takes each end point to its start, 8 numbers as ``affine_transform`` takes them: from the end
    to the unit square, and on to the start (Heckbert 1989)."""
    (a, b, c), (d, e, f), (g, h, i) = _of_square(end)
    back = (  # the inverse, up to a factor
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    both = [sum(r[k] * back[k][j] for k in range(3)) for r in _of_square(start) for j in range(3)]
    return stack([m.divide(t, both[8]) for t in both[:8]], axis=-1)


def _of_square(points: Any) -> tuple[tuple[Any, Any, Any], ...]:
    """The rows of a matrix that takes the unit square's corners to four points, the third and the fourth exchanged, as
    images' corners are listed."""
    p = [(points[:, k, 0], points[:, k, 1]) for k in (0, 1, 3, 2)]
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = p
    ux, uy, vx, vy = x1 - x2, y1 - y2, x3 - x2, y3 - y2
    sx, sy = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    scale = ux * vy - vx * uy
    g, h = sx * vy - vx * sy, ux * sy - sx * uy
    return (
        (scale * (x1 - x0) + g * x1, scale * (x3 - x0) + h * x3, scale * x0),
        (scale * (y1 - y0) + g * y1, scale * (y3 - y0) + h * y3, scale * y0),
        (g, h, scale),
    )


def elastic_transform(
    images: Any,
    alpha: Any = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Any:
    """Images kneaded: each pixel comes from a random place near it, and neighbours from near each other (Simard et al. 2003).

    Args:
        images: ``(batch, rows, columns, channels)``, or one image without the first axis.
        alpha: how far pixels are moved: a number or a scalar tensor.
        sigma: over how many pixels the movement is smoothed, above 0; its size grows with it.
        interpolation: "nearest" or "bilinear".
        fill_mode: what lies around images: "constant", "nearest", "wrap", "mirror" or "reflect", as
            ``map_coordinates`` has it.
        fill_value: of the mode "constant".
        seed: None, an int, or a ``random.SeedGenerator``.
        data_format: "channels_last", or "channels_first" for ``(batch, channels, rows, columns)``; None for the default.

    Returns:
        A tensor of the images' shape and dtype.

    Raises:
        ValueError: for other interpolations and modes, and a ``sigma`` that is not above 0.
    """
    layout = Layout(images, data_format)
    linear = _check.choice("interpolation", interpolation, INTERPOLATIONS) == "bilinear"
    mode = _check.choice("fill_mode", fill_mode, FILL_MODES)
    spread = _check.number("sigma", sigma)
    if spread <= 0:
        raise ValueError(f"`sigma` must be above 0. Received: sigma={sigma}")
    far = alpha if is_tensor(alpha := variable_value(alpha)) else _check.number("alpha", alpha)
    x = layout.batch()
    batch, height, width = dims_of(x)[:3]
    noise = _installed.normal((2, batch, height, width), stddev=spread, dtype="float32", seed=seed)
    down, across = (to_tensor(bell_matrix(n, spread, int(6 * spread) // 2), "float32") for n in (height, width))
    moved = m.multiply(matmul(down, matmul(noise, across)), far)
    pixels = stacked([reshape(arange(height, dtype="float32"), [1, -1, 1]), arange(width, dtype="float32")])
    return layout.back(sampled(x, m.add(moved, pixels), linear, mode, fill_value))


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
    if x.ndim == 0:
        raise ValueError("`inputs` must have at least one axis. Received: a number")
    listed = isinstance(coordinates, (list, tuple))
    given = coordinates if listed else to_tensor(coordinates)
    count = len(given) if listed else given.shape[0] if given.ndim else 0
    if count not in (x.ndim, None):
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. Received inputs with shape: "
            f"{tuple(x.shape)} and coordinate leading dim of {count}"
        )
    places = stacked(coordinates_of(*given)) if listed else coordinates_of(given)[0]
    if places.ndim == 1:
        raise ValueError("Invalid coordinates rank: expected at least rank 2. Received: a rank of 1")
    mode = _check.choice("fill_mode", fill_mode, FILL_MODES)
    if _check.integer("order", order) not in (0, 1):
        raise ValueError(f"Invalid value for argument `order`. Expected one of [0, 1]. Received: order={order}")
    y = sampled(expand_dims(x, (0, x.ndim + 1)), expand_dims(places, 1), order == 1, mode, fill_value)
    return reshape(y, dims_of(y)[1:-1])
