"""``hb.function``: traces a Python function once for each signature and runs the compiled program from then on."""

from __future__ import annotations

import functools
import numbers
import operator
import types
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hornbeam import _core, config
from hornbeam.core.programs import ProgramCache
from hornbeam.core.state import state
from hornbeam.core.tensor import Tensor, as_array, lift, to_tensor
from hornbeam.core.trace import Trace, current_trace, recordings
from hornbeam.core.tree import flatten, pack_like, signature
from hornbeam.core.variable import Variable
from hornbeam.core.whole import one_at_a_time


class Compiled:
    """A traced function: its program, and how to rebuild its result."""

    batch: Any = None  # of a model's step: its signature

    def __init__(
        self,
        fn: Callable[..., Any],
        structure: Any,
        specs: list[tuple[str, tuple[Any, ...]]],
        names: list[str] | None = None,
        **options: Any,
    ) -> None:
        with Trace() as trace:
            inputs = [
                trace.input(names[i] if names else f"x{i}", dtype, shape) for i, (dtype, shape) in enumerate(specs)
            ]
            result = fn(*pack_like(structure, inputs))
            self.is_none = []
            self._outputs = []
            for i, leaf in enumerate(flatten(result)):
                self.is_none.append(leaf is None)
                if leaf is not None:
                    self._outputs.append(lift(trace, to_tensor(leaf)))
                    trace.graph.output(f"y{i}", self._outputs[-1])
        self.trace, self.graph = trace, trace.graph
        self._inputs = [x._value for x in inputs]
        self.result = pack_like(result, [None] * len(self.is_none))
        self.executable = _core.Executable(trace.graph, **options)

    def run_recorded(self, arrays: list[Any], given: list[Any]) -> Any:
        """Runs the program, and has open tapes see it as ops on what was given."""
        reads = {key: variable.value for key, (variable, _) in self.trace.reads.items()}
        result = self.rebuild(self.executable.run(arrays))
        inputs = [(v, x if isinstance(x, Tensor) else Tensor(a)) for v, x, a in zip(self._inputs, given, arrays)]
        outputs = list(zip(self._outputs, [x for x in flatten(result) if x is not None]))
        for recording in recordings():
            recording.record_program(self.trace, inputs, reads, outputs)
        return result

    def arrays(self, arrays: list[Any]) -> Any:
        """The same in NumPy's arrays."""
        if self.result is None and arrays:
            return arrays[0]
        it = iter(arrays)
        return pack_like(self.result, [np.asarray(None) if none else next(it) for none in self.is_none])

    def rebuild(self, arrays: list[Any]) -> Any:
        """The function's result from the program's outputs."""
        if self.result is None and arrays:
            return Tensor(arrays[0])
        it = iter(arrays)
        return pack_like(self.result, [None if none else Tensor(next(it)) for none in self.is_none])


def check_options(isa: str = "", threads: int = 0, disable: Sequence[str] = (), device: str | None = None) -> None:
    """Raises for options that no program can have."""
    if device is not None:
        if not isinstance(device, str) or not device:
            raise TypeError(f"`device` must be a string or None. Received: device={device!r}")
        _core.device_name(device)
    if not isinstance(isa, str):
        raise TypeError(f"`isa` must be a string. Received: isa={isa!r}")
    if isinstance(threads, bool) or not hasattr(threads, "__index__"):
        raise TypeError(f"`threads` must be an int in [0, 1024]. Received: threads={threads!r}")
    if not 0 <= operator.index(threads) <= 1024:
        raise ValueError(f"`threads` must be an int in [0, 1024]. Received: threads={threads}")
    if isinstance(disable, str) or not all(isinstance(name, str) for name in disable):
        raise TypeError(f"`disable` must be a list of strings. Received: disable={disable!r}")


def function(
    fn: Callable[..., Any] | None = None,
    *,
    isa: str = "",
    threads: int = 0,
    disable: Sequence[str] = (),
    device: str | None = None,
) -> Callable[..., Any]:
    """Compiles a function of tensors into one program for each signature (structure, shapes and dtypes).

    Args:
        fn: takes tensors and arrays, by position or by keyword, and structures of them: these are the program's inputs,
            and so are numbers by position. Anything else (numbers by keyword, bools, strings, None, variables, objects
            such as the ``self`` of a method) is static: another one, by ``==`` and type, makes another program.
        isa: instruction set, "" for the best (or HB_ISA).
        threads: as for ``compile``.
        disable: passes to leave out.
        device: "cpu", "gpu" or "gpu:1"; None for that of the call (``hb.config.device``).

    Returns:
        A function of the same arguments; variables it assigns are written when the program ends.

    Example:
        >>> f = function(lambda x: x * 2 + 1)
        >>> f(to_tensor([1.0, 2.0])).numpy().tolist()
        [3.0, 5.0]
    """
    check_options(isa, threads, disable, device)
    options: dict[str, Any] = {"isa": isa, "threads": operator.index(threads), "disable": list(disable)}
    if fn is None:
        return functools.partial(function, **options, device=device)
    cache = ProgramCache()

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        if current_trace() is not None:
            return fn(*args, **kwargs)
        leaves = flatten(args)
        many = len(leaves)
        leaves += flatten(kwargs)
        is_input = [_is_array(x) or (i < many and _is_number(x)) for i, x in enumerate(leaves)]
        given = [x for x, yes in zip(leaves, is_input) if yes]
        arrays = [as_array(x) for x in given]
        key = (
            (signature(args), signature(kwargs)),
            tuple([(a.shape, a.dtype) for a in arrays]),
            tuple([None if yes else _identity(x) for x, yes in zip(leaves, is_input)]),
            (state.training, config.floatx(), _core.program_key()),
        )

        def call(*inputs: Any) -> Any:
            it = iter(inputs)
            filled = [next(it) if yes else x for x, yes in zip(leaves, is_input)]
            return fn(*pack_like(args, filled[:many]), **pack_like(kwargs, filled[many:]))

        compiled = cache.get(key)
        is_new = compiled is None
        if is_new:
            with one_at_a_time():
                compiled = Compiled(
                    call, given, [(a.dtype.name, a.shape) for a in arrays], **options, device=device or ""
                )
        if recordings():
            result = compiled.run_recorded(arrays, given)
        else:
            result = compiled.rebuild(compiled.executable.run(arrays))
        if is_new:  # once it has run: what it keeps is known
            cache.put(key, compiled)
        return result

    run._cache = cache  # type: ignore[attr-defined]
    return run


def _is_array(x: Any) -> bool:
    return hasattr(x, "__array__") and not isinstance(x, (Variable, type))


def _is_number(x: Any) -> bool:
    return isinstance(x, numbers.Number) and not isinstance(x, bool)


def _identity(x: Any) -> Any:
    """A key for a static argument: equal ones share a program, and objects may still go."""
    if isinstance(x, types.MethodType):
        return (x.__func__, _identity(x.__self__))
    if _is_number(x):
        return (type(x), repr(x))  # tells 0.0 from -0.0
    try:
        hash(x)
    except TypeError:
        raise TypeError(
            "arguments must be tensors, arrays, numbers or hashable, or lists, tuples and dicts of these. "
            f"Received: {type(x).__name__}"
        ) from None
    if type(x).__weakrefoffset__ and not isinstance(x, (type, types.FunctionType)):
        return (type(x), weakref.ref(x))
    return (type(x), x)
