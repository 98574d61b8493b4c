"""Convolution and pooling over one to three spatial axes, channels last: ``(batch, spatial..., channels)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, emit, emit1, to_tensor
from hornbeam.ops import arrays as s
from hornbeam.ops.elementwise import to_float, unify

__all__ = ["average_pool", "conv", "conv_transpose", "depthwise_conv", "max_pool", "separable_conv"]


def _same_padding(n: Any, window: int, stride: int) -> tuple[Any, Any]:
    """Padding before and after so that the output has ceil(n / stride) places; the odd one comes after."""
    if stride == 1:
        total: Any = window - 1
    else:
        needed = (-(-n // stride) - 1) * stride + window
        total = needed - s._smaller(needed, n)
    return total // 2, total - total // 2


def _paddings(x: Any, window: Sequence[int], strides: Sequence[int], padding: Any) -> tuple[list[Any], list[Any]]:
    n = len(window)
    if not isinstance(padding, str):
        given = [_check.dims("padding", p) for p in (padding if hasattr(padding, "__iter__") else [padding])]
        if len(given) != n or any(len(p) not in (1, 2) for p in given):
            raise ValueError(f"`padding` must have a pair for each of {n} axes. Received: padding={padding}")
        return [p[0] for p in given], [p[-1] for p in given]
    kind = _check.choice("padding", padding, ("valid", "same", "causal"))
    if kind == "valid":
        return [0] * n, [0] * n
    if kind == "causal":
        return [w - 1 for w in window], [0] * n
    dims = dims_of(x)
    pairs = [_same_padding(dims[1 + i], window[i], strides[i]) for i in range(n)]
    return [p[0] for p in pairs], [p[1] for p in pairs]


def conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """Convolution (cross-correlation) over 1 to 3 spatial axes.

    Args:
        inputs: ``(batch, spatial..., channels)``.
        kernel: ``(window..., channels / groups, filters)``; the groups follow from the shapes.
        strides: an int or one for each axis.
        padding: "valid", "same", "causal", or a pair for each axis.
        data_format: only "channels_last".
        dilation_rate: an int or one for each axis.

    Raises:
        ValueError: when the channels do not fit, or the kernel is larger than the padded input.
    """
    _check.channels_last(data_format)
    x, k = unify(inputs, kernel)
    n = _images(x)
    if k.ndim != x.ndim:
        raise ValueError(
            f"`kernel` must have as many axes as `inputs`. Received: kernel.shape={tuple(k.shape)}, "
            f"inputs.shape={tuple(x.shape)}"
        )
    st, di = _check.int_tuple("strides", strides, n), _check.int_tuple("dilation_rate", dilation_rate, n)
    if None in k.shape[:n]:
        raise ValueError(f"`kernel` must have windows of known size. Received: kernel.shape={tuple(k.shape)}")
    window = [(int(w) - 1) * d + 1 for w, d in zip(k.shape[:n], di)]
    lo, hi = _paddings(x, window, st, padding)
    channels, per_group = x.shape[-1], k.shape[-2]
    groups = channels // per_group if channels is not None and per_group and channels % per_group == 0 else 1
    return emit1("conv", [x, k], strides=list(st), low=lo, high=hi, dilations=list(di), groups=groups)


def _output_padding(value: Any, strides: Sequence[int]) -> tuple[int, ...] | None:
    """What a transposed convolution adds at the end: less than a stride, or None."""
    if value is None:
        return None
    extra = _check.int_tuple("output_padding", value, len(strides), 0)
    if any(e >= s for e, s in zip(extra, strides)):
        raise ValueError(
            f"`output_padding` must be less than `strides`. Received: output_padding={value}, strides={tuple(strides)}"
        )
    return extra


def _images(x: Any, what: str = "inputs") -> int:
    """How many spatial axes there are."""
    if not 3 <= x.ndim <= 5:
        raise ValueError(
            f"`{what}` must have 1 to 3 spatial axes between batch and channels. Received: shape={tuple(x.shape)}"
        )
    return int(x.ndim - 2)


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """The transpose (input gradient) of a convolution.

    Args:
        inputs: ``(batch, spatial..., channels)``.
        kernel: ``(window..., filters, channels)``.
        strides: an int or one for each axis.
        padding: "valid" or "same"; "same" gives ``size * stride``.
        output_padding: None, or an int or one for each axis, as Keras'.
        data_format: only "channels_last".
        dilation_rate: an int or one for each axis.
    """
    _check.channels_last(data_format)
    x, k = unify(inputs, kernel)
    n = _images(x)
    if k.ndim != x.ndim:
        raise ValueError(
            f"`kernel` must have as many axes as `inputs`. Received: kernel.shape={tuple(k.shape)}, "
            f"inputs.shape={tuple(x.shape)}"
        )
    st, di = _check.int_tuple("strides", strides, n), _check.int_tuple("dilation_rate", dilation_rate, n)
    kind = _check.choice("padding", padding, ("valid", "same"))
    extra = _output_padding(output_padding, st)
    dims = dims_of(x)
    lo, hi, out = [], [], []
    for i in range(n):
        size, window = dims[1 + i], (int(k.shape[i]) - 1) * di[i] + 1
        if extra is None:
            length = size * st[i] if kind == "same" else size * st[i] + max(window - st[i], 0)
        else:
            before = window // 2 if kind == "same" else 0
            length = (size - 1) * st[i] + window - 2 * before + extra[i]
        total = (size - 1) * st[i] + window - length  # what the forward convolution pads
        if not isinstance(total, int):
            total = (-st[i] + window) if kind == "same" and extra is None else 0
        total = max(total, 0)
        lo.append(total // 2 if kind == "same" else 0)
        hi.append(total - lo[-1])
        out.append(length)
    shape = [dims[0], *out, k.shape[-2]]
    return emit1(
        "conv_input_grad", [x, k], strides=list(st), low=lo, high=hi, dilations=list(di), groups=1, shape=shape
    )


def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """A convolution of each channel by itself; kernel ``(window..., channels, multiplier)``.

    Args:
        inputs: ``(batch, spatial..., channels)``.
        kernel: ``(window..., channels, multiplier)``.
        strides: an int or one for each axis.
        padding: "valid", "same", "causal", or a pair for each axis.
        data_format: only "channels_last".
        dilation_rate: an int or one for each axis.

    Returns:
        ``(batch, new spatial..., channels * multiplier)``.

    Raises:
        ValueError: when the channels do not fit, or the kernel is larger than the padded input.
    """
    inputs, k = to_tensor(inputs), to_tensor(kernel)
    if k.ndim < 2 or inputs.ndim != k.ndim or k.shape[-2] != inputs.shape[-1]:
        raise ValueError(
            f"`kernel` must be (window..., channels, multiplier). Received: kernel.shape={tuple(k.shape)}, "
            f"inputs.shape={tuple(inputs.shape)}"
        )
    window = list(k.shape[:-2])
    flat = s.reshape(k, [*window, 1, k.shape[-2] * k.shape[-1]])
    return conv(inputs, flat, strides, padding, data_format, dilation_rate)


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """A depthwise convolution, then one with a 1-wide kernel that mixes the channels.

    Args:
        inputs: ``(batch, spatial..., channels)``.
        depthwise_kernel: ``(window..., channels, multiplier)``.
        pointwise_kernel: ``(1..., channels * multiplier, filters)``.
        strides: an int or one for each axis.
        padding: "valid", "same", "causal", or a pair for each axis.
        data_format: only "channels_last".
        dilation_rate: an int or one for each axis.

    Returns:
        ``(batch, new spatial..., filters)``.

    Raises:
        ValueError: when the channels do not fit, or the kernel is larger than the padded input.
    """
    return conv(
        depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate), pointwise_kernel
    )


def _pool(op: str, x: Any, pool_size: Any, strides: Any, padding: Any, data_format: str | None) -> Any:
    _check.channels_last(data_format)
    x = to_float(x)
    n = _images(x)
    window = _check.int_tuple("pool_size", pool_size, n)
    st = window if strides is None else _check.int_tuple("strides", strides, n)
    lo, hi = _paddings(x, window, st, padding)
    return emit(op, [x], window=list(window), strides=list(st), low=lo, high=hi)[0]


def max_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: Any = None,
    padding: Any = "valid",
    data_format: str | None = None,
) -> Any:
    """The maximum over windows; ``strides`` None means ``pool_size``.

    Args:
        inputs: ``(batch, spatial..., channels)``, one to three spatial axes.
        pool_size: an int or one for each axis.
        strides: likewise, or None.
        padding: "valid", "same", or a pair for each axis.
        data_format: only "channels_last".

    Returns:
        ``(batch, new spatial..., channels)``; 0 for a window wholly in the padding.

    Raises:
        ValueError: when the window is larger than the padded input.
    """
    return _pool("max_pool", inputs, pool_size, strides, padding, data_format)


def average_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: Any = None,
    padding: Any = "valid",
    data_format: str | None = None,
) -> Any:
    """The mean over windows; padding does not count. ``strides`` None means ``pool_size``.

    Args:
        inputs: ``(batch, spatial..., channels)``, one to three spatial axes.
        pool_size: an int or one for each axis.
        strides: likewise, or None.
        padding: "valid", "same", or a pair for each axis.
        data_format: only "channels_last".

    Returns:
        ``(batch, new spatial..., channels)``.

    Raises:
        ValueError: when the window is larger than the padded input.
    """
    return _pool("average_pool", inputs, pool_size, strides, padding, data_format)
