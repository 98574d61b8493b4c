"""Recording calls on symbolic tensors, and shape inference by tracing them in a scratch graph."""

from __future__ import annotations

import itertools
from typing import Any

from hornbeam import _core, ops
from hornbeam._names import auto_name
from hornbeam._tensor import KerasTensor, emit
from hornbeam._trace import Trace, Traced
from hornbeam._tree import flatten, map_structure
from hornbeam._variable import Variable
from hornbeam.layers.layer import Layer

_symbols = itertools.count()


class Node:
    """One call of a layer or op on symbolic tensors."""

    def __init__(self, operation: Any, args: Any, kwargs: Any) -> None:
        self.operation, self.args, self.kwargs = operation, args, kwargs
        self.inputs_structure = args[0] if len(args) == 1 else list(args)
        self.inputs = [t for t in flatten([list(args), kwargs]) if isinstance(t, KerasTensor)]
        self.outputs: list[KerasTensor] = []
        self.outputs_structure: Any = None

    def run(self, values: dict[int, Any]) -> list[Any]:
        """Applies the operation, with values for its symbolic inputs."""

        def fill(t: Any) -> Any:
            return values[id(t)] if isinstance(t, KerasTensor) else t

        args, kwargs = map_structure(fill, list(self.args)), map_structure(fill, self.kwargs)
        return flatten(self.operation(*args, **kwargs))


class OpLayer(Layer):
    """A core op called on symbolic tensors, as a layer of a functional model.

    Args:
        op: the op's name.
        attrs: its parameters.
    """

    def __init__(self, op: str, attrs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name", None) or auto_name(op), **kwargs)
        self.autocast = False
        self.op = op
        self.attrs = dict(attrs or {})
        self.supports_masking = True

    def call(self, *inputs: Any) -> Any:
        """The op's outputs."""
        out = emit(self.op, list(inputs), **self.attrs)
        return out if len(out) > 1 else out[0]


class FunctionLayer(Layer):
    """A function of ``hornbeam.ops`` called on symbolic tensors, as a layer of a functional model. Masks end here.

    Args:
        function: its name.
    """

    def __init__(self, function: str, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name", None) or auto_name(function), **kwargs)
        self.autocast = False
        self.function = function
        self._op = getattr(ops, function)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns."""
        if self.function == "get_item":
            args = (args[0], _decoded_key(args[1]))
        return self._op(*args, **kwargs)

    def _convert(self, x: Any) -> Any:
        return x

    def get_config(self) -> dict[str, Any]:
        """The layer's config with the function's name."""
        return {**super().get_config(), "function": self.function}


_SLICE, _ELLIPSIS = "slice", "..."


def _encoded_key(key: Any) -> Any:
    """An index as lists and dicts, which configs can hold."""
    if isinstance(key, tuple):
        return {"keys": [_encoded_key(k) for k in key]}
    if isinstance(key, slice):
        return {_SLICE: [key.start, key.stop, key.step]}
    return {_ELLIPSIS: 0} if key is Ellipsis else key


def _decoded_key(key: Any) -> Any:
    if not isinstance(key, dict):
        return key
    if "keys" in key:
        return tuple(_decoded_key(k) for k in key["keys"])
    return slice(*key[_SLICE]) if _SLICE in key else Ellipsis


def _trace_inputs(trace: Trace, tensors: list[KerasTensor]) -> dict[int, Traced]:
    values: dict[int, Traced] = {}
    for t in tensors:
        if id(t) in values:
            continue
        dims = [
            d if d is not None else _core.Dim("batch" if i == 0 else f"u{next(_symbols)}")
            for i, d in enumerate(t.shape)
        ]
        values[id(t)] = trace.input(f"x{len(values)}", t.dtype, tuple(dims))
        if t._keras_mask is not None:
            m = t._keras_mask
            mdims = dims[: len(m.shape)]
            values[id(t)]._keras_mask = trace.input(f"mask{len(values)}", "bool", tuple(mdims))
    return values


def infer(layer: Layer, args: Any, kwargs: Any) -> Any:
    """Symbolic outputs of a layer for symbolic inputs."""
    tensors = [t for t in flatten([list(args), kwargs]) if isinstance(t, KerasTensor)]
    with Trace() as trace:
        values = _trace_inputs(trace, tensors)

        def fill(t: Any) -> Any:
            return values[id(t)] if isinstance(t, KerasTensor) else t

        out = layer(*map_structure(fill, list(args)), **map_structure(fill, kwargs))

        def symbol(t: Any) -> Any:
            if t is None:
                return None
            if isinstance(t, Variable):
                t = t.value
            k = KerasTensor(t.shape, t.dtype)
            mask = getattr(t, "_keras_mask", None)
            if mask is not None:
                k._keras_mask = KerasTensor(mask.shape, "bool")
            return k

        result = map_structure(symbol, out)
    for sub in layer._all_layers():
        sub._losses.clear()
    return result


def record_layer(layer: Layer, args: Any, kwargs: Any) -> Any:
    """Calls a layer on symbolic tensors: infers the outputs and remembers the call."""
    if not isinstance(layer, FunctionLayer):  # to a layer, None is not given; to a function it may mean something
        kwargs = {k: v for k, v in kwargs.items() if v is not None}
    node = Node(layer, args, kwargs)
    node.outputs_structure = infer(layer, args, node.kwargs)
    node.outputs = flatten(node.outputs_structure)
    for i, t in enumerate(node.outputs):
        t._keras_history = (node, i)
        t.name = t.name or "keras_tensor"
    layer._inbound.append(node)
    return node.outputs_structure


def record_op(op: str, inputs: list[Any], attrs: dict[str, Any]) -> list[Any]:
    """The same for a core op; always returns a list."""
    layer = OpLayer(op, attrs)
    layer.built = True
    out = record_layer(layer, tuple(inputs), {})
    return list(out) if isinstance(out, (list, tuple)) else [out]


def record_function(name: str, args: Any, kwargs: Any) -> Any:
    """The same for a function of ``hornbeam.ops``."""
    layer = FunctionLayer(name)
    layer.built = True
    if name == "get_item":
        given = [*args, *kwargs.values()]
        args, kwargs = (given[0], _encoded_key(given[1])), {}
    return record_layer(layer, tuple(args), kwargs)
