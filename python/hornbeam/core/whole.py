"""State that threads, forks and failures leave whole."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hornbeam.core.changes import changed
from hornbeam.core.tracking import TrackedDict, TrackedList, TrackedSet

_building = threading.RLock()
_KINDS: dict[type, Any] = {list: list, dict: dict, set: set, TrackedList: list, TrackedDict: dict, TrackedSet: set}


def _fresh_lock() -> None:
    global _building
    _building = threading.RLock()  # another thread, which a forked child does not have, may have held it


os.register_at_fork(after_in_child=_fresh_lock)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """One thread at a time makes weights or traces steps: layers, which models share, are part of it."""
    lock = _building
    with lock:
        yield


@contextmanager
def all_or_nothing(*objects: Any) -> Iterator[None]:
    """When what is done inside fails, these objects' attributes are what they were, lists, dicts and sets included."""
    before = [
        (x, dict(vars(x)), [(v, _KINDS[type(v)], v.copy()) for v in vars(x).values() if type(v) in _KINDS])
        for x in objects
    ]
    try:
        yield
    except BaseException:
        for x, attributes, collections in before:
            vars(x).clear()
            vars(x).update(attributes)
            for collection, kind, items in collections:  # past what watches them
                kind.clear(collection)
                kind.extend(collection, items) if kind is list else kind.update(collection, items)
        changed()
        raise
