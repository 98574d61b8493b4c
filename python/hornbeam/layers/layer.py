"""The base of all layers: calls, masks, configs."""

from __future__ import annotations

import functools
import inspect
import warnings
from typing import Any

import numpy as np

from hornbeam import config, regularizers
from hornbeam.core.names import auto_name, check_name, to_snake_case
from hornbeam.core.operators import TensorLike
from hornbeam.core.registry import argument_names, register_builtin
from hornbeam.core.state import state
from hornbeam.core.symbolic import KerasTensor, infer, record_call
from hornbeam.core.tensor import is_float, is_tensor, to_tensor
from hornbeam.core.trace import current_trace, eager_scope
from hornbeam.core.tree import flatten, map_structure
from hornbeam.core.validation import optional_dims, unexpected
from hornbeam.core.variable import Variable
from hornbeam.core.whole import all_or_nothing, one_at_a_time
from hornbeam.layers._configs import Configured, inputs_of, map_shape
from hornbeam.layers._owner import WeightOwner
from hornbeam.ops.math import maximum

__all__ = ["Layer"]


@register_builtin
class Layer(Configured, WeightOwner):
    """A piece of a model: weights made by ``build``, used by ``call``.

    Args:
        activity_regularizer: a penalty on its output, added to the loss.
        trainable: whether its weights are trained.
        dtype: dtype of its weights, None for ``floatx``.
        autocast: whether float inputs are cast to the layer's dtype.
        name: a name, None for one made from the class.
        input_shape, input_dim, batch_input_shape: of the ``Input`` that a ``Sequential`` puts before it.

    Subclasses define ``call`` in terms of ``hb.ops`` or other layers, make weights with ``add_weight`` in ``build`` (or in
    the constructor), and return what they are made of from ``get_config``.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("hornbeam."):
            register_builtin(cls)
            cls._nothing_to_build = cls.build is Layer.build and cls.__module__.startswith("hornbeam.layers.")
        if "build" in vars(cls):
            cls._nothing_to_build = False
            cls.build = _whole(vars(cls)["build"])  # type: ignore[method-assign]

    input_dtype: str | None = None  # of the Input that a model makes before it, None for floatx
    _nothing_to_build = False  # whether it is one of the package's own layers without weights and layers inside
    _init_args: tuple[Any, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        self._init_args = (args, kwargs)
        return self

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
        **unknown: Any,
    ) -> None:
        for argument in unknown:
            raise unexpected(self, argument, argument_names(type(self)))
        self.name = check_name(name or auto_name(to_snake_case(type(self).__name__)))
        self._trainable = bool(trainable)
        self._dtype = config.standardize_dtype(
            dtype.name if hasattr(dtype, "name") and not isinstance(dtype, np.dtype) else dtype
        )
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.supports_masking, self.autocast = False, bool(autocast)
        self.built = self._nothing_to_build
        self._fixed: tuple[int | None, dict[int, int]] | None = None
        if input_dim is not None:
            input_shape = (input_dim,)
        if input_shape is None and batch_input_shape is not None:
            input_shape = optional_dims("batch_input_shape", batch_input_shape)[1:]
        self._input_shape_arg = None if input_shape is None else optional_dims("input_shape", input_shape)

    # ---- calls ----
    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs of this shape. Override it; ``built`` is set once it is done.

        Where it is not overridden there is nothing to make but what the layers inside make when they are called: a model
        traces its ``call`` for that, and any other layer warns when they are not built yet.
        """
        self._check_begun()
        self.built = True
        if type(self).build is Layer.build and any(not layer.built for layer in self._layers):
            why = self._build_inside(input_shape)
            if why:
                names = [layer.name for layer in self._layers if not layer.built]
                warnings.warn(
                    f"layer {self.name!r}: {why}, so {names} are built when they are first called", stacklevel=2
                )

    def _build_inside(self, input_shape: Any) -> str:
        """Builds the layers inside, or says why they are not."""
        return "it has no build() of its own"

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Makes the weights for the inputs that ``get_build_config`` told of. Override both for what that cannot say."""
        if config:
            self._build_for(inputs_of(config, self._dtype))
            object.__setattr__(self, "_build_config", config)

    def _build_for(self, inputs: list[Any]) -> None:
        """Makes the weights for symbolic inputs, one for each of build()'s arguments."""
        self.build(*[map_structure(lambda t: t.shape, x) for x in inputs])
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
        self._check_begun()
        leaves = flatten([list(args), kwargs])
        if any(isinstance(x, KerasTensor) for x in leaves):
            return record_call(self, args, self._given(kwargs))
        args = tuple(self._convert(a) if i == 0 else self._cast_floats(a) for i, a in enumerate(args))
        kwargs = {k: self._cast_floats(v) for k, v in kwargs.items()}
        self._maybe_build(args, kwargs)
        return self._run(args, kwargs)

    def _given(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """What a call on symbolic tensors was given: not the arguments that are None, which is as good as none."""
        return {k: v for k, v in kwargs.items() if v is not None}

    def _convert(self, x: Any) -> Any:
        if isinstance(x, (list, tuple)) and x and all(isinstance(i, (bool, int, float)) for i in flatten(x)):
            raise ValueError(
                f"layer {self.name!r} takes tensors and arrays. Received: nested lists of numbers; np.array() makes an array of "
                "them"
            )
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
            map_structure(lambda t: tuple(t.shape) if t is not None else None, a) for a in args if _holds_tensors(a)
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
        given = [a for a in [*args, *kwargs.values()] if _holds_tensors(a)]
        if type(self).build is Layer.build:  # the layers inside are built when `call` comes to them
            self.built = True
            self._note_build(given, [p.name for p in wanted])
            return
        with one_at_a_time(), eager_scope():
            if not self.built:
                self.build(*shapes[: max(1, len(wanted))])
                self._note_build(given, [p.name for p in wanted])

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        accepts = _call_parameters(type(self))
        kwargs = dict(kwargs)
        outer = state.training
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
        if "mask" in accepts and kwargs.get("mask") is not None:
            mask, masked = kwargs["mask"], True
        elif "mask" in accepts and masked:
            kwargs["mask"] = mask
        if not state.scope:  # the losses are those of the last call from outside
            self._clear_losses()
        trace = current_trace()
        state.training = training
        state.scope.append(self.name)
        if trace is not None:
            trace.graph.scope = "/".join(state.scope)
        try:
            out = self.call(*args, **kwargs)
        except (ValueError, TypeError, MemoryError) as e:
            if len(e.args) == 1 and "layer" not in str(e):  # the innermost layer says where it was
                e.args = (f'{e} (layer "{"/".join(state.scope)}")',)
            raise
        finally:
            state.training = outer
            state.scope.pop()
            if trace is not None:
                trace.graph.scope = "/".join(state.scope)
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
        """Symbolic outputs for symbolic inputs, found by tracing ``call``; ``losses`` stay those of the last call."""
        kept = [(layer, list(layer._losses)) for layer in self._all_layers()]
        found = infer(self, args, kwargs)
        for layer, losses in kept:
            layer._losses[:] = losses
        return found

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


def _whole(build: Any) -> Any:
    """``build``, which marks the layer as built, and leaves it and those inside as they were when it fails."""

    @functools.wraps(build)
    def run(self: Any, *args: Any, **kwargs: Any) -> None:
        self._check_begun()
        with all_or_nothing(*self._all_layers()):
            build(self, *args, **kwargs)
            self.built = True
            shapes = [s for s in [*args, *kwargs.values()] if s is not None]
            if shapes:
                self._note_build(shapes, list(inspect.signature(build).parameters)[1:])

    return run


def _holds_tensors(x: Any) -> bool:
    return any(isinstance(t, (TensorLike, Variable)) for t in flatten(x))


_signatures: dict[type, set[str]] = {}


def _call_parameters(cls: Any) -> set[str]:
    if cls not in _signatures:
        parameters = inspect.signature(cls.call).parameters.values()
        _signatures[cls] = {"*" if p.kind is p.VAR_KEYWORD else p.name for p in parameters}
    return _signatures[cls]
