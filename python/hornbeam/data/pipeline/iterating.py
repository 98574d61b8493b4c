"""Passes over data sets, and where they stand."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from types import GeneratorType
from typing import Any

from hornbeam.data.pipeline.elements import to_tensors
from hornbeam.data.pipeline.node import Node, Pass
from hornbeam.data.pipeline.threads import Elements

__all__ = ["DatasetIterator", "Position"]


class Position:
    """Where a pass stands.

    Args:
        epoch: the number of the pass.
        element: how many elements it gave.
    """

    def __init__(self, epoch: int = 0, element: int = 0) -> None:
        self.epoch, self.element = epoch, element


class DatasetIterator:
    """The elements of one pass over a data set. It is closed when it ends, or nobody holds it any more. Threads may share it:
    each element goes to one of them.

    Args:
        node: what gives them.
        position: where it begins, kept up to date.
        tensors: whether elements come as tensors, and not as arrays.
    """

    def __init__(self, node: Node, position: Position, tensors: bool) -> None:
        self._position, self._tensors, self._length = position, tensors, node.length
        self._elements: Iterator[Any] = _elements(node, position.epoch, position.element)
        self._lock, self._process = threading.Lock(), os.getpid()

    def __iter__(self) -> DatasetIterator:
        return self

    def __next__(self) -> Any:
        if os.getpid() != self._process:
            raise RuntimeError(
                "this pass was begun before a fork, which its threads did not survive: begin another one"
            )
        with self._lock:
            try:
                element = next(self._elements)
            except StopIteration:
                self._end()
                raise
            except BaseException:
                self._position = Position()  # it stays where it is: there is no more to come
                raise
            self._position.element += 1
            if self._position.element == self._length:
                self._end()
        return to_tensors(element) if self._tensors else element

    def _end(self) -> None:
        """The position is the beginning of the next pass from now on."""
        self._position.epoch, self._position.element = self._position.epoch + 1, 0
        self._position = Position()  # which nobody asks for

    def close(self) -> None:
        """Ends the pass, and the threads that work for it; where another thread is about to get an element, behind that."""
        elements, self._elements, self._position = self._elements, iter(()), Position()
        if isinstance(elements, GeneratorType) and not elements.gi_running:
            elements.close()


def _elements(node: Node, epoch: int, start: int) -> Elements:
    at = Pass((epoch,))
    with closing(at), closing(node.read(at, start)) as items:
        yield from items
