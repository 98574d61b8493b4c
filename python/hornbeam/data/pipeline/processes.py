"""Processes that call a function of elements."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from hornbeam.data.pipeline.elements import as_element
from hornbeam.data.pipeline.node import Pass
from hornbeam.data.pipeline.tracing import ElementDraws, call

__all__ = ["Processes"]

_function: Callable[..., Any]  # in a process of its own: what it calls


def _begin(pickled: bytes) -> None:
    global _function
    _function = pickle.loads(pickled)  # what this program itself wrote


def _run(element: Any, number: int, epoch: tuple[int, ...]) -> Any:
    with ElementDraws(number, Pass(epoch)):
        return as_element(call(_function, element))


class Processes:
    """Spawned processes that call one function.

    Args:
        function: can be pickled.
        count: how many there are.
    """

    def __init__(self, function: Callable[..., Any], count: int) -> None:
        try:
            pickled = pickle.dumps(function)
        except Exception as e:
            raise TypeError(
                f"with `processes`, the function must be one that pickle takes: defined at a module's top. Received: {function!r}"
            ) from e
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(count, mp_context=spawn, initializer=_begin, initargs=(pickled,))

    def run(self, element: Any, number: int, epoch: tuple[int, ...]) -> Any:
        """The function of an element, once a process has called it."""
        try:
            return self._pool.submit(_run, element, number, epoch).result()
        except BrokenProcessPool as e:
            raise RuntimeError(
                "a process that maps elements died. A script that uses `processes` begins below `if __name__ == "
                '"__main__":`, for each process imports it'
            ) from e

    def close(self) -> None:
        """Ends the processes."""
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for p in processes:
            p.terminate()
