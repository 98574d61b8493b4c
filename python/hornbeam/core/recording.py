"""Eager ops as a graph: what open tapes differentiate."""

from __future__ import annotations

from typing import Any

from hornbeam import _core
from hornbeam.core.state import state
from hornbeam.core.tensor import Tensor, as_array
from hornbeam.core.trace import Trace


class Recording(Trace):
    """The eager ops that depend on what a tape watches. The tapes that are open at one time share it, so that each sees
    the gradients that another computes. Its inputs are the numbers of tensors from outside."""

    def __init__(self) -> None:
        super().__init__()
        self._arrays: dict[Any, Any] = {}  # value -> its numbers
        self._tracked: set[int] = set()  # ids of tensors that depend on watched ones

    def tensor(self, tensor: Any, array: Any) -> Any:
        """The value here of an eager tensor, which holds the array: an input where no op recorded here made it."""
        if id(tensor) not in self.constants:
            self._hold(tensor, array, self.graph.input(f"x{len(self._arrays)}", array.dtype.name, array.shape))
        return self.constants[id(tensor)][1]

    def _hold(self, tensor: Any, array: Any, value: Any) -> None:
        self.constants[id(tensor)] = (tensor, value)
        self._arrays[value] = array

    def track(self, tensor: Any) -> Any:
        """Has ops on this tensor recorded from now on; returns its value."""
        self._tracked.add(id(tensor))
        return self.tensor(tensor, as_array(tensor))

    def tracks(self, tensors: list[Any]) -> bool:
        """Whether an op on these is to be recorded."""
        return any(id(t) in self._tracked for t in tensors)

    def saw(self, variable: Any, tensor: Tensor) -> None:
        """Notes that reading the variable gave this tensor."""
        watching = self._watching(variable)
        if watching:
            value = self.track(tensor)
            for tape in watching:
                tape.saw(variable, value)

    def _watching(self, variable: Any) -> list[Any]:
        return [t for t in state.tapes if t.records(self) and t.watches(variable)]

    def record(
        self, op: str, inputs: list[Any], arrays: list[Any], attrs: dict[str, Any], outputs: list[Tensor]
    ) -> None:
        """Notes an op that has run: its inputs and their arrays, and what it returned."""
        if not self.tracks(inputs):
            return
        values = [self.tensor(x if isinstance(x, Tensor) else Tensor(a), a) for x, a in zip(inputs, arrays)]
        self._made(outputs, self.graph.add(op, values, attrs))

    def _made(self, tensors: list[Tensor], values: list[Any]) -> None:
        for tensor, value in zip(tensors, values):
            self._tracked.add(id(tensor))
            self._hold(tensor, as_array(tensor), value)

    def record_program(
        self,
        trace: Trace,
        inputs: list[tuple[Any, Tensor]],
        reads: dict[int, Tensor],
        outputs: list[tuple[Any, Tensor]],
    ) -> None:
        """Notes a traced function that has run.

        Args:
            trace: its trace.
            inputs: its input values, and what they were.
            reads: id of each variable that it reads to what its value was at the start.
            outputs: its output values, and what they were.
        """
        given = [
            *inputs,
            *((trace.reads[key][1], t) for key, t in reads.items()),
            *((v, t) for t, v in trace.constants.values()),
        ]
        if not self.tracks([t for _, t in given]):
            return
        later = [(key, v) for key in reads for v in trace.readings.get(key, []) if v != trace.reads[key][1]]
        known = [(v, self.tensor(t, as_array(t))) for v, t in given]
        mapped = self.graph.replay(trace.graph, known, [v for v, _ in outputs] + [v for _, v in later])
        self._made([t for _, t in outputs], mapped[: len(outputs)])
        for (key, _), value in zip(later, mapped[len(outputs) :]):
            for tape in self._watching(trace.reads[key][0]):
                tape.saw(trace.reads[key][0], value)

    def evaluate(self, values: list[Any]) -> list[Tensor]:
        """The numbers of values, as tensors that open tapes know."""
        known: dict[Any, Any] = {}
        seen, todo = set(), list(values)
        while todo:
            v = todo.pop()
            if v in seen:
                continue
            seen.add(v)
            if v in self._arrays:
                known[v] = self._arrays[v]
            else:
                todo.extend(self.graph.inputs_of(v))
        g = _core.Graph()
        inputs = [(v, g.input(f"x{i}", a.dtype.name, a.shape)) for i, (v, a) in enumerate(known.items())]
        for i, v in enumerate(g.replay(self.graph, inputs, values)):
            g.output(f"y{i}", v)
        tensors = [Tensor(a) for a in _core.Executable(g).run(list(known.values()))]
        if any(t.records(self) for t in state.tapes):
            self._made(tensors, values)
        return tensors
