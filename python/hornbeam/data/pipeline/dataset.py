"""Data sets: elements from somewhere, changed step by step, read by whoever iterates or trains."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import Any

from hornbeam.core.validation import integer, positive_int
from hornbeam.data.pipeline.batching import Batched, Rebatched, Unbatched
from hornbeam.data.pipeline.factories import Factories, seed_of
from hornbeam.data.pipeline.iterating import DatasetIterator, Position
from hornbeam.data.pipeline.mapping import Mapped
from hornbeam.data.pipeline.node import Node
from hornbeam.data.pipeline.reading import Prefetched
from hornbeam.data.pipeline.selecting import Concatenated, Enumerated, Every, Repeated, Shuffled, Skipped, Taken

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset"]

AUTOTUNE = -1  # as many as suit this machine
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2


class Dataset(Factories):
    """Elements, one after another: numbers, arrays and strings, and tuples and dicts of them.

    Iterating gives tensors, ``as_numpy_iterator`` arrays. Each pass over a data set computes its elements anew, in order,
    whatever the number of threads that do it, and with the same bits. Made by ``from_tensor_slices`` and other functions
    of this class; ``fit``, ``evaluate`` and ``predict`` take one whose elements are batches.

    Example:
        >>> import hornbeam as hb
        >>> ds = hb.data.Dataset.range(5).map(lambda x: x * x).batch(2)
        >>> [batch.tolist() for batch in ds]
        [[0, 1], [4, 9], [16]]
    """

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._position = Position()  # of the latest pass
        self._next = Position()  # where the next begins

    # ---- reading ----
    def _pass(self, tensors: bool, ahead: int = 0) -> DatasetIterator:
        """A new pass, or the one that was restored.

        Args:
            tensors: whether elements come as tensors.
            ahead: elements that are made ahead, where the data set does not say itself.
        """
        self._position, self._next = self._next, Position(self._next.epoch + 1)
        node = Prefetched(self._node, ahead) if ahead and not self._node.ahead else self._node
        return DatasetIterator(node, self._position, tensors)

    def __iter__(self) -> Iterator[Any]:
        return self._pass(tensors=True)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """A pass over the elements as NumPy arrays and numbers, and strings as ``str``."""
        return self._pass(tensors=False)

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        n = self._node.length
        if n is None or n == math.inf:
            raise TypeError(f"the data set's length is {'unknown' if n is None else 'infinite'}")
        return int(n)

    def cardinality(self) -> int:
        """The number of elements; ``INFINITE_CARDINALITY`` (-1) without end, ``UNKNOWN_CARDINALITY`` (-2) where only
        reading will tell."""
        n = self._node.length
        return UNKNOWN_CARDINALITY if n is None else INFINITE_CARDINALITY if n == math.inf else int(n)

    def __repr__(self) -> str:
        return f"<Dataset of {self.cardinality()} elements>"

    # ---- changing elements ----
    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
    ) -> Dataset:
        """What a function makes of each element.

        Args:
            map_func: called with an element, by position with the items of one that is a tuple. It gets NumPy arrays,
                numbers and strings, and may return tensors as well.
            num_parallel_calls: threads that call it; None for none but the one that asks for elements, ``AUTOTUNE`` for
                as many as there are CPUs.
            deterministic: elements always come in order, whatever it says.
        """
        return Dataset(Mapped(self._node, _callable("map_func", map_func), _workers(num_parallel_calls)))

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
    ) -> Dataset:
        """Batches: elements stacked along a new first axis.

        Args:
            batch_size: elements a batch.
            drop_remainder: whether a smaller last one is left out.
            num_parallel_calls: threads that make batches, as for ``map``.
            deterministic: elements always come in order, whatever it says.

        Raises:
            ValueError: while it is read, when elements differ in shape or structure.
        """
        size = positive_int("batch_size", batch_size)
        return Dataset(Batched(self._node, size, bool(drop_remainder), _workers(num_parallel_calls)))

    def unbatch(self) -> Dataset:
        """The elements of batches, one by one."""
        return Dataset(Unbatched(self._node))

    def rebatch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """The elements of batches in batches of another size.

        Args:
            batch_size: elements a batch.
            drop_remainder: whether a smaller last one is left out.
        """
        return Dataset(Rebatched(self._node, positive_int("batch_size", batch_size), bool(drop_remainder)))

    def enumerate(self, start: int = 0) -> Dataset:
        """Pairs of a number, int64, and an element.

        Args:
            start: the first number.
        """
        return Dataset(Enumerated(self._node, integer("start", start)))

    # ---- choosing elements ----
    def shuffle(
        self, buffer_size: int | None = None, seed: int | None = None, reshuffle_each_iteration: bool | None = None
    ) -> Dataset:
        """The elements in random order.

        Where elements can be had by number (arrays, lists of files, and what ``map``, ``batch`` and the like make of
        them) it is a permutation of all, at no cost. Others come out of a buffer: each time one of it, at random, which
        the next element replaces.

        Args:
            buffer_size: elements in the buffer; None for all. One leaves the order as it is.
            seed: an int; None takes one from the global generator (``utils.set_random_seed``).
            reshuffle_each_iteration: whether each pass has another order, which None means, too.
        """
        size = None if buffer_size is None else positive_int("buffer_size", buffer_size)
        seed = seed_of(seed)
        if size == 1:
            return self
        anew = reshuffle_each_iteration is None or bool(reshuffle_each_iteration)
        return Dataset(Shuffled(self._node, size, seed, anew))

    def repeat(self, count: int | None = None) -> Dataset:
        """All elements several times; what is shuffled comes in another order each time.

        Args:
            count: how many times; None or -1 for ever.
        """
        times = -1 if count is None else integer("count", count, -1)
        return Dataset(Repeated(self._node, None if times < 0 else times))

    def take(self, count: int) -> Dataset:
        """The first elements.

        Args:
            count: how many; -1 for all.
        """
        n = integer("count", count, -1)
        return self if n < 0 else Dataset(Taken(self._node, n))

    def skip(self, count: int) -> Dataset:
        """The elements behind the first ones.

        Args:
            count: how many are left out; -1 for all.
        """
        n = integer("count", count, -1)
        return Dataset(Taken(self._node, 0) if n < 0 else Skipped(self._node, n))

    def shard(self, num_shards: int, index: int) -> Dataset:
        """One element of each ``num_shards``: what one of several machines reads.

        Args:
            num_shards: how many parts there are.
            index: which part this is, from 0.
        """
        step, first = positive_int("num_shards", num_shards), integer("index", index, 0)
        if first >= step:
            raise ValueError(f"`index` must be below `num_shards`. Received: index={index}, num_shards={num_shards}")
        return Dataset(Every(self._node, step, first))

    def concatenate(self, dataset: Dataset) -> Dataset:
        """These elements, then those of another data set.

        Args:
            dataset: the other one.
        """
        if not isinstance(dataset, Dataset):
            raise TypeError(f"`dataset` must be a Dataset. Received: {type(dataset).__name__}")
        return Dataset(Concatenated(self._node, dataset._node))

    # ---- how they are read ----
    def prefetch(self, buffer_size: int) -> Dataset:
        """Makes elements on a thread of its own before they are asked for.

        Args:
            buffer_size: how many may wait; ``AUTOTUNE`` for two.
        """
        n = integer("buffer_size", buffer_size, -1)
        return Dataset(Prefetched(self._node, 2 if n == AUTOTUNE else n))

    def apply(self, transformation_func: Callable[[Dataset], Any]) -> Any:
        """What a function makes of the data set.

        Args:
            transformation_func: takes it.
        """
        return _callable("transformation_func", transformation_func)(self)


def _callable(name: str, value: Any) -> Callable[..., Any]:
    if not callable(value):
        raise TypeError(f"`{name}` must be a function. Received: {name}={value!r}")
    return value  # type: ignore[no-any-return]


def _workers(num_parallel_calls: int | None) -> int:
    """Threads that are asked for."""
    if num_parallel_calls is None:
        return 0
    n = integer("num_parallel_calls", num_parallel_calls, -1)
    if n == AUTOTUNE:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return n
