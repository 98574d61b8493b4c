"""When programs that were traced may no longer hold: once a layer or a variable has another say in what is traced."""

from __future__ import annotations

import weakref
from typing import Any

__all__ = ["Same", "changed", "latest"]

_mark = object()


def latest() -> object:
    """Another object after each change. Whoever keeps what follows from layers asks before looking at them."""
    return _mark


def changed() -> None:
    """Notes that layers hold other layers or weights than before, or say otherwise how these are used."""
    global _mark
    _mark = object()


class Same(weakref.ref[Any]):
    """An object in a key: equal to itself alone, whatever it says of ``==``, and no reason for it to stay."""

    __slots__ = ("_id",)

    def __init__(self, item: Any) -> None:  # made by __new__ above
        self._id = id(item)

    def __hash__(self) -> int:
        return self._id

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, Same):
            return self is other
        item = self()  # what is gone may have left its id to another
        return item is not None and item is other()
