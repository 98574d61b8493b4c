"""Recurrent cells as one, and what is asked of any cell."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.registry import deserialize_keras_object
from hornbeam.core.tree import flatten, map_structure
from hornbeam.layers.layer import Layer

__all__ = ["StackedRNNCells"]


class StackedRNNCells(Layer):
    """Several cells as one, each fed by the one before. Its states are a list of the cells' states.

    Args:
        cells: the cells.
    """

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cells = [deserialize_keras_object(c) if isinstance(c, dict) else c for c in cells]
        if not self.cells or not all(hasattr(c, "state_size") for c in self.cells):
            raise ValueError(f"`cells` must be a list of recurrent cells. Received: cells={cells}")
        self.state_size = [c.state_size for c in self.cells]
        self.output_size = output_size_of(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        """Builds the cells."""
        for c in self.cells:
            if isinstance(c, Layer) and not c.built:
                c.build(input_shape)
                c.built = True
            input_shape = (input_shape[0], output_size_of(c))

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """One step through all cells: ``(output, new states)``."""
        new = []
        for c, mine in zip(self.cells, states):
            inputs, s = c(inputs, mine if isinstance(mine, list) else [mine])
            new.append(s if isinstance(mine, list) or not isinstance(s, (list, tuple)) else s[0])
        return inputs, new

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """The states of each cell before the first step."""
        return [initial_state_of(c, batch_size, self.compute_dtype) for c in self.cells]


def output_size_of(cell: Any) -> int:
    """Size of a cell's output: the one that it names, or its first state's."""
    found = getattr(cell, "output_size", None)
    return found if found is not None else flatten(cell.state_size)[0]  # type: ignore[no-any-return]


def initial_state_of(cell: Any, batch: Any, dtype: str) -> Any:
    """A cell's states before the first step: its own, else zeros."""
    if hasattr(cell, "get_initial_state"):
        found = cell.get_initial_state(batch_size=batch)
        return list(found) if isinstance(found, (list, tuple)) else found
    return map_structure(lambda n: ops.zeros((batch, n), dtype), cell.state_size)
