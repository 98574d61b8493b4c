"""Windows of a series as a data set."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core.validation import integer, positive_int
from hornbeam.data import AUTOTUNE, Dataset
from hornbeam.utils._file_datasets import reshuffles

__all__ = ["timeseries_dataset_from_array"]


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Any:
    """A data set of windows that slide over an array; they are cut as they are asked for.

    Args:
        data: an array whose first axis is time.
        targets: ``targets[i]`` belongs to the window that starts at ``data[i]``; None for none.
        sequence_length: steps of a window.
        sequence_stride: steps from one window's start to the next one's.
        sampling_rate: steps of the array from one step of a window to the next.
        batch_size: None for single windows.
        shuffle: whether to shuffle the windows, anew for each epoch; else they come in time's order.
        seed: for that.
        start_index: steps before it are left out.
        end_index: steps from it on are left out.
        format: "tf", or "grain" for the same order in each epoch.

    Returns:
        A ``Dataset`` of windows (batch, sequence_length, ...), or of pairs (windows, targets).

    Example:
        >>> pairs = timeseries_dataset_from_array(np.arange(6), np.arange(3, 6), sequence_length=3, batch_size=2)
        >>> [[np.asarray(part).tolist() for part in pair] for pair in pairs]
        [[[[0, 1, 2], [1, 2, 3]], [3, 4]], [[[2, 3, 4]], [5]]]
    """
    data = np.asarray(data)
    if data.ndim == 0:
        raise ValueError("`data` must have an axis of time. Received: data of shape ()")
    _check_range(len(data), start_index, end_index)
    for name, value in (("sampling_rate", sampling_rate), ("sequence_stride", sequence_stride)):
        if integer(name, value) <= 0:
            raise ValueError(f"`{name}` must be higher than 0. Received: {name}={value}")
        if value >= len(data):
            raise ValueError(
                f"`{name}` must be lower than the length of the data. Received: {name}={value}, "
                f"for data of length {len(data)}"
            )
    length = positive_int("sequence_length", sequence_length)
    if batch_size is not None:
        positive_int("batch_size", batch_size)
    anew = reshuffles(format)
    part = data[slice(start_index or 0, end_index)]
    count = max(len(part) - (length - 1) * sampling_rate, 0)
    if targets is not None:
        targets = np.asarray(targets)[start_index or 0 :]
        count = min(count, len(targets))
    starts = np.arange(0, count, sequence_stride)
    if shuffle:
        seed = int(np.random.randint(10**6)) if seed is None else integer("seed", seed, 0)
        np.random.RandomState(seed).shuffle(starts)
    dataset = Dataset.from_tensor_slices(starts)
    if shuffle:
        dataset = dataset.shuffle(max(len(starts), 1), seed, anew)
    if batch_size is not None:
        dataset = dataset.batch(batch_size)  # of starts, so that a batch of windows is one gather
    return dataset.map(_Windows(part, targets, np.arange(length) * sampling_rate)).prefetch(AUTOTUNE)


def _check_range(n: int, start: int | None, end: int | None) -> None:
    if start is not None and not 0 <= integer("start_index", start) < n:
        what = "0 or greater" if start < 0 else "lower than the length of the data"
        raise ValueError(f"`start_index` must be {what}. Received: start_index={start}, for data of length {n}")
    if end is not None and not (start or 0) < integer("end_index", end) < n:
        what = "higher than 0" if end <= 0 else "lower than the length of the data" if end >= n else "above start_index"
        raise ValueError(f"`end_index` must be {what}. Received: end_index={end}, for data of length {n}")


class _Windows:
    """Cuts one window, or as many as there are starts."""

    def __init__(self, data: Any, targets: Any, steps: Any) -> None:
        self.data, self.targets, self.steps = data, targets, steps

    def __call__(self, starts: Any) -> Any:
        windows = self.data[np.asarray(starts)[..., None] + self.steps]
        return windows if self.targets is None else (windows, self.targets[starts])
