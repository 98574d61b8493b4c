"""Brightness and contrast."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, random
from hornbeam.layers.augmentation.color_layer import ColorLayer, value_range_of

__all__ = ["RandomBrightness", "RandomContrast"]


class RandomBrightness(ColorLayer):
    """Makes images lighter or darker, each by an amount of its own, while training.

    Input and output shape: ``(rows, columns, channels)`` or ``(batch, rows, columns, channels)`` in any dtype, or a dict as
    for every layer of images; the output is in what the layer computes in.

    Args:
        factor: a part of the range in [-1, 1] that is added to all values, drawn from a pair; a number stands for
            ``(-factor, factor)``. 1 makes an image white and -1 black.
        value_range: the least and the greatest value; the results are clipped to it.
        seed: None for a fresh one.
        bounding_box_format, data_format: as for every layer of images.

    Example:
        >>> import numpy as np
        >>> layer = RandomBrightness((0.1, 0.1))
        >>> layer(np.full((1, 1, 3), 250, "uint8")).numpy().tolist()
        [[[255.0, 255.0, 255.0]]]
    """

    _USE_BASE_FACTOR = True

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: Any = None, **kwargs: Any) -> None:
        super().__init__(factor=factor, **kwargs)
        self._set_seed(seed)
        self.value_range = value_range_of(value_range)

    def _draw(self, data: Any, seed: Any) -> Any:
        low, high = self.value_range
        part = random.uniform((self._sizes(data)[0],), *self.factor, seed=seed)
        return {"rgb_delta": ops.reshape(part * (high - low), (-1, 1, 1, 1))}

    def _adjust(self, images: Any, transformation: Any) -> Any:
        return self._clipped(images + self._for_each_image(transformation["rgb_delta"]))


class RandomContrast(ColorLayer):
    """Moves values away from their channel's mean or towards it, each image by a factor of its own, while training.

    ``x`` becomes ``(x - mean) * factor + mean``, with the mean of its channel in its image.

    Input and output shape: ``(rows, columns, channels)`` or ``(batch, rows, columns, channels)`` in any dtype, or a dict as
    for every layer of images; the output is in what the layer computes in.

    Args:
        factor: the factor is drawn from [1 - lower, 1 + upper] for a pair ``(lower, upper)`` in [0, 1]; a number stands
            for ``(0, factor)``.
        value_range: the least and the greatest value; the results are clipped to it.
        seed: None for a fresh one.
        bounding_box_format, data_format: as for every layer of images.
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._set_factor(factor)
        self.value_range = value_range_of(value_range)
        self._set_seed(seed)

    def _draw(self, data: Any, seed: Any) -> Any:
        lower, upper = self.factor
        factor = random.uniform((self._sizes(data)[0],), 1.0 - lower, 1.0 + upper, seed=seed)
        return {"contrast_factor": ops.reshape(factor, (-1, 1, 1, 1))}

    def _adjust(self, images: Any, transformation: Any) -> Any:
        mean = ops.mean(images, axis=(self.height_axis, self.width_axis), keepdims=True)
        factor = self._for_each_image(transformation["contrast_factor"])
        return self._clipped((images - mean) * factor + mean)
