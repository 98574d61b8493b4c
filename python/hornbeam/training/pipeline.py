"""Batches by index, and reading them ahead of the step that takes them."""

from __future__ import annotations

import itertools
import queue
import threading
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from hornbeam.core.validation import integer, positive_int


class PyDataset:
    """Batches by index: override ``__len__`` and ``__getitem__``.

    Args:
        workers: how many threads make batches; they come in order.
        use_multiprocessing: as Keras', but batches are made by threads of this process, with a warning.
        max_queue_size: how many batches at most are made before a step takes them.

    ``fit`` takes the batches in a new order each epoch, unless ``shuffle=False``. A data set whose ``num_batches`` is None
    is endless: it is read in order, and ``fit`` needs ``steps_per_epoch``.
    """

    workers, use_multiprocessing, max_queue_size = 1, False, 10  # for those that do not call super().__init__()

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.max_queue_size = (
            integer("workers", workers, 0),
            positive_int("max_queue_size", max_queue_size),
        )
        self.use_multiprocessing = bool(use_multiprocessing)
        if use_multiprocessing:
            warnings.warn("use_multiprocessing=True: batches are made by threads of this process", stacklevel=2)

    def __len__(self) -> int:
        raise NotImplementedError("PyDataset needs __len__")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError("PyDataset needs __getitem__")

    def __iter__(self) -> Iterator[Any]:
        n = self.num_batches
        return (self[i] for i in (itertools.count() if n is None else range(n)))

    @property
    def num_batches(self) -> int | None:
        """Batches in an epoch, None without end."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


Sequence = PyDataset


def read_ahead(source: Iterator[Any], size: int = 4) -> Iterator[Any]:
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
    pool = ThreadPoolExecutor(dataset.workers, thread_name_prefix="hornbeam-prefetch")
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
        pool.shutdown(wait=False, cancel_futures=True)
