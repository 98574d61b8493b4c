"""Images turned, zoomed, moved and sheared: each pixel of the output lies where an affine map takes it in the input."""

from __future__ import annotations

import math
from typing import Any

from hornbeam import ops, random
from hornbeam._boxes.changes import affine_transform, clip_to_image_size
from hornbeam._boxes.formats import as_size, convert_format, joined, sides
from hornbeam.core.tensor import dims_of, to_tensor
from hornbeam.core.validation import choice, number
from hornbeam.layers.augmentation.image_layer import BaseImagePreprocessingLayer, as_pair, images_of
from hornbeam.ops.image.layouts import Layout
from hornbeam.ops.image.sampling import INTERPOLATIONS, sampled, stacked

__all__ = ["RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom"]


class _Affine(BaseImagePreprocessingLayer):
    """Base of layers that map each sample by a matrix of its own."""

    _USE_BASE_FACTOR = False

    def __init__(self, fill_mode: str, interpolation: str, seed: Any, fill_value: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._set_seed(seed)
        self.fill_mode = choice("fill_mode", fill_mode, ("reflect", "wrap", "constant", "nearest"))
        self.interpolation = choice("interpolation", interpolation, INTERPOLATIONS)
        self.fill_value = number("fill_value", fill_value)

    def _set_factors(self, height_factor: Any, width_factor: Any, closed: bool = True) -> None:
        """Keeps what is drawn for each side, between -1 (itself too if ``closed``) and 1."""
        self.height_factor, self.width_factor = as_pair(height_factor), as_pair(width_factor)
        self.height_lower, self.height_upper = _bounds("height_factor", height_factor, -1.0, 1.0, closed)
        self.width_lower, self.width_upper = _bounds("width_factor", width_factor, -1.0, 1.0, closed)

    def _maps(self, transformation: Any, height: Any, width: Any) -> tuple[Any, Any, Any, Any, Any, Any]:
        """``a0, a1, a2, b0, b1, b2``, each ``(batch, 1)`` or a number for all samples: what the pixel (x, y) shows is taken
        from (a0 x + a1 y + a2, b0 x + b1 y + b2)."""
        raise NotImplementedError

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            return images
        layout = Layout(images, self.data_format)
        pixels = layout.batch()
        _, height, width, _ = dims_of(pixels)
        x, y = ops.arange(width, dtype="float32"), ops.expand_dims(ops.arange(height, dtype="float32"), 1)
        maps = [to_tensor(t, "float32") for t in self._maps(transformation, height, width)]
        p, q, r = (ops.reshape(stacked([maps[i + 3], maps[i]], 2), [2, -1, 1, 1]) for i in range(3))
        places = p * x + q * y + r
        linear = interpolation == "bilinear"
        return layout.back(sampled(pixels, places, linear, self.fill_mode, self.fill_value))

    def _transform_boxes(self, boxes: Any, transformation: Any, height: Any, width: Any) -> Any:
        """Boxes, in "xyxy", where they come to lie."""
        raise NotImplementedError

    def _size_in(self, transformation: Any) -> dict[str, Any]:
        shape = transformation["input_shape"]
        return {"height": shape[self.height_axis], "width": shape[self.width_axis]}

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes where they come to lie, cut to the image."""
        if not training or transformation is None:
            return bounding_boxes
        size = self._size_in(transformation)
        found = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", **size)
        found["boxes"] = self._transform_boxes(found["boxes"], transformation, **size)
        found = clip_to_image_size(found, **size)
        return convert_format(found, "xyxy", self.bounding_box_format, **size)


def _columns(x: Any) -> list[Any]:
    """Two columns ``(batch, 1)`` of ``(batch, 2)``."""
    return list(ops.split(to_tensor(x, "float32"), 2, axis=1))


def _bounds(name: str, factor: Any, low: float, high: float, closed: bool = True) -> tuple[float, float]:
    """The range that ``factor``, a pair or a number, which stands for what lies within its distance from 0, asks for."""
    pair = factor if isinstance(factor, (tuple, list)) else (factor, factor)
    numbers = len(pair) == 2 and all(isinstance(v, (int, float)) for v in pair)
    if not numbers or not all((low <= v if closed else low < v) and v <= high for v in pair):
        raise ValueError(
            f"The `{name}` argument should be a number (or a list of two numbers) in the range "
            f"{'[' if closed else '('}{low}, {high}]. Received: {name}={factor}"
        )
    return (min(pair), max(pair)) if isinstance(factor, (tuple, list)) else (-abs(factor), abs(factor))


def _shear(name: str, factor: Any) -> tuple[float, float]:
    """The range of a factor that is a pair within [0, 1] or a number, of which configs have (-number, number)."""
    of_number = isinstance(factor, (tuple, list)) and len(factor) == 2 and factor[0] == -factor[1]
    return _bounds(name, factor[1] if of_number else factor, 0.0, 1.0)


class RandomRotation(_Affine):
    """Turns each image by an angle of its own, around its centre.

    Input and output shapes: as ``BaseImagePreprocessingLayer``; images come in what the layer computes in.

    Args:
        factor: the least and the largest angle, in turns, counterclockwise where it is above 0; a number stands for what
            lies within its distance from 0.
        fill_mode: what lies outside the image: "reflect" (mirrored at the edge, the last pixel twice), "wrap", "constant"
            or "nearest".
        interpolation: "bilinear" or "nearest".
        seed: an int, None for a fresh one.
        fill_value: what "constant" fills with.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
    """

    _USE_BASE_FACTOR = True

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, factor=factor, data_format=data_format, **kwargs)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """An "angle" in degrees for each sample, and the "rotation_matrix" for it."""
        if not training:
            return None
        batch, height, width = self._sizes(data)
        low, high = self.factor
        angle = random.uniform((batch,), low * 360.0, high * 360.0, seed=self._seed_or_own(seed))
        turn = ops.expand_dims(angle * (math.pi / 180.0), -1)
        cos, sin = ops.cos(turn), ops.sin(turn)
        cx, cy = 0.5 * (as_size(width, "float32") - 1), 0.5 * (as_size(height, "float32") - 1)
        rows = (cos, -sin, cx - cx * cos + cy * sin, sin, cos, cy - cx * sin - cy * cos)
        matrix = ops.concatenate([*rows, ops.zeros_like(cos), ops.zeros_like(cos)], axis=1)
        return {
            "angle": angle,
            "rotation_matrix": matrix,
            "image_height": height,
            "image_width": width,
            "batch_size": batch,
        }

    def _maps(self, transformation: Any, height: Any, width: Any) -> Any:
        return ops.split(ops.reshape(to_tensor(transformation["rotation_matrix"], "float32"), [-1, 8]), 8, axis=1)[:6]

    def _size_in(self, transformation: Any) -> dict[str, Any]:
        return {"height": transformation["image_height"], "width": transformation["image_width"]}

    def _transform_boxes(self, boxes: Any, transformation: Any, height: Any, width: Any) -> Any:
        return affine_transform(boxes, transformation["angle"], 0.0, 0.0, 1.0, 0.0, 0.0, height, width)


class RandomZoom(_Affine):
    """Zooms each image in or out, around its centre.

    Input and output shapes: as ``BaseImagePreprocessingLayer``; images come in what the layer computes in.

    Args:
        height_factor: the least and the largest change of what is seen vertically, above -1 and at most 1: 0.2 zooms out by
            20 %, -0.2 in; a number stands for what lies within its distance from 0.
        width_factor: likewise, horizontally; None keeps the ratio of the sides.
        fill_mode: what lies outside the image: "reflect" (mirrored at the edge, the last pixel twice), "wrap", "constant"
            or "nearest".
        interpolation: "bilinear" or "nearest".
        seed: an int, None for a fresh one.
        fill_value: what "constant" fills with.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format=data_format, **kwargs)
        self._set_factors(height_factor, height_factor if width_factor is None else width_factor, closed=False)
        self.width_factor = as_pair(width_factor)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """For each sample "height_zoom" and "width_zoom", how many times as much is seen; and the images' "input_shape"."""
        if not training:
            return None
        batch, seed = self._sizes(data)[0], self._seed_or_own(seed)
        height = random.uniform((batch, 1), 1.0 + self.height_lower, 1.0 + self.height_upper, seed=seed)
        width = height
        if self.width_factor is not None:
            width = random.uniform((batch, 1), 1.0 + self.width_lower, 1.0 + self.width_upper, seed=seed)
        return {"height_zoom": height, "width_zoom": width, "input_shape": dims_of(images_of(data))}

    def _maps(self, transformation: Any, height: Any, width: Any) -> Any:
        x, y = (to_tensor(transformation[name], "float32") for name in ("width_zoom", "height_zoom"))
        left, top = (((as_size(n, "float32") - 1) / 2.0) * (1.0 - zoom) for n, zoom in ((width, x), (height, y)))
        return x, 0.0, left, 0.0, y, top

    def _transform_boxes(self, boxes: Any, transformation: Any, height: Any, width: Any) -> Any:
        maps = self._maps(transformation, height, width)
        zoom_x, left, zoom_y, top = (ops.expand_dims(maps[i], -1) for i in (0, 2, 4, 5))
        x1, y1, x2, y2 = sides(boxes)
        return joined([(x1 - left) / zoom_x, (y1 - top) / zoom_y, (x2 - left) / zoom_x, (y2 - top) / zoom_y])


