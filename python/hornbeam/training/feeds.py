"""Passes over data, batch by batch: arrays in memory, driven by the core's loop, or a generator or data set."""

from __future__ import annotations

import itertools
import random
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam.callbacks.callback_list import CallbackList, as_numbers
from hornbeam.core.function import Compiled
from hornbeam.core.tree import flatten, map_structure
from hornbeam.random.draws import make_seed
from hornbeam.training import data as sources
from hornbeam.training.pipeline import PyDataset, read_ahead, read_dataset
from hornbeam.training.steps import Step

CHUNK_SECONDS = 0.05  # between looks at the progress bar and at Ctrl-C


class Feed(ABC):
    """Batches of epochs. With a ``limit`` an epoch has that many, and the next goes on behind it; without one, each epoch
    is a pass over all data.

    Args:
        step: what runs the batches, ``steps_per_execution`` of them between two calls of the callbacks.
        limit: batches an epoch, None for all there are.
    """

    num_batches: int | None  # of a pass, None where only its end will tell

    def __init__(self, step: Step, limit: int | None) -> None:
        self.step, self.limit, self.each = step, limit, step.steps_per_execution
        self._seen: int | None = None  # batches of this pass so far, None before it

    @property
    def steps(self) -> int | None:
        """Batches of an epoch, None where only its end will tell."""
        return self.limit or self.num_batches

    def restart(self) -> None:
        """Has the next epoch begin with the first batch."""
        self._seen = None

    def close(self) -> None:  # noqa: B027  (not every feed has something to do)
        """Ends what reads ahead."""

    @abstractmethod
    def _begin_pass(self) -> None:
        """Starts at the first batch."""

    def _begin_epoch(self) -> None:  # noqa: B027
        """Before an epoch's first batch, behind the start of a pass where one starts."""

    @abstractmethod
    def _take(self, n: int) -> list[Any]:
        """The next n batches, fewer at the end of the pass."""

    def epoch(self, callbacks: CallbackList) -> dict[str, Any]:
        """Trains or tests for one epoch.

        Args:
            callbacks: are told.

        Returns:
            The logs.
        """
        logs: dict[str, Any] = {}
        for begin, batches in self._executions():
            callbacks.begin_batch(self.step.kind, begin)
            for batch in batches:
                logs = self.step.run_logged(batch, logs)
                if self.step.stopped:
                    break
            callbacks.end_batch(self.step.kind, begin + self.each - 1, logs)
        return logs

    def outputs(self, callbacks: CallbackList) -> Any:
        """Predicts for one epoch.

        Returns:
            All outputs as NumPy arrays, None where there were no batches.
        """
        parts: list[Any] = []
        for begin, batches in self._executions():
            callbacks.begin_batch("predict", begin)
            parts.append(_joined([map_structure(np.asarray, self.step.run(b)) for b in batches]))
            callbacks.end_batch("predict", begin + self.each - 1, {"outputs": parts[-1]})
        return _joined(parts) if parts else None

    def _executions(self) -> Iterator[tuple[int, list[Any]]]:
        """An epoch's batches in groups of ``steps_per_execution``, with the number of the first."""
        if self._seen is None or self.limit is None:
            self._begin_pass()
            self._seen = 0
        self._begin_epoch()
        target, done = self.steps, 0
        while target is None or done < target:
            batches = [] if self._seen == self.num_batches else self._take(self.each)
            if not batches:
                self._ran_out(done)
                break
            self._seen += len(batches)
            yield done, batches
            done += len(batches)
            if self.step.stopped:
                break
        if self._seen == self.num_batches:
            self.restart()

    def _ran_out(self, done: int) -> None:
        warnings.warn(
            f"the input ran out of data after {done} of {self.steps} batches: it must give enough for all epochs",
            stacklevel=5,
        )


