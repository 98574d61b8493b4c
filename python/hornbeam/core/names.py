"""Automatic names: "dense", "dense_1", ..."""

from __future__ import annotations

import re
from typing import Any

_counters: dict[str, int] = {}


def auto_name(prefix: str) -> str:
    """``prefix``, ``prefix_1``, ... in order of creation."""
    n = _counters.get(prefix, 0)
    _counters[prefix] = n + 1
    return prefix if n == 0 else f"{prefix}_{n}"


def to_snake_case(name: str) -> str:
    """ "MultiHeadAttention" as "multi_head_attention"."""
    name = re.sub(r"\W+", "", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)).lower()


def clear_names() -> None:
    """Restarts the counters of automatic names."""
    _counters.clear()


def check_name(name: Any) -> str:
    """``name`` when files can hold it: text without lone surrogates and NUL."""
    if not isinstance(name, str) or "\0" in name or any("\ud800" <= c <= "\udfff" for c in name):
        raise ValueError(f"`name` must be a string without NUL and lone surrogates. Received: name={name!r}")
    return name
