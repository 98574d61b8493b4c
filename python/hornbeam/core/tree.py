"""Nested structures of lists, tuples and dicts, as Keras' ``tree``: flatten, rebuild, map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def flatten(structure: Any) -> list[Any]:
    """Leaves in order; dicts by sorted key. ``None`` is a leaf."""
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    elif not isinstance(structure, (list, tuple)):
        return [structure]
    leaves: list[Any] = []
    for item in structure:
        if isinstance(item, (dict, list, tuple)):
            leaves += flatten(item)
        else:
            leaves.append(item)
    return leaves


def pack_like(structure: Any, leaves: list[Any]) -> Any:
    """The structure with its leaves replaced, in ``flatten``'s order."""
    return _pack(structure, iter(leaves))


def _pack(structure: Any, leaves: Any) -> Any:
    if isinstance(structure, dict):
        packed = {key: _pack(structure[key], leaves) for key in sorted(structure)}
        return {key: packed[key] for key in structure}
    if isinstance(structure, tuple):
        items = [_pack(item, leaves) for item in structure]
        return type(structure)(*items) if hasattr(structure, "_fields") else tuple(items)
    if isinstance(structure, list):
        return [_pack(item, leaves) for item in structure]
    return next(leaves)


def map_structure(fn: Callable[..., Any], structure: Any, *others: Any) -> Any:
    """Applies ``fn`` to corresponding leaves."""
    if not others and not isinstance(structure, (dict, list, tuple)):
        return fn(structure)
    columns = [flatten(s) for s in (structure, *others)]
    return pack_like(structure, [fn(*leaves) for leaves in zip(*columns)])


def signature(structure: Any) -> Any:
    """A hashable description of the nesting alone."""
    if isinstance(structure, dict):
        return ("dict", tuple((key, signature(structure[key])) for key in sorted(structure)))
    if isinstance(structure, (list, tuple)):
        return (type(structure).__name__, tuple([signature(item) for item in structure]))
    return structure is None
