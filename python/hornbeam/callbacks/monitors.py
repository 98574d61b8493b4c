"""Callbacks that watch a figure of the logs."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from hornbeam.callbacks.callback import Callback
from hornbeam.callbacks.progress import say
from hornbeam.core.validation import positive_int


class _Monitor(Callback):
    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"`mode` must be 'auto', 'min' or 'max': 'auto' is taken. Received: mode={mode!r}", stacklevel=3
            )
            mode = "auto"
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self._greater: bool | None = None if mode == "auto" else mode == "max"

    def _direction(self) -> bool:
        """Whether larger is better."""
        if self._greater is None:
            name = self.monitor.removeprefix("val_")
            if name == "loss" or name.endswith("_loss"):
                self._greater = False
            else:
                for key, metric in self.model._metric_items():
                    if key == name and metric._direction is not None:
                        self._greater = metric._direction == "up"
            if self._greater is None:
                raise ValueError(
                    f"{type(self).__name__} cannot tell whether {self.monitor!r} should rise or fall: give mode='min' or mode='max'"
                )
        return self._greater

    def _better(self, value: float, best: float | None) -> bool:
        greater = self._direction()
        if best is None:
            return True
        return value - self.min_delta > best if greater else value + self.min_delta < best

    def _value(self, logs: Any) -> Any:
        """The figure, None (with a warning) where it is not among the logs."""
        self._direction()  # which raises for a figure that there is not
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__}: {self.monitor!r} is not among the logs: {sorted(logs or {})}", stacklevel=3
            )
        return value


class EarlyStopping(_Monitor):
    """Stops when a figure no longer improves.

    Args:
        monitor: the log's name.
        min_delta: what counts as better.
        patience: epochs without improvement before stopping.
        verbose: 1 to say so.
        mode: "min", "max", or "auto" by the metric.
        baseline: the figure to beat.
        restore_best_weights: whether to end with the best epoch's weights.
        start_from_epoch: epochs to let pass first.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best: float | None = None
        self.best_weights: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts over."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Looks at the figure."""
        value = self._value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._better(value, self.best):
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            self.best, self.best_epoch = value, epoch
            if self.baseline is None or self._better(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Restores the best weights, if asked to."""
        if self.stopped_epoch and self.verbose:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                say(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class ModelCheckpoint(_Monitor):
    """Saves the model after epochs, or after so many batches.

    Args:
        filepath: a path; ``{epoch}``, log names and, between epochs, ``{batch}`` are filled in, counted from 1, as
            "m-{epoch:02d}-{val_loss:.2f}.hornbeam".
        monitor: the log's name.
        verbose: 1 to say so.
        save_best_only: whether to save only improvements. Where ``monitor`` is not among the logs, or no single
            number, it is saved all the same, with a warning.
        save_weights_only: whether to save the weights alone.
        mode: "min", "max", or "auto" by the metric.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: the figure to beat first.

    Raises:
        KeyError: when ``filepath`` names what is not among the logs.
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        if isinstance(save_freq, str) and save_freq != "epoch":
            raise ValueError(f"`save_freq` must be 'epoch' or a positive int. Received: save_freq={save_freq!r}")
        self.filepath, self.verbose, self.save_best_only = os.fspath(filepath), verbose, save_best_only
        self.save_freq = save_freq
        self._batches = None if isinstance(save_freq, str) else positive_int("save_freq", save_freq)
        self.save_weights_only, self.best = save_weights_only, initial_value_threshold
        self._epoch, self._seen, self._last = 0, 0, -1
        if self._batches is not None:
            setattr(self, "on_train_batch_end", self._on_batch)  # noqa: B010 - only then is it a batch hook

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remembers the epoch."""
        self._epoch, self._last = epoch, -1

    def _on_batch(self, batch: int, logs: Any = None) -> None:
        assert self._batches is not None
        self._seen += batch - self._last
        self._last = batch
        if self._seen >= self._batches:
            self._seen = 0
            self._save(self._epoch, logs, batch=batch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Saves, if it is time to."""
        if self._batches is None:
            self._save(epoch, logs)

    def _save(self, epoch: int, logs: Any, **counts: int) -> None:
        value = self._value(logs) if self.save_best_only else None
        if value is not None and np.ndim(value) > 0:
            warnings.warn(f"ModelCheckpoint: {self.monitor!r} is not a single number: {value}", stacklevel=3)
            value = None
        if value is not None and not self._better(value, self.best):
            if self.verbose:
                say(f"Epoch {epoch + 1}: {self.monitor} did not improve from {self.best:.5f}")
            return
        try:
            path = self.filepath.format(**{"epoch": epoch + 1, **counts, **(logs or {})})
        except KeyError as e:
            raise KeyError(f"`filepath` names {e}, which is not among the logs: {sorted(logs or {})}") from e
        if self.verbose:
            before = "None" if self.best is None else f"{self.best:.5f}"
            better = "" if value is None else f"{self.monitor} improved from {before} to {value:.5f}, "
            say(f"Epoch {epoch + 1}: {better}saving model to {path}")
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)
        if value is not None:
            self.best = value


class ReduceLROnPlateau(_Monitor):
    """Lowers the learning rate when a figure no longer improves, and adds it to the logs as "learning_rate".

    Args:
        monitor: the log's name.
        factor: the learning rate is multiplied by it, < 1.
        patience: epochs without improvement before that.
        verbose: 1 to say so.
        mode: "min", "max", or "auto" by the metric.
        min_delta: what counts as better.
        cooldown: epochs to wait after a reduction.
        min_lr: the learning rate's lower bound.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if factor >= 1.0:
            raise ValueError(f"`factor` must be < 1. Received: factor={factor}")
        self.factor, self.patience, self.verbose, self.cooldown, self.min_lr = (
            factor,
            patience,
            verbose,
            cooldown,
            min_lr,
        )
        self._reset()

    def _reset(self) -> None:
        self.wait, self._resting = 0, 0
        self.best: float | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts over."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Looks at the figure."""
        if logs is not None:
            logs["learning_rate"] = float(np.asarray(self.model.optimizer.learning_rate))
        value = self._value(logs)
        if value is None:
            return
        if self._resting > 0:
            self._resting -= 1
            self.wait = 0
        if self._better(value, self.best):
            self.best, self.wait = value, 0
            return
        if self._resting > 0:
            return
        self.wait += 1
        if self.wait >= self.patience:
            old = float(np.asarray(self.model.optimizer.learning_rate))
            if old > self.min_lr:
                new = max(old * self.factor, self.min_lr)
                self.model.optimizer.learning_rate = new
                if self.verbose:
                    say(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.")
                self._resting, self.wait = self.cooldown, 0
