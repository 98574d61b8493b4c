"""The standard callbacks."""

from __future__ import annotations

import csv
import os
from typing import Any

import numpy as np

from hornbeam.callbacks.callback import Callback


class LambdaCallback(Callback):
    """Hooks from functions.

    Args:
        on_epoch_begin: ``(epoch, logs)``.
        on_epoch_end: ``(epoch, logs)``.
        on_train_begin: ``(logs)``.
        on_train_end: ``(logs)``.
        on_train_batch_begin: ``(batch, logs)``.
        on_train_batch_end: ``(batch, logs)``.
    """

    def __init__(self, **hooks: Any) -> None:
        super().__init__()
        for name, hook in hooks.items():
            if not hasattr(Callback, name):
                raise ValueError(f"LambdaCallback has no hook {name!r}")
            if hook is not None:
                setattr(self, name, hook)


class _Monitor(Callback):
    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0, name: str = "") -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"`mode` must be 'auto', 'min' or 'max'. Received: mode={mode!r}")
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

    def _value(self, logs: Any) -> float | None:
        value = (logs or {}).get(self.monitor)
        if value is None:
            import warnings

            warnings.warn(
                f"{type(self).__name__}: {self.monitor!r} is not among the logs: {sorted(logs or {})}", stacklevel=2
            )
        return None if value is None else float(value)


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

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts over."""
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best: float | None = None
        self.best_weights: Any = None

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
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class ModelCheckpoint(_Monitor):
    """Saves the model after epochs.

    Args:
        filepath: a path; ``{epoch}`` and log names are filled in, as "m-{epoch:02d}-{val_loss:.2f}.hornbeam".
        monitor: the log's name.
        verbose: 1 to say so.
        save_best_only: whether to save only improvements.
        save_weights_only: whether to save the weights alone.
        mode: "min", "max", or "auto" by the metric.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: the figure to beat first.
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
        if save_freq != "epoch" and (not hasattr(save_freq, "__index__") or save_freq < 1):
            raise ValueError(f"`save_freq` must be 'epoch' or a positive int. Received: save_freq={save_freq!r}")
        self.filepath, self.verbose, self.save_best_only = os.fspath(filepath), verbose, save_best_only
        self.save_weights_only, self.save_freq, self.best = save_weights_only, save_freq, initial_value_threshold
        self._epoch, self._seen = 0, 0
        if save_freq != "epoch":
            setattr(self, "on_train_batch_end", self._on_batch)  # noqa: B010 - only then is it a batch hook

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remembers the epoch."""
        self._epoch = epoch

    def _on_batch(self, batch: int, logs: Any = None) -> None:
        self._seen += 1
        if self._seen % self.save_freq == 0:
            self._save(self._epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Saves, if it is time to."""
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def _save(self, epoch: int, logs: Any) -> None:
        value = self._value(logs) if self.save_best_only else None
        if self.save_best_only and (value is None or not self._better(value, self.best)):
            return
        try:
            path = self.filepath.format(epoch=epoch + 1, **(logs or {}))
        except KeyError as e:
            raise KeyError(f"`filepath` names {e}, which is not among the logs: {sorted(logs or {})}") from e
        if self.verbose:
            print(f"Epoch {epoch + 1}: saving model to {path}")
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)
        if value is not None:
            self.best = value


class ReduceLROnPlateau(_Monitor):
    """Lowers the learning rate when a figure no longer improves.

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

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts over."""
        self.wait, self._resting = 0, 0
        self.best: float | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Looks at the figure."""
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
                    print(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.")
                self._resting, self.wait = self.cooldown, 0


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch.

    Args:
        schedule: ``(epoch, rate) -> rate`` or ``(epoch) -> rate``.
        verbose: 1 to say so.
    """

    def __init__(self, schedule: Any, verbose: int = 0) -> None:
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Sets it."""
        import inspect

        rate = float(np.asarray(self.model.optimizer.learning_rate))
        takes = len(inspect.signature(self.schedule).parameters)
        new = self.schedule(epoch, rate) if takes > 1 else self.schedule(epoch)
        if not isinstance(new, (int, float, np.number)):
            raise ValueError(f"the schedule must return a number. Received: {new!r}")
        self.model.optimizer.learning_rate = float(new)
        if self.verbose:
            print(f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {new}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Adds the rate to the logs."""
        if logs is not None:
            logs["learning_rate"] = float(np.asarray(self.model.optimizer.learning_rate))


class CSVLogger(Callback):
    """Writes each epoch's logs to a CSV file.

    Args:
        filename: the file.
        separator: between columns.
        append: whether to go on with an existing file.
    """

    def __init__(self, filename: Any, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename, self.separator, self.append = os.fspath(filename), separator, append
        self._file: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Opens the file."""
        kept = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115 - closed in on_train_end
        self._keys: list[str] | None = None
        self._header = not kept

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes a row."""
        logs = logs or {}
        if self._keys is None:
            self._keys = sorted(logs)
        writer = csv.writer(self._file, delimiter=self.separator)
        if self._header:
            writer.writerow(["epoch", *self._keys])
            self._header = False
        writer.writerow([epoch, *[logs.get(k, "NA") for k in self._keys]])
        self._file.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Closes the file."""
        if self._file:
            self._file.close()
            self._file = None


class TerminateOnNaN(Callback):
    """Stops training when the loss is not finite - before that step changes any weight."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Has this fit's steps check the loss, unless the model has its own setting."""
        if self.model._on_nonfinite is None:
            self.model._on_nonfinite = "stop"

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stops too where a ``train_step`` of one's own does not check its loss."""
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            self.model.stop_training = True
