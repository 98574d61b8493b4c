"""Convolution layers, channels last."""

from __future__ import annotations

from typing import Any

from hornbeam import activations, ops
from hornbeam.core.validation import channels_last, choice, int_tuple, positive_int
from hornbeam.layers.layer import Layer

__all__ = ["Conv1D", "Conv2D", "Conv3D", "Convolution1D", "Convolution2D", "Convolution3D"]


class _Conv(Layer):
    rank = 2
    paddings: tuple[str, ...] = ("valid", "same")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive_int("filters", filters)
        self.groups = positive_int("groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"`filters` must be divisible by `groups`. Received: filters={filters}, groups={groups}")
        self._geometry(kernel_size, strides, padding, data_format, dilation_rate)
        self.activation, self.use_bias = activations.get(activation), use_bias
        self._take(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def _geometry(
        self, kernel_size: Any, strides: Any, padding: str, data_format: str | None, dilation_rate: Any
    ) -> None:
        self.data_format = channels_last(data_format)
        self.kernel_size = int_tuple("kernel_size", kernel_size, self.rank)
        self.strides = int_tuple("strides", strides, self.rank)
        self.dilation_rate = int_tuple("dilation_rate", dilation_rate, self.rank)
        self.padding = choice("padding", padding, self.paddings)

    def _channels(self, input_shape: Any) -> int:
        if len(input_shape) != self.rank + 2 or input_shape[-1] is None:
            raise ValueError(
                f"layer {self.name!r} expects {self.rank + 2} axes with a known number of channels. Received: "
                f"input_shape={tuple(input_shape)}"
            )
        self._fix(input_shape, -1)
        return int(input_shape[-1])

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        if channels % self.groups:
            raise ValueError(
                f"the {channels} input channels of layer {self.name!r} must be divisible by groups={self.groups}"
            )
        return (*self.kernel_size, channels // self.groups, self.filters)

    def build(self, input_shape: Any) -> None:
        """Makes the kernel and the bias."""
        self.kernel = self._weight("kernel", self._kernel_shape(self._channels(input_shape)))
        self.bias = self._weight("bias", (self.filters,)) if self.use_bias else None

    def _finish(self, y: Any) -> Any:
        return self.activation(y if self.bias is None else ops.add(y, self.bias))

    def call(self, inputs: Any) -> Any:
        """The layer's output."""
        return self._finish(ops.conv(inputs, self.kernel, self.strides, self.padding, None, self.dilation_rate))


class Conv1D(_Conv):
    """Convolution over sequences.

    Args:
        filters: number of output channels.
        kernel_size: size of the window: an int, or one for each spatial axis.
        strides: from window to window, likewise.
        padding: "valid" for windows inside the input alone, "same" for ``ceil(size / stride)`` of them, or
            "causal" (only before).
        data_format: only "channels_last".
        dilation_rate: distance between the window's cells, likewise.
        groups: number of groups that channels and filters are cut into; each filter sees its group's channels.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the kernel ``(window..., channels / groups,
            filters)``.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        activity_regularizer: a penalty on the output.
        **kwargs: as for ``Layer``.

    Input shape:
        ``(batch, steps, channels)``.

    Output shape:
        ``(batch, steps, filters)``, each spatial axis ``(size - window) // strides + 1`` long for "valid", window
        being ``(kernel_size - 1) * dilation_rate + 1``.

    Raises:
        ValueError: when a size is not positive, the groups do not divide channels and filters, or the window is
            larger than the padded input.

    Example:
        >>> import numpy as np
        >>> Conv1D(4, 3)(np.ones((1, 8, 3), "float32")).shape
        (1, 6, 4)
    """

    rank = 1
    paddings = ("valid", "same", "causal")


class Conv2D(_Conv):
    """Convolution over images.

    Args:
        filters: number of output channels.
        kernel_size: size of the window: an int, or one for each spatial axis.
        strides: from window to window, likewise.
        padding: "valid" for windows inside the input alone, "same" for ``ceil(size / stride)`` of them.
        data_format: only "channels_last".
        dilation_rate: distance between the window's cells, likewise.
        groups: number of groups that channels and filters are cut into; each filter sees its group's channels.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the kernel ``(window..., channels / groups,
            filters)``.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        activity_regularizer: a penalty on the output.
        **kwargs: as for ``Layer``.

    Input shape:
        ``(batch, rows, columns, channels)``.

    Output shape:
        ``(batch, rows, columns, filters)``, each spatial axis ``(size - window) // strides + 1`` long for "valid",
        window being ``(kernel_size - 1) * dilation_rate + 1``.

    Raises:
        ValueError: when a size is not positive, the groups do not divide channels and filters, or the window is
            larger than the padded input.

    Example:
        >>> import numpy as np
        >>> Conv2D(4, 3)(np.ones((1, 8, 8, 3), "float32")).shape
        (1, 6, 6, 4)
    """

    rank = 2


class Conv3D(_Conv):
    """Convolution over volumes.

    Args:
        filters: number of output channels.
        kernel_size: size of the window: an int, or one for each spatial axis.
        strides: from window to window, likewise.
        padding: "valid" for windows inside the input alone, "same" for ``ceil(size / stride)`` of them.
        data_format: only "channels_last".
        dilation_rate: distance between the window's cells, likewise.
        groups: number of groups that channels and filters are cut into; each filter sees its group's channels.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the kernel ``(window..., channels / groups,
            filters)``.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        activity_regularizer: a penalty on the output.
        **kwargs: as for ``Layer``.

    Input shape:
        ``(batch, planes, rows, columns, channels)``.

    Output shape:
        ``(batch, planes, rows, columns, filters)``, each spatial axis ``(size - window) // strides + 1`` long for
        "valid", window being ``(kernel_size - 1) * dilation_rate + 1``.

    Raises:
        ValueError: when a size is not positive, the groups do not divide channels and filters, or the window is
            larger than the padded input.

    Example:
        >>> import numpy as np
        >>> Conv3D(4, 3)(np.ones((1, 8, 8, 8, 3), "float32")).shape
        (1, 6, 6, 6, 4)
    """

    rank = 3


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
