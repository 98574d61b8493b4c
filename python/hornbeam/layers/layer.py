"""The base of all layers: weights, calls, masks, configs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam import config, constraints, initializers, regularizers
from hornbeam._operators import TensorLike
from hornbeam._tensor import KerasTensor, is_tensor, to_tensor
from hornbeam._trace import _state, current_trace
from hornbeam._tree import flatten, map_structure
from hornbeam._variable import Variable
from hornbeam.random import SeedGenerator
from hornbeam.saving.registry import register_builtin

_counters: dict[str, int] = {}


def auto_name(prefix: str) -> str:
    """``prefix``, ``prefix_1``, ... in order of creation."""
    n = _counters.get(prefix, 0)
    _counters[prefix] = n + 1
    return prefix if n == 0 else f"{prefix}_{n}"


def to_snake_case(name: str) -> str:
    """ "MultiHeadAttention" as "multi_head_attention"."""
    name = re.sub(r"\W+", "", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)).lower()


def clear_names() -> None:
    """Restarts the counters of automatic names."""
    _counters.clear()


_GETTERS = {"initializer": initializers.get, "regularizer": regularizers.get, "constraint": constraints.get}


class _Context:
    """What outer calls pass down: the training flag."""

    training: Any = None
    scope: list[str] = []


class Layer:
    """A piece of a model: weights made by ``build``, used by ``call``.

    Args:
        trainable: whether its weights are trained.
        dtype: dtype of its weights, None for ``floatx``.
        name: a name, None for one made from the class.
        activity_regularizer: a penalty on its output, added to the loss.

    Subclasses define ``call`` in terms of ``hb.ops`` or other layers, make weights with ``add_weight`` in ``build`` (or in
    the constructor), and return the constructor's arguments from ``get_config``.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("hornbeam."):
            register_builtin(cls)

    _init_args: tuple[Any, Any]
    _weights: list[Variable]
    _layers: list[Layer]
    _seeds: list[Any]
    _metrics: list[Any]
    _losses: list[Any]
    built: bool

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        object.__setattr__(self, "_init_args", (args, kwargs))
        for name, value in (
            ("_weights", []),
            ("_layers", []),
            ("_seeds", []),
            ("_metrics", []),
            ("_losses", []),
            ("built", False),
        ):
            object.__setattr__(self, name, value)
        return self

    def __init__(
        self,
        *,
        trainable: bool = True,
        dtype: Any = None,
        name: str | None = None,
        activity_regularizer: Any = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
        autocast: bool = True,
    ) -> None:
        self.name = name or auto_name(to_snake_case(type(self).__name__))
        if not isinstance(self.name, str):
            raise ValueError(f"`name` must be a string. Received: name={name!r}")
        self._trainable = bool(trainable)
        self._dtype = config.standardize_dtype(
            dtype.name if hasattr(dtype, "name") and not isinstance(dtype, np.dtype) else dtype
        )
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.supports_masking = False
        self._inbound: list[Any] = []
        if input_dim is not None:
            input_shape = (input_dim,)
        self._input_shape_arg = (
            tuple(input_shape)
            if input_shape is not None
            else tuple(batch_input_shape[1:])
            if batch_input_shape
            else None
        )

    # ---- state ----
    def __setattr__(self, key: str, value: Any) -> None:
        if key != "_init_args":
            for item in flatten(value) if isinstance(value, (list, tuple, dict)) else [value]:
                self._track(item)
        object.__setattr__(self, key, value)

    def _track(self, item: Any) -> None:
        table = (
            self._weights
            if isinstance(item, Variable)
            else self._layers
            if isinstance(item, Layer)
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
        _check_memory(shape, dtype, f"{self.name}/{name or 'variable'}")
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

    def _all_layers(self) -> Iterator[Layer]:
        seen: set[int] = set()
        stack: list[Layer] = [self]
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

    # ---- losses ----
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

    # ---- calls ----
    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs of this shape. Override it; ``self.built`` is set by the caller."""
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation. Override it."""
        raise NotImplementedError(f"layer {type(self).__name__} must define call()")

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The output's mask, from the input's: the same, for layers that support masking."""
        return previous_mask if self.supports_masking else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves = flatten([list(args), kwargs])
        if any(isinstance(x, KerasTensor) for x in leaves):
            from hornbeam.models._functional_graph import record_layer

            return record_layer(self, args, kwargs)
        args = tuple(self._convert(a) if i == 0 else a for i, a in enumerate(args))
        self._maybe_build(args, kwargs)
        return self._run(args, kwargs)

    def _convert(self, x: Any) -> Any:
        return map_structure(lambda t: t if t is None or isinstance(t, Variable) else to_tensor(t), x)

    def _maybe_build(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.built:
            return
        shapes = [
            map_structure(lambda t: tuple(t.shape) if t is not None else None, a)
            for a in args
            if any(isinstance(t, (TensorLike, Variable)) for t in flatten(a))
        ]
        if not shapes:
            shapes = [
                map_structure(lambda t: tuple(t.shape), a)
                for a in kwargs.values()
                if isinstance(a, (TensorLike, Variable))
            ]
        wanted = [
            p
            for p in inspect.signature(self.build).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        saved, _state.trace = _state.trace, None
        try:
            self.build(*shapes[: max(1, len(wanted))])
        finally:
            _state.trace = saved
        self.built = True

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        accepts = _call_parameters(type(self))
        kwargs = dict(kwargs)
        outer = _Context.training
        training = kwargs.get("training")
        if training is None:
            training = outer
        if "training" in accepts or "*" in accepts:
            if "training" in accepts:
                kwargs["training"] = bool(training) if training is not None else False
        else:
            kwargs.pop("training", None)
        first = args[0] if args else None
        mask = map_structure(lambda t: getattr(t, "_keras_mask", None), first) if first is not None else None
        masked = any(x is not None for x in flatten(mask))
        if "mask" in accepts and kwargs.get("mask") is None and masked:
            kwargs["mask"] = mask
        trace = current_trace()
        _Context.training = training
        _Context.scope.append(self.name)
        if trace is not None:
            trace.graph.scope = "/".join(_Context.scope)
        try:
            out = self.call(*args, **kwargs)
        finally:
            _Context.training = outer
            _Context.scope.pop()
            if trace is not None:
                trace.graph.scope = "/".join(_Context.scope)
        if masked or type(self).compute_mask is not Layer.compute_mask:
            new = self.compute_mask(first, mask if masked else None)
            for t, m in zip(flatten(out), flatten(new) if new is not None else [None] * len(flatten(out))):
                if is_tensor(t) and m is not None:
                    t._keras_mask = m
        if self.activity_regularizer is not None:
            for t in flatten(out):
                penalty = self.activity_regularizer(t)
                self.add_loss(penalty / to_tensor(t.dims[0] if hasattr(t, "dims") else t.shape[0], penalty.dtype))
        return out

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The output's shape for input shapes, found by tracing ``call``."""
        given = [map_shape(a) for a in args]
        return map_structure(lambda t: t.shape, self.compute_output_spec(*given, **kwargs))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic outputs for symbolic inputs, found by tracing ``call``."""
        from hornbeam.models._functional_graph import infer

        return infer(self, args, kwargs)

    # ---- configs ----
    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; a subclass that defines its own constructor adds its own."""
        out: dict[str, Any] = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype}
        if self.activity_regularizer is not None:
            out["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        builtin = type(self).__module__.startswith("hornbeam.")
        if (builtin or type(self).get_config is Layer.get_config) and type(self).__init__ is not Layer.__init__:
            args, kwargs = self._init_args  # type: ignore[attr-defined]
            bound = inspect.signature(type(self).__init__).bind(self, *args, **kwargs)
            bound.apply_defaults()
            given = {**bound.arguments, **bound.arguments.get("kwargs", {})}
            out.update(
                {
                    k: v
                    for k, v in given.items()
                    if k not in ("self", "kwargs", "args", "name", "weights", "input_shape")
                }
            )
        return out

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new layer (with new weights) from a config."""
        try:
            return cls(**config)
        except TypeError as e:
            raise TypeError(f"cannot make a {cls.__name__} from its config: {e}. Received: config={config}") from e

    @property
    def input(self) -> Any:
        """The symbolic input of the first call. Raises ValueError when there was none."""
        return self._node().inputs_structure

    @property
    def output(self) -> Any:
        """The symbolic output of the first call. Raises ValueError when there was none."""
        return self._node().outputs_structure

    def _node(self) -> Any:
        if not self._inbound:
            raise ValueError(f"layer {self.name!r} has not been called on a symbolic input")
        return self._inbound[0]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def map_shape(shape: Any) -> Any:
    """Symbolic tensors for a shape or a structure of shapes."""
    if isinstance(shape, (tuple, list)) and all(d is None or hasattr(d, "__index__") for d in shape):
        return KerasTensor(tuple(shape))
    if isinstance(shape, dict):
        return {k: map_shape(v) for k, v in shape.items()}
    return [map_shape(v) for v in shape]


_signatures: dict[type, set[str]] = {}


def _call_parameters(cls: Any) -> set[str]:
    if cls not in _signatures:
        parameters = inspect.signature(cls.call).parameters.values()
        _signatures[cls] = {"*" if p.kind is p.VAR_KEYWORD else p.name for p in parameters}
    return _signatures[cls]


def _unique(items: list[Any]) -> list[Any]:
    seen: set[int] = set()
    return [x for x in items if not (id(x) in seen or seen.add(id(x)))]  # type: ignore[func-returns-value]


def _check_memory(shape: tuple[Any, ...], dtype: str, name: str) -> None:
    import os

    size = {"float64": 8, "int64": 8, "float16": 2, "bfloat16": 2, "uint8": 1, "bool": 1}.get(dtype, 4)
    for d in shape:
        if not hasattr(d, "__index__") or d < 0:
            raise ValueError(f"the shape of {name} must be of ints >= 0. Received: shape={shape}")
        size *= int(d)
    have = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > have:
        raise MemoryError(
            f"{name} of shape {list(shape)} and dtype {dtype} needs {size / 2**30:.1f} GiB; this machine has "
            f"{have / 2**30:.1f} GiB"
        )
