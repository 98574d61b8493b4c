"""The base of all layers."""

from __future__ import annotations

from typing import Any

from hornbeam import dtype_policies, regularizers
from hornbeam.core.names import auto_name, check_name, to_snake_case
from hornbeam.core.registry import argument_names, register_builtin
from hornbeam.core.validation import optional_dims, unexpected
from hornbeam.layers.base.building import whole
from hornbeam.layers.base.call import Called
from hornbeam.layers.base.config import Configured

__all__ = ["Layer"]


@register_builtin
class Layer(Configured, Called):
    """A piece of a model: weights made by ``build``, used by ``call``.

    Args:
        activity_regularizer: a penalty on its output, added to the loss.
        trainable: whether its weights are trained.
        dtype: a dtype's name, a ``DTypePolicy`` or its name, None for ``config.dtype_policy()``: what its weights are
            kept in, and what it computes in.
        autocast: whether float inputs are cast to what the layer computes in.
        name: a name, None for one made from the class.
        input_shape, input_dim, batch_input_shape: of the ``Input`` that a ``Sequential`` puts before it.

    Subclasses define ``call`` in terms of ``hb.ops`` or other layers, make weights with ``add_weight`` in ``build`` (or in
    the constructor), and return what they are made of from ``get_config``.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("hornbeam."):
            register_builtin(cls)
            cls._nothing_to_build = cls.build is Layer.build and cls.__module__.startswith("hornbeam.layers.")
        if "build" in vars(cls):
            cls._nothing_to_build = False
            cls.build = whole(vars(cls)["build"])  # type: ignore[method-assign]

    input_dtype: str | None = None  # of the Input that a model makes before it, None for floatx
    _nothing_to_build = False  # whether it is one of the package's own layers without weights and layers inside
    _init_args: tuple[Any, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        self._init_args = (args, kwargs)
        return self

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
        **unknown: Any,
    ) -> None:
        for argument in unknown:
            raise unexpected(self, argument, argument_names(type(self)))
        self.name = check_name(name or auto_name(to_snake_case(type(self).__name__)))
        self._trainable = bool(trainable)
        self._dtype_policy = dtype_policies.get(dtype)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.supports_masking, self.autocast = False, bool(autocast)
        self.built = self._nothing_to_build
        self._fixed = None
        if input_dim is not None:
            input_shape = (input_dim,)
        if input_shape is None and batch_input_shape is not None:
            input_shape = optional_dims("batch_input_shape", batch_input_shape)[1:]
        self._input_shape_arg = None if input_shape is None else optional_dims("input_shape", input_shape)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"
