"""Data sets of the files in a folder: what those of pictures, texts and sounds have in common."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hornbeam.core.validation import integer, positive_int, unsupported
from hornbeam.data import AUTOTUNE, Dataset
from hornbeam.utils._folders import encoded, list_files, split

__all__: list[str] = []


def check_labels(labels: Any, label_mode: Any, class_names: Any, kind: str) -> tuple[Any, Any]:
    """The labels and their mode, both None where there are to be none.

    Args:
        labels: "inferred", None, or one for each file.
        label_mode: "int", "categorical", "binary" or None.
        class_names: None, or the classes of "inferred".
        kind: of the files, for messages.
    """
    if isinstance(labels, np.ndarray):
        labels = labels.tolist()
    if labels is not None and not (isinstance(labels, str) and labels == "inferred"):
        if not isinstance(labels, (list, tuple)):
            raise ValueError(
                f"`labels` argument should be a list/tuple of integer labels, one for each {kind} file, 'inferred' "
                f"for the names of the subdirectories, or None for no labels. Received: labels={labels!r}"
            )
        if class_names:
            raise ValueError(
                'You can only pass `class_names` if `labels="inferred"`. '
                f"Received: labels={labels}, and class_names={class_names}"
            )
    if label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(
            '`label_mode` argument must be one of "int", "categorical", "binary", or None. '
            f"Received: label_mode={label_mode!r}"
        )
    return (None, None) if labels is None or label_mode is None else (labels, label_mode)


def check_split(validation_split: Any, subset: Any, shuffle: bool, seed: Any) -> None:
    """Refuses what does not say which part is meant.

    Args:
        validation_split: None or a share.
        subset: None, "training", "validation" or "both".
        shuffle: whether the files are shuffled.
        seed: for that.
    """
    if validation_split and not 0 < validation_split < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1, received: {validation_split}")
    if bool(validation_split) != bool(subset):
        raise ValueError("If `subset` is set, `validation_split` must be set, and inversely.")
    if subset not in ("training", "validation", "both", None):
        raise ValueError(f'`subset` must be either "training", "validation" or "both", received: {subset}')
    if validation_split and shuffle and seed is None:
        raise ValueError(
            "If using `validation_split` and shuffling the data, you must provide a `seed` argument, to make sure "
            "that there is no overlap between the training and validation subset."
        )
    if seed is not None:
        integer("seed", seed, 0)


@dataclass
class Request:
    """What the functions for all kinds of files have in common: see ``image_dataset_from_directory``."""

    kind: str  # of the files, for messages
    directory: Any
    labels: Any
    label_mode: str | None
    class_names: Any
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool
    on_error: str
    format: str = "tf"

    def __post_init__(self) -> None:
        self.labels, self.label_mode = check_labels(self.labels, self.label_mode, self.class_names, self.kind)


def reshuffles(format: Any) -> bool:
    """Whether each epoch is shuffled anew, as TensorFlow's data sets are and grain's are not.

    Args:
        format: "tf" or "grain".
    """
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` should be either "tf" or "grain". Received: format={format}')
    return bool(format == "tf")


def datasets(
    request: Request,
    formats: tuple[str, ...],
    kind: str,
    load: Callable[[str], Any],
    padded: bool = False,
) -> Any:
    """The data set of a folder's files, or a list of two.

    Args:
        request: which files.
        formats: what names end with.
        kind: of the files, for messages.
        load: reads a file.
        padded: whether the files of a batch are filled up to the longest.
    """
    r, anew = request, reshuffles(request.format)
    check_split(r.validation_split, r.subset, r.shuffle, r.seed)
    if r.batch_size is not None:
        positive_int("batch_size", r.batch_size)
    unsupported("on_error", r.on_error, "raise", "skip")
    seed = int(np.random.randint(10**6)) if r.seed is None else r.seed
    files = list_files(r.directory, r.labels, formats, r.class_names, r.shuffle, seed, r.follow_links, r.verbose)
    if r.label_mode == "binary" and len(files.class_names or ()) != 2:
        raise ValueError(
            'When passing `label_mode="binary"`, there must be exactly 2 class_names. '
            f"Received: class_names={files.class_names}"
        )
    found = []
    for i, part in enumerate(split(files, r.validation_split, r.subset, kind, r.directory)):
        columns = (part.paths,) if r.label_mode is None else (part.paths, encoded(part, r.label_mode))
        ds: Any = Dataset.from_tensor_slices(columns)
        if r.shuffle and i == 0:  # of two, validation stays in its order
            ds = ds.shuffle(len(part.paths), seed, anew)
        ds = ds.map(_Load(load, r.on_error == "skip"), num_parallel_calls=AUTOTUNE)
        if r.on_error == "skip":
            ds = ds.filter(_is_there).map(_without_mark)
        if r.batch_size is not None:
            ds = ds.padded_batch(r.batch_size) if padded else ds.batch(r.batch_size)
        ds = ds.prefetch(AUTOTUNE)
        ds.class_names, ds.file_paths = part.class_names, part.paths
        found.append(ds)
    return found if r.subset == "both" else found[0]


class _Load:
    """Reads the file of an element; where files may be skipped, a last item says whether it was."""

    __name__ = "read"  # in messages

    def __init__(self, load: Callable[[str], Any], skip: bool) -> None:
        self.load, self.skip = load, skip

    def __call__(self, path: str, *label: Any) -> Any:
        try:
            x = self.load(path)
        except (ValueError, OSError) as e:
            if not self.skip:
                raise
            warnings.warn(f"skipped: {e}", stacklevel=2)
            return (np.zeros(()), *label, False)
        if self.skip:
            return (x, *label, True)
        return (x, *label) if label else x


def _is_there(*element: Any) -> Any:
    return element[-1]


def _without_mark(*element: Any) -> Any:
    return element[:-1] if len(element) > 2 else element[0]
