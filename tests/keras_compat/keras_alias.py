"""A pytest plugin that lets Keras' own test files run against Hornbeam: ``keras`` and ``keras.src`` become aliases.

- ``keras`` and its public submodules are Hornbeam's own modules.
- A private path (``keras.src.layers.core.dense``) is a module made up on demand, which looks a name up in Hornbeam's public
  modules: those that the path names first, then all others.
- Keras' test helpers (``keras.src.testing``) and the two modules of pure functions that tests compare with (result dtypes, shapes
  of transposed convolutions) are the wheel's, and so is nothing else: tests of those modules are left out by `run.py`.
- A name that Hornbeam lacks becomes a placeholder that fails when it is used, so that the other tests of the file count.
- Tests that compute what they expect with another framework (JAX, TensorFlow, PyTorch) are deselected: none is installed.

The folder of the wheel is in the environment variable ``KERAS_WHEEL``; it is never on ``sys.path``. Each test that passes is
written as a line of ``KERAS_PASSED`` as it ends, so that the count survives a crash.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import os
import struct
import sys
import types
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401 - gives NumPy the dtypes that tests name
import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _dtypes
from hornbeam.core import tree
from hornbeam.core.names import to_snake_case
from hornbeam.core.state import state
from hornbeam.core.symbolic import infer
from hornbeam.data.batches import class_weights
from hornbeam.layers.preprocessing.index_lookup import IndexLookup
from hornbeam.utils.archives import extract_archive
from hornbeam.utils.downloads import hash_file, validate_file

WHEEL = Path(os.environ["KERAS_WHEEL"])
PASSED = os.environ.get("KERAS_PASSED")
PUBLIC = (
    "layers ops ops.image losses metrics optimizers optimizers.schedules callbacks initializers regularizers constraints random saving utils "
    "models activations config dtype_policies mixed_precision preprocessing utils.bounding_boxes"
).split()
COMPARED_WITH = ("keras.src.backend.common.dtypes", "keras.src.backend.common.backend_utils")
WHEEL_OWN = ("keras.src.testing", *COMPARED_WITH)
ABSENT = ("jax", "tensorflow", "grain", "h5py")  # imported at the top of files whose tests seldom need them
OTHER_FRAMEWORKS = {*ABSENT, "jnp", "tf", "tf_data", "torch", "tf_keras", "onnx", "openvino"}


def _public(path: str) -> Any:
    found: Any = hb
    for part in path.split("."):
        found = getattr(found, part)
    return found


SPACES = {path: _public(path) for path in PUBLIC}
_FLOATS = ("float16", "bfloat16", "float32", "float64")


def _is_int(dtype: Any) -> bool:
    return str(hb.config.standardize_dtype(dtype)).lstrip("u").startswith("int")


def _set_mask(x: Any, mask: Any) -> None:
    x._keras_mask = mask


def _set_data_format(data_format: str) -> None:
    """What only ``ops.image`` goes by here: layers have channels last alone."""
    hb.config._image_data_format = data_format


class _NameScope:
    """Names of operations are no part of what a test can see."""

    def __init__(self, name: str, **_: Any) -> None:
        self.name = name

    def __enter__(self) -> _NameScope:
        return self

    def __exit__(self, *_: Any) -> None: ...


class _AutocastScope:
    """What a layer's call sets while it runs."""

    def __init__(self, dtype: str | None) -> None:
        self.dtype = dtype

    def __enter__(self) -> None:
        self.outer, state.autocast = state.autocast, self.dtype

    def __exit__(self, *_: Any) -> None:
        state.autocast = self.outer


