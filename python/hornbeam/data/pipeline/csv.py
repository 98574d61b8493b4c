"""Tables in text files: fields with a delimiter between them, one row a line (RFC 4180). The core reads them."""

from __future__ import annotations

import mmap
import os
from typing import Any

import numpy as np

from hornbeam import _core, config

__all__ = ["read_csv"]

_AUTO, _REAL, _TEXT, _NOT = 0, 1, 2, -1  # the least that the core takes a column's fields for


def read_csv(
    paths: list[str], columns: Any = None, dtypes: Any = None, delimiter: str = ",", header: bool = True
) -> dict[str, Any]:
    """The columns of tables, one below the other.

    Args:
        paths: of the files, which have the same columns.
        columns: names of those to read, all for None; without a header names of all there are.
        dtypes: by column, or one for all; None for the first of int32, int64, ``floatx`` and "string" that suits.
        delimiter: one character.
        header: whether the first line of each file names the columns.

    Returns:
        Arrays by column. A missing number is NaN.

    Raises:
        ValueError: for rows of another length, names that there are not, and what is no number of the dtype asked for.
    """
    if not isinstance(delimiter, str) or len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise ValueError(f"`delimiter` must be one character. Received: delimiter={delimiter!r}")
    if isinstance(columns, (str, bytes)) or (columns is not None and len({str(c) for c in columns}) < len(columns)):
        raise ValueError(f"`columns` must be a list of different names. Received: columns={columns!r}")
    tables = [_Table(path, delimiter, header) for path in paths]
    names = tables[0].names
    if not header and columns is not None:
        names = [str(c) for c in columns]
        if tables[0].names and len(names) != len(tables[0].names):
            raise ValueError(f"there are {len(tables[0].names)} columns. Received: columns={names}")
    elif any(t.names != names for t in tables):
        raise ValueError(f"files must have the same columns. Received: {[t.names for t in tables]}")
    if len(set(names)) < len(names):
        raise ValueError(f"columns must have different names. Received: {names}")
    wanted = names if columns is None else [str(c) for c in columns]
    for c in (*wanted, *(dtypes if isinstance(dtypes, dict) else ())):
        if c not in names:
            raise ValueError(f"there is no column {c!r} among {names}")
    asked = {c: _dtype(dtypes.get(c) if isinstance(dtypes, dict) else dtypes) for c in wanted}
    least = [_least(asked[c]) if c in asked else _NOT for c in names]
    read = [t.read(least) for t in tables]
    least = [_TEXT if any(isinstance(r[i], list) for r in read) else k for i, k in enumerate(least)]
    made = {}
    for i, c in enumerate(names):
        if c in asked:
            if least[i] == _TEXT:  # what is text in one file is text in all
                only = [_TEXT if k == i else _NOT for k in range(len(names))]
                parts = [r[i] if isinstance(r[i], list) else t.read(only)[i] for r, t in zip(read, tables)]
                made[c] = _of_text([field for part in parts for field in part], c, asked[c])
            else:
                made[c] = _of_numbers(
                    read[0][i] if len(read) == 1 else np.concatenate([r[i] for r in read]), c, asked[c]
                )
            for r in read:
                r[i] = None
    return {c: made[c] for c in wanted}


class _Table:
    """A file, and the names of its columns."""

    def __init__(self, path: str, delimiter: str, header: bool) -> None:
        self.path, self.delimiter = os.fspath(path), delimiter
        first, end = self._open(lambda data: _core.read_csv_row(data, delimiter))
        self.begin = end if header else 0
        self.names = first if header else [str(i) for i in range(len(first))]

    def read(self, kinds: list[int]) -> list[Any]:
        """The columns: arrays of int64 or float64, or lists of text."""
        first = 2 if self.begin else 1
        return self._open(lambda data: _core.read_csv(data, self.begin, self.delimiter, kinds, first))  # type: ignore[no-any-return]

    def _open(self, use: Any) -> Any:
        with open(self.path, "rb") as f:
            empty = os.fstat(f.fileno()).st_size == 0  # which cannot be mapped
            held = mmap.mmap(-1, 1) if empty else mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        with held, memoryview(held) as data:
            begin = len(held) if empty else 3 if held[:3] == b"\xef\xbb\xbf" else 0  # UTF-8's mark
            with data[begin:] as text:
                try:
                    return use(text)
                except (ValueError, UnicodeDecodeError) as e:
                    raise ValueError(f"{self.path} is no such table: {e}") from e


def _dtype(dtype: Any) -> str | None:
    if dtype is None or dtype is str or dtype == "string":
        return None if dtype is None else "string"
    name = config.standardize_dtype(dtype)
    if name == "bfloat16":
        raise ValueError("a table is read into NumPy's arrays, which hold no bfloat16. Received: dtypes='bfloat16'")
    return name


def _least(dtype: str | None) -> int:
    return _TEXT if dtype in ("string", "bool") else _REAL if dtype and np.dtype(dtype).kind == "f" else _AUTO


def _of_text(fields: list[str], name: str, dtype: str | None) -> Any:
    if dtype == "bool":
        said = {"true": True, "false": False, "1": True, "0": False}
        wrong = next((f for f in fields if f.lower() not in said), None)
        if wrong is None:
            return np.array([said[f.lower()] for f in fields], bool)
    elif dtype in (None, "string"):
        out = np.empty(len(fields), object)
        out[:] = fields
        return out
    else:
        wrong = next((f for f in fields if not _is_number(f)), "")
    raise ValueError(f"column {name!r} is not of dtype {dtype}. Received: {wrong!r}")


def _is_number(field: str) -> bool:
    try:
        float(field or "nan")
    except ValueError:
        return False
    return "_" not in field


def _of_numbers(a: Any, name: str, dtype: str | None) -> Any:
    if dtype is None:
        dtype = config.floatx() if a.dtype.kind == "f" else "int32" if _fits(a, "int32") else "int64"
    elif np.dtype(dtype).kind in "iu":
        bounds = np.iinfo(dtype)
        low, high = bounds.min, bounds.max
        if a.dtype.kind == "f":  # which tells no more ints apart
            low, high = max(low, 1 - 2**53), min(high, 2**53 - 1)
        wrong = a[~((a >= low) & (a <= high) & (a == np.floor(a)))]
        if wrong.size:
            raise ValueError(f"column {name!r} is not of dtype {dtype}. Received: {wrong[0]} (a missing number is nan)")
    return a.astype(dtype, copy=False)


def _fits(a: Any, dtype: str) -> bool:
    bounds = np.iinfo(dtype)
    return not a.size or (bounds.min <= a.min() and a.max() <= bounds.max)
