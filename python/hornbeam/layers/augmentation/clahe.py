"""Contrast that follows each part of an image."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.tensor import dims_of
from hornbeam.core.validation import int_tuple, number
from hornbeam.layers.augmentation.color_layer import ColorLayer, value_range_of

__all__ = ["ContrastLimitedAdaptiveHistogramEqualization"]


class ContrastLimitedAdaptiveHistogramEqualization(ColorLayer):
    """Equalizes each region of an image by itself, within limits, in training and later (Zuiderveld 1994, CLAHE).

    The image is cut into tiles; in each the values of a channel are counted and spread so that all occur about equally
    often, and a pixel takes what the four nearest tiles make of its value, by its distance to each.

    Input and output shape: ``(rows, columns, channels)`` or ``(batch, rows, columns, channels)``, or a dict as for every
    layer of images. The images keep their dtype; ints are cut.

    Args:
        value_range: the least and the greatest value that images have.
        clip_limit: how many times as often as on average a value may count in a tile, which limits the noise in even
            regions; what is above is shared by all values. 0: no limit.
        tile_grid_size: tiles along the height and along the width.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        bounding_box_format: as for every layer of images.
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Any = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range_of(value_range)
        self.clip_limit = number("clip_limit", clip_limit)
        self.tile_grid_size = int_tuple("tile_grid_size", tile_grid_size, 2)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """A batch of images in their dtype, with more contrast wherever there was little."""
        images = ops.convert_to_tensor(images)
        if images.ndim == 3:
            return ops.squeeze(self.transform_images(ops.expand_dims(images, 0)), 0)
        x = ops.moveaxis(images, 1, -1) if self.data_format == "channels_first" else images
        x = ops.cast(self._transform_value_range(x, self.value_range, (0, 255)), "float32")
        x = self._transform_value_range(self._equalized(x), (0, 255), self.value_range)
        return ops.cast(ops.moveaxis(x, -1, 1) if self.data_format == "channels_first" else x, images.dtype)

    def _equalized(self, images: Any) -> Any:
        """Images ``(batch, rows, columns, channels)`` of values from 0 to 255, equalized."""
        batch, *sizes, channels = dims_of(images)
        grid = self.tile_grid_size
        tile = [(n + k - 1) // k for n, k in zip(sizes, grid)]
        full = [n * k for n, k in zip(tile, grid)]
        more = [(0, n - m) for n, m in zip(full, sizes)]
        padded = ops.pad(images, [(0, 0), *more, (0, 0)], mode="symmetric")
        value = ops.clip(ops.cast(ops.clip(padded, 0, 255), "int32"), 0, 255)  # NaN is 0

        # Every value of every channel of every tile has a place in one row of counts.
        samples = ops.arange(batch)[:, None, None, None] * (grid[0] * grid[1])
        within = ops.arange(channels) * 256 + value

        def place(row: Any, column: Any) -> Any:
            tiles = samples + row[:, None, None] * grid[1] + column[:, None]
            return tiles * (channels * 256) + within

        rows, columns = (ops.arange(n) // k for n, k in zip(full, tile))
        seen = ops.reshape(place(rows, columns), (-1,))
        counts = ops.segment_sum(ops.ones(dims_of(seen)), seen, batch * (grid[0] * grid[1]) * channels * 256)
        area = tile[0] * tile[1]
        new = ops.reshape(self._spread(ops.reshape(counts, (-1, 256)), ops.cast(area, "float32")), (-1,))

        above, below, down = _neighbours(full[0], tile[0], grid[0])
        left, right, across = _neighbours(full[1], tile[1], grid[1])
        down, across = down[:, None, None], across[:, None]

        def between(row: Any) -> Any:
            at_left, at_right = (ops.take(new, place(row, column), axis=0) for column in (left, right))
            return at_left * (1.0 - across) + at_right * across

        result = between(above) * (1.0 - down) + between(below) * down
        return result[:, : sizes[0], : sizes[1], :]

    def _spread(self, counts: Any, area: Any) -> Any:
        """For each value that was counted in a tile the value in its place."""
        if self.clip_limit > 0:
            kept = ops.minimum(counts, area * (self.clip_limit / 256.0))
            counts = kept + ops.sum(counts - kept, axis=-1, keepdims=True) / 256.0
        total = ops.cumsum(counts, axis=-1)
        first = total[:, :1]
        others = area - first
        return ops.clip((total - first) * 255.0 / ops.where(others == 0, 1.0, others), 0, 255)


def _neighbours(length: Any, tile: Any, tiles: int) -> tuple[Any, Any, Any]:
    """For each place of an axis the tiles whose middles lie before and after it, and how far it is from one to the other."""
    tile = ops.cast(tile, "float32")
    at = (ops.cast(ops.arange(length), "float32") - tile / 2.0) / tile
    before = ops.floor(at)
    first = ops.cast(before, "int32")
    return ops.clip(first, 0, tiles - 1), ops.clip(first + 1, 0, tiles - 1), at - before
