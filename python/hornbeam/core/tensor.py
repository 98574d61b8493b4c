"""Tensors with a value, and how an op is applied to tensors of each kind.

``emit`` is the single place where ops enter the core: on eager tensors it runs a cached one-op program, inside a trace
it appends to the graph, on symbolic tensors it records a node of a functional model.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from hornbeam import _core, config
from hornbeam.core.buffer import Buffer, HostBuffer, name_of
from hornbeam.core.operators import HasValue, Shape, TensorLike, ops
from hornbeam.core.programs import ProgramCache
from hornbeam.core.state import state
from hornbeam.core.symbolic import KerasTensor
from hornbeam.core.trace import Trace, Traced, recordings
from hornbeam.core.tree import flatten, map_structure

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_CARRIERS = {"int8": "int32", "int16": "int32", "uint16": "int32", "uint32": "int64"}  # what programs hold them in
_PLACES = frozenset(op for op in _core.list_ops() if _core.op_gives_positions(op))  # not numbers of the inputs' kind


class Tensor(TensorLike):
    """A tensor with a value: what eager ops return. ``np.asarray`` and ``.numpy()`` give its array.

    It is a handle on a buffer, whose shape and dtype are known at once, and whose elements come to host memory when they
    are asked for. bfloat16, which NumPy lacks, comes as float32. int8, int16, uint16 and uint32 are kept by eager ops
    alone: compiled programs take them in as int32 and int64.

    Args:
        array: an array, or what NumPy makes one of, or a buffer.
        dtype: an array's, None for its own.
    """

    def __init__(self, array: Any, dtype: str | None = None) -> None:
        self._buffer: Buffer = array if isinstance(array, Buffer) else HostBuffer(array, dtype)

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        """Dimensions as ints."""
        return self._buffer.shape

    @property
    def dtype(self) -> str:  # type: ignore[override]
        """Name of the element type."""
        return self._buffer.dtype

    def numpy(self) -> Any:
        """The value as a NumPy array (a copy)."""
        return self._buffer.host().copy()

    def item(self, *index: int) -> Any:
        """The element at ``index`` as a Python number; without one, that of a tensor that has a single element.

        Raises:
            ValueError: when there are several elements and no index.
        """
        return self._buffer.host().item(*index)

    def tolist(self) -> Any:
        """The elements as Python numbers in nested lists."""
        return self._buffer.host().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self._buffer.host()
        if copy or (dtype is not None and array.dtype != dtype):
            if copy is False:
                raise ValueError(f"the elements are {self.dtype}: as {dtype} they cannot be had without a copy")
            return array.astype(array.dtype if dtype is None else dtype)
        view = array.view()
        view.flags.writeable = False  # others hold the tensor
        return view

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return operator.index(self._buffer.host())

    def __bool__(self) -> bool:
        return bool(self._buffer.host())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return int(self.shape[0])

    def __getitem__(self, key: Any) -> Any:
        if self.dtype == "string":  # ops compute with numbers alone
            return Tensor(np.asarray(self._buffer.host()[key], object))
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        if state.trace is None or self.dtype in ("bfloat16", "string"):
            return super().__iter__()
        return (Tensor(a) for a in self._buffer.host())  # known numbers stay known

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.ndim == 0 else self._buffer.host(), spec)

    def __repr__(self) -> str:
        return f"Tensor(shape={self.shape}, dtype={self.dtype}, value={self._buffer.host()!r})"


def is_float(dtype: str) -> bool:
    """Whether a dtype's name is a float's."""
    return dtype in _FLOATS


def host_dtype(dtype: str) -> str:
    """The dtype of NumPy's arrays for elements of a dtype: float32 for bfloat16, which NumPy lacks."""
    return "float32" if dtype == "bfloat16" else dtype


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor of any kind (not a variable or an array)."""
    return isinstance(x, TensorLike)


def plain_array(x: Any) -> Any:
    """``x`` as a NumPy array; a masked one must not hide anything, for what is under its mask would be taken as it is."""
    if isinstance(x, np.ndarray) and type(x) is not np.ndarray and np.any(getattr(x, "mask", False)):
        raise ValueError("masked values must be filled first: x.filled(value). Received: an array with a mask")
    return np.asarray(x)


_INTEGERS = {t: (int(np.iinfo(t).min), int(np.iinfo(t).max)) for t in ("uint8", "int32", "int64", *_CARRIERS)}


def _check_held(low: int, high: int, dtype: str) -> None:
    least, most = _INTEGERS[dtype]
    if low < least or high > most:
        raise ValueError(f"{dtype} holds ints in [{least}, {most}]. Received: {low if low < least else high}")


def as_array(x: Any, dtype: str | None = None) -> Any:
    """``x`` as a NumPy array of a dtype that programs take; without one, Python's floats become ``floatx`` and its ints
    int32 where that holds them.

    Raises:
        TypeError: for what is not numeric.
        ValueError: for an int of Python's that the dtype does not hold, and for masked values.
    """
    if dtype is None and (type(x) is Tensor or type(x) is np.ndarray):
        a = x._buffer.host() if type(x) is Tensor else x
        if a.dtype in _AS_THEY_ARE:
            return a
    a = _own_array(x, dtype)
    if dtype is None:
        if a.dtype.kind == "u" and a.dtype.itemsize == 8:
            if a.size and a.max() >= 2**63:
                raise ValueError(f"ints must be below 2**63. Received: {a.max()}")
            dtype = "int64"
        else:
            name = name_of(a.dtype)
            dtype = _CARRIERS.get(name) or ("float64" if name not in _NUMPY_DTYPES else None)
    if dtype is not None and dtype != "bfloat16" and name_of(a.dtype) != dtype:
        a = a.astype(dtype)
    return a


_NUMPY_DTYPES = ("float32", "float64", "float16", "int32", "int64", "uint8", "bool")
_AS_THEY_ARE = {np.dtype(name) for name in _NUMPY_DTYPES}  # not the other order of bytes


def _own_array(x: Any, dtype: str | None = None) -> Any:
    """``x`` as an array of its own dtype, checked against the one that it is to become."""
    if isinstance(x, int):
        _check_held(x, x, dtype if dtype in _INTEGERS else "int64")
    if isinstance(x, Tensor):
        a = x._buffer.host()
    elif isinstance(x, (np.ndarray, np.generic)):
        a = plain_array(x)
    else:
        if isinstance(x, (list, tuple)) and any(isinstance(i, (TensorLike, HasValue)) for i in flatten(x)):
            x = map_structure(lambda i: np.asarray(i) if isinstance(i, (TensorLike, HasValue)) else i, x)
        a = np.asarray(x)
        if dtype is None and a.dtype == np.float64:
            a = a.astype(config.floatx())
        elif dtype is None and a.dtype == np.int64:
            a = a if a.size and (a.max() >= 2**31 or a.min() < -(2**31)) else a.astype("int32")
        elif dtype in _INTEGERS and a.dtype.kind in "iu" and a.size:
            _check_held(int(a.min()), int(a.max()), str(dtype))
    if a.dtype.kind not in "fiub":
        raise TypeError(f"arrays must be of a real numeric dtype or bool. Received: dtype={a.dtype}")
    return a if a.dtype.isnative else a.astype(a.dtype.newbyteorder("="))


_SIGNED = ("int8", "int16", "int32", "int64")
_UNSIGNED = ("uint8", "uint16", "uint32")


@functools.lru_cache(maxsize=256)
def promote(*dtypes: str) -> str:
    """The dtype that holds all of these: the widest float if any, else the narrowest int that holds the ints (Keras'
    rules)."""
    floats = [d for d in dtypes if d in _FLOATS]
    if floats:
        kinds = set(floats)
        if kinds == {"float16", "bfloat16"}:
            return "float32"
        return max(floats, key=_FLOATS.index)
    signed = [_SIGNED.index(d) for d in dtypes if d in _SIGNED]
    unsigned = [_UNSIGNED.index(d) for d in dtypes if d in _UNSIGNED]
    if not signed:
        return _UNSIGNED[max(unsigned)] if unsigned else "bool"
    return _SIGNED[max(max(signed), max(unsigned) + 1 if unsigned else 0)]


def variable_value(x: Any) -> Any:
    """A variable's value; anything else unchanged."""
    return x.value if isinstance(x, HasValue) else x


