"""``hb.function``: traces a Python function once for each signature and runs the compiled program from then on."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from hornbeam import _core
from hornbeam._programs import ProgramCache
from hornbeam._tensor import Tensor, as_array, to_tensor
from hornbeam._trace import Trace, current_trace
from hornbeam._tree import flatten, pack_like, signature
from hornbeam._variable import Variable
from hornbeam._whole import one_at_a_time


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
            self.result = result
            self.is_none = []
            for i, leaf in enumerate(flatten(result)):
                self.is_none.append(leaf is None)
                if leaf is not None:
                    trace.graph.output(f"y{i}", trace.value_of(to_tensor(leaf)))
        self.graph = trace.graph
        self.result = pack_like(result, [None] * len(self.is_none))
        self.executable = _core.Executable(trace.graph, **options)

    def rebuild(self, arrays: list[Any]) -> Any:
        """The function's result from the program's outputs."""
        it = iter(arrays)
        return pack_like(self.result, [None if none else Tensor(next(it)) for none in self.is_none])


def check_options(isa: str = "", threads: int = 0, disable: Sequence[str] = ()) -> None:
    """Raises for options that no program can have."""
    if not isinstance(isa, str):
        raise TypeError(f"`isa` must be a string. Received: isa={isa!r}")
    if isinstance(threads, bool) or not hasattr(threads, "__index__"):
        raise TypeError(f"`threads` must be an int in [0, 1024]. Received: threads={threads!r}")
    if not 0 <= operator.index(threads) <= 1024:
        raise ValueError(f"`threads` must be an int in [0, 1024]. Received: threads={threads}")
    if isinstance(disable, str) or not all(isinstance(name, str) for name in disable):
        raise TypeError(f"`disable` must be a list of strings. Received: disable={disable!r}")


def function(
    fn: Callable[..., Any] | None = None, *, isa: str = "", threads: int = 0, disable: Sequence[str] = ()
) -> Callable[..., Any]:
    """Compiles a function of tensors into one program for each signature (structure, shapes and dtypes).

    Args:
        fn: takes tensors, arrays, numbers or structures of them; keyword arguments are constants of the trace.
        isa: instruction set, "" for the best (or HB_ISA).
        threads: as for ``compile``.
        disable: passes to leave out.

    Returns:
        A function of the same arguments; variables it assigns are written when the program ends.

    Example:
        >>> f = function(lambda x: x * 2 + 1)
        >>> f(to_tensor([1.0, 2.0])).numpy().tolist()
        [3.0, 5.0]
    """
    check_options(isa, threads, disable)
    options: dict[str, Any] = {"isa": isa, "threads": operator.index(threads), "disable": list(disable)}
    if fn is None:
        return functools.partial(function, **options)
    cache = ProgramCache()

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        if current_trace() is not None:
            return fn(*args, **kwargs)
        arrays = [as_array(x.value if isinstance(x, Variable) else x) for x in flatten(args)]
        key = (signature(args), tuple((a.shape, a.dtype.name) for a in arrays), repr(sorted(kwargs.items())))
        compiled = cache.get(key)
        if compiled is not None:
            return compiled.rebuild(compiled.executable.run(arrays))
        specs = [(a.dtype.name, a.shape) for a in arrays]
        with one_at_a_time():
            compiled = Compiled(functools.partial(fn, **kwargs), args, specs, **options)
        outputs = compiled.executable.run(arrays)
        cache.put(key, compiled)
        return compiled.rebuild(outputs)

    run._cache = cache  # type: ignore[attr-defined]
    return run
