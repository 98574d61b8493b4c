"""Neural-network ops: activations, convolution, pooling, normalization, attention and the loss functions' cores.

Images and sequences are channels last: ``(batch, spatial..., channels)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import config
from hornbeam._tensor import dims_of, emit, emit1, made_by, to_tensor
from hornbeam._validation import choice, int_tuple
from hornbeam.ops import arrays as s
from hornbeam.ops import creation, indexing
from hornbeam.ops import math as m

relu = m.relu
sigmoid = m.sigmoid
tanh = m.tanh
softplus = m.softplus


def relu6(x: Any) -> Any:
    """min(max(x, 0), 6)."""
    return m.minimum(m.relu(x), 6.0)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x where positive, else ``negative_slope * x``."""
    x = to_tensor(x)
    return m.where(m.greater(x, 0), x, m.multiply(x, negative_slope))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where positive, else ``alpha * (exp(x) - 1)`` (Clevert et al. 2015)."""
    x = to_tensor(x)
    return m.where(m.greater(x, 0), x, m.multiply(m.expm1(m.minimum(x, 0.0)), alpha))


def selu(x: Any) -> Any:
    """The scaled elu that keeps activations normalized (Klambauer et al. 2017)."""
    return m.multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))."""
    x = to_tensor(x)
    return m.add(m.maximum(x, 0.0), m.multiply(m.expm1(m.divide(m.minimum(x, 0.0), alpha)), alpha))


def gelu(x: Any, approximate: bool = True) -> Any:
    """x times the normal distribution's share below x (Hendrycks and Gimpel 2016), by tanh or exactly by erf."""
    x = to_tensor(x)
    if approximate:
        # (1 + tanh(u)) / 2 = sigmoid(2 u), with u = sqrt(2 / pi) (x + 0.044715 x^3)
        twice = m.multiply(x, m.add(m.multiply(m.square(x), 0.07135481627260025), 1.5957691216057308))
        return m.multiply(x, m.sigmoid(twice))
    return m.multiply(m.multiply(x, 0.5), m.add(m.erf(m.multiply(x, 0.7071067811865476)), 1.0))


def silu(x: Any) -> Any:
    """x * sigmoid(x), also called swish."""
    return m.multiply(x, m.sigmoid(x))


swish = silu


def mish(x: Any) -> Any:
    """x * tanh(softplus(x)) (Misra 2019)."""
    return m.multiply(x, m.tanh(m.softplus(x)))


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    return m.divide(x, m.add(m.abs(x), 1.0))


def hard_sigmoid(x: Any) -> Any:
    """clip(x / 6 + 0.5, 0, 1)."""
    return m.clip(m.add(m.multiply(x, 1 / 6), 0.5), 0.0, 1.0)


def hard_silu(x: Any) -> Any:
    """x * hard_sigmoid(x)."""
    return m.multiply(x, hard_sigmoid(x))


hard_swish = hard_silu


