"""Hue and saturation, and all that colour pictures vary in at once."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, random
from hornbeam.layers.augmentation.brightness import RandomBrightness, RandomContrast
from hornbeam.layers.augmentation.color_layer import ColorLayer, FactorLayer, value_range_of
from hornbeam.ops import image

__all__ = ["RandomColorJitter", "RandomHue", "RandomSaturation"]


class RandomSaturation(FactorLayer):
    """Makes colours paler or stronger, of each image by a factor of its own, while training.

    With f drawn from ``factor``, the saturation (of HSV) is multiplied by f / (1 - f): 0 leaves greys, 0.5 the image as
    it is, 1 makes every colour as strong as can be. The result is clipped to ``value_range``.

    Input and output shape: ``(rows, columns, 3)`` or ``(batch, rows, columns, 3)`` in any dtype, or a dict as for every
    layer of images; the output is in what the layer computes in.

    Args:
        factor: where f is drawn from: a pair within [-1, 1]; a number stands for ``(-factor, factor)``. Below 0 is as 0
            where ``value_range`` begins at 0.
        value_range: the least and the greatest value that images have.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        seed: None for a fresh one.
        bounding_box_format: as for every layer of images.
    """

    def _draw(self, data: Any, seed: Any) -> Any:
        f = random.uniform((self._sizes(data)[0],), *self.factor, seed=seed)
        return {"factor": f / (1 - f + 1e-7)}

    def _adjust(self, images: Any, transformation: Any) -> Any:
        hsv = image.rgb_to_hsv(images, data_format=self.data_format)
        hue, saturation, value = self._channels(hsv)
        saturation = self._clipped(saturation * _for_each_plane(transformation["factor"], images.dtype))
        hsv = ops.stack([hue, saturation, value], axis=self.channel_axis)
        return image.hsv_to_rgb(hsv, data_format=self.data_format)


class RandomHue(FactorLayer):
    """Turns all colours round the colour wheel, those of each image by an angle of its own, while training.

    Input and output shape: ``(rows, columns, 3)`` or ``(batch, rows, columns, 3)`` in any dtype, or a dict as for every
    layer of images; the output is in what the layer computes in.

    Args:
        factor: half of what is drawn from this pair in [0, 1] is the part of a whole turn, in either direction; a number
            stands for ``(0, factor)``.
        value_range: the least and the greatest value that images have.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        seed: None for a fresh one.
        bounding_box_format: as for every layer of images.
    """

    _FACTOR_BOUNDS = (0, 1)

    def _draw(self, data: Any, seed: Any) -> Any:
        batch = self._sizes(data)[0]
        turn = random.uniform((batch,), *self.factor, seed=seed) * 0.5
        return {"factor": ops.where(random.uniform((batch,), seed=seed) > 0.5, -turn, turn)}

    def _adjust(self, images: Any, transformation: Any) -> Any:
        images = self._transform_value_range(images, self.value_range, (0, 1), dtype=self.compute_dtype)
        hue, saturation, value = self._channels(image.rgb_to_hsv(images, data_format=self.data_format))
        hue = hue + _for_each_plane(transformation["factor"], images.dtype)
        hue = ops.where(hue > 1.0, hue - 1.0, hue)
        hue = ops.where(hue < 0.0, hue + 1.0, hue)
        hsv = ops.stack([hue, saturation, value], axis=self.channel_axis)
        images = ops.clip(image.hsv_to_rgb(hsv, data_format=self.data_format), 0, 1)
        return self._transform_value_range(images, (0, 1), self.value_range, dtype=self.compute_dtype)


def _for_each_plane(x: Any, dtype: str) -> Any:
    """A number for each image, to be combined with one channel: ``(batch, 1, 1)``."""
    return ops.reshape(ops.cast(x, dtype), (-1, 1, 1))


class RandomColorJitter(ColorLayer):
    """Changes brightness, contrast, saturation and hue, in this order, of each image by amounts of its own, while training.

    Input and output shape: ``(rows, columns, 3)`` or ``(batch, rows, columns, 3)`` in any dtype, or a dict as for every
    layer of images; the output is in what the layer computes in.

    Args:
        value_range: the least and the greatest value that images have.
        brightness_factor: as ``RandomBrightness`` takes it; None to leave it alone.
        contrast_factor: as ``RandomContrast`` takes it; None to leave it alone.
        saturation_factor: as ``RandomSaturation`` takes it; None to leave it alone.
        hue_factor: as ``RandomHue`` takes it; None to leave it alone.
        seed: None for a fresh one.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        bounding_box_format: as for every layer of images.
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range_of(value_range)
        self.brightness_factor = brightness_factor
        self.contrast_factor = contrast_factor
        self.saturation_factor = saturation_factor
        self.hue_factor = hue_factor
        self._set_seed(seed)
        self.random_brightness = self._part(RandomBrightness, brightness_factor)
        self.random_contrast = self._part(RandomContrast, contrast_factor)
        self.random_saturation = self._part(RandomSaturation, saturation_factor)
        self.random_hue = self._part(RandomHue, hue_factor)

    def _part(self, cls: Any, factor: Any) -> Any:
        if factor is None:
            return None
        options = {"value_range": self.value_range, "seed": self.seed, "data_format": self.data_format}
        return cls(factor, **options, dtype=self.dtype_policy)

    @property
    def _parts(self) -> dict[str, Any]:
        named = ("random_brightness", "random_contrast", "random_saturation", "random_hue")
        return {name: part for name in named if (part := getattr(self, name)) is not None}

    def _draw(self, data: Any, seed: Any) -> Any:
        return {name: part.get_random_transformation(data, seed=seed) for name, part in self._parts.items()}

    def _adjust(self, images: Any, transformation: Any) -> Any:
        drawn = self.get_random_transformation(images) if transformation is None else transformation
        for name, part in self._parts.items():
            images = part.transform_images(images, drawn[name])
        return images
