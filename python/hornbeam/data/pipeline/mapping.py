"""Functions applied to elements."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import count
from typing import Any

from hornbeam.data.pipeline.elements import as_element, writable
from hornbeam.data.pipeline.node import Node, Pass
from hornbeam.data.pipeline.threads import Elements, in_order

__all__ = ["Mapped", "call"]


def call(function: Callable[..., Any], element: Any) -> Any:
    """The function of an element: a tuple's items are arguments of their own."""
    return function(*element) if isinstance(element, tuple) else function(element)


def note(error: Exception, where: str) -> None:
    """Has the error say in a further line where it happened."""
    if sys.version_info >= (3, 11):
        error.add_note(where)
    elif error.args and isinstance(error.args[0], str):
        error.args = (f"{error.args[0]}\n{where}", *error.args[1:])


class Mapped(Node):
    """What a function makes of each element.

    Args:
        source: whose elements.
        function: called with an element, by position with the items of one that is a tuple.
        workers: threads that call it; 0 for that which asks for elements.
    """

    def __init__(self, source: Node, function: Callable[..., Any], workers: int) -> None:
        super().__init__(source, indexed=source.indexed, workers=workers)
        self.function, self.length, self.parallel = function, source.length, workers
        self.name = getattr(function, "__name__", type(function).__name__)

    def apply(self, element: Any, number: int, at: Pass) -> Any:
        """The function of element ``number``."""
        try:
            return as_element(call(self.function, writable(element)))
        except Exception as e:
            note(e, f"in `map({self.name})`, of element {number}")
            raise

    def item(self, number: int, at: Pass) -> Any:
        return self.apply(self.inputs[0].item(number, at), number, at)

    def stream(self, at: Pass, start: int) -> Elements:
        with closing(self.inputs[0].read(at, start)) as items:
            if not self.parallel:
                for number, x in zip(count(start), items):
                    yield self.apply(x, number, at)
                return
            apply = partial(_apply_numbered, self)
            with closing(in_order(apply, zip(count(start), items), at, self.parallel, 0)) as made:
                yield from made


def _apply_numbered(node: Mapped, numbered: tuple[int, Any], at: Pass) -> Any:
    return node.apply(numbered[1], numbered[0], at)
