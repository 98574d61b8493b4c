"""``.hornbeam`` files: config, weights, optimizer state and compiled steps in one file (cpp/src/io/format.md)."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam._tree import flatten
from hornbeam.saving.registry import deserialize_keras_object, serialize_keras_object


def _named(variables: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Unique names, in order: a name's second use gets "#1" and so on. A variable appears once."""
    seen: dict[str, int] = {}
    done: set[int] = set()
    out = []
    for name, v in variables:
        if id(v) in done:
            continue
        done.add(id(v))
        n = seen.get(name, 0)
        seen[name] = n + 1
        out.append((name if n == 0 else f"{name}#{n}", v))
    return out


def _model_variables(model: Any) -> list[tuple[str, Any]]:
    return [(v.path, v) for v in model.variables]


def _path(filepath: Any) -> str:
    path = os.fspath(filepath)
    return path.decode() if isinstance(path, bytes) else str(path)


def _functions(model: Any, sample: Any) -> dict[str, Any]:
    functions: dict[str, Any] = {}
    steps = {kind: programs.last() for kind, programs in model._steps.items() if len(programs)}
    if sample is not None and model._compiled and "train" not in steps:
        from hornbeam.training import data

        x, y, w = data.unpack_x_y_sample_weight(sample)
        batch = tuple(data.to_arrays(n, a) for n, a in (("x", x), ("y", y), ("sample_weight", w)))
        steps["train"] = model._step_for("train", batch)
    if "predict" not in steps:
        try:
            inputs = flatten(model.input)
            arrays = [np.zeros((1, *(d if d is not None else 1 for d in t.shape[1:])), t.dtype) for t in inputs]
            known = all(d is not None for t in inputs for d in t.shape[1:])
        except ValueError:
            known = False
        if known:
            steps["predict"] = model._step_for("predict", (arrays if len(arrays) > 1 else arrays[0],))
    for kind in ("predict", "train"):
        if kind in steps:
            functions[kind] = steps[kind]
    return functions


def save_model(model: Any, filepath: Any, overwrite: bool = True, config: bool = True, sample: Any = None) -> None:
    """Writes a model to one file: config, weights, optimizer state and compiled programs.

    Args:
        model: a built model.
        filepath: a path ending in ".hornbeam".
        overwrite: False: raise when the file exists.
        config: whether ``load_model`` shall be able to make the model again; False leaves what native programs need.
        sample: ``(x, y)`` to trace the training step of a model that has not trained yet.

    Raises:
        FileExistsError: when the file exists and ``overwrite`` is False.
        ValueError: when the model has no weights yet.
        OSError: when the file cannot be written; an old file is left as it was.
    """
    path = _path(filepath)
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path} exists and overwrite=False")
    if not model.built and not model.weights:
        raise ValueError(f"model {model.name!r} has no weights yet: call it on data, or build it, before saving")
    functions = _functions(model, sample)
    metrics = [v for _, m in model._metric_items() for v in m.variables]
    optimizer = model.optimizer
    named = _model_variables(model)
    if optimizer is not None:
        named += [(f"optimizer/{v.path}", v) for v in optimizer.variables]
    named += [(f"metrics/{v.path}", v) for v in metrics]
    known = {id(v._core) for _, v in named}
    others = [c for step in functions.values() for c in step.graph.variables if id(c) not in known]
    variables = [(n, v._core) for n, v in _named(named)]
    cores = {id(c) for _, c in variables}
    for c in others:  # state that only a traced step knows, such as a user's own variables
        if id(c) not in cores:
            cores.add(id(c))
            variables.append((f"other/{len(variables)}/{c.name}", c))
    names = {id(c): n for n, c in variables}
    train = functions.get("train")
    rate = optimizer._rate if optimizer is not None else None
    signature = {
        "logs": sorted(train.result) if train is not None and isinstance(train.result, dict) else [],
        "metric_state": [names[id(v._core)] for v in metrics],
        "learning_rate": names[id(rate._core)] if rate is not None else "",
        "model_variables": len(_named(_model_variables(model))),
    }
    metadata = {"signature": json.dumps(signature)}
    if config:
        body: dict[str, Any] = {"model": serialize_keras_object(model)}
        if model._compiled:
            body["compile"] = {
                "optimizer": serialize_keras_object(optimizer),
                **{k: _plain(v) for k, v in model._compile_args.items()},
            }
        metadata["config"] = json.dumps(body)
    _core.write_model(path, metadata, variables, {k: s.graph for k, s in functions.items()})


