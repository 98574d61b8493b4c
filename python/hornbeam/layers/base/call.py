"""Calls: of layers on tensors, with masks, losses and the training flag, and on symbolic tensors."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from hornbeam.core.operators import TensorLike
from hornbeam.core.state import state
from hornbeam.core.symbolic import KerasTensor, infer, record_call
from hornbeam.core.tensor import is_float, is_tensor, to_tensor
from hornbeam.core.trace import current_trace
from hornbeam.core.tree import flatten, map_structure
from hornbeam.core.variable import Variable
from hornbeam.layers.base.building import Buildable
from hornbeam.layers.base.shapes import map_shape
from hornbeam.ops.math import maximum

__all__ = ["Called", "call_parameters"]


class Called(Buildable):
    """The part of ``Layer`` that runs ``call``."""

    activity_regularizer: Any
    autocast: bool
    supports_masking: bool
    takes_strings = False  # before a model's program: see layers.preprocessing.edge
    _knows_spec = False  # whether compute_output_spec tells what comes of symbolic inputs without tracing `call`

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation. Override it."""
        raise NotImplementedError(f"layer {type(self).__name__} must define call()")

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
        if not self.autocast or not is_float(self.compute_dtype):
            return x

        dtype = self.compute_dtype

        def cast(t: Any) -> Any:
            given = isinstance(t, (TensorLike, np.ndarray)) and is_float(str(t.dtype))
            return to_tensor(t, dtype) if given and t.dtype != dtype else t

        return map_structure(cast, x)

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        accepts = call_parameters(type(self))
        kwargs = dict(kwargs)
        outer, read_in = state.training, state.autocast
        training = kwargs.get("training")
        if training is None:
            training = outer
        if training is None:  # outside of any training loop some layers work as in training, as they say themselves
            training = _own_default(type(self))
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
        state.training, state.autocast = training, self._reads_in(read_in)
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
            state.training, state.autocast = outer, read_in
            state.scope.pop()
            if trace is not None:
                trace.graph.scope = "/".join(state.scope)
        if masked or type(self).compute_mask is not Called.compute_mask:
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

    def _reads_in(self, outer: str | None) -> str | None:
        """What ``call`` reads float weights in, None for their own dtype, where the layer around reads in ``outer``."""
        if outer is None:
            return self.compute_dtype if self.compute_dtype != self.variable_dtype else None
        return self.compute_dtype if self.autocast and is_float(self.compute_dtype) else None

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


_signatures: dict[type, set[str]] = {}


def call_parameters(cls: Any) -> set[str]:
    """Names of the arguments that ``call`` of a layer's class takes; "*" where it takes any."""
    if cls not in _signatures:
        parameters = inspect.signature(cls.call).parameters.values()
        _signatures[cls] = {"*" if p.kind is p.VAR_KEYWORD else p.name for p in parameters}
    return _signatures[cls]


_defaults: dict[type, bool | None] = {}


def _own_default(cls: Any) -> bool | None:
    """The training flag of a call that nobody gave one: True where ``call`` has that as its default."""
    if cls not in _defaults:
        parameter = inspect.signature(cls.call).parameters.get("training")
        _defaults[cls] = True if parameter is not None and parameter.default is True else None
    return _defaults[cls]
