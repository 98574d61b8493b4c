"""Convolution layers, channels last."""

from __future__ import annotations

from typing import Any

from hornbeam import activations, ops
from hornbeam._validation import choice, int_tuple, positive_int
from hornbeam.layers.layer import Layer

_DOC = """{title}

    Args:{filters}
        kernel_size: an int or one for each spatial axis.
        strides: an int or one for each spatial axis.
        padding: "valid" or "same"{causal}.
        dilation_rate: an int or one for each spatial axis.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.{more}

    Input shape: ``(batch, {axes}, channels)``. Output shape: ``(batch, new {axes}, filters)``.

    Raises:
        ValueError: when a size is not positive, the groups do not divide the channels, or the kernel is larger than the
            padded input.
    """


def _document(title: str, rank: int, filters: bool = True, more: str = "") -> str:
    axes = {1: "steps", 2: "rows, columns", 3: "planes, rows, columns"}[rank]
    return _DOC.format(
        title=title,
        axes=axes,
        more=more,
        causal=' or "causal"' if rank == 1 else "",
        filters="\n        filters: number of output channels." if filters else "",
    )


class _Conv(Layer):
    rank = 2

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
        if data_format not in (None, "channels_last"):
            raise ValueError(f"`data_format` must be 'channels_last'. Received: data_format={data_format!r}")
        self.kernel_size = int_tuple("kernel_size", kernel_size, self.rank)
        self.strides = int_tuple("strides", strides, self.rank)
        self.dilation_rate = int_tuple("dilation_rate", dilation_rate, self.rank)
        self.padding = choice("padding", padding, ("valid", "same", "causal") if self.rank == 1 else ("valid", "same"))

    def _channels(self, input_shape: Any) -> int:
        if len(input_shape) != self.rank + 2 or input_shape[-1] is None:
            raise ValueError(
                f"layer {self.name!r} expects {self.rank + 2} axes with a known number of channels. Received: "
                f"input_shape={tuple(input_shape)}"
            )
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


_GROUPS = "\n        groups: number of groups the channels are cut into."


class Conv1D(_Conv):
    __doc__ = _document("Convolution over sequences.", 1, more=_GROUPS)
    rank = 1


class Conv2D(_Conv):
    __doc__ = _document("Convolution over images.", 2, more=_GROUPS)
    rank = 2


class Conv3D(_Conv):
    __doc__ = _document("Convolution over volumes.", 3, more=_GROUPS)
    rank = 3


class _ConvTranspose(_Conv):
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
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, 1, activation, use_bias, **kwargs
        )
        self.output_padding = output_padding

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, self.filters, channels)

    def call(self, inputs: Any) -> Any:
        """The layer's output."""
        return self._finish(
            ops.conv_transpose(
                inputs, self.kernel, self.strides, self.padding, self.output_padding, None, self.dilation_rate
            )
        )


_OUT = "\n        output_padding: added to the output's size, as Keras'."


class Conv1DTranspose(_ConvTranspose):
    __doc__ = _document("Transposed convolution over sequences.", 1, more=_OUT)
    rank = 1


class Conv2DTranspose(_ConvTranspose):
    __doc__ = _document("Transposed convolution over images.", 2, more=_OUT)
    rank = 2


class Conv3DTranspose(_ConvTranspose):
    __doc__ = _document("Transposed convolution over volumes.", 3, more=_OUT)
    rank = 3


class _DepthwiseConv(_Conv):
    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        depthwise_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            1,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            1,
            activation,
            use_bias,
            depthwise_initializer,
            bias_initializer,
            depthwise_regularizer,
            bias_regularizer,
            kernel_constraint=depthwise_constraint,
            **kwargs,
        )
        self.depth_multiplier = positive_int("depth_multiplier", depth_multiplier)

    def build(self, input_shape: Any) -> None:
        """Makes the kernel ``(window..., channels, depth_multiplier)`` and the bias."""
        channels = self._channels(input_shape)
        self.filters = channels * self.depth_multiplier
        self.kernel = self._weight("kernel", (*self.kernel_size, channels, self.depth_multiplier))
        self.bias = self._weight("bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        """The layer's output."""
        return self._finish(
            ops.depthwise_conv(inputs, self.kernel, self.strides, self.padding, None, self.dilation_rate)
        )


_DEPTH = "\n        depth_multiplier: output channels for each input channel."


class DepthwiseConv1D(_DepthwiseConv):
    __doc__ = _document("Convolution of each channel of a sequence by itself.", 1, False, _DEPTH)
    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    __doc__ = _document("Convolution of each channel of an image by itself.", 2, False, _DEPTH)
    rank = 2


class _SeparableConv(_Conv):
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
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
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            **kwargs,
        )
        self.depth_multiplier = positive_int("depth_multiplier", depth_multiplier)
        self._take(
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
        )

    def build(self, input_shape: Any) -> None:
        """Makes both kernels and the bias."""
        channels = self._channels(input_shape)
        self.depthwise_kernel = self._weight(
            "depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise"
        )
        self.pointwise_kernel = self._weight(
            "pointwise_kernel", (*[1] * self.rank, channels * self.depth_multiplier, self.filters), "pointwise"
        )
        self.bias = self._weight("bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        """The layer's output."""
        return self._finish(
            ops.separable_conv(
                inputs,
                self.depthwise_kernel,
                self.pointwise_kernel,
                self.strides,
                self.padding,
                None,
                self.dilation_rate,
            )
        )


class SeparableConv1D(_SeparableConv):
    __doc__ = _document("A depthwise convolution of sequences, then one that mixes the channels.", 1, more=_DEPTH)
    rank = 1


class SeparableConv2D(_SeparableConv):
    __doc__ = _document("A depthwise convolution of images, then one that mixes the channels.", 2, more=_DEPTH)
    rank = 2


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
Convolution2DTranspose = Conv2DTranspose
