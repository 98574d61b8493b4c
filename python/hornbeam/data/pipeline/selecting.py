"""Which elements, and in which order: take, skip, shard, repeat, shuffle, zip, concatenate, enumerate."""

from __future__ import annotations

import math
import threading
from contextlib import closing
from itertools import count, islice
from typing import Any

import numpy as np

from hornbeam.core.tree import pack_like
from hornbeam.data.pipeline.node import Length, Node, Pass, drop, key_of, shortened
from hornbeam.data.pipeline.spec import TensorSpec
from hornbeam.data.pipeline.threads import Elements

__all__ = ["Concatenated", "Enumerated", "Every", "Repeated", "Shuffled", "Skipped", "Taken", "Zipped"]


def shifted(numbers: Any, by: int) -> Any:
    """The numbers, each plus ``by``."""
    if isinstance(numbers, range):
        return range(numbers.start + by, numbers.stop + by, numbers.step)
    return numbers + by


class Taken(Node):
    """The first ``n`` elements."""

    def __init__(self, source: Node, n: int) -> None:
        super().__init__(source, indexed=source.indexed)
        self.n = n
        self.length = None if source.length is None and n else min(source.length or 0, n)

    def spec(self) -> Any:
        return self.inputs[0].spec()

    def item(self, number: int, at: Pass) -> Any:
        return self.inputs[0].item(number, at)

    def rows(self, numbers: Any, at: Pass) -> Any:
        return self.inputs[0].rows(numbers, at)

    def stream(self, at: Pass, start: int) -> Elements:
        if start < self.n:
            with closing(self.inputs[0].read(at, start)) as items:
                yield from islice(items, self.n - start)


class Skipped(Node):
    """The elements behind the first ``n``."""

    def __init__(self, source: Node, n: int) -> None:
        super().__init__(source, indexed=source.indexed)
        self.n, self.length = n, shortened(source.length, n)

    def spec(self) -> Any:
        return self.inputs[0].spec()

    def item(self, number: int, at: Pass) -> Any:
        return self.inputs[0].item(number + self.n, at)

    def rows(self, numbers: Any, at: Pass) -> Any:
        return self.inputs[0].rows(shifted(numbers, self.n), at)

    def stream(self, at: Pass, start: int) -> Elements:
        yield from self.inputs[0].read(at, start + self.n)


