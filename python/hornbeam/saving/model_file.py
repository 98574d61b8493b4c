"""``.hornbeam`` files: config, weights, optimizer state and compiled steps in one file (cpp/src/io/format.md)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam._allowance import allowance
from hornbeam._tree import flatten
from hornbeam.saving.registry import deserialize_keras_object, is_a, serialize_keras_object

_FLOATS = {"float16", "float32", "float64"}
_WEIGHTS = "weights"  # the metadata's "kind" of a file of save_weights; a model's file has none


def _named(variables: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Unique names, in order: a name's second use gets "#1" and so on. A variable appears once."""
    names: set[str] = set()
    done: set[int] = set()
    out = []
    for name, v in variables:
        if id(v) in done:
            continue
        done.add(id(v))
        unique, n = name, 0
        while unique in names:
            n += 1
            unique = f"{name}#{n}"
        names.add(unique)
        out.append((unique, v))
    return out


def _model_variables(model: Any) -> list[tuple[str, Any]]:
    return _named([(v.path, v) for v in model.variables])


def _new_path(filepath: Any, overwrite: bool) -> bytes:
    path = os.fsencode(filepath)
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{os.fsdecode(path)} exists and overwrite=False")
    return path


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
        if kind in steps and steps[kind].graph.output_names:  # a file's functions return something
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
    path = _new_path(filepath, overwrite)
    if not model.built and not model.weights:
        raise ValueError(f"model {model.name!r} has no weights yet: call it on data, or build it, before saving")
    functions = _functions(model, sample)
    metrics = [v for _, m in model._metric_items() for v in m.variables]
    optimizer = model.optimizer
    own = _model_variables(model)
    named = list(own)
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
        "model_variables": len(own),
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


@contextmanager
def _config_faults(path: bytes) -> Iterator[None]:
    """Whatever goes wrong inside is the file's fault: its config is not what the code that reads it expects."""
    try:
        yield
    except Exception as e:
        what = str(e) if isinstance(e, ValueError) else f"{type(e).__name__}: {e}"
        raise _core.FormatError(
            f"{os.fsdecode(path)}: its config does not describe a model that can be made here: {what[:1000]}"
        ) from e


