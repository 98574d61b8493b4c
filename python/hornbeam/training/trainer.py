"""fit, evaluate and predict: the loops around steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.callbacks.callback import History
from hornbeam.callbacks.callback_list import CallbackList, as_numbers
from hornbeam.core.tree import flatten
from hornbeam.core.validation import integer, positive_int
from hornbeam.data.array_feed import ArrayFeed
from hornbeam.data.arrays import cardinality, is_arrays, to_arrays
from hornbeam.data.batch_feed import BatchFeed
from hornbeam.data.batches import batch_size_of, class_weights, split_validation, unpack_x_y_sample_weight
from hornbeam.data.feed import Feed
from hornbeam.training.step_parts import StepParts
from hornbeam.training.steps import Step, run_again


class Trainer(StepParts):
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
        validation_freq: Any = 1,
    ) -> History:
        """Trains the model.

        Args:
            x: arrays (a structure of them), or a ``data.Dataset``, a generator or a ``PyDataset`` of batches: ``(x, y)`` or
                ``(x, y, sample_weight)``.
                Batches of the latter are read ahead on a thread.
            y: targets, with arrays.
            batch_size: samples a step, with arrays only; None for 32, or for as many as ``steps_per_epoch`` asks for.
            epochs: the last epoch's number.
            verbose: 0 for silence, 1 for a progress bar, 2 for a line an epoch, "auto" for 1.
            callbacks: a list of callbacks, or a ``CallbackList``, to which nothing is added then.
            validation_split: share of the last samples held out, before shuffling; with arrays only.
            validation_data: ``(x, y)``, ``(x, y, sample_weight)``, a ``data.Dataset``, a generator or a ``PyDataset``.
            shuffle: whether each epoch takes the samples, or the batches of a ``PyDataset``, in a new order; "batch" for
                a new order within each batch of arrays.
            class_weight: a weight for each class.
            sample_weight: a weight for each sample, with arrays.
            initial_epoch: where to begin counting.
            steps_per_epoch: how many batches an epoch has: the next goes on behind them, and begins again, with a
                warning, where there are no more. Needed for endless sources.
            validation_steps: how many batches a validation has, from the first.
            validation_batch_size: None for ``batch_size``.
            validation_freq: validate after each epoch whose number, from 1, it divides; or a list of these numbers.

        Returns:
            The ``History``.

        Ctrl-C ends it within a second or so; weights are those of the last step that was finished.

        Raises:
            ValueError: when sizes disagree, there are no samples, or an argument is out of range.
        """
        self._require_compiled()
        epochs, initial_epoch = integer("epochs", epochs, 0), integer("initial_epoch", initial_epoch, 0)
        if isinstance(validation_freq, (list, tuple)):
            validation_freq = [positive_int("validation_freq", i) for i in validation_freq]
        else:
            validation_freq = positive_int("validation_freq", validation_freq)
        passes = max(0, epochs - initial_epoch)
        if validation_split and validation_data is None:
            x = self._to_arrays(x) if is_arrays(x) else x
            (x, y, sample_weight), validation_data = _split((x, y, sample_weight), validation_split)
        feed = self._feed(
            "fit",
            Step(self, "train"),
            (x, y, sample_weight),
            batch_size,
            steps_per_epoch,
            "steps_per_epoch",
            shuffle,
            class_weight,
            passes,
        )
        val_feed: Feed | None = None
        if validation_data is not None:
            val_size = batch_size if validation_batch_size is None else validation_batch_size
            data = unpack_x_y_sample_weight(validation_data)
            test = Step(self, "test")
            val_feed = self._feed("validation", test, data, val_size, validation_steps, "validation_steps")
        watch = self._watch(callbacks, verbose, epochs, feed.steps, add_history=True)
        self.stop_training = False
        on_nonfinite = self._on_nonfinite  # a callback may set it, for this fit
        try:
            logs: dict[str, Any] = {}
            watch.on_train_begin()
            for epoch in range(initial_epoch, epochs):
                self.reset_metrics()
                watch.on_epoch_begin(epoch)
                logs = feed.epoch(watch) or as_numbers(self.get_metrics_result())
                if val_feed is not None and _is_due(epoch + 1, validation_freq):
                    logs.update({f"val_{k}": v for k, v in self._test_pass(val_feed, watch).items()})
                watch.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
            if epochs > initial_epoch:
                self.optimizer.finalize_variable_values()
            watch.on_train_end(logs)
        finally:
            self._on_nonfinite = on_nonfinite
            feed.close()
            if val_feed is not None:
                val_feed.close()
        return self.history  # type: ignore[no-any-return]

    def _feed(
        self,
        caller: str,
        step: Step,
        given: tuple[Any, Any, Any],
        batch_size: Any,
        steps: Any,
        steps_name: str = "steps",
        shuffle: Any = False,
        class_weight: Any = None,
        epochs: int = 1,
    ) -> Feed:
        """The batches of what ``fit``, ``evaluate`` or ``predict`` was given: x, y and sample_weight."""
        x, y, sample_weight = given
        limit = None if steps is None else positive_int(steps_name, steps)
        size = None if batch_size is None else batch_size_of(batch_size)
        if not isinstance(shuffle, (bool, np.bool_)) and shuffle != "batch":
            raise ValueError(f"`shuffle` must be True, False or 'batch'. Received: shuffle={shuffle!r}")
        if x is None:
            raise ValueError(f"{caller} needs inputs. Received: x=None")
        if not is_arrays(x):
            for name, value in (("y", y), ("sample_weight", sample_weight)):
                if value is not None:
                    raise ValueError(
                        f"`{name}` needs `x` to be arrays; other sources give it with each batch. Received: x of type "
                        f"{type(x).__name__}"
                    )
            return BatchFeed(step, limit, x, class_weight, bool(shuffle), epochs)
        x, y = self._to_arrays(x), to_arrays("y", y)
        sample_weight = to_arrays("sample_weight", sample_weight)
        n = cardinality(x, y, sample_weight)
        if n == 0 and caller != "predict":
            raise ValueError(f"{caller} was given no samples")
        if class_weight is not None:
            sample_weight = _weights_of_classes(y, sample_weight, class_weight)
        if self._edge is not None and self._edge.fits(n):
            x = self._encoded((x,))[0]
        if size is None:
            size = batch_size_of(None) if limit is None else -(-n // limit)
        return ArrayFeed(step, limit, x, y, sample_weight, max(size, 1), shuffle)

    def _watch(
        self, callbacks: Any, verbose: Any, epochs: int, steps: int | None, add_history: bool = False
    ) -> CallbackList:
        """The callbacks that watch a loop."""
        if isinstance(verbose, str) and verbose != "auto":
            raise ValueError(f"`verbose` must be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")
        if isinstance(callbacks, CallbackList):
            if callbacks.model is None:
                callbacks.set_model(self)
            return callbacks
        return CallbackList(callbacks, add_history, bool(verbose), self, verbose=verbose, epochs=epochs, steps=steps)

    # ---- evaluate, predict ----
    def _test_pass(self, feed: Feed, watch: CallbackList) -> dict[str, Any]:
        feed.restart()
        self.stop_evaluating = False
        watch.on_test_begin()
        self.reset_metrics()
        logs = feed.epoch(watch) or as_numbers(self.get_metrics_result())
        watch.on_test_end(logs)
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
            batch_size: samples a step, with arrays only; None for 32, or for as many as ``steps`` asks for.
            verbose: 0 for silence, else a progress bar.
            sample_weight: a weight for each sample, with arrays.
            steps: how many batches, None for all.
            callbacks: as for ``fit``. One may set ``model.stop_evaluating``.
            return_dict: whether to return a dict by name.

        Returns:
            The loss, or a list of the loss and the metrics in the order in which ``compile`` got them.

        Raises:
            ValueError: as for ``fit``.
        """
        self._require_compiled()
        feed = self._feed("evaluate", Step(self, "test"), (x, y, sample_weight), batch_size, steps)
        try:
            logs = self._test_pass(feed, self._watch(callbacks, verbose, 1, feed.steps))
        finally:
            feed.close()
        return logs if return_dict else self._in_order(logs)

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
            x: arrays, a ``data.Dataset``, a generator or a ``PyDataset``; no samples give an empty output.
            batch_size: samples a step, with arrays only; None for 32, or for as many as ``steps`` asks for.
            verbose: 0 for silence, else a progress bar.
            steps: how many batches, None for all.
            callbacks: as for ``fit``. Those with hooks of batches get the ``outputs`` of each in ``logs``; one may set
                ``model.stop_predicting``.

        Raises:
            ValueError: when sizes disagree, a source gives no batches, or an argument is out of range.
        """
        if verbose == 0 and not callbacks and steps is None and _is_one_batch(x, batch_size):  # and nobody looks on
            again = run_again(self, x)
            if again is not None:
                if self.stop_predicting:
                    self.stop_predicting = False
                return again
        feed = self._feed("predict", Step(self, "predict"), (x, None, None), batch_size, steps)
        watch = self._watch(callbacks, verbose, 1, feed.steps)
        self.stop_predicting = False
        watch.on_predict_begin()
        try:
            out = feed.outputs(watch)
        finally:
            feed.close()
        watch.on_predict_end()
        return out

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One training step on one batch.

        Args:
            x: arrays.
            y: targets.
            sample_weight: a weight for each sample.
            class_weight: a weight for each class.
            return_dict: whether to return a dict by name.

        Returns:
            The loss and metrics of this batch, as ``evaluate`` returns them.
        """
        return self._on_batch("train", (x, y, sample_weight), class_weight, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """One evaluation step on one batch.

        Args:
            x: arrays.
            y: targets.
            sample_weight: a weight for each sample.
            return_dict: whether to return a dict by name.

        Returns:
            The loss and metrics of this batch, as ``evaluate`` returns them.
        """
        return self._on_batch("test", (x, y, sample_weight), None, return_dict)

    def _on_batch(self, kind: str, batch: tuple[Any, Any, Any], class_weight: Any, return_dict: bool) -> Any:
        self._require_compiled()
        x, y, sample_weight = self._to_arrays(batch[0]), to_arrays("y", batch[1]), to_arrays("sample_weight", batch[2])
        cardinality(x, y, sample_weight)
        if class_weight is not None:
            sample_weight = _weights_of_classes(y, sample_weight, class_weight)
        self.reset_metrics()
        logs = Step(self, kind).run_logged((x, y, sample_weight), {})
        return logs if return_dict else self._in_order(logs)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as NumPy arrays."""
        again = run_again(self, (x,))
        if again is not None:
            return again
        return Step(self, "predict").run_arrays((self._to_arrays(x),))


def _is_one_batch(x: Any, batch_size: Any) -> bool:
    """Whether x is an array of no more samples than a batch has."""
    if type(x) is not np.ndarray or x.ndim == 0 or type(batch_size) not in (int, type(None)):
        return False
    return 0 < len(x) <= (32 if batch_size is None else batch_size)


def _is_due(epoch: int, freq: Any) -> bool:
    """Whether to validate after this epoch, counted from 1."""
    return epoch in freq if isinstance(freq, list) else epoch % freq == 0


def _split(data: tuple[Any, Any, Any], fraction: float) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Arrays to train on, and to validate on."""
    if not is_arrays(data[0]):
        raise ValueError(f"`validation_split` needs `x` to be arrays. Received: x of type {type(data[0]).__name__}")
    if not 0 < fraction < 1:
        raise ValueError(f"`validation_split` must be in (0, 1). Received: validation_split={fraction}")
    arrays = (data[0], to_arrays("y", data[1]), to_arrays("sample_weight", data[2]))
    return split_validation(arrays, fraction)


def _weights_of_classes(y: Any, sample_weight: Any, class_weight: Any) -> Any:
    if sample_weight is not None:
        raise ValueError("`class_weight` and `sample_weight` cannot be given together")
    if len(flatten(y)) > 1:
        raise ValueError("`class_weight` needs a model with one output")
    return class_weights(flatten(y)[0], class_weight)
