"""Initializers whose variance follows from how many inputs and outputs a unit has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hornbeam.core.registry import register_builtin
from hornbeam.core.validation import axes_in, choice, ints, number
from hornbeam.initializers.draws import _truncated
from hornbeam.initializers.initializer import _dtype, _Random, _sizes

__all__ = [
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "VarianceScaling",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "variance_scaling",
]


def compute_fans(shape: Sequence[int], input_axes: Any = None, output_axes: Any = None) -> tuple[int, int]:
    """Inputs and outputs of a unit, for a weight of this shape: window axes multiply both, unless the axes of each are said."""
    if input_axes is not None:
        kinds = (("input_axes", input_axes), ("output_axes", output_axes))
        fan_in, fan_out = (math.prod(shape[a] for a in axes_in(axes, len(shape), name)) for name, axes in kinds)
        return fan_in, fan_out
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
        input_axes: the weight's axes whose sizes multiply to the number of inputs; None for those of a kernel.
        output_axes: those of the outputs; with ``input_axes`` alone.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Any = None,
        output_axes: Any = None,
    ) -> None:
        super().__init__(seed)
        if (input_axes is None) != (output_axes is None):
            raise ValueError(
                "`input_axes` and `output_axes` must be given together. Received: "
                f"input_axes={input_axes}, output_axes={output_axes}"
            )
        self.input_axes = None if input_axes is None else ints("input_axes", input_axes)
        self.output_axes = None if output_axes is None else ints("output_axes", output_axes)
        self.scale = number("scale", scale)
        if self.scale <= 0:
            raise ValueError(f"`scale` must be positive. Received: scale={scale}")
        self.mode = choice("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        self.distribution = choice(
            "distribution",
            "truncated_normal" if distribution == "normal" else distribution,
            ("truncated_normal", "untruncated_normal", "uniform"),
        )

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        shape = _sizes(shape)
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance, generator = self.scale / max(1.0, n), self._generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            x = generator.uniform(-limit, limit, shape)
        elif self.distribution == "truncated_normal":
            x = _truncated(generator, shape) * math.sqrt(variance) / 0.87962566103423978
        else:
            x = generator.standard_normal(shape) * math.sqrt(variance)
        return x.astype(_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        own = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return {**own, **super().get_config(), **self._axes()}

    def _axes(self) -> dict[str, Any]:
        return {} if self.input_axes is None else {"input_axes": self.input_axes, "output_axes": self.output_axes}


class _Scaled(VarianceScaling):
    """``VarianceScaling`` of a kind that needs a seed alone."""

    def get_config(self) -> dict[str, Any]:
        return {**_Random.get_config(self), **self._axes()}


@register_builtin
class GlorotUniform(_Scaled):
    """Uniform in [-l, l] with ``l = sqrt(6 / (fan_in + fan_out))`` (Glorot and Bengio 2010): layers' default for kernels.

    Args:
        seed: None for a fresh one.
        input_axes, output_axes: as for ``VarianceScaling``.

    Example:
        >>> GlorotUniform(seed=1)((2, 3)).shape
        (2, 3)
    """

    def __init__(self, seed: int | None = None, input_axes: Any = None, output_axes: Any = None) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, input_axes, output_axes)


@register_builtin
class GlorotNormal(_Scaled):
    """Truncated normal with variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio 2010).

    Args:
        seed: None for a fresh one.
        input_axes, output_axes: as for ``VarianceScaling``.

    Example:
        >>> GlorotNormal(seed=1)((2, 3)).shape
        (2, 3)
    """

    def __init__(self, seed: int | None = None, input_axes: Any = None, output_axes: Any = None) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, input_axes, output_axes)


@register_builtin
class HeUniform(_Scaled):
    """Uniform in [-l, l] with ``l = sqrt(6 / fan_in)``, for relu (He et al. 2015).

    Args:
        seed: None for a fresh one.
        input_axes, output_axes: as for ``VarianceScaling``.

    Example:
        >>> HeUniform(seed=1)((2, 3)).shape
        (2, 3)
    """

    def __init__(self, seed: int | None = None, input_axes: Any = None, output_axes: Any = None) -> None:
        super().__init__(2.0, "fan_in", "uniform", seed, input_axes, output_axes)


@register_builtin
class HeNormal(_Scaled):
    """Truncated normal with variance ``2 / fan_in``, for relu (He et al. 2015).

    Args:
        seed: None for a fresh one.
        input_axes, output_axes: as for ``VarianceScaling``.

    Example:
        >>> HeNormal(seed=1)((2, 3)).shape
        (2, 3)
    """

    def __init__(self, seed: int | None = None, input_axes: Any = None, output_axes: Any = None) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


@register_builtin
class LecunUniform(_Scaled):
    """Uniform in [-l, l] with ``l = sqrt(3 / fan_in)`` (LeCun et al. 1998).

    Args:
        seed: None for a fresh one.
        input_axes, output_axes: as for ``VarianceScaling``.

    Example:
        >>> LecunUniform(seed=1)((2, 3)).shape
        (2, 3)
    """

    def __init__(self, seed: int | None = None, input_axes: Any = None, output_axes: Any = None) -> None:
        super().__init__(1.0, "fan_in", "uniform", seed, input_axes, output_axes)


@register_builtin
class LecunNormal(_Scaled):
    """Truncated normal with variance ``1 / fan_in``, for selu (LeCun et al. 1998; Klambauer et al. 2017).

    Args:
        seed: None for a fresh one.
        input_axes, output_axes: as for ``VarianceScaling``.

    Example:
        >>> LecunNormal(seed=1)((2, 3)).shape
        (2, 3)
    """

    def __init__(self, seed: int | None = None, input_axes: Any = None, output_axes: Any = None) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


variance_scaling = VarianceScaling
glorot_uniform, glorot_normal, he_uniform, he_normal = GlorotUniform, GlorotNormal, HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