class Every(Node):
    """One element of each ``step``, from number ``first`` on."""

    def __init__(self, source: Node, step: int, first: int) -> None:
        super().__init__(source, indexed=source.indexed)
        self.step, self.first = step, first
        rest = shortened(source.length, first)
        self.length = rest if rest is None or rest == math.inf else -(-int(rest) // step)

    def spec(self) -> Any:
        return self.inputs[0].spec()

    def item(self, number: int, at: Pass) -> Any:
        return self.inputs[0].item(self.first + number * self.step, at)

    def rows(self, numbers: Any, at: Pass) -> Any:
        if isinstance(numbers, range):
            first, last = (self.first + n * self.step for n in (numbers.start, numbers.stop))
            return self.inputs[0].rows(range(first, last, numbers.step * self.step), at)
        return self.inputs[0].rows(self.first + numbers * self.step, at)

    def stream(self, at: Pass, start: int) -> Elements:
        with closing(self.inputs[0].read(at, self.first + start * self.step)) as items:
            yield from islice(items, 0, None, self.step)


class Repeated(Node):
    """All elements ``times`` times, or without end where that is None. Each repetition is a pass of its own."""

    def __init__(self, source: Node, times: int | None) -> None:
        n = source.length
        super().__init__(source, indexed=source.indexed and n != math.inf)
        self.times: Length = math.inf if times is None else times
        self.length = 0 if n == 0 or times == 0 else None if n is None else n * self.times

    def spec(self) -> Any:
        return self.inputs[0].spec()

    def item(self, number: int, at: Pass) -> Any:
        turn, i = divmod(number, int(self.inputs[0].length or 1))
        return self.inputs[0].item(i, at.within(turn))

    def rows(self, numbers: Any, at: Pass) -> Any:
        n = int(self.inputs[0].length or 1)
        if len(numbers) and numbers[0] // n == numbers[-1] // n and isinstance(numbers, range):
            turn = numbers[0] // n
            return self.inputs[0].rows(shifted(numbers, -turn * n), at.within(turn))
        return super().rows(numbers, at)

    def stream(self, at: Pass, start: int) -> Elements:
        n = self.inputs[0].length
        turn, rest = divmod(start, int(n)) if n and n != math.inf else (0, start)
        while turn < (self.times or 0):
            gave = False
            with closing(self.inputs[0].read(at.within(turn))) as items:
                for x in items:
                    gave = True
                    if rest:
                        rest -= 1
                    else:
                        yield x
            if not gave:
                return
            turn += 1


class Shuffled(Node):
    """The elements in another order in each pass.

    Of an indexed source it is a permutation of all. A stream's elements come out of a buffer: each time one of it, which
    the next element replaces.

    Args:
        source: whose elements.
        buffer: elements in the buffer; None for all.
        seed: an int.
        anew: whether each pass has its own order.
    """

    def __init__(self, source: Node, buffer: int | None, seed: int, anew: bool) -> None:
        super().__init__(source, indexed=source.indexed and source.length != math.inf)
        self.buffer, self.seed, self.anew = buffer, seed, anew
        self.length = source.length
        self._lock = threading.Lock()
        self._orders: dict[tuple[int, ...], Any] = {}

    @property
    def seeds(self) -> list[int]:
        return [self.seed]

    @seeds.setter
    def seeds(self, values: list[int]) -> None:
        (self.seed,) = values
        self._orders = {}

    def _numbers(self, at: Pass) -> Any:
        return np.random.Generator(np.random.Philox(key_of(self.seed, *(at.epoch if self.anew else ()))))

    def order(self, at: Pass) -> Any:
        """The numbers of the source's elements in this pass' order: kept for the last two passes."""
        epoch = at.epoch if self.anew else ()
        with self._lock:
            if epoch not in self._orders:
                while len(self._orders) > 1:
                    self._orders.pop(next(iter(self._orders)))
                self._orders[epoch] = self._numbers(at).permutation(int(self.length or 0))
            return self._orders[epoch]

    def spec(self) -> Any:
        return self.inputs[0].spec()

    def item(self, number: int, at: Pass) -> Any:
        return self.inputs[0].item(int(self.order(at)[number]), at)

    def rows(self, numbers: Any, at: Pass) -> Any:
        if isinstance(numbers, range):
            numbers = slice(numbers.start, numbers.stop, numbers.step)
        return self.inputs[0].rows(self.order(at)[numbers], at)

    def stream(self, at: Pass, start: int) -> Elements:
        yield from drop(self._stream(at), start)

    def _stream(self, at: Pass) -> Elements:
        numbers = self._numbers(at)
        size = math.inf if self.buffer is None else self.buffer
        held: list[Any] = []
        with closing(self.inputs[0].read(at)) as items:
            for x in items:
                if len(held) < size:
                    held.append(x)
                    continue
                i = int(numbers.integers(len(held)))
                held[i], x = x, held[i]
                yield x
        while held:
            i = int(numbers.integers(len(held)))
            held[i], held[-1] = held[-1], held[i]
            yield held.pop()


class Zipped(Node):
    """Elements made of those of several data sets, as long as each has one.

    Args:
        structure: of the elements, with anything for leaves.
        sources: in the structure's order.
    """

    def __init__(self, structure: Any, sources: list[Node]) -> None:
        super().__init__(*sources, indexed=all(n.indexed for n in sources))
        self.structure = structure
        lengths = [n.length for n in sources]
        self.length = 0 if 0 in lengths else None if None in lengths else min(n for n in lengths if n is not None)

    def spec(self) -> Any:
        return pack_like(self.structure, [n.spec() for n in self.inputs])

    def item(self, number: int, at: Pass) -> Any:
        return pack_like(self.structure, [n.item(number, at) for n in self.inputs])

    def rows(self, numbers: Any, at: Pass) -> Any:
        return pack_like(self.structure, [n.rows(numbers, at) for n in self.inputs])

    def stream(self, at: Pass, start: int) -> Elements:
        readers = [n.read(at, start) for n in self.inputs]
        try:
            for parts in zip(*readers):
                yield pack_like(self.structure, list(parts))
        finally:
            for r in readers:
                r.close()


class Concatenated(Node):
    """The elements of one data set behind those of another; each is read in a pass of its own."""

    def __init__(self, first: Node, second: Node) -> None:
        a, b = first.length, second.length
        super().__init__(first, second, indexed=first.indexed and second.indexed and a != math.inf)
        self.length = math.inf if math.inf in (a, b) else None if a is None or b is None else a + b

    def spec(self) -> Any:
        return self.inputs[0].spec()

    def item(self, number: int, at: Pass) -> Any:
        n = int(self.inputs[0].length or 0)
        second = number >= n
        return self.inputs[second].item(number - n if second else number, at.within(int(second)))

    def rows(self, numbers: Any, at: Pass) -> Any:
        n = int(self.inputs[0].length or 0)
        behind = np.asarray(numbers) >= n
        if behind.any() and not behind.all():
            return super().rows(numbers, at)
        second = bool(len(behind) and behind[0])
        return self.inputs[second].rows(shifted(numbers, -n) if second else numbers, at.within(int(second)))

    def stream(self, at: Pass, start: int) -> Elements:
        n = self.inputs[0].length
        first = start if n is None else min(start, n)
        seen = 0
        if first != n:
            with closing(self.inputs[0].read(at.within(0), 0 if n is None else int(first))) as items:
                for x in items:
                    seen += 1
                    if n is not None or seen > start:
                        yield x
        rest = max(0, start - seen) if n is None else start - int(first)
        yield from self.inputs[1].read(at.within(1), rest)


class Enumerated(Node):
    """Pairs of a number and an element."""

    def __init__(self, source: Node, start: int) -> None:
        super().__init__(source, indexed=source.indexed)
        self.start, self.length = start, source.length

    def spec(self) -> Any:
        return TensorSpec((), "int64"), self.inputs[0].spec()

    def item(self, number: int, at: Pass) -> Any:
        return np.int64(self.start + number), self.inputs[0].item(number, at)

    def rows(self, numbers: Any, at: Pass) -> Any:
        return np.asarray(numbers, "int64") + self.start, self.inputs[0].rows(numbers, at)

    def stream(self, at: Pass, start: int) -> Elements:
        with closing(self.inputs[0].read(at, start)) as items:
            for i, x in zip(count(self.start + start), items):
                yield np.int64(i), x
