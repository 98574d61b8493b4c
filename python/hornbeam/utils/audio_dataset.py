"""Folders of sounds as data sets."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from hornbeam.core.validation import integer, unsupported
from hornbeam.utils import _file_datasets
from hornbeam.utils.wav import at_rate, read_wav

__all__ = ["audio_dataset_from_directory"]


def audio_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
    on_error: str = "raise",
) -> Any:
    """A data set of the `.wav` files in a folder: PCM of 8 to 32 bits, or floats.

    Args:
        directory: the folder; with inferred labels, each folder inside is a class.
        labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links, verbose: see
            ``image_dataset_from_directory``.
        batch_size: None for single sounds.
        sampling_rate: samples a second that sounds are brought to; None for each file's own.
        output_sequence_length: samples that are kept, shorter sounds being filled with zeros; None for all of them,
            shorter sounds being filled up to the longest of the batch.
        ragged: only False.
        on_error: "raise" an error that names a file that does not decode, or "skip" it with a warning.

    Returns:
        A ``Dataset`` of float32 sounds (batch, samples, channels) in [-1, 1], or of pairs (sounds, labels), with the
        attributes ``class_names`` and ``file_paths``; for "both" a list of two.
    """
    files = _file_datasets.Request(
        "audio", directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset,
        follow_links, verbose, on_error,
    )  # fmt: skip
    if ragged and output_sequence_length is not None:
        raise ValueError("Cannot set both `ragged` and `output_sequence_length`")
    unsupported("ragged", ragged, False)
    if sampling_rate is not None:
        if not isinstance(sampling_rate, int) or isinstance(sampling_rate, bool):
            raise ValueError(f"`sampling_rate` should have an integer value. Received: sampling_rate={sampling_rate}")
        if sampling_rate <= 0:
            raise ValueError(f"`sampling_rate` should be higher than 0. Received: sampling_rate={sampling_rate}")
    length = None if output_sequence_length is None else integer("output_sequence_length", output_sequence_length, 1)
    return _file_datasets.datasets(
        files, (".wav",), "audio files", _Sound(sampling_rate, length), padded=length is None
    )


class _Sound:
    """Reads a sound."""

    def __init__(self, rate: int | None, length: int | None) -> None:
        self.rate, self.length = rate, length

    def __call__(self, path: str) -> Any:
        x, rate = read_wav(path)
        if self.rate is not None:
            try:
                x = at_rate(x, rate, self.rate)
            except ValueError as e:
                raise ValueError(f"{path} does not decode: {e}") from e
        if self.length is None:
            return x
        x = x[: self.length]
        return np.pad(x, ((0, self.length - len(x)), (0, 0)))
