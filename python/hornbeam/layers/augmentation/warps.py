"""Images seen in perspective, and bent."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, random
from hornbeam._boxes.changes import clip_to_image_size
from hornbeam._boxes.formats import as_size, convert_format, joined, sides
from hornbeam.core.tensor import dims_of, to_tensor
from hornbeam.core.validation import choice, number
from hornbeam.layers.augmentation.image_layer import BaseImagePreprocessingLayer, images_of
from hornbeam.ops.image.layouts import Layout
from hornbeam.ops.image.sampling import FILL_MODES, INTERPOLATIONS, sampled, stacked
from hornbeam.ops.image.warping import _homography

__all__ = ["RandomElasticTransform", "RandomPerspective"]


class _Warp(BaseImagePreprocessingLayer):
    """Base of layers that change some samples of a batch."""

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def __init__(self, factor: Any, interpolation: str, fill_value: float, seed: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._set_factor(factor)
        self._set_seed(seed)
        self.interpolation = choice("interpolation", interpolation, INTERPOLATIONS)
        self.fill_value = number("fill_value", fill_value)

    def _chosen(self, batch: Any, seed: Any) -> Any:
        """Which samples are changed: with odds that are drawn, too."""
        odds = random.uniform((batch,), *self.factor, seed=seed)
        return random.uniform((batch,), seed=seed) < odds


class RandomPerspective(_Warp):
    """Shows each image as if it were seen from the side: its corners are moved, each by itself.

    Input and output shapes: as ``BaseImagePreprocessingLayer``; images come in what the layer computes in.

    Args:
        factor: the odds that an image is changed: a number, or a pair that the odds are drawn between; a number stands for
            what lies between 0 and it.
        scale: how far a corner may move: at most half of this times its distance from the top left corner, along each axis.
        interpolation: "bilinear" or "nearest".
        fill_value: what lies outside the image.
        seed: an int, None for a fresh one.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, interpolation, fill_value, seed, data_format=data_format, **kwargs)
        self.scale = number("scale", scale, 0, 1)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """For each sample "apply_perspective", and where its corners ("start_points", ``(batch, 4, 2)``: top left, top
        right, bottom left, bottom right) go to ("end_points"); and the images' "input_shape"."""
        if not training:
            return None
        (batch, height, width), seed = self._sizes(data), self._seed_or_own(seed)
        chosen = self._chosen(batch, seed)
        right, bottom = (as_size(n, "float32") - 1 for n in (width, height))
        corners = ops.stack([to_tensor(c, "float32") for c in (0, 0, right, 0, 0, bottom, right, bottom)])
        start = ops.broadcast_to(ops.reshape(corners, [1, 4, 2]), (batch, 4, 2))
        moved = random.uniform((batch, 4, 2), -0.5 * self.scale, 0.5 * self.scale, seed=seed)
        return {
            "apply_perspective": chosen,
            "start_points": start,
            "end_points": start + start * moved,
            "input_shape": dims_of(images_of(data)),
        }

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            return images
        changed = ops.image.perspective_transform(
            images,
            ops.cast(transformation["start_points"], "float32"),
            ops.cast(transformation["end_points"], "float32"),
            interpolation=interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        chosen = ops.reshape(to_tensor(transformation["apply_perspective"]), [-1] + [1] * (images.ndim - 1))
        return ops.where(chosen, changed, images)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The smallest upright boxes around where the boxes come to lie, cut to the image."""
        if not training or transformation is None:
            return bounding_boxes
        shape = transformation["input_shape"]
        size = {"height": shape[self.height_axis], "width": shape[self.width_axis]}
        found = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", **size)
        x1, y1, x2, y2 = sides(found["boxes"])
        start, end = (ops.cast(transformation[name], "float64") for name in ("start_points", "end_points"))
        to_output = ops.expand_dims(ops.cast(_homography(end, start), "float32"), 1)
        xs, ys = zip(*(_mapped(to_output, x, y) for x in (x1, x2) for y in (y1, y2)))
        moved = [
            bound(ops.concatenate(c, axis=-1), axis=-1, keepdims=True) for bound in (ops.min, ops.max) for c in (xs, ys)
        ]
        chosen = ops.reshape(to_tensor(transformation["apply_perspective"]), [-1, 1, 1])
        found["boxes"] = ops.where(chosen, joined(moved), found["boxes"])
        found = clip_to_image_size(found, **size)
        return convert_format(found, "xyxy", self.bounding_box_format, **size)


def _mapped(matrix: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Where a projective map ``(..., 8)`` takes points."""
    a0, a1, a2, b0, b1, b2, c0, c1 = ops.split(matrix, 8, axis=-1)
    depth = c0 * x + c1 * y + 1.0
    return (a0 * x + a1 * y + a2) / depth, (b0 * x + b1 * y + b2) / depth


class RandomElasticTransform(_Warp):
    """Bends images: each pixel is taken from a random place near its own, the ways there being smooth (Simard et al. 2003).

    The batch shares how much it is bent; how is each sample's own. Boxes are refused: they would not stay boxes.

    Input and output shapes: as ``BaseImagePreprocessingLayer``; images and masks come in what the layer computes in.

    Args:
        factor: the odds that an image is changed: a number, or a pair that the odds are drawn between; a number stands for
            what lies between 0 and it.
        scale: how much, within [0, 1]: a pair that it is drawn between, or a number, likewise.
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside the image: "reflect" (mirrored at the edge, the last pixel twice), "mirror" (once),
            "wrap", "constant" or "nearest".
        fill_value: what "constant" fills with.
        value_range: the least and the largest value that images have, to which they are cut.
        seed: an int, None for a fresh one.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, interpolation, fill_value, seed, data_format=data_format, **kwargs)
        self.scale = self._range("scale", scale)
        self.fill_mode = choice("fill_mode", fill_mode, FILL_MODES)
        self.value_range = _ordered("value_range", value_range)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """For each sample "apply_transform", for all the "distortion_factor", and the "noise" that the ways are made of."""
        if not training or self.scale[1] == 0 or self.factor[1] == 0:
            return None
        (batch, height, width), seed = self._sizes(data), self._seed_or_own(seed)
        return {
            "apply_transform": self._chosen(batch, seed),
            "distortion_factor": random.uniform((), *self.scale, seed=seed),
            "noise": random.normal((batch, 2, height, width), seed=seed),
        }

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            return images
        layout = Layout(images, self.data_format)
        x = layout.batch()
        batch, height, width, _ = dims_of(x)
        noise = transformation.get("noise")
        if noise is None:  # a transformation of another's making says where to draw from
            noise = random.normal((batch, 2, height, width), seed=transformation["seed"])
        right, down = ops.unstack(self._ways(noise, transformation["distortion_factor"], height, width), 2, axis=1)
        rows = ops.expand_dims(ops.arange(height, dtype="float32"), 1) + down
        places = stacked([rows, ops.arange(width, dtype="float32") + right])
        bent = layout.back(sampled(x, places, interpolation == "bilinear", self.fill_mode, self.fill_value))
        chosen = ops.reshape(to_tensor(transformation["apply_transform"]), [-1] + [1] * (images.ndim - 1))
        return ops.cast(ops.clip(ops.where(chosen, bent, images), *self.value_range), self.compute_dtype)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes, where nothing is bent."""
        if not training or transformation is None:
            return bounding_boxes
        return super().transform_bounding_boxes(bounding_boxes, transformation, training)

    def _ways(self, noise: Any, factor: Any, height: Any, width: Any) -> Any:
        """Ways right and down, in pixels, ``(batch, 2, rows, columns)``: the noise, blurred."""
        factor, (rows, columns) = to_tensor(factor, "float32"), (as_size(n, "float32") for n in (height, width))
        sigma = ops.maximum(ops.minimum(rows, columns) * 0.05 * factor, 1e-6)
        blurred = ops.matmul(ops.matmul(_blur(height, sigma), noise), _blur(width, sigma))
        return blurred * (ops.maximum(rows, columns) * 0.1 * factor * sigma)


def _ordered(name: str, value: Any) -> tuple[float, float]:
    """Two numbers, the lower first."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(pair) != 2 or not number(name, pair[0]) < number(name, pair[1]):
        raise ValueError(f"`{name}` must be two numbers, the lower first. Received: {name}={value!r}")
    return pair


def _blur(n: Any, sigma: Any) -> Any:
    """The matrix ``(n, n)`` that blurs n values by a normal distribution cut at three deviations; beyond the ends lies 0."""
    place = ops.arange(n, dtype="float32")
    apart = ops.abs(ops.expand_dims(place, 1) - place)
    shares = [
        ops.where(d <= ops.floor(ops.floor(6.0 * sigma) / 2.0), ops.exp(-0.5 * ops.square(d / sigma)), 0.0)
        for d in (apart, place)
    ]
    return shares[0] / (2.0 * ops.sum(shares[1]) - 1.0)
