"""Normalization layers."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.tensor import dims_of, emit, promote, to_tensor
from hornbeam.core.validation import axes, axes_in, axis_in, fraction, integer, ints, number, unsupported
from hornbeam.layers.layer import Layer
from hornbeam.ops.arrays import shape_product

__all__ = ["BatchNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization", "UnitNormalization"]


def _epsilon(value: Any) -> float:
    return number("epsilon", value, 0)


def _wide(x: Any) -> Any:
    """Halves as float32: sums of their squares leave what a half holds."""
    return to_tensor(x, promote(x.dtype, "float32"))


class BatchNormalization(Layer):
    """Normalizes each channel by the batch's mean and variance while training, by their moving means otherwise
    (Ioffe and Szegedy 2015).

    Args:
        axis: the channels' axis.
        momentum: of the moving means: ``moving * momentum + batch * (1 - momentum)``.
        epsilon: added to the variance.
        center: whether there is an offset ``beta``.
        scale: whether there is a factor ``gamma``.
        beta_initializer: how the offset begins.
        gamma_initializer: how the factor begins.
        moving_mean_initializer: how the moving mean begins.
        moving_variance_initializer: how the moving variance begins.
        beta_regularizer, beta_constraint: of the offset.
        gamma_regularizer, gamma_constraint: of the factor.
        renorm, renorm_clipping, renorm_momentum: only their defaults: there is no batch renormalization.
        synchronized: whether the statistics are of all replicas' samples; there is one replica.

    Output shape: the input's. With ``trainable=False`` it uses the moving means in training too, as Keras.
    """

    _not_attributes = ("renorm", "renorm_clipping", "renorm_momentum")

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        unsupported("renorm", renorm, False)
        unsupported("renorm_clipping", renorm_clipping, None)
        unsupported("renorm_momentum", renorm_momentum, 0.99)
        self.axis, self.momentum, self.epsilon = (
            integer("axis", axis),
            fraction("momentum", momentum),
            _epsilon(epsilon),
        )
        self.center, self.scale, self.synchronized = center, scale, bool(synchronized)
        self._take(
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Makes gamma, beta and the moving statistics."""
        n = input_shape[axis_in(self.axis, len(input_shape))]
        if n is None:
            raise ValueError(
                f"the channels' axis must be known. Received: input_shape={tuple(input_shape)}, axis={self.axis}"
            )
        self._fix(input_shape, self.axis)
        self.gamma = self._weight("gamma", (n,), autocast=False) if self.scale else None
        self.beta = self._weight("beta", (n,), autocast=False) if self.center else None
        self.moving_mean = self._weight("moving_mean", (n,), trainable=False, autocast=False)
        self.moving_variance = self._weight("moving_variance", (n,), trainable=False, autocast=False)

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """The normalized input."""
        return to_tensor(self._normalized(_wide(inputs), training, mask), self.compute_dtype)

    def _normalized(self, inputs: Any, training: bool, mask: Any) -> Any:
        if not training or not self.trainable:
            return ops.batch_normalization(
                inputs, self.moving_mean, self.moving_variance, self.axis, self.beta, self.gamma, self.epsilon
            )
        axis = axis_in(self.axis, inputs.ndim)
        n = inputs.shape[axis]
        if mask is None:
            gamma = self.gamma if self.gamma is not None else ops.ones((n,), inputs.dtype)
            beta = self.beta if self.beta is not None else ops.zeros((n,), inputs.dtype)
            if axis == inputs.ndim - 1:
                y, mean, variance = emit("batch_norm", [inputs, gamma, beta], epsilon=float(self.epsilon))
            else:  # as one sample's groups
                dims = list(dims_of(inputs))
                x = ops.reshape(inputs, [1, shape_product(dims[:axis]), n, shape_product(dims[axis + 1 :])])
                y, mean, variance = emit("group_norm", [x, gamma, beta], epsilon=float(self.epsilon), groups=n, axis=2)
                y, mean, variance = ops.reshape(y, dims), ops.reshape(mean, [n]), ops.reshape(variance, [n])
        else:
            w = ops.cast(mask, inputs.dtype)
            while w.ndim < inputs.ndim:
                w = ops.expand_dims(w, -1)
            axes = [i for i in range(inputs.ndim) if i != axis]
            total = ops.maximum(ops.sum(ops.multiply(ops.ones_like(inputs), w), axis=axes), 1.0)  # of none: mean 0
            mean = ops.divide(ops.sum(ops.multiply(inputs, w), axis=axes), total)
            shape = [-1 if i == axis else 1 for i in range(inputs.ndim)]
            centred = ops.multiply(ops.subtract(inputs, ops.reshape(mean, shape)), w)
            variance = ops.divide(ops.sum(ops.square(centred), axis=axes), total)
            y = ops.batch_normalization(inputs, mean, variance, axis, self.beta, self.gamma, self.epsilon)
        keep = self.momentum
        self.moving_mean.assign(
            ops.add(ops.multiply(self.moving_mean, keep), ops.multiply(ops.stop_gradient(mean), 1.0 - keep))
        )
        self.moving_variance.assign(
            ops.add(ops.multiply(self.moving_variance, keep), ops.multiply(ops.stop_gradient(variance), 1.0 - keep))
        )
        return y


