"""What data sets are made of: nodes, which give elements by number or one after another.

A node is *indexed* where an element can be asked for by its number: then elements may be computed in any order, by any
number of threads, and a pass may begin anywhere at no cost. Every element is a pure function of its number and of the
pass: nothing is drawn from a state that elements share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np

from hornbeam.data.pipeline.elements import stack
from hornbeam.data.pipeline.spec import spec_of
from hornbeam.data.pipeline.threads import Elements, in_order

__all__ = ["Length", "Node", "Pass", "key_of"]

Length = int | float | None  # of a node: math.inf without end, None where only its end will tell


class Pass:
    """One pass over a node.

    Args:
        epoch: which it is: the number of the pass, behind it those of repetitions and of other passes within passes.
        resources: what its nodes opened, to be closed with it; shared by the passes within it.
    """

    def __init__(self, epoch: tuple[int, ...], resources: dict[int, Any] | None = None) -> None:
        self.epoch = epoch
        self.resources = {} if resources is None else resources

    def within(self, number: int) -> Pass:
        """The ``number``-th pass within this one."""
        return Pass((*self.epoch, number), self.resources)

    def close(self) -> None:
        """Closes what was opened."""
        while self.resources:
            self.resources.popitem()[1].close()


def key_of(seed: int, *numbers: int) -> int:
    """A 63-bit key from a seed and numbers, no two alike."""
    words = np.array(
        [len(numbers), seed & (2**64 - 1), *numbers], "uint64"
    )  # their count, for NumPy ignores zeros at the end
    return int(np.random.SeedSequence(words.view("uint32").tolist()).generate_state(1, "uint64")[0]) >> 1


class Node:
    """A source of elements, or what changes those of others.

    Subclasses set ``length``, and implement ``item`` where they are indexed and ``stream`` where they may not be. The
    lists are what a saved position holds, beside numbers of elements.

    Args:
        inputs: the nodes that it reads.
        indexed: whether ``item`` gives elements by number.
        workers: how many threads compute its elements, where it is indexed; 0 for that which asks for them.
    """

    length: Length = None
    ahead = 0  # elements that are made ahead of the one that is asked for

    def __init__(self, *inputs: Node, indexed: bool = False, workers: int = 0) -> None:
        self.inputs, self.indexed = inputs, indexed
        self.workers: int = max([workers, *(n.workers for n in inputs if n.indexed)]) if indexed else 0

    def item(self, number: int, at: Pass) -> Any:
        """The element of a number in [0, length)."""
        raise NotImplementedError

    def rows(self, numbers: Any, at: Pass) -> Any:
        """The elements of these numbers (a range or an array of them) as a batch."""
        return stack([self.item(int(i), at) for i in numbers])

    def stream(self, at: Pass, start: int) -> Elements:
        """The elements from number ``start`` on, of a node that is not indexed."""
        raise NotImplementedError

    def read(self, at: Pass, start: int = 0) -> Elements:
        """The elements from number ``start`` on."""
        if not self.indexed:
            yield from self.stream(at, start)
            return
        numbers = count_to(self.length, start)
        if self.workers or self.ahead:
            with closing(in_order(self.item, numbers, at, max(self.workers, 1), self.ahead)) as items:
                yield from items
        else:
            for i in numbers:
                yield self.item(i, at)

    def spec(self) -> Any:
        """What elements look like: that of the first, where a subclass does not know better."""
        at = Pass((0,))
        with closing(at), closing(self.read(at)) as items:
            for x in items:
                return spec_of(x)
        raise ValueError("there is no element to tell what elements look like")

    @property
    def seeds(self) -> list[int]:
        """The seeds that it draws from: a property that can be set where there are any."""
        return []

    @seeds.setter
    def seeds(self, values: list[int]) -> None:
        if values:
            raise ValueError("a part that draws nothing was given seeds")

    def all_nodes(self) -> Iterator[Node]:
        """This node and all that it reads, itself last."""
        for n in self.inputs:
            yield from n.all_nodes()
        yield self


def count_to(length: Length, start: int) -> Iterator[int]:
    """The numbers from ``start`` up to ``length``."""
    i = start
    while length is not None and i < length:
        yield i
        i += 1


def drop(items: Iterator[Any], n: int) -> Iterator[Any]:
    """The items without the first n."""
    for _ in range(n):
        if next(items, items) is items:
            return iter(())
    return items


def shortened(length: Length, by: int) -> Length:
    """The length without the first ``by``."""
    return None if length is None else length if length == math.inf else max(0, int(length) - by)


def divided(length: Length, by: int, round_up: bool) -> Length:
    """The number of groups of ``by``."""
    if length is None or length == math.inf:
        return length
    return -(-int(length) // by) if round_up else int(length) // by
