"""What a layer's config says, and how a layer is made and built from one."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from hornbeam import activations
from hornbeam._core import Dim
from hornbeam.core.registry import (
    argument_names,
    constructor_is_ours,
    deserialize_keras_object,
    is_builtin,
    serialize_keras_object,
)
from hornbeam.core.symbolic import KerasTensor
from hornbeam.core.tree import flatten, map_structure

_EXAMPLE = """

    def get_config(self):
        return {**super().get_config(), "units": self.units}"""


class Configured:
    """The part of ``Layer`` that makes configs and reads them."""

    name: str
    built: bool
    activity_regularizer: Any
    _dtype: str
    _trainable: bool
    _init_args: tuple[Any, Any]
    _build_config: dict[str, Any] | None = None
    _not_attributes: tuple[str, ...] = ()  # arguments of builtin classes that configs leave out, or take from elsewhere

    def get_config(self) -> dict[str, Any]:
        """What a layer like this one is made of, as the constructor takes it.

        A class of the user's adds its own attributes. One that does not override this gets the arguments that its
        constructor was given, as long as configs can hold them.

        Raises:
            NotImplementedError: when they cannot.
        """
        cls = type(self)
        known = next(c for c in cls.__mro__ if is_builtin(c))  # the class of this package that it derives from
        if _is_ours(cls.get_config) and not constructor_is_ours(cls):
            return self._arguments()
        out: dict[str, Any] = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype}
        if self.activity_regularizer is not None and "activity_regularizer" not in self._not_attributes:
            out["activity_regularizer"] = serialize_keras_object(self.activity_regularizer)
        return {**out, **self._attributes(known)}

    def _attributes(self, known: type) -> dict[str, Any]:
        """The attributes that are named as the arguments of a class of this package."""
        base = next(c for c in known.__mro__ if Configured in c.__bases__)
        names = [name for name in argument_names(known, base) if name not in self._not_attributes]
        return {name: _value(getattr(self, name)) for name in names}

    def _arguments(self) -> dict[str, Any]:
        """What the constructor of a class of the user's was given."""
        cls = type(self)
        args, kwargs = self._init_args
        out: dict[str, Any] = {"name": self.name}
        try:
            bound = inspect.signature(cls.__init__).bind(self, *args, **kwargs)
            bound.apply_defaults()
            parameters = list(bound.signature.parameters.values())[1:]
            for p in parameters:
                value = bound.arguments[p.name]
                if p.kind is p.VAR_KEYWORD:
                    out = {**value, **out}
                elif p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
                    out.setdefault(p.name, value)
                elif value or p.kind is p.POSITIONAL_ONLY:
                    raise TypeError(f"{p.name!r} cannot be given by name")
            others = any(p.kind is p.VAR_KEYWORD for p in parameters)
            if not others and all(p.name != "name" for p in parameters):
                del out["name"]
            if not self._trainable and (others or any(p.name == "trainable" for p in parameters)):
                out["trainable"] = False
            found = {k: serialize_keras_object(v) for k, v in out.items()}
            if any(leaf == "__lambda__" for leaf in flatten(found)):
                raise TypeError("a lambda is Python code")
            return found
        except TypeError as e:
            raise NotImplementedError(
                f"{cls.__name__} was made with arguments that a config cannot hold: {e}. It must say in get_config() what "
                f"it is made of, as in:{_EXAMPLE}"
            ) from e

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new layer, with new weights, from a config."""
        if _is_ours(cls.get_config):  # what a get_config of the user's serialized, the class takes apart by itself
            config = {k: deserialize_keras_object(v) for k, v in config.items()}
        try:
            return cls(**config)
        except TypeError as e:
            raise TypeError(f"cannot make a {cls.__name__} from its config: {e}. Received: config={config}") from e

    # ---- building ----
    def _note_build(self, inputs: list[Any], names: list[str]) -> None:
        """Keeps what the layer was built for: for each of build()'s arguments a shape or tensors, or a structure of them."""
        tensors = [_symbols(x) for x in inputs]
        leaves = flatten(tensors)
        if not leaves or any(t is None for t in leaves):
            return
        shapes = [map_structure(lambda t: list(t.shape), x) for x in tensors]
        noted: dict[str, Any] = (
            {"input_shape": shapes[0]} if len(shapes) == 1 else {"shapes_dict": dict(zip(names, shapes))}
        )
        if any(t.dtype not in ("", self._dtype) for t in leaves):
            noted["dtype"] = [t.dtype or self._dtype for t in leaves]
        object.__setattr__(self, "_build_config", noted)

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes of the inputs that it was built for; None before.

        Returns:
            ``{"input_shape": shape}``, or ``{"shapes_dict": {name: shape}}`` for several inputs; with a "dtype" for each
            where they are not the layer's own.
        """
        return self._build_config


def inputs_of(config: dict[str, Any], dtype: str) -> list[Any]:
    """Symbolic inputs as a build config tells of."""
    shapes = list(config["shapes_dict"].values()) if "shapes_dict" in config else [config["input_shape"]]
    inputs = [map_shape(s) for s in shapes]
    leaves = flatten(inputs)
    for t, given in zip(leaves, config.get("dtype") or [dtype] * len(leaves)):
        t.dtype = given
    return inputs


def _is_ours(method: Any) -> bool:
    return str(method.__module__).startswith("hornbeam.")


def _value(value: Any) -> Any:
    return activations.serialize(value) if inspect.isfunction(value) else serialize_keras_object(value)


def _symbols(x: Any) -> Any:
    """Symbolic tensors for the tensors or the shapes of a structure; those for shapes have the dtype ""."""
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return KerasTensor(tuple(d if isinstance(d, int) else None for d in x.shape), x.dtype)
    if _is_shape(x):
        symbol = KerasTensor(tuple(int(d) if isinstance(d, (int, np.integer)) else None for d in x))
        symbol.dtype = ""
        return symbol
    if isinstance(x, (tuple, list)):
        return [_symbols(v) for v in x]
    return {k: _symbols(v) for k, v in x.items()} if isinstance(x, dict) else None


def _is_shape(x: Any) -> bool:
    return isinstance(x, (tuple, list)) and all(d is None or isinstance(d, (int, np.integer, Dim)) for d in x)


def map_shape(shape: Any) -> Any:
    """Symbolic tensors for a shape or a structure of shapes."""
    if _is_shape(shape):
        return KerasTensor(tuple(shape))
    if isinstance(shape, dict):
        return {k: map_shape(v) for k, v in shape.items()}
    return [map_shape(v) for v in shape]
