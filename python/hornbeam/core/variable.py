"""Variables: tensors with state, which programs read and write."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from hornbeam import _core, config
from hornbeam.core.changes import changed
from hornbeam.core.names import check_name
from hornbeam.core.operators import HasValue, Shape, ops
from hornbeam.core.state import state
from hornbeam.core.tensor import _CARRIERS, Tensor, as_array, host_dtype, is_float, to_tensor, variable_value
from hornbeam.core.trace import eager_scope, recordings
from hornbeam.core.validation import choice, dims, fits_memory, unsupported


class Variable(HasValue):
    """A tensor with state, read and written by programs in place.

    Args:
        initializer: an array, a callable ``(shape, dtype) -> array``, or the name of an initializer.
        shape: required with a callable or a name.
        dtype: element type; None for ``floatx`` (or the array's).
        trainable: whether optimizers update it.
        autocast: whether a layer that computes in another float dtype than it keeps its weights in reads it in that dtype.
        aggregation: how replicas would agree on its value; there is one.
        synchronization: when they would, likewise.
        name: a name; None for "variable".
        layout: only None.

    Example:
        >>> v = Variable([1.0, 2.0])
        >>> v.assign_add([1.0, 1.0])
        >>> v.numpy().tolist()
        [2.0, 3.0]
    """

    _autocast = True
    initializer_named: ClassVar[Callable[[str], Any]]  # set by the initializers, which come after variables

    def __init__(
        self,
        initializer: Any,
        shape: Shape | None = None,
        dtype: str | None = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
        layout: Any = None,
    ) -> None:
        choice("aggregation", aggregation or "none", ("none", "mean", "sum", "only_first_replica"))
        choice("synchronization", synchronization or "none", ("none", "auto", "on_write", "on_read"))
        unsupported("layout", layout, None)
        if dtype is not None:
            dtype = config.standardize_dtype(dtype)
        if isinstance(initializer, str):
            initializer = Variable.initializer_named(initializer)
        with eager_scope():
            if callable(initializer):
                if shape is None:
                    raise ValueError("`shape` is required when `initializer` is callable. Received: shape=None")
                dtype = dtype or config.floatx()
                shape = tuple(dims("shape", shape))
                fits_memory(name or "variable", shape, dtype)
                given = initializer(shape, dtype=host_dtype(dtype))
            else:
                given = variable_value(initializer)
                if dtype is None and isinstance(given, Tensor):
                    dtype = given.dtype
            if dtype in _CARRIERS:
                raise TypeError(f"variables are of a dtype that programs compute with. Received: dtype={dtype!r}")
            array = as_array(to_tensor(given, dtype))
        self._core = _core.Variable(check_name(name or "variable"), array, bool(trainable), dtype == "bfloat16")
        self._autocast = bool(autocast)
        self.regularizer: Any = None
        self.constraint: Any = None
        self._path: str | None = None

    @property
    def name(self) -> str:
        """The variable's own name, such as "kernel"."""
        return str(self._core.name)

    @property
    def path(self) -> str:
        """The name with its layers', such as "dense/kernel"."""
        return self._path or str(self._core.name)

    @property
    def shape(self) -> Shape:
        """Dimensions as ints."""
        return tuple(self._core.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._core.shape)

    @property
    def dtype(self) -> str:
        """Name of the element type; inside a layer that computes in another one, of what it is read as."""
        own = self._own_dtype
        return state.autocast if state.autocast is not None and self._autocast and is_float(own) else own

    @property
    def _own_dtype(self) -> str:
        return str(self._core.dtype)

    @property
    def trainable(self) -> bool:
        """Whether optimizers update it."""
        return bool(self._core.trainable)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._core.trainable = bool(value)
        changed()

    @property
    def value(self) -> Any:
        """The current value, in ``dtype``: traced inside a trace, else a tensor (a copy)."""
        trace = state.trace
        return to_tensor(self.now() if trace is None else trace.read(self), self.dtype)

    def now(self) -> Tensor:
        """The value as an eager tensor (a copy) of its own dtype, which open tapes see read."""
        tensor = Tensor(self._core.numpy(), self._own_dtype)
        for recording in recordings():
            recording.saw(self, tensor)
        return tensor

    def numpy(self) -> Any:
        """The value as a NumPy array (a copy)."""
        return self._core.numpy()

    def assign(self, value: Any) -> None:
        """Replaces the value; inside a trace, when the program ends.

        Raises:
            ValueError: when the shapes differ.
        """
        value = to_tensor(value, self._own_dtype)
        trace = state.trace
        if trace is not None:
            if tuple(value.shape) != tuple(self.shape) and None not in value.shape:
                raise ValueError(
                    f"cannot assign a value of shape {value.shape} to variable {self.path} of shape {self.shape}"
                )
            trace.assign(self, value)
        else:
            array = np.asarray(value)
            if array.shape != tuple(self.shape):
                raise ValueError(
                    f"cannot assign a value of shape {array.shape} to variable {self.path} of shape {self.shape}"
                )
            self._core.assign(array)

    def zero(self) -> None:
        """Replaces the value by zeros."""
        if state.trace is None:
            self._core.assign(np.zeros(self.shape, host_dtype(self._own_dtype)))
        else:
            self.assign(ops.zeros(self.shape, self._own_dtype))

    def assign_add(self, value: Any) -> None:
        """Adds ``value``."""
        self.assign(ops.add(self, value))

    def assign_sub(self, value: Any) -> None:
        """Subtracts ``value``."""
        self.assign(ops.subtract(self, value))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        a = self.numpy()
        return a if dtype is None else a.astype(dtype)

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_core": (self.name, self._core.numpy(), self.trainable, self._own_dtype == "bfloat16")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _core=_core.Variable(*state["_core"]))

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __index__(self) -> int:
        return operator.index(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else repr(self)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"
