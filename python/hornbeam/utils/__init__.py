"""Utilities: seeds, labels, splits, plots."""

from __future__ import annotations

import random as _python_random
from collections.abc import Sequence as _Seq
from typing import Any

import numpy as np

from hornbeam.core.custom_objects import (  # noqa: F401
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from hornbeam.core.names import clear_names
from hornbeam.core.registry import deserialize_keras_object, serialize_keras_object  # noqa: F401
from hornbeam.core.tensor import forget_programs
from hornbeam.core.tree import flatten
from hornbeam.core.validation import choice, fits_memory, integer
from hornbeam.random import set_global_seed
from hornbeam.training.data import pack_x_y_sample_weight, unpack_x_y_sample_weight  # noqa: F401
from hornbeam.training.pipeline import PyDataset, Sequence  # noqa: F401


def set_random_seed(seed: int) -> None:
    """Seeds Python, NumPy and Hornbeam, so that a script gives the same numbers each time.

    Args:
        seed: an int >= 0.
    """
    seed = integer("seed", seed, 0)
    _python_random.seed(seed)
    np.random.seed(seed % 2**32)
    set_global_seed(seed)


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Class indices as one-hot rows.

    Args:
        x: ints of any shape (a last axis of 1 is dropped).
        num_classes: None for the largest index plus 1.

    Example:
        >>> to_categorical([0, 2]).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    x = np.asarray(x).astype("int64")
    if x.ndim > 1 and x.shape[-1] == 1:
        x = x[..., 0]
    n = int(x.max(initial=-1)) + 1 if num_classes is None else integer("num_classes", num_classes, 0)
    if x.size and (x.min() < 0 or x.max() >= n):
        raise ValueError(f"classes must be in [0, {n}). Received: values in [{x.min()}, {x.max()}]")
    fits_memory("one-hot rows", [x.size, n], "float32")
    rows = np.zeros((x.size, n), "float32")
    rows[np.arange(x.size), x.reshape(-1)] = 1
    return rows.reshape(*x.shape, n)


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """An array divided by its norm along ``axis``."""
    n = np.atleast_1d(np.linalg.norm(x, order, axis))
    n[n == 0] = 1
    return np.asarray(x) / np.expand_dims(n, axis)


def split_dataset(
    dataset: Any, left_size: Any = None, right_size: Any = None, shuffle: bool = False, seed: int | None = None
) -> tuple[Any, Any]:
    """Arrays in two parts.

    Args:
        dataset: an array or a tuple of arrays.
        left_size: a number of samples or a share.
        right_size: likewise.
        shuffle: whether to take the samples in random order.
        seed: for that order.
    """
    arrays = dataset if isinstance(dataset, (tuple, list)) else (dataset,)
    n = len(arrays[0])

    def count(v: Any) -> int | None:
        return None if v is None else int(v) if hasattr(v, "__index__") else int(round(n * v))

    left, right = count(left_size), count(right_size)
    if left is None and right is None:
        raise ValueError("at least one of `left_size` and `right_size` is needed")
    left = n - (right or 0) if left is None else left
    right = n - left if right is None else right
    if left + right > n:
        raise ValueError(f"{left} + {right} samples asked for. Received: {n}")
    order = np.random.default_rng(seed).permutation(n) if shuffle else np.arange(n)
    first, second = order[:left], order[left : left + right]
    parts = tuple(tuple(np.asarray(a)[i] for a in arrays) for i in (first, second))
    return parts if isinstance(dataset, (tuple, list)) else (parts[0][0], parts[1][0])  # type: ignore[return-value]


def pad_sequences(
    sequences: _Seq[Any],
    maxlen: int | None = None,
    dtype: str = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> Any:
    """Lists of numbers as one array, cut or padded to one length.

    Args:
        sequences: the lists.
        maxlen: None for the longest.
        dtype: of the result.
        padding: "pre" or "post".
        truncating: "pre" or "post": which end is cut.
        value: the padding.
    """
    maxlen = max((len(s) for s in sequences), default=0) if maxlen is None else integer("maxlen", maxlen, 0)
    padding = choice("padding", padding, ("pre", "post"))
    truncating = choice("truncating", truncating, ("pre", "post"))
    fits_memory("padded sequences", [len(sequences), maxlen], dtype)
    out = np.full((len(sequences), maxlen), value, dtype=dtype)
    for i, s in enumerate(sequences):
        if not len(s):
            continue
        cut = s[max(0, len(s) - maxlen) :] if truncating == "pre" else s[:maxlen]
        if padding == "post":
            out[i, : len(cut)] = cut
        else:
            out[i, maxlen - len(cut) :] = cut
    return out


def model_to_dot(model: Any, show_shapes: bool = False, **_: Any) -> str:
    """The model's layers as Graphviz source."""
    lines = ["digraph model {", "  node [shape=record, fontsize=10];"]
    nodes = [] if model._graph is None else model._graph.nodes
    layers = model._layers if model._graph is None else model._graph.operations
    for layer in layers:
        shape = ""
        if show_shapes and layer._inbound:
            shape = "|" + ", ".join(str(t.shape) for t in flatten(layer._inbound[0].outputs_structure))
        lines.append(f'  "{layer.name}" [label="{{{layer.name} ({type(layer).__name__}){shape}}}"];')
    for node in nodes:
        for t in node.inputs:
            source = t._keras_history[0].operation.name if t._keras_history else t.name
            lines.append(f'  "{source}" -> "{node.operation.name}";')
    return "\n".join([*lines, "}"])


def plot_model(model: Any, to_file: str = "model.dot", show_shapes: bool = False, **kwargs: Any) -> None:
    """Writes the model's graph: Graphviz source for ".dot", else an image (needs the ``dot`` program).

    Raises:
        ImportError: when an image is asked for and Graphviz is not installed.
    """
    import shutil
    import subprocess

    text = model_to_dot(model, show_shapes)
    if to_file.endswith((".dot", ".gv")):
        with open(to_file, "w") as f:
            f.write(text)
        return
    if not shutil.which("dot"):
        raise ImportError("plot_model needs Graphviz' `dot` program for images; write to a .dot file instead")
    subprocess.run(["dot", "-T" + to_file.rsplit(".", 1)[-1], "-o", to_file], input=text.encode(), check=True)


def clear_session() -> None:
    """Restarts automatic names and drops cached programs."""
    clear_names()
    forget_programs()
