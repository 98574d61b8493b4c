"""Initializers: how weights begin. Each is called with a shape and returns a NumPy array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core.registry import deserialize_keras_object, serialize_keras_object
from hornbeam.core.validation import dims, integer
from hornbeam.random.draws import make_seed

__all__ = ["Initializer"]


def _sizes(shape: Any) -> tuple[int, ...]:
    """A shape, or the length of one axis, as a tuple."""
    return tuple(dims("shape", shape))


class Initializer:
    """Base class: override ``__call__`` and ``get_config``."""

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        """An array of the shape."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """The initializer a config describes."""
        return cls(**deserialize_keras_object(config))

    def clone(self) -> Initializer:
        """A new one with the same config."""
        return type(self).from_config(self.get_config())


class _Random(Initializer):
    def __init__(self, seed: Any = None) -> None:
        self.seed = seed
        known = getattr(seed, "_initial_seed", seed)
        self._random_seed = make_seed() if known is None else integer("seed", known)

    def _generator(self) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(self._random_seed % 2**64))

    def get_config(self) -> dict[str, Any]:
        return {"seed": serialize_keras_object(self.seed)}


def _dtype(dtype: Any) -> str:
    return config.standardize_dtype(dtype)
