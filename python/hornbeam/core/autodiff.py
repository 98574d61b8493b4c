"""Gradients: of traced values, of functions, and of what a GradientTape saw."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hornbeam import _core
from hornbeam.core.operators import ops
from hornbeam.core.recording import Recording
from hornbeam.core.state import state
from hornbeam.core.tensor import Tensor, as_array, dims_of, emit, emit1, lift, to_tensor
from hornbeam.core.trace import Trace, Traced, current_trace, recordings
from hornbeam.core.tree import flatten, pack_like
from hornbeam.core.variable import Variable


def gradients(targets: Any, sources: Any, seeds: Any = None) -> Any:
    """Gradients of the sum of traced targets with respect to sources, inside a trace.

    Args:
        targets: a traced float value or a structure of them.
        sources: variables or traced values (intermediate ones too), or a structure of them.
        seeds: weights of the targets' elements (None: ones).

    Returns:
        The sources' structure, None where a source does not matter.

    Raises:
        ValueError: when an op on the way has no gradient (its name is given), or outside a trace.
    """
    trace = current_trace()
    if trace is None:
        raise ValueError(
            "gradients() works on traced values: call it inside hb.function or a train_step, or use "
            "hb.grad / hb.GradientTape"
        )
    groups = []
    for x in flatten(sources):
        value = lift(trace, to_tensor(x))
        groups.append(trace.readings[id(x)] if isinstance(x, Variable) else [value])
    want = [lift(trace, to_tensor(t)) for t in flatten(targets)]
    seed_values = [lift(trace, to_tensor(x)) for x in flatten(seeds)] if seeds is not None else []
    found = _summed(trace, groups, trace.graph.gradients(want, [v for group in groups for v in group], seed_values))
    return pack_like(sources, [None if g is None else trace.wrap(g) for g in found])


def _summed(trace: Trace, groups: list[list[Any]], found: list[Any]) -> list[Any]:
    """The gradient of each group of values, None where it has none: the sum of its values' own."""
    each, sums = iter(found), []
    for group in groups:
        total = None
        for d in [next(each) for _ in group]:
            if d is not None:
                total = d if total is None else trace.graph.add("add", [total, d], {})[0]
        sums.append(total)
    return sums


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] | None = 0, variables: Any = None, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns ``f``'s scalar and its gradients.

    Args:
        f: returns a float scalar, or (scalar, anything else) with ``has_aux``.
        argnums: which positional arguments to differentiate by; None for none.
        variables: variables to differentiate by, instead of arguments.
        has_aux: whether ``f`` returns something beside the scalar.

    Returns:
        A function of the same arguments returning ``(value, gradients)``.

    Example:
        >>> value, d = value_and_grad(lambda x: x * x)(to_tensor(3.0))
        >>> float(value), float(d)
        (9.0, 6.0)
    """

    if variables is not None:
        variables = list(variables)
    chosen = [] if argnums is None else [argnums] if hasattr(argnums, "__index__") else list(argnums)  # type: ignore[arg-type]

    def run(*args: Any) -> Any:
        args = tuple(pack_like(a, [_of_its_own(x) for x in flatten(a)]) for a in args)
        sources = [args[i] for i in chosen] if variables is None else variables
        with GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(sources)
            out = f(*args)
            value = to_tensor(out[0] if has_aux else out)
        if value.ndim != 0:
            raise ValueError(f"the function to differentiate must return a scalar. Received: shape={value.shape}")
        d = tape.gradient(value, sources, unconnected_gradients="none" if variables is not None else "zero")
        if variables is None and argnums is not None:
            d = d[0] if hasattr(argnums, "__index__") else tuple(d)
        return out, d

    return run


def _of_its_own(x: Any) -> Any:
    """``x`` as a tensor that nothing else has been computed from."""
    x = to_tensor(x)
    return emit1("reshape", [x], shape=list(dims_of(x)))


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of ``f``'s scalar by its arguments; may be nested for higher orders.

    Example:
        >>> float(grad(grad(lambda x: x * x * x))(to_tensor(2.0)))
        12.0
    """
    both = value_and_grad(f, argnums, has_aux=has_aux)

    def run(*args: Any) -> Any:
        out, d = both(*args)
        return (d, out[1]) if has_aux else d

    return run


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a function its own gradient.

    Args:
        f: takes tensors, returns ``(outputs, grad)``; ``grad(*upstream)`` returns a gradient for each argument. It is
            traced where ``f`` is called, and assigns nothing.

    Returns:
        The function of the same arguments that returns ``outputs``.
    """
    name = getattr(f, "__name__", "function")

    def run(*args: Any) -> Any:
        inputs = [to_tensor(a) for a in args]
        out, rule = f(*inputs)
        outs = [to_tensor(t) for t in flatten(out)]
        if current_trace() is None and not recordings():
            return pack_like(out, outs)
        with _Rule(current_trace()) as trace:
            dys = [trace.input(f"dy{i}", y.dtype, dims_of(y)) for i, y in enumerate(outs)]
            d = flatten(rule(*dys))
            if len(d) != len(inputs):
                raise ValueError(
                    f'[custom_gradient] the gradient of "{name}" must return {len(inputs)} values, one for each input. '
                    f"Received: {len(d)}"
                )
            if trace.assigned:
                raise ValueError(f'[custom_gradient] the gradient of "{name}" must not assign variables')
            for i, g in enumerate(d):
                if g is not None:
                    trace.graph.output(f"d{i}", lift(trace, to_tensor(g)))
        held = _core.CustomGradient(name, trace.graph, [g is not None for g in d])
        everything = [*outs, *inputs, *trace.captures]
        return pack_like(out, emit("custom_gradient", everything, outputs=len(outs), rule=held))

    return run


class _Rule(Trace):
    """A gradient's rule: whatever it closes over is captured, eager tensors too where no trace is open."""

    def tensor(self, tensor: Any, array: Any) -> Any:
        """The value here of an eager tensor."""
        if self.parent is not None:
            return super().tensor(tensor, array)
        if id(tensor) not in self.constants:
            self.constants[id(tensor)] = (tensor, self.capture(tensor, array.shape))
        return self.constants[id(tensor)][1]

    def read(self, variable: Any) -> Traced:
        """The variable's current value."""
        if self.parent is not None:
            return super().read(variable)
        tensor = variable.now()
        return self.wrap(self.tensor(tensor, as_array(tensor)))


