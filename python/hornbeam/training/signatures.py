"""What a step takes: batches known up to their dimensions, under the names that the user gave the inputs."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from hornbeam._core import Dim
from hornbeam.config import standardize_dtype
from hornbeam.core.tree import flatten, map_structure
from hornbeam.core.validation import integer


class Spec:
    """Stands for an array in a batch: a dtype and a shape, some dimensions of which may be symbolic."""

    def __init__(self, dtype: str, shape: tuple[Any, ...]) -> None:
        self.dtype, self.shape = np.dtype(dtype), shape
        self.ndim = len(shape)


def specs_of(tensors: Any) -> Any:
    """Specs for a structure of symbolic tensors: their batch is any, and so is each dimension that they do not know."""
    unknown = itertools.count()
    return map_structure(
        lambda t: Spec(t.dtype, (Dim("batch"), *(Dim(f"d{next(unknown)}") if d is None else d for d in t.shape[1:]))),
        tensors,
    )


def has_unknown(batch: Any) -> bool:
    """Whether a dimension other than the batch's is symbolic."""
    return any(isinstance(d, Dim) for a in flatten(batch) if a is not None for d in a.shape[1:])


def encode(batch: Any) -> Any:
    """A batch's structure, dtypes and shapes as JSON holds them; the batch's own dimension is "batch"."""
    if batch is None:
        return None
    if isinstance(batch, dict):
        return {"dict": {k: encode(v) for k, v in batch.items()}}
    if isinstance(batch, (tuple, list)):
        return {"tuple" if isinstance(batch, tuple) else "list": [encode(v) for v in batch]}
    return {
        "dtype": batch.dtype.name,
        "shape": ["batch", *(d if isinstance(d, int) else str(d) for d in batch.shape[1:])],
    }


def decode(x: Any) -> Any:
    """The batch of specs that was encoded.

    Raises:
        ValueError: for what is none.
    """
    if x is None:
        return None
    if isinstance(x, dict) and isinstance(x.get("dict"), dict):
        return {k: decode(v) for k, v in x["dict"].items()}
    for key, kind in (("tuple", tuple), ("list", list)):
        if isinstance(x, dict) and isinstance(x.get(key), list):
            return kind(decode(v) for v in x[key])
    if not isinstance(x, dict) or not isinstance(x.get("shape"), list) or not x["shape"]:
        raise ValueError(f"a signature must say dtypes and shapes. Received: {x!r}")
    dims = [d if isinstance(d, str) else integer("shape", d, 0) for d in x["shape"]]
    if any(isinstance(d, str) and not d.isidentifier() for d in dims):
        raise ValueError(f"a dimension must be an int or a name. Received: shape={x['shape']}")
    return Spec(standardize_dtype(x["dtype"]), tuple(Dim(d) if isinstance(d, str) else d for d in dims))


def array_names(input_names: list[str], batch: Any) -> list[str]:
    """A name for each array of a batch ``(x, y, sample_weight)``: those of the inputs, "y", "sample_weight"."""
    parts = batch if isinstance(batch, tuple) else (batch,)
    names: list[str] = []
    for part, name in zip(parts, ("x", "y", "sample_weight")):
        names += _names(part, name, input_names if name == "x" else [])
    names += [f"x{i}" for i in range(len(names), len(flatten(batch)))]
    names = [n for n, a in zip(names, flatten(batch)) if a is not None]
    return [n if names.count(n) == 1 else f"{n}_{i}" for i, n in enumerate(names)]


def _names(part: Any, name: str, own: list[str]) -> list[str]:
    leaves = flatten(part)
    if isinstance(part, dict):
        keys = flatten({k: map_structure(lambda _, k=k: k, v) for k, v in part.items()})
        return keys if name == "x" else [f"{name}_{k}" for k in keys]
    if len(own) == len(leaves):
        return own
    return [name] if len(leaves) == 1 else [f"{name}{i}" for i in range(len(leaves))]