class RandomTranslation(_Affine):
    """Moves each image down or up, and right or left.

    Input and output shapes: as ``BaseImagePreprocessingLayer``; images come in what the layer computes in.

    Args:
        height_factor: the least and the largest way down, in heights of the image, at most 1 either way; a number stands
            for what lies within its distance from 0.
        width_factor: the way to the right, in widths, likewise.
        fill_mode: what lies outside the image: "reflect" (mirrored at the edge, the last pixel twice), "wrap", "constant"
            or "nearest".
        interpolation: "bilinear" or "nearest".
        seed: an int, None for a fresh one.
        fill_value: what "constant" fills with.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format=data_format, **kwargs)
        self._set_factors(height_factor, width_factor)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """For each sample "translations", how many pixels to the right and down; and the images' "input_shape"."""
        if not training:
            return None
        (batch, height, width), seed = self._sizes(data), self._seed_or_own(seed)
        down = random.uniform((batch, 1), self.height_lower, self.height_upper, seed=seed) * as_size(height, "float32")
        right = random.uniform((batch, 1), self.width_lower, self.width_upper, seed=seed) * as_size(width, "float32")
        return {"translations": ops.concatenate([right, down], axis=1), "input_shape": dims_of(images_of(data))}

    def _maps(self, transformation: Any, height: Any, width: Any) -> Any:
        right, down = _columns(transformation["translations"])
        return 1.0, 0.0, -right, 0.0, 1.0, -down

    def _transform_boxes(self, boxes: Any, transformation: Any, height: Any, width: Any) -> Any:
        moved = _columns(transformation["translations"])
        right, down = (ops.expand_dims(c, -1) for c in moved) if boxes.ndim == 3 else moved
        x1, y1, x2, y2 = sides(boxes)
        return joined([x1 + right, y1 + down, x2 + right, y2 + down])


