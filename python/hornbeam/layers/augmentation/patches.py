"""Patches: rectangles that are erased, or that another image of the batch fills, with its share of the label."""

from __future__ import annotations

import numbers
from typing import Any

from hornbeam import ops, random
from hornbeam.core.tensor import dims_of
from hornbeam.layers.augmentation.color_layer import ColorLayer, value_range_of
from hornbeam.layers.augmentation.image_layer import images_of

__all__ = ["CutMix", "RandomErasing"]


class _Patches(ColorLayer):
    """A layer that draws a rectangle for each image."""

    _FACTOR_BOUNDS = (0, 1)

    def _interval(self, length: Any, part: Any, seed: Any) -> tuple[Any, Any]:
        """Where a part of a length begins, anywhere that it fits, and where it ends, of each image."""
        length = ops.cast(length, part.dtype)
        size = part * length
        start = random.uniform(dims_of(part), dtype=part.dtype, seed=seed) * (length - size)
        return start, start + size

    def _inside(self, data: Any, across: tuple[Any, Any], down: tuple[Any, Any]) -> Any:
        """Which pixels lie in the rectangles: bools for each image, row and column, one for all channels."""
        _, rows, columns = self._sizes(data)

        def within(length: Any, ends: tuple[Any, Any]) -> Any:
            at = ops.cast(ops.arange(length), ends[0].dtype)
            return (at >= ends[0][:, None]) & (at < ends[1][:, None])

        inside = within(rows, down)[:, :, None] & within(columns, across)[:, None, :]
        return ops.expand_dims(inside, self.channel_axis)


class RandomErasing(_Patches):
    """Fills a rectangle in some images with noise or with one colour, while training (Zhong et al. 2017).

    Input and output shape: ``(rows, columns, channels)`` or ``(batch, rows, columns, channels)`` in any dtype, or a dict as
    for every layer of images; the output is in what the layer computes in.

    Args:
        factor: the probability, which is itself drawn for each image, from a pair in [0, 1]; a number stands for
            ``(0, factor)``.
        scale: the rectangle has the square roots of two numbers, drawn from this pair in [0, 1], as its parts of the width
            and of the height; a number stands for ``(0, scale)``.
        fill_value: a number, or three for three channels; None for noise, normally distributed times ``value_range[1]``.
        value_range: the least and the greatest value; what fills is clipped to it.
        seed: None for a fresh one.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        bounding_box_format: as for every layer of images.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self.scale = self._range("scale", scale)
        self.fill_value = _filling(fill_value)
        self.value_range = value_range_of(value_range)
        self._set_seed(seed)

    def _draw(self, data: Any, seed: Any) -> Any:
        batch, rows, columns = self._sizes(data)
        parts = ops.sqrt(random.uniform((batch, 2), *self.scale, seed=seed))
        across, down = self._interval(columns, parts[:, 0], seed), self._interval(rows, parts[:, 1], seed)
        inside = self._inside(data, across, down)
        chosen = self._chosen(data, seed)
        return {"apply_erasing": chosen, "batch_masks": inside, "fill_value": self._clipped(self._fill(data, seed))}

    def _fill(self, data: Any, seed: Any) -> Any:
        """What fills: of the images' shape, or of one that they broadcast with."""
        if self.fill_value is None:
            dims = dims_of(images_of(data))
            shape = dims if len(dims) == 4 else (1, *dims)
            return random.normal(shape, dtype=self.compute_dtype, seed=seed) * self.value_range[1]
        fill = ops.convert_to_tensor(self.fill_value, dtype=self.compute_dtype)
        return fill if fill.ndim == 0 else ops.reshape(fill, (3,) + (1,) * (-1 - self.channel_axis))

    def _adjust(self, images: Any, transformation: Any) -> Any:
        chosen = ops.reshape(transformation["apply_erasing"], (-1, 1, 1, 1))
        fill = ops.cast(transformation["fill_value"], self.compute_dtype)
        return ops.where(ops.logical_and(chosen, transformation["batch_masks"]), fill, images)


def _filling(value: Any) -> Any:
    listed = isinstance(value, (tuple, list))
    good = (
        all(isinstance(v, numbers.Real) for v in value) and len(value) == 3
        if listed
        else isinstance(value, numbers.Real)
    )
    if value is None or good:
        return value
    raise ValueError(
        "The `fill_value` argument should be a number (or a list of three numbers) or None. "
        f"Received: fill_value={value!r}"
    )


class CutMix(_Patches):
    """Pastes a rectangle of another image of the batch into each, and mixes their labels by its area (Yun et al. 2019).

    The part of an image that stays is drawn from Beta(a, a) with an a for the batch from ``factor``. Single images stay
    as they are. Boxes cannot be mixed.

    Input and output shape: as for every layer of images, in any dtype; the output is in what the layer computes in. Labels
    are ``(batch, classes)``.

    Args:
        factor: where a is drawn from: a pair in [0, 1]; a number stands for ``(0, factor)``.
        seed: None for a fresh one.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        bounding_box_format: as for every layer of images.
    """

    def __init__(self, factor: Any = 1.0, seed: Any = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self._set_seed(seed)

    def _draw(self, data: Any, seed: Any) -> Any:
        if len(dims_of(images_of(data))) == 3:
            return None
        batch, rows, columns = self._sizes(data)
        alpha = random.uniform((), *self.factor, seed=seed) + 1e-6
        part = ops.sqrt(1.0 - random.beta((batch,), alpha, alpha, seed=seed))
        across, down = self._interval(columns, part, seed), self._interval(rows, part, seed)
        area = ops.cast(rows, part.dtype) * ops.cast(columns, part.dtype)
        weight = 1.0 - (across[1] - across[0]) * (down[1] - down[0]) / area
        return {
            "permutation_order": random.shuffle(ops.arange(batch, dtype="int32"), seed=seed),
            "batch_masks": self._inside(data, across, down),
            "mix_weight": ops.reshape(weight, (-1, 1, 1, 1)),
        }

    def _adjust(self, images: Any, transformation: Any) -> Any:
        if transformation is None:
            return images
        others = ops.take(images, transformation["permutation_order"], axis=0)
        return ops.where(transformation["batch_masks"], others, images)

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """The labels of both images, each by its part of the area."""
        if not training or transformation is None:
            return labels
        return mixed(labels, transformation)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Not possible.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("layer CutMix does not change bounding boxes")

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """The masks, with the rectangles of the others pasted in."""
        return self.transform_images(segmentation_masks, transformation, training)


def mixed(x: Any, transformation: dict[str, Any], axes: int | None = None) -> Any:
    """Of each sample its "mix_weight" and the rest of the one that "permutation_order" puts in its place, in floats.

    ``axes`` is how many x is to have; None for those that it has.
    """
    x = ops.convert_to_tensor(x)
    x = x if x.dtype in ("float16", "bfloat16", "float32", "float64") else ops.cast(x, "float32")
    ones = (1,) * ((axes or x.ndim) - 1)
    weight = ops.reshape(ops.cast(transformation["mix_weight"], x.dtype), (-1, *ones))
    return weight * x + (1.0 - weight) * ops.take(x, transformation["permutation_order"], axis=0)
