"""The base of the layers that change images, and with them the labels, boxes and masks that belong to them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from hornbeam import ops
from hornbeam._boxes.formats import SUPPORTED_FORMATS
from hornbeam.core.tensor import dims_of
from hornbeam.core.tree import map_structure
from hornbeam.core.validation import choice
from hornbeam.layers.layer import Layer
from hornbeam.ops.image.layouts import data_format_of
from hornbeam.random import SeedGenerator

__all__ = ["BaseImagePreprocessingLayer", "as_pair", "images_of"]


class BaseImagePreprocessingLayer(Layer):
    """A layer that changes images, one sample or a batch of them, alone or in a dict with what belongs to them.

    ``call`` draws what is to be done once (``get_random_transformation``) and applies it to each part of the data
    (``transform_images``, ``transform_labels``, ``transform_bounding_boxes``, ``transform_segmentation_masks``). Called
    outside of a training loop it works as in training, unless ``training=False`` says otherwise.

    Input shape: images ``(rows, columns, channels)`` or ``(batch, rows, columns, channels)`` ("channels_last"), or a dict of
    "images" and any of "labels", "segmentation_masks" (images, too) and "bounding_boxes" (a dict of "boxes", ``(boxes, 4)``
    or ``(batch, boxes, 4)``, and "labels", ``(boxes,)`` or ``(batch, boxes)``). Output shape: the same structure, images and
    masks in what the layer computes in, boxes in float32.

    Args:
        factor: how much is done: a number or a pair within ``_FACTOR_BOUNDS``, for classes that take it.
        bounding_box_format: how boxes are given, as ``hb.utils.bounding_boxes.convert_format`` names it; needed where the
            data have boxes.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
    """

    _USE_BASE_FACTOR = True  # whether the constructor takes `factor` and keeps it as a range
    _FACTOR_BOUNDS: tuple[float, float] = (-1, 1)

    factor: tuple[float, float]
    bounding_box_format: Any  # text, or None
    interpolation: str
    seed: Any
    generator: SeedGenerator

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        takes_factor = cls._USE_BASE_FACTOR or "factor" in inspect.signature(cls.__init__).parameters
        others = tuple(name for name in cls._not_attributes if name != "factor")
        cls._not_attributes = others if takes_factor else ("factor", *others)

    def __init__(
        self, factor: Any = None, bounding_box_format: str | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if bounding_box_format is not None:
            choice("bounding_box_format", bounding_box_format, SUPPORTED_FORMATS)
        self.bounding_box_format = bounding_box_format
        self.data_format = data_format_of(data_format)
        last = self.data_format == "channels_last"
        self.height_axis, self.width_axis, self.channel_axis = (-3, -2, -1) if last else (-2, -1, -3)
        if self._USE_BASE_FACTOR:
            self._set_factor(0.0 if factor is None else factor)
        elif factor is not None:
            raise ValueError(
                f"Layer {type(self).__name__} does not take a `factor` argument. Received: factor={factor}"
            )

    def _set_factor(self, factor: Any) -> None:
        """Keeps ``factor`` as a range: a number stands for what lies within its distance from 0."""
        self.factor = self._range("factor", factor)

    def _range(self, name: str, value: Any) -> tuple[float, float]:
        """A range of numbers from a pair, or from a number, which stands for what lies within its distance from 0."""
        low, high = self._FACTOR_BOUNDS
        pair = value if isinstance(value, (tuple, list)) else (value, value)
        numbers = len(pair) == 2 and all(isinstance(v, (int, float)) for v in pair)
        if not numbers or not (pair[0] <= high and pair[1] >= low):
            raise ValueError(
                f"The `{name}` argument should be a number (or a list of two numbers) in the range [{low}, {high}]. "
                f"Received: {name}={value}"
            )
        if isinstance(value, (tuple, list)):
            return min(pair), max(pair)
        return max(-abs(value), low), abs(value)

    def _set_seed(self, seed: Any) -> None:
        """Starts the stream that the layer draws from."""
        self.seed = seed
        self.generator = SeedGenerator(seed)

    def _seed_or_own(self, seed: Any) -> Any:
        """Where to draw from: ``seed``, or for None the layer's own stream."""
        return self.generator if seed is None else seed

    # ---- what a subclass defines ----
    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """What is to be done to a batch, or to one sample, which counts as a batch of one.

        Args:
            data: images, or a dict with "images".
            training: whether anything random is to be done.
            seed: where to draw from; None for the layer's own stream.

        Returns:
            Whatever the ``transform_*`` methods take; None where nothing is to be done.
        """
        return None

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        raise NotImplementedError(f"layer {type(self).__name__} must define _transform_images()")

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """A batch of images, in what the layer computes in, changed as ``transformation`` says."""
        images = ops.cast(images, self.compute_dtype)
        return self._transform_images(images, transformation, self.interpolation) if training else images

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """The labels of a batch: as they are, unless a class changes them."""
        return labels

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes of a batch, a dict of "boxes" and "labels", changed as ``transformation`` says."""
        raise NotImplementedError(f"layer {type(self).__name__} does not change bounding boxes")

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """The masks of a batch, changed as its images are, without values in between."""
        return self._transform_images(segmentation_masks, transformation, "nearest") if training else segmentation_masks

    # ---- one sample ----
    def transform_single_image(self, image: Any, transformation: Any, training: bool = True) -> Any:
        """``transform_images`` of one image."""
        return _as_batch(self.transform_images, image, transformation, training)

    def transform_single_label(self, label: Any, transformation: Any, training: bool = True) -> Any:
        """``transform_labels`` of one sample's label."""
        return _as_batch(self.transform_labels, label, transformation, training)

    def transform_single_bounding_box(self, bounding_box: Any, transformation: Any, training: bool = True) -> Any:
        """``transform_bounding_boxes`` of one sample's boxes."""
        return _as_batch(self.transform_bounding_boxes, bounding_box, transformation, training)

    def transform_single_segmentation_mask(
        self, segmentation_mask: Any, transformation: Any, training: bool = True
    ) -> Any:
        """``transform_segmentation_masks`` of one mask."""
        return _as_batch(self.transform_segmentation_masks, segmentation_mask, transformation, training)

    # ---- the call ----
    def call(self, data: Any, training: bool = True) -> Any:
        """The changed data, in the structure of ``data``.

        Raises:
            ValueError: for images that have neither 3 nor 4 axes, and for boxes without ``bounding_box_format``.
        """
        transformation = self.get_random_transformation(data, training=training)
        batched = self._is_batched(images_of(data))

        def apply(transform: Callable[..., Any], x: Any) -> Any:
            if batched:
                return transform(x, transformation, training)
            return _as_batch(transform, x, transformation, training)

        if not isinstance(data, dict):
            return apply(self.transform_images, data)
        out = dict(data)
        out["images"] = apply(self.transform_images, data["images"])
        if "bounding_boxes" in data:
            out["bounding_boxes"] = apply(self.transform_bounding_boxes, self._checked(data["bounding_boxes"]))
        if "labels" in data:
            out["labels"] = apply(self.transform_labels, data["labels"])
        if "segmentation_masks" in data:
            out["segmentation_masks"] = apply(self.transform_segmentation_masks, data["segmentation_masks"])
        return out

    def _is_batched(self, images: Any) -> bool:
        if images.ndim not in (3, 4):
            raise ValueError(
                "Expected image tensor to have rank 3 (single image) or 4 (batch of images). "
                f"Received: data.shape={tuple(images.shape)}"
            )
        return bool(images.ndim == 4)

    def _checked(self, bounding_boxes: Any) -> dict[str, Any]:
        """Boxes as tensors, if there is a format for them."""
        if not self.bounding_box_format:
            raise ValueError(
                "You passed an input with a 'bounding_boxes' key, but you didn't specify a bounding box format. Pass a "
                f"`bounding_box_format` argument to your {type(self).__name__} layer, e.g. `bounding_box_format='xyxy'`."
            )
        if not isinstance(bounding_boxes, dict) or not {"boxes", "labels"} <= set(bounding_boxes):
            raise ValueError(
                "Expected `bounding_boxes` to be a dict with keys 'boxes' and 'labels'. "
                f"Received: bounding_boxes={bounding_boxes}"
            )
        boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
        if boxes.ndim not in (2, 3) or labels.ndim not in (boxes.ndim - 1, boxes.ndim):
            raise ValueError(
                "Expected `bounding_boxes['boxes']` of shape (num_boxes, 4) or (batch_size, num_boxes, 4), and "
                "`bounding_boxes['labels']` of one axis less, or of as many. Received: "
                f"boxes.shape={tuple(boxes.shape)}, labels.shape={tuple(labels.shape)}"
            )
        return {**bounding_boxes, "boxes": ops.cast(boxes, "float32")}

    # ---- what subclasses share ----
    def _sizes(self, data: Any) -> tuple[Any, Any, Any]:
        """Samples (1 for one alone), rows and columns of the images: ints, or expressions where they are not known."""
        dims = dims_of(images_of(data))
        return dims[0] if len(dims) == 4 else 1, dims[self.height_axis], dims[self.width_axis]

    def _transform_value_range(
        self, images: Any, original_range: Any, target_range: Any, dtype: Any = "float32"
    ) -> Any:
        """Images whose values lie in one range as images whose values lie in another, as floats; themselves, if it is
        the same."""
        (low, high), (new_low, new_high) = original_range, target_range
        if (low, high) == (new_low, new_high):
            return images
        unit = (ops.cast(images, dtype) - low) / (high - low)
        return unit * (new_high - new_low) + new_low


def as_pair(value: Any) -> Any:
    """A list as a tuple, so that a layer from a config is like the one that the config is of; all else as it is."""
    return tuple(value) if isinstance(value, list) else value


def images_of(data: Any) -> Any:
    """The images of what a layer is given."""
    return data["images"] if isinstance(data, dict) else data


def _as_batch(transform: Callable[..., Any], sample: Any, *how: Any) -> Any:
    """``transform`` of a batch that holds one sample alone."""
    batch = map_structure(lambda x: ops.expand_dims(x, 0), sample)
    return map_structure(lambda x: ops.squeeze(x, 0), transform(batch, *how))