def hard_tanh(x: Any) -> Any:
    """x kept within [-1, 1]."""
    return m.clip(x, -1.0, 1.0)


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)) without overflow."""
    return m.negative(m.softplus(m.negative(x)))


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """x where above the threshold, else ``default_value``."""
    return m.where(m.greater(x, threshold), x, default_value)


def glu(x: Any, axis: int = -1) -> Any:
    """The first half of an axis gated by the sigmoid of the second (Dauphin et al. 2016)."""
    a, b = s.split(x, 2, axis)
    return m.multiply(a, m.sigmoid(b))


def _last_axis(op: str, x: Any, axis: int | Sequence[int]) -> Any:
    x = m.to_float(x)
    if not hasattr(axis, "__index__"):
        axes = [a % x.ndim for a in axis]  # type: ignore[union-attr]
        rest = [i for i in range(x.ndim) if i not in axes]
        dims = dims_of(x)
        moved = s.transpose(x, rest + axes)
        flat = s.reshape(moved, [dims[i] for i in rest] + [m.shape_product([dims[i] for i in axes])])
        back = s.reshape(emit1(op, [flat], axis=-1), [dims[i] for i in rest + axes])
        return s.transpose(back, [(rest + axes).index(i) for i in range(x.ndim)])
    axis = s._axis(int(axis), x.ndim)  # type: ignore[arg-type]
    if axis == x.ndim - 1:
        return emit1(op, [x], axis=-1)
    return s.swapaxes(emit1(op, [s.swapaxes(x, axis, -1)], axis=-1), axis, -1)


def softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """exp(x) / sum(exp(x)) along ``axis``; a row of -inf gives zeros.

    Example:
        >>> softmax([[0.0, 0.0]]).numpy().tolist()
        [[0.5, 0.5]]
    """
    return _last_axis("softmax", x, axis)


def log_softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """log(softmax(x)) along ``axis``."""
    return _last_axis("log_softmax", x, axis)


def _same_padding(n: Any, window: int, stride: int) -> tuple[Any, Any]:
    """Padding before and after so that the output has ceil(n / stride) places; the odd one comes after."""
    if stride == 1:
        total: Any = window - 1
    elif isinstance(n, int):
        total = max((-(-n // stride) - 1) * stride + window - n, 0)
    else:
        raise ValueError(
            f"padding='same' with stride {stride} needs a known size of the axis; got {n}. Use 'valid' or pad explicitly"
        )
    return total // 2, total - total // 2


def _paddings(x: Any, window: Sequence[int], strides: Sequence[int], padding: Any) -> tuple[list[Any], list[Any]]:
    n = len(window)
    if not isinstance(padding, str):
        pairs = [(p, p) if hasattr(p, "__index__") else tuple(p) for p in padding]
        return [p[0] for p in pairs], [p[1] for p in pairs]
    kind = choice("padding", padding, ("valid", "same", "causal"))
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
    _check_format(data_format)
    x, k = m._unify(inputs, kernel)
    n = x.ndim - 2
    st, di = int_tuple("strides", strides, n), int_tuple("dilation_rate", dilation_rate, n)
    window = [(int(w) - 1) * d + 1 for w, d in zip(k.shape[:n], di)]
    lo, hi = _paddings(x, window, st, padding)
    channels, per_group = x.shape[-1], k.shape[-2]
    groups = channels // per_group if channels is not None and per_group and channels % per_group == 0 else 1
    return emit1("conv", [x, k], strides=list(st), low=lo, high=hi, dilations=list(di), groups=groups)


def _check_format(data_format: str | None) -> None:
    if data_format not in (None, "channels_last"):
        raise ValueError(f"`data_format` must be 'channels_last'. Received: data_format={data_format!r}")


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
    _check_format(data_format)
    x, k = m._unify(inputs, kernel)
    n = x.ndim - 2
    st, di = int_tuple("strides", strides, n), int_tuple("dilation_rate", dilation_rate, n)
    kind = choice("padding", padding, ("valid", "same"))
    extra = None if output_padding is None else int_tuple("output_padding", output_padding, n, 0)
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
    """A convolution of each channel by itself; kernel ``(window..., channels, multiplier)``."""
    k = to_tensor(kernel)
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
    """A depthwise convolution, then one with a 1-wide kernel that mixes the channels."""
    return conv(
        depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate), pointwise_kernel
    )


def _pool(op: str, x: Any, pool_size: Any, strides: Any, padding: Any, data_format: str | None) -> Any:
    _check_format(data_format)
    x = m.to_float(x)
    n = x.ndim - 2
    window = int_tuple("pool_size", pool_size, n)
    st = window if strides is None else int_tuple("strides", strides, n)
    lo, hi = _paddings(x, window, st, padding)
    return emit(op, [x], window=list(window), strides=list(st), low=lo, high=hi)[0]


def max_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: Any = None,
    padding: Any = "valid",
    data_format: str | None = None,
) -> Any:
    """The maximum over windows; ``strides`` None means ``pool_size``."""
    return _pool("max_pool", inputs, pool_size, strides, padding, data_format)


def average_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: Any = None,
    padding: Any = "valid",
    data_format: str | None = None,
) -> Any:
    """The mean over windows; padding does not count. ``strides`` None means ``pool_size``."""
    return _pool("average_pool", inputs, pool_size, strides, padding, data_format)


def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int = -1, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, with parameters along ``axis``."""
    x = to_tensor(x)
    dims = [1] * x.ndim
    dims[axis] = -1
    mean, variance = s.reshape(mean, dims), s.reshape(variance, dims)
    y = m.multiply(m.subtract(x, mean), m.rsqrt(m.add(variance, epsilon)))
    if scale is not None:
        y = m.multiply(y, s.reshape(scale, dims))
    return y if offset is None else m.add(y, s.reshape(offset, dims))


