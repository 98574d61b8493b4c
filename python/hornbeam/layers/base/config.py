"""What a layer's config says, and how a layer is made from one."""

from __future__ import annotations

import inspect
from typing import Any

from hornbeam import activations
from hornbeam._dtype_policy import DTypePolicy
from hornbeam.core.registry import (
    argument_names,
    constructor_is_ours,
    deserialize_keras_object,
    is_builtin,
    serialize_keras_object,
)
from hornbeam.core.tree import flatten

__all__ = ["Configured"]

_EXAMPLE = """

    def get_config(self):
        return {**super().get_config(), "units": self.units}"""


class Configured:
    """The part of ``Layer`` that makes configs and reads them."""

    name: str
    built: bool
    activity_regularizer: Any
    dtype_policy: DTypePolicy
    _trainable: bool
    _init_args: tuple[Any, Any]
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
        out: dict[str, Any] = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype_config()}
        if self.activity_regularizer is not None and "activity_regularizer" not in self._not_attributes:
            out["activity_regularizer"] = serialize_keras_object(self.activity_regularizer)
        return {**out, **self._attributes(known)}

    # ---- what a model's file keeps beside configs and weights ----
    def _assets(self) -> dict[str, Any]:
        """Arrays by name: what the layer learned of data that is no weight."""
        return {}

    def _restore_assets(self, arrays: dict[str, Any]) -> None:
        """Takes in what ``_assets`` gave."""
        raise ValueError(f"layer {self.name!r} keeps no arrays of its own. Received: {sorted(arrays)}")

    def _dtype_config(self) -> Any:
        """A dtype's name, or the config of a policy of several."""
        policy = self.dtype_policy
        return policy.name if policy.compute_dtype == policy.variable_dtype else serialize_keras_object(policy)

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


def _is_ours(method: Any) -> bool:
    return str(method.__module__).startswith("hornbeam.")


def _value(value: Any) -> Any:
    return activations.serialize(value) if inspect.isfunction(value) else serialize_keras_object(value)
