"""fit, evaluate and predict: the loops around steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam._tree import flatten, map_structure
from hornbeam._validation import integer, positive_int
from hornbeam.callbacks.callback import CallbackList, History
from hornbeam.training import data as sources
from hornbeam.training.feeds import CHUNK_SECONDS, ArrayFeed, BatchFeed, batches_of
from hornbeam.training.steps import Steps


class Trainer(Steps):
    """What ``Model`` adds to ``Layer``: the loops over epochs and batches."""

    # ---- fit ----
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Trains the model.

        Args:
            x: arrays (a structure of them), a generator or a ``PyDataset`` of ``(x, y)`` or ``(x, y, sample_weight)``.
            y: targets, with arrays.
            batch_size: samples a step, 32 by default; with arrays only.
            epochs: the last epoch's number.
            verbose: 0 for silence, 1 for a progress bar, 2 for a line an epoch, "auto" for 1.
            callbacks: a list of callbacks.
            validation_split: share of the last samples held out, before shuffling; with arrays only.
            validation_data: ``(x, y)``, ``(x, y, sample_weight)``, a generator or a ``PyDataset``.
            shuffle: whether each epoch takes the samples in a new order; with arrays only.
            class_weight: a weight for each class.
            sample_weight: a weight for each sample.
            initial_epoch: where to begin counting.
            steps_per_epoch: how many batches an epoch has; needed for endless generators.
            validation_steps: likewise for validation.
            validation_batch_size: None for ``batch_size``.
            validation_freq: validate every so many epochs.

        Returns:
            The ``History``.

        Ctrl-C ends it within a second or so; weights are those of the last step that was finished.

        Raises:
            ValueError: when sizes disagree, there are no samples, or an argument is out of range.
        """
        self._require_compiled()
        batch_size = sources.batch_size_of(batch_size)
        val_size = batch_size if validation_batch_size is None else sources.batch_size_of(validation_batch_size)
        epochs, initial_epoch = integer("epochs", epochs, 0), integer("initial_epoch", initial_epoch, 0)
        validation_freq = positive_int("validation_freq", validation_freq)
        steps_per_epoch = None if steps_per_epoch is None else positive_int("steps_per_epoch", steps_per_epoch)
        val_source: Any = None
        if sources.is_arrays(x):
            x, y, sample_weight = (
                sources.to_arrays("x", x),
                sources.to_arrays("y", y),
                sources.to_arrays("sample_weight", sample_weight),
            )
            if sources.cardinality(x, y, sample_weight) == 0:
                raise ValueError("fit() was given no samples")
            if class_weight is not None:
                if sample_weight is not None:
                    raise ValueError("`class_weight` and `sample_weight` cannot be given together")
                if len(flatten(y)) > 1:
                    raise ValueError("`class_weight` needs a model with one output")
                sample_weight = sources.class_weights(flatten(y)[0], class_weight)
            if validation_split:
                if not 0 < validation_split < 1:
                    raise ValueError(
                        f"`validation_split` must be in (0, 1). Received: validation_split={validation_split}"
                    )
                if validation_data is None:
                    (x, y, sample_weight), val_source = sources.split_validation(
                        (x, y, sample_weight), validation_split
                    )
            feed: Any = ArrayFeed(self, (x, y, sample_weight), batch_size, shuffle)
        else:
            if y is not None or validation_split or x is None:
                raise ValueError(
                    "`y` and `validation_split` need `x` to be arrays. Received: x of type " + type(x).__name__
                )
            feed = BatchFeed(self, x, steps_per_epoch, class_weight)
        if validation_data is not None:
            val_source = validation_data
        steps = feed.steps if steps_per_epoch is None else steps_per_epoch
        history = CallbackList(callbacks, self, {"verbose": verbose, "epochs": epochs, "steps": steps})
        self.stop_training = False
        on_nonfinite = self._on_nonfinite  # a callback may set it, for this fit
        try:
            logs: dict[str, Any] = {}
            history.on_train_begin()
            for epoch in range(initial_epoch, epochs):
                self.reset_metrics()
                history.on_epoch_begin(epoch)
                logs = feed.epoch("train", epoch, history, steps_per_epoch)
                if val_source is not None and (epoch + 1 - initial_epoch) % validation_freq == 0:
                    val = self._evaluate_source(val_source, val_size, validation_steps, history)
                    logs.update({f"val_{k}": v for k, v in val.items()})
                history.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
            if self.optimizer.use_ema and epochs > initial_epoch:
                self.optimizer.finalize_variable_values()
            history.on_train_end(logs)
        finally:
            self._on_nonfinite = on_nonfinite
        self.history = history.history
        return history.history

    # ---- evaluate, predict ----
    def _evaluate_source(
        self, source: Any, batch_size: int | None, steps: int | None, callbacks: CallbackList
    ) -> dict[str, float]:
        if isinstance(source, (tuple, list)) and not hasattr(source, "__next__"):
            arrays = tuple(
                sources.to_arrays(n, a)
                for n, a in zip(("x", "y", "sample_weight"), sources.unpack_x_y_sample_weight(tuple(source)))
            )
            if sources.cardinality(*arrays) == 0:
                raise ValueError("there are no samples to evaluate on")
            feed: Any = ArrayFeed(self, arrays, sources.batch_size_of(batch_size), False)
        else:
            feed = BatchFeed(self, source, steps, None)
        self.reset_metrics()
        callbacks.on_test_begin()
        logs: dict[str, Any] = feed.epoch("test", 0, callbacks, steps)
        callbacks.on_test_end(logs)
        return logs

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and metrics on data.

        Args:
            x: as for ``fit``.
            y: targets, with arrays.
            batch_size: 32 by default.
            verbose: 0 for silence, else a progress bar.
            sample_weight: a weight for each sample.
            steps: how many batches of a generator.
            callbacks: a list of callbacks.
            return_dict: whether to return a dict by name.

        Returns:
            The loss, or a list of the loss and the metrics.
        """
        self._require_compiled()
        source = (x, y, sample_weight) if sources.is_arrays(x) else x
        watch = CallbackList(callbacks, self, {"verbose": verbose, "epochs": 1, "steps": None}, history=False)
        logs = self._evaluate_source(source, batch_size, steps, watch)
        if return_dict:
            return logs
        values = [logs["loss"], *[v for k, v in logs.items() if k != "loss"]]
        return values[0] if len(values) == 1 else values

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Outputs for inputs, as NumPy arrays.

        Many threads may predict at once, and one may train meanwhile: predictions then read some weights as they were
        before its step and some as they are after it.

        Args:
            x: arrays, a generator or a ``PyDataset``; no samples give an empty output.
            batch_size: 32 by default.
            verbose: 0 for silence, else a progress bar.
            steps: how many batches of a generator.
            callbacks: a list of callbacks.
        """
        watch = CallbackList(callbacks, self, {"verbose": verbose, "epochs": 1, "steps": None}, history=False)
        if sources.is_arrays(x):
            x = sources.to_arrays("x", x)
            size = sources.batch_size_of(batch_size)
            watch.on_predict_begin()
            out = self._predict_arrays(x, size)
            watch.on_predict_end()
            return out
        watch.on_predict_begin()
        parts = []
        for i, batch in enumerate(batches_of(x, steps)):
            watch.on_predict_batch_begin(i)
            data = sources.to_arrays("x", sources.unpack_x_y_sample_weight(batch)[0])
            parts.append(map_structure(np.asarray, self._run_step("predict", (data,))))
            watch.on_predict_batch_end(i)
        watch.on_predict_end()
        if not parts:
            raise ValueError("predict() was given no batches")
        return map_structure(lambda *a: np.concatenate(a), *parts)

    def _predict_arrays(self, x: Any, size: int) -> Any:
        n = sources.cardinality(x)
        if n == 0 or getattr(self, "run_eagerly", False):
            return map_structure(np.asarray, self._run_step("predict", (x,)))
        step = self._step_for("predict", (x,))
        arrays = flatten(x)
        first = step.executable.run([a[: min(size, n)] for a in arrays])
        if not all(o.ndim and o.shape[0] == min(size, n) for o in first) or n <= size:
            if n <= size:
                return map_structure(np.asarray, step.rebuild(first))
            parts = [first] + [step.executable.run([a[i : i + size] for a in arrays]) for i in range(size, n, size)]
            return map_structure(np.asarray, step.rebuild([np.concatenate(p) for p in zip(*parts)]))
        out = [np.empty((n, *o.shape[1:]), o.dtype) for o in first]
        for o, f in zip(out, first):
            o[:size] = f
        loop = _core.BatchLoop(step.executable, arrays, size)
        loop.collect(out)
        at = 1
        while at < loop.steps:
            at = loop.run(at, loop.steps, CHUNK_SECONDS)
        return map_structure(np.asarray, step.rebuild(out))

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One training step on one batch; returns its loss and metrics."""
        self._require_compiled()
        x, y, sample_weight = (
            sources.to_arrays("x", x),
            sources.to_arrays("y", y),
            sources.to_arrays("sample_weight", sample_weight),
        )
        sources.cardinality(x, y, sample_weight)
        if class_weight is not None:
            sample_weight = sources.class_weights(y, class_weight)
        self.reset_metrics()
        return self._logs(self._run_step("train", (x, y, sample_weight)), return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """One evaluation step on one batch; returns its loss and metrics."""
        self._require_compiled()
        x, y, sample_weight = (
            sources.to_arrays("x", x),
            sources.to_arrays("y", y),
            sources.to_arrays("sample_weight", sample_weight),
        )
        sources.cardinality(x, y, sample_weight)
        self.reset_metrics()
        return self._logs(self._run_step("test", (x, y, sample_weight)), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch."""
        return map_structure(np.asarray, self._run_step("predict", (sources.to_arrays("x", x),)))

    @staticmethod
    def _logs(out: Any, return_dict: bool) -> Any:
        logs = {k: float(np.asarray(v)) for k, v in out.items()}
        if return_dict:
            return logs
        values = [logs["loss"], *[v for k, v in logs.items() if k != "loss"]] if "loss" in logs else list(logs.values())
        return values[0] if len(values) == 1 else values
