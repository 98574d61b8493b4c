"""Attention layers."""

from __future__ import annotations

import math
from typing import Any

from hornbeam import ops, random, regularizers
from hornbeam.core.tensor import dims_of, is_tensor, to_tensor
from hornbeam.core.validation import choice, fraction, ints, no_arguments, positive_int, unsupported
from hornbeam.layers.layer import Layer

__all__ = ["AdditiveAttention", "Attention", "MultiHeadAttention"]


class _Projection(Layer):
    """``x`` times a kernel of several axes, for the heads of attention: (d_in, *inner) or its reverse."""

    def __init__(self, shape: tuple[int, ...], inputs: int, bias_shape: tuple[int, ...] | None, **kwargs: Any) -> None:
        kernel, bias = kwargs.pop("kernel"), kwargs.pop("bias")
        super().__init__(**kwargs)
        self.shape, self.inputs, self.bias_shape = shape, inputs, bias_shape
        self._fix(shape[:inputs], *range(-inputs, 0), any_rank=True)
        self._kernel_options, self._bias_options = kernel, bias

    def build(self, input_shape: Any = None) -> None:
        """Makes the kernel and the bias."""
        self.kernel = self.add_weight(self.shape, name="kernel", **self._kernel_options)
        self.bias = self.add_weight(self.bias_shape, name="bias", **self._bias_options) if self.bias_shape else None

    def call(self, x: Any) -> Any:
        """The projection."""
        rows, out = self.shape[: self.inputs], self.shape[self.inputs :]
        n, m = math.prod(rows), math.prod(out)
        lead = dims_of(x)[: x.ndim - self.inputs]
        y = ops.matmul(ops.reshape(x, [*lead, n]), ops.reshape(self.kernel, [n, m]))
        if self.bias is not None:
            y = ops.add(y, ops.reshape(self.bias, [m]))
        return ops.reshape(y, [*lead, *out])


