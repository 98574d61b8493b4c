"""Recurrent layers: one op over all steps where the core has the cell, else ``ops.scan`` over its steps."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, random
from hornbeam._tensor import KerasTensor, dims_of, emit, emit1, is_tensor
from hornbeam._validation import unsupported
from hornbeam.layers.layer import Layer
from hornbeam.layers.recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
from hornbeam.saving.registry import deserialize_keras_object


class RNN(Layer):
    """Runs a cell over the steps of a sequence.

    Args:
        cell: a cell (or a list of them): a layer with ``state_size`` and ``call(inputs, states)``.
        return_sequences: whether to return the output of every step rather than the last.
        return_state: whether to return the last states too.
        go_backwards: whether to start from the end.
        stateful: whether the last states of a batch begin the next one (needs a fixed batch size).
        unroll: accepted for compatibility.
        zero_output_for_mask: whether the output of a masked step is zero rather than that of the step before.

    Input shape: ``(batch, steps, features)``. Output shape: ``(batch, units)``, or ``(batch, steps, units)``.
    A masked step leaves the states as they were.
    """

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
        if len(shape) != 3:
            raise ValueError(
                f"layer {self.name!r} expects (batch, steps, features). Received: input_shape={tuple(shape)}"
            )
        if not self.cell.built:
            self.cell.build((shape[0], shape[2]))
            self.cell.built = True
        if self.stateful:
            if shape[0] is None:
                raise ValueError(f"stateful layer {self.name!r} needs a fixed batch size: use Input(batch_shape=...)")
            sizes = self.cell.state_size if isinstance(self.cell.state_size, list) else [self.cell.state_size]
            self._state_variables = [
                self.add_weight((shape[0], n), "zeros", trainable=False, name="state") for n in sizes
            ]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The input's mask, when sequences are returned."""
        mask = previous_mask[0] if isinstance(previous_mask, list) else previous_mask
        out = mask if self.return_sequences else None
        return [out] + [None] * self._state_count() if self.return_state else out

    def _state_count(self) -> int:
        return len(self.cell.state_size) if isinstance(self.cell.state_size, (list, tuple)) else 1

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
        batch = dims_of(sequences)[0]
        if initial_state is not None:
            states = [initial_state] if is_tensor(initial_state) else list(initial_state)
        elif self.stateful:
            states = [v.value for v in self._state_variables]
        elif hasattr(cell, "get_initial_state"):
            found = cell.get_initial_state(batch)
            states = [found] if is_tensor(found) else list(found)
        else:
            sizes = cell.state_size if isinstance(cell.state_size, (list, tuple)) else [cell.state_size]
            states = [ops.zeros((batch, n), self.dtype) for n in sizes]
        x, keep = sequences, None
        if training and getattr(cell, "dropout", None):
            x = random.dropout(x, cell.dropout, (None, 1, None), cell.seed_generator)
        if training and getattr(cell, "recurrent_dropout", None):  # one mask for all steps
            keep = random.dropout(ops.ones_like(states[0]), cell.recurrent_dropout, None, cell.seed_generator)
        mask = mask[0] if isinstance(mask, list) else mask
        if keep is None and getattr(cell, "kernel_name", None) is not None:
            out, final = self._run_fused(x, states, mask, initial_state is not None or self.stateful)
        else:
            out, final = self._run_scan(x, states, mask, keep)
        if mask is not None and self.zero_output_for_mask:
            out = ops.where(ops.expand_dims(self._output_mask(mask), -1), out, 0.0)
        if self.stateful:
            for v, value in zip(self._state_variables, final):
                v.assign(value)
        return [out, *final] if self.return_state else out

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
        if mask is not None and given:  # until its first step that counts, a row's output is zero
            counts = emit1("cumsum", [ops.cast(mask, "int32")], axis=1, reverse=bool(self.go_backwards))
            begun = ops.greater(counts, 0)
            h = ops.where(ops.expand_dims(begun, -1), h, 0.0)
        if not self.return_sequences:
            return h[:, last], final
        return (ops.flip(h, axis=1) if self.go_backwards else h), final

    def _run_scan(self, x: Any, states: list[Any], mask: Any, keep: Any) -> tuple[Any, list[Any]]:
        """Step by step, for any cell. ``keep``: the dropout mask of the first state."""
        cell = self.cell
        batch, steps = dims_of(x)[:2]
        native = hasattr(cell, "step")
        xs: Any = ops.transpose(cell.project(x) if native else x, [1, 0, 2])
        if mask is not None:
            xs = (xs, ops.expand_dims(ops.transpose(mask, [1, 0]), -1))

        def step(carry: Any, item: Any) -> Any:
            xt, mt = item if mask is not None else (item, None)
            current = list(carry[:-1]) if mask is not None else list(carry)
            used = [ops.multiply(current[0], keep), *current[1:]] if keep is not None else current
            if native:
                y, new = cell.step(xt, used)
            else:
                y, new = cell(xt, used if len(used) > 1 else used[0])
                new = [new] if is_tensor(new) else list(new)
            if mt is None:
                return new, y
            y = ops.where(mt, y, carry[-1])
            return [ops.where(mt, a, b) for a, b in zip(new, current)] + [y], y

        start = list(states)
        if mask is not None:
            start.append(ops.zeros((batch, getattr(cell, "output_size", states[0].shape[-1])), states[0].dtype))
        last, ys = ops.scan(step, start, xs, reverse=self.go_backwards)
        final = list(last[: len(states)])
        if self.return_sequences:
            out = ops.transpose(ys, [1, 0, 2])
            if self.go_backwards:
                out = ops.flip(out, axis=1)
        else:
            out = last[-1] if mask is not None else ys[0] if self.go_backwards else ys[steps - 1]
        return out, final

    def __call__(self, sequences: Any, initial_state: Any = None, **kwargs: Any) -> Any:
        if initial_state is not None:
            states = (
                [initial_state]
                if is_tensor(initial_state) or isinstance(initial_state, KerasTensor)
                else list(initial_state)
            )
            sequences = [sequences, *states]
        return super().__call__(sequences, **kwargs)


