"""Threads that make elements ahead of those that are asked for, in order."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Elements", "Workers", "in_order"]

Elements = Generator[Any, None, None]

PATIENCE = 0.5  # seconds that closing waits for what a thread is about; then it is left to end by itself


class Workers:
    """Threads that do what is handed to them.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        self._tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        for i in range(count):
            thread = threading.Thread(target=_work, args=(self._tasks,), daemon=True, name=f"hornbeam-data-{i}")
            try:
                thread.start()
            except RuntimeError:  # there are no more threads to be had
                break
            self._threads.append(thread)

    def submit(self, call: Callable[..., Any], *args: Any) -> Future[Any]:
        """Has a thread make the call; without a thread to be had, it is made at once."""
        from concurrent.futures import Future

        future: Future[Any] = Future()
        task = (future, call, args)
        if self._threads:
            self._tasks.put(task)
        else:
            _do(task)
        return future

    def close(self) -> None:
        """Drops what was not begun and ends the threads."""
        try:
            while True:
                self._tasks.get_nowait()
        except queue.Empty:
            pass
        for _ in self._threads:
            self._tasks.put(None)
        until = time.monotonic() + PATIENCE
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))


def _work(tasks: queue.SimpleQueue[Any]) -> None:
    """What a thread does. It knows nothing of who gave it the tasks, so that they end when nobody else does."""
    while True:
        task = tasks.get()
        if task is None:
            return
        _do(task)
        del task


def _do(task: tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]) -> None:
    future, call, args = task
    try:
        future.set_result(call(*args))
    except BaseException as e:  # noqa: BLE001 - comes out where the result would have
        future.set_exception(e)


def in_order(call: Callable[..., Any], firsts: Iterable[Any], arg: Any, workers: int, ahead: int) -> Elements:
    """``call(first, arg)`` for each of ``firsts``, made by threads and given in order.

    Args:
        call: what the threads call.
        firsts: read by the thread that asks for results.
        arg: the second argument.
        workers: how many threads.
        ahead: results that may wait beyond those that the threads are about.
    """
    pool = Workers(workers)
    waiting: deque[Future[Any]] = deque()
    rest = iter(firsts)
    most = workers + ahead
    try:
        more = True
        while more or waiting:
            while more and len(waiting) < most:
                first = next(rest, waiting)  # `waiting` stands for the end
                if first is waiting:
                    more = False
                else:
                    waiting.append(pool.submit(call, first, arg))
            if waiting:
                yield waiting.popleft().result()
    finally:
        waiting.clear()
        pool.close()
        if hasattr(rest, "close"):
            rest.close()