def _plain(value: Any) -> Any:
    try:
        return serialize_keras_object(value)
    except TypeError:
        return None


def load_model(
    filepath: Any, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """Loads a model that ``Model.save`` wrote: layers, weights, and how it was compiled with the optimizer's state.

    Args:
        filepath: the file.
        custom_objects: classes by name, for those that are not registered.
        compile: whether to compile it as it was.
        safe_mode: accepted for compatibility: nothing in a file is ever code.

    Raises:
        FileNotFoundError: when there is no such file.
        FormatError: when it is damaged, or no Hornbeam file.
    """
    metadata, variables, _ = _core.read_model(_path(filepath))
    if "config" not in metadata:
        raise _core.FormatError(
            f"{filepath} was written by export(): it has no config. Load it from C++, or save() the model"
        )
    try:
        body = json.loads(metadata["config"])
        model = deserialize_keras_object(body["model"], custom_objects)
    except (KeyError, TypeError, AttributeError, IndexError) as e:
        if "Lambda" in str(e):
            raise
        raise _core.FormatError(f"{filepath}: the config does not describe a model: {e}") from e
    # Layers inside wrappers may get other automatic names, so weights are matched by position.
    count = json.loads(metadata["signature"])["model_variables"]
    own = _named(_model_variables(model))
    if len(own) != count:
        raise _core.FormatError(f"{filepath} holds {count} weights where its config makes {len(own)}")
    _restore(own, {n: v for (n, _), (_, v) in zip(own, variables)}, str(filepath), False)
    if compile and body.get("compile"):
        c = body["compile"]
        optimizer = deserialize_keras_object(c["optimizer"], custom_objects)
        args = {
            k: deserialize_keras_object(c.get(k), custom_objects)
            for k in ("loss", "loss_weights", "metrics", "weighted_metrics")
        }
        model.compile(optimizer=optimizer, **args)
        slots = [v for n, v in variables[count:] if n.startswith("optimizer/")]
        if model.trainable_variables and len(slots) > len(optimizer.variables):
            optimizer.build(model.trainable_variables)
            optimizer._finish_build()
        mine = [(v.path, v) for v in optimizer.variables]
        if len(mine) == len(slots):
            _restore(
                [(str(i), v) for i, (_, v) in enumerate(mine)],
                {str(i): v for i, v in enumerate(slots)},
                str(filepath),
                False,
            )
    return model


def _restore(wanted: list[tuple[str, Any]], stored: dict[str, Any], path: str, skip: bool) -> None:
    wrong = []
    for name, v in wanted:
        if name not in stored:
            wrong.append(f"{name} is not in the file")
        elif tuple(stored[name].shape) != tuple(v.shape):
            wrong.append(f"{name} has shape {tuple(v.shape)} here and {tuple(stored[name].shape)} in the file")
    if wrong and not skip:
        raise ValueError(f"the weights of {path} do not fit the model: " + "; ".join(wrong))
    for name, v in wanted:
        if name in stored and tuple(stored[name].shape) == tuple(v.shape):
            v._core.assign(np.asarray(stored[name].numpy(), dtype=v.dtype))


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Writes the weights alone (see ``Model.save_weights``)."""
    path = _path(filepath)
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path} exists and overwrite=False")
    variables = [(n, v._core) for n, v in _named([(f"{i}/{v.path}", v) for i, v in enumerate(model.weights)])]
    _core.write_model(path, {"kind": "weights"}, variables, {})


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Reads weights, by position (see ``Model.load_weights``)."""
    path = _path(filepath)
    metadata, variables, _ = _core.read_model(path)
    if metadata.get("kind") != "weights":
        mine = _named(_model_variables(model))
        _restore(mine, {n: v for (n, _), (_, v) in zip(mine, variables)}, path, skip_mismatch)
        return
    own = model.weights
    if len(own) != len(variables) and not skip_mismatch:
        raise ValueError(f"{path} holds {len(variables)} weights. The model has {len(own)}")
    stored = {str(i): v for i, (_, v) in enumerate(variables)}
    _restore([(str(i), v) for i, v in enumerate(own)], stored, path, skip_mismatch)
