"""Contrast from what values there are: the least and the greatest, or how often each occurs."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.tensor import dims_of
from hornbeam.core.validation import integer
from hornbeam.layers.augmentation.color_layer import ColorLayer, value_range_of

__all__ = ["AutoContrast", "Equalization"]


class AutoContrast(ColorLayer):
    """Stretches each channel of each image over the whole range of values, in training and later.

    Channels of one value alone, and with NaN, stay as they are.

    Input and output shape: ``(rows, columns, channels)`` or ``(batch, rows, columns, channels)`` in any dtype, or a dict as
    for every layer of images; the output is in what the layer computes in.

    Args:
        value_range: the least and the greatest value that images have.
        bounding_box_format, data_format: as for every layer of images.

    Example:
        >>> import numpy as np
        >>> AutoContrast()(np.array([[[1.0], [2.0]], [[2.0], [3.0]]])).numpy().ravel().tolist()
        [0.0, 127.5, 127.5, 255.0]
    """

    def __init__(self, value_range: Any = (0, 255), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = value_range_of(value_range)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """A batch of images, in what the layer computes in, with all contrast that the range has room for."""
        return super().transform_images(images, transformation, True)

    def _adjust(self, images: Any, transformation: Any) -> Any:
        x = self._transform_value_range(images, self.value_range, (0, 255), dtype=self.compute_dtype)
        places = (self.height_axis, self.width_axis)
        low, high = ops.min(x, axis=places, keepdims=True), ops.max(x, axis=places, keepdims=True)
        varied = high > low
        scale = 255.0 / ops.where(varied, high - low, 1.0)
        x = ops.clip(x * scale - low * scale, 0.0, 255.0)
        x = self._transform_value_range(x, (0, 255), self.value_range, dtype=self.compute_dtype)
        return ops.where(ops.logical_and(varied, ops.logical_not(ops.isnan(x))), x, images)


class Equalization(ColorLayer):
    """Spreads the values of each channel so that all occur about equally often, while training.

    The values of a whole batch are counted together.

    Input and output shape: ``(rows, columns, channels)`` or ``(batch, rows, columns, channels)`` in any dtype, or a dict as
    for every layer of images; the output is in what the layer computes in.

    Args:
        value_range: the least and the greatest value that images have.
        bins: into how many classes of values they are counted.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        bounding_box_format: as for every layer of images.
    """

    def __init__(
        self, value_range: Any = (0, 255), bins: int = 256, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.bins = integer("bins", bins, 1)
        self.value_range = value_range_of(value_range)

    def _adjust(self, images: Any, transformation: Any) -> Any:
        x = self._scaled(ops.cast(images, "float32"), self.value_range, (0, 255))
        channels = dims_of(x)[self.channel_axis]
        shape = (channels,) + (1,) * (-1 - self.channel_axis)
        own = ops.reshape(ops.arange(channels), shape) * self.bins  # where a channel's counts begin, among those of all

        def place(scaled: Any) -> Any:
            return ops.clip(ops.cast(ops.clip(scaled, 0, self.bins - 1), "int32"), 0, self.bins - 1)  # NaN is 0

        seen = ops.reshape(place(x * (self.bins - 1) / 255.0) + own, (-1,))
        counts = ops.segment_sum(ops.ones_like(seen), seen, channels * self.bins)
        counts = ops.reshape(counts, (channels, self.bins))
        new = ops.take(ops.reshape(_spread(counts), (-1,)), place(x / 255.0 * (self.bins - 1)) + own, axis=0)
        several = ops.reshape(ops.count_nonzero(counts, axis=1) > 1, shape)
        return self._scaled(ops.where(several, new, x), (0, 255), self.value_range)

    @staticmethod
    def _scaled(x: Any, source: tuple[float, float], target: tuple[float, float]) -> Any:
        scale = (target[1] - target[0]) / (source[1] - source[0])
        return x * scale + (target[0] - source[0] * scale)


def _spread(counts: Any) -> Any:
    """For each class of values that was counted, the value in its place: its part of all of lower ones, of 255."""
    total = ops.cast(ops.cumsum(counts, axis=-1), "int64")
    last = total[:, -1:]
    first = ops.min(ops.where(total > 0, total, last), axis=-1, keepdims=True)
    others = ops.maximum(last - first, 1)
    parts = ops.cast((total - first) * 255, "float32") / ops.cast(others, "float32")
    return ops.clip(ops.round(parts), 0, 255)
