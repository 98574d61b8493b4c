"""Folders of pictures as data sets."""

from __future__ import annotations

import os
from typing import Any

from hornbeam.core.validation import choice, int_tuple
from hornbeam.utils import _file_datasets
from hornbeam.utils.images import MODES, decode, layout, pillow
from hornbeam.utils.resampling import INTERPOLATIONS, fit_ratio, resize

__all__ = ["image_dataset_from_directory"]

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
    on_error: str = "raise",
) -> Any:
    """A data set of the pictures in a folder: JPEG, PNG, BMP and GIF (its first frame).

    With inferred labels each folder inside is a class, by name::

        pictures/cats/1.jpg    0
        pictures/dogs/1.jpg    1

    Pictures are decoded on threads, as they are asked for. An epoch is in an order of its own where it is shuffled.

    Args:
        directory: the folder; files may lie at any depth.
        labels: "inferred", None, or a list with an int for each file, in the order of their paths, or with a row of 0
            and 1 for each, where a picture is of several classes.
        label_mode: "int" for int32 (n,), "categorical" for float32 (n, classes), "binary" for float32 (n, 1), or None.
        class_names: for inferred labels, which folders, in the order of their numbers; None for all.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: None for single pictures.
        image_size: (rows, columns), or an int for both.
        shuffle: whether to shuffle; else the order is that of the paths.
        seed: for the shuffling; needed for a split of shuffled files.
        validation_split: the share of files, the last ones, for validation; with ``subset``.
        subset: "training", "validation" or "both".
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian" or "mitchellcubic".
        follow_links: whether to look into linked folders.
        crop_to_aspect_ratio: whether to cut the middle in the ratio of ``image_size`` instead of stretching.
        pad_to_aspect_ratio: whether to add a black border instead.
        data_format: "channels_last" or "channels_first"; None for the former.
        format: "tf", or "grain" for the same order in each epoch.
        verbose: whether to say how many files and classes there are.
        on_error: "raise" an error that names a file that does not decode, or "skip" it with a warning.

    Returns:
        A ``Dataset`` of float32 pictures (batch, rows, columns, channels) from 0 to 255, or of pairs (pictures, labels),
        with the attributes ``class_names`` and ``file_paths``; for "both" a list of two.
    """
    files = _file_datasets.Request(
        "image", directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset,
        follow_links, verbose, on_error, format,
    )  # fmt: skip
    if color_mode not in MODES:
        raise ValueError(
            f'`color_mode` must be one of {{"rgb", "rgba", "grayscale"}}. Received: color_mode={color_mode}'
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("Only one of `pad_to_aspect_ratio`, `crop_to_aspect_ratio` can be set to `True`.")
    load = _Picture(
        MODES[color_mode],
        int_tuple("image_size", image_size, 2),
        choice("interpolation", interpolation, INTERPOLATIONS),
        bool(crop_to_aspect_ratio),
        bool(pad_to_aspect_ratio),
        layout(data_format) == "channels_first",
    )
    pillow()
    return _file_datasets.datasets(files, FORMATS, "images", load)


class _Picture:
    """Reads a picture."""

    def __init__(
        self, mode: str, size: tuple[int, ...], interpolation: str, crop: bool, pad: bool, channels_first: bool
    ) -> None:
        self.mode, self.size, self.interpolation = mode, (size[0], size[1]), interpolation
        self.crop, self.pad, self.channels_first = crop, pad, channels_first

    def __call__(self, path: str) -> Any:
        x = fit_ratio(decode(path, self.mode), self.size, self.crop, self.pad)
        x = resize(x, self.size, self.interpolation)
        return x.transpose(2, 0, 1) if self.channels_first else x
