"""``.hornbeam`` files: config, weights, optimizer state and compiled steps in one file (cpp/src/io/format.md)."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam.core.allowance import allowance
from hornbeam.core.custom_objects import CustomObjectScope
from hornbeam.core.registry import deserialize_keras_object, is_a, serialize_keras_object
from hornbeam.core.validation import unsupported
from hornbeam.saving import keras_weights
from hornbeam.training.signatures import decode

_FLOATS = {"float16", "float32", "float64"}
_SUFFIX = b".hornbeam"
_OPTIMIZER = "optimizer/"  # begins the names of its variables
_ASSETS = "assets/"  # begins those of the arrays that layers keep beside weights, behind the layer's number
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


def _new_path(filepath: Any, overwrite: bool, *others: bytes) -> bytes:
    path = os.fsencode(filepath)
    if os.path.splitext(path)[1] not in (b"", _SUFFIX) and not path.endswith(others):
        known = " or ".join(repr(os.fsdecode(s)) for s in (_SUFFIX, *others))
        raise ValueError(
            f"`filepath` must end in {known} or in no suffix: other formats are not written. Received: "
            f"filepath={os.fsdecode(path)!r}"
        )
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{os.fsdecode(path)} exists and overwrite=False")
    return path


def save_model(
    model: Any, filepath: Any, overwrite: bool = True, zipped: Any = None, config: bool = True, sample: Any = None
) -> None:
    """Writes a model to one file: config, weights, optimizer state and compiled programs.

    A program for prediction is always among them where the inputs are known. The training step is when the model was
    trained, or came from a file with one, or with a ``sample``. The file's signature says why one is missing; ``export``,
    which is for native programs, warns.

    Args:
        model: a built model.
        filepath: a path ending in ".hornbeam", or in no suffix.
        overwrite: False: raise when the file exists.
        zipped: only None or True, for one file.
        config: whether ``load_model`` shall be able to make the model again; False leaves what native programs need.
        sample: ``(x, y)`` to trace the training step with.

    Raises:
        FileExistsError: when the file exists and ``overwrite`` is False.
        NotImplementedError: when a config cannot hold what the model was made with; ``config=False`` leaves it out.
        ValueError: when the model has no weights yet, or for a path whose suffix is another format's.
        OSError: when the file cannot be written; an old file is left as it was.
    """
    path = _new_path(filepath, overwrite)
    unsupported("zipped", zipped, None, True)
    if not model.built and not model.weights:
        raise ValueError(f"model {model.name!r} has no weights yet: call it on data, or build it, before saving")
    body = _config(model) if config else None
    functions, missing = model._stored_programs(sample)
    metrics = [v for _, m in model._metric_items() for v in m.variables]
    optimizer = model.optimizer
    own = _model_variables(model)
    named = list(own)
    if optimizer is not None:
        named += [(f"{_OPTIMIZER}{v.path}", v) for v in optimizer.variables]
    named += [(f"metrics/{v.path}", v) for v in metrics]
    known = {id(v._core) for _, v in named}
    others = [c for step in functions.values() for c in step.graph.variables if id(c) not in known]
    variables = [(n, v._core) for n, v in _named(named)] + _assets(model)
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
        "batches": {k: s.batch for k, s in functions.items()},
        "missing": missing,
    }
    metadata = {"signature": json.dumps(signature)}
    edge = model._edge.description(list(model._all_layers()), _ASSETS) if model._edge is not None else None
    if edge is not None:
        metadata["edge"] = json.dumps(edge)
    if body is not None:
        metadata["config"] = json.dumps(body)
    _core.write_model(path, metadata, variables, {k: s.graph for k, s in functions.items()})
    for kind, why in missing.items() if not config else ():
        warnings.warn(f"{os.fsdecode(path)} holds no program to {kind}, for native use: {why}", stacklevel=3)


def _assets(model: Any) -> list[tuple[str, Any]]:
    """What layers keep beside their weights, as variables."""
    found = [(i, name, a) for i, x in enumerate(model._all_layers()) for name, a in x._assets().items()]
    return [(f"{_ASSETS}{i}/{name}", _core.Variable(name, np.asarray(a), False)) for i, name, a in found]


def _restore_assets(model: Any, variables: list[tuple[str, Any]]) -> None:
    """Gives layers what the file keeps for them."""
    found: dict[str, dict[str, Any]] = {}
    for name, v in variables:
        if name.startswith(_ASSETS):
            number, _, what = name[len(_ASSETS) :].partition("/")
            found.setdefault(number, {})[what] = v.numpy()
    layers = {str(i): layer for i, layer in enumerate(model._all_layers())}
    for number, arrays in found.items():
        if number not in layers:
            raise ValueError(f"it keeps arrays for layer {number}, and its config makes {len(layers)} layers")
        layers[number]._restore_assets(arrays)


def _config(model: Any) -> dict[str, Any]:
    described = serialize_keras_object(model)
    compiled = described.pop("compile_config", None)
    return {"model": described} if compiled is None else {"model": described, "compile": compiled}


@contextmanager
def _config_faults(path: bytes) -> Iterator[None]:
    """Whatever goes wrong inside is the file's fault: its config is not what the code that reads it expects. But where
    memory is short for what the file may take (see ``core.allowance``), it is not."""
    try:
        yield
    except MemoryError:
        raise
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
        safe_mode: whether to refuse code in files; none is ever run, so False allows no more.

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
        count = _count_model_variables(metadata, variables)
        own = _model_variables(model)
        if len(own) != count:
            late = (
                ""
                if own
                else ". A model that makes them when it is first called can be called, and load_weights() used"
            )
            raise ValueError(f"it holds {count} weights where its config makes {len(own)}{late}")
        layers = _names_in(body["model"])
        order = _in_order(own, variables[:count], lambda n: n.split("/")[0] in layers)
        _restore([(n, v, stored) for (n, v), stored in zip(own, order)])
        _restore_assets(model, variables[count:])
        if compile and body.get("compile"):
            state = [(n[len(_OPTIMIZER) :], v) for n, v in variables[count:] if n.startswith(_OPTIMIZER)]
            slots = tuple(f"{n.replace('/', '_')}_" for n, _ in own if n.split("/")[0] not in layers)
            _compile(model, body["compile"], custom_objects, state, slots)
        batches = _parse(metadata["signature"]).get("batches", {})
        model._signatures = {kind: decode(batch) for kind, batch in batches.items()}
    return model


def _compile(
    model: Any, config: Any, custom_objects: dict[str, Any] | None, state: list[Any], slots: tuple[str, ...]
) -> None:
    """Compiles a model as it was, with its optimizer's state; names of slots that begin so are not sure."""
    if not isinstance(config, dict):
        raise TypeError(f"`compile` must be a dict. Received: {type(config).__name__}")
    with CustomObjectScope(custom_objects):
        model.compile_from_config(config)
    optimizer = model.optimizer
    if optimizer is None:
        return
    if not is_a(optimizer, "Optimizer"):
        raise TypeError(f"`optimizer` must be an optimizer. Received: {type(optimizer).__name__}")
    if model.trainable_variables and len(state) > len(optimizer.variables):
        optimizer.build(model.trainable_variables)
        optimizer._finish_build()
    own = _named([(v.path, v) for v in optimizer.variables])
    if len(own) == len(state):
        order = _in_order(own, state, lambda n: not n.split("/")[-1].startswith(slots))
        _restore([(n, v, stored) for (n, v), stored in zip(own, order)])
    elif state:
        warnings.warn(
            f"the file holds {len(state)} variables of the optimizer, which makes {len(own)} here: it starts afresh",
            stacklevel=3,
        )


