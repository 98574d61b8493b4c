"""What a ``FeatureSpace`` is made of: features, crosses of them, and the columns of tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam import ops
from hornbeam.core.registry import deserialize_keras_object, register_builtin, serialize_keras_object
from hornbeam.core.strings import is_strings
from hornbeam.core.symbolic import KerasTensor
from hornbeam.core.validation import positive_int
from hornbeam.layers.preprocessing.adapting import first_part, to_array
from hornbeam.layers.preprocessing.discretization import Discretization

__all__ = ["Cross", "Feature", "categories", "check_mode", "column", "learns", "tables"]

_ROWS = 1024  # single rows of a data set that are taken in together


@register_builtin
class Cross:
    """Several features that are hashed together.

    Args:
        feature_names: which ones.
        crossing_dim: how many bins there are.
        output_mode: "one_hot" or "int".
    """

    def __init__(self, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot") -> None:
        check_mode(output_mode, ("int", "one_hot"))
        self.feature_names = tuple(feature_names)
        self.crossing_dim, self.output_mode = positive_int("crossing_dim", crossing_dim), output_mode

    @property
    def name(self) -> str:
        """The features' names, joined."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Cross:
        """One like that which gave the config."""
        return cls(**config)


@register_builtin
class Feature:
    """One column of a table.

    Args:
        dtype: what it holds: a dtype's name, or "string".
        preprocessor: a layer, or the config of one.
        output_mode: "float": what the layer gives is taken as it is. "int" or "one_hot": it gives categories.
    """

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        check_mode(output_mode, ("int", "one_hot", "float"))
        self.dtype, self.output_mode = dtype, output_mode
        self.preprocessor = deserialize_keras_object(preprocessor) if isinstance(preprocessor, dict) else preprocessor

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        preprocessor = serialize_keras_object(self.preprocessor)
        return {"dtype": self.dtype, "preprocessor": preprocessor, "output_mode": self.output_mode}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Feature:
        """One like that which gave the config."""
        return cls(**config)


def check_mode(output_mode: Any, modes: tuple[str, ...]) -> None:
    """Raises ValueError for another ``output_mode`` than these."""
    if output_mode not in modes:
        raise ValueError(
            f"Invalid value for argument `output_mode`. Expected one of {modes}. Received: output_mode={output_mode}"
        )


def learns(layer: Any) -> bool:
    """Whether a layer has still to be shown data: it can, and was not given what it would learn."""
    given = (
        getattr(layer, "input_mean", None) is not None,
        isinstance(layer, Discretization) and layer.num_bins is None,
        getattr(layer, "_has_input_vocabulary", False),
    )
    return hasattr(layer, "adapt") and not any(given)


def categories(name: str, layer: Any) -> int:
    """How many categories a layer tells apart."""
    if hasattr(layer, "vocabulary_size"):
        return int(layer.vocabulary_size())
    if isinstance(layer, Discretization):
        return layer.num_bins or layer._depth
    size = getattr(layer, "num_tokens", None) or getattr(layer, "num_bins", None)
    if size is None:
        raise ValueError(
            f"Feature '{name}' has `output_mode='one_hot'`. However it isn't a standard feature and the dimensionality of its "
            "output space is not known, thus it cannot be one-hot encoded. Try using `output_mode='int'`."
        )
    return int(size)


def column(x: Any, dtype: str) -> Any:
    """A scalar or a vector as a column, numbers of a float feature as floats."""
    if is_strings(x):
        return x.reshape(-1, 1) if x.ndim < 2 else x
    if not isinstance(x, KerasTensor) and dtype.startswith("float"):
        x = ops.cast(x, dtype)
    return ops.reshape(x, (-1, 1)) if x.ndim < 2 else x


def tables(dataset: Any, names: list[str]) -> Iterator[dict[str, Any]]:
    """Columns as arrays ``(rows, 1)`` or of more axes, from a dict of columns or an iterable of dicts."""
    if isinstance(dataset, dict):
        yield _table(dataset, names)
        return
    if not hasattr(dataset, "__iter__") or isinstance(dataset, (str, bytes)) or hasattr(dataset, "__array__"):
        raise ValueError(
            "`adapt()` can only be called on a data set of dicts, or a dict of arrays/lists. Received instead: "
            f"{dataset} (of type {type(dataset).__name__})"
        )
    rows: list[dict[str, Any]] = []
    for element in dataset:
        element = first_part(element)
        if not isinstance(element, dict):
            raise ValueError(
                f"`adapt()` needs a data set of dicts. Received: an element of type {type(element).__name__}"
            )
        if any(np.ndim(element[key]) for key in names if key in element):
            yield _table(element, names)
            continue
        rows.append(element)
        if len(rows) == _ROWS:
            yield _table(_stacked(rows, names), names)
            rows = []
    if rows:
        yield _table(_stacked(rows, names), names)


def _stacked(rows: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    return {key: [np.asarray(row[key]).item() for row in rows] for key in names if all(key in row for row in rows)}


def _table(columns: dict[str, Any], names: list[str]) -> dict[str, Any]:
    missing = [key for key in names if key not in columns]
    if missing:
        raise ValueError(f"`adapt()` needs the columns {names}. Missing: {missing}")
    arrays = {key: to_array(columns[key]) for key in names}
    return {key: a.reshape(-1, 1) if a.ndim < 2 else a for key, a in arrays.items()}
