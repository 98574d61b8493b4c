"""One of a model's steps: traced into a program once for each signature of a batch, or run op by op."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam import _core, config
from hornbeam.callbacks.callback_list import as_numbers
from hornbeam.core.buffer import name_of
from hornbeam.core.changes import Same, latest
from hornbeam.core.function import Compiled
from hornbeam.core.tensor import Tensor
from hornbeam.core.trace import Trace
from hornbeam.core.tree import flatten, map_structure, pack_like, signature
from hornbeam.core.whole import one_at_a_time
from hornbeam.data.batches import unpack_x_y_sample_weight
from hornbeam.training.signatures import array_names, encode
from hornbeam.training.step_parts import StepParts

_STOP_FLAGS = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}


class Step:
    """One of a model's steps: all that what gives it batches knows of the model.

    Args:
        model: whose step it is; it keeps the programs.
        kind: "train", "test" or "predict".
    """

    def __init__(self, model: StepParts, kind: str) -> None:
        self._model, self.kind = model, kind

    @property
    def eager(self) -> bool:
        """Whether it runs op by op, and not as a program."""
        return bool(self._model.run_eagerly)

    def one_by_one(self, batch: Any) -> bool:
        """Whether it takes batches like this one by one: op by op, or to make numbers of their strings first."""
        return self.eager or not self._model._is_encoded(batch)

    def inputs(self, x: Any) -> Any:
        """Inputs as arrays."""
        return self._model._to_arrays(x)

    @property
    def steps_per_execution(self) -> int:
        """How many batches pass between two calls of the callbacks."""
        return self._model.steps_per_execution

    @property
    def stopped(self) -> bool:
        """Whether the loop is to end: a callback says so, or a loss that is no number did."""
        return bool(getattr(self._model, _STOP_FLAGS[self.kind]))

    # ---- running ----
    def run(self, batch: Any) -> Any:
        """What the step gives for a batch: logs, or outputs."""
        batch = self._model._encoded(batch)
        if self.eager:
            return self._run_eagerly(batch)
        program = self.program(batch)
        return program.rebuild(program.executable.run([a for a in flatten(batch) if a is not None]))

    def run_arrays(self, batch: Any) -> Any:
        """The same as NumPy arrays."""
        if self.eager:
            return map_structure(np.array, self.run(batch))
        batch = self._model._encoded(batch)
        program = self.program(batch)
        return program.arrays(program.executable.run([a for a in flatten(batch) if a is not None]))

    def run_logged(self, batch: Any, logs: dict[str, Any]) -> dict[str, Any]:
        """Runs a batch.

        Args:
            batch: as the step gets it.
            logs: those before it.

        Returns:
            Its logs, as numbers; those before it where it has none, or was skipped.
        """
        try:
            return as_numbers(self.run(batch)) or logs
        except ValueError as e:
            return self.logs_after(e, logs)

    def logs_after(self, error: ValueError, logs: dict[str, Any], more_ran: bool = False) -> dict[str, Any]:
        """The logs after a step that a check stopped before it changed anything.

        Args:
            error: what it raised.
            logs: those before it.
            more_ran: whether steps have gone well since then.

        Raises:
            ValueError: the error, when it is another, or ``on_nonfinite`` lets it through.
        """
        model = self._model
        if self.kind != "train" or not model._on_nonfinite.catches or not isinstance(error, _core.NonFiniteError):
            raise error
        if model._on_nonfinite.stops:
            model.stop_training = True
            return {"loss": math.nan}
        if more_ran and not model._has_own_train_step:
            logs = as_numbers(model.get_metrics_result())
        return logs or {"loss": math.nan}

    def _function(self) -> Callable[[Any], Any]:
        model = self._model
        return {"train": model.train_step, "test": model.test_step, "predict": model.predict_step}[self.kind]

    def _run_eagerly(self, batch: Any) -> Any:
        """The step op by op. A loss that is no number leaves the state as it was, as a program does."""
        model = self._model
        watched = model._on_nonfinite.checks_loss and self.kind == "train"
        kept = [(v, v.numpy()) for v in model.variables] if watched else []
        try:
            return self._function()(map_structure(lambda a: None if a is None else Tensor(a), batch))
        except ValueError:
            for v, value in kept:
                v.assign(value)
            raise
        finally:
            model._clear_losses()

    # ---- tracing ----
    def program(self, batch: Any) -> Compiled:
        """The program for batches like this one."""
        programs = self._model._programs[self.kind]
        found: Compiled | None = programs.get(self._key(batch))
        if found is None:
            with one_at_a_time():
                found = programs.get(self._key(batch))  # another thread may have made it meanwhile
                if found is None:
                    found = self._trace(batch)
                    programs.put(self._key(batch), found)  # tracing may have made weights
        programs.recent = (_short_key(batch), found)
        return found

    def _key(self, batch: Any) -> Any:
        policy = self._model._on_nonfinite
        return (
            self._state_number(),
            signature(batch),
            tuple([(a.dtype, a.shape[1:]) for a in flatten(batch) if a is not None]),
            (policy.checks_loss, policy.checks_gradients) if self.kind == "train" else (),
            _core.program_key(),
        )

    def last(self) -> Compiled | None:
        """The program that ran last of those that still hold."""
        state = self._state_number()
        found: Compiled | None = self._model._programs[self.kind].last(lambda key: bool(key[0] == state))
        return found

    def _state_number(self) -> int:
        return self._model._programs[self.kind].state_number(latest(), self._state)

    def _state(self) -> Any:
        """What programs depend on of the layers."""
        layers, trains = list(self._model._all_layers()), self.kind == "train"
        read = [v for x in layers for v in (*x._own_weights, *(g.state for g in x._seeds))]
        return (
            *((Same(x), x.trainable, x.dtype_policy, x._revision) for x in layers),
            *((Same(v), trains and v.trainable) for v in read),
        )

    def _trace(self, batch: Any) -> Compiled:
        model, fn = self._model, self._function()
        present = [a for a in flatten(batch) if a is not None]
        specs = [(a.dtype.name, (_core.Dim("batch"), *a.shape[1:])) for a in present]
        self._build(batch)

        def call(*leaves: Any) -> Any:
            it = iter(leaves)
            model._clear_losses()
            out = fn(pack_like(batch, [None if a is None else next(it) for a in flatten(batch)]))
            model._clear_losses()
            return out

        names = array_names(model._input_tensor_names(), batch)
        program = Compiled(call, [None] * len(present), specs, names, threads=model._threads, device=model._device)
        program.batch = encode(batch)  # what a file says of it
        return program

    def _build(self, batch: Any) -> None:
        """Builds a model from its first batch's shapes, so that weights exist before the step is traced."""
        model = self._model
        if all(layer.built for layer in model._all_layers()):
            return
        x = unpack_x_y_sample_weight(batch)[0]
        if not model._can_call():
            return  # a model that only trains: its train_step calls the parts
        with Trace() as trace:
            leaves = [
                trace.input(f"x{i}", a.dtype.name, (_core.Dim("batch"), *a.shape[1:])) for i, a in enumerate(flatten(x))
            ]
            model(pack_like(x, leaves))
        model._clear_losses()


def run_again(model: StepParts, batch: Any) -> Any:
    """What the last prediction's program gives for one array like that one's, or a tuple of it, in NumPy's arrays; None
    where it takes more than a look to say which program is right."""
    key, program = model._programs["predict"].recent
    if key is None or key != _short_key(batch) or model.run_eagerly:
        return None
    return program.arrays(program.executable.run(batch if type(batch) is tuple else [batch]))


def _short_key(batch: Any) -> Any:
    """All that a program depends on for a batch of one array as ``to_arrays`` leaves it, None for other batches. Of layers
    it asks nothing: ``latest`` is another object after each change."""
    x = batch[0] if type(batch) is tuple and len(batch) == 1 else batch
    if type(x) is not np.ndarray or x.dtype.kind == "f" and name_of(x.dtype) != config.floatx():
        return None
    return (x is batch, x.dtype, x.ndim, x.shape[1:], latest(), _core.program_key())
