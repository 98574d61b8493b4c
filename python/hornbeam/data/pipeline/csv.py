"""Tables in text files: fields with a delimiter between them, one row a line (RFC 4180)."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam import config

__all__ = ["read_csv"]


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
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise ValueError(f"`delimiter` must be one character. Received: delimiter={delimiter!r}")
    names: list[str] | None = None if header or columns is None else [str(c) for c in columns]
    rows: list[list[str]] = []
    for path in paths:
        for number, row in _rows(path, delimiter):
            if header and number == 0:
                if names is not None and row != names:
                    raise ValueError(f"{path} has the columns {row}, and another file {names}")
                names = row
                continue
            if names is None:
                names = [str(i) for i in range(len(row))]
            if len(row) != len(names):
                raise ValueError(f"{path}, row {number + 1}: {len(names)} fields were expected. Received: {len(row)}")
            rows.append(row)
    names = names or []
    if len(set(names)) < len(names):
        raise ValueError(f"columns must have different names. Received: {names}")
    wanted = names if columns is None else [str(c) for c in columns]
    for c in (*wanted, *(dtypes if isinstance(dtypes, dict) else ())):
        if c not in names:
            raise ValueError(f"there is no column {c!r} among {names}")
    fields = dict(zip(names, zip(*rows))) if rows else {n: () for n in names}
    return {c: _column(c, fields[c], dtypes.get(c) if isinstance(dtypes, dict) else dtypes) for c in wanted}


def _rows(path: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    with open(os.fspath(path), newline="", encoding="utf-8-sig") as f:
        try:
            yield from enumerate(row for row in csv.reader(f, delimiter=delimiter, strict=True) if row)
        except (csv.Error, UnicodeDecodeError) as e:
            raise ValueError(f"{path} is no table of text: {e}") from e


def _column(name: str, fields: Any, dtype: Any) -> Any:
    """The fields as an array."""
    if dtype is str or dtype == "string":
        return _text(fields)
    if dtype is not None:
        try:
            return _numbers(fields, config.standardize_dtype(dtype))
        except (ValueError, OverflowError) as e:
            raise ValueError(f"column {name!r} is not of dtype {dtype}: {e}") from e
    for guess in ("int32", "int64", config.floatx()):
        try:
            return _numbers(fields, guess)
        except (ValueError, OverflowError):
            pass
    return _text(fields)


def _text(fields: Any) -> Any:
    out = np.empty(len(fields), object)
    out[:] = fields
    return out


def _numbers(fields: Any, dtype: str) -> Any:
    kind = np.dtype(dtype).kind
    if any("_" in f for f in fields):  # which Python allows in numbers
        raise ValueError("numbers have no underscores")
    if kind == "f":
        return np.array([f or "nan" for f in fields], "U").astype(dtype)
    if kind == "b":
        said = {"true": True, "false": False, "1": True, "0": False}
        try:
            return np.array([said[f.lower()] for f in fields], bool)
        except KeyError as e:
            raise ValueError(f"{e.args[0]!r} is no bool") from None
    wide = np.array([int(f) for f in fields], "int64")
    bounds = np.iinfo(dtype)
    if wide.size and (wide.max() > bounds.max or wide.min() < bounds.min):
        raise OverflowError(f"it holds ints in [{bounds.min}, {bounds.max}]")
    return wide.astype(dtype)
