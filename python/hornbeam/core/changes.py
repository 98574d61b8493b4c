"""When programs that were traced may no longer hold: once a layer or a variable has another say in what is traced."""

from __future__ import annotations

__all__ = ["changed", "latest"]

_mark = object()


def latest() -> object:
    """Another object after each change. Whoever keeps what follows from layers asks before looking at them."""
    return _mark


def changed() -> None:
    """Notes that layers hold other layers or weights than before, or say otherwise how these are used."""
    global _mark
    _mark = object()
