"""Functions applied to elements: map and filter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

import numpy as np

from hornbeam.core.tree import flatten, map_structure
from hornbeam.data.pipeline.batching import Batched, Rebatched, Unbatched
from hornbeam.data.pipeline.elements import ShapesDiffer, stack, unstack
from hornbeam.data.pipeline.functions import Function
from hornbeam.data.pipeline.node import Node, Pass, drop
from hornbeam.data.pipeline.padding import PaddedBatched
from hornbeam.data.pipeline.spec import TensorSpec
from hornbeam.data.pipeline.threads import Elements, in_order

__all__ = ["Filtered", "Mapped"]


class _Applied(Node):
    """A node that applies a function."""

    function: Function

    @property
    def seeds(self) -> list[int]:
        return self.function.seeds

    @seeds.setter
    def seeds(self, values: list[int]) -> None:
        self.function.seeds = list(values)


class Mapped(_Applied):
    """What a function makes of each element.

    Args:
        source: whose elements.
        function: of them.
        workers: threads that call it; 0 for that which asks for elements.
    """

    def __init__(self, source: Node, function: Function, workers: int) -> None:
        super().__init__(source, indexed=source.indexed, workers=workers)
        self.function, self.length, self.parallel = function, source.length, workers
        function.batches = _gives_batches(source)
        self._one_by_one = False  # whether elements of the source do not fit one array

    def spec(self) -> Any:
        given, first = flatten(self.inputs[0].spec()), super().spec()
        if all(isinstance(s, TensorSpec) and s.shape and s.shape[0] is None for s in given):  # a batch of any size
            return map_structure(lambda s: TensorSpec((None, *s.shape[1:]), s.dtype) if s.shape else s, first)
        return first

    def item(self, number: int, at: Pass) -> Any:
        return self.function(self.inputs[0].item(number, at), number, at)

    def rows(self, numbers: Any, at: Pass) -> Any:
        if not self._one_by_one:
            try:
                batch = self.inputs[0].rows(numbers, at)
            except ShapesDiffer:
                self._one_by_one = True
            else:
                made = self.function.rows(batch, numbers, at)
                if made is not None:
                    return made
                return stack([self.function(unstack(batch, i), int(n), at) for i, n in enumerate(numbers)])
        return super().rows(numbers, at)

    def stream(self, at: Pass, start: int) -> Elements:
        with closing(self.inputs[0].read(at, start)) as items:
            numbered = zip(count(start), items)
            if self.parallel:
                with closing(in_order(self._apply, numbered, at, self.parallel, 0)) as made:
                    yield from made
            else:
                for each in numbered:
                    yield self._apply(each, at)

    def _apply(self, numbered: tuple[int, Any], at: Pass) -> Any:
        return self.function(numbered[1], numbered[0], at)


def _gives_batches(node: Node) -> bool:
    """Whether elements are batches, of which some may be smaller."""
    while len(node.inputs) == 1 and not isinstance(node, (Batched, PaddedBatched, Rebatched, Unbatched)):
        node = node.inputs[0]
    return isinstance(node, (Batched, PaddedBatched, Rebatched)) and not node.whole


class Filtered(_Applied):
    """The elements of which a function says true."""

    def __init__(self, source: Node, function: Function) -> None:
        super().__init__(source)
        self.function = function

    def spec(self) -> Any:
        return self.inputs[0].spec()

    def stream(self, at: Pass, start: int) -> Elements:
        yield from drop(self._stream(at), start)

    def _stream(self, at: Pass) -> Iterator[Any]:
        with closing(self.inputs[0].read(at)) as items:
            for number, x in enumerate(items):
                said = self.function(x, number, at)
                if len(flatten(said)) != 1 or np.size(said) != 1:
                    raise ValueError(f"`predicate` must give one bool. Received: {said!r:.200}")
                if said:
                    yield x
