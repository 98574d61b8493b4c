"""Threads that make batches ahead of the step that takes them."""

from __future__ import annotations

import itertools
import queue
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from hornbeam.data.dataset import PyDataset
from hornbeam.data.pipeline.threads import Workers

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["read_ahead", "read_dataset"]


def read_ahead(source: Iterator[Any], size: int = 4) -> Generator[Any, None, None]:
    """Reads at most ``size`` items ahead on one thread; an exception comes out where the item would have. Without a thread
    to be had, it reads when it is asked."""
    items: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    slots, stop = threading.Semaphore(size), threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                if slots.acquire(timeout=0.1):
                    items.put(("item", next(source)))
        except StopIteration:
            items.put(("end", None))
        except BaseException as e:  # noqa: BLE001 - handed to the reader
            items.put(("error", e))
        finally:
            if hasattr(source, "close"):
                source.close()

    thread = threading.Thread(target=work, daemon=True, name="hornbeam-prefetch")
    try:
        thread.start()
    except RuntimeError:
        yield from source
        return
    try:
        while True:
            what, item = items.get()
            if what == "end":
                return
            if what == "error":
                raise item
            slots.release()
            yield item
    finally:
        stop.set()
        thread.join(timeout=0.5)  # a source that is blocked is left alone


def read_dataset(dataset: PyDataset, indices: Iterable[int]) -> Iterator[Any]:
    """The batches at these indices, in order, made ahead by the data set's workers."""
    if dataset.workers <= 1:
        yield from read_ahead((dataset[i] for i in indices), dataset.max_queue_size)
        return
    pool = Workers(dataset.workers)  # an executor's threads would be waited for when the program ends
    waiting: deque[Future[Any]] = deque()
    rest = iter(indices)
    try:
        while True:
            for i in itertools.islice(rest, dataset.max_queue_size - len(waiting)):
                waiting.append(pool.submit(dataset.__getitem__, i))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        waiting.clear()
        pool.close()