class LayerNormalization(Layer):
    """Normalizes each sample along ``axis`` (Ba et al. 2016).

    Args:
        axis: an int or several.
        epsilon: added to the variance.
        center: whether there is an offset ``beta``.
        scale: whether there is a factor ``gamma``.
        beta_initializer: how the offset begins.
        gamma_initializer: how the factor begins.
        beta_regularizer, beta_constraint: of the offset.
        gamma_regularizer, gamma_constraint: of the factor.
    """

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis, self.epsilon, self.center, self.scale = axes("axis", axis), _epsilon(epsilon), center, scale
        self._take(
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking, self.autocast = True, False  # statistics are of what comes in

    def build(self, input_shape: Any) -> None:
        """Makes gamma and beta, of the normalized axes' shape."""
        over = sorted(axes_in(self.axis, len(input_shape)))
        shape = [input_shape[a] for a in over]
        if None in shape:
            raise ValueError(
                f"the normalized axes must be known. Received: input_shape={tuple(input_shape)}, axis={self.axis}"
            )
        given = ints("axis", self.axis)
        self._fix(input_shape, *given, any_rank=max(given) < 0)
        self.gamma = self._weight("gamma", shape, autocast=False) if self.scale else None
        self.beta = self._weight("beta", shape, autocast=False) if self.center else None

    def call(self, inputs: Any) -> Any:
        """The normalized input."""
        return to_tensor(self._normalized(_wide(inputs)), self.compute_dtype)

    def _normalized(self, inputs: Any) -> Any:
        over = sorted(axes_in(self.axis, inputs.ndim))
        if over == list(range(inputs.ndim - len(over), inputs.ndim)):
            return ops.layer_normalization(inputs, self.gamma, self.beta, over, self.epsilon)
        mean, variance = ops.moments(inputs, over, keepdims=True)
        y = ops.multiply(ops.subtract(inputs, mean), ops.rsqrt(ops.add(variance, self.epsilon)))
        shape = [inputs.shape[i] if i in over else 1 for i in range(inputs.ndim)]
        if self.gamma is not None:
            y = ops.multiply(y, ops.reshape(self.gamma, shape))
        return y if self.beta is None else ops.add(y, ops.reshape(self.beta, shape))


class GroupNormalization(Layer):
    """Normalizes groups of channels of each sample (Wu and He 2018).

    Args:
        groups: number of groups, -1 for one a channel.
        axis: the channels' axis.
        epsilon: added to the variance.
        center: whether there is an offset.
        scale: whether there is a factor.
        beta_initializer, beta_regularizer, beta_constraint: of the offset.
        gamma_initializer, gamma_regularizer, gamma_constraint: of the factor.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = integer("groups", groups)
        if self.groups != -1 and self.groups < 1:
            raise ValueError(f"`groups` must be a positive int or -1. Received: groups={groups}")
        self.axis, self.epsilon, self.center, self.scale = integer("axis", axis), _epsilon(epsilon), center, scale
        self._take(
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking, self.autocast = True, False  # statistics are of what comes in

    def build(self, input_shape: Any) -> None:
        """Makes gamma and beta."""
        axis = axis_in(self.axis, len(input_shape))
        n = input_shape[axis]
        groups = n if self.groups == -1 else self.groups
        if not axis or n is None or n % groups:
            raise ValueError(
                f"the channels' axis must be known and divisible by groups={self.groups}. Received: "
                f"input_shape={tuple(input_shape)}, axis={self.axis}"
            )
        self._fix(input_shape, self.axis, any_rank=self.axis < 0)
        self.gamma = self._weight("gamma", (n,), autocast=False) if self.scale else None
        self.beta = self._weight("beta", (n,), autocast=False) if self.center else None

    def call(self, inputs: Any) -> Any:
        """The normalized input."""
        axis = axis_in(self.axis, inputs.ndim)
        x, n = _wide(inputs), int(inputs.shape[axis])
        gamma = ops.ones((n,), x.dtype) if self.gamma is None else to_tensor(self.gamma, x.dtype)
        beta = ops.zeros((n,), x.dtype) if self.beta is None else to_tensor(self.beta, x.dtype)
        groups = n if self.groups == -1 else self.groups
        y = emit("group_norm", [x, gamma, beta], epsilon=float(self.epsilon), groups=groups, axis=axis)[0]
        return to_tensor(y, self.compute_dtype)


class RMSNormalization(Layer):
    """Divides by the root mean square along ``axis`` (Zhang and Sennrich 2019).

    Args:
        axis: the normalized axis.
        epsilon: added to the mean square.
    """

    def __init__(self, axis: int = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis, self.epsilon = integer("axis", axis), _epsilon(epsilon)

    def build(self, input_shape: Any) -> None:
        """Makes the scale."""
        n = input_shape[axis_in(self.axis, len(input_shape))]
        if n is None:
            raise ValueError(
                f"the normalized axis must be known. Received: input_shape={tuple(input_shape)}, axis={self.axis}"
            )
        self._fix(input_shape, self.axis, any_rank=self.axis < 0)
        self.scale = self.add_weight((n,), "ones", name="scale")

    def call(self, inputs: Any) -> Any:
        """The normalized input."""
        shape = [1] * inputs.ndim
        shape[self.axis] = -1
        return ops.rms_normalization(inputs, ops.reshape(self.scale, shape), self.axis, self.epsilon)


class UnitNormalization(Layer):
    """Divides by the Euclidean norm along ``axis``.

    Args:
        axis: the normalized axis.
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axes("axis", axis)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The normalized input."""
        return ops.normalize(inputs, self.axis, epsilon=1e-12)
