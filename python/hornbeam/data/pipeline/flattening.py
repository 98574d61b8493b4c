"""Data sets of data sets: flat_map, interleave, sample_from_datasets, window."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

import numpy as np

from hornbeam.core.tree import flatten, pack_like
from hornbeam.data.pipeline.functions import note
from hornbeam.data.pipeline.node import Node, Pass, divided, drop, key_of, shortened
from hornbeam.data.pipeline.sources import Items
from hornbeam.data.pipeline.threads import Elements
from hornbeam.data.pipeline.tracing import ElementDraws, call

__all__ = ["Interleaved", "Sampled", "Windows"]


class Interleaved(Node):
    """The elements of what a function makes data sets of each element: ``block`` of one, then of the next, ``cycle`` of
    them at a time. Where one ends, the next element's takes its place.

    Args:
        source: whose elements.
        function: of an element; its data set has a ``_node``.
        cycle: how many are open at a time: with one it is ``flat_map``.
        block: elements of each in turn.
        ahead: elements of each open one that are made ahead by a thread of its own; 0 for no threads.
    """

    def __init__(self, source: Node, function: Callable[..., Any], cycle: int, block: int, opened: Any = None) -> None:
        super().__init__(source)
        self.function, self.cycle, self.block = function, cycle, block
        self._opened: Callable[[Elements], Elements] = opened or (lambda items: items)

    def stream(self, at: Pass, start: int) -> Elements:
        yield from drop(self._stream(at), start)

    def _open(self, element: Any, number: int, at: Pass) -> Elements:
        try:
            with ElementDraws(number, at):
                made = call(self.function, element)
            if not isinstance(getattr(made, "_node", None), Node):
                raise TypeError(f"the function must give a Dataset. Received: {type(made).__name__}")
        except Exception as e:
            note(e, f"in the function that makes a data set of element {number}")
            raise
        return self._opened(made._node.read(at.within(number)))

    def _stream(self, at: Pass) -> Elements:
        slots: list[Elements | None] = [None] * self.cycle
        with ExitStack() as stack:
            stack.callback(_close, slots)
            items = stack.enter_context(closing(self.inputs[0].read(at)))
            number, slot, more = 0, 0, True
            while more or any(s is not None for s in slots):
                if slots[slot] is None and more:
                    element = next(items, items)
                    if element is items:
                        more = False
                    else:
                        slots[slot] = self._open(element, number, at)
                        number += 1
                source = slots[slot]
                if source is not None:
                    for _ in range(self.block):
                        x = next(source, slots)
                        if x is slots:
                            source.close()
                            slots[slot] = None
                            break
                        yield x
                    if slots[slot] is None and self.cycle == 1:
                        continue
                slot = (slot + 1) % self.cycle


def _close(readers: list[Elements | None]) -> None:
    for r in readers:
        if r is not None:
            r.close()


class Sampled(Node):
    """An element of one of several data sets at a time, each chosen with a probability.

    Args:
        sources: the data sets.
        weights: their probabilities, which add up to 1.
        seed: an int.
        stop: whether it ends where the one that was chosen has; else that is left out from then on.
    """

    def __init__(self, sources: list[Node], weights: list[float], seed: int, stop: bool) -> None:
        super().__init__(*sources)
        self.weights, self._seed, self.stop = weights, seed, stop
        lengths = [n.length for n in sources]
        if not stop:
            self.length = math.inf if math.inf in lengths else None if None in lengths else sum(n or 0 for n in lengths)

    @property
    def seeds(self) -> list[int]:
        return [self._seed]

    @seeds.setter
    def seeds(self, values: list[int]) -> None:
        (self._seed,) = values

    def stream(self, at: Pass, start: int) -> Elements:
        yield from drop(self._stream(at), start)

    def _stream(self, at: Pass) -> Elements:
        numbers = np.random.Generator(np.random.Philox(key_of(self._seed, *at.epoch)))
        weights = np.array(self.weights, "float64")
        with ExitStack() as stack:
            readers = [stack.enter_context(closing(n.read(at.within(i)))) for i, n in enumerate(self.inputs)]
            while weights.sum() > 0:
                edges = np.cumsum(weights / weights.sum())
                i = min(int(np.searchsorted(edges, numbers.random(), "right")), int(np.flatnonzero(weights)[-1]))
                x = next(readers[i], readers)
                if x is not readers:
                    yield x
                elif self.stop:
                    return
                else:
                    weights[i] = 0


class Windows(Node):
    """Data sets of ``size`` elements that stand ``stride`` apart, each beginning ``shift`` behind the last one.

    Args:
        source: whose elements.
        size: elements of a window.
        shift: between the beginnings of windows.
        stride: between elements of a window.
        whole: whether smaller ones at the end are left out.
        wrap: makes a data set of a node.
    """

    def __init__(
        self, source: Node, size: int, shift: int, stride: int, whole: bool, wrap: Callable[[Node], Any]
    ) -> None:
        super().__init__(source)
        self.size, self.shift, self.stride, self.whole, self.wrap = size, shift, stride, whole, wrap
        reach = (size - 1) * stride
        self.length = divided(shortened(source.length, reach) if whole else source.length, shift, True)

    def stream(self, at: Pass, start: int) -> Elements:
        reach = (self.size - 1) * self.stride + 1
        held: deque[Any] = deque()
        away = 0  # elements to come that no window has
        with closing(self.inputs[0].read(at, start * self.shift)) as items:
            for x in items:
                if away:
                    away -= 1
                    continue
                held.append(x)
                if len(held) == reach:
                    yield self._window(list(held)[:: self.stride])
                    away = max(0, self.shift - reach)
                    for _ in range(min(self.shift, reach)):
                        held.popleft()
        while held and not self.whole:
            yield self._window(list(held)[:: self.stride])
            for _ in range(min(self.shift, len(held))):
                held.popleft()

    def _window(self, elements: list[Any]) -> Any:
        parts = zip(*(flatten(e) for e in elements))
        return pack_like(elements[0], [self.wrap(Items(list(p))) for p in parts])
