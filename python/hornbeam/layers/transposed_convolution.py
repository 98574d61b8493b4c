"""Transposed convolution layers, channels last."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.validation import no_arguments
from hornbeam.layers.convolution import _Conv
from hornbeam.ops.convolution import _output_padding

__all__ = ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "Convolution2DTranspose"]


class _ConvTranspose(_Conv):
    _not_attributes = ("groups",)

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        no_arguments(self, kwargs, "groups")
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            1,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )
        self.output_padding = _output_padding(output_padding, self.strides)

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, self.filters, channels)

    def call(self, inputs: Any) -> Any:
        """The layer's output."""
        return self._finish(
            ops.conv_transpose(
                inputs, self.kernel, self.strides, self.padding, self.output_padding, None, self.dilation_rate
            )
        )


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution over sequences: the input gradient of a ``Conv1D``, which makes them longer.

    Args:
        filters: number of output channels.
        kernel_size: size of the window: an int, or one for each spatial axis.
        strides: from window to window, likewise.
        padding: "valid" or "same" (then the output is ``size * stride`` long).
        data_format: only "channels_last".
        dilation_rate: distance between the window's cells, likewise.
        output_padding: added to the output's size at its end; None for Keras' rule.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the kernel ``(window..., filters, channels)``.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        activity_regularizer: a penalty on the output.
        **kwargs: as for ``Layer``.

    Input shape:
        ``(batch, steps, channels)``.

    Output shape:
        ``(batch, steps, filters)``, each spatial axis ``(size - 1) * strides + window`` long for "valid".

    Raises:
        ValueError: when a size is not positive or the window is larger than the padded input.

    Example:
        >>> import numpy as np
        >>> Conv1DTranspose(4, 3, strides=2)(np.ones((1, 8, 3), "float32")).shape
        (1, 17, 4)
    """

    rank = 1


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution over images: the input gradient of a ``Conv2D``, which makes them larger.

    Args:
        filters: number of output channels.
        kernel_size: size of the window: an int, or one for each spatial axis.
        strides: from window to window, likewise.
        padding: "valid" or "same" (then the output is ``size * stride`` long).
        data_format: only "channels_last".
        dilation_rate: distance between the window's cells, likewise.
        output_padding: added to the output's size at its end; None for Keras' rule.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the kernel ``(window..., filters, channels)``.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        activity_regularizer: a penalty on the output.
        **kwargs: as for ``Layer``.

    Input shape:
        ``(batch, rows, columns, channels)``.

    Output shape:
        ``(batch, rows, columns, filters)``, each spatial axis ``(size - 1) * strides + window`` long for "valid".

    Raises:
        ValueError: when a size is not positive or the window is larger than the padded input.

    Example:
        >>> import numpy as np
        >>> Conv2DTranspose(4, 3, strides=2)(np.ones((1, 8, 8, 3), "float32")).shape
        (1, 17, 17, 4)
    """

    rank = 2


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution over volumes: the input gradient of a ``Conv3D``, which makes them larger.

    Args:
        filters: number of output channels.
        kernel_size: size of the window: an int, or one for each spatial axis.
        strides: from window to window, likewise.
        padding: "valid" or "same" (then the output is ``size * stride`` long).
        data_format: only "channels_last".
        dilation_rate: distance between the window's cells, likewise.
        output_padding: added to the output's size at its end; None for Keras' rule.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the kernel ``(window..., filters, channels)``.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        activity_regularizer: a penalty on the output.
        **kwargs: as for ``Layer``.

    Input shape:
        ``(batch, planes, rows, columns, channels)``.

    Output shape:
        ``(batch, planes, rows, columns, filters)``, each spatial axis ``(size - 1) * strides + window`` long for
        "valid".

    Raises:
        ValueError: when a size is not positive or the window is larger than the padded input.

    Example:
        >>> import numpy as np
        >>> Conv3DTranspose(4, 3, strides=2)(np.ones((1, 8, 8, 8, 3), "float32")).shape
        (1, 17, 17, 17, 4)
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = 1,
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
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            output_padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )


Convolution2DTranspose = Conv2DTranspose
