"""Objects to configs and back. Only classes in the registry are ever made from a config: no import, no code, no pickle."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam.core.custom_objects import CustomObjectScope, get_registered_name, get_registered_object

# Whose public functions a config may name: none of them does more than compute.
_FUNCTION_MODULES = tuple(
    f"hornbeam.{m}" for m in ("activations", "ops", "losses", "metrics", "initializers", "regularizers", "constraints")
)
# Packages whose names the package around them shows as its own.
_SHOWN_ABOVE = ("hornbeam.layers.augmentation", "hornbeam.layers.preprocessing")
_LATE = "hornbeam.utils"  # not imported with the package, and has a class that a config may name: FeatureSpace
_classes: dict[tuple[str, str], Any] = {}  # by public module and name
_by_name: dict[str, Any] = {}  # the last of each name, for configs that say no module, as the first versions wrote them


def public_module(obj: Any) -> str:
    """Where users find a class or function of this package: "hornbeam.layers" for one of ``hornbeam.layers.core``, and of
    ``hornbeam.layers.preprocessing.lookup``."""
    package = str(obj.__module__).rpartition(".")[0]
    return package.rpartition(".")[0] if package in _SHOWN_ABOVE else package


def register_builtin(cls: Any) -> Any:
    """Adds a class of this package."""
    _classes[public_module(cls), cls.__name__] = _by_name[cls.__name__] = cls
    return cls


def is_builtin(cls: Any) -> bool:
    """Whether a class is one of this package's."""
    return _classes.get((public_module(cls), cls.__name__)) is cls


