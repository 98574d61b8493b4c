"""Callback, the list that calls them, History and the progress bar."""

from __future__ import annotations

import sys
import time
from typing import Any


class Callback:
    """Base class: override the hooks you need; ``self.model`` and ``self.params`` are set before training."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model that trains."""
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        """Receives ``verbose``, ``epochs`` and ``steps``."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Receives the model."""
        self._model = model

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a training batch (older name)."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training batch (older name)."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch, with its logs (validation's included)."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a training batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training batch, with the logs so far."""

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before an evaluation batch."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """After an evaluation batch."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a prediction batch."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a prediction batch."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Before training."""

    def on_train_end(self, logs: Any = None) -> None:
        """After training."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Before evaluation."""

    def on_test_end(self, logs: Any = None) -> None:
        """After evaluation."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: Any = None) -> None:
        """After prediction."""


_BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
}


def _overrides(callback: Callback, name: str) -> bool:
    """Whether a callback's class, or the object itself, defines this hook."""
    return getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name)


class History(Callback):
    """Keeps each epoch's logs: ``history`` by name, ``epoch`` numbers, ``params``."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stores the logs."""
        self.epoch.append(epoch)
        for k, v in (logs or {}).items():
            self.history.setdefault(k, []).append(v)


class ProgbarLogger(Callback):
    """Prints progress: a bar (verbose 1) or a line an epoch (verbose 2)."""

    _own_batches = True  # fed between chunks of steps, not at every batch

    def __init__(self) -> None:
        super().__init__()
        self.verbose = 1
        self.steps: int | None = None
        self._shown, self._start, self._first, self._last = 0, 0.0, 0.0, 0.0

    def set_params(self, params: dict[str, Any]) -> None:
        """Receives ``verbose``, ``epochs`` and ``steps``."""
        super().set_params(params)
        self.verbose = 1 if params.get("verbose") == "auto" else int(params.get("verbose") or 0)
        self.epochs = params.get("epochs", 1)

    def begin(self, steps: int | None) -> None:
        """Starts a bar."""
        self.steps, self._shown, self._last = steps, 0, 0.0
        self._start, self._first = time.perf_counter(), 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Prints the epoch's number."""
        if self.verbose and self.epochs > 1:
            print(f"Epoch {epoch + 1}/{self.epochs}")

    def update(self, done: int, logs: Any) -> None:
        """Moves the bar."""
        now = time.perf_counter()
        if self._first == 0.0:
            self._first, self._first_steps = now, done
        if self.verbose == 1 and (now - self._last >= 0.05 or done == self.steps):
            self._write(done, logs, now, final=False)
            self._last = now

    def finish(self, done: int, logs: Any) -> None:
        """Ends the bar."""
        if self.verbose:
            self._write(done, logs, time.perf_counter(), final=True)

    def _write(self, done: int, logs: Any, now: float, final: bool) -> None:
        elapsed = now - self._start
        rest = done - getattr(self, "_first_steps", 0)
        per = (now - self._first) / rest if rest > 0 else elapsed / max(done, 1)
        unit = f"{per:.0f}s" if per >= 1 else f"{per * 1e3:.0f}ms" if per >= 1e-3 else f"{per * 1e6:.0f}us"
        total = self.steps
        values = "".join(
            f" - {k}: " + (f"{v:.4f}" if abs(v) > 1e-3 else f"{v:.4e}")
            for k, v in (logs or {}).items()
            if isinstance(v, (int, float))
        )
        width = len(str(total)) if total else 1
        count = f"{done:>{width}}/{total}" if total else f"{done}/Unknown"
        if self.verbose == 2:
            print(f"{count} - {elapsed:.0f}s - {unit}/step{values}")
            return
        fill = int(20 * done / total) if total else 20
        bar = f"\x1b[32m{'━' * fill}\x1b[0m\x1b[37m{'━' * (20 - fill)}\x1b[0m"
        text = f"\x1b[1m{count}\x1b[0m {bar} \x1b[1m{elapsed:.0f}s\x1b[0m {unit}/step{values}"
        out = sys.stdout
        dynamic = out is not None and out.isatty()
        if out is not None and (dynamic or final):
            pad = " " * max(0, self._shown - len(text))
            out.write(("\r" if dynamic else "") + text + pad + ("\n" if final else ""))
            out.flush()
            self._shown = len(text)


