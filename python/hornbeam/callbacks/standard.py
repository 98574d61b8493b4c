"""Callbacks from functions, learning rates, CSV files, and losses that are no numbers."""

from __future__ import annotations

import csv
import inspect
import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from hornbeam.callbacks.callback import Callback
from hornbeam.callbacks.progress import say
from hornbeam.core.validation import number


class LambdaCallback(Callback):
    """Hooks from functions.

    Args:
        on_epoch_begin: ``(epoch, logs)``.
        on_epoch_end: ``(epoch, logs)``.
        on_train_begin: ``(logs)``.
        on_train_end: ``(logs)``.
        on_train_batch_begin: ``(batch, logs)``, with ``logs`` by keyword.
        on_train_batch_end: likewise.
        hooks: any other hook of ``Callback``, by its name.

    Raises:
        ValueError: for a hook that there is not.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **hooks: Any,
    ) -> None:
        super().__init__()
        hooks.update(
            on_epoch_begin=on_epoch_begin,
            on_epoch_end=on_epoch_end,
            on_train_begin=on_train_begin,
            on_train_end=on_train_end,
            on_train_batch_begin=on_train_batch_begin,
            on_train_batch_end=on_train_batch_end,
        )
        for name, hook in hooks.items():
            if not name.startswith("on_") or not hasattr(Callback, name):
                raise ValueError(f"LambdaCallback has no hook {name!r}")
            if hook is not None:
                setattr(self, name, hook)


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
        rate = float(np.asarray(self.model.optimizer.learning_rate))
        new = self.schedule(epoch, rate) if _takes_two(self.schedule) else self.schedule(epoch)
        if isinstance(new, (bool, str)) or new is None or np.ndim(new) != 0:
            raise ValueError(f"the output of the schedule should be a float. Received: {new!r}")
        self.model.optimizer.learning_rate = number("learning_rate", float(new), 0)
        if self.verbose:
            say(f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {float(new)}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Adds the rate to the logs."""
        if logs is not None:
            logs["learning_rate"] = float(np.asarray(self.model.optimizer.learning_rate))


def _takes_two(schedule: Callable[..., Any]) -> bool:
    """Whether a schedule takes the rate beside the epoch."""
    try:
        inspect.signature(schedule).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # one that does not say what it takes
        return True
    return True


class CSVLogger(Callback):
    """Writes each epoch's logs to a CSV file, "NA" where one is missing. Without validation in the first epoch, there are
    columns for it all the same.

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
            if not any(k.startswith("val_") for k in self._keys):
                self._keys += [f"val_{k}" for k in self._keys]
        writer = csv.writer(self._file, delimiter=self.separator)
        if self._header:
            writer.writerow(["epoch", *self._keys])
            self._header = False
        writer.writerow([epoch, *[_cell(logs.get(k, "NA")) for k in self._keys]])
        self._file.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Closes the file."""
        if self._file:
            self._file.close()
            self._file = None


def _cell(value: Any) -> Any:
    """A log's value as a cell holds it: several numbers as a quoted list."""
    several = isinstance(value, Iterable) and not isinstance(value, str) and np.ndim(value) > 0  # type: ignore[arg-type]
    return f'"[{", ".join(map(str, value))}]"' if several else value  # type: ignore[arg-type]


class TerminateOnNaN(Callback):
    """Stops training when the loss is not finite - before that step changes any weight.

    A ``train_step`` of one's own that does not check its loss is stopped behind the step.

    Args:
        raise_error: whether to raise instead, so that ``on_train_end`` is not called.

    Raises:
        RuntimeError: with ``raise_error``, when the loss is not finite.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_train_begin(self, logs: Any = None) -> None:
        """Has this fit's steps check the loss, unless the model has its own setting."""
        self._every_batch = self.model._has_own_train_step  # else a mean that is no number stays so
        self.model._stop_on_nonfinite()

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stops, or raises."""
        loss = (logs or {}).get("loss")
        if loss is None or np.all(np.isfinite(loss)):
            return
        if self.raise_error:
            raise RuntimeError(f"the loss of batch {batch} is not finite: {loss}")
        say(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
