"""Shapes, and what has one, as symbolic tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam._core import Dim
from hornbeam.core.symbolic import KerasTensor
from hornbeam.core.tree import flatten

__all__ = ["inputs_of", "map_shape", "symbols_of"]


def inputs_of(config: dict[str, Any], dtype: str) -> list[Any]:
    """Symbolic inputs as a build config tells of."""
    shapes = list(config["shapes_dict"].values()) if "shapes_dict" in config else [config["input_shape"]]
    inputs = [map_shape(s) for s in shapes]
    leaves = flatten(inputs)
    for t, given in zip(leaves, config.get("dtype") or [dtype] * len(leaves)):
        t.dtype = given
    return inputs


def symbols_of(x: Any) -> Any:
    """Symbolic tensors for the tensors or the shapes of a structure; those for shapes have the dtype ""."""
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return KerasTensor(tuple(d if isinstance(d, int) else None for d in x.shape), x.dtype)
    if _is_shape(x):
        symbol = KerasTensor(tuple(int(d) if isinstance(d, (int, np.integer)) else None for d in x))
        symbol.dtype = ""
        return symbol
    if isinstance(x, (tuple, list)):
        return [symbols_of(v) for v in x]
    return {k: symbols_of(v) for k, v in x.items()} if isinstance(x, dict) else None


def _is_shape(x: Any) -> bool:
    return isinstance(x, (tuple, list)) and all(d is None or isinstance(d, (int, np.integer, Dim)) for d in x)


def map_shape(shape: Any) -> Any:
    """Symbolic tensors for a shape or a structure of shapes."""
    if _is_shape(shape):
        return KerasTensor(tuple(shape))
    if isinstance(shape, dict):
        return {k: map_shape(v) for k, v in shape.items()}
    return [map_shape(v) for v in shape]
