"""Sharpness: more of it, or less."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import ops, random
from hornbeam.core.validation import int_tuple
from hornbeam.layers.augmentation.color_layer import ColorLayer, FactorLayer, value_range_of
from hornbeam.ops import image

__all__ = ["RandomGaussianBlur", "RandomSharpness"]

_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13


class RandomSharpness(FactorLayer):
    """Blurs images or sharpens them, each by an amount of its own, while training.

    An image is moved away from its blurred twin, or towards it (Cubuk et al. 2019, AutoAugment).

    Input and output shape: ``(rows, columns, channels)`` or ``(batch, rows, columns, channels)`` in any dtype, or a dict as
    for every layer of images; the output is in what the layer computes in.

    Args:
        factor: drawn from a pair in [0, 1]: 0 blurs, 0.5 leaves the image, 1 sharpens; a number stands for
            ``(0, factor)``.
        value_range: the least and the greatest value; the results are clipped to it.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        seed: None for a fresh one.
        bounding_box_format: as for every layer of images.
    """

    _FACTOR_BOUNDS = (0, 1)

    def _adjust(self, images: Any, transformation: Any) -> Any:
        first = self.data_format == "channels_first"
        last = ops.moveaxis(images, 1, -1) if first else images
        if last.shape[-1] is None:
            raise ValueError(f"the number of channels must be known. Received: images.shape={tuple(images.shape)}")
        kernel = ops.cast(np.tile(_SMOOTH[..., None, None], (1, 1, last.shape[-1], 1)), self.compute_dtype)
        smooth = ops.depthwise_conv(last, kernel, strides=1, padding="same", data_format="channels_last")
        if first:
            smooth = ops.moveaxis(smooth, -1, 1)
        factor = self._for_each_image(transformation["factor"]) * 2
        return self._clipped(images + (1.0 - factor) * (smooth - images))


class RandomGaussianBlur(ColorLayer):
    """Blurs some images of each batch with a Gaussian, while training.

    Input and output shape: ``(rows, columns, channels)`` or ``(batch, rows, columns, channels)`` in any dtype, or a dict as
    for every layer of images; the output is in what the layer computes in.

    Args:
        factor: the probability of being blurred, which is itself drawn for each image, from a pair in [0, 1]; a number
            stands for ``(0, factor)``.
        kernel_size: rows and columns of the kernel: an odd int, or two.
        sigma: the standard deviations along rows and columns are drawn, once for the whole batch, from a pair in [0, 1]; a
            number stands for ``(0, sigma)``.
        value_range: the least and the greatest value; the results are clipped to it.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        seed: None for a fresh one.
        bounding_box_format: as for every layer of images.
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self.kernel_size = _odd_sizes(kernel_size)
        self.sigma = self._range("sigma", sigma)
        self.value_range = value_range_of(value_range)
        self._set_seed(seed)

    def _draw(self, data: Any, seed: Any) -> Any:
        chosen = self._chosen(data, seed)
        return {
            "should_apply_blur": chosen,
            "blur_factor": random.uniform((2,), *self.sigma, dtype=self.compute_dtype, seed=seed) + 1e-6,
        }

    def _adjust(self, images: Any, transformation: Any) -> Any:
        if transformation is None:
            return images
        sigma, chosen = transformation["blur_factor"], transformation["should_apply_blur"]
        blurred = image.gaussian_blur(images, self.kernel_size, sigma, data_format=self.data_format)
        return self._clipped(ops.where(ops.reshape(chosen, (-1, 1, 1, 1)), blurred, images))


def _odd_sizes(value: Any) -> tuple[int, ...]:
    sizes = int_tuple("kernel_size", value, 2)
    if any(n % 2 == 0 for n in sizes):
        raise ValueError(f"`kernel_size` must be an odd number. Received: kernel_size={value}")
    return sizes
