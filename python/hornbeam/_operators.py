"""What tensors of all kinds and variables share: Python's operators, each the op of that name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

Shape = tuple[Any, ...]


def _ops() -> Any:
    from hornbeam import ops

    return ops


class Operators:
    """Arithmetic and order; NumPy arrays on the left leave them to us."""

    __array_priority__ = 100

    def __add__(self, o: Any) -> Any:
        return _ops().add(self, o)

    def __radd__(self, o: Any) -> Any:
        return _ops().add(o, self)

    def __sub__(self, o: Any) -> Any:
        return _ops().subtract(self, o)

    def __rsub__(self, o: Any) -> Any:
        return _ops().subtract(o, self)

    def __mul__(self, o: Any) -> Any:
        return _ops().multiply(self, o)

    def __rmul__(self, o: Any) -> Any:
        return _ops().multiply(o, self)

    def __truediv__(self, o: Any) -> Any:
        return _ops().divide(self, o)

    def __rtruediv__(self, o: Any) -> Any:
        return _ops().divide(o, self)

    def __floordiv__(self, o: Any) -> Any:
        return _ops().floor_divide(self, o)

    def __rfloordiv__(self, o: Any) -> Any:
        return _ops().floor_divide(o, self)

    def __mod__(self, o: Any) -> Any:
        return _ops().mod(self, o)

    def __pow__(self, o: Any) -> Any:
        return _ops().power(self, o)

    def __rpow__(self, o: Any) -> Any:
        return _ops().power(o, self)

    def __matmul__(self, o: Any) -> Any:
        return _ops().matmul(self, o)

    def __rmatmul__(self, o: Any) -> Any:
        return _ops().matmul(o, self)

    def __neg__(self) -> Any:
        return _ops().negative(self)

    def __abs__(self) -> Any:
        return _ops().abs(self)

    def __invert__(self) -> Any:
        return _ops().logical_not(self)

    def __and__(self, o: Any) -> Any:
        return _ops().logical_and(self, o)

    def __or__(self, o: Any) -> Any:
        return _ops().logical_or(self, o)

    def __xor__(self, o: Any) -> Any:
        return _ops().logical_xor(self, o)

    def __lt__(self, o: Any) -> Any:
        return _ops().less(self, o)

    def __le__(self, o: Any) -> Any:
        return _ops().less_equal(self, o)

    def __gt__(self, o: Any) -> Any:
        return _ops().greater(self, o)

    def __ge__(self, o: Any) -> Any:
        return _ops().greater_equal(self, o)


class TensorLike(Operators):
    """A tensor of any kind: compared element by element, taken apart along its first axis."""

    shape: Shape
    dtype: str

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __eq__(self, o: Any) -> Any:
        return _ops().equal(self, o)

    def __ne__(self, o: Any) -> Any:
        return _ops().not_equal(self, o)

    __hash__ = object.__hash__

    def __getitem__(self, key: Any) -> Any:
        return _ops().get_item(self, key)

    def __iter__(self) -> Iterator[Any]:
        if not self.shape or self.shape[0] is None:
            raise TypeError("cannot iterate over a tensor whose first dimension is not known")
        return (self[i] for i in range(self.shape[0]))


class HasValue(Operators, ABC):
    """What stands for its current value in ops: a variable. Compared by identity, so that lists can look it up."""

    @property
    @abstractmethod
    def value(self) -> Any:
        """The value to compute with."""
