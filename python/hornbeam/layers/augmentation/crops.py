"""Images at another size, and parts of images."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, random
from hornbeam._boxes.changes import clip_to_image_size, crop
from hornbeam._boxes.formats import as_size, convert_format, joined, sides
from hornbeam.core.tensor import dims_of, is_tensor, to_tensor
from hornbeam.core.validation import choice, number, positive_int
from hornbeam.layers.augmentation.gathering import taken
from hornbeam.layers.augmentation.image_layer import BaseImagePreprocessingLayer, images_of
from hornbeam.ops.image.layouts import Layout

__all__ = ["CenterCrop", "RandomCrop", "Resizing"]


class _Sized(BaseImagePreprocessingLayer):
    """Base of layers whose images all come out at one size."""

    _USE_BASE_FACTOR = False

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height, self.width = positive_int("height", height), positive_int("width", width)

    def _part(self, images: Any, top: Any, left: Any) -> Any:
        """The rows and columns from (top, left) on that the layer wants, as far as there are any."""
        starts = ((self.height_axis, top, self.height), (self.width_axis, left, self.width))
        if not is_tensor(top):
            begin, dims = [0] * images.ndim, list(dims_of(images))
            for axis, start, size in starts:
                rest = dims[axis] - start
                begin[axis], dims[axis] = start, min(size, rest) if isinstance(rest, int) else size
            return ops.slice(images, begin, dims)
        layout = Layout(images, self.data_format)
        rows, columns = (
            ops.expand_dims(ops.arange(size, dtype="float32") + to_tensor(start, "float32"), 0)
            for _, start, size in starts
        )
        return layout.back(taken(layout.batch(), rows, columns))

    def _window(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Top, left, height and width of the largest part in the middle that has the wanted ratio of sides."""
        rows = max(min(height, int(float(width * self.height) / self.width)), 1)
        columns = max(min(width, int(float(height * self.width) / self.height)), 1)
        return int(float(height - rows) / 2), int(float(width - columns) / 2), rows, columns

    def _resized_window(self, images: Any) -> Any:
        return ops.image.resize(
            images, (self.height, self.width), crop_to_aspect_ratio=True, data_format=self.data_format
        )

    def _boxes_of_part(self, bounding_boxes: Any, part: tuple[Any, ...], height: Any, width: Any) -> Any:
        """Boxes of an image as those of a part of it (top, left, height, width), at the size that the layer wants."""
        found = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", height, width)
        boxes = crop(found["boxes"], *part)
        down, across = self.height / part[2], self.width / part[3]
        if (down, across) != (1, 1):
            boxes = joined([side * n for side, n in zip(sides(boxes), (across, down, across, down))])
        found = clip_to_image_size({**found, "boxes": boxes}, self.height, self.width)
        return convert_format(found, "xyxy", self.bounding_box_format, self.height, self.width)


