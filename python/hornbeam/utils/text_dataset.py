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
        labels: see ``image_dataset_from_directory``, as for the arguments that are not here.
        label_mode: "int", "categorical", "binary" or None.
        class_names: for inferred labels, which folders, in the order of their numbers; None for all.
        batch_size: None for single texts.
        max_length: characters that are kept; None for all.
        shuffle: whether to shuffle; else the order is that of the paths.
        seed: for the shuffling; needed for a split of shuffled files.
        validation_split: the share of files, the last ones, for validation; with ``subset``.
        subset: "training", "validation" or "both".
        follow_links: whether to look into linked folders.
        format: "tf", or "grain" for the same order in each epoch.
        verbose: whether to say how many files and classes there are.
        on_error: "raise" an error that names a file that is not UTF-8, or "skip" it with a warning.

    Returns:
        A ``Dataset`` of strings (batch,), or of pairs (strings, labels), with the attributes ``class_names`` and
        ``file_paths``; for "both" a list of two.
    """
    labels, label_mode = _file_datasets.check_labels(labels, label_mode, class_names, "text")
    load = _Text(None if max_length is None else integer("max_length", max_length, 0))
    files = _file_datasets.Request(
        directory, labels, label_mode, class_names, shuffle, seed, follow_links, verbose, format
    )
    return _file_datasets.datasets(files, (".txt",), "text files", validation_split, subset, load, batch_size, on_error)


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
