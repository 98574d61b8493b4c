"""Data sets of the user's own: batches by index."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

from hornbeam.core.validation import integer, positive_int

__all__ = ["PyDataset", "Sequence"]


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