class MultiHeadAttention(Layer):
    """Attention by several heads (Vaswani et al. 2017).

    Args:
        num_heads: number of heads.
        key_dim: size of each head's queries and keys.
        value_dim: size of each head's values, None for ``key_dim``.
        dropout: fraction of the attention weights dropped while training.
        use_bias: whether the projections have biases.
        output_shape: size of the output, None for the query's.
        attention_axes: only None, for the axis of steps.
        sliding_window, flash_attention, use_gate: only their defaults (``flash_attention`` may be False).
        kernel_initializer, kernel_regularizer, kernel_constraint: of the projections' kernels.
        bias_initializer, bias_regularizer, bias_constraint: of their biases.
        activity_regularizer: a penalty on each projection's output.
        seed: of the dropout, None for a fresh one.

    Input shape: query ``(batch, T, d)``, value and key ``(batch, S, d)``. Output shape: ``(batch, T, d)``.
    ``attention_mask`` is bool ``(batch, T, S)``; the inputs' own masks count too. A query that sees nothing gets the mean of
    all values, or zeros where the weights are asked for or there is dropout, as in Keras.
    """

    kernel_initializer: Any
    bias_initializer: Any
    kernel_regularizer: Any
    bias_regularizer: Any
    kernel_constraint: Any
    bias_constraint: Any
    _not_attributes = ("output_shape", "sliding_window", "flash_attention", "use_gate")

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        unsupported("sliding_window", sliding_window, None)
        unsupported("flash_attention", flash_attention, None, False)
        unsupported("use_gate", use_gate, False)
        self.num_heads, self.key_dim = positive_int("num_heads", num_heads), positive_int("key_dim", key_dim)
        self.value_dim = self.key_dim if value_dim is None else positive_int("value_dim", value_dim)
        self.dropout, self.use_bias = fraction("dropout", dropout), use_bias
        sizes = [] if output_shape is None else ints("output_shape", output_shape)
        if len(sizes) > 1:
            raise ValueError(f"`output_shape` must be one size. Received: output_shape={output_shape}")
        self.output_size = positive_int("output_shape", sizes[0]) if sizes else None
        unsupported("attention_axes", attention_axes, None)
        self.attention_axes = None
        self._take(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self._projection_regularizer = regularizers.get(activity_regularizer)
        self.seed, self.seed_generator = seed, random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        """Makes the four projections."""
        value_shape = value_shape or query_shape
        key_shape = key_shape or value_shape
        heads, out = self.num_heads, self.output_size or query_shape[-1]
        self.query_dense = self._projection("query", (query_shape[-1], heads, self.key_dim), 1)
        self.key_dense = self._projection("key", (key_shape[-1], heads, self.key_dim), 1)
        self.value_dense = self._projection("value", (value_shape[-1], heads, self.value_dim), 1)
        self.output_dense = self._projection("attention_output", (heads, self.value_dim, out), 2)

    def _projection(self, name: str, shape: tuple[int, ...], inputs: int) -> _Projection:
        layer = _Projection(
            shape,
            inputs,
            shape[inputs:] if self.use_bias else None,
            name=name,
            dtype=self.dtype_policy,
            activity_regularizer=self._projection_regularizer,
            kernel={
                "initializer": _fresh(self.kernel_initializer),
                "regularizer": self.kernel_regularizer,
                "constraint": self.kernel_constraint,
            },
            bias={
                "initializer": _fresh(self.bias_initializer),
                "regularizer": self.bias_regularizer,
                "constraint": self.bias_constraint,
            },
        )
        layer.build()
        layer.built = True
        return layer

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """The attended values, and the weights ``(batch, heads, T, S)`` when asked for."""
        key = value if key is None else key
        masks = (query_mask, value_mask, key_mask, attention_mask)
        q, k, v = self.query_dense(query), self.key_dense(key), self.value_dense(value)
        given = mask = _combine(query, value, key, *masks)
        for t in (query, value, key):  # as Keras does: the inputs' masks have done their work, here and elsewhere
            if is_tensor(t):
                t._keras_mask = None
        if use_causal_mask:
            causal = ops.causal_mask(dims_of(query)[1], dims_of(value)[1])
            mask = causal if given is None else ops.logical_and(given, causal)
        if not self.dropout and not return_attention_scores:
            y = ops.dot_product_attention(q, k, v, mask=_for_heads(given), is_causal=use_causal_mask)
            return self.output_dense(y if given is None else _mean_where_unseen(y, v, _for_heads(mask)))
        drops = training and bool(self.dropout)
        q, k, v = ops.transpose(q, [0, 2, 1, 3]), ops.transpose(k, [0, 2, 3, 1]), ops.transpose(v, [0, 2, 1, 3])
        scores = ops.matmul(ops.multiply(q, self.key_dim**-0.5), k)
        if mask is not None:
            scores = ops.where(_for_heads(mask), scores, -math.inf)
        weights = ops.softmax(scores)
        used = random.dropout(weights, self.dropout, None, self.seed_generator) if drops else weights
        y = self.output_dense(ops.transpose(ops.matmul(used, v), [0, 2, 1, 3]))
        return (y, weights) if return_attention_scores else y

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The query's mask."""
        return previous_mask

    def _attributes(self, known: type) -> dict[str, Any]:
        own = {"output_shape": self.output_size, "activity_regularizer": self._projection_regularizer}
        return {**super()._attributes(known), **own}


def _for_heads(mask: Any) -> Any:
    """A mask of the scores with four axes: ``(batch, heads, T, S)``, or 1 for those that it has not."""
    for _ in range(0 if mask is None else 4 - mask.ndim):
        mask = ops.expand_dims(mask, -3)
    return mask


def _mean_where_unseen(y: Any, values: Any, mask: Any) -> Any:
    """Attention's output, but for queries that see nothing the mean of all values: what a softmax of equal scores gives."""
    seen = ops.expand_dims(ops.swapaxes(ops.any(mask, axis=-1), 1, 2), -1)
    count = ops.maximum(to_tensor(dims_of(values)[1], values.dtype), 1.0)
    return ops.where(seen, y, ops.divide(ops.sum(values, axis=1, keepdims=True), count))


def _fresh(initializer: Any) -> Any:
    """An initializer that draws other numbers, when its seed was left open."""
    return initializer.clone() if hasattr(initializer, "clone") else initializer


def _combine(
    query: Any, value: Any, key: Any, query_mask: Any, value_mask: Any, key_mask: Any, attention_mask: Any
) -> Any:
    query_mask = getattr(query, "_keras_mask", None) if query_mask is None else query_mask
    value_mask = getattr(value, "_keras_mask", None) if value_mask is None else value_mask
    key_mask = getattr(key, "_keras_mask", None) if key_mask is None else key_mask
    parts = []
    if query_mask is not None:
        parts.append(ops.expand_dims(query_mask, -1))
    if value_mask is not None:
        parts.append(ops.expand_dims(value_mask, -2))
    if key_mask is not None and key_mask is not value_mask:
        parts.append(ops.expand_dims(key_mask, -2))
    if attention_mask is not None:
        parts.append(ops.cast(attention_mask, "bool"))
    out = None
    for p in parts:
        if out is not None and p.ndim != out.ndim:
            p = ops.expand_dims(p, 1) if p.ndim < out.ndim else p
        out = p if out is None else ops.logical_and(out, p)
    return out


class Attention(Layer):
    """Dot-product attention of ``[query, value]`` or ``[query, value, key]`` (Luong et al. 2015).

    Args:
        use_scale: whether the scores have a learned factor.
        score_mode: "dot" or "concat".
        dropout: fraction of the weights dropped while training.
        seed: of the dropout, None for a fresh one.

    ``mask`` is ``[query's, value's]``: values that are masked get no weight (all get the same where none is left), and
    queries that are give zeros.
    """

    def __init__(
        self, use_scale: bool = False, score_mode: str = "dot", dropout: float = 0.0, seed: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.use_scale, self.dropout = use_scale, fraction("dropout", dropout)
        self.score_mode = choice("score_mode", score_mode, ("dot", "concat"))
        self.seed, self.seed_generator = seed, random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Makes the factor."""
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None
        self.concat_score_weight = (
            self.add_weight((), "ones", name="concat_score_weight") if self.score_mode == "concat" else None
        )

    def _scores(self, q: Any, k: Any) -> Any:
        if self.score_mode == "concat":
            s = ops.add(ops.expand_dims(q, -2), ops.expand_dims(k, -3))
            s = ops.tanh(s if self.scale is None else ops.multiply(s, self.scale))
            return ops.multiply(ops.sum(s, axis=-1), self.concat_score_weight)
        s = ops.matmul(q, ops.swapaxes(k, -1, -2))
        return s if self.scale is None else ops.multiply(s, self.scale)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """The attended values."""
        q, v = inputs[0], inputs[1]
        k = inputs[2] if len(inputs) > 2 else v
        keep = None if not mask or mask[1] is None else ops.expand_dims(ops.cast(mask[1], "bool"), -2)
        if use_causal_mask:
            causal = ops.expand_dims(ops.causal_mask(dims_of(q)[-2], dims_of(v)[-2]), 0)
            keep = causal if keep is None else ops.logical_and(keep, causal)
        sizes = {t.shape[-1] for t in (q, k, self.scale) if t is not None and len(t.shape) > 0}
        if len(sizes - {None}) > 1:
            raise ValueError(
                f"layer {self.name!r} needs queries and keys of one size. Received: sizes {sorted(sizes - {None})}"
            )
        scores = self._scores(q, k)
        if keep is not None:  # equal scores where nothing is seen
            scores = ops.where(keep, scores, ops.subtract(scores, 65504.0 if scores.dtype == "float16" else 1e9))
        weights = ops.softmax(scores)
        used = (
            random.dropout(weights, self.dropout, None, self.seed_generator) if training and self.dropout else weights
        )
        y = ops.matmul(used, v)
        if mask and mask[0] is not None:
            y = ops.where(ops.expand_dims(ops.cast(mask[0], "bool"), -1), y, 0.0)
        return (y, used) if return_attention_scores else y

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The query's mask."""
        return mask[0] if mask else None


class AdditiveAttention(Attention):
    """Additive attention (Bahdanau et al. 2014).

    Args:
        use_scale: whether there is a learned weight for each feature.
        dropout: fraction of the weights dropped while training.
    """

    _not_attributes = ("score_mode",)

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        no_arguments(self, kwargs, "score_mode")
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Makes the weights."""
        self.concat_score_weight = None
        self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale") if self.use_scale else None

    def _scores(self, q: Any, k: Any) -> Any:
        s = ops.tanh(ops.add(ops.expand_dims(q, -2), ops.expand_dims(k, -3)))
        return ops.sum(s if self.scale is None else ops.multiply(s, self.scale), axis=-1)
