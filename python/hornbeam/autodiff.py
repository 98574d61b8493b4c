"""Gradients: of traced values, of functions, and of what a GradientTape saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hornbeam import _core
from hornbeam._tensor import Tensor, emit, to_tensor
from hornbeam._trace import Trace, Traced, _state, current_trace
from hornbeam._tree import flatten, pack_like
from hornbeam._variable import Variable


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
    leaves = flatten(sources)
    values = [trace.value_of(x.value if isinstance(x, Variable) else x) for x in leaves]
    want = [trace.value_of(to_tensor(t)) for t in flatten(targets)]
    seed_values = [trace.value_of(to_tensor(x)) for x in flatten(seeds)] if seeds is not None else []
    found = trace.graph.gradients(want, values, seed_values)
    return pack_like(sources, [None if g is None else trace.wrap(g) for g in found])


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

    def run(*args: Any) -> Any:
        if current_trace() is None:
            from hornbeam.function import function

            return function(run)(*args)
        args = tuple(pack_like(a, [to_tensor(x) for x in flatten(a)]) for a in args)
        out = f(*args)
        value = out[0] if has_aux else out
        if value.ndim != 0:
            raise ValueError(f"the function to differentiate must return a scalar. Received: shape={value.shape}")
        if variables is not None:
            d = gradients(value, list(variables))
        elif argnums is None:
            d = []
        elif hasattr(argnums, "__index__"):
            d = gradients(value, args[argnums])  # type: ignore[index]
        else:
            d = tuple(gradients(value, args[i]) for i in argnums)  # type: ignore[union-attr]
        d = pack_like(d, [g if g is not None else to_tensor(0.0) for g in flatten(d)]) if variables is None else d
        return out, d

    return run


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
        f: takes tensors, returns ``(outputs, grad)``; ``grad(*upstream)`` returns a gradient for each argument.

    Returns:
        The function of the same arguments that returns ``outputs``.
    """

    def run(*args: Any) -> Any:
        inputs = [to_tensor(a) for a in args]
        out, rule = f(*inputs)
        outs = [to_tensor(t) for t in flatten(out)]
        trace = current_trace()
        if trace is None and not _state.tapes:
            return pack_like(out, outs)

        def call(ins: list[Any], values: list[Any], dys: list[Any]) -> list[Any]:
            t = current_trace()
            assert t is not None
            d = flatten(rule(*[t.wrap(v) for v in dys]))
            return [None if g is None else t.value_of(to_tensor(g)) for g in d]

        held = _core.CustomGradient(getattr(f, "__name__", "function"), call)
        return pack_like(out, emit("custom_gradient", [*outs, *inputs], outputs=len(outs), rule=held))

    return run


class GradientTape:
    """Records eager ops (or, inside a train step, marks a region) so that they can be differentiated, as TensorFlow's.

    Args:
        persistent: whether ``gradient`` may be called more than once (it always may; kept for compatibility).
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
        self._watch_variables = watch_accessed_variables
        self._trace: Trace | None = None
        self._values: dict[int, Any] = {}
        self._alive: list[Any] = []
        self._variables: dict[int, Any] = {}
        self._shadow: list[Any] = []

    def __enter__(self) -> GradientTape:
        if current_trace() is None:
            self._trace = Trace()
            _state.tapes.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        if self in _state.tapes:
            _state.tapes.remove(self)

    def watch(self, tensor: Any) -> None:
        """Makes an eager tensor a source."""
        if self._trace is None:
            return
        for t in flatten(tensor):
            if isinstance(t, Variable):
                self._watch_variable(t, t.value)
            elif id(t) not in self._values:
                self._enter(t)

    def _enter(self, tensor: Any) -> Any:
        assert self._trace is not None
        value = self._trace.graph.constant(tensor._array)
        self._values[id(tensor)] = value
        self._alive.append(tensor)
        return value

    def _watch_variable(self, variable: Variable, tensor: Any) -> None:
        if self._trace is None or not (self._watch_variables and variable.trainable):
            return
        if id(variable) not in self._variables:
            self._variables[id(variable)] = self._enter(tensor)
            self._alive.append(variable)
        else:
            self._values[id(tensor)] = self._variables[id(variable)]
            self._alive.append(tensor)

    def _record(self, op: str, inputs: list[Any], attrs: dict[str, Any], outputs: list[Any]) -> None:
        if self._trace is None or not any(id(x) in self._values for x in inputs):
            return
        g = self._trace.graph
        values = [self._values[id(x)] if id(x) in self._values else g.constant(to_tensor(x)._array) for x in inputs]
        for tensor, value in zip(outputs, g.add(op, values, attrs)):
            self._values[id(tensor)] = value
            self._alive.append(tensor)

    def gradient(self, target: Any, sources: Any, output_gradients: Any = None) -> Any:
        """Gradients of the target by the sources: None where it does not depend on one."""
        if self._trace is None:
            return gradients(target, sources, output_gradients)
        trace = self._trace
        leaves = flatten(sources)
        values = []
        for x in leaves:
            table = self._variables if isinstance(x, Variable) else self._values
            values.append(table.get(id(x)))
        targets = [self._values.get(id(t)) for t in flatten(target)]
        if any(t is None for t in targets):
            return pack_like(sources, [None] * len(leaves))
        known = [v for v in values if v is not None]
        with trace:
            seeds = (
                [trace.constant(to_tensor_array(x))._value for x in flatten(output_gradients)]
                if output_gradients is not None
                else []
            )
            found = iter(trace.graph.gradients(targets, known, seeds))
        d = [None if v is None else next(found) for v in values]
        wanted = [g for g in d if g is not None]
        if not wanted:
            return pack_like(sources, d)
        out = _evaluate(trace, wanted)
        results = iter(out)
        outer = [t for t in _state.tapes if t is not self]
        tensors = [None if g is None else next(results) for g in d]
        for tape in outer:  # a tape around this one: let it see how the gradients came about
            tape._adopt(self, d, tensors)
        return pack_like(sources, tensors)

    def _adopt(self, inner: GradientTape, values: list[Any], tensors: list[Any]) -> None:
        assert self._trace is not None and inner._trace is not None
        shared = [(v, self._values[k]) for k, v in inner._values.items() if k in self._values]
        shared += [(v, self._variables[k]) for k, v in inner._variables.items() if k in self._variables]
        mapped = _replay(inner._trace.graph, self._trace.graph, dict(shared), [v for v in values if v is not None])
        for v, t in zip([v for v in values if v is not None], [t for t in tensors if t is not None]):
            self._values[id(t)] = mapped[v]
            self._alive.append(t)


def to_tensor_array(x: Any) -> Any:
    """The array of an eager tensor or array-like."""
    t = to_tensor(x)
    return t._array if isinstance(t, Tensor) else t


def _evaluate(trace: Trace, values: list[Any]) -> list[Tensor]:
    g = _core.Graph()
    source = trace.graph
    mapped = _replay(source, g, {}, values)
    for i, v in enumerate(values):
        g.output(f"d{i}", mapped[v])
    return [Tensor(a) for a in _core.Executable(g).run([])]


def _replay(source: Any, target: Any, known: dict[Any, Any], wanted: list[Any]) -> dict[Any, Any]:
    """Copies what ``wanted`` needs from one graph into another, stopping at known values."""
    return dict(zip(wanted, target.replay(source, list(known.items()), wanted)))


__all__ = ["GradientTape", "Traced", "custom_gradient", "grad", "gradients", "value_and_grad"]
