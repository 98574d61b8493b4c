"""Tables of numbers and categories as what a network takes: one layer a column, found by the column's kind."""

from __future__ import annotations

import builtins
from typing import Any

from hornbeam import layers, ops
from hornbeam.core.names import auto_name
from hornbeam.core.registry import deserialize_keras_object, serialize_keras_object
from hornbeam.core.strings import as_strings, is_strings
from hornbeam.core.symbolic import KerasTensor
from hornbeam.core.tensor import to_tensor
from hornbeam.core.tree import flatten
from hornbeam.layers.preprocessing.category_encoding import CategoryEncoding
from hornbeam.layers.preprocessing.discretization import Discretization
from hornbeam.layers.preprocessing.hashed_crossing import HashedCrossing
from hornbeam.layers.preprocessing.hashing import Hashing
from hornbeam.layers.preprocessing.integer_lookup import IntegerLookup
from hornbeam.layers.preprocessing.normalization import Normalization
from hornbeam.layers.preprocessing.string_lookup import StringLookup
from hornbeam.models import Model
from hornbeam.models._functional_graph import Graph
from hornbeam.utils.features import Cross, Feature, categories, check_mode, column, learns, tables

__all__ = ["FeatureSpace"]


class FeatureSpace(Model):
    """Encodes the columns of a table, each by a layer for its kind, and joins them.

    Args:
        features: by column the kind, "float", "float_normalized", "float_rescaled", "float_discretized",
            "integer_categorical", "string_categorical", "integer_hashed" or "string_hashed", or what the class' method of
            that name makes, or ``FeatureSpace.feature``.
        output_mode: "concat": all columns joined along the last axis. "dict": each by its name.
        crosses: which columns are hashed together as well: tuples of names, or what ``FeatureSpace.cross`` makes.
        crossing_dim: bins of a cross that says none.
        hashing_dim: bins of "integer_hashed" and "string_hashed".
        num_discretization_bins: ranges of "float_discretized".
        name: a name, None for one made from the class.

    ``adapt`` learns what the layers need of the data. Then it is called on a dict of columns, ``(batch,)`` or ``(batch, 1)``
    each, or on one row, a dict of scalars; in a ``map`` of a data set; or ``get_inputs()`` and ``get_encoded_features()``
    begin a functional model. It is a model itself: ``save`` writes it, ``hb.models.load_model`` reads it.

    Raises:
        ValueError: for no features, an unknown kind or mode, and for crosses of what is no feature.

    Example:
        >>> space = FeatureSpace({"age": "float_normalized", "kind": "integer_categorical"})
        >>> space.adapt({"age": [20.0, 40.0], "kind": [3, 5]})
        >>> space({"age": [30.0], "kind": [5]}).shape
        (1, 4)
    """

    def __init__(
        self,
        features: Any,
        output_mode: str = "concat",
        crosses: Any = None,
        crossing_dim: int | None = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if not features:
            raise ValueError("The `features` argument cannot be None or empty.")
        check_mode(output_mode, ("dict", "concat"))
        self.output_mode, self.crossing_dim, self.hashing_dim = output_mode, crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features = {key: self._feature(key, value) for key, value in features.items()}
        self.crosses = [self._cross(c) for c in crosses or ()]
        self.crosses_by_name = {c.name: c for c in self.crosses}
        self.preprocessors = {key: feature.preprocessor for key, feature in self.features.items()}
        self.crossers = {c.name: HashedCrossing(c.crossing_dim, name=c.name) for c in self.crosses}
        self.one_hot_encoders: dict[str, Any] = {}
        self._entry = {key: layers.Input((1,), dtype=f.dtype, name=key) for key, f in self.features.items()}
        self._adapted = False
        self._made: Graph | None = None
        self.autocast = False  # columns take the dtypes of the symbolic inputs

    # ---- kinds of features ----
    @classmethod
    def cross(cls, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Features that are hashed together into ``crossing_dim`` bins, "one_hot" or "int"."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """A column that a layer of the user's choice encodes; see ``Feature``."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """A column of numbers, taken as they are."""
        return Feature("float32", layers.Identity(name=_name(name, "float"), dtype="float32"), "float")

    @classmethod
    def float_rescaled(
        cls, scale: builtins.float = 1.0, offset: builtins.float = 0.0, name: str | None = None
    ) -> Feature:
        """A column of numbers, by ``layers.Rescaling``."""
        return Feature("float32", layers.Rescaling(scale, offset, name=_name(name, "float_rescaled")), "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """A column of numbers, by ``layers.Normalization``."""
        return Feature("float32", Normalization(name=_name(name, "float_normalized")), "float")

    @classmethod
    def float_discretized(
        cls, num_bins: int | None, bin_boundaries: Any = None, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """A column of numbers, by ``layers.Discretization``."""
        layer = Discretization(bin_boundaries, num_bins, name=_name(name, "float_discretized"))
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """A column of ints that are categories, by ``layers.IntegerLookup``."""
        name = _name(name, "integer_categorical")
        layer = IntegerLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=name)
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """A column of strings that are categories, by ``layers.StringLookup``."""
        name = _name(name, "string_categorical")
        layer = StringLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=name)
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """A column of strings, by ``layers.Hashing``."""
        return Feature("string", Hashing(num_bins, name=_name(name, "string_hashed")), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """A column of ints, by ``layers.Hashing``."""
        return Feature("int32", Hashing(num_bins, name=_name(name, "integer_hashed")), output_mode)

    def _feature(self, name: str, kind: Any) -> Feature:
        if isinstance(kind, Feature):
            return kind
        if isinstance(kind, dict):
            return self._feature(name, deserialize_keras_object(kind))
        options: dict[str, dict[str, Any]] = {
            **{k: {} for k in ("float", "float_normalized", "float_rescaled")},
            "float_discretized": {"num_bins": self.num_discretization_bins},
            **{k: {} for k in ("integer_categorical", "string_categorical")},
            **{k: {"num_bins": self.hashing_dim} for k in ("integer_hashed", "string_hashed")},
        }
        if not isinstance(kind, str) or kind not in options:
            raise ValueError(f"Invalid feature type: {kind}. It must be one of {list(options)}, or a Feature")
        made: Feature = getattr(self, kind)(name=name, **options[kind])
        return made

    def _cross(self, cross: Any) -> Cross:
        made = deserialize_keras_object(cross) if isinstance(cross, dict) else cross
        names = made.feature_names if isinstance(made, Cross) else tuple(made)
        unknown = [key for key in names if key not in self.features]
        if unknown:
            raise ValueError(
                "All features referenced in the `crosses` argument should be present in the `features` dict. Received "
                f"unknown features: {unknown}"
            )
        if isinstance(made, Cross):
            return made
        if not self.crossing_dim:
            raise ValueError(
                "When specifying `crosses`, the argument `crossing_dim` (dimensionality of the crossing space) should be "
                f"specified as well. Received: crossing_dim={self.crossing_dim}"
            )
        return Cross(names, self.crossing_dim)

    # ---- adapting ----
    def adapt(self, dataset: Any) -> None:
        """Learns what the layers need of a data set, in one pass over it.

        Args:
            dataset: a dict of columns, or an iterable of such dicts, batches or single rows: a data set, a generator. Of what
                yields ``(x, y)`` the first part is taken.

        Raises:
            ValueError: for anything else, for columns that are missing, and for a data set without any row.
        """
        learning = {key: layer for key, layer in self.preprocessors.items() if learns(layer)}
        for layer in learning.values():
            layer.reset_state()
        for columns in tables(dataset, list(learning)):
            for key, layer in learning.items():
                layer.update_state(columns[key])
        for layer in learning.values():
            layer.finalize_state()
        self._adapted, self._made, self.one_hot_encoders = True, None, {}
        self._finished()

    @property
    def _graph(self) -> Graph | None:  # type: ignore[override]
        """Of the symbolic inputs, as that of a functional model; None before it knows what it has to learn."""
        if "_made" not in vars(self):  # in the constructors below
            return None
        if self._made is None and (self._adapted or not any(map(learns, self.preprocessors.values()))):
            self._made = Graph(dict(self._entry), self._joined(self._entry))
            self.built = True
        return self._made

    def _finished(self) -> Graph:
        graph = self._graph
        if graph is None:
            raise ValueError("You need to call `.adapt(dataset)` on the FeatureSpace before you can start using it.")
        return graph

    def get_inputs(self) -> Any:
        """The symbolic inputs by name, for a functional model."""
        return self._finished().inputs

    def get_encoded_features(self) -> Any:
        """What it gives for ``get_inputs()``, symbolically. Raises ValueError before it has adapted."""
        return self._finished().outputs

    # ---- encoding ----
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        graph = self._finished()
        if graph.edge is not None and args and any(isinstance(t, KerasTensor) for t in flatten(args[0])):
            return graph.replay(args[0])
        return layers.Layer.__call__(self, *args, **kwargs)  # a model's takes batches alone

    def _convert(self, x: Any) -> Any:
        if not isinstance(x, dict):
            raise ValueError(
                f"A FeatureSpace can only be called with a dict. Received: data={x} (of type {type(x).__name__})"
            )
        encoded = self._edge is not None and self._edge.is_encoded(x)
        if x.keys() != self.features.keys() and not encoded:
            raise ValueError(
                f"a FeatureSpace takes the columns that it is made of: {sorted(self.features)}. Received: {sorted(x)}"
            )
        return {key: as_strings(v) if is_strings(v) else to_tensor(v) for key, v in x.items()}

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """The encoded columns of a dict of tensors and arrays of strings."""
        if self._edge is not None and self._edge.is_encoded(inputs):
            return self._finished().run(inputs, self.name, mask)
        single = all(x.ndim == 0 for x in inputs.values())
        found = self._joined({key: column(x, self.features[key].dtype) for key, x in inputs.items()})
        if not single:
            return found
        if isinstance(found, dict):
            return {key: ops.squeeze(x, 0) if x.ndim == 2 else x for key, x in found.items()}
        return ops.squeeze(found, 0)

    def _joined(self, columns: Any) -> Any:
        """Columns ``(batch, 1)``, symbolic or not, as ``output_mode`` has them."""
        found = {key: self.preprocessors[key](x) for key, x in columns.items()}
        crossed = {c.name: self.crossers[c.name]([found[key] for key in c.feature_names]) for c in self.crosses}
        modes = {key: f.output_mode for key, f in self.features.items()}
        modes.update((c.name, c.output_mode) for c in self.crosses)
        ordered = [(key, found[key]) for key in sorted(found)] + [(key, crossed[key]) for key in sorted(crossed)]
        encoded = {key: self._one_hot(key, x) if modes[key] == "one_hot" else x for key, x in ordered}
        if self.output_mode == "dict":
            return encoded
        for key, x in encoded.items():
            if x.dtype.startswith("int") or x.dtype == "string":
                raise ValueError(
                    f"Cannot concatenate features because feature '{key}' has not been encoded (it has dtype {x.dtype}). "
                    "Consider using `output_mode='dict'`."
                )
        return ops.concatenate(list(encoded.values()), -1)

    def _one_hot(self, name: str, x: Any) -> Any:
        if name not in self.one_hot_encoders:
            if not x.dtype.startswith("int"):
                raise ValueError(
                    f"Feature '{name}' has `output_mode='one_hot'`. Thus its preprocessor should return an integer dtype. "
                    f"Instead it returns a {x.dtype} dtype."
                )
            size = categories(name, self.preprocessors.get(name) or self.crossers[name])
            self.one_hot_encoders[name] = CategoryEncoding(size, "multi_hot", name=f"{name}_one_hot")
        return self.one_hot_encoders[name](x)

    # ---- configs ----
    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("output_mode", "crossing_dim", "hashing_dim", "num_discretization_bins", "name")
        return {
            "features": serialize_keras_object(dict(self.features)),
            "crosses": serialize_keras_object(list(self.crosses)),
            **{name: getattr(self, name) for name in names},
        }

    def get_build_config(self) -> dict[str, Any] | None:
        """Whether it has adapted; None before."""
        return {"adapted": True} if self._graph is not None else None

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Takes up what the layers have learned, which their own configs and a file's other parts hold."""
        self._adapted = bool(config["adapted"])


def _name(name: str | None, kind: str) -> str:
    return f"{name or auto_name(kind)}_preprocessor"