_programs = ProgramCache(most=512)
_CALLED = frozenset({"rule", "body", "then", "cond"})  # what attributes name that are functions


def forget_programs() -> None:
    """Drops the programs of eager ops."""
    _programs.clear()


def _run_eager(op: str, inputs: list[Any], dtypes: list[str], attrs: dict[str, Any]) -> list[Tensor]:
    shapes = tuple([a.shape for a in inputs])
    key = (op, shapes, tuple(dtypes), repr(attrs) if attrs else "", _core.program_key())
    kept = not attrs or _CALLED.isdisjoint(attrs)
    entry = _programs.get(key) if kept else None
    if entry is None:
        graph = _core.Graph()
        values = [graph.input(f"x{i}", d, a.shape) for i, (a, d) in enumerate(zip(inputs, dtypes))]
        outs = graph.add(op, values, attrs)
        for i, out in enumerate(outs):
            graph.output(f"y{i}", out)
        entry = _EagerProgram(_core.Executable(graph), [str(graph.dtype(out)) for out in outs])
        if kept:
            _programs.put(key, entry)
    arrays = entry.executable.run(inputs)
    if "bfloat16" in entry.dtypes:
        return [Tensor(a, d) if d == "bfloat16" else Tensor(a) for a, d in zip(arrays, entry.dtypes)]
    return [Tensor(a) for a in arrays]


def dtype_name(x: Any) -> str:
    """The dtype of a tensor or array; of anything else, none."""
    return str(getattr(x, "dtype", ""))


class _EagerProgram(NamedTuple):
    executable: Any
    dtypes: list[str]


def _narrowed(op: str, narrow: list[str], outputs: list[Tensor]) -> list[Tensor]:
    """Results in the narrow ints of inputs, which the program held in wider ones."""
    if op in _PLACES or op == "cast":
        return outputs
    dtype = promote(*narrow)
    return [Tensor(np.asarray(t, dtype)) if t.dtype == _CARRIERS[dtype] else t for t in outputs]


