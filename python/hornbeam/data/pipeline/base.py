"""What all parts of a data set's class share: the node that it is about, and the checks of arguments."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from hornbeam.core.validation import integer
from hornbeam.data.pipeline.node import Node
from hornbeam.random.draws import make_seed

__all__ = ["AUTOTUNE", "Base", "callable_of", "dataset_of", "seed_of", "workers_of"]

AUTOTUNE = -1  # as many as suit this machine

Made = TypeVar("Made", bound="Base")


class Base:
    """A data set.

    Args:
        node: what gives its elements.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    def _with(self: Made, node: Node) -> Made:
        """A data set of the same class."""
        return type(self)(node)


def seed_of(seed: Any) -> int:
    """The seed, or one from the global sequence."""
    return make_seed() if seed is None else integer("seed", seed)


def callable_of(name: str, value: Any) -> Callable[..., Any]:
    """The function that ``value`` is."""
    if not callable(value):
        raise TypeError(f"`{name}` must be a function. Received: {name}={value!r}")
    return value  # type: ignore[no-any-return]


def dataset_of(name: str, value: Any) -> Node:
    """The node of the data set that ``value`` is."""
    if not isinstance(value, Base):
        raise TypeError(f"`{name}` must be a Dataset. Received: {type(value).__name__}")
    return value._node


def workers_of(num_parallel_calls: Any, name: str = "num_parallel_calls") -> int:
    """Threads that are asked for: none for None, as many as there are CPUs for ``AUTOTUNE``."""
    if num_parallel_calls is None:
        return 0
    n = integer(name, num_parallel_calls, -1)
    if n == AUTOTUNE:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return n
