"""Images at another size, or scaled and moved, by separable interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core import validation as _check
from hornbeam.core.allowance import claim
from hornbeam.core.tensor import dims_of, emit1, is_float, is_tensor, promote, to_tensor, variable_value
from hornbeam.ops.arrays import _smaller, reshape, shape_product
from hornbeam.ops.elementwise import to_float
from hornbeam.ops.image.kernels import KERNELS, weights
from hornbeam.ops.image.layouts import Layout, computed_in, in_dtype
from hornbeam.ops.joining import _slice_axis, repeat, unstack
from hornbeam.ops.linalg import matmul
from hornbeam.ops.padding import pad

__all__ = ["resize", "scale_and_translate"]

_METHODS = {
    "linear": "bilinear",
    "trilinear": "bilinear",
    "triangle": "bilinear",
    "cubic": "bicubic",
    "tricubic": "bicubic",
}


def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Images at another size, in their own dtype; pixels are squares, whose centres are compared.

    Args:
        images: ``(batch, rows, columns, channels)``, or one image without the first axis.
        size: rows and columns of the result.
        interpolation: "nearest", "bilinear", "bicubic" (Keys 1981, a = -0.5), "lanczos3" or "lanczos5".
        antialias: whether an image that becomes smaller is smoothed as it must be to show no patterns of its own.
        crop_to_aspect_ratio: whether to keep the proportions, and to cut off what is too long in the middle.
        pad_to_aspect_ratio: whether to keep the proportions, and to add a border around what is too short.
        fill_mode: of that border: only "constant".
        fill_value: its value.
        data_format: "channels_last", or "channels_first" for ``(batch, channels, rows, columns)``; None for the default.

    Returns:
        A tensor of the images' dtype; ints are rounded, and held to what their dtype holds.

    Raises:
        ValueError: for a size that is not two ints above 0, an image without pixels, and both of the two ratios.

    Example:
        >>> resize([[[0.0], [8.0]]], (1, 4)).ravel().tolist()
        [0.0, 2.0, 6.0, 8.0]
    """
    rows, columns = _two_sizes(size)
    kind = _check.choice("interpolation", interpolation, ("nearest", *KERNELS))
    _check.unsupported("fill_mode", fill_mode, "constant")
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError(
            "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`. Received: "
            f"pad_to_aspect_ratio={pad_to_aspect_ratio}, crop_to_aspect_ratio={crop_to_aspect_ratio}"
        )
    layout = Layout(images, data_format)
    x = layout.batch()
    if 0 in x.shape[1:3]:
        raise ValueError(f"resize needs images with pixels. Received: images.shape={tuple(layout.given.shape)}")
    for out in (rows, columns):
        claim("resize's grid", (out,), "float64")
    _check.fits_memory("a resized image", [rows, columns, x.shape[3] or 1], "float32")
    if crop_to_aspect_ratio:
        x = _cropped(x, rows, columns)
    elif pad_to_aspect_ratio:
        x = _padded(x, rows, columns, _check.number("fill_value", fill_value))
    if tuple(x.shape[1:3]) != (rows, columns):
        x = x if kind == "nearest" else computed_in(x)
        x = emit1("resample", [x], size=[rows, columns], kernel=kind, antialias=bool(antialias))
    return layout.back(in_dtype(x, layout.given.dtype))


def enlarged(x: Any, factors: Sequence[int]) -> Any:
    """Each element repeated along one to three axes.

    Args:
        x: ``(batch, axes.., channels)``.
        factors: how often, for each of the axes.
    """
    dims = list(dims_of(x))
    sizes = [n * f for n, f in zip(dims[1:-1], factors)]
    if any(isinstance(n, int) and n >= 2**31 for n in sizes):  # more than resampling counts
        for axis, n in enumerate(factors, 1):
            x = repeat(x, n, axis)
        return x
    if len(factors) == 3:
        x = enlarged(reshape(x, [*dims[:2], shape_product(dims[2:])]), factors[:1])
        x = enlarged(reshape(x, [dims[0] * sizes[0], *dims[2:]]), factors[1:])
    elif len(factors) == 1:
        x = enlarged(reshape(x, [dims[0], 1, *dims[1:]]), [1, *factors])
    else:
        return emit1("resample", [x], size=sizes, kernel="nearest")
    return reshape(x, [dims[0], *sizes, dims[-1]])


def _two_sizes(size: Any) -> tuple[int, int]:
    items = list(size) if hasattr(size, "__iter__") and not isinstance(size, (str, bytes)) else [size]
    if len(items) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers. Received: size={size!r}")
    rows, columns = (_check.integer("size", i) for i in items)
    if rows <= 0 or columns <= 0:
        raise ValueError(f"`size` must have positive height and width. Received: size={size}")
    return rows, columns


