"""The three kinds of value - eager, traced, symbolic - and how an op is applied to each.

``emit`` is the single place where ops enter the core: on eager tensors it runs a cached one-op program, inside a trace
it appends to the graph, on symbolic tensors it records a node of a functional model.
"""

from __future__ import annotations

import threading
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam import _core, config

Shape = tuple[Any, ...]

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_ORDER = ("bool", "uint8", "int32", "int64")


class _State(threading.local):
    def __init__(self) -> None:
        self.trace: Trace | None = None
        self.tapes: list[Any] = []


_state = _State()


class TensorLike:
    """Operators shared by all kinds of tensors."""

    __array_priority__ = 100
    shape: Shape
    dtype: str

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

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

    def __eq__(self, o: Any) -> Any:
        return _ops().equal(self, o)

    def __ne__(self, o: Any) -> Any:
        return _ops().not_equal(self, o)

    def __lt__(self, o: Any) -> Any:
        return _ops().less(self, o)

    def __le__(self, o: Any) -> Any:
        return _ops().less_equal(self, o)

    def __gt__(self, o: Any) -> Any:
        return _ops().greater(self, o)

    def __ge__(self, o: Any) -> Any:
        return _ops().greater_equal(self, o)

    __hash__ = object.__hash__

    def __getitem__(self, key: Any) -> Any:
        return _ops().get_item(self, key)

    def __iter__(self) -> Iterator[Any]:
        if not self.shape or self.shape[0] is None:
            raise TypeError("cannot iterate over a tensor whose first dimension is not known")
        return (self[i] for i in range(self.shape[0]))


class Tensor(TensorLike):
    """A tensor with a value: what eager ops return. ``np.asarray`` and ``.numpy()`` give its array."""

    def __init__(self, array: Any, dtype: str | None = None) -> None:
        self._array = np.asarray(array) if dtype is None else np.asarray(array, dtype=dtype)

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        """Dimensions as ints."""
        return self._array.shape

    @property
    def dtype(self) -> str:  # type: ignore[override]
        """Name of the element type."""
        return str(self._array.dtype)

    def numpy(self) -> Any:
        """The value as a NumPy array (a copy)."""
        return self._array.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self._array if dtype is None else self._array.astype(dtype)

    def __float__(self) -> float:
        return float(self._array)

    def __int__(self) -> int:
        return int(self._array)

    def __index__(self) -> int:
        return self._array.__index__()

    def __bool__(self) -> bool:
        return bool(self._array)

    def __len__(self) -> int:
        return len(self._array)

    def __format__(self, spec: str) -> str:
        return format(self._array.item() if self._array.ndim == 0 else self._array, spec)

    def __repr__(self) -> str:
        return f"Tensor(shape={self.shape}, dtype={self.dtype}, value={self._array!r})"


class Traced(TensorLike):
    """A value of a graph being traced: it has a shape and a dtype, and no numbers yet."""

    def __init__(self, trace: Trace, value: Any) -> None:
        self._trace, self._value = trace, value
        self._keras_mask: Any = None

    @property
    def dims(self) -> Shape:
        """Dimensions as ints, or expressions where they are known only when the graph runs."""
        return tuple(self._trace.graph.shape(self._value))

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        """Dimensions as ints, None where they are known only when the graph runs (see ``ops.shape``)."""
        return tuple(d if isinstance(d, int) else None for d in self.dims)

    @property
    def dtype(self) -> str:  # type: ignore[override]
        """Name of the element type."""
        return str(self._trace.graph.dtype(self._value))

    def _no_value(self, what: str) -> TypeError:
        frame = next(
            (
                f
                for f in reversed(traceback.extract_stack())
                if "/hornbeam/" not in f.filename.replace("\\", "/") or "/hornbeam/examples/" in f.filename
            ),
            None,
        )
        where = f" at {frame.filename}:{frame.lineno}: {frame.line}" if frame else ""
        return TypeError(
            f"{what} was called on a traced value of shape {self.shape}, which has no numbers while the step is being "
            f"compiled{where}. Use `ops.cond` or `ops.while_loop`, or compile(..., run_eagerly=True)."
        )

    def __bool__(self) -> bool:
        raise self._no_value("bool()")

    def __float__(self) -> float:
        raise self._no_value("float()")

    def __int__(self) -> int:
        raise self._no_value("int()")

    def __index__(self) -> int:
        raise self._no_value("int()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise self._no_value("numpy()")

    def numpy(self) -> Any:
        """Raises TypeError: a traced value has no numbers."""
        raise self._no_value("numpy()")

    def __len__(self) -> int:
        if not self.shape or self.shape[0] is None:
            raise self._no_value("len()")
        return int(self.shape[0])

    def __repr__(self) -> str:
        return f"<Traced shape={self.shape} dtype={self.dtype}>"


class KerasTensor(TensorLike):
    """A symbolic input or output of layers, from which functional models are made.

    Args:
        shape: dimensions, None where unknown.
        dtype: name of the element type.
        name: optional name.
    """

    def __init__(self, shape: Shape, dtype: str = "float32", name: str | None = None, history: Any = None) -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.name = name
        self._keras_history = history  # (node, index of the output)
        self._keras_mask: Any = None

    def __bool__(self) -> bool:
        raise TypeError("a symbolic KerasTensor has no value; it cannot be used as a Python bool")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError("a symbolic KerasTensor has no value; build a Model from it and call predict()")

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape} dtype={self.dtype} name={self.name}>"


