"""Ops as layers: what the graph of a functional model holds of the ops called on symbolic tensors."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.names import auto_name
from hornbeam.core.symbolic import KerasTensor, record_call
from hornbeam.core.tensor import emit
from hornbeam.layers.layer import Layer


class Operation(Layer):
    """What an op is in a functional model's graph: a layer that is none of the model's own."""


class OpLayer(Operation):
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

    def call(self, *inputs: Any) -> Any:
        """The op's outputs."""
        out = emit(self.op, list(inputs), **self.attrs)
        return out if len(out) > 1 else out[0]


class FunctionLayer(Operation):
    """A function of ``hornbeam.ops`` called on symbolic tensors, as a layer of a functional model. Masks end here.

    Args:
        function: its name, "image.resize" for one of ``hornbeam.ops.image``.
    """

    def __init__(self, function: str, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name", None) or auto_name(function.rpartition(".")[2]), **kwargs)
        self.autocast = False
        self.function = function
        self._op = _public(function)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns."""
        if self.function == "get_item":
            args = (args[0], _decoded_key(args[1]))
        return self._op(*args, **kwargs)

    def _convert(self, x: Any) -> Any:
        return x

    def _given(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return kwargs  # None may mean something

    def get_config(self) -> dict[str, Any]:
        """The layer's config with the function's name."""
        return {**super().get_config(), "function": self.function}


def _public(function: str) -> Any:
    """The function of ``hornbeam.ops`` of this name, which a file may have given."""
    found: Any = ops
    for part in function.split("."):
        found = getattr(found, part) if part in getattr(found, "__all__", ()) else None
    if not callable(found):
        raise ValueError(f"unknown function {function!r}: `hornbeam.ops` has none of this name")
    return found


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


def record_op(op: str, inputs: list[Any], attrs: dict[str, Any]) -> list[Any]:
    """Calls a core op on symbolic tensors, and remembers the call; always returns a list."""
    layer = OpLayer(op, attrs)
    layer.built = True
    out = record_call(layer, tuple(inputs), {})
    return list(out) if isinstance(out, (list, tuple)) else [out]


def record_function(name: str, args: Any, kwargs: Any) -> Any:
    """The same for a function of ``hornbeam.ops``, which returns what it would."""
    layer = FunctionLayer(name)
    layer.built = True
    if name == "get_item":
        given = [*args, *kwargs.values()]
        args, kwargs = (given[0], _encoded_key(given[1])), {}
    return record_call(layer, tuple(args), kwargs)


KerasTensor.record_op, KerasTensor.record_function = record_op, record_function