def emit(op: str, inputs: list[Any], **attrs: Any) -> list[Any]:
    """Applies a core op and returns its outputs."""
    for x in inputs:
        if isinstance(x, KerasTensor):
            return KerasTensor.record_op(op, inputs, attrs)
    trace = state.trace
    inputs = [x if isinstance(x, Tensor) else variable_value(x) for x in inputs]
    if trace is not None:
        return [trace.wrap(v) for v in trace.graph.add(op, [lift(trace, x) for x in inputs], attrs)]
    arrays: list[Any] = []
    dtypes: list[str] = []
    narrow: list[str] = []
    for x in inputs:
        own = x._buffer.dtype if isinstance(x, Tensor) else ""
        if not own and isinstance(x, Traced):
            raise ValueError("a traced value was used outside the function that was traced. Return it instead.")
        if own in _CARRIERS:
            narrow.append(own)
        array = as_array(x)
        arrays.append(array)
        dtypes.append(own if own == "bfloat16" else name_of(array.dtype))
    outputs = _run_eager(op, arrays, dtypes, attrs)
    if narrow:
        outputs = _narrowed(op, narrow, outputs)
    if state.tapes:
        if attrs.get("dtype") == "bfloat16":
            attrs = {**attrs, "dtype": "float32"}  # a tape differentiates what it holds in wide numbers
        for recording in recordings():
            recording.record(op, inputs, arrays, attrs, outputs)
    return outputs


def lift(trace: Trace, x: Any) -> Any:
    """The value in a trace of a traced value, a tensor or an array."""
    if isinstance(x, Traced):
        return trace.value_of(x)
    if not isinstance(x, Tensor):
        return trace.hold(as_array(x))
    value = trace.tensor(x, as_array(x))
    return trace.graph.add("cast", [value], {"dtype": "bfloat16"})[0] if x.dtype == "bfloat16" else value


def emit1(op: str, inputs: list[Any], **attrs: Any) -> Any:
    """``emit`` for an op with one output."""
    return emit(op, inputs, **attrs)[0]


def to_tensor(x: Any, dtype: str | None = None) -> Any:
    """``x`` as a tensor of the kind the context calls for; ``dtype`` None keeps its own."""
    if type(x) is Tensor and (dtype is None or x._buffer.dtype == dtype) and state.trace is None:
        return x
    x = variable_value(x)
    if isinstance(x, _core.Dim):
        trace = state.trace
        if trace is None:
            raise TypeError(f"the dimension {x} has a value only inside a graph")
        return emit1("dim_value", [], dim=[x], dtype=dtype or "int32")
    if not isinstance(x, TensorLike):
        if isinstance(x, (list, tuple)) and _holds_more_than_numbers(x):
            return ops.stack([to_tensor(i) for i in x])
        x = _array_tensor(x, dtype)
    if dtype is None or x.dtype == dtype:
        if isinstance(x, Tensor) and x.dtype == "bfloat16" and state.trace is not None:
            return state.trace.wrap(lift(state.trace, x))
        return x
    if dtype in _CARRIERS and isinstance(x, Tensor) and state.trace is None:
        wide = x if x.dtype in _INTEGERS else emit1("cast", [x], dtype=_CARRIERS[dtype])
        return Tensor(np.asarray(wide, dtype))
    return emit1("cast", [x], dtype=dtype)


def _array_tensor(x: Any, dtype: str | None) -> Any:
    """An array-like as a tensor, of ``dtype`` where NumPy casts as programs do."""
    trace = state.trace
    if trace is None and dtype is None:
        if type(x) is np.ndarray and x.dtype in _AS_THEY_ARE:
            return Tensor(x)
        a = _own_array(x)
        return Tensor(a if name_of(a.dtype) in _CARRIERS else as_array(a))
    # Casts to what NumPy does not have, and of floats that ints may not hold, are the core's.
    own = dtype == "bfloat16" or (dtype in _INTEGERS and np.asarray(x).dtype.kind == "f")
    array = as_array(x, None if own else dtype)
    return Tensor(array) if trace is None else trace.constant(array)


def _holds_more_than_numbers(x: Any) -> bool:
    """Whether a list's elements have to be put together by an op: symbols, or what a trace or a tape follows."""
    followed = state.trace is not None or recordings()
    kinds = (TensorLike, HasValue, _core.Dim) if followed else (Traced, KerasTensor, _core.Dim)
    return any(isinstance(i, kinds) for i in flatten(x))


def exact_ids(x: Any) -> Any:
    """Indices as an int32 or int64 tensor: never narrowed, so that none becomes another's."""
    ids = to_tensor(x)
    return ids if ids.dtype in ("int32", "int64") else to_tensor(ids, "int32")


def dims_of(x: Any) -> Shape:
    """Dimensions usable as a shape parameter: expressions where they are not known."""
    x = variable_value(x)
    if isinstance(x, Traced):
        return x.dims
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)
