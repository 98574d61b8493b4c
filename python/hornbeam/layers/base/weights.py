"""What a layer owns: weights, layers inside, seed generators, metrics, losses."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam import config, constraints, dtype_policies, initializers, regularizers
from hornbeam._dtype_policy import DTypePolicy
from hornbeam.core.allowance import claim
from hornbeam.core.changes import changed
from hornbeam.core.tensor import is_float
from hornbeam.core.tracking import Tracker, lasting
from hornbeam.core.tree import flatten
from hornbeam.core.validation import fits_memory, unsupported
from hornbeam.core.variable import Variable
from hornbeam.metrics.metric import Metric
from hornbeam.random import SeedGenerator

__all__ = ["WeightOwner"]

_TRACED = frozenset({"_trainable", "_dtype_policy", "_revision"})  # attributes that programs depend on
_GETTERS = {"initializer": initializers.get, "regularizer": regularizers.get, "constraint": constraints.get}


class WeightOwner:
    """The part of ``Layer`` that finds what is assigned to its attributes, and makes and lists weights."""

    name: str
    built: bool
    _dtype_policy: DTypePolicy
    _trainable: bool
    _tracker: Tracker
    _trainable_variables: list[Variable]  # those that were trainable when they were assigned
    _non_trainable_variables: list[Variable]
    _layers: list[WeightOwner]
    _seeds: list[SeedGenerator]
    _metrics: list[Metric]
    _losses: list[Any]
    _inbound: list[Any]  # calls on symbolic tensors

    _revision = 0  # grows where programs that were traced do not hold for it any more

    _stores = (
        "_trainable_variables",
        "_non_trainable_variables",
        "_layers",
        "_seeds",
        "_metrics",
        "_losses",
        "_inbound",
    )
    _untracked: frozenset[str] = frozenset(_stores) | {"_init_args", "_tracker"}  # attributes that are only kept

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        vars(self).update({name: [] for name in cls._stores}, built=False)
        self._start_tracking()
        return self

    def _start_tracking(self) -> None:
        vars(self)["_tracker"] = Tracker(
            self,
            self._untracked,
            (lambda x: isinstance(x, Variable) and x.trainable, self._trainable_variables),
            (lambda x: isinstance(x, Variable), self._non_trainable_variables),
            (lambda x: isinstance(x, WeightOwner), self._layers),
            (lambda x: isinstance(x, SeedGenerator), self._seeds),
            (lambda x: isinstance(x, Metric), self._metrics),
        )

    def __setattr__(self, key: str, value: Any) -> None:
        self._tracker.set(key, value)
        if key in _TRACED:
            changed()

    def __delattr__(self, key: str) -> None:
        self._tracker.delete(key)

    def _check_begun(self) -> None:
        """Raises RuntimeError where a subclass' constructor has not called the one above it."""
        if "_trainable" not in vars(self):
            raise RuntimeError(
                f"in layer {type(self).__name__!r}, super().__init__() was not called: it must be the first statement "
                "of __init__()"
            )

    # ---- copies ----
    def __getstate__(self) -> dict[str, Any]:
        """The attributes, without calls on symbolic tensors: what a functional model keeps of them is its own."""
        return lasting(self, "_tracker", "_losses", "_inbound")

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name in ("_losses", "_inbound"):  # a graph that was copied first has added its calls
            vars(self).setdefault(name, [])
        vars(self).update(state)
        self._start_tracking()
        self._tracker.adopt()
        changed()

    def __copy__(self) -> Any:
        return copy.deepcopy(self)  # two layers of the same weights would be one layer's in all but name

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str | None = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Makes a weight.

        Args:
            shape: dimensions; () by default.
            initializer: None for glorot_uniform (floats) or zeros.
            dtype: None for what the layer keeps weights in.
            trainable: whether optimizers update it.
            autocast: whether ``call`` reads a float weight in what the layer computes in.
            regularizer: a penalty added to the loss.
            constraint: a projection applied after each update.
            aggregation: how replicas would agree on it; there is one.
            overwrite_with_gradient: only False.
            name: its name, "variable" by default.

        Raises:
            MemoryError: when it does not fit this machine.
        """
        self._check_begun()
        unsupported("overwrite_with_gradient", overwrite_with_gradient, False)
        shape = tuple(shape) if shape is not None else ()
        dtype = config.standardize_dtype(dtype) if dtype is not None else self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if is_float(dtype) else "zeros"
        claim(f"{self.name}/{name or 'variable'}", shape, dtype)
        fits_memory(f"{self.name}/{name or 'variable'}", shape, dtype)
        v = Variable(
            initializers.get(initializer), shape, dtype, trainable, autocast, aggregation, name=name or "variable"
        )
        v._path = f"{self.name}/{v.name}"
        v.regularizer = regularizers.get(regularizer)
        v.constraint = constraints.get(constraint)
        self._tracker.track(v)
        if not self._trainable:
            v.trainable = False
        return v

    def _take(self, **options: Any) -> None:
        """Keeps constructor arguments, each as the object that the end of its name calls for."""
        for name, value in options.items():
            setattr(self, name, _GETTERS[name.rpartition("_")[2]](value))

    def _weight(
        self, name: str, shape: Any, options: str | None = None, trainable: bool = True, autocast: bool = True
    ) -> Variable:
        """Makes a weight with the options that ``_take`` kept under its name, or under another."""
        initializer, regularizer, constraint = (getattr(self, f"{options or name}_{kind}", None) for kind in _GETTERS)
        return self.add_weight(
            shape,
            initializer,
            trainable=trainable,
            autocast=autocast,
            regularizer=regularizer,
            constraint=constraint,
            name=name,
        )

    def _all_layers(self) -> Iterator[WeightOwner]:
        seen: set[int] = set()
        stack: list[WeightOwner] = [self]
        while stack:
            layer = stack.pop(0)
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            yield layer
            stack = list(layer._layers) + stack

    @property
    def _own_weights(self) -> list[Variable]:
        return self._trainable_variables + self._non_trainable_variables

    @property
    def variables(self) -> list[Variable]:
        """All weights and the seed generators' states, each layer's before those of the layers inside it."""
        return _unique([v for x in self._all_layers() for v in (*x._own_weights, *(s.state for s in x._seeds))])

    @property
    def weights(self) -> list[Variable]:
        """All weights: each layer's trainable ones, its others, then those of the layers inside it."""
        return _unique([w for layer in self._all_layers() for w in layer._own_weights])

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that training updates."""
        return [w for w in self.weights if w.trainable] if self.trainable else []

    @property
    def trainable_variables(self) -> list[Variable]:
        """Weights that training updates."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Weights that training leaves alone."""
        return [w for w in self.weights if not (self.trainable and w.trainable)]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Weights that training leaves alone, and the seed generators' states."""
        return [v for v in self.variables if not (self.trainable and v.trainable)]

    @property
    def trainable(self) -> bool:
        """Whether the weights are trained; setting it sets the weights and the layers inside too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for v in self._trainable_variables:
            v.trainable = self._trainable
        for layer in self._layers:
            layer.trainable = value

    @property
    def dtype_policy(self) -> DTypePolicy:
        """What the layer computes in and keeps weights in; to set it, give what the constructor takes as ``dtype``."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self._dtype_policy = dtype_policies.get(value)

    @property
    def compute_dtype(self) -> str:
        """Dtype that the layer computes in: float inputs are cast to it, and float weights where ``call`` reads them."""
        return self._dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Dtype of the weights."""
        return self._dtype_policy.variable_dtype

    @property
    def dtype(self) -> str:
        """Dtype of the weights."""
        return self.variable_dtype

    def get_weights(self) -> list[Any]:
        """The weights as NumPy arrays (copies)."""
        return [w.numpy() for w in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Replaces the weights.

        Raises:
            ValueError: when the number of arrays or a shape differs; then nothing is changed.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(f"layer {self.name!r} has {len(own)} weights. Received: {len(weights)} arrays")
        for v, w in zip(own, weights):
            if tuple(np.shape(w)) != tuple(v.shape):
                raise ValueError(
                    f"weight {v.path} has shape {tuple(v.shape)}. Received: an array of shape {np.shape(w)}"
                )
        for v, w in zip(own, weights):
            v.assign(np.asarray(w))

    def count_params(self) -> int:
        """Number of scalars in the weights. Raises ValueError before the layer is built."""
        if not self.built and not self.weights:
            raise ValueError(f"layer {self.name!r} has no weights yet: call it, or build(input_shape)")
        return sum(int(np.prod(w.shape)) for w in self.weights)

    def add_loss(self, loss: Any) -> None:
        """Adds a scalar to the training loss, from inside ``call``."""
        self._losses.extend(flatten(loss))

    @property
    def losses(self) -> list[Any]:
        """Scalars from ``add_loss`` and the weights' regularizers."""
        out = [loss for layer in self._all_layers() for loss in layer._losses]
        out += [w.regularizer(w) for w in self.trainable_weights if w.regularizer is not None]
        return out

    def _clear_losses(self) -> None:
        for layer in self._all_layers():
            layer._losses.clear()

    @property
    def metrics(self) -> list[Any]:
        """Metrics of this layer and those inside."""
        return _unique([x for layer in self._all_layers() for x in layer._metrics])


def _unique(items: list[Any]) -> list[Any]:
    seen: set[int] = set()
    return [x for x in items if not (id(x) in seen or seen.add(id(x)))]  # type: ignore[func-returns-value]