def layer_normalization(x: Any, gamma: Any = None, beta: Any = None, axis: int = -1, epsilon: float = 1e-3) -> Any:
    """Normalizes the last axis of each sample to mean 0 and variance 1, then scales and shifts (Ba et al. 2016)."""
    x = m.to_float(x)
    if s._axis(axis, x.ndim) != x.ndim - 1:
        back = s.moveaxis(layer_normalization(s.moveaxis(x, axis, -1), gamma, beta, -1, epsilon), -1, axis)
        return back
    n = dims_of(x)[-1]
    gamma = creation.ones([n], x.dtype) if gamma is None else gamma
    beta = creation.zeros([n], x.dtype) if beta is None else beta
    return emit("layer_norm", [x, gamma, beta], epsilon=float(epsilon))[0]


def rms_normalization(x: Any, scale: Any = None, axis: int | Sequence[int] = -1, epsilon: float | None = None) -> Any:
    """x / sqrt(mean(x^2) + epsilon), scaled (Zhang and Sennrich 2019)."""
    x = m.to_float(x)
    eps = config.epsilon() if epsilon is None else epsilon
    y = m.multiply(x, m.rsqrt(m.add(m.mean(m.square(x), axis, True), eps)))
    return y if scale is None else m.multiply(y, scale)


def normalize(x: Any, axis: int = -1, order: int = 2, epsilon: float | None = None) -> Any:
    """x divided by its norm along ``axis``."""
    eps = config.epsilon() if epsilon is None else epsilon
    if order == 2:
        return m.multiply(x, m.rsqrt(m.maximum(m.sum(m.square(x), axis, True), eps * eps)))
    return m.divide(x, m.maximum(m.norm(x, order, axis, True), eps))


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
) -> Any:
    """softmax(query key^T * scale + bias) value (Vaswani et al. 2017).

    Args:
        query: ``(batch, T, heads, d)``.
        key: ``(batch, S, heads, d)``.
        value: ``(batch, S, heads, d)``.
        bias: added to the scores, broadcast to ``(batch, heads, T, S)``.
        mask: bool, true where attention is allowed, broadcast likewise.
        scale: None for ``1 / sqrt(d)``.
        is_causal: whether each position sees only itself and earlier ones.
    """
    query, key, value = (m.to_float(t) for t in (query, key, value))
    scale = 1.0 / float(query.shape[-1]) ** 0.5 if scale is None else float(scale)
    if bias is None:
        inputs = [query, key, value]
        if mask is not None:
            mask = to_tensor(mask)
            for _ in range(4 - mask.ndim):
                mask = s.expand_dims(mask, 0)
            inputs.append(mask)
        return emit("attention", inputs, scale=scale, causal=is_causal, masked=mask is not None)[0]
    q, k, v = (s.transpose(t, [0, 2, 1, 3]) for t in (query, key, value))
    scores = m.multiply(m.matmul(q, s.swapaxes(k, -1, -2)), scale)
    scores = m.add(scores, bias)
    if is_causal:
        causal = causal_mask(dims_of(scores)[-2], dims_of(scores)[-1])
        mask = causal if mask is None else m.logical_and(mask, causal)
    if mask is not None:
        scores = m.where(mask, scores, -1e9)
    return s.transpose(m.matmul(softmax(scores), v), [0, 2, 1, 3])


