"""Images of a batch laid over one another."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, random
from hornbeam.core.validation import number
from hornbeam.layers.augmentation.color_layer import ColorLayer
from hornbeam.layers.augmentation.patches import mixed

__all__ = ["MixUp"]


class MixUp(ColorLayer):
    """Blends each image with another of the batch, and their labels alike, while training (Zhang et al. 2017).

    The weight of each image is drawn from Beta(alpha, alpha). An image has the boxes of both (Zhang et al. 2019).

    Input and output shape: as for every layer of images, in any dtype; the output is in what the layer computes in. Labels
    are ``(batch, classes)``.

    Args:
        alpha: above 0; near 0 one of the images prevails, 1 makes every weight equally likely.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        seed: None for a fresh one.
        bounding_box_format: as for every layer of images.
    """

    def __init__(self, alpha: float = 0.2, data_format: str | None = None, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.alpha = number("alpha", alpha, 0)
        if self.alpha == 0:
            raise ValueError(f"`alpha` must be above 0. Received: alpha={alpha}")
        self._set_seed(seed)

    def _draw(self, data: Any, seed: Any) -> Any:
        batch = self._sizes(data)[0]
        return {
            "mix_weight": random.beta((batch,), self.alpha, self.alpha, seed=seed),
            "permutation_order": random.shuffle(ops.arange(batch, dtype="int32"), seed=seed),
        }

    def _adjust(self, images: Any, transformation: Any) -> Any:
        return mixed(images, transformation, axes=4)

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """The labels of both images, each by its weight."""
        return mixed(labels, transformation) if training else labels

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes of both images, and their labels."""
        if not training:
            return bounding_boxes
        order = transformation["permutation_order"]
        boxes, labels = (ops.convert_to_tensor(bounding_boxes[k]) for k in ("boxes", "labels"))
        both = {
            "boxes": ops.concatenate([boxes, ops.take(boxes, order, axis=0)], axis=1),
            "labels": ops.concatenate([labels, ops.take(labels, order, axis=0)], axis=min(1, labels.ndim - 1)),
        }
        return {**bounding_boxes, **both}

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """The masks of both images, each by its weight."""
        return mixed(segmentation_masks, transformation, axes=4) if training else segmentation_masks