class CallbackList:
    """Calls all callbacks: the user's in order, then History, then the progress bar."""

    def __init__(self, callbacks: Any, model: Any, params: dict[str, Any], history: bool = True) -> None:
        given = (
            list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks is not None else []
        )
        for c in given:
            if not isinstance(c, Callback):
                raise TypeError(f"`callbacks` must be Callback objects. Received: {c!r}")
        self.callbacks: list[Callback] = list(given)
        self.history = next((c for c in given if isinstance(c, History)), None) or History()
        if history and self.history not in given:
            self.callbacks.append(self.history)
        self.bar = next((c for c in given if isinstance(c, ProgbarLogger)), None)
        if self.bar is None and params.get("verbose"):
            self.bar = ProgbarLogger()
            self.callbacks.append(self.bar)
        for c in self.callbacks:
            c.set_params(params)
            c.set_model(model)
        self._hooks = {
            kind: [c for c in self.callbacks if any(_overrides(c, name) for name in names)]
            for kind, names in _BATCH_HOOKS.items()
        }
        self._steps = 0
        self._nested = not history

    def has_batch_hooks(self, kind: str) -> bool:
        """Whether a callback wants to see each batch."""
        return bool(self._hooks[kind])

    def set_steps(self, kind: str, steps: int | None) -> None:
        """Starts a pass of so many steps."""
        self._steps, self._kind = 0, kind
        if self.bar and (kind == "train" or self._nested):
            self.bar.begin(steps)

    def on_batch_begin(self, kind: str, batch: int) -> None:
        """Before one batch, or a chunk of them."""
        for c in self._hooks[kind]:
            getattr(c, f"on_{kind}_batch_begin")(batch, logs={})
            if kind == "train":
                c.on_batch_begin(batch, logs={})

    def on_batch_end(self, kind: str, batch: int, logs: Any) -> None:
        """After one batch, or a chunk of them."""
        for c in self._hooks[kind]:
            getattr(c, f"on_{kind}_batch_end")(batch, logs=logs)
            if kind == "train":
                c.on_batch_end(batch, logs=logs)
        self._steps = batch + 1
        if self.bar and (kind == "train" or self._nested):
            self.bar.update(batch + 1, logs)

    def _call(self, hook: str, *args: Any, **kwargs: Any) -> None:
        for c in self.callbacks:
            getattr(c, hook)(*args, **kwargs)

    def on_train_begin(self) -> None:
        """Before training."""
        self._call("on_train_begin", logs={})

    def on_train_end(self, logs: Any) -> None:
        """After training."""
        self._call("on_train_end", logs=logs)

    def on_epoch_begin(self, epoch: int) -> None:
        """Before an epoch."""
        self._call("on_epoch_begin", epoch, logs={})

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        """After an epoch."""
        self._call("on_epoch_end", epoch, logs=logs)
        if self.bar:
            self.bar.finish(self.bar.steps or self._steps, logs)

    def on_test_begin(self) -> None:
        """Before evaluation."""
        self._call("on_test_begin", logs={})

    def on_test_end(self, logs: Any) -> None:
        """After evaluation."""
        self._call("on_test_end", logs=logs)
        if self.bar and self._nested:
            self.bar.finish(self.bar.steps or self._steps, logs)

    def on_predict_begin(self) -> None:
        """Before prediction."""
        self._call("on_predict_begin", logs={})

    def on_predict_end(self) -> None:
        """After prediction."""
        self._call("on_predict_end", logs={})

    def on_predict_batch_begin(self, batch: int) -> None:
        """Before a prediction batch."""
        self._call("on_predict_batch_begin", batch, logs={})

    def on_predict_batch_end(self, batch: int) -> None:
        """After a prediction batch."""
        self._call("on_predict_batch_end", batch, logs={})
