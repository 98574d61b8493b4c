"""The base of the layers that change what pixels are worth and leave them where they are."""

from __future__ import annotations

import numbers
from typing import Any

from hornbeam import ops, random
from hornbeam.layers.augmentation.image_layer import BaseImagePreprocessingLayer, images_of

__all__ = ["ColorLayer", "FactorLayer", "value_range_of"]


class ColorLayer(BaseImagePreprocessingLayer):
    """A layer of colours: labels, boxes and masks stay as they are.

    A subclass draws in ``_draw`` and computes in ``_adjust``. Images of any dtype come out in what the layer computes in,
    changed or not.
    """

    _USE_BASE_FACTOR = False
    value_range: tuple[float, float]

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """What is drawn for a batch, or for one image: tensors with a number for each image.

        Args:
            data: images, or a dict with "images".
            training: without it nothing is drawn.
            seed: a ``SeedGenerator`` to draw from, or an int; None for the layer's own.

        Returns:
            A dict of tensors; None where nothing is drawn.

        Raises:
            ValueError: for images that have neither 3 nor 4 axes.
        """
        images = images_of(data)
        if images.ndim not in (3, 4):
            raise ValueError(
                f"Expected the input image to be rank 3 or 4. Received: inputs.shape={tuple(images.shape)}"
            )
        if not training:
            return None
        if seed is None:
            seed = getattr(self, "generator", None)  # which those have that draw
        elif not isinstance(seed, random.SeedGenerator):
            seed = random.SeedGenerator(seed)
        return self._draw(data, seed)

    def _draw(self, data: Any, seed: Any) -> Any:
        """What is drawn for the images of ``data``, from the stream ``seed``."""
        return None

    def _adjust(self, images: Any, transformation: Any) -> Any:
        """The changed images, in what the layer computes in, as they are given."""
        raise NotImplementedError(f"layer {type(self).__name__} must define _adjust()")

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """A batch of images, in what the layer computes in, changed as ``transformation`` says."""
        images = ops.cast(images, self.compute_dtype)
        return ops.cast(self._adjust(images, transformation), self.compute_dtype) if training else images

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes as they are."""
        return bounding_boxes

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """The masks as they are."""
        return segmentation_masks

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's."""
        return input_shape

    def _for_each_image(self, x: Any) -> Any:
        """A number for each image, to be combined with images: of shape ``(batch, 1, 1, 1)``, in what the layer computes in.
        What has the axes of an image already keeps its shape."""
        x = ops.cast(x, self.compute_dtype)
        return x if x.ndim > 1 else ops.reshape(x, (-1, 1, 1, 1))

    def _channels(self, images: Any) -> list[Any]:
        """The channels of colour images, one tensor each."""
        return list(ops.unstack(images, 3, axis=self.channel_axis))

    def _chosen(self, data: Any, seed: Any) -> Any:
        """Which images are to be changed, each with a probability of its own, drawn from ``factor``: bools."""
        shape = (self._sizes(data)[0],)
        probability = random.uniform(shape, *self.factor, seed=seed)
        return random.uniform(shape, seed=seed) < probability

    def _clipped(self, images: Any) -> Any:
        return ops.clip(images, *self.value_range)


class FactorLayer(ColorLayer):
    """A layer of colours that takes how much is done: a number of its own for each image, drawn from ``factor``.

    Args:
        factor: a number or a pair within ``_FACTOR_BOUNDS``.
        value_range: the least and the greatest value that images have.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        seed: None for a fresh one.
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None, seed: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self.value_range = value_range_of(value_range)
        self._set_seed(seed)

    def _draw(self, data: Any, seed: Any) -> Any:
        return {"factor": random.uniform((self._sizes(data)[0],), *self.factor, seed=seed)}


def value_range_of(value: Any) -> tuple[float, float]:
    """A range of values, the lower end first.

    Raises:
        ValueError: unless it is a list or tuple of two different numbers.
    """
    good = isinstance(value, (tuple, list)) and len(value) == 2
    if not good or not all(isinstance(v, numbers.Real) for v in value) or not abs(value[1] - value[0]) > 0:
        raise ValueError(f"The `value_range` argument should be a list of two numbers. Received: value_range={value!r}")
    return min(value), max(value)
