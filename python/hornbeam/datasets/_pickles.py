"""Pickles of plain data, read without running what they name.

Reviews are kept as arrays of objects and CIFAR's pictures as dicts, both pickled. A pickle can call any function of any
module; here it can only describe NumPy arrays, which are made of checked bytes afterwards, never by NumPy's own `__setstate__`.
"""

from __future__ import annotations

import math
import pickle
import re
from typing import IO, Any

import numpy as np

_ITEMS = re.compile("[biu][1248]|f[248]")


class _Dtype:
    """``numpy.dtype``: a number's type, or "O" for what lists stand for."""

    def __init__(self, name: Any, *_: Any) -> None:
        name = name.decode("ascii") if isinstance(name, bytes) else name
        if not (isinstance(name, str) and (name[:1] == "O" or _ITEMS.fullmatch(name))):
            raise pickle.UnpicklingError(f"a dtype that is no number's: {name!r}")
        self.name, self.order = name, "<"

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        self.order = ">" if order == ">" else "<"


class _Array:
    """What ``_reconstruct`` makes and pickle's state fills."""

    value: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, columns_first, data = state
        if not (isinstance(dtype, _Dtype) and type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape)):
            raise pickle.UnpicklingError("an array without a shape or dtype")
        if dtype.name[0] == "O":
            if len(shape) != 1 or type(data) is not list or len(data) != shape[0]:
                raise pickle.UnpicklingError("an array of objects that is no list of them")
            self.value = np.empty(shape, object)
            self.value[:] = [_plain(row) for row in data] if _plain_rows(data) else None
            return
        data = data.encode("latin1") if isinstance(data, str) else data
        found = np.dtype(dtype.order + dtype.name)
        if type(data) is not bytes or len(data) != math.prod(shape) * found.itemsize:
            raise pickle.UnpicklingError(f"{shape} of {found} with other bytes")
        self.value = np.frombuffer(data, found).reshape(shape, order="F" if columns_first else "C").copy()


def _plain_rows(data: list[Any]) -> bool:
    for row in data:
        if not (isinstance(row, _Array) or (type(row) is list and all(type(i) is int for i in row))):
            raise pickle.UnpicklingError(f"a row that is no list of ints: {type(row).__name__}")
    return bool(data)


def _plain(x: Any) -> Any:
    """The arrays themselves, within lists and dicts too."""
    if isinstance(x, _Array):
        return x.value
    if isinstance(x, dict):
        return {key: _plain(value) for key, value in x.items()}
    return x


class _Ndarray: ...


def _reconstruct(*_: Any) -> _Array:
    return _Array()


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Ndarray,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"Refusing to load `{module}.{name}`: the file is damaged or hostile")
        return _KNOWN[module, name]


def read_pickle(file: IO[bytes]) -> Any:
    """What a pickle holds: numbers, text, lists, dicts and arrays of numbers or of lists of ints.

    Args:
        file: the open file.

    Raises:
        pickle.UnpicklingError: there is anything else in it.
    """
    try:
        return _plain(_Reader(file, encoding="bytes").load())
    except (pickle.UnpicklingError, MemoryError):
        raise
    except Exception as e:  # a damaged pickle raises almost anything
        raise pickle.UnpicklingError(f"a damaged pickle: {e}") from e
