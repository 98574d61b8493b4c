"""Where an epoch's batches come from: arrays in memory, driven by the core's loop, or a generator or data set."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam._tensor import Tensor
from hornbeam._tree import flatten, map_structure
from hornbeam.callbacks.callback import CallbackList
from hornbeam.training import data as sources

CHUNK_SECONDS = 0.05  # between looks at the progress bar and at Ctrl-C


def batches_of(source: Any, steps: int | None) -> Iterator[Any]:
    """The batches of a ``PyDataset``, or of anything iterable, at most ``steps`` of them; prefetched on one thread."""
    if isinstance(source, sources.PyDataset):
        stream: Iterator[Any] = (source[i] for i in range(len(source)))
    elif hasattr(source, "__iter__"):
        stream = iter(source)
    else:
        raise TypeError(
            f"`x` must be arrays, a generator, an iterable of batches or a PyDataset. Received: {type(source).__name__}"
        )
    return sources.prefetch(stream if steps is None else itertools.islice(stream, steps))


def to_logs(out: Any) -> dict[str, Any]:
    """A step's results as numbers, by name; those of a metric that has several are among the others."""
    logs: dict[str, Any] = {}
    for name, value in (out or {}).items():
        if isinstance(value, dict):
            logs.update(to_logs(value))
        else:
            logs[name] = (
                value._array.item() if isinstance(value, Tensor) and value._array.ndim == 0 else np.asarray(value)
            )
    return dict(sorted(logs.items()))


class ArrayFeed:
    """Epochs over arrays in memory, driven by the core's loop in chunks."""

    def __init__(self, model: Any, arrays: tuple[Any, ...], batch_size: int, shuffle: bool) -> None:
        self.model, self.arrays, self.batch_size, self.shuffle = model, arrays, batch_size, shuffle
        self.n = sources.cardinality(*arrays)
        self.steps = -(-self.n // batch_size)

    def epoch(self, kind: str, epoch: int, callbacks: CallbackList, limit: int | None) -> dict[str, Any]:
        """One pass; returns the logs."""
        model, steps = self.model, self.steps if limit is None else min(limit, self.steps)
        callbacks.set_steps(kind, steps)
        from hornbeam.random import make_seed

        key = make_seed() if self.shuffle else 0
        if getattr(model, "run_eagerly", False):
            return self._eager(kind, key, epoch, callbacks, steps)
        first = map_structure(lambda a: None if a is None else a[:1], self.arrays)
        step = model._step_for(kind, first)
        loop = _core.BatchLoop(step.executable, [a for a in flatten(self.arrays) if a is not None], self.batch_size)
        if self.shuffle:
            loop.shuffle(key, epoch)
        logs: dict[str, Any] = {}
        at, each, watched = 0, model.steps_per_execution, callbacks.has_batch_hooks(kind)
        while at < steps:
            stop = min(steps, at + each) if watched else steps
            callbacks.on_batch_begin(kind, at)
            try:
                at = loop.run(at, stop, CHUNK_SECONDS)
                while watched and at < stop:
                    at = loop.run(at, stop, CHUNK_SECONDS)
                logs = to_logs(step.rebuild(loop.outputs))
            except ValueError as e:
                if kind != "train" or model._on_nonfinite not in ("skip", "stop") or "[check_finite]" not in str(e):
                    raise
                at = loop.at + 1
                if model._on_nonfinite == "stop":
                    print(f"Batch {at - 1}: Invalid loss, terminating training")
                    model.stop_training = True
                    logs = {"loss": float("nan")}
            callbacks.on_batch_end(kind, at - 1, logs)
            if model.stop_training and kind == "train":
                break
        return logs

    def _eager(self, kind: str, key: int, epoch: int, callbacks: CallbackList, steps: int) -> dict[str, Any]:
        order = (
            np.random.Generator(np.random.Philox([key, epoch])).permutation(self.n)
            if self.shuffle
            else np.arange(self.n)
        )
        logs: dict[str, Any] = {}
        for i in range(steps):
            ids = order[i * self.batch_size : (i + 1) * self.batch_size]
            callbacks.on_batch_begin(kind, i)
            logs = to_logs(
                self.model._run_step(kind, map_structure(lambda a, ids=ids: None if a is None else a[ids], self.arrays))
            )
            callbacks.on_batch_end(kind, i, logs)
            if self.model.stop_training and kind == "train":
                break
        return logs


class BatchFeed:
    """Epochs over a generator or a PyDataset, prefetched on one thread."""

    def __init__(self, model: Any, source: Any, steps: int | None, class_weight: Any) -> None:
        self.model, self.source, self.class_weight = model, source, class_weight
        self.steps = len(source) if isinstance(source, sources.PyDataset) else steps
        self._stream: Any = None

    def epoch(self, kind: str, epoch: int, callbacks: CallbackList, limit: int | None) -> dict[str, Any]:
        """One pass; returns the logs."""
        model = self.model
        callbacks.set_steps(kind, limit or self.steps)
        endless = hasattr(self.source, "__next__") and limit is not None
        if endless:
            self._stream = self._stream or iter(self.source)
            batches: Iterator[Any] = itertools.islice(self._stream, limit)
        else:
            batches = batches_of(self.source, limit)
        if isinstance(self.source, sources.PyDataset):
            self.source.on_epoch_begin()
        logs: dict[str, Any] = {}
        i = -1
        for i, batch in enumerate(batches):
            x, y, w = (
                sources.to_arrays(n, a)
                for n, a in zip(("x", "y", "sample_weight"), sources.unpack_x_y_sample_weight(batch))
            )
            if x is None:
                raise ValueError(f"the data source gave a batch without inputs. Received: {batch!r}")
            sources.cardinality(x, y, w)
            if self.class_weight is not None:
                w = sources.class_weights(flatten(y)[0], self.class_weight)
            callbacks.on_batch_begin(kind, i)
            logs = to_logs(model._run_step(kind, (x, y, w)))
            callbacks.on_batch_end(kind, i, logs)
            if model.stop_training and kind == "train":
                break
        wanted = limit or self.steps
        stopped = kind == "train" and model.stop_training
        if 0 <= i and wanted is not None and i + 1 < wanted and not stopped:
            warnings.warn(f"the data source ran out after {i + 1} of {wanted} batches", stacklevel=4)
            model.stop_training = model.stop_training or kind == "train"
        if i < 0:
            raise ValueError(
                "the data source gave no batches"
                + (": a generator can be read only once; give steps_per_epoch" if epoch else "")
            )
        if isinstance(self.source, sources.PyDataset):
            self.source.on_epoch_end()
        return logs
