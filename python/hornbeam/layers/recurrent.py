"""Recurrent layers. A cell projects its inputs for all steps at once, then ``ops.scan`` runs its recurrence."""

from __future__ import annotations

from typing import Any

from hornbeam import activations, constraints, initializers, ops, random, regularizers
from hornbeam._tensor import KerasTensor, dims_of, emit, is_tensor
from hornbeam._validation import choice, fraction, positive_int
from hornbeam.layers.layer import Layer
from hornbeam.saving.registry import deserialize_keras_object


class _Cell(Layer):
    gates = 1
    state_count = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive_int("units", units)
        self.activation, self.use_bias = activations.get(activation), use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer, self.recurrent_regularizer = (
            regularizers.get(kernel_regularizer),
            regularizers.get(recurrent_regularizer),
        )
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint, self.recurrent_constraint = (
            constraints.get(kernel_constraint),
            constraints.get(recurrent_constraint),
        )
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout, self.recurrent_dropout = (
            fraction("dropout", dropout),
            fraction("recurrent_dropout", recurrent_dropout),
        )
        self.seed = seed
        if self.dropout or self.recurrent_dropout:
            self.seed_generator = random.SeedGenerator(seed)
        self.state_size: Any = self.units if self.state_count == 1 else [self.units] * self.state_count
        self.output_size = self.units

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.units * self.gates,)

    def _make_bias(self) -> Any:
        return self.add_weight(
            self._bias_shape(),
            self.bias_initializer,
            name="bias",
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        """Makes the kernel, the recurrent kernel and the bias."""
        if input_shape[-1] is None:
            raise ValueError(f"the features' axis must be known. Received: input_shape={tuple(input_shape)}")
        n = self.units * self.gates
        self.kernel = self.add_weight(
            (input_shape[-1], n),
            self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, n),
            self.recurrent_initializer,
            name="recurrent_kernel",
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        self.bias = self._make_bias() if self.use_bias else None
        self.built = True

    def project(self, x: Any) -> Any:
        """The inputs' part of the gates, for one step or many."""
        y = ops.matmul(x, self.kernel)
        return y if self.bias is None else ops.add(y, self.bias)

    @property
    def kernel_name(self) -> str | None:
        """The cell of the core's ``recurrent`` op that this one is, None when there is none."""
        return None

    def kernel_inputs(self) -> list[Any]:
        """What that op takes after the states."""
        return []

    def step(self, xp: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """One step from projected inputs: the output and the new states."""
        raise NotImplementedError

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """One step: ``(output, new states)``."""
        single = is_tensor(states)
        y, new = self.step(self.project(inputs), [states] if single else list(states))
        return y, new[0] if single else new

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zeros for each state."""
        return [ops.zeros((batch_size, self.units), self.dtype) for _ in range(self.state_count)]


class SimpleRNNCell(_Cell):
    """One step of ``h = activation(x W + h U + b)``.

    Args:
        units: size of the state.
        activation: a name or a function.
    """

    @property
    def kernel_name(self) -> str | None:
        """``tanh`` or ``relu``, the activations that the op has."""
        names = {activations.tanh: "tanh", activations.relu: "relu"}
        return names.get(self.activation)

    def step(self, xp: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """One step from projected inputs."""
        h = self.activation(ops.add(xp, ops.matmul(states[0], self.recurrent_kernel)))
        return h, [h]


class LSTMCell(_Cell):
    """One step of an LSTM (Hochreiter and Schmidhuber 1997); gates in the order i, f, c, o.

    Args:
        units: size of each state.
        activation: of the candidate and the output.
        recurrent_activation: of the gates.
        unit_forget_bias: whether the forget gate's bias begins at 1.
    """

    gates, state_count = 4, 2

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        unit_forget_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_activation, self.unit_forget_bias = activations.get(recurrent_activation), unit_forget_bias

    def _make_bias(self) -> Any:
        bias = super()._make_bias()
        if self.unit_forget_bias:
            value = bias.numpy()
            value[self.units : 2 * self.units] = 1
            bias.assign(value)
        return bias

    @property
    def kernel_name(self) -> str | None:
        """``lstm``, with the usual activations."""
        usual = self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid
        return "lstm" if usual else None

    def step(self, xp: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """One step from projected inputs."""
        h, c = states
        i, f, g, o = ops.split(ops.add(xp, ops.matmul(h, self.recurrent_kernel)), 4, axis=-1)
        c = ops.add(
            ops.multiply(self.recurrent_activation(f), c),
            ops.multiply(self.recurrent_activation(i), self.activation(g)),
        )
        h = ops.multiply(self.recurrent_activation(o), self.activation(c))
        return h, [h, c]


class GRUCell(_Cell):
    """One step of a GRU (Cho et al. 2014); gates in the order z, r, h.

    Args:
        units: size of the state.
        activation: of the candidate.
        recurrent_activation: of the gates.
        reset_after: whether the reset gate acts after the matrix product (then the bias is ``(2, 3 * units)``).
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        reset_after: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_activation, self.reset_after = activations.get(recurrent_activation), reset_after

    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def project(self, x: Any) -> Any:
        """The inputs' part of the gates."""
        y = ops.matmul(x, self.kernel)
        if self.bias is None:
            return y
        return ops.add(y, self.bias[0] if self.reset_after else self.bias)

    @property
    def kernel_name(self) -> str | None:
        """``gru``, with the usual activations and the reset gate after the product."""
        usual = self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid
        return "gru" if usual and self.reset_after else None

    def kernel_inputs(self) -> list[Any]:
        """The bias of the state's part."""
        return [ops.zeros((3 * self.units,), self.dtype) if self.bias is None else self.bias[1]]

    def step(self, xp: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """One step from projected inputs."""
        h, u = states[0], self.units
        xz, xr, xh = ops.split(xp, 3, axis=-1)
        if self.reset_after:
            hp = ops.matmul(h, self.recurrent_kernel)
            if self.bias is not None:
                hp = ops.add(hp, self.bias[1])
            hz, hr, hh = ops.split(hp, 3, axis=-1)
            z = self.recurrent_activation(ops.add(xz, hz))
            r = self.recurrent_activation(ops.add(xr, hr))
            candidate = self.activation(ops.add(xh, ops.multiply(r, hh)))
        else:
            hp = ops.matmul(h, self.recurrent_kernel[:, : 2 * u])
            z = self.recurrent_activation(ops.add(xz, hp[:, :u]))
            r = self.recurrent_activation(ops.add(xr, hp[:, u:]))
            candidate = self.activation(ops.add(xh, ops.matmul(ops.multiply(r, h), self.recurrent_kernel[:, 2 * u :])))
        h = ops.add(ops.multiply(z, h), ops.multiply(ops.subtract(1.0, z), candidate))
        return h, [h]


class StackedRNNCells(Layer):
    """Several cells as one, each fed by the one before.

    Args:
        cells: the cells.
    """

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cells = [deserialize_keras_object(c) if isinstance(c, dict) else c for c in cells]
        self.state_size = [c.state_size for c in self.cells]
        self.output_size = self.cells[-1].output_size
        self.state_count = sum(c.state_count for c in self.cells)

    def build(self, input_shape: Any) -> None:
        """Builds the cells."""
        for c in self.cells:
            if not c.built:
                c.build(input_shape)
                c.built = True
            input_shape = (*tuple(input_shape)[:-1], c.output_size)

    def project(self, x: Any) -> Any:
        """The inputs themselves: each cell projects its own."""
        return x

    def step(self, x: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """One step through all cells."""
        new: list[Any] = []
        for c in self.cells:
            mine, states = states[: c.state_count], states[c.state_count :]
            x, s = c.step(c.project(x), mine)
            new += s
        return x, new

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zeros for each state of each cell."""
        return [s for c in self.cells for s in c.get_initial_state(batch_size)]


class RNN(Layer):
    """Runs a cell over the steps of a sequence.

    Args:
        cell: a cell (or a list of them): a layer with ``state_size`` and ``call(inputs, states)``.
        return_sequences: whether to return the output of every step rather than the last.
        return_state: whether to return the last states too.
        go_backwards: whether to start from the end.
        stateful: whether the last states of a batch begin the next one (needs a fixed batch size).
        unroll: accepted for compatibility.

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
        self.return_sequences, self.return_state, self.go_backwards = return_sequences, return_state, go_backwards
        self.stateful, self.unroll = stateful, unroll
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
        if self.stateful:
            for v, value in zip(self._state_variables, final):
                v.assign(value)
        return [out, *final] if self.return_state else out

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
            begun = ops.cumsum(ops.cast(mask, "int32"), axis=1, reverse=bool(self.go_backwards)) > 0
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
        "input_shape",
        "batch_input_shape",
        "input_dim",
        "use_cudnn",
        "time_major",
        "implementation",
    )

    def __init__(self, units: int, *args: Any, **kwargs: Any) -> None:
        mine = {k: kwargs.pop(k) for k in self._own if k in kwargs}
        for gone in ("use_cudnn", "time_major", "implementation"):
            mine.pop(gone, None)
        cell = self.cell_class(units, *args, **kwargs)
        super().__init__(cell, **mine)
        self.units = cell.units

    def get_config(self) -> dict[str, Any]:
        config = {**self.cell.get_config()}
        config.update(
            {
                k: getattr(self, k)
                for k in ("name", "trainable", "return_sequences", "return_state", "go_backwards", "stateful", "unroll")
            }
        )
        return config

    @property
    def activation(self) -> Any:
        """The cell's activation."""
        return self.cell.activation


_ARGS = """

    Args:
        units: size of the output.
        activation: a name or a function.{more}
        use_bias: whether there is a bias.
        dropout: fraction of the inputs dropped while training.
        recurrent_dropout: fraction of the state dropped while training.
        return_sequences: whether to return every step's output.
        return_state: whether to return the last states too.
        go_backwards: whether to start from the end.
        stateful: whether a batch goes on from the last one's states.

    Input shape: ``(batch, steps, features)``. Output shape: ``(batch, units)``, or ``(batch, steps, units)``.
    """


class SimpleRNN(_CellRNN):
    __doc__ = "A fully connected recurrent layer: ``h = activation(x W + h U + b)``." + _ARGS.format(more="")
    cell_class = SimpleRNNCell


class LSTM(_CellRNN):
    __doc__ = "Long short-term memory (Hochreiter and Schmidhuber 1997)." + _ARGS.format(
        more="\n        recurrent_activation: of the gates.\n        unit_forget_bias: whether the forget bias begins at 1."
    )
    cell_class = LSTMCell


class GRU(_CellRNN):
    __doc__ = "Gated recurrent unit (Cho et al. 2014)." + _ARGS.format(
        more="\n        recurrent_activation: of the gates.\n        reset_after: whether the reset gate acts after the product."
    )
    cell_class = GRUCell


class Wrapper(Layer):
    """A layer around another.

    Args:
        layer: the layer inside.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = deserialize_keras_object(layer) if isinstance(layer, dict) else layer
        if not isinstance(self.layer, Layer):
            raise ValueError(f"`layer` must be a layer. Received: layer={layer!r}")


class Bidirectional(Wrapper):
    """Runs a recurrent layer in both directions (Schuster and Paliwal 1997).

    Args:
        layer: the forward layer.
        merge_mode: "concat", "sum", "mul", "ave", or None for a list.
        backward_layer: None for a copy of the forward one.
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(layer, **kwargs)
        self.merge_mode = (
            None if merge_mode is None else choice("merge_mode", merge_mode, ("concat", "sum", "mul", "ave"))
        )
        forward = self.layer
        if isinstance(backward_layer, dict):
            backward_layer = deserialize_keras_object(backward_layer)
        if backward_layer is None:
            config = forward.get_config()
            config["go_backwards"] = not forward.go_backwards
            config["name"] = "backward_" + forward.name
            backward_layer = type(forward).from_config(config)
        self.forward_layer, self.backward_layer = forward, backward_layer
        self.return_sequences, self.return_state = forward.return_sequences, forward.return_state
        self.supports_masking = True

    def build(self, sequences_shape: Any) -> None:
        """Builds both directions."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The input's mask, when sequences are returned."""
        return previous_mask if self.return_sequences and self.merge_mode else None

    def call(self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """Both directions' outputs, merged."""
        half = len(initial_state) // 2 if initial_state else 0
        a = self.forward_layer.call(inputs, list(initial_state[:half]) if half else None, mask, training)
        b = self.backward_layer.call(inputs, list(initial_state[half:]) if half else None, mask, training)
        states: list[Any] = []
        if self.return_state:
            states, a, b = [*a[1:], *b[1:]], a[0], b[0]
        if self.merge_mode == "concat":
            out = ops.concatenate([a, b], axis=-1)
        elif self.merge_mode == "sum":
            out = ops.add(a, b)
        elif self.merge_mode == "mul":
            out = ops.multiply(a, b)
        elif self.merge_mode == "ave":
            out = ops.multiply(ops.add(a, b), 0.5)
        else:
            return [a, b, *states]
        return [out, *states] if states else out

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "layer": self.forward_layer,
            "merge_mode": self.merge_mode,
            "backward_layer": self.backward_layer,
        }


class TimeDistributed(Wrapper):
    """Applies a layer to every step.

    Args:
        layer: the layer.

    Input shape: ``(batch, steps, ...)``.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Builds the layer for one step's shape."""
        if not self.layer.built:
            self.layer.build((None, *tuple(input_shape)[2:]))
            self.layer.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The layer's outputs for all steps."""
        dims = dims_of(inputs)
        y = self.layer(ops.reshape(inputs, [dims[0] * dims[1], *dims[2:]]), training=training)
        return ops.reshape(y, [dims[0], dims[1], *dims_of(y)[1:]])
