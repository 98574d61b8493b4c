"""The cells of recurrent layers: one step each. A cell projects its inputs for all steps at once."""

from __future__ import annotations

from typing import Any

from hornbeam import activations, ops, random
from hornbeam.core.tensor import dims_of
from hornbeam.core.validation import fraction, integer, positive_int
from hornbeam.layers.layer import Layer

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell"]


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
        self._take(
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
        )
        self.dropout, self.recurrent_dropout = (
            fraction("dropout", dropout),
            fraction("recurrent_dropout", recurrent_dropout),
        )
        self.seed = None if seed is None else integer("seed", seed)
        if self.dropout or self.recurrent_dropout:
            self.seed_generator = random.SeedGenerator(seed)
        self._held: tuple[Any, Any] | None = None
        self.state_size: Any = self.units if self.state_count == 1 else [self.units] * self.state_count
        self.output_size = self.units

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.units * self.gates,)

    def _make_bias(self) -> Any:
        return self._weight("bias", self._bias_shape())

    def build(self, input_shape: Any) -> None:
        """Makes the kernel, the recurrent kernel and the bias."""
        if input_shape[-1] is None:
            raise ValueError(f"the features' axis must be known. Received: input_shape={tuple(input_shape)}")
        n = self.units * self.gates
        self.kernel = self._weight("kernel", (input_shape[-1], n))
        self.recurrent_kernel = self._weight("recurrent_kernel", (self.units, n), "recurrent")
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

    def step(self, xp: Any, states: list[Any], keep: Any = None) -> tuple[Any, list[Any]]:
        """One step from projected inputs: the output and the new states. ``keep``: a factor of the first state as the
        kernel sees it."""
        raise NotImplementedError

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """One step: ``(output, new states)``."""
        listed = isinstance(states, (list, tuple))
        current = list(states) if listed else [states]
        keep = None
        if training and (self.dropout or self.recurrent_dropout):
            features, keep = self._held or self._masks(dims_of(inputs)[0])
            inputs = _kept(inputs, features)
        y, new = self.step(self.project(inputs), current, keep)
        return y, new if listed else new[0]

    def _mask(self, rate: float, shape: Any) -> Any:
        return random.dropout(ops.ones(shape, self.compute_dtype), rate, None, self.seed_generator) if rate else None

    def recurrent_mask(self, batch: Any) -> Any:
        """What the first state is multiplied by while training, the same at all steps; None where nothing is dropped."""
        return self._mask(self.recurrent_dropout, (batch, self.units))

    def _masks(self, batch: Any) -> tuple[Any, Any]:
        return self._mask(self.dropout, (batch, self.kernel.shape[0])), self.recurrent_mask(batch)

    def hold_masks(self, batch: Any) -> None:
        """Has ``call`` drop the same features and states of ``batch`` samples until ``release_masks``."""
        self._held = self._masks(batch)

    def release_masks(self) -> None:
        """Has each ``call`` drop others again."""
        self._held = None

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zeros for each state."""
        return [ops.zeros((batch_size, self.units), self.compute_dtype) for _ in range(self.state_count)]


class SimpleRNNCell(_Cell):
    """One step of ``h = activation(x W + h U + b)``.

    Args:
        units: size of the state.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the inputs' kernel.
        recurrent_initializer, recurrent_regularizer, recurrent_constraint: of the state's kernel.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        dropout, recurrent_dropout: fractions of the inputs and of the state dropped while training.
        seed: of what is dropped; None for a fresh one.
        **kwargs: as for ``Layer``.
    """

    @property
    def kernel_name(self) -> str | None:
        """``tanh`` or ``relu``, the activations that the op has."""
        names = {activations.tanh: "tanh", activations.relu: "relu"}
        return names.get(self.activation)

    def step(self, xp: Any, states: list[Any], keep: Any = None) -> tuple[Any, list[Any]]:
        """One step from projected inputs."""
        h = self.activation(ops.add(xp, ops.matmul(_kept(states[0], keep), self.recurrent_kernel)))
        return h, [h]


class LSTMCell(_Cell):
    """One step of an LSTM (Hochreiter and Schmidhuber 1997); gates in the order i, f, c, o.

    Args:
        units: size of each state.
        activation: of the candidate and the output.
        recurrent_activation: of the gates, likewise.
        use_bias: whether there is a bias.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the inputs' kernel.
        recurrent_initializer, recurrent_regularizer, recurrent_constraint: of the state's kernel.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        unit_forget_bias: whether the forget gate's bias begins at 1.
        dropout, recurrent_dropout: fractions of the inputs and of the state dropped while training.
        seed: of what is dropped; None for a fresh one.
        **kwargs: as for ``Layer``.
    """

    gates, state_count = 4, 2

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
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
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
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

    def step(self, xp: Any, states: list[Any], keep: Any = None) -> tuple[Any, list[Any]]:
        """One step from projected inputs."""
        h, c = states
        i, f, g, o = ops.split(ops.add(xp, ops.matmul(_kept(h, keep), self.recurrent_kernel)), 4, axis=-1)
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
        recurrent_activation: of the gates, likewise.
        use_bias: whether there is a bias.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the inputs' kernel.
        recurrent_initializer, recurrent_regularizer, recurrent_constraint: of the state's kernel.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        dropout, recurrent_dropout: fractions of the inputs and of the state dropped while training.
        reset_after: whether the reset gate acts after the matrix product (then the bias is ``(2, 3 * units)``).
        seed: of what is dropped; None for a fresh one.
        **kwargs: as for ``Layer``.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
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
        return [ops.zeros((3 * self.units,), self.compute_dtype) if self.bias is None else self.bias[1]]

    def step(self, xp: Any, states: list[Any], keep: Any = None) -> tuple[Any, list[Any]]:
        """One step from projected inputs."""
        h, u = states[0], self.units
        seen = _kept(h, keep)
        xz, xr, xh = ops.split(xp, 3, axis=-1)
        if self.reset_after:
            hp = ops.matmul(seen, self.recurrent_kernel)
            if self.bias is not None:
                hp = ops.add(hp, self.bias[1])
            hz, hr, hh = ops.split(hp, 3, axis=-1)
            z = self.recurrent_activation(ops.add(xz, hz))
            r = self.recurrent_activation(ops.add(xr, hr))
            candidate = self.activation(ops.add(xh, ops.multiply(r, hh)))
        else:
            hp = ops.matmul(seen, self.recurrent_kernel[:, : 2 * u])
            z = self.recurrent_activation(ops.add(xz, hp[:, :u]))
            r = self.recurrent_activation(ops.add(xr, hp[:, u:]))
            candidate = self.activation(
                ops.add(xh, ops.matmul(ops.multiply(r, seen), self.recurrent_kernel[:, 2 * u :]))
            )
        h = ops.add(ops.multiply(z, h), ops.multiply(ops.subtract(1.0, z), candidate))
        return h, [h]


def _kept(state: Any, keep: Any) -> Any:
    return state if keep is None else ops.multiply(state, keep)