class Trace:
    """A graph under construction. Values and variables of an enclosing trace become explicit inputs."""

    def __init__(self, parent: Trace | None = None) -> None:
        self.graph = _core.Graph()
        self.parent = parent
        self.captures: list[Any] = []  # Traced of the parent, in the order of `capture_inputs`
        self.capture_inputs: list[Any] = []
        self._capture_index: dict[Any, Any] = {}
        self.reads: dict[int, tuple[Any, Any]] = {}  # id(variable) -> (variable, current value), sub-traces only
        self.assigned: dict[int, tuple[Any, Any]] = {}

    def __enter__(self) -> Trace:
        self._outer = _state.trace
        _state.trace = self
        return self

    def __exit__(self, *exc: object) -> None:
        _state.trace = self._outer

    def wrap(self, value: Any) -> Traced:
        """The value as a tensor."""
        return Traced(self, value)

    def input(self, name: str, dtype: str, shape: Shape) -> Traced:
        """Adds an input."""
        return self.wrap(self.graph.input(name, dtype, shape))

    def constant(self, array: Any) -> Traced:
        """Adds a constant."""
        return self.wrap(self.graph.constant(array))

    def value_of(self, tensor: Traced) -> Any:
        """The tensor's value in this graph, captured when it belongs to an enclosing trace."""
        if tensor._trace is self:
            return tensor._value
        t: Trace | None = self
        while t is not None and t is not tensor._trace:
            t = t.parent
        if t is None:
            raise ValueError("a traced value was used outside the function that was traced. Return it instead.")
        key = (id(tensor._trace), tensor._value)
        if key not in self._capture_index:
            assert self.parent is not None
            outer = self.parent.wrap(self.parent.value_of(tensor))
            self._capture_index[key] = self._capture(outer)
        return self._capture_index[key]

    def _capture(self, outer: Traced) -> Any:
        inner = self.graph.input(f"capture{len(self.captures)}", outer.dtype, outer.dims)
        self.captures.append(outer)
        self.capture_inputs.append(inner)
        return inner

    def read(self, variable: Any) -> Traced:
        """The variable's current value."""
        if self.parent is None:
            return self.wrap(self.graph.read(variable._core))
        if id(variable) not in self.reads:
            self.reads[id(variable)] = (variable, self._capture(self.parent.read(variable)))
        if id(variable) in self.assigned:
            return self.wrap(self.assigned[id(variable)][1])
        return self.wrap(self.reads[id(variable)][1])

    def assign(self, variable: Any, value: Traced) -> None:
        """Gives the variable a new value."""
        if self.parent is None:
            self.graph.assign(variable._core, self.value_of(value))
            return
        self.read(variable)
        self.assigned[id(variable)] = (variable, self.value_of(value))


def current_trace() -> Trace | None:
    """The innermost trace of this thread, if any."""
    return _state.trace


class eager_scope:
    """Inside, ops run at once even when a trace is open: for creating weights while tracing."""

    def __enter__(self) -> None:
        self._saved = _state.trace
        self._tapes = _state.tapes
        _state.trace, _state.tapes = None, []

    def __exit__(self, *exc: object) -> None:
        _state.trace, _state.tapes = self._saved, self._tapes


