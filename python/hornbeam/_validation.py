"""The checks of constructor arguments, and the only maker of their messages."""

from __future__ import annotations

from typing import Any


def positive_int(name: str, value: Any) -> int:
    """``value`` when it is an int >= 1 (bools and floats are refused)."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"`{name}` must be a positive int. Received: {name}={value!r} of type {type(value).__name__}")
    if int(value) < 1:
        raise ValueError(f"`{name}` must be a positive int. Received: {name}={value}")
    return int(value)


def int_tuple(name: str, value: Any, rank: int, minimum: int = 1) -> tuple[int, ...]:
    """``value`` as ``rank`` ints >= ``minimum``; a single int stands for all of them."""
    items = [value] * rank if hasattr(value, "__index__") else list(value) if hasattr(value, "__iter__") else None
    ok = items is not None and len(items) == rank and not any(isinstance(i, bool) for i in items)
    if not ok or not all(hasattr(i, "__index__") for i in items or []):
        raise ValueError(f"`{name}` must be an int or a tuple of {rank} ints. Received: {name}={value!r}")
    result = tuple(int(i) for i in items or [])
    if any(i < minimum for i in result):
        raise ValueError(f"`{name}` must be >= {minimum}. Received: {name}={value!r}")
    return result


def fraction(name: str, value: Any) -> float:
    """``value`` when it lies in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be a number in [0, 1]. Received: {name}={value!r}")
    return float(value)


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """``value`` when it is one of ``allowed``, whatever its case."""
    text = value.lower() if isinstance(value, str) else value
    if text not in allowed:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, allowed))}. Received: {name}={value!r}")
    return str(text)
