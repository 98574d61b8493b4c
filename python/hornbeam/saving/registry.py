"""Objects to configs and back. Only classes in the registry are ever made from a config: no import, no code, no pickle."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_classes: dict[str, Any] = {}
_custom: dict[str, Any] = {}
_names: dict[Any, str] = {}
# Whose public functions a config may name: none of them does more than compute.
_FUNCTION_MODULES = tuple(
    f"hornbeam.{m}" for m in ("activations", "ops", "losses", "metrics", "initializers", "regularizers", "constraints")
)


def register_builtin(cls: Any) -> Any:
    """Adds a class of this package."""
    _classes[cls.__name__] = cls
    return cls


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Decorator: makes a class or function loadable from configs as ``package>name``."""

    def decorate(obj: Any) -> Any:
        registered = f"{package}>{name or obj.__name__}"
        _custom[registered] = obj
        _names[obj] = registered
        return obj

    return decorate


def get_custom_objects() -> dict[str, Any]:
    """The table of registered custom objects (live: it may be changed)."""
    return _custom


@contextmanager
def custom_object_scope(objects: dict[str, Any]) -> Iterator[None]:
    """Inside, these names can be loaded too."""
    saved = dict(_custom)
    _custom.update(objects)
    try:
        yield
    finally:
        _custom.clear()
        _custom.update(saved)


CustomObjectScope = custom_object_scope


def serialize_keras_object(obj: Any) -> Any:
    """A JSON-able description of an object with ``get_config``, a registered function, or a plain value."""
    if obj is None or isinstance(obj, (bool, int, float, str)):
        return obj
    if isinstance(obj, (list, tuple)):
        return [serialize_keras_object(i) for i in obj]
    if isinstance(obj, dict):
        return {k: serialize_keras_object(v) for k, v in obj.items()}
    if hasattr(obj, "get_config") and not isinstance(obj, type):
        cls = type(obj)
        return {
            "module": "hornbeam" if cls.__name__ in _classes else cls.__module__,
            "class_name": cls.__name__,
            "config": serialize_keras_object(obj.get_config()),
            "registered_name": _names.get(cls),
        }
    if callable(obj):
        own = _own_function(getattr(obj, "__module__", None), obj.__name__) is obj
        return {
            "module": obj.__module__ if own else "functions",
            "class_name": "function",
            "config": obj.__name__,
            "registered_name": _names.get(obj),
        }
    if hasattr(obj, "tolist"):
        return obj.tolist()
    raise TypeError(f"cannot serialize an object of type {type(obj).__name__}")


def deserialize_keras_object(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The object a config describes.

    Raises:
        ValueError: when its class is not known here. Nothing is ever imported to find it.
    """
    if isinstance(config, dict) and "class_name" in config and "config" in config:
        found = find_class(config["class_name"], config.get("registered_name"), custom_objects)
        if config["class_name"] == "function":
            own = _own_function(config.get("module"), config["config"])
            return own or find_class(config["config"], config.get("registered_name"), custom_objects)
        if not isinstance(found, type):
            raise ValueError(f"{config['class_name']!r} is not a class: a config makes objects of classes alone")
        inner = config["config"]
        with custom_object_scope(custom_objects or {}):
            return found.from_config(inner) if hasattr(found, "from_config") else found(**inner)
    if isinstance(config, dict):
        return {k: deserialize_keras_object(v, custom_objects) for k, v in config.items()}
    if isinstance(config, list):
        return [deserialize_keras_object(v, custom_objects) for v in config]
    return config


def _own_function(module: Any, name: Any) -> Any:
    """A public function of this package by the module that defines it; None when it is none of those."""
    known = isinstance(module, str) and (module in _FUNCTION_MODULES or module.rpartition(".")[0] in _FUNCTION_MODULES)
    if not known or not isinstance(name, str) or name.startswith("_"):
        return None
    found = getattr(sys.modules.get(module), name, None)
    return found if callable(found) and getattr(found, "__module__", None) == module else None


def find_class(name: str, registered: str | None = None, custom_objects: dict[str, Any] | None = None) -> Any:
    """The class or function of this name."""
    if name == "function" and name not in _custom:
        return None
    for table in (custom_objects or {}, _custom, _classes):
        for key in (registered, name):
            if key is not None and key in table:
                return table[key]
    for key, value in _custom.items():
        if key.split(">")[-1] == name:
            return value
    raise ValueError(
        f"unknown class {name!r}. Known classes are Hornbeam's own and those given in `custom_objects` or "
        "registered with @register_keras_serializable"
    )


def is_a(obj: Any, name: str) -> bool:
    """Whether an object is of this package's class of this name, which modules below it cannot import."""
    return any(c.__name__ == name and c.__module__.startswith("hornbeam.") for c in type(obj).__mro__)


def lookup(kind: str, identifier: Any, table: dict[str, Any]) -> Any:
    """An object from an identifier: None, a name, a config, a class or an instance, for the ``get`` functions."""
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize_keras_object(identifier)
    if isinstance(identifier, str):
        found = table.get(identifier) or table.get(identifier.lower()) or _custom.get(identifier)
        if found is None:
            raise ValueError(f"unknown {kind} {identifier!r}. Known: {', '.join(sorted(table))}")
        return found() if isinstance(found, type) else found
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier) or hasattr(identifier, "get_config"):
        return identifier
    raise ValueError(f"`{kind}` must be a name, a config or an object. Received: {identifier!r}")
