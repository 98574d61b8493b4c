"""Neural-network ops: normalization, attention, the loss functions' cores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, emit, emit1, exact_ids, promote, to_tensor
from hornbeam.core.trace import made_by
from hornbeam.ops import arrays as s
from hornbeam.ops import creation, indexing, joining, reductions
from hornbeam.ops import math as m
from hornbeam.ops.activations import log_softmax, softmax
from hornbeam.ops.arrays import shape_product
from hornbeam.ops.comparison import less_equal, logical_and, where
from hornbeam.ops.elementwise import to_float, unify
from hornbeam.ops.linalg import matmul, norm

__all__ = [
    "batch_normalization",
    "binary_crossentropy",
    "categorical_crossentropy",
    "causal_mask",
    "dot_product_attention",
    "layer_normalization",
    "multi_hot",
    "normalize",
    "psnr",
    "rms_normalization",
    "sparse_categorical_crossentropy",
]


def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int = -1, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, with parameters along ``axis``.

    Args:
        x: a tensor of any shape.
        mean: ``(size of axis,)``.
        variance: likewise.
        axis: the channels'.
        offset: likewise, or None.
        scale: likewise, or None.
        epsilon: added to the variance.

    Returns:
        A float tensor of x's shape.
    """
    x = to_tensor(x)
    epsilon = _check.number("epsilon", epsilon, 0)
    dims = [1] * x.ndim
    dims[_check.axis_in(axis, x.ndim)] = -1
    mean, variance = s.reshape(mean, dims), s.reshape(variance, dims)
    factor = m.rsqrt(m.add(variance, epsilon))  # of the channels' size, as all but x is
    if scale is not None:
        factor = m.multiply(factor, s.reshape(scale, dims))
    y = m.multiply(m.subtract(x, mean), factor)
    return y if offset is None else m.add(y, s.reshape(offset, dims))


def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> Any:
    """Normalizes axes of each sample to mean 0 and variance 1, then scales and shifts (Ba et al. 2016).

    Args:
        x: a tensor of any shape.
        gamma: of the shape of these axes; None for ones.
        beta: likewise; None for zeros.
        axis: an int, or several that are normalized together.
        epsilon: added to the variance; None for ``config.epsilon()``.

    Returns:
        A float tensor of x's shape.
    """
    x = to_float(x)
    epsilon = _epsilon(epsilon)
    axes = sorted(_check.axes_in(axis, x.ndim))
    if axes == [x.ndim - 1]:
        n = dims_of(x)[-1]
        gamma = creation.ones([n], x.dtype) if gamma is None else to_tensor(gamma, x.dtype)
        beta = creation.zeros([n], x.dtype) if beta is None else to_tensor(beta, x.dtype)
        return emit("layer_norm", [x, gamma, beta], epsilon=epsilon)[0]
    rest = [i for i in range(x.ndim) if i not in axes]
    order = rest + axes
    dims = dims_of(x)
    n = shape_product([dims[i] for i in axes])
    rows = s.reshape(x if order == sorted(order) else s.transpose(x, order), [*(dims[i] for i in rest), n])
    gamma, beta = (None if t is None else s.reshape(t, [n]) for t in (gamma, beta))
    y = s.reshape(layer_normalization(rows, gamma, beta, -1, epsilon), [dims[i] for i in order])
    return y if order == sorted(order) else s.transpose(y, [order.index(i) for i in range(x.ndim)])


def _epsilon(value: float | None) -> float:
    return config.epsilon() if value is None else _check.number("epsilon", value, 0)


def _wide(x: Any) -> Any:
    """Halves as float32: what is left of a normalization's gradient is a difference of large numbers."""
    return to_tensor(x, promote(x.dtype, "float32"))


