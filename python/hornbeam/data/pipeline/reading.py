"""Elements read ahead of whoever takes them."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from hornbeam.data.pipeline.node import Node, Pass
from hornbeam.data.pipeline.threads import Elements
from hornbeam.data.workers import read_ahead

__all__ = ["Prefetched"]


class Prefetched(Node):
    """The same elements, as many as ``size`` of them made before they are asked for."""

    def __init__(self, source: Node, size: int) -> None:
        super().__init__(source, indexed=source.indexed)
        self.ahead, self.length = size, source.length

    def spec(self) -> Any:
        return self.inputs[0].spec()

    def item(self, number: int, at: Pass) -> Any:
        return self.inputs[0].item(number, at)

    def rows(self, numbers: Any, at: Pass) -> Any:
        return self.inputs[0].rows(numbers, at)

    def stream(self, at: Pass, start: int) -> Elements:
        source = self.inputs[0].read(at, start)
        if not self.ahead:
            yield from source
            return
        with closing(read_ahead(source, self.ahead)) as items:
            yield from items
