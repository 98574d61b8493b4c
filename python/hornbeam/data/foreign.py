"""Arrays, columns and tables of other libraries, known by what they offer: none is imported for it.

Memory is shared where a library lets NumPy look at it: tensors of PyTorch, TensorFlow and JAX on the CPU, columns of
pandas, polars and Arrow without missing values, and whatever has a buffer or speaks DLPack.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from hornbeam.core.tensor import plain_array

__all__ = ["as_numpy", "columns_of", "is_array_like", "length_of", "refuse_samples", "table_array"]


def is_array_like(x: Any) -> bool:
    """Whether ``as_numpy`` makes an array of x, which is no number, text or list."""
    if isinstance(x, (np.generic, bytes, str)):
        return False
    return (
        any(hasattr(x, name) for name in ("__array__", "__array_interface__", "__dlpack__"))
        or _is_lazy_column(x)
        or _has_buffer(x)
    )


def _has_buffer(x: Any) -> bool:
    try:
        memoryview(x).release()
    except TypeError:
        return False
    return True


def _is_lazy_column(x: Any) -> bool:
    """A column of Hugging Face's datasets, which is read as it is sliced."""
    return hasattr(x, "column_name") and hasattr(x, "__getitem__")


def as_numpy(x: Any) -> Any:
    """An array-like of another library as a NumPy array, on the same memory where it can be."""
    if _is_lazy_column(x):
        return as_numpy(x[:])
    if hasattr(x, "detach") and hasattr(x, "cpu"):  # PyTorch's: NumPy knows no gradients, devices or bfloat16
        x = x.detach().cpu()
        x = x.float() if str(x.dtype) == "torch.bfloat16" else x
    if hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
        return np.from_dlpack(x)
    return plain_array(x)


def length_of(source: Any) -> int | None:
    """The length of a source of batches, None where it has none, does not know it, or is endless."""
    if not hasattr(source, "__len__"):
        return None
    try:
        return len(source)
    except TypeError:  # of torch's DataLoader of a stream, and of tf.data's filtered and repeated data sets
        return None


def refuse_samples(source: Any) -> None:
    """Refuses data sets that are known to give samples where batches are needed.

    Raises:
        TypeError: for those of Hugging Face, and for what can be indexed but not iterated over, as torch's.
    """
    hugging_face = hasattr(source, "features") and hasattr(source, "with_format")
    indexed = hasattr(source, "__getitem__") and not hasattr(source, "__iter__")
    if hugging_face or indexed:
        raise TypeError(
            f"`x` must give batches, and a {type(source).__name__} gives samples. "
            "hornbeam.data.Dataset.from_source(x).batch(32) makes batches of it; `map` says before which parts are x and y"
        )


def columns_of(table: Any) -> list[tuple[Any, Any]] | None:
    """Names and columns of a table of pandas, Arrow or polars; None for everything else."""
    if hasattr(table, "iloc"):
        if len(table.shape) != 2:
            return None
        columns = [table.iloc[:, i] for i in range(table.shape[1])]
        return [(column.name, column) for column in columns]
    if hasattr(table, "column_names") and hasattr(table, "column"):
        return [(name, table.column(i)) for i, name in enumerate(table.column_names)]
    if hasattr(table, "get_columns"):
        return [(column.name, column) for column in table.get_columns()]
    return None


def _is_series(x: Any) -> bool:
    """Whether x is a column of pandas, polars or Arrow."""
    return hasattr(x, "iloc") or (hasattr(x, "null_count") and hasattr(x, "to_numpy"))


def table_array(name: str, x: Any) -> Any:
    """A table as two axes of numbers, in the dtype that holds all columns, and a column as a table of one.

    A single column shares its memory, as does a table of pandas whose numbers lie row by row.

    Args:
        name: the argument, for messages.
        x: what may be a table or a column; None is returned for everything else.

    Raises:
        TypeError: for what is not numeric, or has missing values that are not NaN.
    """
    columns = columns_of(x)
    if columns is None:
        if not _is_series(x):
            return None
        a = _of_column(name, getattr(x, "name", None), x)
        return a[:, None] if a.ndim == 1 else a
    if not columns:
        return np.zeros((len(x), 0), "float32")
    kinds = {getattr(column, "dtype", None) for _, column in columns}
    if len(kinds) == 1 and hasattr(x, "iloc") and isinstance(kind := kinds.pop(), np.dtype) and kind.kind in "fiub":
        return np.asarray(x)
    arrays = [_of_column(name, label, column) for label, column in columns]
    return arrays[0][:, None] if len(arrays) == 1 and arrays[0].ndim == 1 else np.stack(arrays, 1)


def _of_column(name: str, label: Any, column: Any) -> Any:
    if missing := _missing(column):
        raise TypeError(
            f"`{name}` must be numeric, without missing values. Received: {missing} missing in column {label!r}"
        )
    a = np.asarray(column)
    if a.dtype.kind == "O":  # nullable, or of several types
        bad = [v for v in a if not isinstance(v, (numbers.Real, np.bool_))]
        if bad:
            raise TypeError(
                f"`{name}` must be numeric, without missing values. Received: {bad[0]!r} in column {label!r} of dtype "
                f"{_type_of(column)}"
            )
        a = np.asarray(a.tolist())
    if a.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must be numeric. Received: column {label!r} of dtype {_type_of(column)}")
    return a


def _missing(column: Any) -> int:
    """How many values a column does not have: NaN is one, unless a nullable column of pandas holds it."""
    count = getattr(column, "null_count", None)
    if count is not None:
        return int(count() if callable(count) else count)
    nullable = hasattr(column, "isna") and not isinstance(column.dtype, np.dtype)
    return int(column.isna().sum()) if nullable else 0


def _type_of(column: Any) -> Any:
    return getattr(column, "dtype", getattr(column, "type", None))