class RandomShear(_Affine):
    """Shears each image along x and y, both in one direction or both in the other.

    Boxes are moved as Keras moves them: with fractions of the image's sides in the place of pixels, and one axis after the
    other. They fit square images that are sheared a little.

    Input and output shapes: as ``BaseImagePreprocessingLayer``; images come in what the layer computes in.

    Args:
        x_factor: the least and the largest pixels along x for each pixel along y, within [0, 1]; a number stands for what
            lies within its distance from 0.
        y_factor: along y for each pixel along x, likewise.
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside the image: "reflect" (mirrored at the edge, the last pixel twice), "wrap", "constant"
            or "nearest".
        fill_value: what "constant" fills with.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        seed: an int, None for a fresh one.
    """

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format=data_format, **kwargs)
        self.x_factor, self.y_factor = _shear("x_factor", x_factor), _shear("y_factor", y_factor)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """For each sample "shear_factor", along x and along y; and the images' "input_shape"."""
        if not training:
            return None
        batch, seed = self._sizes(data)[0], self._seed_or_own(seed)
        direction = ops.where(random.uniform((batch, 1), seed=seed) > 0.5, -1.0, 1.0)
        along = [random.uniform((batch, 1), low, high, seed=seed) for low, high in (self.x_factor, self.y_factor)]
        shape = dims_of(images_of(data))
        return {"shear_factor": ops.concatenate(along, axis=1) * direction, "input_shape": shape}

    def _maps(self, transformation: Any, height: Any, width: Any) -> Any:
        x, y = _columns(transformation["shear_factor"])
        return 1.0, x, 0.0, y, 1.0, 0.0

    def _transform_boxes(self, boxes: Any, transformation: Any, height: Any, width: Any) -> Any:
        x, y = (ops.expand_dims(c, -1) for c in _columns(transformation["shear_factor"]))
        ratio = as_size(width, "float32") / as_size(height, "float32")
        x, y = x * ratio, y / ratio
        x1, y1, x2, y2 = sides(boxes)
        back, down = x < 0, y > 0
        x1, x2 = x1 - x * ops.where(back, y1, y2), x2 - x * ops.where(back, y2, y1)
        y1, y2 = y1 - y * ops.where(down, x2, x1), y2 - y * ops.where(down, x1, x2)
        return joined([x1, y1, x2, y2])