class Resizing(_Sized):
    """Images at another size, in the dtype that they come in (floats in what the layer computes in): ints are rounded, and
    kept within their dtype.

    Input shape: as ``BaseImagePreprocessingLayer``. Output shape: likewise, of ``height`` rows and ``width`` columns.

    Args:
        height: rows of the result.
        width: its columns.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: whether what does not fit the ratio of the sides is cut off, evenly, before.
        pad_to_aspect_ratio: whether what is missing to it is added, evenly, before.
        fill_mode: how: only "constant".
        fill_value: with what.
        antialias: whether an image that shrinks is smoothed first.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.

    Example:
        >>> import numpy as np
        >>> Resizing(2, 2, "nearest")(np.arange(16, dtype="uint8").reshape(4, 4, 1))[..., 0].tolist()
        [[5, 7], [13, 15]]
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(height, width, data_format, **kwargs)
        kinds = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")
        self.interpolation = choice("interpolation", interpolation, kinds)
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = bool(crop_to_aspect_ratio), bool(pad_to_aspect_ratio)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`.")
        self.fill_mode = choice("fill_mode", fill_mode, ("constant",))
        self.fill_value, self.antialias = number("fill_value", fill_value), bool(antialias)

    def call(self, data: Any, training: bool = True) -> Any:
        """The data at the layer's size; what becomes of a sample does not depend on the others."""
        return super().call(data, training)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Rows and columns of the images."""
        return self._sizes(data)[1:]

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """The images at the layer's size."""
        return self._transform_images(images, transformation, self.interpolation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The masks at the layer's size, without values in between."""
        return self._transform_images(segmentation_masks, transformation, "nearest")

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes of the resized images; boxes of nothing but 0 or -1, which are padding, become 0."""
        height, width = transformation
        given = to_tensor(bounding_boxes["boxes"])
        padding = ops.logical_or(ops.all(given == -1, axis=-1), ops.all(given == 0, axis=-1))
        found = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", height, width)
        rows, columns = as_size(height, "float32"), as_size(width, "float32")
        scale_x, left, scale_y, top = self._maps(rows, columns)
        corners = zip(sides(found["boxes"]), ((scale_x, left), (scale_y, top)) * 2)
        found["boxes"] = joined([side * scale + offset for side, (scale, offset) in corners])
        found = clip_to_image_size(found, self.height, self.width)
        found["boxes"] = ops.where(ops.expand_dims(padding, -1), 0.0, found["boxes"])
        return convert_format(found, "xyxy", self.bounding_box_format, self.height, self.width)

    def _maps(self, rows: Any, columns: Any) -> tuple[Any, Any, Any, Any]:
        """Factor and offset that take x in the image to x in the result, and those for y."""
        scale_x, scale_y = self.width / columns, self.height / rows
        if not (self.crop_to_aspect_ratio or self.pad_to_aspect_ratio):
            return scale_x, 0.0, scale_y, 0.0
        scale = (ops.maximum if self.crop_to_aspect_ratio else ops.minimum)(scale_x, scale_y)
        if self.crop_to_aspect_ratio:
            left, top = (-((n * scale - size) // 2) for n, size in ((columns, self.width), (rows, self.height)))
        else:
            left, top = ((size - n * scale) // 2 for n, size in ((columns, self.width), (rows, self.height)))
        return scale, left, scale, top


class CenterCrop(_Sized):
    """The part in the middle of images; of smaller ones the largest part that has the wanted ratio of sides, enlarged.

    Input shape: as ``BaseImagePreprocessingLayer``. Output shape: likewise, of ``height`` rows and ``width`` columns, in
    what the layer computes in.

    Args:
        height: rows of the part.
        width: its columns.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.

    Example:
        >>> import numpy as np
        >>> CenterCrop(2, 3)(np.arange(20.0).reshape(4, 5, 1))[..., 0].tolist()
        [[6.0, 7.0, 8.0], [11.0, 12.0, 13.0]]
    """

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The images' "input_shape"."""
        return {"input_shape": dims_of(images_of(data))}

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """The part in the middle, in what the layer computes in."""
        images = to_tensor(images)
        dims = dims_of(images)
        height, width = dims[self.height_axis], dims[self.width_axis]
        if self._too_small(height, width):
            return ops.cast(self._resized_window(ops.cast(images, self.compute_dtype)), self.compute_dtype)
        part = self._part(images, (height - self.height) // 2, (width - self.width) // 2)
        return ops.cast(part, self.compute_dtype)

    def _too_small(self, height: Any, width: Any) -> bool:
        """Whether an axis is known to be shorter than the part; one that is not known has to be long enough."""
        return any(isinstance(n, int) and n < size for n, size in ((height, self.height), (width, self.width)))

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """The masks, as the images."""
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes of the part."""
        shape = transformation["input_shape"]
        height, width = shape[self.height_axis], shape[self.width_axis]
        part = ((height - self.height) // 2, (width - self.width) // 2, self.height, self.width)
        if self._too_small(height, width):
            part = self._window(height, width)
        return self._boxes_of_part(bounding_boxes, part, height, width)


class RandomCrop(_Sized):
    """A part of images, at one random place for all of a batch.

    Where training is off, and of images that are not larger than the part along both axes, it is the part in the middle,
    resized: the largest that has the wanted ratio of sides (in training, for smaller images, what lies between its top left
    corner and the wanted size, as Keras cuts it).

    Input shape: as ``BaseImagePreprocessingLayer``. Output shape: likewise, of ``height`` rows and ``width`` columns, in
    what the layer computes in.

    Args:
        height: rows of the part.
        width: its columns.
        seed: an int, None for a fresh one.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        name: a name, None for one made from the class.
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(height, width, data_format, name=name, **kwargs)
        self._set_seed(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Where the part begins, top and left, and rows and columns of the images.

        Raises:
            ValueError: for images of unknown size.
        """
        _, height, width = self._sizes(data)
        if not (isinstance(height, int) and isinstance(width, int)):
            raise ValueError(
                "RandomCrop requires the input to have a fully defined height and width. "
                f"Received: images.shape={tuple(images_of(data).shape)}"
            )
        if training and height > self.height and width > self.width:
            seed = self._seed_or_own(seed)
            spare = (height - self.height, width - self.width)
            top, left = (ops.minimum(ops.floor(random.uniform((), 0, n + 1, seed=seed)), n) for n in spare)
            return ops.cast(top, "int32"), ops.cast(left, "int32"), height, width
        return (*self._window(height, width)[:2], height, width)

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """The part, in what the layer computes in."""
        images = to_tensor(images)
        if training:
            images = self._part(images, *transformation[:2])
        if (images.shape[self.height_axis], images.shape[self.width_axis]) != (self.height, self.width):
            images = ops.cast(images, self.compute_dtype)
            size = (self.height, self.width)
            images = (
                ops.image.resize(images, size, data_format=self.data_format)
                if training
                else self._resized_window(images)
            )
        return ops.cast(images, self.compute_dtype)

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """The masks, as the images."""
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes of the part."""
        top, left, height, width = transformation
        if not training:
            part: tuple[Any, ...] = self._window(height, width)
        elif isinstance(top, int):  # an image that is no larger
            part = (top, left, min(self.height, height - top), min(self.width, width - left))
        else:
            part = (top, left, self.height, self.width)
        return self._boxes_of_part(bounding_boxes, part, height, width)
