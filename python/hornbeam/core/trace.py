"""Traces: graphs under construction, and the values that ops make in them."""

from __future__ import annotations

import os
import traceback
from typing import Any

from hornbeam import _core
from hornbeam.core.operators import Shape, TensorLike
from hornbeam.core.state import state

_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
_EXAMPLES = os.path.join(_PACKAGE, "examples", "")


def _is_users(filename: str) -> bool:
    """Whether a file is the user's own (the examples are) rather than this package's."""
    return not filename.startswith(_PACKAGE) or filename.startswith(_EXAMPLES)


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
        frame = next((f for f in reversed(traceback.extract_stack()) if _is_users(f.filename)), None)
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


class Trace:
    """A graph under construction. Values and variables of an enclosing trace become explicit inputs."""

    def __init__(self, parent: Trace | None = None) -> None:
        self.graph = _core.Graph()
        self.parent = parent
        self.captures: list[Any] = []  # Traced of the parent, in the order of `capture_inputs`
        self.capture_inputs: list[Any] = []
        self._capture_index: dict[Any, Any] = {}
        self.constants: dict[int, tuple[Any, Any]] = {}  # id(tensor) -> (tensor from outside, its value here)
        self.reads: dict[int, tuple[Any, Any]] = {}  # id(variable) -> (variable, its value at the start)
        self.readings: dict[int, list[Any]] = {}  # id(variable) -> all values that reading it has given
        self.assigned: dict[int, tuple[Any, Any]] = {}
        self._marks: dict[Any, Any] = {}  # (value, numbers of the tapes that saw it read) -> what they were given

    def __enter__(self) -> Trace:
        self._outer = state.trace
        state.trace = self
        return self

    def __exit__(self, *exc: object) -> None:
        state.trace = self._outer
        if state.noted is not None and self.parent is not None:
            state.noted.append(str(self.graph))

    def wrap(self, value: Any) -> Traced:
        """The value as a tensor."""
        return Traced(self, value)

    def input(self, name: str, dtype: str, shape: Shape) -> Traced:
        """Adds an input."""
        return self.wrap(self.graph.input(name, dtype, shape))

    def constant(self, array: Any) -> Traced:
        """Adds a constant."""
        return self.wrap(self.hold(array))

    def hold(self, array: Any) -> Any:
        """Adds a constant: its value."""
        if state.noted is not None:
            state.noted.append(array)
        return self.graph.constant(array)

    def tensor(self, tensor: Any, array: Any) -> Any:
        """The value here of a tensor from outside, which holds the array: a constant."""
        if id(tensor) not in self.constants:
            self.constants[id(tensor)] = (tensor, self.hold(array))
        return self.constants[id(tensor)][1]

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
            self._capture_index[key] = self.capture(outer, outer.dims)
        return self._capture_index[key]

    def capture(self, outer: Any, dims: Shape) -> Any:
        """Adds an input for a tensor from outside."""
        inner = self.graph.input(f"capture{len(self.captures)}", outer.dtype, dims)
        self.captures.append(outer)
        self.capture_inputs.append(inner)
        return inner

    def read(self, variable: Any) -> Traced:
        """The variable's current value.

        Gradients tell readings apart, as if each were a copy: what was read before a tape began is a constant to it, and
        what was assigned does not lead back to what it was computed from.
        """
        key = id(variable)
        fresh = key not in self.reads
        if fresh:
            if self.parent is None:
                value = self.graph.read(variable._core)
            else:
                value = self.capture(self.parent.read(variable), variable.shape)
            self.reads[key] = (variable, value)
        value = self.assigned.get(key, self.reads[key])[1]
        recording = [t for t in state.tapes if t.records(self)]
        if key in self.assigned or any(t.trace is self for t in state.tapes):
            by = (value, *(t.number for t in recording))
            if by not in self._marks:
                self._marks[by] = value if fresh else self.graph.add("stop_gradient", [value], {})[0]
            value = self._marks[by]
        found = self.readings.setdefault(key, [])
        if value not in found:
            found.append(value)
        for tape in recording:
            if tape.watches(variable):
                tape.saw(variable, value, self.graph.size)
        return self.wrap(value)

    def assign(self, variable: Any, value: Traced) -> None:
        """Gives the variable a new value."""
        if id(variable) not in self.reads:
            self.read(variable)
        new = self.value_of(value)
        if self.parent is None:
            self.graph.assign(variable._core, new)
        self.assigned[id(variable)] = (variable, new)


def current_trace() -> Trace | None:
    """The innermost trace of this thread, if any."""
    return state.trace


def recordings() -> list[Any]:
    """What this thread's tapes record eager ops in."""
    if not state.tapes:
        return []
    return list({id(t.trace): t.trace for t in state.tapes if t.records(t.trace)}.values())


class eager_scope:
    """Inside, ops run at once even when a trace is open, and no tape sees them: for creating weights."""

    def __enter__(self) -> None:
        self._saved = state.trace
        self._tapes = state.tapes
        self._draws = state.draws
        state.trace, state.tapes, state.draws = None, [], None

    def __exit__(self, *exc: object) -> None:
        state.trace, state.tapes, state.draws = self._saved, self._tapes, self._draws


def made_by(op: str, x: Any) -> Traced | None:
    """What the op ``op`` made the traced ``x`` of, or None when something else made it."""
    if not isinstance(x, Traced) or x._trace.graph.op_of(x._value) != op:
        return None
    return x._trace.wrap(x._trace.graph.inputs_of(x._value)[0])
