"""``RNN``, the loop of recurrent layers: one op over all steps where the core has the cell, else ``ops.scan`` over its steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hornbeam import initializers, ops, random
from hornbeam.core.registry import deserialize_keras_object
from hornbeam.core.tensor import dims_of, emit, emit1
from hornbeam.core.tree import flatten, pack_like
from hornbeam.core.variable import Variable
from hornbeam.layers.layer import Layer
from hornbeam.layers.stacked_cells import StackedRNNCells, initial_state_of, output_size_of

__all__ = ["RNN"]


class RNN(Layer):
    """Runs a cell over the steps of a sequence.

    Args:
        cell: a cell (or a list of them): a layer with ``state_size`` and ``call(inputs, states)``, the states a list.
        return_sequences: whether to return the output of every step rather than the last.
        return_state: whether to return the last states too, a list for each cell where there are several.
        go_backwards: whether to start from the end; the outputs are then in the order in which they were made.
        stateful: whether the last states of a batch begin the next one (needs a fixed batch size).
        unroll: whether a masked step repeats the output before it, which is zero at first, where it otherwise gives the
            state before it. Nothing else: the program is the same loop.
        zero_output_for_mask: whether the output of a masked step is zero.

    Input shape: ``(batch, steps, features)``. Output shape: ``(batch, units)``, or ``(batch, steps, units)``.
    A masked step leaves the states as they were.
    """

    _untracked = Layer._untracked | {"_state_variables"}  # no weights: they are of the batches, not learnt

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(cell, dict):
            cell = deserialize_keras_object(cell)
        self.cell: Any = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        if not hasattr(self.cell, "state_size") or not callable(self.cell):
            raise ValueError(f"`cell` must be a layer with `state_size`. Received: cell={cell!r}")
        self.return_sequences, self.return_state, self.go_backwards = return_sequences, return_state, go_backwards
        self.stateful, self.unroll, self.zero_output_for_mask = stateful, unroll, zero_output_for_mask
        self.states: Any = None
        self.supports_masking = True

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Builds the cell."""
        shape = sequences_shape[0] if isinstance(sequences_shape, list) else sequences_shape
        if len(shape) < 3:
            raise ValueError(
                f"layer {self.name!r} expects (batch, steps, features). Received: input_shape={tuple(shape)}"
            )
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((shape[0], *shape[2:]))
            self.cell.built = True
        if self.stateful:
            if shape[0] is None:
                raise ValueError(f"stateful layer {self.name!r} needs a fixed batch size: use Input(batch_shape=...)")
            self._state_variables = [
                Variable(initializers.get("zeros"), s.shape, self.variable_dtype, trainable=False, name="rnn_state")
                for s in flatten(self.get_initial_state(shape[0]))
            ]
            for v in self._state_variables:
                v._path = f"{self.name}/{v.name}"

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:  # type: ignore[override]
        """The output's shape, and those of the states with ``return_state``."""
        states = () if initial_state_shape is None else (initial_state_shape,)
        return super().compute_output_shape(sequences_shape, *states)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The input's mask, when sequences are returned."""
        mask = mask[0] if isinstance(mask, list) else mask
        out = mask if self.return_sequences else None
        sizes = self.cell.state_size
        return [out, *([None] * len(flatten(sizes)))] if self.return_state else out

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """The states before the first step: the cell's own, else zeros.

        Args:
            batch_size: number of samples.
        """
        found = initial_state_of(self.cell, batch_size, self.compute_dtype)
        return found if isinstance(found, list) else [found]

    def reset_state(self) -> None:
        """Zeroes the states of a stateful layer."""
        for v in getattr(self, "_state_variables", []):
            v.assign(ops.zeros(v.shape, v.dtype))

    reset_states = reset_state

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """The outputs, and the last states with ``return_state``."""
        if isinstance(sequences, (list, tuple)):
            sequences, initial_state = sequences[0], list(sequences[1:])
        cell = self.cell
        structure = self.get_initial_state(dims_of(sequences)[0])
        states = flatten(structure)
        given = initial_state is not None or self.stateful
        if initial_state is not None:
            found = flatten(initial_state)
            if len(found) != len(states):
                raise ValueError(f"layer {self.name!r} has {len(states)} states. Received: {len(found)} initial states")
            states = [ops.cast(s, own.dtype) for s, own in zip(found, states)]
        elif self.stateful:
            states = [v.value for v in self._state_variables]
        mask = _per_step(mask[0] if isinstance(mask, list) else mask)
        fused = getattr(cell, "kernel_name", None) is not None and not (training and cell.recurrent_dropout)
        if fused:
            out, final = self._run_fused(self._dropped(sequences, training), states, mask, given)
        else:
            out, final = self._run_scan(sequences, structure, states, mask, training)
        if mask is not None and self.zero_output_for_mask:
            out = ops.where(_beside(self._output_mask(mask), out), out, 0.0)
        if self.stateful:
            for v, value in zip(self._state_variables, final):
                v.assign(value)
        return [out, *pack_like(structure, final)] if self.return_state else out

    def _dropped(self, x: Any, training: bool) -> Any:
        """The sequences, without the features that the cell drops at all steps."""
        if not training or not self.cell.dropout:
            return x
        return random.dropout(x, self.cell.dropout, (None, 1, None), self.cell.seed_generator)

    def _output_mask(self, mask: Any) -> Any:
        if not self.return_sequences:
            return mask[:, 0 if self.go_backwards else -1]
        return ops.flip(mask, axis=1) if self.go_backwards else mask

    def _run_fused(self, x: Any, states: list[Any], mask: Any, given: bool) -> tuple[Any, list[Any]]:
        """All steps in one op. ``given``: the states may differ from zero."""
        cell, last = self.cell, 0 if self.go_backwards else -1
        inputs = [cell.project(x), cell.recurrent_kernel, *states, *cell.kernel_inputs()]
        if mask is not None:
            inputs.append(mask)
        made = emit(
            "recurrent", inputs, cell=cell.kernel_name, masked=mask is not None, reverse=bool(self.go_backwards)
        )
        final = [y[:, last] for y in made[: len(states)]]
        h = made[0]
        if mask is not None and given and self.unroll:  # until its first step that counts, a row's output is zero
            counts = emit1("cumsum", [ops.cast(mask, "int32")], axis=1, reverse=bool(self.go_backwards))
            h = ops.where(ops.expand_dims(ops.greater(counts, 0), -1), h, 0.0)
        if not self.return_sequences:
            return h[:, last], final
        return (ops.flip(h, axis=1) if self.go_backwards else h), final

    def _run_scan(
        self, x: Any, structure: list[Any], states: list[Any], mask: Any, training: bool
    ) -> tuple[Any, list[Any]]:
        """Step by step, for any cell. ``structure``: how the cell nests its states."""
        cell, count = self.cell, len(states)
        batch = dims_of(x)[0]
        whole = hasattr(cell, "step")  # projects its inputs for all steps at once
        keep = cell.recurrent_mask(batch) if whole and training else None
        xs: Any = cell.project(self._dropped(x, training)) if whole else x
        xs = ops.transpose(xs, [1, 0, *range(2, xs.ndim)])
        shown = len(flatten(structure[:-1])) if isinstance(structure[0], list) else 0  # the last cell's first state

        def advance(xt: Any, current: list[Any]) -> tuple[Any, list[Any]]:
            if whole:
                return cell.step(xt, current, keep)  # type: ignore[no-any-return]
            y, new = cell(xt, pack_like(structure, current))
            return y, flatten(new)

        def step(carry: Any, item: Any) -> Any:
            if mask is None:
                y, new = advance(item, list(carry))
                return new, y
            xt, mt = item
            current = list(carry[:count])
            y, new = advance(xt, current)
            y = ops.where(_beside(mt, y), y, carry[count] if self.unroll else current[shown])
            new = [ops.where(_beside(mt, a), a, b) for a, b in zip(new, current)]
            return [*new, y] if self.unroll else new, y

        start = list(states)
        if mask is not None:
            xs = (xs, ops.transpose(mask, [1, 0]))
            if self.unroll:
                start.append(ops.zeros((batch, output_size_of(cell)), states[0].dtype))
        with _held_masks(cell, batch, training and not whole):
            last, ys = ops.scan(step, start, xs, reverse=self.go_backwards)
        if not self.return_sequences:
            return ys[0 if self.go_backwards else -1], list(last[:count])
        out = ops.transpose(ys, [1, 0, *range(2, ys.ndim)])
        return ops.flip(out, axis=1) if self.go_backwards else out, list(last[:count])


def _per_step(mask: Any) -> Any:
    """A mask as bools ``(batch, steps)``: a step with features counts when one of them does."""
    if mask is None:
        return None
    mask = ops.cast(mask, "bool")
    return ops.any(mask, axis=list(range(2, mask.ndim))) if mask.ndim > 2 else mask


def _beside(mask: Any, x: Any) -> Any:
    """A mask of x's first axes, with axes of size 1 for the others."""
    for _ in range(x.ndim - mask.ndim):
        mask = ops.expand_dims(mask, -1)
    return mask


@contextmanager
def _held_masks(cell: Any, batch: Any, drops: bool) -> Iterator[None]:
    """Inside, each cell drops the same features and states at every step."""
    cells = [c for c in getattr(cell, "cells", [cell]) if drops and hasattr(c, "hold_masks")]
    for c in cells:
        c.hold_masks(batch)
    try:
        yield
    finally:
        for c in cells:
            c.release_masks()
