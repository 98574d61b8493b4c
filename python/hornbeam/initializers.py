"""Initializers: how weights begin. Each is called with a shape and returns a NumPy array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam._tensor import is_tensor
from hornbeam._validation import choice, integer, number, unsupported
from hornbeam._variable import Variable
from hornbeam.saving.registry import (
    deserialize_keras_object,
    lookup,
    register_builtin,
    serialize_keras_object,
)


class Initializer:
    """Base class: override ``__call__`` and ``get_config``."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """An array of the shape."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """The initializer a config describes."""
        axes = ("input_axes", "output_axes")
        for name in axes:
            unsupported(name, config.get(name), None)
        known = {k: v for k, v in config.items() if k not in axes}
        return cls(**deserialize_keras_object(known))

    def clone(self) -> Initializer:
        """A new one with the same config."""
        return type(self).from_config(self.get_config())


class _Random(Initializer):
    def __init__(self, seed: Any = None) -> None:
        from hornbeam.random import make_seed

        self.seed = seed
        known = getattr(seed, "_initial_seed", seed)
        self._random_seed = make_seed() if known is None else integer("seed", known)

    def _generator(self) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(self._random_seed % 2**64))

    def get_config(self) -> dict[str, Any]:
        return {"seed": serialize_keras_object(self.seed)}


def _dtype(dtype: Any) -> str:
    return config.standardize_dtype(dtype)


@register_builtin
class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        return np.zeros(tuple(shape), _dtype(dtype))


@register_builtin
class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        return np.ones(tuple(shape), _dtype(dtype))


@register_builtin
class Constant(Initializer):
    """One value everywhere.

    Args:
        value: the number.
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = value if np.ndim(value) or isinstance(value, (bool, np.bool_)) else number("value", value)

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        return np.broadcast_to(np.asarray(self.value, _dtype(dtype)), tuple(shape)).copy()

    def get_config(self) -> dict[str, Any]:
        return {"value": serialize_keras_object(self.value)}


@register_builtin
class Identity(Initializer):
    """``gain`` times the identity matrix (two axes).

    Args:
        gain: the factor.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = number("gain", gain)

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        if len(shape) != 2:
            raise ValueError(f"Identity needs a shape of two axes. Received: shape={tuple(shape)}")
        return (self.gain * np.eye(shape[0], shape[1])).astype(_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


@register_builtin
class RandomUniform(_Random):
    """Evenly drawn from [minval, maxval).

    Args:
        minval: the lower bound.
        maxval: the upper bound.
        seed: None for a fresh one.
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = number("minval", minval), number("maxval", maxval)
        if self.minval > self.maxval:
            raise ValueError(f"`minval` must be at most `maxval`. Received: minval={minval}, maxval={maxval}")

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        return self._generator().uniform(self.minval, self.maxval, tuple(shape)).astype(_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


@register_builtin
class RandomNormal(_Random):
    """Normally distributed.

    Args:
        mean: the mean.
        stddev: the standard deviation.
        seed: None for a fresh one.
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = number("mean", mean), number("stddev", stddev, 0)

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return self._generator().standard_normal(shape)

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        return (self.mean + self.stddev * self._draw(tuple(shape))).astype(_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


def _truncated(generator: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Standard normal numbers within two deviations, by drawing again."""
    x = generator.standard_normal(shape)
    while True:
        bad = np.abs(x) > 2
        if not bad.any():
            return x
        x[bad] = generator.standard_normal(int(bad.sum()))


@register_builtin
class TruncatedNormal(RandomNormal):
    """Normally distributed within two standard deviations.

    Args:
        mean: the mean.
        stddev: the standard deviation before truncation.
        seed: None for a fresh one.
    """

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return _truncated(self._generator(), shape)


def compute_fans(shape: Sequence[int]) -> tuple[int, int]:
    """Inputs and outputs of a unit, for a weight of this shape (window axes multiply both)."""
    if len(shape) < 1:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


@register_builtin
class VarianceScaling(_Random):
    """Variance ``scale / n``, n being the inputs, the outputs or their mean (He et al. 2015; Glorot and Bengio 2010).

    Args:
        scale: a positive number.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: None for a fresh one.
    """

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal", seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.scale = number("scale", scale)
        if self.scale <= 0:
            raise ValueError(f"`scale` must be positive. Received: scale={scale}")
        self.mode = choice("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        self.distribution = choice(
            "distribution",
            "truncated_normal" if distribution == "normal" else distribution,
            ("truncated_normal", "untruncated_normal", "uniform"),
        )

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        fan_in, fan_out = compute_fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance, generator = self.scale / max(1.0, n), self._generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            x = generator.uniform(-limit, limit, tuple(shape))
        elif self.distribution == "truncated_normal":
            x = _truncated(generator, tuple(shape)) * math.sqrt(variance) / 0.87962566103423978
        else:
            x = generator.standard_normal(tuple(shape)) * math.sqrt(variance)
        return x.astype(_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale, "mode": self.mode, "distribution": self.distribution, **super().get_config()}


class _Scaled(VarianceScaling):
    """``VarianceScaling`` of a kind that needs a seed alone."""

    def get_config(self) -> dict[str, Any]:
        return _Random.get_config(self)


@register_builtin
class GlorotUniform(_Scaled):
    """Uniform in [-l, l] with ``l = sqrt(6 / (fan_in + fan_out))`` (Glorot and Bengio 2010): layers' default for kernels.

    Args:
        seed: None for a fresh one.

    Example:
        >>> GlorotUniform(seed=1)((2, 3)).shape
        (2, 3)
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed)


@register_builtin
class GlorotNormal(_Scaled):
    """Truncated normal with variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio 2010).

    Args:
        seed: None for a fresh one.

    Example:
        >>> GlorotNormal(seed=1)((2, 3)).shape
        (2, 3)
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed)


