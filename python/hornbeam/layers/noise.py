"""Dropout and noise, which work only while training."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, random
from hornbeam.core.tensor import dims_of
from hornbeam.core.validation import channels_last, fraction, integer, no_arguments, number
from hornbeam.layers.layer import Layer

__all__ = ["Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D"]


class _Noise(Layer):
    """Base of layers that act in training alone and draw random numbers."""

    def __init__(self, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True


def _noise_shape(shape: Any) -> tuple[int | None, ...]:
    if not isinstance(shape, (tuple, list)):
        raise TypeError(f"`noise_shape` must be a tuple of ints and Nones. Received: noise_shape={shape!r}")
    return tuple(None if n is None else integer("noise_shape", n, 1) for n in shape)


class Dropout(_Noise):
    """Zeroes a fraction of the input while training and scales the rest up (Srivastava et al. 2014).

    Args:
        rate: the fraction, in [0, 1].
        noise_shape: the mask's shape, 1 where it is shared and None where it is the input's.
        seed: None for a fresh one.
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = fraction("rate", rate)
        self.noise_shape = None if noise_shape is None else _noise_shape(noise_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The input, with dropout while training."""
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, self.noise_shape, self.seed_generator)


class SpatialDropout1D(Dropout):
    """Drops whole channels of ``(batch, steps, channels)``.

    Args:
        rate: the fraction, in [0, 1].
        seed: None for a fresh one.
        name, dtype: as for ``Layer``, and what follows them.
    """

    _not_attributes = ("noise_shape",)

    def __init__(
        self, rate: float, seed: Any = None, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        no_arguments(self, kwargs, "noise_shape")
        super().__init__(rate, (None, 1, None), seed, name=name, dtype=dtype, **kwargs)


class SpatialDropout2D(Dropout):
    """Drops whole channels of ``(batch, rows, columns, channels)``.

    Args:
        rate: the fraction, in [0, 1].
        data_format: only "channels_last".
        seed: None for a fresh one.
        name, dtype: as for ``Layer``, and what follows them.
    """

    _not_attributes = ("noise_shape",)

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        no_arguments(self, kwargs, "noise_shape")
        super().__init__(rate, (None, 1, 1, None), seed, name=name, dtype=dtype, **kwargs)
        self.data_format = channels_last(data_format)


class GaussianNoise(_Noise):
    """Adds normal noise while training.

    Args:
        stddev: its standard deviation.
        seed: None for a fresh one.
    """

    def __init__(self, stddev: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.stddev = number("stddev", stddev, 0)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The input, with noise while training."""
        if not training or self.stddev == 0:
            return inputs
        return ops.add(inputs, random.normal(dims_of(inputs), 0.0, self.stddev, inputs.dtype, self.seed_generator))


class GaussianDropout(_Noise):
    """Multiplies by normal noise of mean 1 and deviation sqrt(rate / (1 - rate)) while training.

    Args:
        rate: the fraction, in [0, 1).
        seed: None for a fresh one.
    """

    def __init__(self, rate: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = fraction("rate", rate)
        if self.rate == 1:
            raise ValueError(f"`rate` must be below 1. Received: rate={rate}")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The input, with noise while training."""
        if not training or self.rate == 0:
            return inputs
        stddev = (self.rate / (1 - self.rate)) ** 0.5
        return ops.multiply(inputs, random.normal(dims_of(inputs), 1.0, stddev, inputs.dtype, self.seed_generator))
