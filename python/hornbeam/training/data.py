"""Where batches come from: arrays, generators, PyDataset."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam._tensor import Tensor, as_array, plain_array
from hornbeam._tree import flatten, map_structure
from hornbeam._validation import integer, number, positive_int


class PyDataset:
    """Batches by index: override ``__len__`` and ``__getitem__``.

    Args:
        workers: accepted for compatibility; batches are prefetched on one thread.
        use_multiprocessing: accepted for compatibility.
        max_queue_size: how many batches are prefetched.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __len__(self) -> int:
        raise NotImplementedError("PyDataset needs __len__")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError("PyDataset needs __getitem__")

    @property
    def num_batches(self) -> int:
        """Batches in an epoch."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


Sequence = PyDataset


def is_arrays(x: Any) -> bool:
    """Whether x is an array or a structure of arrays (rather than a source of batches)."""
    if isinstance(x, PyDataset) or hasattr(x, "__next__"):
        return False
    leaves = flatten(x)
    return bool(leaves) and all(
        isinstance(i, (np.ndarray, Tensor)) or hasattr(i, "__array__") or isinstance(i, (int, float))
        for i in leaves
        if i is not None
    )


def to_arrays(name: str, x: Any) -> Any:
    """The structure with each leaf a NumPy array of a supported dtype."""
    if x is None:
        return None
    if isinstance(x, list) and x and not hasattr(x[0], "__array__") and not isinstance(x[0], dict):
        x = np.asarray(x)

    def convert(a: Any) -> Any:
        a = a._array if isinstance(a, Tensor) else plain_array(a)
        if a.dtype.kind in "OUSVMm":
            raise TypeError(f"`{name}` must be numeric. Received: an array of dtype {a.dtype}")
        if a.dtype.kind == "c":
            raise TypeError(f"`{name}` must be real. Received: an array of dtype {a.dtype}")
        if a.ndim == 0:
            raise ValueError(f"`{name}` must have an axis of samples. Received: a scalar")
        if a.dtype == np.float64:
            a = a.astype("float32")
        return np.ascontiguousarray(as_array(a))

    return map_structure(convert, x)


def batch_size_of(value: Any) -> int:
    """Samples a step, 32 unless something else is asked for."""
    return 32 if value is None else positive_int("batch_size", value)


def cardinality(*structures: Any) -> int:
    """The number of samples all arrays have.

    Raises:
        ValueError: when they differ.
    """
    sizes = [len(a) for s in structures if s is not None for a in flatten(s) if a is not None]
    if len(set(sizes)) > 1:
        raise ValueError(f"all arrays must have the same number of samples. Received: {sizes}")
    return sizes[0] if sizes else 0


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """``x``, ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)`` as three values."""
    if not isinstance(data, (tuple, list)):
        return data, None, None
    if isinstance(data, list):
        data = tuple(data)
    if not 1 <= len(data) <= 3:
        raise ValueError(f"data must be x, (x,), (x, y) or (x, y, sample_weight). Received: {len(data)} elements")
    return (*data, None, None)[:3]


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """The reverse of ``unpack_x_y_sample_weight``."""
    return (x, y, sample_weight) if sample_weight is not None else (x, y) if y is not None else (x,)


def class_weights(y: Any, class_weight: dict[int, float]) -> Any:
    """A weight for each sample from its class; 1 where the class has none."""
    if not isinstance(class_weight, dict):
        raise TypeError(f"`class_weight` must be a dict of weights by class. Received: class_weight={class_weight!r}")
    if y is None:
        raise ValueError("`class_weight` needs targets. Received: y=None")
    y = np.asarray(y)
    if y.ndim > 1 and y.shape[-1] > 1:
        y = y.argmax(-1)
    y = y.reshape(len(y), -1)[:, 0].astype("int64")
    out = np.ones(len(y), "float32")
    for c, w in class_weight.items():
        out[y == integer("class_weight", c)] = number("class_weight", w)
    return out


def split_validation(arrays: tuple[Any, ...], fraction: float) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The first and last samples of each array; the last share is for validation."""
    n = cardinality(*arrays)
    at = int(n * (1.0 - fraction))
    if at == 0 or at == n:
        raise ValueError(f"`validation_split={fraction}` of {n} samples leaves one side empty")
    return (
        tuple(map_structure(lambda a: a[:at], s) if s is not None else None for s in arrays),
        tuple(map_structure(lambda a: a[at:], s) if s is not None else None for s in arrays),
    )


def prefetch(source: Iterator[Any], size: int = 4) -> Iterator[Any]:
    """Reads ahead on one thread; an exception comes out where the batch would have. Without a thread to be had, it
    reads when it is asked."""
    q: queue.Queue[tuple[str, Any]] = queue.Queue(size)
    stop = threading.Event()

    def hand_over(what: str, item: Any) -> None:
        while not stop.is_set():
            try:
                return q.put((what, item), timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in source:
                hand_over("item", item)
                if stop.is_set():
                    return
            hand_over("end", None)
        except BaseException as e:  # noqa: BLE001 - handed to the reader
            hand_over("error", e)

    thread = threading.Thread(target=work, daemon=True, name="hornbeam-prefetch")
    try:
        thread.start()
    except RuntimeError:
        yield from source
        return
    try:
        while True:
            what, item = q.get()
            if what == "end":
                return
            if what == "error":
                raise item
            yield item
    finally:
        stop.set()
        thread.join(timeout=0.5)  # a source that is blocked is left alone
