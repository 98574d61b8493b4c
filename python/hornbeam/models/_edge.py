"""The edge of a model: what runs on its inputs before its graph, which holds no strings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hornbeam.core.strings import STRING, as_strings, is_strings
from hornbeam.core.symbolic import KerasTensor, Node, runs_at_edge
from hornbeam.core.tensor import Tensor
from hornbeam.core.trace import Traced
from hornbeam.core.tree import flatten
from hornbeam.data.arrays import to_arrays

_MOST = 2**28  # bytes of numbers that are kept for the strings of a whole data set


class Edge:
    """The calls of a functional model that run before its graph, on the host, a batch at a time.

    ``begins`` are the symbolic tensors that the graph begins with, by names: the model's inputs that hold numbers, and what
    comes of the others, by the layers' names. Dicts of arrays by these names are encoded batches.

    Args:
        entry: the model's symbolic inputs.
        nodes: its calls, in an order in which they can run.
        outputs: its symbolic outputs.

    Raises:
        ValueError: when a call that has to run there takes what the graph computes.
    """

    def __init__(self, entry: list[KerasTensor], nodes: list[Node], outputs: list[KerasTensor]) -> None:
        self.entry = entry
        self.nodes: list[Node] = []
        known = {id(t) for t in entry}
        for node in nodes:
            if runs_at_edge(node.operation, node.inputs):
                if not all(id(t) in known for t in node.inputs):
                    raise ValueError(
                        f"layer {node.operation.name!r} runs before the model's graph, on its inputs: it cannot take what other "
                        "layers compute"
                    )
                self.nodes.append(node)
                known |= {id(t) for t in node.outputs}
        own = {id(n) for n in self.nodes}
        inner = [n for n in nodes if id(n) not in own]
        needed = {id(t) for n in inner for t in n.inputs} | {id(t) for t in outputs}
        self.begins: dict[str, KerasTensor] = {str(t.name): t for t in entry if t.dtype != STRING}
        for node in self.nodes:
            for t in node.outputs:
                if id(t) in needed:
                    self.begins[self._fresh(node.operation.name)] = t
        self.inner = inner

    def _fresh(self, name: str) -> str:
        n, unique = 0, name
        while unique in self.begins:
            n += 1
            unique = f"{name}_{n}"
        return unique

    def __bool__(self) -> bool:
        """Whether there is anything to do there."""
        return bool(self.nodes) or any(t.dtype == STRING for t in self.entry)

    def is_encoded(self, x: Any) -> bool:
        """Whether x is what ``encode`` gave."""
        return isinstance(x, dict) and x.keys() == self.begins.keys()

    def description(self, layers: list[Any], assets: str) -> dict[str, Any] | None:
        """What a native program makes the same of, as JSON holds it; None where it takes Python.

        Args:
            layers: all of the model's, whose places number what the file keeps of them.
            assets: how the names of that begin.
        """
        inputs = [
            {"name": str(t.name), "strings": t.dtype == STRING, "shape": [-1 if d is None else d for d in t.shape[1:]]}
            for t in self.entry
        ]
        places = {id(t): i for i, t in enumerate(self.entry)}
        if any(d is None for t in self.entry if t.dtype == STRING for d in t.shape[1:]):
            return None
        begins = []
        for name, t in sorted(self.begins.items()):  # the order in which programs take them
            shape = [-1 if d is None else d for d in t.shape[1:]]
            if id(t) in places:
                begins.append({"name": name, "input": places[id(t)]})
                continue
            node = t._keras_history[0]
            native, taken = node.operation._native(), [places.get(id(i)) for i in node.inputs]
            if native is None or None in taken or t.dtype not in ("int64", "float32"):
                return None
            begin = {"name": name, "shape": shape}
            if len(taken) > 1:
                begins.append({**begin, "crossing": {"inputs": taken, **native}})
            else:
                kept = f"{assets}{layers.index(node.operation)}/"
                begins.append({**begin, "input": taken[0], "encoder": native, "assets": kept})
        return {"inputs": inputs, "begins": begins}

    def fits(self, samples: int) -> bool:
        """Whether so many samples may be encoded at once: as long as what comes of each does not depend on the others, and is
        small enough to be kept."""
        made = [t for t in self.begins.values() if all(t is not entry for entry in self.entry)]
        if any(d is None for t in made for d in t.shape[1:]):
            return False
        return samples * sum(8 * math.prod(t.shape[1:]) for t in made) <= _MOST

    def encode(self, x: Any, name: str) -> dict[str, Any]:
        """A batch of inputs as what the graph begins with.

        Args:
            x: in the structure of the model's inputs, or a dict by their names.
            name: the model's, for messages.
        """
        if self.is_encoded(x):
            return x  # type: ignore[no-any-return]
        if isinstance(x, dict) and all(t.name in x for t in self.entry):
            given = [x[t.name] for t in self.entry]
        else:
            given = [x] if len(self.entry) == 1 and is_strings(x) else flatten(x)
        if len(given) != len(self.entry):
            raise ValueError(f"model {name!r} takes {len(self.entry)} inputs. Received: {len(given)}")
        if any(isinstance(v, (Traced, KerasTensor)) for v in given):
            raise ValueError(f"model {name!r} takes strings, which no graph holds: call it outside of one")
        values = {id(t): _fit(v, t, name) for t, v in zip(self.entry, given)}
        for node in self.nodes:
            values.update({id(t): v for t, v in zip(node.outputs, node.run(values))})
        return {name: _array(values[id(t)], t) for name, t in self.begins.items()}


def _fit(x: Any, t: KerasTensor, name: str) -> Any:
    """An array for an input, with its axes."""
    if t.dtype == STRING:
        try:
            a = as_strings(x)
        except TypeError as e:
            raise TypeError(f"input {t.name!r} of model {name!r}: {e}") from None
    else:
        a = to_arrays(str(t.name), x)
    if a.ndim == len(t.shape) - 1 and t.shape[-1] == 1:
        a = a[..., None]
    elif a.ndim == len(t.shape) + 1 and a.shape[-1] == 1:
        a = a[..., 0]
    if a.ndim != len(t.shape) or any(n not in (None, d) for n, d in zip(t.shape[1:], a.shape[1:])):
        raise ValueError(f"input {t.name!r} of model {name!r} must have shape {t.shape}. Received: shape={a.shape}")
    return a


def _array(x: Any, t: KerasTensor) -> Any:
    """What the graph begins with, in the dtype that it was told of."""
    a = x._buffer.host() if isinstance(x, Tensor) else np.asarray(x)
    return a if t.dtype == "bfloat16" else np.ascontiguousarray(a, t.dtype)
