"""Mirrored images."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, random
from hornbeam._boxes.changes import clip_to_image_size
from hornbeam._boxes.formats import convert_format, joined, sides
from hornbeam.core.tensor import dims_of, to_tensor
from hornbeam.core.validation import choice
from hornbeam.layers.augmentation.gathering import taken
from hornbeam.layers.augmentation.image_layer import BaseImagePreprocessingLayer, images_of

__all__ = ["RandomFlip"]


class RandomFlip(BaseImagePreprocessingLayer):
    """Mirrors each image of a batch, or not, with even odds.

    Input and output shapes: as ``BaseImagePreprocessingLayer``; images and masks come in what the layer computes in.

    Args:
        mode: "horizontal" (left and right change places), "vertical" (top and bottom) or "horizontal_and_vertical" (both,
            or neither).
        seed: an int, None for a fresh one.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.

    Example:
        >>> import numpy as np
        >>> layer = RandomFlip("horizontal", seed=1)
        >>> sorted(np.asarray(layer(np.arange(6.0).reshape(1, 1, 6, 1))).ravel().tolist())
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """

    _USE_BASE_FACTOR = False

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._set_seed(seed)
        self.mode = choice("mode", mode, ("horizontal", "vertical", "horizontal_and_vertical"))

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Which samples are mirrored: "flips" of one axis for each of the images'; and their "input_shape"."""
        if not training:
            return None
        dims = dims_of(images_of(data))
        odds = random.uniform((*dims[:-3], 1, 1, 1), seed=self._seed_or_own(seed))
        return {"flips": ops.less_equal(odds, 0.5), "input_shape": dims}

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """The images, in what the layer computes in, mirrored where "flips" says so."""
        images = to_tensor(images)
        if training and transformation is not None:  # while the elements are as small as they came
            images = self._mirrored(images, to_tensor(transformation["flips"]))
        return ops.cast(images, self.compute_dtype)

    def _mirrored(self, images: Any, flips: Any) -> Any:
        down, across = "vertical" in self.mode, "horizontal" in self.mode
        if images.ndim == 4 and self.data_format == "channels_last":
            flips, (_, height, width, _) = ops.reshape(flips, [-1, 1]), dims_of(images)
            rows, columns = (ops.expand_dims(ops.arange(n, dtype="float32"), 0) for n in (height, width))
            if down:
                rows = ops.where(flips, ops.flip(rows, 1), rows)
            if across:
                columns = ops.where(flips, ops.flip(columns, 1), columns)
            return taken(images, rows, columns if across else None)
        mirrored = ops.flip(images, self.width_axis) if across else images
        return ops.where(flips, ops.flip(mirrored, self.height_axis) if down else mirrored, images)

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """The masks, as the images."""
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes where they come to lie, cut to the image."""
        if not training:
            return bounding_boxes
        shape = transformation["input_shape"]
        size = {"height": shape[self.height_axis], "width": shape[self.width_axis]}
        found = convert_format(bounding_boxes, self.bounding_box_format, "rel_xyxy", **size)
        x1, y1, x2, y2 = corners = sides(found["boxes"])
        if "horizontal" in self.mode:
            x1, x2 = 1 - x2, 1 - x1
        if "vertical" in self.mode:
            y1, y2 = 1 - y2, 1 - y1
        flips = ops.squeeze(to_tensor(transformation["flips"]), -1)
        found["boxes"] = ops.where(flips, joined([x1, y1, x2, y2]), joined(corners))
        found = clip_to_image_size(found, bounding_box_format="rel_xyxy")
        return convert_format(found, "rel_xyxy", self.bounding_box_format, **size)