@register_builtin
class HeUniform(_Scaled):
    """Uniform in [-l, l] with ``l = sqrt(6 / fan_in)``, for relu (He et al. 2015).

    Args:
        seed: None for a fresh one.

    Example:
        >>> HeUniform(seed=1)((2, 3)).shape
        (2, 3)
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(2.0, "fan_in", "uniform", seed)


@register_builtin
class HeNormal(_Scaled):
    """Truncated normal with variance ``2 / fan_in``, for relu (He et al. 2015).

    Args:
        seed: None for a fresh one.

    Example:
        >>> HeNormal(seed=1)((2, 3)).shape
        (2, 3)
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal", seed)


@register_builtin
class LecunUniform(_Scaled):
    """Uniform in [-l, l] with ``l = sqrt(3 / fan_in)`` (LeCun et al. 1998).

    Args:
        seed: None for a fresh one.

    Example:
        >>> LecunUniform(seed=1)((2, 3)).shape
        (2, 3)
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_in", "uniform", seed)


@register_builtin
class LecunNormal(_Scaled):
    """Truncated normal with variance ``1 / fan_in``, for selu (LeCun et al. 1998; Klambauer et al. 2017).

    Args:
        seed: None for a fresh one.

    Example:
        >>> LecunNormal(seed=1)((2, 3)).shape
        (2, 3)
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal", seed)


@register_builtin
class Orthogonal(_Random):
    """A matrix with orthonormal rows or columns (Saxe et al. 2013); further leading axes are flattened.

    Args:
        gain: a factor.
        seed: None for a fresh one.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = number("gain", gain)

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs a shape of at least two axes. Received: shape={tuple(shape)}")
        rows, cols = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(self._generator().standard_normal((max(rows, cols), min(rows, cols))))
        q = q * np.sign(np.diag(r))
        return (self.gain * (q.T if rows < cols else q)).reshape(tuple(shape)).astype(_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, **super().get_config()}


OrthogonalInitializer, IdentityInitializer = Orthogonal, Identity
zeros, ones, constant, identity, orthogonal = Zeros, Ones, Constant, Identity, Orthogonal
random_uniform, random_normal, truncated_normal, variance_scaling = (
    RandomUniform,
    RandomNormal,
    TruncatedNormal,
    VarianceScaling,
)
glorot_uniform, glorot_normal, he_uniform, he_normal = GlorotUniform, GlorotNormal, HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal

_TABLE = {
    name: globals()[name]
    for name in (
        "zeros",
        "ones",
        "constant",
        "identity",
        "orthogonal",
        "random_uniform",
        "random_normal",
        "truncated_normal",
        "variance_scaling",
        "glorot_uniform",
        "glorot_normal",
        "he_uniform",
        "he_normal",
        "lecun_uniform",
        "lecun_normal",
    )
}
_TABLE.update({cls.__name__: cls for cls in list(_TABLE.values())})
_TABLE.update(uniform=RandomUniform, normal=RandomNormal, one=Ones, zero=Zeros)
_TABLE.update(IdentityInitializer=Identity, OrthogonalInitializer=Orthogonal)


def get(identifier: Any) -> Any:
    """The initializer a name, config, class or instance stands for; an array or a tensor becomes
    ``Constant``.

    Example:
        >>> type(get("he_normal")).__name__
        'HeNormal'
    """
    if is_tensor(identifier):
        identifier = np.asarray(identifier)
    if isinstance(identifier, (np.ndarray, float, int)) and not isinstance(identifier, bool):
        return Constant(identifier)  # type: ignore[arg-type]
    return lookup("initializer", identifier, _TABLE)


Variable.initializer_named = get


def serialize(initializer: Any) -> Any:
    """Its config."""
    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The initializer that a config or a name stands for, perhaps among custom objects by name."""
    return lookup("initializer", config, _TABLE, custom_objects)