_numbers = itertools.count()


class GradientTape:
    """Records ops so that they can be differentiated, as TensorFlow's: the same op by op and inside a compiled step.

    What was computed before it began is a constant to it, unless watched, and so is what ``assign`` gave a variable:
    the variable itself is the source, whichever value was read.

    Args:
        persistent: whether ``gradient`` may be called more than once, and inside the ``with`` too without an end to the
            recording.
        watch_accessed_variables: whether trainable variables are watched when they are read.

    Example:
        >>> x = to_tensor(3.0)
        >>> with GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> float(tape.gradient(y, x))
        6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent, self._watch_accessed = persistent, watch_accessed_variables
        self.number = next(_numbers)
        self.trace: Trace | None = None  # where it records: the function being traced, or eager ops
        self._clear()

    def _clear(self) -> None:
        self._first: int | None = None  # the first node of the span being recorded
        self._spans: list[tuple[int, int]] = []
        self._watched: dict[Any, int] = {}  # value -> the first node that reads it as a source
        self._variables: dict[int, tuple[Variable, list[Any]]] = {}  # what reading each gave
        self._asked: dict[int, Variable] = {}
        self._spent = False

    # ---- recording ----
    def __enter__(self) -> GradientTape:
        if self in state.tapes:
            raise ValueError("the tape is recording already")
        trace = current_trace()
        if trace is None and isinstance(self.trace, Recording):
            trace = self.trace
        if trace is None:
            open_ones: list[Recording] = [t.trace for t in state.tapes]
            trace = open_ones[-1] if open_ones else Recording()
        if trace is not self.trace:
            self._clear()
        self.trace = trace
        self._first = trace.graph.size
        state.tapes.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        if self in state.tapes:
            self._pause()
            state.tapes.remove(self)

    def _pause(self) -> None:
        if self._first is not None:
            assert self.trace is not None
            self._spans.append((self._first, self.trace.graph.size))
            self._first = None

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Inside, nothing is recorded: what is computed there is constant.

        Raises:
            ValueError: when the tape is not recording.
        """
        if self._first is None:
            raise ValueError("stop_recording() must be called while the tape is recording")
        trace = self._here("stop_recording")
        self._pause()
        try:
            yield
        finally:
            if self in state.tapes:
                self._first = trace.graph.size

    def reset(self) -> None:
        """Forgets what was recorded and watched; a recording that is going on starts anew."""
        going_on = self._first is not None
        self._clear()
        if going_on:
            self._first = self._here("reset").graph.size

    def _here(self, method: str) -> Trace:
        """Where the tape records. Raises when that is not where this is called."""
        if self.trace is None:
            raise ValueError(
                f"{method}() must be called on a tape that has been entered: `with GradientTape() as tape:`"
            )
        if current_trace() is not (None if isinstance(self.trace, Recording) else self.trace):
            raise ValueError(
                f"{method}() must be called in the function that entered the tape, not in one that is traced inside, "
                "such as a body of ops.scan, ops.cond or ops.while_loop, nor outside"
            )
        return self.trace

    def watch(self, tensor: Any) -> None:
        """Makes tensors and variables sources, whatever they come from.

        Args:
            tensor: a tensor, a variable, or a structure of them.
        """
        trace = self._here("watch")
        for t in flatten(tensor):
            if isinstance(t, Variable):
                self._asked[id(t)] = t
            elif isinstance(t, (Tensor, Traced)):
                value = trace.track(t) if isinstance(trace, Recording) else lift(trace, t)
                self._watched.setdefault(value, trace.graph.size)
            else:
                raise TypeError(f"watch() takes tensors and variables. Received: {type(t).__name__}")

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables that were read while watched, in order."""
        return tuple(variable for variable, _ in self._variables.values())

    def records(self, trace: Trace | None) -> bool:
        """Whether it is recording there."""
        return self._first is not None and self.trace is trace

    def watches(self, variable: Variable) -> bool:
        """Whether the variable, when read, is a source."""
        return (self._watch_accessed and variable.trainable) or id(variable) in self._asked

    def saw(self, variable: Variable, value: Any, first: int = 0) -> None:
        """Notes what reading a watched variable gave, and the first node that may use it."""
        values = self._variables.setdefault(id(variable), (variable, []))[1]
        if value not in self._watched:
            self._watched[value] = first
            values.append(value)

    # ---- gradients ----
    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None, unconnected_gradients: str = "none"
    ) -> Any:
        """Gradients of the target's sum by the sources.

        Args:
            target: a float tensor or a structure of them, computed while the tape recorded.
            sources: watched tensors and variables, what was computed from them, or a structure of those.
            output_gradients: weights of the target's elements, in its structure; None for ones.
            unconnected_gradients: "none" or "zero": what a source gets that the target does not depend on.

        Returns:
            The sources' structure.

        Raises:
            RuntimeError: at a second call, unless the tape is persistent.
            ValueError: when an op on the way has no gradient (its name is given).
        """
        if unconnected_gradients not in ("none", "zero"):
            raise ValueError(
                "`unconnected_gradients` must be 'none' or 'zero'. "
                f"Received: unconnected_gradients={unconnected_gradients!r}"
            )
        if self._spent:
            raise RuntimeError("a tape that is not persistent gives gradients once: use GradientTape(persistent=True)")
        trace = self._here("gradient")
        if not self._persistent:
            self.__exit__()
            self._spent = True
        targets = flatten(target)
        seeds = [None] * len(targets) if output_gradients is None else flatten(output_gradients)
        if len(seeds) != len(targets):
            raise ValueError(
                f"`output_gradients` must have `target`'s structure. Received: {len(seeds)} for {len(targets)} targets"
            )
        ends = [(v[-1], seed) for v, seed in zip(map(self._values, targets), seeds) if v]
        groups = [self._values(x) for x in flatten(sources)]
        spans = self._spans + ([] if self._first is None else [(self._first, trace.graph.size)])
        found = trace.graph.gradients(
            [v for v, _ in ends],
            [v for group in groups for v in group],
            [None if seed is None else lift(trace, to_tensor(seed)) for _, seed in ends],
            spans,
            list(self._watched.items()),
        )
        d = _summed(trace, groups, found)
        wanted = [g for g in d if g is not None]
        made = iter(trace.evaluate(wanted) if isinstance(trace, Recording) else map(trace.wrap, wanted))
        out = [None if g is None else next(made) for g in d]
        if unconnected_gradients == "zero":
            out = [ops.zeros_like(x) if g is None else g for x, g in zip(flatten(sources), out)]
        if self._spent:
            self.trace = None  # and with it the numbers it keeps
        return pack_like(sources, out)

    def _values(self, x: Any) -> list[Any]:
        """What stands for a tensor, or for a variable, here."""
        assert self.trace is not None
        if isinstance(x, Variable):
            return self._variables[id(x)][1] if id(x) in self._variables else []
        if isinstance(x, Traced):
            return [self.trace.value_of(x)]
        return [self.trace.constants[id(x)][1]] if id(x) in self.trace.constants else []


__all__ = ["GradientTape", "Traced", "custom_gradient", "grad", "gradients", "value_and_grad"]
