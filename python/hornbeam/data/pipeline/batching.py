"""Elements put together, and taken apart again."""

from __future__ import annotations

import math
from contextlib import closing
from itertools import islice
from typing import Any

import numpy as np

from hornbeam.core.tree import map_structure
from hornbeam.data.pipeline.elements import rows_in, rows_of, stack, unstack
from hornbeam.data.pipeline.node import Node, Pass, divided, drop
from hornbeam.data.pipeline.spec import TensorSpec, with_rows
from hornbeam.data.pipeline.threads import Elements

__all__ = ["Batched", "Rebatched", "Unbatched"]


class Batched(Node):
    """``size`` elements at a time, stacked.

    Args:
        source: whose elements.
        size: how many; the last batch may have fewer.
        whole: whether a smaller last one is dropped.
        workers: threads that make batches, where they are indexed.
    """

    def __init__(self, source: Node, size: int, whole: bool, workers: int = 0) -> None:
        super().__init__(source, indexed=source.indexed, workers=workers)
        self.size, self.whole = size, whole
        self.length = divided(source.length, size, not whole)

    def spec(self) -> Any:
        return with_rows(self.inputs[0].spec(), self.size if self.whole else None)

    def item(self, number: int, at: Pass) -> Any:
        first, n = number * self.size, self.inputs[0].length
        last = first + self.size if n is None or n == math.inf else min(first + self.size, int(n))
        return self.inputs[0].rows(range(first, last), at)

    def stream(self, at: Pass, start: int) -> Elements:
        with closing(self.inputs[0].read(at, start * self.size)) as items:
            while group := list(islice(items, self.size)):
                if len(group) == self.size or not self.whole:
                    yield stack(group)


class Unbatched(Node):
    """The elements of batches."""

    def __init__(self, source: Node) -> None:
        super().__init__(source)
        if isinstance(source, Batched) and not source.whole:
            self.length = source.inputs[0].length

    def spec(self) -> Any:
        return map_structure(lambda s: TensorSpec(s.shape and s.shape[1:], s.dtype), self.inputs[0].spec())

    def stream(self, at: Pass, start: int) -> Elements:
        with closing(self.inputs[0].read(at)) as batches:
            for batch in batches:
                n = rows_in(batch)
                for i in range(min(start, n), n):
                    yield unstack(batch, i)
                start = max(0, start - n)


class Rebatched(Node):
    """The elements of batches in batches of another size."""

    def __init__(self, source: Node, size: int, whole: bool) -> None:
        super().__init__(source)
        self.size, self.whole = size, whole
        rows = Unbatched(source).length
        self.length = divided(rows, size, not whole)

    def spec(self) -> Any:
        return with_rows(Unbatched(self.inputs[0]).spec(), self.size if self.whole else None)

    def stream(self, at: Pass, start: int) -> Elements:
        yield from drop(self._stream(at), start)

    def _stream(self, at: Pass) -> Elements:
        held: list[Any] = []  # parts of batches that are together smaller than one
        n = 0
        with closing(self.inputs[0].read(at)) as batches:
            for batch in batches:
                done, rows = 0, rows_in(batch)
                while rows - done >= self.size - n:
                    held.append(rows_of(batch, range(done, done + self.size - n)))
                    done += self.size - n
                    yield _joined(held)
                    held, n = [], 0
                if done < rows:
                    held.append(rows_of(batch, range(done, rows)))
                    n += rows - done
        if n and not self.whole:
            yield _joined(held)


def _joined(batches: list[Any]) -> Any:
    """Batches as one."""
    if len(batches) == 1:
        return batches[0]
    return map_structure(lambda *a: None if a[0] is None else np.concatenate(a), *batches)
