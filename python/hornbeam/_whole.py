"""State that threads, forks and failures leave whole."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_building = threading.RLock()


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
        (x, dict(vars(x)), [(v, v.copy()) for v in vars(x).values() if type(v) in (list, dict, set)]) for x in objects
    ]
    try:
        yield
    except BaseException:
        for x, attributes, collections in before:
            vars(x).clear()
            vars(x).update(attributes)
            for collection, items in collections:
                collection.clear()
                collection.extend(items) if isinstance(collection, list) else collection.update(items)
        raise
