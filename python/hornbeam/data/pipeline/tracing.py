"""Functions of elements as compiled programs: whether a function can be one, and which seeds it draws from."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam.core.state import state
from hornbeam.core.tensor import Tensor, lift, to_tensor
from hornbeam.core.trace import Trace
from hornbeam.core.tree import flatten, pack_like
from hornbeam.data.pipeline.node import Pass, key_of
from hornbeam.data.pipeline.purity import Watch
from hornbeam.ops.arrays import expand_dims, squeeze

__all__ = ["ElementDraws", "Program", "call", "program_of", "seed_keys"]

_DRAWS = 20  # bits for the number of a draw within one element

_ADDRESS = re.compile("@0x[0-9a-f]+")  # of a body, in a graph's text

_key = functools.lru_cache(256)(key_of)


def call(function: Callable[..., Any], element: Any) -> Any:
    """The function of an element: a tuple's items are arguments of their own."""
    return function(*element) if isinstance(element, tuple) else function(element)


def seed_keys(seed: int, draw: int, number: Any, at: Pass) -> Any:
    """Seeds of the ``draw``-th draw in elements: functions of the generator's seed, the pass, and the elements' numbers."""
    counts = (np.asarray(number, "int64") << _DRAWS) + draw
    return np.stack([np.full_like(counts, _key(seed, *at.epoch)), counts], -1)


class ElementDraws:
    """Gives the seeds of one element's draws, where the function runs op by op.

    Args:
        number: the element's.
        at: the pass.
    """

    def __init__(self, number: int, at: Pass) -> None:
        self.number, self.at, self.count = number, at, 0

    def next(self, generator: Any) -> Any:
        """The seed of the next draw."""
        self.count += 1
        return Tensor(seed_keys(generator._initial_seed, self.count - 1, self.number, self.at))

    def __enter__(self) -> ElementDraws:
        self._outer, state.draws = state.draws, self
        return self

    def __exit__(self, *exc: object) -> None:
        state.draws = self._outer


class _TracedDraws(ElementDraws):
    """Makes an input of the program of each seed."""

    def __init__(self, trace: Trace, rows: bool) -> None:
        self.trace, self.rows = trace, rows
        self.generators: list[Any] = []  # one a draw

    def next(self, generator: Any) -> Any:
        body = state.trace
        while body is not None and body is not self.trace:
            if len(body.graph.input_names) > len(body.captures):
                raise TypeError("a draw in a loop needs a seed for each turn")
            body = body.parent
        key = self.trace.input(f"seed{len(self.generators)}", "int64", (1, 2) if self.rows else (2,))
        self.generators.append(generator)
        if not self.rows:
            return key
        inner, state.trace = state.trace, self.trace  # which may be the body of a branch
        try:
            return squeeze(key, 0)
        finally:
            state.trace = inner


class Program:
    """A function of an element, traced and compiled.

    Args:
        function: what was traced.
        element: one that it can be called with.
        shapes: of its parts, with dimensions where they vary.
        rows: whether inputs and outputs have a further first axis of size 1, so that the core's loop runs many.
    """

    def __init__(self, function: Callable[..., Any], element: Any, shapes: list[tuple[Any, ...]], rows: bool) -> None:
        self.noted: list[Any] = []
        outer, state.noted = state.noted, self.noted
        try:
            self.trace = Trace()
            draws = _TracedDraws(self.trace, rows)
            with self.trace, draws:
                inputs = [
                    self.trace.input(f"x{i}", x.dtype.name, (1, *shape) if rows else shape)
                    for i, (x, shape) in enumerate(zip(flatten(element), shapes))
                ]
                given = [squeeze(x, 0) for x in inputs] if rows else inputs
                self.result = _tensors(call(function, pack_like(element, given)))
                for i, x in enumerate(flatten(self.result)):
                    if x is not None:
                        self.trace.graph.output(f"y{i}", lift(self.trace, expand_dims(x, 0) if rows else x))
        finally:
            state.noted = outer
        self.generators = draws.generators
        self.executable: Any = None

    def like(self, other: Program) -> bool:
        """Whether both are the same program: the same graph of the same constants and variables."""
        return bool(self._description() == other._description())

    def _description(self) -> Any:
        def numbers(a: Any) -> Any:
            if isinstance(a, str):  # the body of a branch or loop
                return _ADDRESS.sub("", a)
            return a.shape, a.dtype.name, a.tobytes()

        return (
            _ADDRESS.sub("", str(self.trace.graph)),
            [numbers(a) for a in self.noted],
            [id(v) for v, _ in self.trace.reads.values()],
            [id(g) for g in self.generators],
            [x is None for x in flatten(self.result)],
        )

    def compile(self) -> None:
        """Makes it ready to run, on one thread, without the GIL."""
        self.noted = []
        self.executable = _core.Executable(self.trace.graph, threads=1, device="cpu")

    def rebuild(self, arrays: list[Any]) -> Any:
        """The result's structure, with these for what is not None."""
        it = iter(arrays)
        return pack_like(self.result, [None if x is None else next(it) for x in flatten(self.result)])


def _tensors(x: Any) -> Any:
    """What a function gave as tensors: a list is one, as in an element."""
    if isinstance(x, dict):
        return {k: _tensors(v) for k, v in x.items()}
    if isinstance(x, tuple):
        items = [_tensors(i) for i in x]
        return type(x)(*items) if hasattr(x, "_fields") else tuple(items)
    return None if x is None else to_tensor(x)


def program_of(
    function: Callable[..., Any], element: Any, shapes: list[tuple[Any, ...]], rows: bool = False
) -> Program | None:
    """The function's program, or None where it has none: what it does differs from call to call, or it is no function
    of tensors.

    Raises:
        ValueError: where it assigns variables.
    """
    watch = Watch()
    try:
        with watch:
            first = Program(function, element, shapes, rows)
            watch.look_away()
            second = Program(function, element, shapes, rows)
            if not first.like(second):  # layers are built when they are first called
                first, second = second, Program(function, element, shapes, rows)
    except Exception:  # what is wrong comes out where it is called with numbers
        return None
    for v, _ in second.trace.assigned.values():
        raise ValueError(
            f"a function of a data set may not assign variables, for elements are made in any order. It assigns {v.path}"
        )
    if watch.differs or not first.like(second):
        return None
    second.compile()
    return second