def _parse(text: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError(f"a key appears twice among {[k for k, _ in pairs][:20]}")
        return found

    return json.loads(text, object_pairs_hook=unique)


def _count_model_variables(metadata: dict[str, str], variables: list[Any]) -> int:
    """How many of a file's variables, the first ones, are the model's own."""
    count = _parse(metadata["signature"])["model_variables"]
    if type(count) is not int or not 0 <= count <= len(variables):
        raise ValueError(f"`model_variables` must be an int in [0, {len(variables)}]. Received: {count!r}")
    return count


def _read(path: bytes) -> tuple[dict[str, str], list[tuple[str, Any]]]:
    metadata, variables, _ = _core.read_model(path)
    if metadata.get("kind", _WEIGHTS) != _WEIGHTS:
        raise _core.FormatError(f"{os.fsdecode(path)} holds {metadata['kind']!r}, which needs a newer Hornbeam")
    return metadata, variables


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
        FileNotFoundError: when there is no such file (``OSError`` when it cannot be read).
        FormatError: when it is damaged, no Hornbeam file, or its config describes no model that can be made here; an
            error of a custom object is its cause. Weights are made only as far as the file holds them.
    """
    path = os.fsencode(filepath)
    metadata, variables = _read(path)
    if "config" not in metadata:
        written = "save_weights(): load it with load_weights()" if "kind" in metadata else "export()"
        raise _core.FormatError(
            f"{os.fsdecode(path)} was written by {written}: it has no config. Load it from C++, or save() the model"
        )
    with _config_faults(path), allowance(variables):
        body = _parse(metadata["config"])
        model = deserialize_keras_object(body["model"], custom_objects)
        if not is_a(model, "Model"):
            raise TypeError(f"`model` must be a model. Received: {type(model).__name__}")
        # Layers inside wrappers may get other automatic names, so weights are matched by position.
        count = _count_model_variables(metadata, variables)
        own = _model_variables(model)
        if len(own) != count:
            late = (
                ""
                if own
                else ". A model that makes them when it is first called can be called, and load_weights() used"
            )
            raise ValueError(f"it holds {count} weights where its config makes {len(own)}{late}")
        _restore([(n, v, stored) for (n, v), (_, stored) in zip(own, variables)])
        if compile and body.get("compile"):
            state = [v for n, v in variables[count:] if n.startswith("optimizer/")]
            _compile(model, body["compile"], custom_objects, state)
    return model


def _compile(model: Any, config: dict[str, Any], custom_objects: dict[str, Any] | None, state: list[Any]) -> None:
    """Compiles a model as it was, with its optimizer's state."""
    optimizer = deserialize_keras_object(config["optimizer"], custom_objects)
    if optimizer is not None and not is_a(optimizer, "Optimizer"):
        raise TypeError(f"`optimizer` must be an optimizer. Received: {type(optimizer).__name__}")
    args = {
        k: deserialize_keras_object(config.get(k), custom_objects)
        for k in ("loss", "loss_weights", "metrics", "weighted_metrics")
    }
    model.compile(optimizer=optimizer, **args)
    if optimizer is None:
        return
    if model.trainable_variables and len(state) > len(optimizer.variables):
        optimizer.build(model.trainable_variables)
        optimizer._finish_build()
    if len(optimizer.variables) == len(state):
        _restore([(v.path, v, stored) for v, stored in zip(optimizer.variables, state)])


def _restore(wanted: list[tuple[str, Any, Any]], skip: bool = False) -> None:
    """Gives each variable (name, variable, what is stored for it or None) its stored value, or changes none.

    Args:
        wanted: the variables. Floats fit floats of another width.
        skip: whether to leave out those that do not fit.
    """
    wrong, pairs = [], []
    for name, v, stored in wanted:
        if stored is None:
            wrong.append(f"{name} is not in the file")
        elif tuple(stored.shape) != v.shape:
            wrong.append(f"{name} has shape {v.shape} here and {tuple(stored.shape)} in the file")
        elif stored.dtype == v.dtype:
            pairs.append((v._core, stored))
        elif {stored.dtype, v.dtype} <= _FLOATS:
            pairs.append((v._core, _core.Variable(name, np.asarray(stored.numpy(), dtype=v.dtype))))
        else:
            wrong.append(f"{name} has dtype {v.dtype} here and {stored.dtype} in the file")
    if wrong and not skip:
        raise ValueError("the file's weights do not fit the model: " + "; ".join(wrong))
    _core.copy_values(pairs)


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Writes the weights alone (see ``Model.save_weights``)."""
    path = _new_path(filepath, overwrite)
    variables = [(n, v._core) for n, v in _named([(f"{i}/{v.path}", v) for i, v in enumerate(model.weights)])]
    _core.write_model(path, {"kind": _WEIGHTS}, variables, {})


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Reads weights, by position (see ``Model.load_weights``)."""
    path = os.fsencode(filepath)
    metadata, variables = _read(path)
    if metadata.get("kind") == _WEIGHTS:
        own = [(v.path, v) for v in model.weights]
    else:
        own = _model_variables(model)
        if "signature" in metadata:
            with _config_faults(path):
                variables = variables[: _count_model_variables(metadata, variables)]
    if len(own) != len(variables) and not skip_mismatch:
        raise ValueError(f"{os.fsdecode(path)} holds {len(variables)} weights. The model has {len(own)}")
    stored = [v for _, v in variables[: len(own)]] + [None] * (len(own) - len(variables))
    try:
        _restore([(n, v, s) for (n, v), s in zip(own, stored)], skip_mismatch)
    except ValueError as e:
        raise ValueError(f"{os.fsdecode(path)}: {e}") from None
