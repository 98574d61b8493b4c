"""What a cell of the grid says: one layer or function on both sides, its inputs, and how weights get from ours to torch's."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Arrays = list[Any]
State = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """An input: its shape in Hornbeam's layout, and what it holds.

    ``kind``: "f" normal floats, "u" floats in [0.05, 0.95], "i" indices below ``below`` (int32, torch's int64), "n" int32 below
    it, "u8" bytes, "b" bools whose rows begin true.
    """

    shape: tuple[int, ...]
    kind: str = "f"
    below: int = 0

    def make(self, numbers: np.random.Generator) -> Any:
        """The array."""
        if self.kind == "f":
            return numbers.standard_normal(self.shape, "float32")
        if self.kind == "u":
            return (0.05 + 0.9 * numbers.random(self.shape, "float32")).astype("float32")
        if self.kind == "u8":
            return numbers.integers(0, 256, self.shape, "uint8")
        if self.kind in "in":
            return numbers.integers(0, self.below, self.shape, "int32")
        lengths = numbers.integers(1, self.shape[-1] + 1, self.shape[:-1])
        return np.arange(self.shape[-1]) < lengths[..., None]


def nothing(_: Arrays) -> State:
    """Of what has no weights."""
    return {}


@dataclass(frozen=True)
class Cell:
    """One layer or function at one shape.

    ``ours`` and ``theirs`` make it, given the framework's module. Images have ``spatial`` axes between the batch's and the
    channels', which torch has last; ``formats`` are the memory formats in which torch may have them, the fastest counts.
    ``check`` is the tolerance of values, or None where only shapes must agree (random numbers, torch's symmetric padding).
    """

    family: str
    name: str
    inputs: Sequence[Given]
    ours: Callable[[Any], Any]
    theirs: Callable[[Any], Any]
    weights: Callable[[Arrays], State] = nothing
    spatial: int = 0
    formats: tuple[str, ...] = ("last",)
    modes: tuple[str, ...] = ("forward", "train")
    check: float | None = 1e-3
    call: Callable[..., Any] | None = None  # (layer, inputs, training): where it is not layer(*inputs)
    take: Callable[[Any], Any] = field(default=lambda y: y)  # of what torch's module returns

    @property
    def key(self) -> str:
        """The family and the name."""
        return f"{self.family}: {self.name}"

    def arrays(self) -> Arrays:
        """The inputs' numbers, the same in every process."""
        numbers = np.random.default_rng(zlib.crc32(self.key.encode()))
        return [given.make(numbers) for given in self.inputs]


def drawn_weights(shapes: Sequence[Sequence[int]]) -> Arrays:
    """Numbers for weights of these shapes: kernels that keep the scale, vectors that may be variances."""
    numbers = np.random.default_rng(7)
    made = []
    for shape in shapes:
        if len(shape) > 1:
            made.append(numbers.standard_normal(shape, "float32") / np.sqrt(max(1, np.prod(shape[:-1]))))
        else:
            made.append(0.5 + numbers.random(shape, "float32"))
    return [w.astype("float32") for w in made]


def weight_of(shape: Sequence[int]) -> Any:
    """The seed of an output's gradient."""
    return np.random.default_rng(11).standard_normal(tuple(shape), "float32")
