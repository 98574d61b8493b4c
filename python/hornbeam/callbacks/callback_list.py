"""The list that calls all callbacks."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.callbacks.callback import Callback, History
from hornbeam.callbacks.progress import ProgbarLogger
from hornbeam.core.tensor import Tensor

_BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


def as_numbers(logs: Any) -> dict[str, Any]:
    """Logs by name, in the order of their names: scalars as floats, other values as arrays, dicts within opened."""
    out: dict[str, Any] = {}
    for name, value in sorted((logs or {}).items()):
        if isinstance(value, dict):
            out.update(as_numbers(value))
        elif isinstance(value, Tensor) or hasattr(value, "__array__"):
            array = np.asarray(value)
            out[name] = float(array) if array.ndim == 0 else array
        else:
            out[name] = float(value) if isinstance(value, (int, float)) else value
    return out


def _overrides(callback: Callback, name: str) -> bool:
    """Whether a callback's class, or the object itself, defines this hook."""
    return getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name)


class CallbackList(Callback):
    """Calls several callbacks as if they were one: give it as ``callbacks=``, or call its hooks in a loop of your own.

    Args:
        callbacks: a callback, or a list of them, in the order in which they are called.
        add_history: whether to add a ``History`` where there is none.
        add_progbar: whether to add a ``ProgbarLogger`` where there is none.
        model: the model that the callbacks see.
        params: ``verbose``, ``epochs`` and ``steps``, which the callbacks see.

    Raises:
        TypeError: for what is not a callback.

    Example:
        >>> from hornbeam.callbacks import LambdaCallback
        >>> seen = []
        >>> several = CallbackList([LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch, logs)))])
        >>> several.on_epoch_end(0, {"loss": 1})
        >>> seen
        [(0, {'loss': 1.0})]
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Callback] = []
        for c in callbacks if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]:
            self.append(c)
        if add_history and self._first(History) is None:
            self.append(History())
        if add_progbar and self._first(ProgbarLogger) is None:
            self.append(ProgbarLogger())
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)

    def append(self, callback: Callback) -> None:
        """Adds a callback behind the others."""
        if not isinstance(callback, Callback):
            raise TypeError(f"`callbacks` must be Callback objects. Received: {callback!r}")
        self.callbacks.append(callback)

    def _first(self, kind: type) -> Any:
        return next((c for c in self.callbacks if isinstance(c, kind)), None)

    def set_params(self, params: dict[str, Any]) -> None:
        """Gives all callbacks ``params``."""
        self.params = params
        for c in self.callbacks:
            c.set_params(params)

    def set_model(self, model: Any) -> None:
        """Gives all callbacks the model, and the model their ``History``."""
        self._model = model
        history = self._first(History)
        if history is not None:
            model.history = history
        for c in self.callbacks:
            c.set_model(model)

    def wants_batches(self, kind: str) -> bool:
        """Whether a callback has to see each batch of a "train", "test" or "predict" pass."""
        return any(c._every_batch and _overrides(c, name) for c in self.callbacks for name in _BATCH_HOOKS[kind])

    def begin_batch(self, kind: str, batch: int) -> None:
        """Before one batch, or several that run as one."""
        getattr(self, f"on_{kind}_batch_begin")(batch)

    def end_batch(self, kind: str, batch: int, logs: Any) -> None:
        """After one batch, or several that ran as one."""
        getattr(self, f"on_{kind}_batch_end")(batch, logs=logs)

    def note_waiting(self, kind: str, seconds: float) -> None:
        """Has the progress bar show how long the steps of a pass have waited for data so far."""
        bar = self._first(ProgbarLogger)
        if bar is not None:
            bar.note_waiting(kind, seconds)

    def _call(self, hook: str, *args: Any, **kwargs: Any) -> None:
        for c in self.callbacks:
            getattr(c, hook)(*args, **kwargs)

    def on_train_begin(self, logs: Any = None) -> None:
        """Before training."""
        self._call("on_train_begin", as_numbers(logs))

    def on_train_end(self, logs: Any = None) -> None:
        """After training."""
        self._call("on_train_end", as_numbers(logs))

    def on_test_begin(self, logs: Any = None) -> None:
        """Before evaluation."""
        self._call("on_test_begin", as_numbers(logs))

    def on_test_end(self, logs: Any = None) -> None:
        """After evaluation."""
        self._call("on_test_end", as_numbers(logs))

    def on_predict_begin(self, logs: Any = None) -> None:
        """Before prediction."""
        self._call("on_predict_begin", as_numbers(logs))

    def on_predict_end(self, logs: Any = None) -> None:
        """After prediction."""
        self._call("on_predict_end", as_numbers(logs))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch."""
        self._call("on_epoch_begin", epoch, as_numbers(logs))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch. What a callback adds to ``logs``, those behind it see."""
        self._call("on_epoch_end", epoch, as_numbers(logs))

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a training batch: an older name."""
        self._call("on_batch_begin", batch, logs=as_numbers(logs))

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training batch: an older name."""
        self._call("on_batch_end", batch, logs=as_numbers(logs))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a training batch."""
        self._call("on_train_batch_begin", batch, logs=as_numbers(logs))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training batch."""
        self._call("on_train_batch_end", batch, logs=as_numbers(logs))

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before an evaluation batch."""
        self._call("on_test_batch_begin", batch, logs=as_numbers(logs))

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """After an evaluation batch."""
        self._call("on_test_batch_end", batch, logs=as_numbers(logs))

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a prediction batch."""
        self._call("on_predict_batch_begin", batch, logs=dict(logs or {}))

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a prediction batch, with its ``outputs``."""
        self._call("on_predict_batch_end", batch, logs=dict(logs or {}))
