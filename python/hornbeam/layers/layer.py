"""The base of all layers: calls, masks, configs."""

from __future__ import annotations

import functools
import inspect
import threading
from typing import Any

import numpy as np

from hornbeam import config, regularizers
from hornbeam._names import auto_name, check_name, to_snake_case
from hornbeam._operators import TensorLike
from hornbeam._tensor import KerasTensor, is_float, is_tensor, to_tensor
from hornbeam._trace import current_trace, eager_scope
from hornbeam._tree import flatten, map_structure
from hornbeam._validation import optional_dims
from hornbeam._variable import Variable
from hornbeam._whole import all_or_nothing, one_at_a_time
from hornbeam.layers._owner import WeightOwner
from hornbeam.ops.math import maximum
from hornbeam.saving.registry import register_builtin


class _Context(threading.local):
    """What outer calls of this thread pass down: the training flag, and the names of the layers they are in."""

    def __init__(self) -> None:
        self.training: Any = None
        self.scope: list[str] = []


_context = _Context()


class Layer(WeightOwner):
    """A piece of a model: weights made by ``build``, used by ``call``.

    Args:
        trainable: whether its weights are trained.
        dtype: dtype of its weights, None for ``floatx``.
        name: a name, None for one made from the class.
        activity_regularizer: a penalty on its output, added to the loss.
        autocast: whether float inputs are cast to the layer's dtype.

    Subclasses define ``call`` in terms of ``hb.ops`` or other layers, make weights with ``add_weight`` in ``build`` (or in
    the constructor), and return the constructor's arguments from ``get_config``.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("hornbeam."):
            register_builtin(cls)
        if "build" in vars(cls):
            cls.build = _whole(vars(cls)["build"])  # type: ignore[method-assign]

    _init_args: tuple[Any, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        object.__setattr__(self, "_init_args", (args, kwargs))
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
        self.name = check_name(name or auto_name(to_snake_case(type(self).__name__)))
        self._trainable = bool(trainable)
        self._dtype = config.standardize_dtype(
            dtype.name if hasattr(dtype, "name") and not isinstance(dtype, np.dtype) else dtype
        )
        self.autocast = bool(autocast)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.supports_masking = False
        self._fixed: tuple[int | None, dict[int, int]] | None = None
        self._inbound: list[Any] = []
        if input_dim is not None:
            input_shape = (input_dim,)
        if input_shape is None and batch_input_shape is not None:
            input_shape = optional_dims("batch_input_shape", batch_input_shape)[1:]
        self._input_shape_arg = None if input_shape is None else optional_dims("input_shape", input_shape)

    # ---- calls ----
    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs of this shape. Override it; ``self.built`` is set by the caller."""
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation. Override it."""
        raise NotImplementedError(f"layer {type(self).__name__} must define call()")

    def _fix(self, input_shape: Any, *axes: int, any_rank: bool = False) -> None:
        """Has every later input agree with the one that weights are made for: in its number of axes, and on these."""
        self._fixed = (None if any_rank else len(input_shape), {a: input_shape[a] for a in axes})

    def _check_fixed(self, inputs: Any) -> None:
        assert self._fixed is not None
        rank, sizes = self._fixed
        shape = tuple(inputs.shape)
        fits = len(shape) > 0 and rank in (None, len(shape))
        if not fits or any(shape[a] not in (None, n) for a, n in sizes.items()):
            wanted = ", ".join(f"{n} on axis {a}" for a, n in sizes.items())
            axes = "" if rank is None else f"{rank} axes with "
            raise ValueError(f"layer {self.name!r} expects {axes}size {wanted}. Received: input shape={shape}")

    def _expect_axes(self, inputs: Any, rank: int) -> None:
        if inputs.ndim != rank:
            raise ValueError(f"layer {self.name!r} expects {rank} axes. Received: input shape={tuple(inputs.shape)}")

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The output's mask, from the input's: the same, for layers that support masking."""
        return previous_mask if self.supports_masking else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves = flatten([list(args), kwargs])
        if any(isinstance(x, KerasTensor) for x in leaves):
            from hornbeam.models._functional_graph import record_layer

            return record_layer(self, args, kwargs)
        args = tuple(self._convert(a) if i == 0 else self._cast_floats(a) for i, a in enumerate(args))
        kwargs = {k: self._cast_floats(v) for k, v in kwargs.items()}
        self._maybe_build(args, kwargs)
        return self._run(args, kwargs)

    def _convert(self, x: Any) -> Any:
        return self._cast_floats(
            map_structure(lambda t: t if t is None or isinstance(t, Variable) else to_tensor(t), x)
        )

    def _cast_floats(self, x: Any) -> Any:
        """Float tensors and arrays in the dtype that the layer computes in, if it is a float one; else as they are."""
        if not self.autocast or not is_float(self._dtype):
            return x

        def cast(t: Any) -> Any:
            given = isinstance(t, (TensorLike, np.ndarray)) and is_float(str(t.dtype))
            return to_tensor(t, self._dtype) if given and t.dtype != self._dtype else t

        return map_structure(cast, x)

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
        with one_at_a_time(), eager_scope():
            if not self.built:
                self.build(*shapes[: max(1, len(wanted))])
                self.built = True

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        accepts = _call_parameters(type(self))
        kwargs = dict(kwargs)
        outer = _context.training
        training = kwargs.get("training")
        if training is None:
            training = outer
        if "training" in accepts or "*" in accepts:
            if "training" in accepts:
                kwargs["training"] = bool(training) if training is not None else False
        else:
            kwargs.pop("training", None)
        first = args[0] if args else None
        if self._fixed is not None and first is not None:
            self._check_fixed(first)
        mask = map_structure(lambda t: getattr(t, "_keras_mask", None), first) if first is not None else None
        masked = any(x is not None for x in flatten(mask))
        if "mask" in accepts and kwargs.get("mask") is None and masked:
            kwargs["mask"] = mask
        trace = current_trace()
        _context.training = training
        _context.scope.append(self.name)
        if trace is not None:
            trace.graph.scope = "/".join(_context.scope)
        try:
            out = self.call(*args, **kwargs)
        except (ValueError, TypeError, MemoryError) as e:
            if len(e.args) == 1 and "layer" not in str(e):  # the innermost layer says where it was
                e.args = (f'{e} (layer "{"/".join(_context.scope)}")',)
            raise
        finally:
            _context.training = outer
            _context.scope.pop()
            if trace is not None:
                trace.graph.scope = "/".join(_context.scope)
        if masked or type(self).compute_mask is not Layer.compute_mask:
            new = self.compute_mask(first, mask if masked else None)
            for t, m in zip(flatten(out), flatten(new) if new is not None else [None] * len(flatten(out))):
                if is_tensor(t) and m is not None:
                    t._keras_mask = m
        if self.activity_regularizer is not None:
            for t in flatten(out):
                penalty = self.activity_regularizer(t)
                samples = to_tensor(t.dims[0] if hasattr(t, "dims") else t.shape[0], penalty.dtype)
                self.add_loss(penalty / maximum(samples, 1.0))
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


def _whole(build: Any) -> Any:
    """``build``, which leaves the layer and those inside as they were when it fails."""

    @functools.wraps(build)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        with all_or_nothing(*self._all_layers()):
            return build(self, *args, **kwargs)

    return run


_signatures: dict[type, set[str]] = {}


def _call_parameters(cls: Any) -> set[str]:
    if cls not in _signatures:
        parameters = inspect.signature(cls.call).parameters.values()
        _signatures[cls] = {"*" if p.kind is p.VAR_KEYWORD else p.name for p in parameters}
    return _signatures[cls]
