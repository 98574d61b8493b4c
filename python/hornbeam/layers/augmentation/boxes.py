"""Layers that change boxes alone."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.tensor import dims_of, to_tensor
from hornbeam.core.validation import integer, positive_int
from hornbeam.layers.augmentation.image_layer import BaseImagePreprocessingLayer

__all__ = ["MaxNumBoundingBoxes"]


class MaxNumBoundingBoxes(BaseImagePreprocessingLayer):
    """The same number of boxes for each image: what is missing is padding, what is too much is left out.

    Input shape: as ``BaseImagePreprocessingLayer``. Output shape: likewise, with ``max_number`` boxes; images and masks are
    as they were.

    Args:
        max_number: of boxes.
        fill_value: what all numbers of missing boxes, and their labels, are.
    """

    _USE_BASE_FACTOR = False

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_number, self.fill_value = positive_int("max_number", max_number), integer("fill_value", fill_value)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """The images as they are."""
        return images

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The masks as they are."""
        return segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """``max_number`` boxes and labels for each image."""
        found = {name: self._filled(bounding_boxes[name]) for name in ("boxes", "labels")}
        return {**bounding_boxes, **found}

    def _filled(self, x: Any) -> Any:
        x = to_tensor(x)[:, : self.max_number]
        missing = self.max_number - dims_of(x)[1]
        if not isinstance(missing, int):
            raise ValueError(
                f"MaxNumBoundingBoxes requires a fully defined number of boxes. Received: shape={tuple(x.shape)}"
            )
        return ops.pad(x, [(0, 0), (0, missing)] + [(0, 0)] * (x.ndim - 2), constant_values=self.fill_value)
