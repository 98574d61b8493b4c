"""What an optimizer keeps from step to step: iterations, the learning rate, the slots of its weights."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from hornbeam import _core, initializers, ops
from hornbeam.core.registry import deserialize_keras_object
from hornbeam.core.tensor import host_dtype, to_tensor
from hornbeam.core.tracking import lasting
from hornbeam.core.variable import Variable
from hornbeam.optimizers.schedules import LearningRateSchedule

__all__ = ["OptimizerState"]


class OptimizerState:
    """The part of ``Optimizer`` that makes, lists and copies what it keeps."""

    name: str
    gradient_accumulation_steps: int | None
    built: bool
    _trainable: list[Variable]  # the weights that it was built with
    _index: dict[int, int]  # id of each of them -> its place

    def _start(self, learning_rate: Any) -> None:
        """Begins with this learning rate and without slots."""
        self.built = False
        self._iterations = Variable(np.zeros((), "int64"), trainable=False, name="iteration")
        self._slots: list[Variable] = []
        self._trainable: list[Variable] = []
        self._copied = False  # whether this is a copy that has not updated anything yet
        self._schedule: Any = None
        if isinstance(learning_rate, dict):
            learning_rate = deserialize_keras_object(learning_rate)
        if isinstance(learning_rate, LearningRateSchedule) or (
            callable(learning_rate) and not isinstance(learning_rate, Variable)
        ):
            self._schedule = learning_rate
            self._rate: Any = None
        else:
            value = float(learning_rate)
            if not np.isfinite(value) or value < 0:
                raise ValueError(
                    f"`learning_rate` must be a finite number >= 0. Received: learning_rate={learning_rate}"
                )
            self._rate = Variable(np.float32(value), trainable=False, name="learning_rate")

    @property
    def variables(self) -> list[Variable]:
        """Iterations, learning rate, then the slots."""
        return [self._iterations] + ([self._rate] if self._rate is not None else []) + self._slots

    def set_weights(self, weights: Any) -> None:
        """Replaces the values of ``variables``, in their order.

        Raises:
            ValueError: before the optimizer is built, and when the number of arrays or a shape differs; then nothing is changed.
        """
        if not self.built:
            raise ValueError(
                f"optimizer {self.name!r} has no slots yet: call build(trainable_variables) before set_weights()"
            )
        own, given = self.variables, list(weights)
        if [tuple(v.shape) for v in own] != [np.shape(w) for w in given]:
            shapes = [tuple(v.shape) for v in own]
            raise ValueError(f"the variables have shapes {shapes}. Received: {[np.shape(w) for w in given]}")
        for v, w in zip(own, given):
            v.assign(w)

    @property
    def iterations(self) -> Any:
        """Number of updates so far, int64."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate now: a variable, or the schedule's value."""
        return self._rate if self._rate is not None else self._current_rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, LearningRateSchedule) or (callable(value) and not isinstance(value, Variable)):
            self._schedule, self._rate = value, None
            return
        if self._rate is None:
            raise TypeError("the learning rate is a schedule: it cannot be set to a number")
        self._rate.assign(np.float32(value))

    def _current_rate(self) -> Any:
        if self._schedule is None:
            return self._rate.value
        if isinstance(self._schedule, LearningRateSchedule):
            return to_tensor(self._schedule(self._iterations), "float32")
        return to_tensor(self._schedule(), "float32")

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Makes a slot of a weight's shape."""
        shape, dtype = reference_variable.shape, reference_variable.dtype
        if callable(initializer):
            array = initializer(shape)
        elif initializer == "zeros":
            array = np.zeros(shape, host_dtype(dtype))  # touches no memory of its own
        else:
            array = np.full(shape, 1.0 if initializer == "ones" else initializer, host_dtype(dtype))
        v = Variable(array, dtype=dtype, trainable=False, name=name or "slot")
        v._path = f"{self.name}/{reference_variable.path.replace('/', '_')}_{v.name}"
        self._slots.append(v)
        return v

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str | None = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Makes a variable of the optimizer's own.

        Args:
            shape: dimensions.
            initializer: how it begins: an initializer or its name.
            dtype: None for float32.
            aggregation: how replicas would agree on it; there is one.
            layout: only None.
            name: its name, "variable" by default.
        """
        v = Variable(
            initializers.get(initializer),
            tuple(shape),
            dtype or "float32",
            trainable=False,
            aggregation=aggregation,
            name=name or "variable",
            layout=layout,
        )
        v._path = f"{self.name}/{v.name}"
        self._slots.append(v)
        return v

    def _finish_build(self) -> None:
        _core.place_in_slab([v._core for v in self._trainable])
        _core.place_in_slab([v._core for v in self._slots])

    # ---- copies ----
    def __getstate__(self) -> dict[str, Any]:
        return lasting(self, "_index")

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _copied=state["built"])
        self._index = {id(v): i for i, v in enumerate(self._trainable)}

    def __copy__(self) -> Any:
        return copy.deepcopy(self)  # state is not shared

    def _adopt(self, variables: list[Variable]) -> None:
        """Has a copy go on with these weights, if they have the shapes of those that it was built with; else begin anew."""
        self._copied = False
        if all(id(v) in self._index for v in variables):
            return
        if [v.shape for v in variables] == [v.shape for v in self._trainable]:
            self._trainable, self._index = list(variables), {id(v): i for i, v in enumerate(variables)}
        else:
            self.built, self._slots = False, []

    def _get_variable_index(self, variable: Variable) -> int:
        return self._index[id(variable)]
