"""Arrays in memory as batches, driven by the core's loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam.callbacks.callback_list import CallbackList, as_numbers
from hornbeam.core.function import Compiled
from hornbeam.core.tree import flatten, map_structure
from hornbeam.data.arrays import cardinality
from hornbeam.data.batches import pack_x_y_sample_weight
from hornbeam.data.feed import BatchStep, Feed
from hornbeam.random.draws import make_seed

__all__ = ["ArrayFeed"]

CHUNK_SECONDS = 0.05  # between looks at the progress bar and at Ctrl-C


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
        self,
        step: BatchStep,
        limit: int | None,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: int,
        shuffle: Any = False,
    ) -> None:
        super().__init__(step, limit)
        self.samples = cardinality(x, y, sample_weight)
        if isinstance(y, (list, tuple, dict)) and isinstance(sample_weight, np.ndarray):
            sample_weight = map_structure(lambda _: sample_weight, y)
        self.arrays = pack_x_y_sample_weight(x, y, sample_weight)
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
        if self.step.one_by_one(self.arrays):
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
            return self.step.run_arrays(self.arrays)
        if self.step.one_by_one(self.arrays) or callbacks.wants_batches("predict"):
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
        return program.arrays(first)

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
