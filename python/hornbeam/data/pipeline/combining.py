"""Transformations that make data sets of elements, or put elements of different shapes together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hornbeam.core.validation import integer, ints, number, positive_int
from hornbeam.data.pipeline.base import Base, Made, callable_of, dataset_of, seed_of, workers_of
from hornbeam.data.pipeline.flattening import Interleaved, Sampled, Windows
from hornbeam.data.pipeline.padding import Buckets, PaddedBatched
from hornbeam.data.pipeline.threads import Elements
from hornbeam.data.workers import read_ahead

__all__ = ["Combining"]


class Combining(Base):
    """Transformations that work on several elements, or data sets, at once."""

    def flat_map(self: Made, map_func: Callable[..., Any]) -> Made:
        """The elements of the data set that a function makes of each element, one data set behind another.

        Args:
            map_func: called as ``map`` calls its function; gives a data set.
        """
        return self._with(Interleaved(self._node, callable_of("map_func", map_func), 1, 1))

    def interleave(
        self: Made,
        map_func: Callable[..., Any],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
    ) -> Made:
        """The elements of the data sets that a function makes of each element, in turn.

        Args:
            map_func: called as ``map`` calls its function; gives a data set.
            cycle_length: how many are read in turn; None or ``AUTOTUNE`` for 4, on each machine. Where one ends, the
                next takes its place.
            block_length: elements of each in its turn, 1 for None.
            num_parallel_calls: not None or 0: each that is open is read ahead by a thread of its own.
            deterministic: elements always come in order, whatever it says.
        """
        cycle = -1 if cycle_length is None else integer("cycle_length", cycle_length, -1)
        block = 1 if block_length is None else positive_int("block_length", block_length)
        function = callable_of("map_func", map_func)
        if cycle == 0:
            raise ValueError("`cycle_length` must be a positive int or AUTOTUNE. Received: cycle_length=0")
        opened = partial(_ahead, block) if workers_of(num_parallel_calls) else None
        return self._with(Interleaved(self._node, function, 4 if cycle < 0 else cycle, block, opened))

    def window(self: Made, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False) -> Made:
        """Data sets of elements that follow each other; of elements with several parts, such structures of data sets.

        Args:
            size: elements of a window.
            shift: from the beginning of one to that of the next; None for ``size``.
            stride: from one element of a window to the next.
            drop_remainder: whether smaller windows at the end are left out.

        Example:
            >>> from hornbeam.data import Dataset
            >>> windows = Dataset.range(5).window(3, shift=1, drop_remainder=True)
            >>> [w.tolist() for w in windows.flat_map(lambda w: w.batch(3))]
            [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
        """
        n, gap = positive_int("size", size), positive_int("stride", stride)
        step = n if shift is None else positive_int("shift", shift)
        return self._with(Windows(self._node, n, step, gap, bool(drop_remainder), type(self)))

    def padded_batch(
        self: Made, batch_size: int, padded_shapes: Any = None, padding_values: Any = None, drop_remainder: bool = False
    ) -> Made:
        """Batches of elements of different shapes, which are padded at their ends.

        Args:
            batch_size: elements a batch.
            padded_shapes: a structure of shapes, None or -1 for the largest size along an axis; None for the largest
                along all.
            padding_values: a structure of what is padded with, or one for all; None for zeros and empty strings.
            drop_remainder: whether a smaller last batch is left out.

        Raises:
            ValueError: while it is read, for an element larger than its shape.
        """
        size = positive_int("batch_size", batch_size)
        return self._with(PaddedBatched(self._node, size, padded_shapes, padding_values, bool(drop_remainder)))

    def bucket_by_sequence_length(
        self: Made,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
    ) -> Made:
        """Batches of elements of like length.

        Args:
            element_length_func: the length of an element, called as ``map`` calls its function.
            bucket_boundaries: between buckets, ascending: a bucket has elements from one on and below the next.
            bucket_batch_sizes: elements a batch, one more than there are boundaries.
            padded_shapes: as for ``padded_batch``.
            padding_values: likewise.
            pad_to_bucket_boundary: whether elements are padded to one less than the upper boundary, and not to the
                longest of the batch; those of the last bucket are refused then.
            no_padding: whether elements are not padded at all.
            drop_remainder: whether smaller batches at the end are left out.
        """
        edges, sizes = ints("bucket_boundaries", bucket_boundaries), ints("bucket_batch_sizes", bucket_batch_sizes)
        if len(sizes) != len(edges) + 1:
            raise ValueError(
                "`bucket_batch_sizes` must have one more than `bucket_boundaries`. Received: "
                f"{len(sizes)} and {len(edges)}"
            )
        if sorted(set(edges)) != edges or min(sizes) < 1:
            raise ValueError(
                "`bucket_boundaries` must ascend, and `bucket_batch_sizes` be positive. Received: "
                f"bucket_boundaries={edges}, bucket_batch_sizes={sizes}"
            )
        function = callable_of("element_length_func", element_length_func)
        shapes, to_boundary = (padded_shapes, padding_values), bool(pad_to_bucket_boundary)
        node = Buckets(self._node, function, edges, sizes, *shapes, to_boundary, not no_padding, bool(drop_remainder))
        return self._with(node)

    bucket_by_length = bucket_by_sequence_length

    @classmethod
    def sample_from_datasets(
        cls: type[Made],
        datasets: Sequence[Made],
        weights: Sequence[float] | None = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
    ) -> Made:
        """An element of one of several data sets at a time, chosen at random.

        Args:
            datasets: a list of them.
            weights: how likely each is, relative to the others; None for all alike.
            seed: an int; None takes one from the global generator.
            stop_on_empty_dataset: whether it ends where the one that was chosen has; else the others go on.
        """
        nodes = [dataset_of("datasets", d) for d in datasets]
        shares = [1.0] * len(nodes) if weights is None else [number("weights", w, 0) for w in weights]
        if not nodes or len(shares) != len(nodes) or sum(shares) <= 0:
            raise ValueError(f"there must be one weight for each data set, one above 0. Received: weights={weights}")
        return cls(Sampled(nodes, shares, seed_of(seed), bool(stop_on_empty_dataset)))


def _ahead(size: int, items: Elements) -> Elements:
    return read_ahead(items, size)