class _CellRNN(RNN):
    cell_class: Any = None
    _not_attributes = ("cell",)
    _own = (
        "return_sequences",
        "return_state",
        "go_backwards",
        "stateful",
        "unroll",
        "zero_output_for_mask",
        "name",
        "trainable",
        "dtype",
        "activity_regularizer",
        "autocast",
        "input_shape",
        "batch_input_shape",
        "input_dim",
        "use_cudnn",
        "time_major",
        "implementation",
    )

    def __init__(self, units: int, *args: Any, **kwargs: Any) -> None:
        mine = {k: kwargs.pop(k) for k in self._own if k in kwargs}
        unsupported("time_major", mine.pop("time_major", False), False)
        unsupported("use_cudnn", mine.pop("use_cudnn", "auto"), "auto", False)
        mine.pop("implementation", None)  # which of Keras' ways to the same result
        cell = self.cell_class(units, *args, **kwargs)
        super().__init__(cell, **mine)
        self.units = cell.units

    def _attributes(self, known: type) -> dict[str, Any]:
        return {**self.cell._attributes(type(self.cell)), **super()._attributes(known)}

    @property
    def activation(self) -> Any:
        """The cell's activation."""
        return self.cell.activation


class SimpleRNN(_CellRNN):
    """A fully connected recurrent layer (Elman 1990).

    ``h = activation(x W + h U + b)``.

    Args:
        units: size of the output and of the state.
        activation: a name or a function.
        use_bias: whether there is a bias.
        dropout: fraction of the inputs dropped while training.
        recurrent_dropout: fraction of the state dropped while training.
        return_sequences: whether to return every step's output rather than the last.
        return_state: whether to return the last states too.
        go_backwards: whether to start from the end.
        stateful: whether a batch goes on from the last one's states (needs a fixed batch size).
        **kwargs: as for the cell (initializers, regularizers, constraints) and ``Layer``.

    Input shape:
        ``(batch, steps, features)``; a mask ``(batch, steps)`` leaves the states of its false steps as they were.

    Output shape:
        ``(batch, units)``, or ``(batch, steps, units)`` with ``return_sequences``.

    Raises:
        ValueError: when ``units`` is not positive or the input has not three axes.

    Example:
        >>> import numpy as np
        >>> SimpleRNN(4)(np.ones((2, 5, 3), "float32")).shape
        (2, 4)
    """

    cell_class = SimpleRNNCell


class LSTM(_CellRNN):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000).

    ``c = f c + i activation(x W_c + h U_c + b_c)`` and ``h = o activation(c)``, the gates i, f, o being
    ``recurrent_activation(x W + h U + b)`` each; kernels hold the columns of i, f, c, o in this order.

    Args:
        units: size of the output and of the state.
        activation: a name or a function.
        recurrent_activation: of the gates.
        unit_forget_bias: whether the forget gate's bias begins at 1.
        use_bias: whether there is a bias.
        dropout: fraction of the inputs dropped while training.
        recurrent_dropout: fraction of the state dropped while training.
        return_sequences: whether to return every step's output rather than the last.
        return_state: whether to return the last states too.
        go_backwards: whether to start from the end.
        stateful: whether a batch goes on from the last one's states (needs a fixed batch size).
        **kwargs: as for the cell (initializers, regularizers, constraints) and ``Layer``.

    Input shape:
        ``(batch, steps, features)``; a mask ``(batch, steps)`` leaves the states of its false steps as they were.

    Output shape:
        ``(batch, units)``, or ``(batch, steps, units)`` with ``return_sequences``.

    Raises:
        ValueError: when ``units`` is not positive or the input has not three axes.

    Example:
        >>> import numpy as np
        >>> LSTM(4)(np.ones((2, 5, 3), "float32")).shape
        (2, 4)
    """

    cell_class = LSTMCell


class GRU(_CellRNN):
    """Gated recurrent unit (Cho et al. 2014).

    ``h = z h + (1 - z) activation(x W_h + (r h) U_h + b_h)``, the gates z, r being ``recurrent_activation(x W + h U + b)``
    each; kernels hold the columns of z, r, h in this order.

    Args:
        units: size of the output and of the state.
        activation: a name or a function.
        recurrent_activation: of the gates.
        reset_after: whether the reset gate acts after the product with ``U_h``, with a bias of its own.
        use_bias: whether there is a bias.
        dropout: fraction of the inputs dropped while training.
        recurrent_dropout: fraction of the state dropped while training.
        return_sequences: whether to return every step's output rather than the last.
        return_state: whether to return the last states too.
        go_backwards: whether to start from the end.
        stateful: whether a batch goes on from the last one's states (needs a fixed batch size).
        **kwargs: as for the cell (initializers, regularizers, constraints) and ``Layer``.

    Input shape:
        ``(batch, steps, features)``; a mask ``(batch, steps)`` leaves the states of its false steps as they were.

    Output shape:
        ``(batch, units)``, or ``(batch, steps, units)`` with ``return_sequences``.

    Raises:
        ValueError: when ``units`` is not positive or the input has not three axes.

    Example:
        >>> import numpy as np
        >>> GRU(4)(np.ones((2, 5, 3), "float32")).shape
        (2, 4)
    """

    cell_class = GRUCell
