"""Files of classes: what is in a folder, in Keras' order, and which part of it is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hornbeam.callbacks.progress import say

__all__: list[str] = []


@dataclass(frozen=True)
class Files:
    """Files with their labels.

    Args:
        paths: in their order.
        labels: int32 (n,), or float32 (n, classes) where a file has several; None without labels.
        class_names: in the order of their numbers; None without labels.
    """

    paths: list[str]
    labels: Any
    class_names: list[str] | None

    def part(self, which: slice) -> Files:
        """Some of them.

        Args:
            which: by number.
        """
        return replace(self, paths=self.paths[which], labels=None if self.labels is None else self.labels[which])


def list_files(
    directory: Any,
    labels: Any,
    formats: tuple[str, ...],
    class_names: Any = None,
    shuffle: bool = True,
    seed: int = 0,
    follow_links: bool = False,
    verbose: bool = True,
) -> Files:
    """The files of a folder in Keras' order.

    Args:
        directory: the folder; with "inferred" labels, one folder inside it is one class.
        labels: "inferred", None, or one for each file.
        formats: what names end with.
        class_names: the classes and their order; None for all, by name.
        shuffle: whether to shuffle them by ``seed``; else they come by name.
        seed: for that.
        follow_links: whether to look into linked folders below it.
        verbose: whether to say how many there are.
    """
    root = os.fspath(directory)
    inferred = isinstance(labels, str)
    if inferred:
        found = sorted(n for n in os.listdir(root) if not n.startswith(".") and os.path.isdir(os.path.join(root, n)))
        if class_names is not None and not set(class_names) <= set(found):
            raise ValueError(
                "The `class_names` passed did not match the names of the subdirectories of the target directory. "
                f"Expected: {found} (or a subset of it), but received: class_names={class_names}"
            )
        classes = found if class_names is None else list(class_names)
    elif class_names is not None:
        raise ValueError(f"`class_names` needs `labels='inferred'`. Received: labels={labels}")
    else:
        classes = [""]
    groups = [_below(os.path.join(root, name), formats, follow_links) for name in classes]
    paths = [path for group in groups for path in group]
    if inferred:
        numbers: Any = np.repeat(np.arange(len(classes), dtype="int32"), [len(g) for g in groups])
        names: list[str] | None = classes
    elif labels is None:
        numbers, names = None, None
    else:
        numbers, names = _given(labels, paths, root)
    if verbose:
        say(f"Found {len(paths)} files" + ("." if names is None else f" belonging to {len(names)} classes."))
    if shuffle:
        order = np.arange(len(paths))
        np.random.RandomState(seed).shuffle(order)
        paths, numbers = [paths[i] for i in order], None if numbers is None else numbers[order]
    return Files(paths, numbers, names)


def _below(folder: str, formats: tuple[str, ...], follow_links: bool) -> list[str]:
    """Files at any depth: folder by folder, each by name. A link to a folder around it is not followed."""
    found: list[tuple[str, list[str]]] = []

    def visit(here: str, around: frozenset[tuple[int, int]]) -> None:
        status = os.stat(here)
        key = status.st_dev, status.st_ino
        if key in around:
            return
        with os.scandir(here) as entries:
            folders, files = [], []
            for entry in entries:
                if not entry.is_dir():
                    files.append(entry.name)
                elif follow_links or not entry.is_symlink():
                    folders.append(entry.name)
        found.append((here, sorted(n for n in files if n.lower().endswith(formats))))
        for name in folders:
            visit(os.path.join(here, name), around | {key})

    visit(folder, frozenset())
    return [os.path.join(here, name) for here, names in sorted(found) for name in names]


def _given(labels: Any, paths: list[str], root: str) -> tuple[Any, list[str]]:
    """Labels that the caller has: one number a file, or one row of numbers where a file may be of several classes."""
    if len(labels) != len(paths):
        raise ValueError(
            "Expected the lengths of `labels` to match the number of files in the target directory. "
            f"len(labels) is {len(labels)} while we found {len(paths)} files in directory {root}."
        )
    array = np.asarray(labels)
    if array.ndim == 2 and array.dtype.kind in "biuf":
        return array.astype("float32"), [str(i) for i in range(array.shape[1])]
    if array.ndim != 1 or (len(array) and array.dtype.kind not in "biu"):
        raise ValueError(f"`labels` must be ints, or rows of one length. Received: an array of {array.dtype}")
    return array.astype("int32"), [str(label) for label in sorted(set(labels))]


def encoded(files: Files, label_mode: str) -> Any:
    """Labels as a model wants them.

    Args:
        files: with labels.
        label_mode: "int" for numbers, "binary" for float32 (n, 1), "categorical" for rows of 0 and 1.
    """
    labels, names = files.labels, files.class_names or []
    if labels.ndim == 2:
        return labels
    if label_mode == "binary":
        return labels.astype("float32")[:, None]
    if label_mode == "int":
        return labels
    rows = np.zeros((len(labels), len(names)), "float32")
    inside = (labels >= 0) & (labels < len(names))
    rows[np.flatnonzero(inside), labels[inside]] = 1
    return rows


def split(files: Files, validation_split: float | None, subset: str | None, kind: str, directory: Any) -> list[Files]:
    """The parts that are asked for: the last files are for validation.

    Args:
        files: all of them.
        validation_split: the share.
        subset: None for all, "training", "validation", or "both".
        kind: of the files, for messages.
        directory: where they are, for messages.
    """
    count = int((validation_split or 0) * len(files.paths))
    wanted = [subset] if subset != "both" else ["training", "validation"]
    parts = []
    for name in wanted:
        if name == "training":
            say(f"Using {len(files.paths) - count} files for training.")
            part = files.part(slice(0, len(files.paths) - count))
        elif name == "validation":
            say(f"Using {count} files for validation.")
            part = files.part(slice(len(files.paths) - count, None))
        else:
            part = files
        if not part.paths:
            raise ValueError(f"No {f'{name} ' if subset == 'both' else ''}{kind} found in directory {directory}")
        parts.append(part)
    return parts