class ArrayFeed(Feed):
    """Arrays in memory, driven by the core's loop in chunks.

    Args:
        step: as for ``Feed``.
        limit: likewise.
        x: a structure of arrays.
        y: likewise, or None.
        sample_weight: likewise; one array is for all of ``y``.
        batch_size: samples a batch.
        shuffle: whether each pass takes the samples in a new order; "batch" for an order within each batch.
    """

    def __init__(
        self, step: Step, limit: int | None, x: Any, y: Any, sample_weight: Any, batch_size: int, shuffle: Any = False
    ) -> None:
        super().__init__(step, limit)
        self.samples = sources.cardinality(x, y, sample_weight)
        if isinstance(y, (list, tuple, dict)) and isinstance(sample_weight, np.ndarray):
            sample_weight = map_structure(lambda _: sample_weight, y)
        self.arrays = sources.pack_x_y_sample_weight(x, y, sample_weight)
        self.batch_size, self.shuffle = batch_size, shuffle
        self.num_batches: int = -(-self.samples // batch_size)
        self._key, self._pass = 0, -1

    def _begin_pass(self) -> None:
        self._pass += 1
        if self.shuffle:
            self._key = make_seed()
        self._permuted: Any = None

    def _order(self) -> Any:
        """The samples in this pass' order, where the core's loop does not shuffle them itself."""
        if self._permuted is None:
            self._permuted = self._permutation()
        return self._permuted

    def _permutation(self) -> Any:
        numbers = np.random.Generator(np.random.Philox([self._key, self._pass]))
        if self.shuffle != "batch":
            return numbers.permutation(self.samples)
        starts = range(0, self.samples, self.batch_size)
        return np.concatenate([i + numbers.permutation(min(self.batch_size, self.samples - i)) for i in starts])

    def _take(self, n: int) -> list[Any]:
        assert self._seen is not None
        return [self._batch(i) for i in range(self._seen, min(self._seen + n, self.num_batches))]

    def _batch(self, i: int) -> Any:
        rows: Any = slice(i * self.batch_size, (i + 1) * self.batch_size)
        if self.shuffle:
            rows = self._order()[rows]
        return map_structure(lambda a: None if a is None else a[rows], self.arrays)

    def epoch(self, callbacks: CallbackList) -> dict[str, Any]:
        """Trains or tests for one epoch, as ``Feed.epoch`` does."""
        if self.step.eager:
            return super().epoch(callbacks)
        if self._seen is None or self.limit is None:
            self._begin_pass()
            self._seen = 0
        kind = self.step.kind
        program = self.step.program(map_structure(lambda a: None if a is None else a[:1], self.arrays))
        loop = self._loop(program, [a for a in flatten(self.arrays) if a is not None])
        first, target = self._seen, self.steps or 0
        whole = -(-target // self.each) * self.each
        end = min(first + whole, self.num_batches)
        watched = callbacks.wants_batches(kind)
        logs: dict[str, Any] = {}
        at = first
        while at < end:
            stop = min(end, at + self.each) if watched else end
            begin = at - first
            callbacks.begin_batch(kind, begin)
            try:
                at = loop.run(at, stop, CHUNK_SECONDS)
                while watched and at < stop:
                    at = loop.run(at, stop, CHUNK_SECONDS)
                logs = as_numbers(program.rebuild(loop.outputs))
            except ValueError as e:
                logs = self.step.logs_after(e, logs, more_ran=loop.at > at)
                at = loop.at + 1
            callbacks.end_batch(kind, begin + self.each - 1 if watched else at - first - 1, logs)
            if self.step.stopped:
                break
        self._seen = at
        if at < end:
            return logs
        if end - first < target:
            self._ran_out(end - first)
        if end == self.num_batches:
            self.restart()
        return logs

    def _loop(self, program: Compiled, arrays: list[Any]) -> Any:
        """The core's loop, in this pass' order."""
        if self.shuffle == "batch":
            arrays = [a[self._order()] for a in arrays]
        loop = _core.BatchLoop(program.executable, arrays, self.batch_size)
        if self.shuffle and self.shuffle != "batch":
            loop.shuffle(self._key, self._pass)
        return loop

    def outputs(self, callbacks: CallbackList) -> Any:
        """Predicts for one epoch, as ``Feed.outputs`` does."""
        size = self.batch_size
        n = self.samples if self.limit is None else min(self.samples, self.limit * size)
        if n == 0:
            return map_structure(np.asarray, self.step.run(self.arrays))
        if self.step.eager or callbacks.wants_batches("predict"):
            return super().outputs(callbacks)
        program = self.step.program(self.arrays)
        arrays = [a[:n] for a in flatten(self.arrays) if a is not None]
        rows = min(size, n)
        first = program.executable.run([a[:rows] for a in arrays])
        callbacks.end_batch("predict", 0, {})
        if n > size and not all(o.ndim and o.shape[0] == rows for o in first):
            parts = [first] + [program.executable.run([a[i : i + size] for a in arrays]) for i in range(size, n, size)]
            first = [np.concatenate(p) for p in zip(*parts)]
        elif n > size:
            first = self._collected(program, arrays, first, callbacks)
        return map_structure(np.asarray, program.rebuild(first))

    def _collected(self, program: Compiled, arrays: list[Any], first: list[Any], callbacks: CallbackList) -> list[Any]:
        """All outputs, written in place by the core's loop; ``first`` are those of the first batch."""
        size = self.batch_size
        out = [np.empty((len(arrays[0]), *o.shape[1:]), o.dtype) for o in first]
        for o, f in zip(out, first):
            o[:size] = f
        loop = _core.BatchLoop(program.executable, arrays, size)
        loop.collect(out)
        at = 1
        while at < loop.steps and not self.step.stopped:
            at = loop.run(at, loop.steps, CHUNK_SECONDS)
            callbacks.end_batch("predict", at - 1, {})
        return [o[: at * size] for o in out]


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
        step: Step,
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
            if self.num_batches == 0:
                raise ValueError("the data source gave no batches: its length is 0")
        elif hasattr(source, "__iter__") or hasattr(source, "__next__"):
            self.num_batches = len(source) if hasattr(source, "__len__") else None
        else:
            raise TypeError(
                "`x` must be arrays, a generator, an iterable of batches or a PyDataset. Received: "
                f"{type(source).__name__}"
            )

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
        batches = [self._batch(b) for b in itertools.islice(self._stream, n)]
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
        parts = [
            sources.to_arrays(name, a)
            for name, a in zip(("x", "y", "sample_weight"), sources.unpack_x_y_sample_weight(batch))
        ]
        if parts[0] is None:
            raise ValueError(f"the data source gave a batch without inputs. Received: {batch!r}")
        sources.cardinality(*parts)
        given = len(batch) if isinstance(batch, (tuple, list)) else 1
        if self.class_weight is not None:
            if parts[2] is not None:
                raise ValueError("`class_weight` and `sample_weight` cannot be given together")
            if len(flatten(parts[1])) > 1:
                raise ValueError("`class_weight` needs a model with one output")
            parts[2], given = sources.class_weights(flatten(parts[1])[0], self.class_weight), 3
        return parts[0] if given == 1 and isinstance(batch, dict) else tuple(parts[:given])


def _joined(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else map_structure(lambda *a: np.concatenate(a), *parts)
