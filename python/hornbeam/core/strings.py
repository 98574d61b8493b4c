"""Strings: graphs hold none, so that they stay in NumPy's arrays until a layer has made numbers of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core.tree import flatten

__all__ = ["STRING", "as_strings", "is_strings", "string_list", "strings_as_arrays"]

STRING = "string"  # the dtype of symbolic inputs that stand for strings
_KINDS = "USOT"  # of NumPy's dtypes: str, bytes, objects, and str of any length


def is_strings(x: Any) -> bool:
    """Whether x is a string, an array that may hold strings, or a list of such, nested or not."""
    if isinstance(x, (str, bytes)):
        return True
    if isinstance(x, (list, tuple)):
        return bool(x) and all(
            isinstance(i, (str, bytes)) for i in (x if isinstance(x[0], (str, bytes)) else flatten(x))
        )
    dtype = getattr(x, "dtype", None)
    of_a_tensor = isinstance(dtype, str) and dtype == STRING and hasattr(x, "tolist")  # a symbolic one holds none
    return getattr(dtype, "kind", "") in tuple(_KINDS) or of_a_tensor


def as_strings(x: Any) -> Any:
    """x as an array of str or bytes: of the objects themselves where they come in lists.

    Raises:
        TypeError: for what holds no strings.
        ValueError: for nested lists of different lengths.
    """
    if isinstance(x, np.ndarray) and x.dtype.kind in _KINDS:
        return x
    if isinstance(x, (list, tuple)) and x and not isinstance(x[0], (str, bytes)):
        rows = [as_strings(i) for i in x]
        if len({r.shape for r in rows}) > 1:
            raise ValueError("strings must be arrays, or lists that nest evenly. Received: lists of different lengths")
        return np.stack([r.astype(object) for r in rows])
    a = np.asarray(x, dtype=object if isinstance(x, (str, bytes, list, tuple)) else None)
    if a.dtype.kind not in _KINDS:
        raise TypeError(f"strings are needed: str or bytes. Received: an array of dtype {a.dtype}")
    return a


def strings_as_arrays(x: Any) -> Any:
    """A structure with each leaf that holds strings, lists of them too, as an array; all else as it is."""
    if is_strings(x):
        return as_strings(x)
    if isinstance(x, dict):
        return {k: strings_as_arrays(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        items = [strings_as_arrays(v) for v in x]
        return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
    if hasattr(x, "__array__") and not hasattr(x, "dtype"):  # a column of a table, say
        a = np.asarray(x)
        return a if is_strings(a) else x
    return x


def string_list(a: Any, encoding: str = "utf-8") -> list[str | bytes]:
    """An array's elements, as the core takes them: str where that becomes UTF-8, else bytes in the encoding."""
    items: list[str | bytes] = a.ravel().tolist()
    if encoding == "utf-8":
        return items
    return [i.encode(encoding) if isinstance(i, str) else i for i in items]