def made_by(op: str, x: Any) -> Traced | None:
    """What the op ``op`` made the traced ``x`` of, or None when something else made it."""
    if not isinstance(x, Traced) or x._trace.graph.op_of(x._value) != op:
        return None
    return x._trace.wrap(x._trace.graph.inputs_of(x._value)[0])


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor of any kind (not a variable or an array)."""
    return isinstance(x, TensorLike)


def as_array(x: Any, dtype: str | None = None) -> Any:
    """``x`` as a NumPy array of a supported dtype; float64 lists become ``floatx``, wide ints int32."""
    if isinstance(x, Tensor):
        a = x._array
    elif isinstance(x, (np.ndarray, np.generic)):
        a = np.asarray(x)
    else:
        if isinstance(x, (list, tuple)) and any(isinstance(i, TensorLike) for i in x):
            x = [np.asarray(i) for i in x]
        a = np.asarray(x)
        if a.dtype == np.float64:
            a = a.astype(config.floatx())
        elif a.dtype == np.int64 and (a.size == 0 or (abs(int(a.max())) < 2**31 and abs(int(a.min())) < 2**31)):
            a = a.astype("int32")
    if a.dtype.kind not in "fiub":
        raise TypeError(f"arrays must be of a real numeric dtype or bool. Received: dtype={a.dtype}")
    if not a.dtype.isnative:
        a = a.astype(a.dtype.newbyteorder("="))
    if dtype is None and a.dtype.name not in ("float32", "float64", "float16", "int32", "int64", "uint8", "bool"):
        dtype = (
            "int32" if a.dtype.name in ("int8", "int16", "uint16") else "int64" if a.dtype.kind in "iu" else "float64"
        )
    if dtype is not None and dtype != "bfloat16" and a.dtype.name != dtype:
        a = a.astype(dtype)
    return a


def promote(*dtypes: str) -> str:
    """The dtype that holds all of these: the widest float if any, else the widest int (Keras' rules)."""
    floats = [d for d in dtypes if d in _FLOATS]
    if floats:
        kinds = set(floats)
        if kinds == {"float16", "bfloat16"}:
            return "float32"
        return max(floats, key=_FLOATS.index)
    return max(dtypes, key=_ORDER.index)


def variable_value(x: Any) -> Any:
    """A variable's value; anything else unchanged."""
    return x.value if isinstance(x, Variable) else x


def _ops() -> Any:
    from hornbeam import ops

    return ops


_programs: OrderedDict[Any, Any] = OrderedDict()
_PROGRAMS_KEPT = 512


def _run_eager(op: str, inputs: list[Any], attrs: dict[str, Any]) -> list[Tensor]:
    key = (op, tuple((a.shape, a.dtype.name) for a in inputs), repr(sorted(attrs.items())) if attrs else "")
    executable = _programs.get(key) if "rule" not in attrs and "body" not in attrs else None
    if executable is None:
        graph = _core.Graph()
        values = [graph.input(f"x{i}", a.dtype.name, a.shape) for i, a in enumerate(inputs)]
        for i, out in enumerate(graph.add(op, values, attrs)):
            graph.output(f"y{i}", out)
        executable = _core.Executable(graph)
        if not {"rule", "body", "then", "cond"} & set(attrs):
            _programs[key] = executable
            if len(_programs) > _PROGRAMS_KEPT:
                _programs.popitem(last=False)
    else:
        _programs.move_to_end(key)
    return [Tensor(a) for a in executable.run(inputs)]


def emit(op: str, inputs: list[Any], **attrs: Any) -> list[Any]:
    """Applies a core op and returns its outputs."""
    if any(isinstance(x, KerasTensor) for x in inputs):
        from hornbeam.models._functional_graph import record_op

        return record_op(op, inputs, attrs)
    trace = _state.trace
    inputs = [variable_value(x) for x in inputs]
    if trace is None:
        for x in inputs:
            if isinstance(x, Traced):
                raise ValueError("a traced value was used outside the function that was traced. Return it instead.")
        arrays = [as_array(x) for x in inputs]
        outputs = _run_eager(op, arrays, attrs)
        for tape in _state.tapes:
            tape._record(op, inputs, attrs, outputs)
        return outputs
    values = [trace.value_of(x) if isinstance(x, Traced) else trace.graph.constant(as_array(x)) for x in inputs]
    return [trace.wrap(v) for v in trace.graph.add(op, values, attrs)]


def emit1(op: str, inputs: list[Any], **attrs: Any) -> Any:
    """``emit`` for an op with one output."""
    return emit(op, inputs, **attrs)[0]


def to_tensor(x: Any, dtype: str | None = None) -> Any:
    """``x`` as a tensor of the kind the context calls for; ``dtype`` None keeps its own."""
    x = variable_value(x)
    if isinstance(x, _core.Dim):
        trace = _state.trace
        if trace is None:
            raise TypeError(f"the dimension {x} has a value only inside a graph")
        return emit1("dim_value", [], dim=[x], dtype=dtype or "int32")
    if not isinstance(x, TensorLike):
        if isinstance(x, (list, tuple)) and any(isinstance(i, (Traced, KerasTensor, _core.Dim)) for i in x):
            return _ops().stack([to_tensor(i) for i in x])
        array = as_array(x, dtype)
        trace = _state.trace
        return Tensor(array) if trace is None else trace.constant(array)
    if dtype is not None and x.dtype != dtype:
        return emit1("cast", [x], dtype=dtype)
    return x


def dims_of(x: Any) -> Shape:
    """Dimensions usable as a shape parameter: expressions where they are not known."""
    x = variable_value(x)
    if isinstance(x, Traced):
        return x.dims
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


class Variable:
    """A tensor with state, read and written by programs in place.

    Args:
        initializer: an array, or a callable ``(shape, dtype) -> array``.
        shape: required with a callable.
        dtype: element type; None for ``floatx`` (or the array's).
        trainable: whether optimizers update it.
        name: a name; None for "variable".

    Example:
        >>> v = Variable([1.0, 2.0])
        >>> v.assign_add([1.0, 1.0])
        >>> v.numpy().tolist()
        [2.0, 3.0]
    """

    def __init__(
        self,
        initializer: Any,
        shape: Shape | None = None,
        dtype: str | None = None,
        trainable: bool = True,
        name: str | None = None,
        **_: Any,
    ) -> None:
        with eager_scope():
            if callable(initializer):
                if shape is None:
                    raise ValueError("`shape` is required when `initializer` is callable. Received: shape=None")
                array = as_array(initializer(tuple(shape), dtype=dtype or config.floatx()), dtype or config.floatx())
            else:
                array = as_array(variable_value(initializer), dtype)
        self._core = _core.Variable(name or "variable", array, trainable)
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
        """Name of the element type."""
        return str(self._core.dtype)

    @property
    def trainable(self) -> bool:
        """Whether optimizers update it."""
        return bool(self._core.trainable)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._core.trainable = bool(value)

    @property
    def value(self) -> Any:
        """The current value: traced inside a trace, else a tensor (a copy)."""
        trace = _state.trace
        if trace is not None:
            return trace.read(self)
        tensor = Tensor(self._core.numpy())
        for tape in _state.tapes:
            tape._watch_variable(self, tensor)
        return tensor

    def numpy(self) -> Any:
        """The value as a NumPy array (a copy)."""
        return self._core.numpy()

    def assign(self, value: Any) -> None:
        """Replaces the value; inside a trace, when the program ends.

        Raises:
            ValueError: when the shapes differ.
        """
        value = to_tensor(value, self.dtype)
        trace = _state.trace
        if trace is not None:
            if tuple(value.shape) != tuple(self.shape) and None not in value.shape:
                raise ValueError(
                    f"cannot assign a value of shape {value.shape} to variable {self.path} of shape {self.shape}"
                )
            trace.assign(self, value)
        else:
            array = np.asarray(value, dtype=self.dtype)
            if array.shape != tuple(self.shape):
                raise ValueError(
                    f"cannot assign a value of shape {array.shape} to variable {self.path} of shape {self.shape}"
                )
            self._core.assign(array)

    def assign_add(self, value: Any) -> None:
        """Adds ``value``."""
        self.assign(_ops().add(self, value))

    def assign_sub(self, value: Any) -> None:
        """Subtracts ``value``."""
        self.assign(_ops().subtract(self, value))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        a = self.numpy()
        return a if dtype is None else a.astype(dtype)

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"

    __array_priority__ = 100
    __hash__ = object.__hash__


def _add_operators() -> None:
    names = [
        n
        for n in vars(TensorLike)
        if n.startswith("__")
        and n not in Variable.__dict__
        and n
        not in (
            "__module__",
            "__doc__",
            "__dict__",
            "__weakref__",
            "__array_priority__",
            "__hash__",
            "__iter__",
            "__annotations__",
        )
    ]
    for name in names:
        if name in ("__eq__", "__ne__"):
            continue  # variables are compared by identity, so that they can be looked up in lists
        method = getattr(TensorLike, name)
        setattr(Variable, name, lambda self, *a, _m=method: _m(self, *a))


_add_operators()