def rms_normalization(x: Any, scale: Any = None, axis: int | Sequence[int] = -1, epsilon: float | None = None) -> Any:
    """x / sqrt(mean(x^2) + epsilon), scaled (Zhang and Sennrich 2019).

    Args:
        x: a tensor of any shape.
        scale: a tensor that broadcasts with x, or None.
        axis: an int or several.
        epsilon: added to the mean square; None for ``config.epsilon()``.

    Returns:
        A float tensor of x's shape.
    """
    x, eps = to_float(x), _epsilon(epsilon)
    wide = _wide(x)
    last = x.ndim > 0 and axis is not None and _check.axes_in(axis, x.ndim) == [x.ndim - 1]
    n = x.shape[-1] if last else None
    if n is None:
        y = m.multiply(wide, m.rsqrt(m.add(reductions.mean(m.square(wide), axis, True), eps)))
    else:
        gamma = creation.ones([n], wide.dtype)
        if scale is not None:
            scale = to_tensor(scale)
            along = scale.ndim <= x.ndim and scale.shape[-1:] == (n,) and shape_product(dims_of(scale)) == n
            if along and scale.dtype == x.dtype == wide.dtype:
                gamma, scale = s.reshape(scale, [n]), None
        y = emit("layer_norm", [wide, gamma, creation.zeros([n], wide.dtype)], epsilon=eps, centred=False)[0]
    y = to_tensor(y, x.dtype)
    return y if scale is None else m.multiply(y, scale)


def normalize(x: Any, axis: int | Sequence[int] = -1, order: int = 2, epsilon: float | None = None) -> Any:
    """x divided by its norm along ``axis``.

    Args:
        x: a tensor of any shape.
        axis: an int or several.
        order: of the norm: an int >= 1.
        epsilon: the least norm divided by; None for ``config.epsilon()``.

    Returns:
        A float tensor of x's shape.
    """
    eps, order = _epsilon(epsilon), _check.integer("order", order, 1)
    x = to_float(x)
    if x.ndim == 0:
        x = s.expand_dims(x, 0)
    if order == 2:
        wide = _wide(x)
        y = m.multiply(wide, m.rsqrt(m.maximum(reductions.sum(m.square(wide), axis, True), eps * eps)))
        return to_tensor(y, x.dtype)
    return m.divide(x, m.maximum(norm(x, order, axis, True), eps))


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """softmax(query key^T * scale + bias) value (Vaswani et al. 2017).

    Args:
        query: ``(batch, T, heads, d)``.
        key: ``(batch, S, heads, d)``; with fewer heads, each serves as many neighbouring ones of the query.
        value: ``(batch, S, heads, d)``, likewise.
        bias: added to the scores, broadcast to ``(batch, heads, T, S)``.
        mask: bool, true where attention is allowed, broadcast likewise; a row where nothing is gives zeros.
        scale: None for ``1 / sqrt(d)``.
        is_causal: whether each position sees only itself and earlier ones.
        flash_attention: only None or False; the scores are never all in memory, unless there is a ``bias``.
        attn_logits_soft_cap: only None.
    """
    _check.unsupported("flash_attention", flash_attention, None, False)
    _check.unsupported("attn_logits_soft_cap", attn_logits_soft_cap, None)
    query, key, value = (to_float(t) for t in unify(query, key, value))
    if any(t.ndim != 4 for t in (query, key, value)):
        raise ValueError(
            f"query, key and value must have 4 axes. Received: query.shape={tuple(query.shape)}, "
            f"key.shape={tuple(key.shape)}, value.shape={tuple(value.shape)}"
        )
    if query.shape[-1] in (None, 0):
        raise ValueError(f"a query needs a known size, above 0. Received: query.shape={tuple(query.shape)}")
    scale = 1.0 / float(query.shape[-1]) ** 0.5 if scale is None else _check.number("scale", scale)
    key, value = (_each_head(t, query) for t in (key, value))
    if bias is None:
        inputs = [query, key, value]
        if mask is not None:
            mask = to_tensor(mask, "bool")
            for _ in range(4 - mask.ndim):
                mask = s.expand_dims(mask, 0)
            inputs.append(mask)
        return emit("attention", inputs, scale=scale, causal=bool(is_causal), masked=mask is not None)[0]
    q, k, v = (s.transpose(t, [0, 2, 1, 3]) for t in (query, key, value))
    scores = m.multiply(matmul(q, s.swapaxes(k, -1, -2)), scale)
    scores = m.add(scores, to_tensor(bias, query.dtype))
    if is_causal:
        causal = causal_mask(dims_of(scores)[-2], dims_of(scores)[-1])
        mask = causal if mask is None else logical_and(mask, causal)
    if mask is not None:
        scores = where(mask, scores, -np.inf)  # a row that sees nothing: zeros
    return s.transpose(matmul(softmax(scores), v), [0, 2, 1, 3])