class _Called:
    """A function in a layer's place."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def _clear_losses(self) -> None: ...


# What Keras keeps in its private modules and Hornbeam does not need to publish.
PRIVATE: dict[str, Any] = {
    "backend": lambda: "hornbeam",
    "convert_to_tensor": hb.ops.convert_to_tensor,
    "convert_to_numpy": hb.ops.convert_to_numpy,
    "is_tensor": hb.ops.is_tensor,
    "standardize_dtype": hb.config.standardize_dtype,
    "is_float_dtype": lambda dtype: hb.config.standardize_dtype(dtype) in _FLOATS,
    "is_int_dtype": _is_int,
    "get_keras_mask": lambda x: getattr(x, "_keras_mask", None),
    "set_keras_mask": _set_mask,
    "name_scope": _NameScope,
    "AutocastScope": _AutocastScope,
    "is_traceback_filtering_enabled": lambda: False,
    "enable_traceback_filtering": lambda: None,
    "disable_traceback_filtering": lambda: None,
    "removesuffix": str.removesuffix,
    "removeprefix": str.removeprefix,
    "clear_session": lambda free_memory=True: hb.utils.clear_session(
        free_memory=False
    ),  # collecting takes 0.2 s a test
    "enable_flash_attention": lambda: None,  # attention has one implementation
    "disable_flash_attention": lambda: None,
    "shape": hb.ops.shape,
    "cast": hb.ops.cast,
    "class_weight_to_sample_weights": class_weights,
    "compute_output_spec": lambda function, *args, **kwargs: infer(_Called(function), args, kwargs),  # type: ignore[arg-type]
    "keras_export": lambda *_, **__: lambda exported: exported,
    "standardize_data_format": lambda data_format: data_format or hb.config.image_data_format(),
    "ALLOWED_DTYPES": set(_dtypes.NAMES),
    "convert_tf_tensor": hb.ops.convert_to_tensor,
    "extract_archive": extract_archive,
    "hash_file": hash_file,
    "validate_file": validate_file,
}


def _is_shape(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and all(isinstance(n, (int, type(None))) for n in x)


def _map_shapes(fn: Any, structure: Any) -> Any:
    if isinstance(structure, dict):
        return {key: _map_shapes(fn, inner) for key, inner in structure.items()}
    return fn(structure) if _is_shape(structure) else type(structure)(_map_shapes(fn, inner) for inner in structure)


def _map_up_to(shallow: Any, fn: Any, *others: Any) -> Any:
    if isinstance(shallow, dict):
        return {key: _map_up_to(inner, fn, *(o[key] for o in others)) for key, inner in shallow.items()}
    if isinstance(shallow, (list, tuple)):
        return type(shallow)(_map_up_to(inner, fn, *(o[i] for o in others)) for i, inner in enumerate(shallow))
    return fn(*others)


def _same_structure(a: Any, b: Any) -> None:
    if tree.signature(a) != tree.signature(b):
        raise ValueError(f"the structures differ. Received: {a} and {b}")


TREE = types.SimpleNamespace(
    flatten=tree.flatten,
    map_structure=tree.map_structure,
    pack_sequence_as=tree.pack_like,
    map_shape_structure=_map_shapes,
    map_structure_up_to=_map_up_to,
    assert_same_structure=_same_structure,
)


def _operation(name: str) -> Any:
    """Keras' class for an op (``ops.numpy.Mean(axis=1)(x)``), made of Hornbeam's function; None where there is none."""
    names = [(space, n) for space in (hb.ops, hb.ops.image) for n in (name.lower(), to_snake_case(name))]
    function = next((getattr(space, n) for space, n in names if callable(getattr(space, n, None))), None)
    if function is None:
        return None

    class Operation:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            names = list(inspect.signature(function).parameters)[1:]  # behind the input's
            vars(self).update(zip(names, args), **kwargs)
            self.given = args, kwargs

        def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
            args, own = self.given
            return function(*inputs, *args, **own, **kwargs)

        call = symbolic_call = compute_output_spec = __call__

    return Operation


class MissingName(Exception):
    """A name that Hornbeam does not have was used."""


class Missing:
    """Stands for a name that Hornbeam does not have."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise MissingName(self._path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self._path}.{name}")

    def __iter__(self) -> Any:
        raise MissingName(self._path)

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        path = self._path

        def refuse(*_: Any, **__: Any) -> None:
            raise MissingName(path)

        return (type("Missing", (), {"__init__": refuse}),)


def _encode_wav(audio: Any, sample_rate: int) -> Any:
    """The one function of TensorFlow's that tests of folders of sounds make their files with."""
    samples = np.round(np.asarray(audio) * 32767).astype("<i2")
    layout = struct.pack("<HHIIHH", 1, samples.shape[1], sample_rate, sample_rate * 2, 2 * samples.shape[1], 16)
    chunks = (
        b"WAVEfmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", samples.nbytes) + samples.tobytes()
    )
    return types.SimpleNamespace(numpy=lambda: b"RIFF" + struct.pack("<I", len(chunks)) + chunks)


TENSORFLOW = Missing("tensorflow")
TENSORFLOW.audio = types.SimpleNamespace(encode_wav=_encode_wav)  # type: ignore[attr-defined]
PRIVATE["tensorflow"] = TENSORFLOW


def _in_wheel(name: str) -> Path | None:
    base = WHEEL.joinpath(*name.split("."))
    for file in (base / "__init__.py", base.with_suffix(".py")):
        if file.exists():
            return file
    return base if base.is_dir() else None


