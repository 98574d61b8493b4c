"""How long each node of a data set takes to make its elements, one after another on one thread."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any

from hornbeam.data.pipeline.mapping import Filtered, Mapped
from hornbeam.data.pipeline.node import Node, Pass
from hornbeam.data.pipeline.threads import Elements

__all__ = ["first_element"]


class _Stopwatch:
    """Gives each moment to the node that is at work in it."""

    def __init__(self) -> None:
        self.seconds: dict[int, float] = {}  # by id(node)
        self._at_work: list[int] = []  # the node at work last, behind those that wait for it
        self._since = 0.0

    def _charge(self) -> None:
        now = time.perf_counter()
        if self._at_work:
            node = self._at_work[-1]
            self.seconds[node] = self.seconds.get(node, 0.0) + now - self._since
        self._since = now

    @contextmanager
    def working(self, node: Node) -> Iterator[None]:
        """Inside, ``node`` is at work."""
        self._charge()
        self._at_work.append(id(node))
        try:
            yield
        finally:
            self._charge()
            self._at_work.pop()

    def call(self, node: Node, method: Callable[..., Any]) -> Callable[..., Any]:
        """A method of a node, timed."""

        @functools.wraps(method)
        def timed(*args: Any) -> Any:
            with self.working(node):
                return method(*args)

        return timed

    def stream(self, node: Node, method: Callable[..., Elements]) -> Callable[..., Elements]:
        """The method of a node that gives a stream, timed."""

        @functools.wraps(method)
        def timed(*args: Any) -> Elements:
            items = method(*args)
            try:
                while True:
                    with self.working(node):
                        item = next(items, items)  # `items` stands for the end
                    if item is items:
                        return
                    yield item
            finally:
                items.close()

        return timed


def first_element(node: Node, count: int) -> tuple[Any, list[tuple[str, float]]]:
    """The first element of a pass, and how long those behind it take, nothing of them ahead or in parallel.

    Args:
        node: whose elements.
        count: how many at most are timed, the first one only where there is no other.

    Returns:
        The element, None where there is none, and for each node that took part, those that read others behind them, its name and its seconds an
        element.
    """
    watch, nodes = _Stopwatch(), list({id(n): n for n in node.all_nodes()}.values())
    kept = [dict(vars(n)) for n in nodes]
    at = Pass((0,))
    try:
        for n in nodes:
            vars(n).update(
                item=watch.call(n, n.item),
                rows=watch.call(n, n.rows),
                stream=watch.stream(n, n.stream),
                workers=0,
                ahead=0,
            )
            if isinstance(n, Mapped):
                n.parallel = 0
        found, timed, before_others = None, 0, {}
        with closing(node.read(at)) as items:
            for element in islice(items, count + 1):  # which are let go of, as steps do
                if found is None:
                    found = element
                    before_others = dict(watch.seconds)  # among it programs that were compiled, files that were opened
                else:
                    timed += 1
    finally:
        at.close()
        for n, before in zip(nodes, kept):
            vars(n).clear()
            vars(n).update(before)
    first = before_others if timed else {}
    return found, [
        (_name(n), (watch.seconds[id(n)] - first.get(id(n), 0.0)) / max(timed, 1))
        for n in nodes
        if id(n) in watch.seconds
    ]


def _name(node: Node) -> str:
    """What users call it."""
    return node.function.what if isinstance(node, (Mapped, Filtered)) else type(node).__name__.lower()
