"""Symbolic tensors, the calls on them, and what those give, inferred by tracing them in a scratch graph."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, ClassVar

from hornbeam import _core, config
from hornbeam.core.operators import HasValue, Shape, TensorLike
from hornbeam.core.strings import STRING
from hornbeam.core.trace import Trace, Traced
from hornbeam.core.tree import flatten, map_structure
from hornbeam.core.validation import optional_dims, unsupported

_symbols = itertools.count()


class KerasTensor(TensorLike):
    """A symbolic input or output of layers, from which functional models are made.

    Args:
        shape: dimensions, None where unknown.
        dtype: name of the element type, or "string", which layers that run before a graph take.
        sparse: False; there are no sparse tensors.
        ragged: False; there are no ragged tensors.
        record_history: only True: calls on it become part of models.
        name: optional name.

    Raises:
        TypeError: when there is no such dtype here.
        ValueError: for a dimension that is no int >= 0, and for a sparse or ragged tensor.
    """

    # What notes an op of the core's, and a function of ``hornbeam.ops``, called on one: set by models, where ops are layers.
    record_op: ClassVar[Callable[[str, list[Any], dict[str, Any]], list[Any]]]
    record_function: ClassVar[Callable[[str, Any, Any], Any]]
    sparse = ragged = False  # of every tensor here
    _input_layer: Any = None  # the layer whose tensor it is, of an input

    def __init__(
        self,
        shape: Shape,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
    ) -> None:
        unsupported("record_history", record_history, True)
        if sparse or ragged:
            raise ValueError(f"tensors here are dense. Received: sparse={sparse}, ragged={ragged}")
        self.shape = optional_dims("shape", shape)
        self.dtype = STRING if dtype == STRING else config.standardize_dtype(dtype)
        self.name = name
        self._keras_history: Any = None  # (node, index of the output)
        self._keras_mask: Any = None

    def __bool__(self) -> bool:
        raise TypeError("a symbolic KerasTensor has no value; it cannot be used as a Python bool")

    def __float__(self) -> float:
        raise TypeError("a symbolic KerasTensor has no value; it cannot be used as a Python number")

    __int__ = __float__  # type: ignore[assignment]

    def __len__(self) -> int:
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"a symbolic tensor of shape {self.shape} has no known length")
        return int(self.shape[0])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError("a symbolic KerasTensor has no value; build a Model from it and call predict()")

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_keras_history": None}  # which the graph of a model gives back to its copy's tensors

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape} dtype={self.dtype} name={self.name}>"


class Node:
    """One call of a layer or op on symbolic tensors."""

    def __init__(self, operation: Any, args: Any, kwargs: Any) -> None:
        self.operation, self.args, self.kwargs = operation, args, kwargs
        self.inputs_structure = args[0] if len(args) == 1 else list(args)
        self.inputs = [t for t in flatten([list(args), kwargs]) if isinstance(t, KerasTensor)]
        self.outputs: list[KerasTensor] = []
        self.outputs_structure: Any = None

    def made(self, outputs: Any) -> None:
        """Takes the symbolic outputs, and is remembered by them and by the operation."""
        self.outputs_structure, self.outputs = outputs, flatten(outputs)
        for i, t in enumerate(self.outputs):
            t._keras_history = (self, i)
            t.name = t.name or "keras_tensor"
        self.operation._inbound.append(self)

    def run(self, values: dict[int, Any]) -> list[Any]:
        """Applies the operation, with values for its symbolic inputs, which keep their masks for other calls."""

        def fill(t: Any) -> Any:
            return values[id(t)] if isinstance(t, KerasTensor) else t

        masked = [(x, m) for x in map(fill, self.inputs) if (m := getattr(x, "_keras_mask", None)) is not None]
        args, kwargs = map_structure(fill, list(self.args)), map_structure(fill, self.kwargs)
        outputs = flatten(self.operation(*args, **kwargs))
        for x, mask in masked:
            x._keras_mask = mask
        return outputs


def runs_at_edge(layer: Any, tensors: list[KerasTensor]) -> bool:
    """Whether a layer that is called on these runs before the graph, which holds no strings.

    Raises:
        TypeError: when it takes no strings, and there are some.
    """
    strings = any(t.dtype == STRING for t in tensors)
    if strings and not layer.takes_strings:
        raise TypeError(
            f"layer {layer.name!r} takes numbers: strings go through StringLookup, TextVectorization or another layer that "
            "takes them, first"
        )
    return strings


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


def infer(layer: Any, args: Any, kwargs: Any) -> Any:
    """Symbolic outputs of a layer for symbolic inputs."""
    tensors = [t for t in flatten([list(args), kwargs]) if isinstance(t, KerasTensor)]
    if runs_at_edge(layer, tensors) or getattr(layer, "_knows_spec", False):
        return layer.compute_output_spec(*args, **kwargs)
    with Trace() as trace:
        values = _trace_inputs(trace, tensors)

        def fill(t: Any) -> Any:
            return values[id(t)] if isinstance(t, KerasTensor) else t

        out = layer(*map_structure(fill, list(args)), **map_structure(fill, kwargs))

        def symbol(t: Any) -> Any:
            if t is None:
                return None
            if isinstance(t, HasValue):
                t = t.value
            k = KerasTensor(t.shape, t.dtype)
            mask = getattr(t, "_keras_mask", None)
            if mask is not None:
                k._keras_mask = KerasTensor(mask.shape, "bool")
            return k

        result = map_structure(symbol, out)
    layer._clear_losses()
    return result


def record_call(layer: Any, args: Any, kwargs: Any) -> Any:
    """Calls a layer on symbolic tensors: infers the outputs and remembers the call."""
    node = Node(layer, args, kwargs)
    node.made(infer(layer, args, kwargs))
    return node.outputs_structure
