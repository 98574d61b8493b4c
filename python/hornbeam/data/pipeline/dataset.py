"""Data sets: elements from somewhere, changed step by step, read by whoever iterates or trains."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import Any

from hornbeam.core.validation import integer, positive_int
from hornbeam.data.pipeline.base import AUTOTUNE, callable_of, dataset_of, seed_of, workers_of
from hornbeam.data.pipeline.batching import Batched, Rebatched, Unbatched
from hornbeam.data.pipeline.caching import Cached, CacheFile, Memory
from hornbeam.data.pipeline.combining import Combining
from hornbeam.data.pipeline.factories import Factories
from hornbeam.data.pipeline.functions import Function
from hornbeam.data.pipeline.iterating import DatasetIterator, Position
from hornbeam.data.pipeline.mapping import Filtered, Mapped
from hornbeam.data.pipeline.node import Node
from hornbeam.data.pipeline.reading import Prefetched
from hornbeam.data.pipeline.selecting import Concatenated, Enumerated, Every, Repeated, Shuffled, Skipped, Taken

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset"]

INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2


class Dataset(Factories, Combining):
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
        self._next, self._restored = Position(), False  # where the next begins; whether that was said

    # ---- reading ----
    def _pass(self, tensors: bool, ahead: int = 0) -> DatasetIterator:
        """A new pass, or the one that was restored.

        Args:
            tensors: whether elements come as tensors.
            ahead: elements that are made ahead, where the data set does not say itself.
        """
        self._position, self._next, self._restored = self._next, Position(self._next.epoch + 1), False
        node = Prefetched(self._node, ahead) if ahead and not self._node.ahead else self._node
        return DatasetIterator(node, self._position, tensors)

    def _left(self) -> int | None:
        """How many elements the next pass gives; None where only its end will tell."""
        n = self._node.length
        return None if n is None or n == math.inf else max(0, int(n) - self._next.element)

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

    def state(self) -> dict[str, Any]:
        """Where the latest pass stands, as what JSON takes: the number of the pass, that of the next element, and the
        seeds of what is drawn.

        Elements that were read ahead, and not given yet, do not count.
        """
        at = self._next if self._restored else self._position
        seeds = [list(n.seeds) for n in self._node.all_nodes()]
        return {"version": 1, "epoch": at.epoch, "element": at.element, "seeds": seeds}

    def restore(self, state: dict[str, Any]) -> None:
        """Has the next pass begin where another data set, made as this one, stood: it gives the same elements, bit by bit.

        Where elements can be had by number, that costs nothing; else those before it are read again.

        Args:
            state: what ``state`` gave.

        Raises:
            ValueError: for what is no state of such a data set.
        """
        nodes = list(self._node.all_nodes())
        before = [list(n.seeds) for n in nodes]
        try:
            if state["version"] != 1:
                raise ValueError(f"there is no version {state['version']!r}")
            position = Position(integer("epoch", state["epoch"], 0), integer("element", state["element"], 0))
            seeds = [[integer("seeds", s) for s in given] for given in state["seeds"]]
            if len(seeds) != len(nodes):
                raise ValueError(f"it is of a pipeline of {len(seeds)} parts; this one has {len(nodes)}")
            for node, given in zip(nodes, seeds):
                node.seeds = given
        except (KeyError, TypeError, ValueError) as e:
            for node, given in zip(nodes, before):
                node.seeds = given
            raise ValueError(f"`state` must be what `state()` of such a data set gave: {e}") from e
        self._next, self._restored = position, True

    def reduce(self, initial_state: Any, reduce_func: Callable[[Any, Any], Any]) -> Any:
        """What a function makes of all elements, one after another.

        Args:
            initial_state: what the first call gets.
            reduce_func: of what the call before it gave, and an element.

        Returns:
            What the last call gave.

        Example:
            >>> from hornbeam.data import Dataset
            >>> int(Dataset.range(5).reduce(0, lambda total, x: total + x))
            10
        """
        function, result = callable_of("reduce_func", reduce_func), initial_state
        for x in self:
            result = function(result, x)
        return result

    @property
    def element_spec(self) -> Any:
        """The shapes and dtypes of elements, a structure of ``TensorSpec``: None for sizes that differ between batches.
        What only a function or generator knows is that of the first element.

        Raises:
            ValueError: when that would have to be known and there is none.
        """
        return self._node.spec()

    # ---- changing elements ----
    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        processes: bool | int = False,
    ) -> Dataset:
        """What a function makes of each element.

        A function that is made of ``hornbeam.ops`` and layers is traced once for each shape, and runs as a compiled
        program, without Python's lock. Any other, such as one that uses NumPy or its own random numbers, is called with
        arrays, numbers and strings. It is traced twice or more to tell: what it does beside computing, such as printing, happens
        then alone.

        Random layers and ``SeedGenerator`` draw by the number of the pass and of the element: the same for any number of
        threads.

        Args:
            map_func: called with an element, by position with the items of one that is a tuple. It may return tensors,
                arrays, numbers, strings, and tuples and dicts of them.
            num_parallel_calls: threads that call it; None for none but the one that asks for elements, ``AUTOTUNE`` for
                as many as there are CPUs.
            deterministic: elements always come in order, whatever it says.
            processes: how many spawned processes call it, instead of this one; True for ``num_parallel_calls`` of them.
                The function is one that ``pickle`` takes.

        Raises:
            ValueError: while it is read, where the function assigns variables.
        """
        threads = workers_of(num_parallel_calls)
        count = (threads or workers_of(AUTOTUNE)) if processes is True else integer("processes", int(processes), 0)
        function = Function(callable_of("map_func", map_func), "map", count)
        return Dataset(Mapped(self._node, function, max(threads, count)))

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """The elements of which a function says true.

        Args:
            predicate: called as ``map`` calls its function; gives one bool.
        """
        return Dataset(Filtered(self._node, Function(callable_of("predicate", predicate), "filter")))

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
        return Dataset(Batched(self._node, size, bool(drop_remainder), workers_of(num_parallel_calls)))

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
        return Dataset(Concatenated(self._node, dataset_of("dataset", dataset)))

    # ---- how they are read ----
    def cache(self, filename: Any = None) -> Dataset:
        """Keeps the elements of the first pass, so that they are made once.

        Args:
            filename: of a file that keeps them, and gets this name when all are there; one that is there is read. None
                or "" for memory.

        Raises:
            ValueError: for a file that another program wrote, or a damaged one.
        """
        path = "" if filename is None else os.fspath(filename)
        return Dataset(Cached(self._node, CacheFile(path) if path else Memory()))

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
        return callable_of("transformation_func", transformation_func)(self)
