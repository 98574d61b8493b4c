"""``.weights.h5`` files as Keras writes them: each layer's weights under the attributes that lead to it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam.core.names import to_snake_case
from hornbeam.core.registry import is_a
from hornbeam.saving import hdf5

SUFFIX = b".weights.h5"
# Attributes of models that lead to what others lead to as well, or to what is no part of the model.
_INTERNAL = {"_graph", "_compilation", "_programs", "_build_config", "_signatures", "optimizer", "loss", "history"}


def weights_by_path(model: Any) -> dict[str, Any]:
    """The weights under the paths that Keras gives them: "layers/dense/vars/0" for the first Dense layer's kernel.

    What several attributes lead to has the first one's path: a graph's ``layers`` come before attributes by name, and
    private attributes last. Layers in lists and dicts are named by their classes.
    """
    out: dict[str, Any] = {}
    _visit(model, "", out, set())
    return out


def _visit(layer: Any, path: str, out: dict[str, Any], seen: set[int]) -> None:
    if id(layer) in seen:
        return
    seen.add(id(layer))
    own = [*layer._trainable_variables, *layer._non_trainable_variables]
    out.update((f"{path}vars/{i}", w) for i, w in enumerate(own))
    names = vars(layer).keys() - _INTERNAL - layer._untracked | ({"layers"} if is_a(layer, "Model") else set())
    first = "layers" if getattr(layer, "_graph", None) is not None or is_a(layer, "Sequential") else ""
    for name in sorted(names, key=lambda n: (n != first, n.startswith("_"), n)):
        _visit_value(getattr(layer, name), f"{path}{name}/", out, seen)


def _visit_value(value: Any, path: str, out: dict[str, Any], seen: set[int]) -> None:
    if is_a(value, "Layer"):
        _visit(value, path, out, seen)
    elif isinstance(value, (list, tuple, dict)):
        _visit_all(value, path, out, seen)


def _visit_all(values: Any, path: str, out: dict[str, Any], seen: set[int]) -> None:
    used: dict[str, int] = {}
    for value in values.values() if isinstance(values, dict) else values:
        if not is_a(value, "Layer") and not isinstance(value, (list, tuple, dict)):
            continue
        name = to_snake_case(type(value).__name__) if is_a(value, "Layer") else "container"
        n = used[name] = used.get(name, -1) + 1
        _visit_value(value, f"{path}{name}_{n}/" if n else f"{path}{name}/", out, seen)


def write(model: Any, path: bytes) -> None:
    """Writes a model's weights; the file appears whole or not at all."""
    tree: dict[str, Any] = {}
    for place, w in weights_by_path(model).items():
        *groups, name = place.split("/")
        group = tree
        for g in groups:
            group = group.setdefault(g, {})
        group[name] = w.numpy()
    _core.write_file(path, hdf5.dump(tree))


def read(model: Any, path: bytes) -> list[tuple[str, Any, Any]]:
    """Each weight: where it is in the file, itself, and what is stored for it (None: nothing).

    Raises:
        FormatError: when the file is damaged.
        ValueError: when it holds weights that the model has not; the optimizer's are passed over.
    """
    data = _core.read_file(path)
    try:
        found = hdf5.flat(hdf5.load(data))
    except ValueError as e:
        raise _core.FormatError(f"{os.fsdecode(path)} cannot be read as HDF5: {e}") from e
    own = weights_by_path(model)
    others = [p for p in found if p not in own and not p.startswith("optimizer/")]
    if others:
        raise ValueError(f"the file holds {len(found)} weights, and the model has none at {others[:5]}")
    return [(p, w, _variable(p, found.get(p))) for p, w in own.items()]


def _variable(path: str, array: Any) -> Any:
    return None if array is None else _core.Variable(path, np.array(array), False)
