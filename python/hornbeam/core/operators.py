"""What tensors of all kinds and variables share: Python's operators, each the op of that name."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

Shape = tuple[Any, ...]


ops: Any = SimpleNamespace()  # the functions of ``hornbeam.ops``, which builds on tensors: it installs them here


class Operators:
    """Arithmetic, equality and order; NumPy arrays on the left leave them to us."""

    __array_priority__ = 100

    def __eq__(self, o: Any) -> Any:  # what is no number is no element's equal
        return NotImplemented if o is None or isinstance(o, str) else ops.equal(self, o)

    def __ne__(self, o: Any) -> Any:
        return NotImplemented if o is None or isinstance(o, str) else ops.not_equal(self, o)

    __hash__ = object.__hash__

    def __add__(self, o: Any) -> Any:
        return ops.add(self, o)

    def __radd__(self, o: Any) -> Any:
        return ops.add(o, self)

    def __sub__(self, o: Any) -> Any:
        return ops.subtract(self, o)

    def __rsub__(self, o: Any) -> Any:
        return ops.subtract(o, self)

    def __mul__(self, o: Any) -> Any:
        return ops.multiply(self, o)

    def __rmul__(self, o: Any) -> Any:
        return ops.multiply(o, self)

    def __truediv__(self, o: Any) -> Any:
        return ops.divide(self, o)

    def __rtruediv__(self, o: Any) -> Any:
        return ops.divide(o, self)

    def __floordiv__(self, o: Any) -> Any:
        return ops.floor_divide(self, o)

    def __rfloordiv__(self, o: Any) -> Any:
        return ops.floor_divide(o, self)

    def __mod__(self, o: Any) -> Any:
        return ops.mod(self, o)

    def __rmod__(self, o: Any) -> Any:
        return ops.mod(o, self)

    def __pow__(self, o: Any) -> Any:
        return ops.power(self, o)

    def __rpow__(self, o: Any) -> Any:
        return ops.power(o, self)

    def __matmul__(self, o: Any) -> Any:
        return ops.matmul(self, o)

    def __rmatmul__(self, o: Any) -> Any:
        return ops.matmul(o, self)

    def __neg__(self) -> Any:
        return ops.negative(self)

    def __abs__(self) -> Any:
        return ops.abs(self)

    def __pos__(self) -> Any:
        return ops.convert_to_tensor(self)

    def __invert__(self) -> Any:
        return ops.bits_inverted(self)

    def __and__(self, o: Any) -> Any:
        return ops.bits_combined("and", self, o)

    def __rand__(self, o: Any) -> Any:
        return ops.bits_combined("and", o, self)

    def __or__(self, o: Any) -> Any:
        return ops.bits_combined("or", self, o)

    def __ror__(self, o: Any) -> Any:
        return ops.bits_combined("or", o, self)

    def __xor__(self, o: Any) -> Any:
        return ops.bits_combined("xor", self, o)

    def __rxor__(self, o: Any) -> Any:
        return ops.bits_combined("xor", o, self)

    def __round__(self, ndigits: int | None = None) -> Any:
        return ops.round(self, ndigits or 0)

    def __lt__(self, o: Any) -> Any:
        return ops.less(self, o)

    def __le__(self, o: Any) -> Any:
        return ops.less_equal(self, o)

    def __gt__(self, o: Any) -> Any:
        return ops.greater(self, o)

    def __ge__(self, o: Any) -> Any:
        return ops.greater_equal(self, o)


class TensorLike(Operators):
    """A tensor of any kind: compared element by element, taken apart along its first axis."""

    shape: Shape
    dtype: str

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> Any:
        return ops.get_item(self, key)

    @property
    def T(self) -> Any:
        """The axes in reverse order."""
        return ops.transpose(self)

    @property
    def size(self) -> Any:
        """Number of elements."""
        return ops.size(self)

    def astype(self, dtype: Any) -> Any:
        """The elements in another dtype (``ops.cast``)."""
        return ops.cast(self, dtype)

    def reshape(self, *shape: Any) -> Any:
        """The elements in another shape, given whole or one dimension at a time (``ops.reshape``)."""
        return ops.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order, given whole or one at a time (``ops.transpose``); reversed without any."""
        return ops.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def squeeze(self, axis: Any = None) -> Any:
        """Without axes of size 1 (``ops.squeeze``)."""
        return ops.squeeze(self, axis)

    def ravel(self) -> Any:
        """All elements along one axis (``ops.ravel``)."""
        return ops.ravel(self)

    flatten = ravel

    # NumPy's functions call these with its arguments: np.mean(t), say.

    def sum(self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
        """``ops.sum``, of the elements in ``dtype``."""
        return ops.sum(self._as(dtype, out), axis, keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
        """``ops.mean``, of the elements in ``dtype``."""
        return ops.mean(self._as(dtype, out), axis, keepdims)

    def max(self, axis: Any = None, out: None = None, keepdims: bool = False) -> Any:
        """``ops.max``."""
        return ops.max(self._as(None, out), axis, keepdims)

    def min(self, axis: Any = None, out: None = None, keepdims: bool = False) -> Any:
        """``ops.min``."""
        return ops.min(self._as(None, out), axis, keepdims)

    def any(self, axis: Any = None, out: None = None, keepdims: bool = False) -> Any:
        """``ops.any``."""
        return ops.any(self._as(None, out), axis, keepdims)

    def all(self, axis: Any = None, out: None = None, keepdims: bool = False) -> Any:
        """``ops.all``."""
        return ops.all(self._as(None, out), axis, keepdims)

    def argmax(self, axis: Any = None, out: None = None, keepdims: bool = False) -> Any:
        """``ops.argmax``."""
        return ops.argmax(self._as(None, out), axis, keepdims)

    def argmin(self, axis: Any = None, out: None = None, keepdims: bool = False) -> Any:
        """``ops.argmin``."""
        return ops.argmin(self._as(None, out), axis, keepdims)

    def _as(self, dtype: Any, out: None) -> Any:
        if out is not None:
            raise TypeError("tensors are not written to: `out` must be None")
        return self if dtype is None else ops.cast(self, dtype)

    def __iter__(self) -> Iterator[Any]:
        if not self.shape or self.shape[0] is None:
            raise TypeError("cannot iterate over a tensor whose first dimension is not known")
        return (self[i] for i in range(self.shape[0]))


class HasValue(Operators):  # no ABC: each op asks of each argument whether it is one, which that answers slowly
    """What stands for its current value in ops: a variable. Compared by identity, so that lists can look it up."""

    @property
    def value(self) -> Any:
        """The value to compute with."""
        raise NotImplementedError(f"{type(self).__name__} must define value")
