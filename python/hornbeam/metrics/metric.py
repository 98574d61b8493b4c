"""The base of all metrics, and those that are means."""

from __future__ import annotations

import copy
from typing import Any

from hornbeam import initializers, ops
from hornbeam.core.allowance import claim
from hornbeam.core.names import auto_name, to_snake_case
from hornbeam.core.registry import deserialize_keras_object, register_builtin, serialize_keras_object
from hornbeam.core.tensor import dims_of, to_tensor
from hornbeam.core.tracking import Tracker, lasting
from hornbeam.core.validation import fits_memory, unsupported
from hornbeam.core.variable import Variable
from hornbeam.losses.loss import check_shapes, divide_no_nan, fit_weight, mask_of, masked_weight, same_rank
from hornbeam.ops.elementwise import to_float

__all__ = ["Mean", "MeanMetricWrapper", "Metric", "Sum"]


class Metric:
    """A running figure: ``update_state`` takes a batch, ``result`` gives the figure, ``reset_state`` starts over.

    Args:
        dtype: only None or "float32", the state's.
        name: its name.

    The state lives in variables made with ``add_variable``; inside a compiled step it is part of the graph.
    """

    _direction: str | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("hornbeam."):
            register_builtin(cls)

    _variables: list[Variable]
    _metrics: list[Metric]
    _tracker: Tracker
    _untracked = frozenset({"_variables", "_metrics", "_tracker"})

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        vars(self).update(_variables=[], _metrics=[])
        self._start_tracking()
        return self

    def _start_tracking(self) -> None:
        vars(self)["_tracker"] = Tracker(
            self,
            self._untracked,
            (lambda x: isinstance(x, Variable), self._variables),
            (lambda x: isinstance(x, Metric), self._metrics),
        )

    def __setattr__(self, key: str, value: Any) -> None:
        self._tracker.set(key, value)

    def __delattr__(self, key: str) -> None:
        self._tracker.delete(key)

    def __getstate__(self) -> dict[str, Any]:
        return lasting(self, "_tracker")

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._start_tracking()
        self._tracker.adopt()

    def __copy__(self) -> Any:
        return copy.deepcopy(self)  # state is not shared

    def _check_begun(self) -> None:
        """Raises RuntimeError where a subclass' constructor has not called the one above it."""
        if "dtype" not in vars(self):
            raise RuntimeError(
                f"in metric {type(self).__name__!r}, super().__init__() was not called: it must be the first statement "
                "of __init__()"
            )

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or auto_name(to_snake_case(type(self).__name__))
        unsupported("dtype", dtype, None, "float32")
        self.dtype = "float32"

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str | None = "sum",
        name: str | None = None,
    ) -> Variable:
        """Makes a piece of state.

        Args:
            shape: dimensions.
            initializer: how it begins: an initializer or its name.
            dtype: None for the metric's.
            aggregation: how replicas would agree on it; there is one.
            name: its name, "variable" by default.
        """
        self._check_begun()
        claim(f"{self.name}/{name or 'variable'}", tuple(shape), dtype or self.dtype)
        fits_memory(f"{self.name}/{name or 'variable'}", shape, dtype or self.dtype)
        v = Variable(
            initializers.get(initializer),
            tuple(shape),
            dtype or self.dtype,
            trainable=False,
            aggregation=aggregation,
            name=name or "variable",
        )
        v._path = f"{self.name}/{v.name}"
        self._tracker.track(v)
        return v

    def add_weight(
        self, shape: Any = (), initializer: Any = "zeros", dtype: Any = None, name: str | None = None
    ) -> Variable:
        """Makes a piece of state, as ``add_variable`` does."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The state, and that of metrics inside."""
        return [*self._variables, *(v for metric in self._metrics for v in metric.variables)]

    def reset_state(self) -> None:
        """Zeroes the state."""
        for v in self.variables:
            v.zero()

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Takes a batch in. Override it."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state()")

    def result(self) -> Any:
        """The figure so far. Override it."""
        raise NotImplementedError(f"{type(self).__name__} must define result()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._check_begun()
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """The metric a config describes."""
        return cls(**config)


def samplewise(values: Any, sample_weight: Any, reduce: Any) -> tuple[Any, Any]:
    """The weighted values and their weights, one a sample, both reduced over the axes of a sample.

    Args:
        values: ``(batch, ...)``, or a single one.
        sample_weight: weights of the values' first axes, or None, which comes back.
        reduce: ``ops.mean`` or ``ops.sum``.
    """
    mask = mask_of(values)
    values = to_tensor(to_float(values), "float32")
    if sample_weight is None:
        return _flat(values, 1, reduce), None
    weight = masked_weight(sample_weight, mask, values)
    assert weight is not None
    values = _flat(values, weight.ndim, reduce)
    weight = ops.multiply(fit_weight("sample_weight", weight, values), ops.ones_like(values))
    return _flat(ops.multiply(values, weight), 1, reduce), _flat(weight, 1, ops.mean)


def _flat(x: Any, axes: int, reduce: Any) -> Any:
    """``x`` with its first axes alone."""
    return reduce(x, axis=list(range(axes, x.ndim))) if x.ndim > axes else x


class Sum(Metric):
    """The sum of all values.

    Args:
        name: its name.
    """

    def __init__(self, name: str = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds the values, weighted."""
        self.total.assign_add(_flat(samplewise(values, sample_weight, ops.sum)[0], 0, ops.sum))

    def result(self) -> Any:
        """The sum."""
        return self.total.value


class Mean(Metric):
    """The weighted mean of all values.

    Args:
        name: its name.
    """

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Takes values in. Each sample counts once, with the mean of its values; one weight for all of them makes their
        mean one value of that weight."""
        values, weight = samplewise(values, sample_weight, ops.mean)
        self.total.assign_add(_flat(values, 0, ops.sum))
        if weight is None:
            self.count.assign_add(to_tensor(dims_of(values)[0] if values.ndim else 1.0, "float32"))
        else:
            self.count.assign_add(_flat(weight, 0, ops.sum))

    def result(self) -> Any:
        """The mean so far, 0 before any value."""
        return divide_no_nan(self.total, self.count)


class MeanMetricWrapper(Mean):
    """The mean of a function ``fn(y_true, y_pred, **kwargs)``.

    Args:
        fn: gives one value a sample.
        name: its name.
        **kwargs: passed to the function.
    """

    def __init__(self, fn: Any, name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(str(name or getattr(fn, "__name__", "mean_metric")), dtype)
        self._fn, self._fn_kwargs = fn, kwargs
        self._direction = getattr(fn, "_direction", self._direction)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Takes a batch of targets and predictions in."""
        values = self._fn(to_tensor(y_true), to_tensor(y_pred), **self._fn_kwargs)
        super().update_state(values, masked_weight(sample_weight, mask_of(y_pred), values))

    def get_config(self) -> dict[str, Any]:
        config = {"name": self.name, **self._fn_kwargs}
        return {**config, "fn": serialize_keras_object(self._fn)} if type(self) is MeanMetricWrapper else config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """The metric a config describes."""
        return cls(**{k: deserialize_keras_object(v) for k, v in config.items()})


def alike(name: str, y_true: Any, y_pred: Any, check: Any = check_shapes) -> tuple[Any, Any]:
    """Both with one number of axes.

    Raises:
        ValueError: unless their shapes are the same then, or, with ``check_broadcast``, broadcast to each other.
    """
    y_true, y_pred = same_rank(y_true, y_pred)
    check(name, y_true, y_pred)
    return y_true, y_pred
