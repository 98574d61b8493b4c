"""Initializers that draw from one distribution, whatever the shape; and orthogonal matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam.core.registry import register_builtin
from hornbeam.core.validation import number
from hornbeam.initializers.initializer import _dtype, _Random, _sizes

__all__ = [
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "truncated_normal",
]


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

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        shape = _sizes(shape)
        return self._generator().uniform(self.minval, self.maxval, shape).astype(_dtype(dtype))

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

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        shape = _sizes(shape)
        return (self.mean + self.stddev * self._draw(shape)).astype(_dtype(dtype))

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

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(mean, stddev, seed)

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return _truncated(self._generator(), shape)


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

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        shape = _sizes(shape)
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs a shape of at least two axes. Received: shape={shape}")
        rows, cols = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(self._generator().standard_normal((max(rows, cols), min(rows, cols))))
        q = q * np.sign(np.diag(r))
        return (self.gain * (q.T if rows < cols else q)).reshape(shape).astype(_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, **super().get_config()}


random_uniform, random_normal, truncated_normal = RandomUniform, RandomNormal, TruncatedNormal
orthogonal = OrthogonalInitializer = Orthogonal
