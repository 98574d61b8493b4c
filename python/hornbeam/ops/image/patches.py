"""Images and volumes cut into patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, emit1, to_tensor
from hornbeam.ops.arrays import expand_dims, moveaxis, reshape, shape_product, squeeze, transpose
from hornbeam.ops.convolution import _paddings
from hornbeam.ops.image.layouts import data_format_of
from hornbeam.ops.joining import concatenate
from hornbeam.ops.padding import _pad_zeros

__all__ = ["extract_patches", "extract_patches_3d"]


def extract_patches(
    images: Any,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Patches of images, each flat in the place of the channels.

    Args:
        images: ``(batch, rows, columns, channels)``, or one image without the first axis; with three sizes volumes, as
            ``extract_patches_3d`` takes them.
        size: an int, or rows and columns of a patch.
        strides: how far patches are from each other: an int or one for each axis; None for ``size``.
        dilation_rate: how far a patch's pixels are from each other: an int or one for each axis.
        padding: "valid" for patches inside alone, or "same" for zeros around the images.
        data_format: "channels_last", or "channels_first" for ``(batch, channels, rows, columns)``; None for the default.

    Returns:
        A tensor ``(batch, rows, columns, size[0] * size[1] * channels)`` of the images' dtype.

    Raises:
        TypeError: when ``size`` is neither an int nor a tuple of them.
        ValueError: for another number of sizes, or of axes.

    Example:
        >>> extract_patches([[[1], [2], [3], [4]]], (1, 2)).tolist()
        [[[1, 2], [3, 4]]]
    """
    if not isinstance(size, int):
        if not isinstance(size, (tuple, list)):
            raise TypeError(
                f"Invalid `size` argument. Expected an int or a tuple. Received: size={size!r} of type "
                f"{type(size).__name__}"
            )
        if len(size) not in (2, 3):
            raise ValueError(f"Invalid `size` argument. Expected a tuple of length 2 or 3. Received: size={size}")
    rank = 2 if isinstance(size, int) else len(size)
    return _extracted("images", images, rank, size, strides, dilation_rate, padding, data_format)


def extract_patches_3d(
    volumes: Any,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Patches of volumes, each flat in the place of the channels.

    Args:
        volumes: ``(batch, depth, rows, columns, channels)``, or one volume without the first axis.
        size: an int, or depth, rows and columns of a patch.
        strides: how far patches are from each other: an int or one for each axis; None for ``size``.
        dilation_rate: how far a patch's pixels are from each other: an int or one for each axis.
        padding: "valid" for patches inside alone, or "same" for zeros around the volumes.
        data_format: "channels_last", or "channels_first"; None for the default.

    Returns:
        A tensor ``(batch, depth, rows, columns, pixels of a patch * channels)`` of the volumes' dtype.

    Raises:
        TypeError: when ``size`` has not three items.
        ValueError: for another number of strides, or of axes.
    """
    if not isinstance(size, int) and not (isinstance(size, (tuple, list)) and len(size) == 3):
        raise TypeError(f"Invalid `size` argument. Expected an int or a tuple of length 3. Received: size={size!r}")
    return _extracted("volumes", volumes, 3, size, strides, dilation_rate, padding, data_format)


def _extracted(
    name: str, x: Any, rank: int, size: Any, strides: Any, dilation_rate: Any, padding: str, data_format: Any
) -> Any:
    kernel = _check.int_tuple("size", size, rank)
    steps = kernel if strides is None else _check.int_tuple("strides", strides, rank)
    apart = _check.int_tuple("dilation_rate", dilation_rate, rank)
    _check.choice("padding", padding, ("valid", "same"))
    x = to_tensor(x)
    if x.ndim not in (rank + 1, rank + 2):
        raise ValueError(
            f"Invalid {name} rank: expected rank {rank + 1} or rank {rank + 2} (a batch). Received: "
            f"{name}.shape={tuple(x.shape)}"
        )
    single, first = x.ndim == rank + 1, data_format_of(data_format) == "channels_first"
    x = expand_dims(x, 0) if single else x
    x = moveaxis(x, 1, -1) if first else x
    window = [(k - 1) * d + 1 for k, d in zip(kernel, apart)]
    low, high = _paddings(x, window, steps, padding)
    if any(not isinstance(p, int) or p for p in (*low, *high)):
        x = _pad_zeros(x, [(0, 0), *zip(low, high), (0, 0)])
    for i in range(rank):  # (batch, n_1, k_1, .., n_i, k_i, rest..)
        x = _windows(x, 1 + 2 * i, kernel[i], window[i], steps[i], apart[i])
    y = transpose(x, [0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1])
    dims = dims_of(y)
    y = reshape(y, [*dims[: rank + 1], shape_product(dims[rank + 1 :])])
    y = moveaxis(y, -1, 1) if first else y
    return squeeze(y, 0) if single else y


def _windows(x: Any, axis: int, k: int, window: int, step: int, apart: int) -> Any:
    """An axis as two: which window, and which of its ``k`` elements."""
    dims = list(dims_of(x))
    n = dims[axis]
    if isinstance(n, int) and n < window:
        raise ValueError(f"a patch of {window} pixels does not fit an axis of {n}. Received: shape={tuple(x.shape)}")
    count = (n - window) // step + 1
    if step == window == k:  # side by side: nothing has to be moved
        return reshape(_cut(x, axis, 0, count * k, 1), [*dims[:axis], count, k, *dims[axis + 1 :]])
    parts = [_cut(x, axis, i * apart, i * apart + (count - 1) * step + 1, step) for i in range(k)]
    return concatenate([expand_dims(p, axis + 1) for p in parts], axis + 1)


def _cut(x: Any, axis: int, begin: Any, end: Any, step: int) -> Any:
    dims = list(dims_of(x))
    first, last, steps = [0] * len(dims), list(dims), [1] * len(dims)
    first[axis], last[axis], steps[axis] = begin, end, step
    return emit1("slice", [x], begin=first, end=last, strides=steps)
