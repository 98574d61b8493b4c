"""Where the elements of eager tensors lie."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core.operators import Shape

__all__ = ["Buffer", "HostBuffer", "name_of"]

_names: dict[Any, str] = {}  # of NumPy's dtypes, which take microseconds to make theirs


def name_of(dtype: Any) -> str:
    """The name of a NumPy dtype: "string" for text and objects."""
    try:
        return _names[dtype]
    except KeyError:
        return _names.setdefault(dtype, "string" if dtype.kind in "USO" else str(dtype.name))


class Buffer:
    """Elements that do not change any more, in some memory: what a ``Tensor`` holds.

    A device's implementation provides ``shape`` and ``dtype`` (known without waiting or copying) and ``host``.
    """

    __slots__ = ("dtype", "shape")

    shape: Shape
    dtype: str  # "bfloat16" too, which ``host`` gives as float32

    def host(self) -> Any:
        """The elements as a NumPy array in host memory, which nobody writes to. A device copies them when it is first
        asked, and gives that array from then on."""
        raise NotImplementedError(f"{type(self).__name__} must define host()")


class HostBuffer(Buffer):
    """A NumPy array.

    Args:
        array: or what NumPy makes one of.
        dtype: its dtype; None for its own.
    """

    __slots__ = ("_array",)

    def __init__(self, array: Any, dtype: str | None = None) -> None:
        if dtype == "bfloat16":
            self._array, self.dtype = _as_bfloat16(array), dtype
        else:
            if dtype is not None or type(array) is not np.ndarray:
                array = np.asarray(array, dtype=dtype)
            self._array, self.dtype = array, name_of(array.dtype)
        self.shape = self._array.shape

    def host(self) -> Any:
        """The array itself."""
        return self._array


def _as_bfloat16(a: Any) -> Any:
    """Floats rounded to bfloat16, which NumPy lacks: in float32, to even, the upper half of the bits."""
    a = np.asarray(a, dtype="float32", order="C")
    bits = a.view("uint32")
    bits = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(a), a, bits.view("float32"))
