"""Layers that take strings: they run before a model's graph, which begins with what they give."""

from __future__ import annotations

from typing import Any

from hornbeam.core.strings import STRING, is_strings, strings_as_arrays
from hornbeam.core.symbolic import KerasTensor
from hornbeam.core.tree import flatten
from hornbeam.layers.layer import Layer

__all__ = ["EdgeLayer"]


class EdgeLayer(Layer):
    """A layer that takes strings, perhaps among other values.

    A subclass computes with NumPy's arrays in ``call``, and says in ``compute_output_spec`` what comes of symbolic inputs.
    Where a model calls it on strings, it runs before the model's program, on a batch at a time.
    """

    takes_strings = True
    input_dtype = STRING

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        symbolic = any(isinstance(x, KerasTensor) for x in args)  # a list of strings may be long: it is not searched
        return super().__call__(*(args if symbolic else [strings_as_arrays(x) for x in args]), **kwargs)

    def _convert(self, x: Any) -> Any:
        return x if any(is_strings(leaf) for leaf in flatten(x)) else self._numbers(x)

    def _numbers(self, x: Any) -> Any:
        """What ``call`` gets for an input without strings."""
        return super()._convert(x)

    def _native(self) -> dict[str, Any] | None:
        """The options of what does the same in the core, as JSON holds them; None where there is no such.

        Of a layer of one input those of a ``TextEncoder``, with "each", the strings of a row: "one" or "last", those of the
        last axis. Of a crossing "bins", and "one_hot", whether bins become vectors.
        """
        return None
