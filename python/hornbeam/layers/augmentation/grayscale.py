"""Colours made grey, or part of the way."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, random
from hornbeam.core.validation import fraction
from hornbeam.layers.augmentation.color_layer import ColorLayer, FactorLayer
from hornbeam.ops import image

__all__ = ["RandomColorDegeneration", "RandomGrayscale"]


class RandomGrayscale(ColorLayer):
    """Makes some images grey while training, by the brightness that an eye sees, and keeps their three channels.

    Input and output shape: ``(rows, columns, 3)`` or ``(batch, rows, columns, 3)``, or a dict as for every layer of images.
    The images keep their dtype; ints are cut.

    Args:
        factor: the part of the images that becomes grey, in [0, 1].
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        seed: None for a fresh one.
        bounding_box_format: as for every layer of images.
    """

    def __init__(self, factor: float = 0.5, data_format: str | None = None, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.factor: Any = fraction("factor", factor)
        self._set_seed(seed)

    def _draw(self, data: Any, seed: Any) -> Any:
        drawn = random.uniform((self._sizes(data)[0],), seed=seed)
        return ops.reshape(drawn < self.factor, (-1, 1, 1, 1))

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """A batch of images in their dtype, grey where ``transformation``, bools for each image, says so."""
        images = ops.convert_to_tensor(images)
        if not training:
            return images
        chosen = self.get_random_transformation(images) if transformation is None else transformation
        return ops.where(chosen, image.rgb_to_grayscale(images, data_format=self.data_format), images)


class RandomColorDegeneration(FactorLayer):
    """Takes each image a part of its own of the way to grey, while training.

    Input and output shape: ``(rows, columns, 3)`` or ``(batch, rows, columns, 3)`` in any dtype, or a dict as for every
    layer of images; the output is in what the layer computes in.

    Args:
        factor: the part, drawn from a pair within [-1, 1]: 0 leaves the image, 1 makes it grey, below 0 its colours are
            stronger; a number stands for ``(-factor, factor)``.
        value_range: the least and the greatest value; the results are clipped to it.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        seed: None for a fresh one.
        bounding_box_format: as for every layer of images.
    """

    def _draw(self, data: Any, seed: Any) -> Any:
        return {"factor": random.uniform((self._sizes(data)[0], 1, 1, 1), *self.factor, seed=seed)}

    def _adjust(self, images: Any, transformation: Any) -> Any:
        grey = image.rgb_to_grayscale(images, data_format=self.data_format)
        return self._clipped(images + self._for_each_image(transformation["factor"]) * (grey - images))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's.

        Raises:
            ValueError: unless it is the shape of one colour image or of a batch of them.
        """
        if isinstance(input_shape, dict):
            return input_shape
        if len(input_shape) not in (3, 4):
            raise ValueError(
                "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
                f"Received: input_shape={input_shape}"
            )
        channels = input_shape[self.channel_axis]
        if channels not in (None, 3):
            raise ValueError(f"Input images must have 3 channels, but received images with {channels} channels.")
        return input_shape
