"""Folders of texts as data sets."""

from __future__ import annotations

import os
from typing import Any

from hornbeam.core.validation import integer
from hornbeam.utils import _file_datasets

__all__ = ["text_dataset_from_directory"]


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
    on_error: str = "raise",
) -> Any:
    """A data set of the `.txt` files in a folder, one string each.

    Args:
        directory: the folder; with inferred labels, each folder inside is a class.
        labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links, verbose: see
            ``image_dataset_from_directory``.
        batch_size: None for single texts.
        max_length: characters that are kept; None for all.
        format: "tf", or "grain" for the same order in each epoch.
        on_error: "raise" an error that names a file that is not UTF-8, or "skip" it with a warning.

    Returns:
        A ``Dataset`` of strings (batch,), or of pairs (strings, labels), with the attributes ``class_names`` and
        ``file_paths``; for "both" a list of two.
    """
    files = _file_datasets.Request(
        "text", directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset,
        follow_links, verbose, on_error, format,
    )  # fmt: skip
    load = _Text(None if max_length is None else integer("max_length", max_length, 0))
    return _file_datasets.datasets(files, (".txt",), "text files", load)


class _Text:
    """Reads a text: its line ends stay as they are."""

    def __init__(self, length: int | None) -> None:
        self.length = length

    def __call__(self, path: str) -> str:
        with open(path, "rb") as f:
            data = f.read()
        try:
            return data.decode("utf-8")[: self.length]
        except UnicodeDecodeError as e:
            raise ValueError(f"{path} is not UTF-8: {e.reason} at byte {e.start}") from e
