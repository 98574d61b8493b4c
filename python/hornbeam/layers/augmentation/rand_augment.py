"""RandAugment: a few of eleven changes, one after another."""

from __future__ import annotations

from typing import Any

from hornbeam import random
from hornbeam.core.validation import integer
from hornbeam.layers.augmentation.policy import PolicyLayer

__all__ = ["RandAugment"]


class RandAugment(PolicyLayer):
    """Applies a few of eleven changes to a batch of images one after another, while training (Cubuk et al. 2020).

    For each batch the changes are chosen anew; how much each does is drawn for each image. Masks and bounding boxes go
    where their images go; labels stay. Where the three moving ones (shear, translation, rotation) are not chosen, nor
    anything else, images are what they were.

    Input and output shape: ``(rows, columns, 3)`` or ``(batch, rows, columns, 3)`` in any dtype, or a dict as for every
    layer of images; the output is in what the layer computes in.

    Args:
        value_range: the least and the greatest value that images have.
        num_ops: how many changes are made, at least 0.
        factor: their strength: the range in [0, 1] that each layer draws from; a number stands for ``(0, factor)``.
        interpolation: "nearest" or "bilinear", for what moves.
        seed: None for a fresh one.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        bounding_box_format: as for every layer of images.
    """

    _names = (
        "random_shear",
        "random_translation",
        "random_rotation",
        "random_brightness",
        "random_color_degeneration",
        "random_contrast",
        "random_sharpness",
        "random_posterization",
        "solarization",
        "auto_contrast",
        "equalization",
    )

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, data_format=data_format, **kwargs)
        self.num_ops = integer("num_ops", num_ops, 0)
        self._make_parts()

    def _draw(self, data: Any, seed: Any) -> Any:
        chosen = random.randint((self.num_ops,), 0, len(self._names), seed=seed)
        return {"transforms": self._draw_all(data, seed), "layer_idxes": chosen}

    def _changed(self, method: str, x: Any, transformation: Any) -> Any:
        for i in range(self.num_ops):
            x = self._applied(method, transformation["layer_idxes"][i], transformation["transforms"], x)
        return x

    def _adjust(self, images: Any, transformation: Any) -> Any:
        return self._changed("transform_images", images, transformation)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes where they come to lie."""
        return self._changed("transform_bounding_boxes", bounding_boxes, transformation) if training else bounding_boxes

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """The masks, moved as the images are, in their dtype."""
        if not training:
            return segmentation_masks
        return self._changed("transform_segmentation_masks", segmentation_masks, transformation)
