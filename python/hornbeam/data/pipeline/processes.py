"""Processes that call a function of elements."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import threading
import traceback
from collections.abc import Callable
from typing import Any

from hornbeam.data.pipeline.elements import as_element
from hornbeam.data.pipeline.node import Pass
from hornbeam.data.pipeline.tracing import ElementDraws, call

__all__ = ["Processes"]


class _Elsewhere(Exception):
    """Where an exception was raised, in the process that raised it."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _serve(connection: Any, pickled: bytes) -> None:
    """What a process does: it answers until nobody can ask any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that began this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    function = pickle.loads(pickled)  # what the program itself wrote
    while True:
        try:
            element, number, epoch = connection.recv()
        except EOFError:
            return
        try:
            with ElementDraws(number, Pass(epoch)):
                answer: Any = as_element(call(function, element)), None, ""
        except Exception as e:
            answer = None, e, traceback.format_exc()
        try:
            connection.send(answer)
        except OSError:  # nobody waits for it
            return
        except Exception as e:  # it cannot be pickled
            connection.send((None, TypeError(f"{e} (in a process, {answer[1] or answer[0]!r:.200})"), answer[2]))


def _end_with_parent() -> None:
    """Ends this process when that which began it has, in the middle of a task, too."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


class _Worker:
    """A process, and the pipe to it. It ends when that is closed."""

    def __init__(self, pickled: bytes) -> None:
        import multiprocessing

        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=_serve, args=(theirs, pickled), daemon=True)  # ended when this one exits
        self.process.start()
        theirs.close()

    def ask(self, task: Any) -> Any:
        """What the process makes of a task."""
        self._pipe.send(task)
        return self._pipe.recv()


class Processes:
    """Spawned processes that call one function; each is begun when it is first needed.

    Args:
        function: can be pickled.
        count: how many there are.
    """

    def __init__(self, function: Callable[..., Any], count: int) -> None:
        try:
            self._pickled = pickle.dumps(function)
        except Exception as e:
            raise TypeError(
                f"with `processes`, the function must be one that pickle takes: defined at a module's top. Received: {function!r}"
            ) from e
        self._idle: queue.SimpleQueue[_Worker | None] = queue.SimpleQueue()  # None for one that is yet to begin
        self._workers: list[_Worker] = []
        self._lock, self._closed = threading.Lock(), False
        for _ in range(count):
            self._idle.put(None)

    def run(self, element: Any, number: int, epoch: tuple[int, ...]) -> Any:
        """The function of an element, once a process has called it."""
        worker = self._idle.get()
        whole = False  # whether the process has answered, and awaits another task
        try:
            worker = worker or self._begin()
            made, error, where = worker.ask((element, number, epoch))
            whole = True
        except (EOFError, ConnectionError) as e:
            raise RuntimeError(
                "a process that maps elements died. A script that uses `processes` begins below `if __name__ == "
                '"__main__":`, for each process imports it'
            ) from e
        finally:
            if worker is not None and not whole:
                worker.process.terminate()
            self._idle.put(worker if whole else None)
        if error is not None:
            raise error from _Elsewhere(where)
        return made

    def _begin(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise RuntimeError("the pass has ended")
            self._workers.append(_Worker(self._pickled))
            return self._workers[-1]

    def close(self) -> None:
        """Ends the processes."""
        with self._lock:
            self._closed = True
            for worker in self._workers:
                worker.process.terminate()
            for worker in self._workers:
                worker.process.join(1)