def _cropped(x: Any, rows: int, columns: int) -> Any:
    """The largest window in the middle that has the proportions of ``(rows, columns)``."""
    height, width = dims_of(x)[1:3]
    high, wide = (_smaller(n, m) for n, m in _in_proportion(height, width, rows, columns))
    high, wide = (max(n, 1) if isinstance(n, int) else n for n in (high, wide))
    for axis, n, kept in ((1, height, high), (2, width, wide)):
        start = (n - kept) // 2
        if not (isinstance(n, int) and isinstance(kept, int) and n == kept):
            x = _slice_axis(x, axis, start, start + kept)
    return x


def _padded(x: Any, rows: int, columns: int, value: float) -> Any:
    """The image in the middle of the smallest one with these proportions, up to a pixel."""
    height, width = dims_of(x)[1:3]
    (_, high), (_, wide) = _in_proportion(height, width, rows, columns)
    above, beside = (_larger(n, m) - n for n, m in ((height, high), (width, wide)))
    above, beside = above // 2, beside // 2
    if not is_float(x.dtype) and value != int(value):
        x = to_float(x)
    return pad(x, [(0, 0), (above, above), (beside, beside), (0, 0)], constant_values=value)


def _larger(a: Any, b: Any) -> Any:
    """The larger of two sizes, each >= 0 and perhaps known only to the running graph."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    fits = 1 // (a // (b + 1) + 1)  # 1 where a <= b, else 0
    return a + fits * (b - a)


def _in_proportion(height: Any, width: Any, rows: int, columns: int) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Each size of an image, and what it would have to be beside the other."""
    return (height, width * rows // columns), (width, height * columns // rows)


def scale_and_translate(
    images: Any,
    output_shape: Sequence[Any],
    scale: Any,
    translation: Any,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Any:
    """Images scaled and moved: what lies at x comes to ``x * scale + translation``, half a pixel being its centre.

    Args:
        images: a tensor of any shape.
        output_shape: the result's: a size for each axis; those that are not among ``spatial_dims`` stay as they are, and
            may be None.
        scale: ``(k,)``: the factor along each of the spatial axes.
        translation: ``(k,)``: the distance, in pixels of the result.
        spatial_dims: the k axes.
        method: "linear" ("bilinear", "trilinear", "triangle"), "cubic" ("bicubic", "tricubic"), "lanczos3" or "lanczos5".
        antialias: whether what becomes smaller is smoothed.

    Returns:
        A float tensor; 0 where nothing of the images comes to.

    Raises:
        ValueError: when ``output_shape`` does not fit the images, and for another method.
    """
    kind = _METHODS.get(method, method) if isinstance(method, str) else method
    if kind not in KERNELS:
        names = ", ".join(map(repr, [*_METHODS, *KERNELS]))
        raise ValueError(f"Invalid value for argument `method`. Expected of one {names}. Received: method={method!r}")
    x = computed_in(wide := to_tensor(images))
    axes, shape = _check.axes_in(spatial_dims, x.ndim, "spatial_dims"), list(output_shape)
    if len(shape) != x.ndim or any(
        n not in (None, d) for i, (n, d) in enumerate(zip(shape, x.shape)) if i not in axes and d is not None
    ):
        raise ValueError(
            "`output_shape` must have the images' sizes but along `spatial_dims`. Received: "
            f"output_shape={tuple(shape)}, images.shape={tuple(x.shape)}, spatial_dims={tuple(spatial_dims)}"
        )
    factors, distances = (_parts(n, v, len(axes)) for n, v in (("scale", scale), ("translation", translation)))
    for axis, factor, distance in zip(axes, factors, distances):
        dims, out = list(dims_of(x)), _check.integer("output_shape", shape[axis], 0)
        _check.fits_memory("a scaled image", [out, *(d for d in dims if isinstance(d, int))], x.dtype)
        w = weights(dims[axis], out, factor, distance, kind, bool(antialias))
        rows = reshape(x, [shape_product(dims[:axis]), dims[axis], shape_product(dims[axis + 1 :])])
        x = reshape(matmul(to_tensor(w, x.dtype), rows), [*dims[:axis], out, *dims[axis + 1 :]])
    return to_tensor(x, wide.dtype if is_float(wide.dtype) else config.floatx())


def _parts(name: str, value: Any, k: int) -> list[Any]:
    """The k numbers of an argument: floats, or scalars of a tensor."""
    value = variable_value(value)
    if not is_tensor(value):
        value = np.asarray(value, "float64")
    if value.ndim != 1 or value.shape[0] not in (None, k):
        raise ValueError(
            f"`{name}` must have a number for each of {k} axes. Received: {name}.shape={tuple(value.shape)}"
        )
    if not is_tensor(value):
        return [float(v) for v in value]
    return unstack(to_tensor(value, promote("float32", value.dtype)), k)
