"""Pooling layers, channels last."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam._validation import choice, int_tuple
from hornbeam.layers.layer import Layer


class _Pool(Layer):
    rank, kind = 2, "max"

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = int_tuple("pool_size", pool_size, self.rank)
        self.strides = self.pool_size if strides is None else int_tuple("strides", strides, self.rank)
        self.padding = choice("padding", padding, ("valid", "same"))
        if data_format not in (None, "channels_last"):
            raise ValueError(f"`data_format` must be 'channels_last'. Received: data_format={data_format!r}")

    def call(self, inputs: Any) -> Any:
        """The pooled input."""
        if inputs.ndim != self.rank + 2:
            raise ValueError(
                f"layer {self.name!r} expects {self.rank + 2} axes. Received: input shape={tuple(inputs.shape)}"
            )
        fn = ops.max_pool if self.kind == "max" else ops.average_pool
        return fn(inputs, self.pool_size, self.strides, self.padding)


class _GlobalPool(Layer):
    rank, kind = 2, "max"

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keepdims = keepdims

    def call(self, inputs: Any) -> Any:
        """One value a channel."""
        if inputs.ndim != self.rank + 2:
            raise ValueError(
                f"layer {self.name!r} expects {self.rank + 2} axes. Received: input shape={tuple(inputs.shape)}"
            )
        axes = list(range(1, self.rank + 1))
        return (ops.max if self.kind == "max" else ops.mean)(inputs, axis=axes, keepdims=self.keepdims)


_POOL = """{what} over windows of {of}.

    Args:
        pool_size: an int or one for each spatial axis.
        strides: likewise; None for ``pool_size``.
        padding: "valid" or "same" (padding never counts).
        data_format: only "channels_last".
    """
_GLOBAL = """{what} over all of each {one}: ``(batch, channels)``.

    Args:
        data_format: only "channels_last".
        keepdims: whether the spatial axes stay, with size 1.
    """


class MaxPooling1D(_Pool):
    __doc__ = _POOL.format(what="The maximum", of="sequences")
    rank = 1


class MaxPooling2D(_Pool):
    __doc__ = _POOL.format(what="The maximum", of="images")


class MaxPooling3D(_Pool):
    __doc__ = _POOL.format(what="The maximum", of="volumes")
    rank = 3


class AveragePooling1D(_Pool):
    __doc__ = _POOL.format(what="The mean", of="sequences")
    rank, kind = 1, "average"


class AveragePooling2D(_Pool):
    __doc__ = _POOL.format(what="The mean", of="images")
    kind = "average"


class AveragePooling3D(_Pool):
    __doc__ = _POOL.format(what="The mean", of="volumes")
    rank, kind = 3, "average"


class GlobalMaxPooling1D(_GlobalPool):
    __doc__ = _GLOBAL.format(what="The maximum", one="sequence")
    rank = 1


class GlobalMaxPooling2D(_GlobalPool):
    __doc__ = _GLOBAL.format(what="The maximum", one="image")


class GlobalMaxPooling3D(_GlobalPool):
    __doc__ = _GLOBAL.format(what="The maximum", one="volume")
    rank = 3


class GlobalAveragePooling1D(_GlobalPool):
    __doc__ = _GLOBAL.format(what="The mean", one="sequence")
    rank, kind = 1, "average"

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: the time axis is gone."""
        return None

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The mean over the steps that the mask keeps."""
        if mask is None:
            return super().call(inputs)
        w = ops.expand_dims(ops.cast(mask, inputs.dtype), -1)
        return ops.divide(
            ops.sum(ops.multiply(inputs, w), axis=1, keepdims=self.keepdims), ops.sum(w, axis=1, keepdims=self.keepdims)
        )


class GlobalAveragePooling2D(_GlobalPool):
    __doc__ = _GLOBAL.format(what="The mean", one="image")
    kind = "average"


class GlobalAveragePooling3D(_GlobalPool):
    __doc__ = _GLOBAL.format(what="The mean", one="volume")
    rank, kind = 3, "average"


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
)