def causal_mask(rows: Any, cols: Any) -> Any:
    """``(rows, cols)`` bools, true where the column is not after the row."""
    r = emit1("iota", [], shape=[rows, 1], axis=0, dtype="int32")
    c = emit1("iota", [], shape=[1, cols], axis=1, dtype="int32")
    return m.less_equal(c, r)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """-t log(p) - (1 - t) log(1 - p), element by element; probabilities that a sigmoid made are not clipped.

    Where ``output`` is a sigmoid's in the same function or model, its logits are used, which neither lose digits nor stop
    learning where the sigmoid saturates (Keras on TensorFlow does the same). Other probabilities are held to
    ``[epsilon, 1 - epsilon]``.
    """
    output = m.to_float(output)
    target = to_tensor(target, output.dtype)
    _same_shape("binary_crossentropy", target, output)
    logits = output if from_logits else made_by("sigmoid", output)
    if logits is not None:
        return m.subtract(m.softplus(logits), m.multiply(logits, target))
    eps = config.epsilon()
    p = m.clip(output, eps, 1.0 - eps)
    return m.negative(
        m.add(m.multiply(target, m.log(p)), m.multiply(m.subtract(1.0, target), m.log(m.subtract(1.0, p))))
    )


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-sum(t log(p)) along ``axis``; the output is normalized first when it holds probabilities.

    A softmax' output is taken back to its logits, as ``binary_crossentropy`` does with a sigmoid's.
    """
    output = m.to_float(output)
    target = to_tensor(target, output.dtype)
    _same_shape("categorical_crossentropy", target, output)
    last = s._axis(axis, output.ndim) == output.ndim - 1
    logits = output if from_logits else made_by("softmax", output) if last else None
    if logits is not None:
        logp = log_softmax(logits, axis)
    else:
        eps = config.epsilon()
        logp = m.log(m.clip(m.divide(output, m.sum(output, axis, True)), eps, 1.0 - eps))
    return m.negative(m.sum(m.multiply(target, logp), axis))


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-log(p[target]) along ``axis``; targets are class indices, with or without a last axis of 1.

    A softmax' output is taken back to its logits, as ``binary_crossentropy`` does with a sigmoid's.

    Raises:
        ValueError: when a class is out of range, naming its row.
    """
    output = m.to_float(output)
    target = to_tensor(target)
    if target.dtype not in ("int32", "int64"):
        target = to_tensor(target, "int32")
    axis = s._axis(axis, output.ndim)
    if target.ndim == output.ndim and target.shape[axis] == 1:
        target = s.squeeze(target, axis)
    if target.ndim != output.ndim - 1:
        raise ValueError(
            f"[sparse_categorical_crossentropy] `target` must have one axis less than `output`. Received: "
            f"target.shape={target.shape}, output.shape={output.shape}"
        )
    if axis != output.ndim - 1:
        output = s.moveaxis(output, axis, -1)
    logits = output if from_logits else made_by("softmax", output)
    if logits is not None:
        return emit1("sparse_softmax_cross_entropy", [logits, target])
    eps = config.epsilon()
    output = m.log(m.clip(m.divide(output, m.sum(output, -1, True)), eps, 1.0 - eps))
    picked = emit1("take_along_axis", [output, s.expand_dims(target, -1)], axis=-1)
    return m.negative(s.squeeze(picked, -1))


def _same_shape(op: str, a: Any, b: Any) -> None:
    if len(a.shape) != len(b.shape) or any(x != y for x, y in zip(a.shape, b.shape) if x is not None and y is not None):
        raise ValueError(
            f"[{op}] `target` and `output` must have one shape. Received: target.shape={a.shape}, "
            f"output.shape={b.shape}"
        )


def multi_hot(inputs: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Any:
    """1 at each of the indices along ``axis``."""
    return m.max(indexing.one_hot(inputs, num_classes, dtype=dtype), axis=-2 if axis == -1 else axis)


def resize(images: Any, size: Sequence[int], interpolation: str = "bilinear") -> Any:
    """Images ``(batch, rows, columns, channels)`` at another size, "nearest" or "bilinear" (half-pixel centres)."""
    import numpy as np

    kind = choice("interpolation", interpolation, ("nearest", "bilinear"))
    x = m.to_float(images)
    for axis, out in zip((1, 2), size):
        n = x.shape[axis]
        if n is None:
            raise ValueError("resize needs images of known size")
        at = (np.arange(out) + 0.5) * n / out - 0.5
        if kind == "nearest":
            x = indexing.take(x, np.clip(np.floor(at + 0.5 + 1e-9), 0, n - 1).astype("int32"), axis=axis)
            continue
        lo = np.floor(at)
        w = (at - lo).astype("float32")
        w = w.reshape([-1 if i == axis else 1 for i in range(4)])
        a = indexing.take(x, np.clip(lo, 0, n - 1).astype("int32"), axis=axis)
        b = indexing.take(x, np.clip(lo + 1, 0, n - 1).astype("int32"), axis=axis)
        x = m.add(m.multiply(a, 1 - w), m.multiply(b, w))
    return x
