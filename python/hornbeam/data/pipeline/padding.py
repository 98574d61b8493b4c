"""Batches of elements of different shapes: padded, and of elements of like length."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from itertools import islice
from typing import Any

import numpy as np

from hornbeam.core.tree import flatten, map_structure, pack_like, signature
from hornbeam.data.pipeline.elements import stack
from hornbeam.data.pipeline.node import Node, Pass, divided, drop
from hornbeam.data.pipeline.threads import Elements
from hornbeam.data.pipeline.tracing import call

__all__ = ["Buckets", "PaddedBatched", "padded"]


def padded(elements: list[Any], shapes: Any, values: Any) -> Any:
    """Elements as a batch, each part padded at its end to the largest of them or to a shape.

    Args:
        elements: at least one.
        shapes: a structure of shapes, None or -1 for the largest along an axis; None for the largest along all.
        values: a structure of what is padded with, or one value for all; None for zeros and empty strings.

    Raises:
        ValueError: for an element larger than its shape.
    """
    first = elements[0]
    columns = [list(part) for part in zip(*(flatten(e) for e in elements))]
    leaves = _leaves_of_shapes(first, shapes)
    fill = _values(first, values)
    return pack_like(first, [_pad(c, s, v) for c, s, v in zip(columns, leaves, fill)])


def _leaves_of_shapes(like: Any, shapes: Any) -> list[Any]:
    """A shape for each part, None where it is not said."""
    if shapes is None:
        return [None] * len(flatten(like))
    if isinstance(like, dict):
        if not isinstance(shapes, dict) or set(shapes) != set(like):
            raise ValueError(f"`padded_shapes` must be structured as the elements. Received: {shapes!r}")
        return [s for k in sorted(like) for s in _leaves_of_shapes(like[k], shapes[k])]
    if isinstance(like, tuple):
        if not isinstance(shapes, (tuple, list)) or len(shapes) != len(like):
            raise ValueError(f"`padded_shapes` must be structured as the elements. Received: {shapes!r}")
        return [s for a, b in zip(like, shapes) for s in _leaves_of_shapes(a, b)]
    return [tuple(None if d in (None, -1) else int(d) for d in shapes)]


def _values(like: Any, values: Any) -> list[Any]:
    if isinstance(values, (tuple, dict, list)):
        if signature(values) != signature(map_structure(lambda _: 0, like)):
            raise ValueError(f"`padding_values` must be structured as the elements. Received: {values!r}")
        return flatten(values)
    return [values] * len(flatten(like))


def _pad(parts: list[Any], shape: Any, value: Any) -> Any:
    if isinstance(parts[0], (str, bytes)):
        return stack(parts)
    arrays = [np.asarray(p) for p in parts]
    rank = arrays[0].ndim
    if any(a.ndim != rank for a in arrays) or (shape is not None and len(shape) != rank):
        raise ValueError(f"shapes to pad must have one number of axes. Received: {[a.shape for a in arrays]}, {shape}")
    most = [max(a.shape[k] for a in arrays) for k in range(rank)]
    sizes = [m if shape is None or shape[k] is None else shape[k] for k, m in enumerate(most)]
    if any(m > s for m, s in zip(most, sizes)):
        raise ValueError(f"an element is larger than what it is padded to. Received: {tuple(most)} and {tuple(sizes)}")
    dtype = np.result_type(*arrays) if arrays[0].dtype.kind in "fiub" else arrays[0].dtype
    text = dtype.kind in "USO"
    if text:
        dtype = np.dtype(object)
    fill = ("" if text else 0) if value is None else value
    if not text and np.asarray(fill).dtype.kind in "USO":
        raise TypeError(f"`padding_values` of numbers must be numbers. Received: {value!r}")
    out = np.full((len(arrays), *sizes), fill, dtype)
    for i, a in enumerate(arrays):
        place: Any = (i,) + tuple(slice(n) for n in a.shape)
        out[place] = a
    return out


class PaddedBatched(Node):
    """``size`` elements at a time, padded to one shape; arguments as for ``padded``."""

    def __init__(self, source: Node, size: int, shapes: Any, values: Any, whole: bool) -> None:
        super().__init__(source, indexed=source.indexed)
        self.size, self.shapes, self.values, self.whole = size, shapes, values, whole
        self.length = divided(source.length, size, not whole)

    def item(self, number: int, at: Pass) -> Any:
        first, n = number * self.size, self.inputs[0].length
        last = int(min(first + self.size, n or 0))
        return padded([self.inputs[0].item(i, at) for i in range(first, last)], self.shapes, self.values)

    def stream(self, at: Pass, start: int) -> Elements:
        with closing(self.inputs[0].read(at, start * self.size)) as items:
            while group := list(islice(items, self.size)):
                if len(group) == self.size or not self.whole:
                    yield padded(group, self.shapes, self.values)


class Buckets(Node):
    """Batches of elements of like length.

    Args:
        source: whose elements.
        length_of: the length of an element, called as ``map`` calls its function.
        boundaries: between buckets, ascending.
        sizes: elements a batch, one more than boundaries.
        shapes: as for ``padded``.
        values: likewise.
        to_boundary: whether elements are padded to one less than their bucket's upper boundary.
        pad: whether they are padded at all.
        whole: whether smaller batches at the end are left out.
    """

    def __init__(
        self,
        source: Node,
        length_of: Callable[..., Any],
        boundaries: list[int],
        sizes: list[int],
        shapes: Any,
        values: Any,
        to_boundary: bool,
        pad: bool,
        whole: bool,
    ) -> None:
        super().__init__(source)
        self.length_of, self.boundaries, self.sizes = length_of, boundaries, sizes
        self.shapes, self.values, self.to_boundary, self.pad, self.whole = shapes, values, to_boundary, pad, whole

    def stream(self, at: Pass, start: int) -> Elements:
        yield from drop(self._stream(at), start)

    def _stream(self, at: Pass) -> Elements:
        held: list[list[Any]] = [[] for _ in self.sizes]
        with closing(self.inputs[0].read(at)) as items:
            for x in items:
                bucket = int(np.searchsorted(self.boundaries, int(call(self.length_of, x)), "right"))
                held[bucket].append(x)
                if len(held[bucket]) == self.sizes[bucket]:
                    yield self._batch(held[bucket], bucket)
                    held[bucket] = []
        for bucket, rest in enumerate(held):
            if rest and not self.whole:
                yield self._batch(rest, bucket)

    def _batch(self, elements: list[Any], bucket: int) -> Any:
        if not self.pad:
            return stack(elements)
        if not self.to_boundary:
            return padded(elements, self.shapes, self.values)
        if bucket == len(self.boundaries):
            raise ValueError("with `pad_to_bucket_boundary`, elements must be shorter than the last boundary")
        size = self.boundaries[bucket] - 1
        leaves = [
            tuple(size if d is None else d for d in (given if given is not None else (None,) * np.ndim(x)))
            for x, given in zip(flatten(elements[0]), _leaves_of_shapes(elements[0], self.shapes))
        ]
        columns = [list(part) for part in zip(*(flatten(e) for e in elements))]
        fill = _values(elements[0], self.values)
        return pack_like(elements[0], [_pad(c, s, v) for c, s, v in zip(columns, leaves, fill)])
