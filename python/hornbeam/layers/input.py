"""The entry of a functional model."""

from __future__ import annotations

from typing import Any

from hornbeam._dtypes import standardize_dtype
from hornbeam.core.names import auto_name
from hornbeam.core.strings import STRING
from hornbeam.core.symbolic import KerasTensor
from hornbeam.core.validation import integer, optional_dims, unsupported
from hornbeam.layers.layer import Layer

__all__ = ["Input", "InputLayer"]


class InputLayer(Layer):
    """Holds a symbolic input. Use ``Input``.

    Args:
        shape: dimensions without the batch's, None where unknown.
        batch_size: the batch's size, None when any.
        dtype: element type, or "string".
        sparse, ragged: only None or False: tensors here are dense.
        batch_shape: dimensions with the batch's, instead of ``shape``.
        input_tensor: only None.
        optional: only False.
        name: its name.
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
    ) -> None:
        unsupported("sparse", sparse, None, False)
        unsupported("ragged", ragged, None, False)
        unsupported("input_tensor", input_tensor, None)
        unsupported("optional", optional, False)
        strings = dtype == STRING
        super().__init__(name=name or auto_name("input_layer"), dtype=None if strings else standardize_dtype(dtype))
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                f"exactly one of `shape` and `batch_shape` is needed. Received: shape={shape}, batch_shape={batch_shape}"
            )
        if batch_shape is not None:
            unsupported("batch_size", batch_size, None)
            dims = optional_dims("batch_shape", batch_shape)
        else:
            samples = None if batch_size is None else integer("batch_size", batch_size, 0)
            dims = (samples, *optional_dims("shape", shape))
        self.batch_shape = dims
        self.built = True
        self._tensor = KerasTensor(dims, dtype, name=self.name)
        self._tensor._input_layer = self

    @property
    def output(self) -> KerasTensor:
        """The symbolic tensor."""
        return self._tensor

    def call(self, inputs: Any) -> Any:
        """The input itself."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {"batch_shape": list(self.batch_shape), "dtype": self._tensor.dtype, "name": self.name}


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor to call layers on.

    Args:
        shape: dimensions without the batch's, None where unknown.
        batch_size: the batch's size, None when any.
        dtype: element type, or "string" for layers that take strings; None for ``floatx``.
        sparse, ragged: only None or False: tensors here are dense.
        batch_shape: dimensions with the batch's, instead of ``shape``.
        name: its name.
        tensor: a symbolic tensor to return as it is; nothing else may be given then.
        optional: only False.

    Example:
        >>> Input((8,)).shape
        (None, 8)
    """
    if tensor is None:
        layer = InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, None, optional, name)
        return layer.output
    others = {"shape": shape, "batch_size": batch_size, "dtype": dtype, "batch_shape": batch_shape, "name": name}
    for argument, value in others.items():
        unsupported(argument, value, None)
    unsupported("sparse", sparse, None, False)
    unsupported("ragged", ragged, None, False)
    unsupported("optional", optional, False)
    return tensor  # type: ignore[no-any-return]
