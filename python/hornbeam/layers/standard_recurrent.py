"""SimpleRNN, LSTM and GRU: recurrent layers that make their cells themselves."""

from __future__ import annotations

from typing import Any

from hornbeam.core.validation import unsupported
from hornbeam.layers.recurrent import RNN
from hornbeam.layers.recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell

__all__ = ["GRU", "LSTM", "SimpleRNN"]


class _CellRNN(RNN):
    """Configs say the cell's arguments beside the layer's."""

    _not_attributes = ("cell",)

    def __init__(self, cell: Any, use_cudnn: Any = "auto", **kwargs: Any) -> None:
        unsupported("time_major", kwargs.pop("time_major", False), False)
        unsupported("use_cudnn", use_cudnn, "auto", False)
        kwargs.pop("implementation", None)  # which of Keras' ways to the same result
        super().__init__(cell, **kwargs)
        self.units = cell.units

    def _attributes(self, known: type) -> dict[str, Any]:
        return {**self.cell._attributes(type(self.cell)), **super()._attributes(RNN)}

    @property
    def activation(self) -> Any:
        """The cell's activation."""
        return self.cell.activation


class SimpleRNN(_CellRNN):
    """A fully connected recurrent layer (Elman 1990).

    ``h = activation(x W + h U + b)``.

    Args:
        units: size of the output and of the state.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the inputs' kernel.
        recurrent_initializer, recurrent_regularizer, recurrent_constraint: of the state's kernel.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        activity_regularizer: a penalty on the output.
        dropout: fraction of the inputs dropped while training, the same at all steps.
        recurrent_dropout: fraction of the state dropped while training, likewise.
        return_sequences: whether to return every step's output rather than the last.
        return_state: whether to return the last states too.
        go_backwards: whether to start from the end; the outputs are then in the order in which they were made.
        stateful: whether a batch goes on from the last one's states (needs a fixed batch size).
        unroll: whether a masked step repeats the output before it (see ``RNN``).
        seed: of what is dropped; None for a fresh one.
        zero_output_for_mask: whether the output of a masked step is zero.
        **kwargs: as for ``Layer``.

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: Any = None,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
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
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
        )
        super().__init__(
            cell,
            activity_regularizer=activity_regularizer,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            zero_output_for_mask=zero_output_for_mask,
            **kwargs,
        )


class LSTM(_CellRNN):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000).

    ``c = f c + i activation(x W_c + h U_c + b_c)`` and ``h = o activation(c)``, the gates i, f, o being
    ``recurrent_activation(x W + h U + b)`` each; kernels hold the columns of i, f, c, o in this order.

    Args:
        units: size of the output and of the state.
        activation: a name or a function; None for linear.
        recurrent_activation: of the gates, likewise.
        use_bias: whether there is a bias.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the inputs' kernel.
        recurrent_initializer, recurrent_regularizer, recurrent_constraint: of the state's kernel.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        unit_forget_bias: whether the forget gate's bias begins at 1.
        activity_regularizer: a penalty on the output.
        dropout: fraction of the inputs dropped while training, the same at all steps.
        recurrent_dropout: fraction of the state dropped while training, likewise.
        seed: of what is dropped; None for a fresh one.
        return_sequences: whether to return every step's output rather than the last.
        return_state: whether to return the last states too.
        go_backwards: whether to start from the end; the outputs are then in the order in which they were made.
        stateful: whether a batch goes on from the last one's states (needs a fixed batch size).
        unroll: whether a masked step repeats the output before it (see ``RNN``).
        use_cudnn: only "auto" or False.
        zero_output_for_mask: whether the output of a masked step is zero.
        **kwargs: as for ``Layer``.

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units,
            activation,
            recurrent_activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            unit_forget_bias,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
        )
        super().__init__(
            cell,
            activity_regularizer=activity_regularizer,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            use_cudnn=use_cudnn,
            zero_output_for_mask=zero_output_for_mask,
            **kwargs,
        )


class GRU(_CellRNN):
    """Gated recurrent unit (Cho et al. 2014).

    ``h = z h + (1 - z) activation(x W_h + (r h) U_h + b_h)``, the gates z, r being ``recurrent_activation(x W + h U + b)``
    each; kernels hold the columns of z, r, h in this order.

    Args:
        units: size of the output and of the state.
        activation: a name or a function; None for linear.
        recurrent_activation: of the gates, likewise.
        use_bias: whether there is a bias.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the inputs' kernel.
        recurrent_initializer, recurrent_regularizer, recurrent_constraint: of the state's kernel.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        activity_regularizer: a penalty on the output.
        dropout: fraction of the inputs dropped while training, the same at all steps.
        recurrent_dropout: fraction of the state dropped while training, likewise.
        seed: of what is dropped; None for a fresh one.
        return_sequences: whether to return every step's output rather than the last.
        return_state: whether to return the last states too.
        go_backwards: whether to start from the end; the outputs are then in the order in which they were made.
        stateful: whether a batch goes on from the last one's states (needs a fixed batch size).
        unroll: whether a masked step repeats the output before it (see ``RNN``).
        reset_after: whether the reset gate acts after the product with ``U_h``, with a bias of its own.
        use_cudnn: only "auto" or False.
        zero_output_for_mask: whether the output of a masked step is zero.
        **kwargs: as for ``Layer``.

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units,
            activation,
            recurrent_activation,
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
            reset_after,
            seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
        )
        super().__init__(
            cell,
            activity_regularizer=activity_regularizer,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            use_cudnn=use_cudnn,
            zero_output_for_mask=zero_output_for_mask,
            **kwargs,
        )
