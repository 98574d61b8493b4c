"""What a layer owns: weights, layers inside, seed generators, metrics, losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam import config, constraints, initializers, regularizers
from hornbeam._allowance import claim
from hornbeam._tree import flatten
from hornbeam._validation import fits_memory
from hornbeam._variable import Variable
from hornbeam.random import SeedGenerator

_GETTERS = {"initializer": initializers.get, "regularizer": regularizers.get, "constraint": constraints.get}


class WeightOwner:
    """The part of ``Layer`` that finds what is assigned to its attributes, and makes and lists weights."""

    name: str
    built: bool
    _dtype: str
    _trainable: bool
    _weights: list[Variable]
    _layers: list[WeightOwner]
    _seeds: list[Any]
    _metrics: list[Any]
    _losses: list[Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        for name in ("_weights", "_layers", "_seeds", "_metrics", "_losses"):
            object.__setattr__(self, name, [])
        object.__setattr__(self, "built", False)
        return self

    def __setattr__(self, key: str, value: Any) -> None:
        for item in flatten(value) if isinstance(value, (list, tuple, dict)) else [value]:
            self._track(item)
        object.__setattr__(self, key, value)

    def _track(self, item: Any) -> None:
        table = (
            self._weights
            if isinstance(item, Variable)
            else self._layers
            if isinstance(item, WeightOwner)
            else self._seeds
            if isinstance(item, SeedGenerator)
            else self._metrics
            if hasattr(type(item), "update_state")
            else None
        )
        if table is not None and not any(x is item for x in table):
            table.append(item)

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
        aggregation: Any = None,
    ) -> Variable:
        """Makes a weight.

        Args:
            shape: dimensions; () by default.
            initializer: None for glorot_uniform (floats) or zeros.
            dtype: None for the layer's.
            trainable: whether optimizers update it.
            autocast: accepted for compatibility.
            regularizer: a penalty added to the loss.
            constraint: a projection applied after each update.
            name: its name, "variable" by default.
            aggregation: accepted for compatibility.

        Raises:
            MemoryError: when it does not fit this machine.
        """
        shape = tuple(shape) if shape is not None else ()
        dtype = config.standardize_dtype(dtype) if dtype is not None else self._dtype
        if initializer is None:
            initializer = "glorot_uniform" if dtype.startswith("float") else "zeros"
        claim(f"{self.name}/{name or 'variable'}", shape, dtype)
        fits_memory(f"{self.name}/{name or 'variable'}", shape, dtype)
        v = Variable(initializers.get(initializer), shape, dtype, trainable, name or "variable")
        v._path = f"{self.name}/{v.name}"
        v.regularizer = regularizers.get(regularizer)
        v.constraint = constraints.get(constraint)
        self._track(v)
        return v

    def _take(self, **options: Any) -> None:
        """Keeps constructor arguments, each as the object that the end of its name calls for."""
        for name, value in options.items():
            setattr(self, name, _GETTERS[name.rpartition("_")[2]](value))

    def _weight(self, name: str, shape: Any, options: str | None = None, trainable: bool = True) -> Variable:
        """Makes a weight with the options that ``_take`` kept under its name, or under another."""
        initializer, regularizer, constraint = (getattr(self, f"{options or name}_{kind}", None) for kind in _GETTERS)
        return self.add_weight(
            shape, initializer, trainable=trainable, regularizer=regularizer, constraint=constraint, name=name
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
    def variables(self) -> list[Variable]:
        """All weights, then the seed generators' states."""
        out: list[Variable] = []
        for layer in self._all_layers():
            out += layer._weights
            out += [s.state for s in layer._seeds]
        return _unique(out)

    @property
    def weights(self) -> list[Variable]:
        """All weights: in the order of creation, each layer's before those of the layers inside it."""
        return _unique([w for layer in self._all_layers() for w in layer._weights])

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that training updates."""
        if not self.trainable:
            return []
        out: list[Variable] = [w for w in self._weights if w.trainable]
        for layer in self._layers:
            out += layer.trainable_weights
        return _unique(out)

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Weights that training leaves alone."""
        kept = {id(w) for w in self.trainable_weights}
        return [w for w in self.weights if id(w) not in kept]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Weights that training leaves alone, and the seed generators' states."""
        kept = {id(w) for w in self.trainable_weights}
        return [w for w in self.variables if id(w) not in kept]

    @property
    def trainable(self) -> bool:
        """Whether the weights are trained; setting it sets the layers inside too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._layers:
            layer.trainable = value

    @property
    def dtype(self) -> str:
        """Dtype of the weights."""
        return self._dtype

    compute_dtype = variable_dtype = dtype

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
