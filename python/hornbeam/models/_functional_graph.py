"""The graphs of functional models."""

from __future__ import annotations

from typing import Any

from hornbeam.core.symbolic import KerasTensor, Node
from hornbeam.core.tensor import to_tensor
from hornbeam.core.tree import flatten, map_structure, pack_like
from hornbeam.layers.input import InputLayer
from hornbeam.models._edge import Edge
from hornbeam.ops import expand_dims, squeeze


class Graph:
    """The calls between a functional model's inputs and outputs.

    ``nodes`` are in an order in which they can run. ``operations`` are the layers and ops, inputs included, in Keras' order:
    the farthest from the outputs first, those that are equally far as a search from the outputs meets them.

    Args:
        inputs: a symbolic tensor or a structure of them.
        outputs: likewise.

    Raises:
        ValueError: when one is not symbolic, outputs depend on something else, or two operations have one name.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        for t in flatten(inputs):
            if not isinstance(t, KerasTensor):
                raise ValueError(f"a model's inputs must be symbolic (hb.Input). Received: {t!r}")
        for t in flatten(outputs):
            if not isinstance(t, KerasTensor):
                raise ValueError(f"a model's outputs must come from layers called on symbolic tensors. Received: {t!r}")
        self.inputs, self.outputs = inputs, outputs
        self.entry: list[KerasTensor] = flatten(inputs)
        self.entry_layers = [_input_layer(t) for t in self.entry]
        found = self._search()
        self.nodes = [n for n in found if isinstance(n, Node)]
        self._find_edge()
        names: set[str] = set()
        for operation in self.operations:
            if operation.name in names:
                raise ValueError(f"layers of a model need different names. Received: two named {operation.name!r}")
            names.add(operation.name)

    def _find_edge(self) -> None:
        edge = Edge(self.entry, self.nodes, flatten(self.outputs))
        self.edge = edge or None  # what runs before the graph, if anything
        self._inner = edge.inner if edge else self.nodes

    def _search(self) -> list[Any]:
        """Nodes, and the input layers in their stead, from inputs to outputs; sets ``operations``."""
        sources = {id(t): layer for t, layer in zip(self.entry, self.entry_layers)}

        def maker(t: KerasTensor) -> Any:
            if id(t) in sources:
                return sources[id(t)]
            if t._keras_history is None:
                raise ValueError(f"the outputs depend on {t!r}, which is not among the model's inputs")
            return t._keras_history[0]

        def operation(node: Any) -> Any:
            return node.operation if isinstance(node, Node) else node

        def before(node: Any) -> list[Any]:
            return [maker(t) for t in node.inputs] if isinstance(node, Node) else []

        order: list[Any] = []
        seen: set[int] = set()
        met: dict[Any, int] = {}
        stack = [(maker(t), False) for t in reversed(flatten(self.outputs))]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                met.setdefault(operation(node), len(met))
                stack.append((node, True))
                stack += [(n, False) for n in reversed(before(node))]
        distance: dict[Any, int] = {}
        farthest: dict[Any, int] = {}
        for node in reversed(order):
            made_by = operation(node)
            far = farthest[made_by] = distance[node] = max(distance.get(node, 0), farthest.get(made_by, 0))
            for n in before(node):
                distance[n] = max(distance.get(n, 0), far + 1)
        for layer in self.entry_layers:  # inputs that no output depends on
            if layer not in farthest:
                farthest[layer], met[layer] = 0, -1
        self.operations = sorted(farthest, key=lambda x: (-farthest[x], met[x]))
        return order

    def run(self, inputs: Any, name: str, mask: Any = None) -> Any:
        """Applies the calls to values; a list of one output is that output.

        Args:
            inputs: in the structure of the graph's inputs, or a dict by their names.
            name: the model's, for messages.
            mask: the inputs' masks in their structure, None for those that they carry.
        """
        if self.edge is not None:
            inputs = self.edge.encode(inputs, name)
            return self._run(list(self.edge.begins.values()), [inputs[n] for n in self.edge.begins], [], name)
        if isinstance(inputs, dict) and not isinstance(self.inputs, dict):
            names = [t.name for t in self.entry]
            missing = [n for n in names if n not in inputs]
            if missing:
                raise ValueError(f"model {name!r} takes inputs {names}. Received: {sorted(inputs)}")
            given = [inputs[n] for n in names]
            masks = [mask.get(n) for n in names] if isinstance(mask, dict) else flatten(mask)
        else:
            given, masks = flatten(inputs), flatten(mask)
        if len(given) != len(self.entry):
            raise ValueError(f"model {name!r} takes {len(self.entry)} inputs. Received: {len(given)}")
        return self._run(self.entry, given, masks, name)

    def _run(self, begins: list[KerasTensor], given: list[Any], masks: list[Any], name: str) -> Any:
        values = {id(t): _fit(x, t, name) for t, x in zip(begins, given)}
        for t, m in zip(begins, masks):
            if m is not None:
                values[id(t)]._keras_mask = to_tensor(m)
        return self._outputs(values, self._inner)

    def replay(self, inputs: Any) -> Any:
        """Calls the layers one by one on other symbolic inputs, so that they become those of another model."""
        given = flatten(inputs)
        if len(given) != len(self.entry):
            raise ValueError(f"{len(self.entry)} inputs are needed. Received: {len(given)}")
        return self._outputs({id(t): x for t, x in zip(self.entry, given)}, self.nodes)

    def _outputs(self, values: dict[int, Any], nodes: list[Node]) -> Any:
        for node in nodes:
            for t, v in zip(node.outputs, node.run(values)):
                values[id(t)] = v
        out = pack_like(self.outputs, [values[id(t)] for t in flatten(self.outputs)])
        return out[0] if isinstance(out, (list, tuple)) and len(out) == 1 else out

    # ---- copies: calls name tensors by number, for a chain of calls may be longer than Python's stack is deep ----
    def __getstate__(self) -> dict[str, Any]:
        made = [*self.entry, *(t for n in self.nodes for t in n.outputs)]
        number = {id(t): i for i, t in enumerate(made)}

        def encode(structure: Any) -> Any:
            return map_structure(lambda t: _Number(number[id(t)]) if isinstance(t, KerasTensor) else t, structure)

        return {
            "entry_layers": self.entry_layers,
            "operations": self.operations,
            "tensors": made,
            "nodes": [
                (n.operation, encode(list(n.args)), encode(n.kwargs), encode(n.outputs_structure)) for n in self.nodes
            ],
            "inputs": encode(self.inputs),
            "outputs": encode(self.outputs),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.entry_layers, self.operations = state["entry_layers"], state["operations"]
        tensors = state["tensors"]

        def decode(structure: Any) -> Any:
            return map_structure(lambda n: tensors[n.value] if isinstance(n, _Number) else n, structure)

        self.nodes = []
        for operation, args, kwargs, outputs in state["nodes"]:
            node = Node(operation, tuple(decode(args)), decode(kwargs))
            node.made(decode(outputs))
            self.nodes.append(node)
        self.inputs, self.outputs = decode(state["inputs"]), decode(state["outputs"])
        self.entry = flatten(self.inputs)
        self._find_edge()


class _Number:
    """A tensor's place in a copied graph."""

    def __init__(self, value: int) -> None:
        self.value = value


def _input_layer(t: KerasTensor) -> InputLayer:
    """The layer of an input; a new one for a tensor that other layers made."""
    return t._input_layer or InputLayer(batch_shape=t.shape, dtype=t.dtype)


def _fit(x: Any, t: KerasTensor, name: str) -> Any:
    """A value for an input, of its dtype and number of axes."""
    x = to_tensor(x)
    mask = getattr(x, "_keras_mask", None)
    if len(x.shape) == len(t.shape) - 1 and t.shape[-1] == 1:
        x = expand_dims(x, -1)
    elif len(x.shape) == len(t.shape) + 1 and x.shape[-1] == 1:
        x = squeeze(x, -1)
    if len(x.shape) != len(t.shape) or any(
        a is not None and b is not None and a != b for a, b in zip(t.shape[1:], x.shape[1:])
    ):
        raise ValueError(
            f"input {t.name!r} of model {name!r} must have shape {t.shape}. Received: shape={tuple(x.shape)}"
        )
    if x.dtype != t.dtype and not (x.dtype == "int64" and t.dtype in ("int32", "uint8")):  # no id wraps around
        x = to_tensor(x, t.dtype)
    if mask is not None:
        x._keras_mask = mask
    return x
