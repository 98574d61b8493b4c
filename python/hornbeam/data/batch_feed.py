"""Batches that a generator or a data set gives."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from typing import Any

from hornbeam.core.tree import flatten
from hornbeam.data.arrays import cardinality, to_arrays
from hornbeam.data.batches import class_weights, unpack_x_y_sample_weight
from hornbeam.data.dataset import PyDataset
from hornbeam.data.feed import BatchStep, Feed
from hornbeam.data.foreign import length_of, refuse_samples
from hornbeam.data.pipeline.dataset import Dataset
from hornbeam.data.workers import read_ahead, read_dataset

__all__ = ["BatchFeed"]

AHEAD = 2  # batches of a data set that wait for a step, where it does not prefetch itself


class BatchFeed(Feed):
    """Batches that a generator, a data set or anything else that can be iterated over gives, read ahead.

    A generator's first two batches are kept, as Keras keeps them: where it has ended, or a pass begins again, they come
    once more.

    Args:
        step: as for ``Feed``.
        limit: likewise.
        source: gives ``x``, ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)``.
        class_weight: a weight for each class, or None.
        shuffle: whether a ``PyDataset``'s batches come in a new order each pass.
        epochs: how many epochs will be read, so that no more is read of a generator.
    """

    def __init__(
        self,
        step: BatchStep,
        limit: int | None,
        source: Any,
        class_weight: Any = None,
        shuffle: bool = False,
        epochs: int = 1,
    ) -> None:
        super().__init__(step, limit)
        self.source, self.class_weight, self.shuffle = source, class_weight, shuffle
        self._most = None if limit is None else -(-limit // self.each) * self.each * epochs
        self._stream: Iterator[Any] = iter(())
        self._kept: list[Any] = []
        self._gave = False  # whether any batch came
        self.num_batches: int | None = None
        if isinstance(source, PyDataset):
            self.num_batches = source.num_batches
        elif isinstance(source, Dataset):
            self.num_batches = source._left()
        elif hasattr(source, "__iter__") or hasattr(source, "__next__"):
            refuse_samples(source)
            self.num_batches = length_of(source)
        else:
            refuse_samples(source)
            raise TypeError(
                "`x` must be arrays, a generator, an iterable of batches or a PyDataset. Received: "
                f"{type(source).__name__}"
            )

        if self.num_batches == 0 and isinstance(source, (Dataset, PyDataset)):
            raise ValueError("the data source gave no batches: its length is 0")

    def close(self) -> None:
        """Ends the thread that reads ahead."""
        if hasattr(self._stream, "close"):
            self._stream.close()

    def _begin_pass(self) -> None:
        self.close()
        if isinstance(self.source, PyDataset):
            n = self.num_batches = self.source.num_batches
            order: Any = itertools.count() if n is None else list(range(n))
            if self.shuffle and n is not None:
                random.shuffle(order)
            self._order = iter(order)
        elif isinstance(self.source, Dataset):
            self.num_batches = self.source._left()
            self._stream = self.source._pass(tensors=False, ahead=AHEAD)
        else:
            items = self._read_once() if hasattr(self.source, "__next__") else iter(self.source)
            self._stream = read_ahead(itertools.islice(items, self._most))

    def _read_once(self) -> Iterator[Any]:
        """The batches that are kept, then those that the source has left."""
        yield from list(self._kept)
        for batch in self.source:
            if len(self._kept) < 2:
                self._kept.append(batch)
            yield batch

    def _begin_epoch(self) -> None:
        if isinstance(self.source, PyDataset):  # which may change between epochs: nothing is read beyond one
            whole = None if self.limit is None else -(-self.limit // self.each) * self.each
            self._stream = read_dataset(self.source, itertools.islice(self._order, whole))

    def _executions(self) -> Iterator[tuple[int, list[Any]]]:
        told = self.source if isinstance(self.source, PyDataset) else None
        if told is not None:
            told.on_epoch_begin()
        yield from super()._executions()
        if told is not None:
            told.on_epoch_end()

    def _take(self, n: int) -> list[Any]:
        asked = time.perf_counter()
        given = list(itertools.islice(self._stream, n))
        self._waited += time.perf_counter() - asked
        batches = [self._batch(b) for b in given]
        self._gave = self._gave or bool(batches)
        return batches

    def _ran_out(self, done: int) -> None:
        if not self._gave:
            raise ValueError("the data source gave no batches")
        if self.steps is None:
            self.num_batches = done  # this was all there is
        else:
            super()._ran_out(done)
        self.restart()

    def _batch(self, batch: Any) -> Any:
        """The batch as a step gets it: arrays, in a tuple of the length that the source gave it."""
        x, y, sample_weight = unpack_x_y_sample_weight(batch)
        parts = [self.step.inputs(x), to_arrays("y", y), to_arrays("sample_weight", sample_weight)]
        if parts[0] is None:
            raise ValueError(f"the data source gave a batch without inputs. Received: {batch!r}")
        cardinality(*parts)
        given = len(batch) if isinstance(batch, (tuple, list)) else 1
        if self.class_weight is not None:
            if parts[2] is not None:
                raise ValueError("`class_weight` and `sample_weight` cannot be given together")
            if len(flatten(parts[1])) > 1:
                raise ValueError("`class_weight` needs a model with one output")
            parts[2], given = class_weights(flatten(parts[1])[0], self.class_weight), 3
        return parts[0] if given == 1 and isinstance(batch, dict) else tuple(parts[:given])