class Private(types.ModuleType):
    """``keras.src.<path>``."""

    def __getattr__(self, name: str) -> Any:
        if name == "__version__":
            return hb.__version__
        if name.startswith("__"):
            raise AttributeError(name)
        if name.startswith("SUPPORTS_"):
            return False
        parts = self.__name__.split(".")[2:]
        inside = f"{self.__name__}.{name}"
        if name == "tree":
            return TREE
        public = ".".join([*parts, name])
        if public in SPACES and parts[:1] != ["ops"]:  # which has classes, too
            return SPACES[public]
        if parts and name in ("backend", "clear_session"):
            return PRIVATE[name]
        if name.islower() and _in_wheel(inside):
            return importlib.import_module(inside)
        near = [".".join(parts[:2]), *parts[:1], *(["random"] if "random" in parts else ["ops"])]
        near = ["utils.bounding_boxes", *near] if "bounding_boxes" in parts else near
        for space in [*(SPACES[p] for p in near if p in SPACES), hb, *SPACES.values()]:
            if hasattr(space, name):
                return getattr(space, name)
        found = _operation(name) if parts[:1] == ["ops"] and name[0].isupper() else PRIVATE.get(name)
        return Missing(inside) if found is None else found


class Absent(types.ModuleType):
    """A framework that is not installed."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if (self.__name__, name) == ("tensorflow", "data"):
            return hb.data  # whose Dataset has the same methods
        return Missing(f"{self.__name__}.{name}")


class Alias(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.split(".")[0] in ABSENT:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        if not name.startswith("keras.src"):
            return None
        file = _in_wheel(name)
        if file is None:
            return None
        if name.endswith("_test") or any(name == own or name.startswith(own + ".") for own in WHEEL_OWN):
            inside = [str(file.parent)] if file.name == "__init__.py" else None
            return importlib.util.spec_from_file_location(name, file, submodule_search_locations=inside)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> Any:
        return Private(spec.name) if spec.name.startswith("keras") else Absent(spec.name)

    def exec_module(self, module: Any) -> None: ...


sys.modules["keras"] = hb
sys.modules |= {f"keras.{path}": module for path, module in SPACES.items()}
sys.meta_path.append(Alias())
hb.src = importlib.import_module("keras.src")  # type: ignore[attr-defined]
hb.backend = sys.modules["keras.backend"] = importlib.import_module("keras.src.backend")  # type: ignore[attr-defined]


def _seed_generators(layer: Any) -> list[Any]:
    return [v for inner in layer._all_layers() for v in vars(inner).values() if isinstance(v, hb.random.SeedGenerator)]


def _adapt_helpers() -> None:
    """Hornbeam's way to the layers inside."""
    from keras.src.testing import test_case  # type: ignore[import-not-found]

    test_case.get_seed_generators = _seed_generators


def _flatten_layers(self: Any, include_self: bool = True, recursive: bool = True) -> list[Any]:
    layers = list(self._all_layers()) if recursive else [self, *self._layers]
    return layers if include_self else layers[1:]


hb.ops.numpy = hb.ops  # type: ignore[attr-defined]  # as some tests call functions of arrays
hb.config.set_image_data_format = _set_data_format

# Private members of Keras that tests read, under the names that they have there.
hb.layers.IndexLookup = IndexLookup  # type: ignore[attr-defined]
hb.Layer._flatten_layers = _flatten_layers  # type: ignore[attr-defined]
hb.layers.augmentation.image_layer.BaseImagePreprocessingLayer.backend = hb.backend  # type: ignore[attr-defined]
hb.layers.CategoryEncoding._encode = lambda self, inputs: self(inputs)  # type: ignore[attr-defined]
hb.Metric._dtype = property(lambda self: self.dtype)  # type: ignore[attr-defined]
hb.Optimizer._clip_gradients = lambda self, grads: self._clip(list(grads))  # type: ignore[attr-defined]


_adapt_helpers()


def pytest_configure(config: Any) -> None:
    for marker in ("requires_trainable_backend", "multi_device"):
        config.addinivalue_line("markers", f"{marker}: one of Keras' markers")


def pytest_runtest_setup() -> None:
    hb.utils.set_random_seed(1337)  # so that the count is the same each time


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    kept: list[Any] = []
    foreign: list[Any] = []
    for item in items:
        (foreign if OTHER_FRAMEWORKS & _names_used(item) else kept).append(item)
    config.hook.pytest_deselected(items=foreign)
    items[:] = kept


def _names_used(item: Any) -> set[str]:
    """The modules and attributes that a test's code names, through the closures that parametrize it."""
    names: set[str] = set()
    pending, seen = [getattr(item, "function", None)], set()
    while pending:
        function = pending.pop()
        code = getattr(function, "__code__", None)
        if code is None or code in seen:
            continue
        seen.add(code)
        names |= {*code.co_names, *code.co_varnames}
        pending += [getattr(function, "__wrapped__", None)]
        pending += [c.cell_contents for c in function.__closure__ or ()]
    return names


def pytest_runtest_logreport(report: Any) -> None:
    if PASSED and report.when == "call" and report.passed and "PYTEST_XDIST_WORKER" not in os.environ:
        with open(PASSED, "a") as out:
            out.write(report.nodeid + "\n")


def skip_if_backend(given_backend: str, reason: str) -> Any:
    """The one helper of Keras' ``conftest.py``."""
    return pytest.mark.skipif(given_backend == "hornbeam", reason=reason)
