"""What loading a file may allocate: little more than the file holds, whatever sizes its config asks for."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from hornbeam.core.state import state

_SPARE = 16 * 2**20  # bytes for what a file need not hold, such as the state of metrics that saw no batch yet


class Allowance:
    """What a file's loading may still take.

    Args:
        total: bytes in all.
        stored: shapes of what the file holds, by name.
    """

    def __init__(self, total: int, stored: dict[str, Any]) -> None:
        self.left, self.total, self.stored = total, total, stored


@contextmanager
def allowance(stored: Iterable[tuple[str, Any]]) -> Iterator[None]:
    """Inside, ``claim`` grants twice what these variables (name, core variable) take, and a little more.

    Twice, for a layer may make a weight and then another in its place.
    """
    shapes = {name: v.shape for name, v in stored}
    outer = state.allowance
    state.allowance = Allowance(2 * sum(_bytes(v.shape, v.dtype) for _, v in stored) + _SPARE, shapes)
    try:
        yield
    finally:
        state.allowance = outer


def claim(name: str, shape: Sequence[Any], dtype: str) -> None:
    """Says that a tensor is about to be made whose size a config may have chosen.

    Raises:
        ValueError: while a file is loaded, when it and those before take more than the file allows.
    """
    granted = state.allowance
    if granted is None:
        return
    size = _bytes(shape, dtype)
    if size > granted.left:
        stored = f". In the file its shape is {tuple(granted.stored[name])}" if name in granted.stored else ""
        raise ValueError(
            f"{name} of shape {tuple(shape)} and dtype {dtype} takes {size / 2**20:.4g} MiB, and what the file holds "
            f"allows for {granted.total / 2**20:.4g} MiB in all{stored}"
        )
    granted.left -= size


def _bytes(shape: Sequence[Any], dtype: str) -> int:
    return math.prod(max(0, operator.index(d)) for d in shape) * (
        2 if dtype == "bfloat16" else np.dtype(dtype).itemsize
    )
