"""The user's classes and functions that configs may name: registered for good, or known inside a scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam.core.state import state

_custom: dict[str, Any] = {}
_names: dict[Any, str] = {}


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Decorator: makes a class or a function loadable from configs, as ``package>name``.

    Args:
        package: tells it from others of its name.
        name: None for its own.

    Raises:
        ValueError: for a class without ``get_config``.

    Example:
        >>> @register_keras_serializable("docs")
        ... def cube(x):
        ...     return x**3
        >>> get_registered_name(cube)
        'docs>cube'
    """

    def decorate(obj: Any) -> Any:
        if isinstance(obj, type) and not hasattr(obj, "get_config"):
            raise ValueError(f"a class needs a get_config() method to be registered. Received: {obj!r}")
        registered = f"{package}>{name if name is not None else obj.__name__}"
        _custom[registered] = obj
        _names[obj] = registered
        return obj

    return decorate


def get_registered_name(obj: Any) -> str:
    """The name under which a class or function is registered; its own when it is not."""
    return str(_names.get(obj, obj.__name__))


def get_registered_object(
    name: str | None, custom_objects: dict[str, Any] | None = None, module_objects: dict[str, Any] | None = None
) -> Any:
    """What is known under a name: to the innermost scope, else registered, else in the given tables; None: nothing."""
    for table in (state.custom_objects, _custom, custom_objects or {}, module_objects or {}):
        if name in table:
            return table[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """The table of registered objects (live: it may be changed)."""
    return _custom


class CustomObjectScope:
    """Inside, configs may name these objects too; in this thread alone.

    Args:
        custom_objects: classes and functions by name.
    """

    def __init__(self, custom_objects: dict[str, Any] | None) -> None:
        self.custom_objects = dict(custom_objects or {})
        self._outer: list[dict[str, Any]] = []

    def __enter__(self) -> CustomObjectScope:
        self._outer.append(state.custom_objects)
        state.custom_objects = {**state.custom_objects, **self.custom_objects}
        return self

    def __exit__(self, *exc: object) -> None:
        state.custom_objects = self._outer.pop()


custom_object_scope = CustomObjectScope
