"""Configs of functional models: each layer with its calls, tensors named by (layer, call, output), as in Keras."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam.config import standardize_dtype
from hornbeam.core.registry import deserialize_keras_object, serialize_keras_object
from hornbeam.core.symbolic import KerasTensor
from hornbeam.core.tensor import Tensor
from hornbeam.core.tree import flatten
from hornbeam.layers.layer import Layer
from hornbeam.models import _operations  # noqa: F401  (its layers of ops stand in configs)


def _key(model: Any, t: KerasTensor) -> list[Any]:
    graph = model._graph
    for entry, layer in zip(graph.entry, graph.entry_layers):
        if t is entry:
            return [layer.name, 0, 0]
    node, index = t._keras_history
    calls = [n for n in graph.nodes if n.operation is node.operation]
    return [node.operation.name, next(i for i, n in enumerate(calls) if n is node), index]


def _encode(model: Any, x: Any) -> Any:
    if isinstance(x, KerasTensor):
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": list(x.shape), "dtype": x.dtype, "keras_history": _key(model, x)},
        }
    if isinstance(x, (Tensor, np.ndarray)):
        array = np.asarray(x)
        return {"class_name": "__numpy__", "config": {"value": array.tolist(), "dtype": array.dtype.name}}
    if isinstance(x, _core.Dim):
        raise ValueError("a symbolic dimension cannot be written to a config")
    if isinstance(x, tuple):
        return {"class_name": "__tuple__", "items": [_encode(model, i) for i in x]}
    if isinstance(x, list):
        return [_encode(model, i) for i in x]
    if isinstance(x, dict):
        return {k: _encode(model, v) for k, v in x.items()}
    return serialize_keras_object(x)


def functional_config(model: Any) -> dict[str, Any]:
    """The config: name, layers with their calls, inputs and outputs."""
    layers = []
    for layer in model._graph.operations:
        calls = [n for n in model._graph.nodes if n.operation is layer]
        entry = serialize_keras_object(layer)
        entry["name"] = layer.name
        entry["inbound_nodes"] = [
            {"args": [_encode(model, a) for a in n.args], "kwargs": _encode(model, n.kwargs)} for n in calls
        ]
        layers.append(entry)

    def structure(x: Any) -> Any:
        if isinstance(x, dict):
            return {k: structure(v) for k, v in x.items()}
        if isinstance(x, (list, tuple)):
            return [structure(v) for v in x]
        return _key(model, x)

    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": structure(model._graph.inputs),
        "output_layers": structure(model._graph.outputs),
    }


def made_of(entry: dict[str, Any]) -> Any:
    """The layer of an entry, which the calls will build; an entry may hold it already."""
    if isinstance(entry.get("layer"), Layer):
        return entry["layer"]
    parts = ("module", "class_name", "config", "registered_name", "compile_config")
    return deserialize_keras_object({k: entry[k] for k in parts if k in entry})


def functional_from_config(cls: Any, config: dict[str, Any]) -> Any:
    """The model such a config describes."""
    made: dict[str, Any] = {}
    tensors: dict[tuple[str, int, int], Any] = {}
    pending: deque[Any] = deque()
    for entry in config["layers"]:
        if entry["name"] in made:
            raise ValueError(f"two layers of the config are named {entry['name']!r}")
        layer = made_of(entry)
        made[entry["name"]] = layer
        if hasattr(layer, "batch_shape"):
            tensors[(entry["name"], 0, 0)] = layer.output
        pending.extend((entry["name"], i, call) for i, call in enumerate(entry["inbound_nodes"]))

    def decode(x: Any) -> Any:
        if isinstance(x, dict) and x.get("class_name") == "__keras_tensor__":
            return tensors[tuple(x["config"]["keras_history"])]
        if isinstance(x, dict) and x.get("class_name") == "__numpy__":
            return np.asarray(x["config"]["value"], dtype=standardize_dtype(x["config"]["dtype"]))
        if isinstance(x, dict) and x.get("class_name") == "__tuple__":
            return tuple(decode(i) for i in x["items"])
        if isinstance(x, dict):
            return {k: decode(v) for k, v in x.items()} if "class_name" not in x else deserialize_keras_object(x)
        if isinstance(x, list):
            return [decode(i) for i in x]
        return x

    waiting: dict[Any, list[Any]] = {}  # calls by the tensor that they miss
    while pending:
        name, index, call = pending.popleft()
        try:
            args, kwargs = decode(call["args"]), decode(call["kwargs"])
        except KeyError as e:
            waiting.setdefault(e.args[0], []).append((name, index, call))
            continue
        for k, t in enumerate(flatten(made[name](*args, **kwargs))):
            tensors[(name, index, k)] = t
            pending.extend(waiting.pop((name, index, k), ()))
    if waiting:
        raise ValueError(f"the config's calls do not form a graph: nobody makes what they wait for, {[*waiting][:5]}")

    def structure(x: Any) -> Any:
        if isinstance(x, dict):
            return {k: structure(v) for k, v in x.items()}
        if len(x) == 3 and isinstance(x[0], str):
            return tensors[tuple(x)]
        return [structure(v) for v in x]

    model = cls(structure(config["input_layers"]), structure(config["output_layers"]), name=config.get("name"))
    if config.get("trainable") is False:
        model.trainable = False
    return model