def _each_head(x: Any, query: Any) -> Any:
    """A key or value with the query's heads, of which several share one of x's (Ainslie et al. 2023)."""
    heads, wanted = x.shape[2], query.shape[2]
    if None in (heads, wanted) or heads == wanted or heads == 0 or wanted % heads:
        return x
    return joining.repeat(x, wanted // heads, axis=2)


def causal_mask(rows: Any, cols: Any) -> Any:
    """``(rows, cols)`` bools, true where the column is not after the row.

    Args:
        rows: number of rows: an int or an expression.
        cols: number of columns.
    """
    r = emit1("iota", [], shape=[rows, 1], axis=0, dtype="int32")
    c = emit1("iota", [], shape=[1, cols], axis=1, dtype="int32")
    return less_equal(c, r)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """-t log(p) - (1 - t) log(1 - p), element by element; probabilities that a sigmoid made are not clipped.

    Where ``output`` is a sigmoid's in the same function or model, its logits are used, which neither lose digits nor stop
    learning where the sigmoid saturates (Keras on TensorFlow does the same). Other probabilities are held to
    ``[epsilon, 1 - epsilon]``.

    Args:
        target: in [0, 1].
        output: of its shape: probabilities, or logits.
        from_logits: whether ``output`` holds logits.

    Returns:
        A float tensor of their shape.

    Raises:
        ValueError: when the shapes differ.
    """
    output = to_float(output)
    target = to_tensor(target, output.dtype)
    _same_shape("binary_crossentropy", target, output)
    logits = output if from_logits else made_by("sigmoid", output)
    if logits is not None:
        yes, no = m.multiply(target, m.softplus(m.negative(logits))), m.softplus(logits)
        return m.add(yes, m.multiply(m.subtract(1.0, target), no))
    eps = config.epsilon()
    p = m.clip(output, eps, 1.0 - eps)
    return m.negative(
        m.add(m.multiply(target, m.log(p)), m.multiply(m.subtract(1.0, target), m.log(m.subtract(1.0, p))))
    )


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-sum(t log(p)) along ``axis``; the output is normalized first when it holds probabilities.

    A softmax' output is taken back to its logits, as ``binary_crossentropy`` does with a sigmoid's.

    Args:
        target: a distribution along ``axis``, such as one-hot.
        output: of its shape: probabilities, or logits.
        from_logits: whether ``output`` holds logits.
        axis: the classes'.

    Returns:
        A float tensor of the other axes.

    Raises:
        ValueError: when the shapes differ.
    """
    output = to_float(output)
    target = to_tensor(target, output.dtype)
    _same_shape("categorical_crossentropy", target, output)
    last = _check.axis_in(axis, output.ndim) == output.ndim - 1
    logits = output if from_logits else made_by("softmax", output) if last else None
    if logits is not None:
        logp = log_softmax(logits, axis)
    else:
        eps = config.epsilon()
        logp = m.log(m.clip(m.divide(output, reductions.sum(output, axis, True)), eps, 1.0 - eps))
    return m.negative(reductions.sum(m.multiply(target, logp), axis))


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-log(p[target]) along ``axis``; targets are class indices, with or without a last axis of 1.

    A softmax' output is taken back to its logits, as ``binary_crossentropy`` does with a sigmoid's.

    Raises:
        ValueError: when a class is out of range, naming its row.
    """
    output = to_float(output)
    dtype = promote(output.dtype, config.floatx())
    target = exact_ids(target)
    axis = _check.axis_in(axis, output.ndim)
    if target.ndim == output.ndim and target.shape[axis] == 1:
        target = s.squeeze(target, axis)
    rest = [d for i, d in enumerate(output.shape) if i != axis]
    if len(rest) != target.ndim or any(t != d for t, d in zip(target.shape, rest) if t is not None and d is not None):
        raise ValueError(
            f"[sparse_categorical_crossentropy] `target` must have `output`'s axes but the classes'. Received: "
            f"target.shape={target.shape}, output.shape={output.shape}"
        )
    if axis != output.ndim - 1:
        output = s.moveaxis(output, axis, -1)
    logits = output if from_logits else made_by("softmax", output)
    if logits is not None:
        return to_tensor(emit1("sparse_softmax_cross_entropy", [logits, target]), dtype)
    eps = config.epsilon()
    output = m.log(m.clip(m.divide(output, reductions.sum(output, -1, True)), eps, 1.0 - eps))
    picked = emit1("take_along_axis", [output, s.expand_dims(target, -1)], axis=-1)
    return to_tensor(m.negative(s.squeeze(picked, -1)), dtype)


def _same_shape(op: str, a: Any, b: Any) -> None:
    if len(a.shape) != len(b.shape) or any(x != y for x, y in zip(a.shape, b.shape) if x is not None and y is not None):
        raise ValueError(
            f"[{op}] `target` and `output` must have one shape. Received: target.shape={a.shape}, "
            f"output.shape={b.shape}"
        )


def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """1 at each of the indices.

    Args:
        inputs: ints ``(..., n)``.
        num_classes: how many there are; it must be given.
        axis: of ``one_hot(inputs)``, where the classes lie. Of that, the inputs' last axis is joined; of a matrix, axis 1.
        dtype: name of the element type; None for ``floatx``.
        sparse: only False.

    Returns:
        ``(..., num_classes)``.
    """
    _check.unsupported("sparse", sparse, False)
    if num_classes is None:
        raise ValueError("`num_classes` must be the number of classes. Received: num_classes=None")
    x = to_tensor(inputs)
    hot = indexing.one_hot(x, num_classes, axis=axis, dtype=dtype)
    if x.ndim <= 2:  # as Keras has it, whatever the axis
        return reductions.max(hot, axis=x.ndim - 1)
    classes = _check.axis_in(axis, hot.ndim)
    return reductions.max(hot, axis=x.ndim - 1 if classes >= x.ndim else x.ndim)


def psnr(x1: Any, x2: Any, max_val: Any) -> Any:
    """The peak signal-to-noise ratio in decibels: ``20 log10(max_val) - 10 log10(mean((x1 - x2)^2))``.

    Args:
        x1: a tensor of any shape.
        x2: of its shape.
        max_val: the largest value that there may be.

    Returns:
        A float scalar; infinite when both are equal.

    Raises:
        ValueError: when the shapes differ.
    """
    a, b = (to_float(t) for t in unify(x1, x2))
    if len(a.shape) != len(b.shape) or any(None not in (p, q) and p != q for p, q in zip(a.shape, b.shape)):
        raise ValueError(f"x1 and x2 must have one shape. Received: x1.shape={a.shape}, x2.shape={b.shape}")
    error = m.log(reductions.mean(m.square(m.subtract(a, b))))
    peak = m.multiply(m.log(to_tensor(max_val, a.dtype)), 2.0)
    return m.multiply(m.subtract(peak, error), 10.0 / float(np.log(10.0)))
