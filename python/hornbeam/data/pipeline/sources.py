"""Where elements come from: arrays, ranges, generators."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np

from hornbeam.core.tree import map_structure
from hornbeam.data.pipeline.elements import as_element, as_sample, read_only, rows_in, rows_of, stack, unstack
from hornbeam.data.pipeline.node import Length, Node, Pass
from hornbeam.data.pipeline.spec import TensorSpec, conform, dtype_of_part
from hornbeam.data.pipeline.threads import Elements

__all__ = ["Arrays", "Generated", "Items", "Range", "Samples"]


class Arrays(Node):
    """The slices of arrays along their first axis.

    Args:
        arrays: a structure of arrays of one length.
    """

    def __init__(self, arrays: Any) -> None:
        super().__init__(indexed=True)
        self.arrays = arrays
        self.length = rows_in(arrays)

    def spec(self) -> Any:
        return map_structure(lambda a: None if a is None else TensorSpec(a.shape[1:], dtype_of_part(a)), self.arrays)

    def item(self, number: int, at: Pass) -> Any:
        return unstack(self.arrays, number)

    def rows(self, numbers: Any, at: Pass) -> Any:
        return rows_of(self.arrays, numbers)


class Items(Node):
    """Elements in a list.

    Args:
        items: the elements.
    """

    def __init__(self, items: list[Any]) -> None:
        super().__init__(indexed=True)
        self.items, self.length = [read_only(x) for x in items], len(items)

    def item(self, number: int, at: Pass) -> Any:
        return self.items[number]


class Samples(Node):
    """The elements of somebody else's data set, which has a length and is indexed.

    Args:
        source: the data set; threads may read it at once.
    """

    def __init__(self, source: Any) -> None:
        super().__init__(indexed=True)
        self.source, self.length = source, len(source)

    def item(self, number: int, at: Pass) -> Any:
        return as_sample(self.source[number])

    def rows(self, numbers: Any, at: Pass) -> Any:
        several = getattr(self.source, "__getitems__", None)  # torch's and Hugging Face's way to ask for many at once
        if several is None:
            return super().rows(numbers, at)
        return stack([as_sample(x) for x in several([int(i) for i in numbers])])


class Range(Node):
    """Numbers at even steps.

    Args:
        numbers: which.
        dtype: their dtype.
    """

    def __init__(self, numbers: range, dtype: str) -> None:
        super().__init__(indexed=True)
        self.numbers, self.dtype, self.length = numbers, np.dtype(dtype), len(numbers)

    def item(self, number: int, at: Pass) -> Any:
        return self.dtype.type(self.numbers[number])

    def rows(self, numbers: Any, at: Pass) -> Any:
        return (self.numbers.start + np.asarray(numbers) * self.numbers.step).astype(self.dtype)


class Generated(Node):
    """What a generator gives, which is made anew for each pass and closed with it.

    Args:
        make: gives an iterator.
        signature: a structure of ``TensorSpec`` that elements are held to, or None.
    """

    def __init__(self, make: Callable[[], Any], signature: Any = None, length: Length = None) -> None:
        super().__init__()
        self.make, self.signature, self.length = make, signature, length

    def spec(self) -> Any:
        return super().spec() if self.signature is None else self.signature

    def stream(self, at: Pass, start: int) -> Elements:
        source = iter(self.make())
        try:
            for number, x in enumerate(islice(source, start, None), start):
                element = as_element(x)
                yield element if self.signature is None else conform(element, self.signature, number)
        finally:
            if hasattr(source, "close"):
                source.close()