def argument_names(cls: type, below: type = object) -> tuple[str, ...]:
    """The arguments of a class' constructor: its own, and those of the bases below one that it passes others on to."""
    names: dict[str, None] = {}
    for c in cls.__mro__[: cls.__mro__.index(below)]:
        if "__init__" not in vars(c):
            continue
        parameters = list(inspect.signature(vars(c)["__init__"]).parameters.values())[1:]
        names.update((p.name, None) for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return tuple(names)


def constructor_is_ours(cls: type) -> bool:
    """Whether a class, perhaps of the user's, is made by a constructor of this package."""
    return is_builtin(next(c for c in cls.__mro__ if "__init__" in vars(c)))


# ---- to configs ----
def serialize_keras_object(obj: Any) -> Any:
    """A JSON-able description of an object, as Keras writes it.

    Args:
        obj: a plain value, a list, tuple or dict of what can be described, an array, an object with ``get_config``, or a
            function.

    Returns:
        The value itself, or ``{"module", "class_name", "config", "registered_name"}`` (and what layers and models say of
        how they were built and compiled: "build_config", "compile_config").

    Raises:
        TypeError: for anything else.

    Example:
        >>> import hornbeam as hb
        >>> serialize_keras_object(hb.regularizers.L2(0.5))["config"]
        {'l2': 0.5}
    """
    if obj is None or type(obj) in (bool, int, float, str):
        return obj
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(i) for i in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, dict):
        return {k: serialize_keras_object(v) for k, v in obj.items()}
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, (int, float, str)):
        return obj
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if isinstance(obj, slice):
        ends = {k: serialize_keras_object(getattr(obj, k)) for k in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": ends}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, type):
        raise TypeError(f"cannot serialize a class; make an object of it. Received: {obj!r}")
    if hasattr(obj, "get_config"):
        return _describe(obj)
    if isinstance(obj, np.ndarray) or hasattr(type(obj), "numpy"):
        array = np.asarray(obj)
        return {"class_name": "__numpy__", "config": {"value": array.tolist(), "dtype": array.dtype.name}}
    if callable(obj) and hasattr(obj, "__name__"):
        if obj.__name__ == "<lambda>":
            return {"class_name": "__lambda__", "config": {}}
        own = _own_function(public_module(obj), obj.__name__) is obj
        name = obj.__name__ if own else get_registered_name(obj)
        return {
            "module": public_module(obj) if own else obj.__module__,
            "class_name": "function",
            "config": name,
            "registered_name": None if own else name,
        }
    raise TypeError(f"cannot serialize an object of type {type(obj).__name__}. Received: {obj!r}")


def _describe(obj: Any) -> dict[str, Any]:
    cls = type(obj)
    config = obj.get_config()
    if not isinstance(config, dict):
        raise TypeError(f"get_config() of {cls.__name__} must return a dict. Received: {config!r}")
    own = is_builtin(cls)
    out = {
        "module": public_module(cls) if own else cls.__module__,
        "class_name": cls.__name__,
        "config": serialize_keras_object(config),
        "registered_name": None if own else get_registered_name(cls),
    }
    for part in ("build_config", "compile_config"):
        get = getattr(obj, f"get_{part}", None)
        found = get() if get is not None else None
        if found:
            out[part] = serialize_keras_object(found)
    return out


# ---- and back ----
def deserialize_keras_object(
    config: Any,
    custom_objects: dict[str, Any] | None = None,
    safe_mode: bool = True,
    module_objects: dict[str, Any] | None = None,
) -> Any:
    """The object that a config describes; lists and dicts of configs give lists and dicts of objects.

    Args:
        config: what ``serialize_keras_object`` returned.
        custom_objects: classes and functions by name, for those that are not registered.
        safe_mode: whether to refuse code in configs; none is ever run, so False allows no more.
        module_objects: what names mean in a config that says no module.

    Raises:
        ValueError: when its class is not known here. Nothing but this package is ever imported to find it.
    """
    if isinstance(config, (list, tuple)):
        return [deserialize_keras_object(v, custom_objects, safe_mode, module_objects) for v in config]
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {k: deserialize_keras_object(v, custom_objects, safe_mode, module_objects) for k, v in config.items()}
    name, inner = config["class_name"], config["config"]
    if isinstance(name, str) and name in _VALUES:
        return _VALUES[name](inner)
    with CustomObjectScope(custom_objects):
        if name == "function":
            return _function(config, module_objects)
        found = _class(config, module_objects)
        if not isinstance(found, type):
            raise ValueError(f"{name!r} is not a class: a config makes objects of classes alone")
        made = found.from_config(inner) if hasattr(found, "from_config") else found(**inner)
        if config.get("build_config") and not getattr(made, "built", True):
            made.build_from_config(config["build_config"])
            made.built = True
        if config.get("compile_config"):
            made.compile_from_config(config["compile_config"])
    return made


_VALUES: dict[str, Callable[[Any], Any]] = {  # configs of what is no object of a registered class
    "__numpy__": lambda c: np.asarray(c["value"], _dtype(c["dtype"])),
    "__tensor__": lambda c: np.asarray(c["value"], _dtype(c["dtype"])),
    "__bytes__": lambda c: c["value"].encode("utf-8"),
    "__slice__": lambda c: slice(*(c[k] for k in ("start", "stop", "step"))),
    "__ellipsis__": lambda c: Ellipsis,
    "__lambda__": lambda c: _no_lambda(),
}


def _no_lambda() -> Any:
    raise ValueError(
        "a Lambda layer cannot be rebuilt from a config, nor a lambda that is a loss or a metric: it is Python code. Use a "
        "function or a class registered with register_keras_serializable, or load with compile=False"
    )


def _dtype(name: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = np.dtype(name)
    if dtype.kind not in "biuf":
        raise ValueError(f"an array's dtype must be a number's. Received: dtype={name!r}")
    return dtype


def _function(config: dict[str, Any], module_objects: dict[str, Any] | None) -> Any:
    """The function of a config. ``custom>name`` stands in "config", or in "registered_name" as the first versions wrote."""
    name = config["config"]
    if not isinstance(name, str):
        raise ValueError(f"a function's config must be its name. Received: {name!r}")
    for key in (name, config.get("registered_name")):
        found = get_registered_object(key) if isinstance(key, str) else None
        if found is not None:
            return found
    found = _own_function(config.get("module"), name) or (module_objects or {}).get(name)
    if found is None:
        raise ValueError(_unknown("function", name))
    return found


def _own_function(module: Any, name: Any) -> Any:
    """A public function of this package by the module that shows it, or one inside that, as the first versions wrote them;
    None when it is none of those."""
    shown = module if not isinstance(module, str) or module in _FUNCTION_MODULES else module.rpartition(".")[0]
    if shown not in _FUNCTION_MODULES or not isinstance(name, str) or name.startswith("_"):
        return None
    found = getattr(sys.modules.get(shown), name, None)
    home = str(getattr(found, "__module__", ""))
    ours = home in _FUNCTION_MODULES or home.rpartition(".")[0] in _FUNCTION_MODULES
    return found if inspect.isfunction(found) and ours and found.__name__ == name else None


def _class(config: dict[str, Any], module_objects: dict[str, Any] | None) -> Any:
    """The class that a config names."""
    name, module, registered = config["class_name"], config.get("module"), config.get("registered_name")
    for key in (registered, name):
        found = get_registered_object(key) if isinstance(key, str) else None
        if found is not None:
            return found
    if isinstance(name, str) and registered is None:
        if module == _LATE:
            importlib.import_module(_LATE)
        if isinstance(module, str) and (module, name) in _classes:
            return _classes[module, name]
        found = (module_objects or {}).get(name)
        if isinstance(found, type):
            return found
        if name in _by_name:
            return _by_name[name]
    raise ValueError(_unknown("class", name))


def _unknown(what: str, name: Any) -> str:
    return (
        f"unknown {what} {name!r}. Known are Hornbeam's own and those given in `custom_objects` or registered with "
        "@register_keras_serializable"
    )


def is_a(obj: Any, name: str) -> bool:
    """Whether an object is of this package's class of this name, which modules below it cannot import."""
    return any(c.__name__ == name and c.__module__.startswith("hornbeam.") for c in type(obj).__mro__)


def lookup(kind: str, identifier: Any, table: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """An object from an identifier: None, a name, a config, a class or an instance, for the ``get`` functions."""
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize_keras_object(identifier, custom_objects, module_objects=table)
    if isinstance(identifier, str):
        found = get_registered_object(identifier, custom_objects, table) or table.get(identifier.lower())
        if found is None:
            raise ValueError(f"unknown {kind} {identifier!r}. Known: {', '.join(sorted(table))}")
        return found() if isinstance(found, type) else found
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier) or hasattr(identifier, "get_config"):
        return identifier
    raise ValueError(f"`{kind}` must be a name, a config or an object. Received: {identifier!r}")