def _in_order(own: list[tuple[str, Any]], stored: list[tuple[str, Any]], sure: Callable[[str], bool]) -> list[Any]:
    """What is stored for each variable: by name where names are sure, else by position, for the layers that others make
    for themselves get automatic names, which may be other ones here, or each other's."""
    names, by_name = {n for n, _ in own}, dict(stored)
    twice = {n.split("#")[0] for n in names | by_name.keys() if "#" in n}
    found = {n for n in names & by_name.keys() if sure(n) and n not in twice and "#" not in n}
    others = iter([v for n, v in stored if n not in found])
    return [by_name[n] if n in found else next(others) for n, _ in own]


def _names_in(config: Any) -> set[str]:
    """All that a config gives a name."""
    if isinstance(config, (list, tuple)):
        return set().union(*(_names_in(v) for v in config))
    if not isinstance(config, dict):
        return set()
    own = {config["name"]} if isinstance(config.get("name"), str) else set()
    return own.union(*(_names_in(v) for v in config.values()))


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
    path = _new_path(filepath, overwrite, keras_weights.SUFFIX)
    if path.endswith(keras_weights.SUFFIX):
        keras_weights.write(model, path)
        return
    variables = [(n, v._core) for n, v in _named([(f"{i}/{v.path}", v) for i, v in enumerate(model.weights)])]
    _core.write_model(path, {"kind": _WEIGHTS}, variables, {})


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Reads weights, by position (see ``Model.load_weights``)."""
    path = os.fsencode(filepath)
    if path.endswith(keras_weights.SUFFIX):
        wanted = keras_weights.read(model, path)
        _restore(wanted, skip_mismatch)
        return
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
