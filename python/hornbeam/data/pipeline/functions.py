"""Functions that data sets apply to their elements."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam import _core, config
from hornbeam.core.devices import device
from hornbeam.core.tensor import as_array
from hornbeam.core.tree import flatten, pack_like, signature
from hornbeam.core.whole import one_at_a_time
from hornbeam.data.pipeline.elements import as_element, writable
from hornbeam.data.pipeline.node import Pass
from hornbeam.data.pipeline.processes import Processes
from hornbeam.data.pipeline.tracing import ElementDraws, Program, call, program_of, seed_keys

__all__ = ["Function", "note"]

_CPU = device("cpu")  # where functions run, whatever steps do
_MOST = 64  # programs of one function, for elements of so many shapes


def note(error: Exception, where: str) -> None:
    """Has the error say in a further line where it happened."""
    if sys.version_info >= (3, 11):
        error.add_note(where)
    elif error.args and isinstance(error.args[0], str):
        error.args = (f"{error.args[0]}\n{where}", *error.args[1:])


class Function:
    """A function of elements. What is made of ``hornbeam.ops`` and layers runs as a compiled program, on one thread and
    without the GIL; any other is called with arrays, numbers and strings.

    Args:
        function: called with an element, by position with the items of one that is a tuple.
        what: the transformation it serves, for messages.
        processes: how many processes call it; 0 for this one, where programs run, too.
    """

    def __init__(self, function: Callable[..., Any], what: str, processes: int = 0) -> None:
        self._function, self._processes = function, processes
        self.what = f"{what}({getattr(function, '__name__', type(function).__name__)})"
        self.batches = False  # whether elements are batches of different sizes
        self._programs: dict[Any, Program | None] = {}
        self._widened: dict[Any, list[tuple[int | None, ...]]] = {}  # shapes seen, None where they differ
        self._sized: set[Any] = set()  # kinds of elements whose sizes the function has to know
        self._generators: list[Any] = []  # those that programs draw from, each once
        self._seeds: list[int] = []  # theirs, or those that a saved position has for them

    @property
    def seeds(self) -> list[int]:
        """The seeds of the generators that programs draw from, in the order in which they were met."""
        return self._seeds

    @seeds.setter
    def seeds(self, values: list[int]) -> None:
        self._seeds = [*values, *(g._initial_seed for g in self._generators[len(values) :])]

    def __call__(self, element: Any, number: int, at: Pass) -> Any:
        """The function of element ``number``."""
        try:
            if self._processes:
                return self._pool(at).run(writable(element), number, at.epoch)
            program = self._program(element, rows=False)
            if program is None:
                with _CPU, ElementDraws(number, at):
                    return as_element(call(self._function, writable(element)))
            arrays = [as_array(x) for x in flatten(element)]
            made = program.executable.run(arrays + self._keys(program, number, at))
            return program.rebuild([a[()] for a in made])
        except Exception as e:
            note(e, f"in `{self.what}`, of element {number}")
            raise

    def rows(self, batch: Any, numbers: Any, at: Pass) -> Any:
        """The function of each row of a batch, by one call of the core's loop; None where there is no program for it."""
        if self._processes or not len(numbers):
            return None
        program = self._program(batch, rows=True)
        if program is None:
            return None
        arrays = [np.ascontiguousarray(as_array(x)) for x in flatten(batch)]
        graph, n = program.trace.graph, len(numbers)
        keys = self._keys(program, np.asarray(numbers), at)
        one = program.executable.run([a[:1] for a in arrays + keys])
        made = [np.empty((n, *a.shape[1:]), a.dtype) for a in one]
        assert len(graph.output_names) == len(made)
        loop = _core.BatchLoop(program.executable, arrays + keys, 1)
        loop.collect(made)
        done = 0
        while done < n:
            done = loop.run(done, n, 1.0)
        return program.rebuild(made)

    def _keys(self, program: Program, number: Any, at: Pass) -> list[Any]:
        """What the program's seeds are for elements of these numbers."""
        found = [next(i for i, g in enumerate(self._generators) if g is given) for given in program.generators]
        return [seed_keys(self._seeds[i], draw, number, at) for draw, i in enumerate(found)]

    def _pool(self, at: Pass) -> Processes:
        with one_at_a_time():
            if id(self) not in at.resources:
                at.resources[id(self)] = Processes(self._function, self._processes)
            return at.resources[id(self)]  # type: ignore[no-any-return]

    # ---- programs ----
    def _program(self, element: Any, rows: bool) -> Program | None:
        """The program for elements, or rows of batches, like this one; None where the function has none."""
        parts = flatten(element)
        if any(not isinstance(x, (np.ndarray, np.generic)) or x.dtype.kind not in "fiub" for x in parts):
            return None
        shapes = [tuple(x.shape[1:] if rows else x.shape) for x in parts]
        kind = (rows, signature(element), tuple(x.dtype.name for x in parts), tuple(len(s) for s in shapes))
        setting = (config.floatx(), _core.program_key())
        seen = self._widened.get(kind)
        for key in ((kind, *shapes), None if seen is None else (kind, *seen)):
            if key is not None and _admits(key[1:], shapes) and (key, setting) in self._programs:
                return self._programs[key, setting]
        with one_at_a_time():
            return self._trace(element, rows, kind, shapes, setting)

    def _trace(self, element: Any, rows: bool, kind: Any, shapes: list[Any], setting: Any) -> Program | None:
        seen = self._widened.get(kind)
        wide = shapes if seen is None else [_widen(a, b) for a, b in zip(seen, shapes)]
        if self.batches and not rows and len({s[:1] for s in shapes}) == 1 and shapes[0]:
            wide = [(None, *s[1:]) for s in wide]  # the last may be smaller: all run one program, whichever comes first
        self._widened[kind] = wide
        sample = pack_like(element, [as_array(x[0] if rows else x) for x in flatten(element)])
        for given in [shapes] if wide == shapes or kind in self._sized else [wide, shapes]:
            key = ((kind, *given), setting)
            if self._programs.get(key) is not None:
                return self._programs[key]
            program = program_of(self._function, sample, _symbolic(given), rows)
            if rows and program is not None and not _is_fixed(program):
                program = None
            if program is not None:
                self._meet(program)
                break
            if given != shapes:
                self._sized.add(kind)
        if len(self._programs) >= _MOST:
            self._programs.clear()
        self._programs[key] = program
        return program

    def _meet(self, program: Program) -> None:
        """Remembers the generators that it draws from."""
        for g in program.generators:
            if not any(g is known for known in self._generators):
                if len(self._generators) == len(self._seeds):
                    self._seeds = [*self._seeds, g._initial_seed]
                self._generators.append(g)


def _admits(pattern: Any, shapes: list[Any]) -> bool:
    return all(all(p is None or p == n for p, n in zip(a, b)) for a, b in zip(pattern, shapes))


def _widen(pattern: Any, shape: Any) -> Any:
    return tuple(p if p == n else None for p, n in zip(pattern, shape))


def _symbolic(shapes: list[Any]) -> list[Any]:
    """The shapes with a symbol for each None; where all vary in their first, it is one symbol, as in batches."""
    together = all(s and s[0] is None for s in shapes)

    def symbol(i: int, axis: int) -> Any:
        return _core.Dim("batch" if together and axis == 0 else f"d{i}_{axis}")

    return [tuple(symbol(i, k) if d is None else d for k, d in enumerate(s)) for i, s in enumerate(shapes)]


def _is_fixed(program: Program) -> bool:
    """Whether all results have one shape, so that those of many elements fit one array."""
    return all(x is None or None not in x.shape for x in flatten(program.result))
