"""Control flow on traced values: scan, while_loop, cond and what is built on them.

Values and variables from outside become explicit inputs of the sub-graph; a variable that the body assigns is carried.
Outside a trace the same functions run the Python callables directly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hornbeam import _core
from hornbeam.core import validation as _check
from hornbeam.core.tensor import Tensor, dims_of, emit, to_tensor
from hornbeam.core.trace import Trace, Traced, current_trace
from hornbeam.core.tree import flatten, map_structure, pack_like
from hornbeam.ops import joining
from hornbeam.ops import math as m
from hornbeam.ops.comparison import less, where

__all__ = ["cond", "fori_loop", "map", "scan", "switch", "vectorized_map", "while_loop"]


class _Body:
    """A Python function traced into a sub-graph."""

    def __init__(self, fn: Callable[..., Any], args: list[Any], names: str) -> None:
        outer = current_trace()
        assert outer is not None
        with Trace(outer) as self.trace:
            self.args = [self.trace.input(f"{names}{i}", t.dtype, d) for i, (t, d) in enumerate(args)]
            self.result = fn(*self.args)
            self.leaves = [None if x is None else to_tensor(x) for x in flatten(self.result)]
            self.values = [None if x is None else self.trace.value_of(x) for x in self.leaves]

    def assigned(self) -> list[tuple[Any, Any]]:
        """(variable, its new value) for each variable the function assigns."""
        return list(self.trace.assigned.values())

    def carried_input(self, variable: Any) -> Any:
        """The input through which a variable's value comes in."""
        return self.trace.reads[id(variable)][1]

    def graph(self, inputs: list[Any], outputs: list[Any]) -> Any:
        """The sub-graph with its inputs in this order: each is a value of the trace, or (dtype, shape) for an unused one."""
        g = _core.Graph()
        given = {}
        for i, v in enumerate(inputs):
            if isinstance(v, tuple):
                g.input(f"unused{i}", *v)
            else:
                given[v] = g.input(f"v{i}", self.trace.graph.dtype(v), self.trace.graph.shape(v))
        mine = [a._value for a in self.args] + self.trace.capture_inputs
        for v in outputs:
            self.trace.graph.output("y", v)
        for i, v in enumerate(g.inline_graph(self.trace.graph, [given[v] for v in mine])):
            g.output(f"y{i}", v)
        return g


def _typed(x: Any) -> tuple[Any, Any]:
    return x, dims_of(x)


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: Any = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Runs ``carry, y = f(carry, x)`` over the leading axis of ``xs``.

    Args:
        f: called with the carry and one slice of ``xs`` (None without ``xs``).
        init: the first carry, a tensor or a structure of them; the carry keeps its shapes and dtypes.
        xs: a tensor or a structure of them with one leading size, or None.
        length: the number of steps when ``xs`` is None.
        reverse: whether to start from the end.
        unroll: True, False or how many steps to join, an int >= 1; the program is the same loop.

    Returns:
        The last carry, and the ys stacked along a new leading axis. Differentiable.

    Example:
        >>> import numpy as np
        >>> total, sums = scan(lambda c, x: (c + x, c + x), 0.0, np.array([1.0, 2.0, 3.0], "float32"))
        >>> float(total), sums.numpy().tolist()
        (6.0, [1.0, 3.0, 6.0])
    """
    if not isinstance(unroll, bool):
        _check.positive_int("unroll", unroll)
    x_leaves = [to_tensor(x) for x in flatten(xs)] if xs is not None else []
    if not x_leaves and length is None:
        raise ValueError("`length` is required when `xs` is None. Received: length=None")
    length = None if length is None else _check.dims("length", length)[0]
    known = {n for x in x_leaves for n in x.shape[:1] if n is not None} | (
        {length} if isinstance(length, int) else set()
    )
    if len(known) > 1 or any(x.ndim == 0 for x in x_leaves):
        raise ValueError(
            f"`xs` must have one leading size, `length`. Received: length={length}, shapes="
            f"{[tuple(x.shape) for x in x_leaves]}"
        )
    if current_trace() is None:
        return _scan_eagerly(f, init, xs, x_leaves, length, reverse)
    carries = [to_tensor(c) for c in flatten(init)]
    length = dims_of(x_leaves[0])[0] if x_leaves else length
    slices = [(x, dims_of(x)[1:]) for x in x_leaves]

    def call(*args: Any) -> Any:
        carry = pack_like(init, list(args[: len(carries)]))
        x = pack_like(xs, list(args[len(carries) :])) if xs is not None else None
        result = f(carry, x)
        if not isinstance(result, tuple) or len(result) != 2:
            raise ValueError(f"scan's function must return (carry, y). Received: {type(result).__name__}")
        return result

    body = _Body(call, [_typed(c) for c in carries] + slices, "c")
    new_carry, ys = body.result
    n = len(flatten(new_carry))
    if n != len(carries):
        raise ValueError(f"scan's function must return a carry like `init`, {len(carries)} tensors. Received: {n}")
    held = body.assigned()
    inner_carry = [a._value for a in body.args[:n]] + [body.carried_input(v) for v, _ in held]
    captured = [(o, i) for o, i in zip(body.trace.captures, body.trace.capture_inputs) if i not in inner_carry]
    inner = [*inner_carry, *[a._value for a in body.args[n:]], *[i for _, i in captured], ("int32", ())]
    y_values = [v for v in body.values[n:] if v is not None]
    graph = body.graph(inner, body.values[:n] + [new for _, new in held] + y_values)
    trace = current_trace()
    assert trace is not None
    outer = carries + [trace.read(v) for v, _ in held] + x_leaves + [o for o, _ in captured]
    out = emit(
        "scan", outer, body=graph, carries=n + len(held), xs=len(x_leaves), length=[length], reverse=bool(reverse)
    )
    for (variable, _), value in zip(held, out[n:]):
        trace.assign(variable, value)
    stacked = iter(out[n + len(held) : n + len(held) + len(y_values)])
    y_leaves = [None if v is None else next(stacked) for v in body.values[n:]]
    return pack_like(init, out[:n]), pack_like(ys, y_leaves)


def _scan_eagerly(f: Any, init: Any, xs: Any, leaves: list[Any], length: Any, reverse: bool) -> tuple[Any, Any]:
    n = int(leaves[0].shape[0]) if leaves else int(length)
    carry, ys = init, []
    for i in reversed(range(n)) if reverse else range(n):
        carry, y = f(carry, pack_like(xs, [x[i] for x in leaves]) if leaves else None)
        ys.append(y)
    if reverse:
        ys.reverse()
    if not ys or ys[0] is None:
        return carry, None
    return carry, map_structure(lambda *items: joining.stack(list(items)), *ys)


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Runs ``body`` on the loop variables while ``cond`` holds.

    Args:
        cond: takes the loop variables, returns a bool scalar.
        body: takes them and returns their new values (same shapes and dtypes).
        loop_vars: a tuple or list of tensors.
        maximum_iterations: a bound; with it the loop has a gradient (it becomes a masked scan).
    """
    if maximum_iterations is not None:
        maximum_iterations = _check.integer("maximum_iterations", maximum_iterations, 0)
    single = not isinstance(loop_vars, (list, tuple))
    start = [loop_vars] if single else list(loop_vars)

    def call_body(args: list[Any]) -> list[Any]:
        out = body(*args)
        return [out] if not isinstance(out, (list, tuple)) else list(out)

    def done(values: list[Any]) -> Any:
        return values[0] if single else type(loop_vars)(values)

    if current_trace() is None:
        values, count = start, 0
        while bool(cond(*values)) and (maximum_iterations is None or count < maximum_iterations):
            values, count = call_body(values), count + 1
        return done(values)
    start = [to_tensor(v) for v in start]
    if maximum_iterations is not None:

        def step(carry: Any, _: Any) -> Any:
            go = cond(*carry)
            new = call_body(list(carry))
            return [where(go, a, b) for a, b in zip(new, carry)], None

        return done(list(scan(step, start, None, length=maximum_iterations)[0]))
    types = [_typed(v) for v in start]
    test = _Body(lambda *a: cond(*a), types, "c")
    loop = _Body(lambda *a: call_body(list(a)), types, "c")
    if len(loop.values) != len(start):
        raise ValueError(f"while_loop's body must return {len(start)} values. Received: {len(loop.values)}")
    held = loop.assigned()
    trace = current_trace()
    assert trace is not None
    captures: list[Any] = []  # the outer values either sub-graph needs, variables that are carried left out
    n = len(start)

    def inputs_of(part: _Body) -> list[Any]:
        carried = []
        for variable, _ in held:
            read = part.trace.reads.get(id(variable))
            carried.append(read[1] if read else (variable.dtype, variable.shape))
        mine = [a._value for a in part.args] + carried
        rest = [(o, i) for o, i in zip(part.trace.captures, part.trace.capture_inputs) if i not in carried]
        return [mine, rest]

    parts = [inputs_of(p) for p in (test, loop)]
    for _, rest in parts:
        captures += [o for o, _ in rest]
    graphs = []
    for k, (part, (mine, rest)) in enumerate(zip((test, loop), parts)):
        other = [(o.dtype, o.dims) for o, _ in parts[1 - k][1]]
        own = [i for _, i in rest]
        outs = part.values if k == 0 else part.values + [new for _, new in held]
        graphs.append(part.graph([*mine, *(own + other if k == 0 else other + own)], outs))
    outer = start + [trace.read(v) for v, _ in held] + captures
    out = emit("while_loop", outer, cond=graphs[0], body=graphs[1], carries=n + len(held))
    for (variable, _), value in zip(held, out[n:]):
        trace.assign(variable, value)
    return done(out[:n])


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """``for i in range(lower, upper): val = body_fun(i, val)``.

    Args:
        lower: the first index: an int, an expression, or a scalar int tensor.
        upper: the end, left out, likewise. There is no gradient through a loop between bounds that only the running
            program knows.
        body_fun: ``(index, value) -> value``.
        init_val: a structure of tensors.

    Returns:
        The last value.
    """

    lower, upper = (int(b) if isinstance(b, Tensor) else b for b in (lower, upper))
    if isinstance(lower, Traced) or isinstance(upper, Traced):
        leaves = flatten(init_val)

        def loop(i: Any, *values: Any) -> list[Any]:
            return [m.add(i, 1), *flatten(body_fun(i, pack_like(init_val, list(values))))]

        first, last = to_tensor(lower, "int32"), to_tensor(upper, "int32")
        return pack_like(init_val, while_loop(lambda i, *_: less(i, last), loop, [first, *leaves])[1:])

    def step(carry: Any, _: Any) -> Any:
        i, val = carry
        return (m.add(i, 1), body_fun(i, val)), None

    for name, value in (("lower", lower), ("upper", upper)):
        if not isinstance(value, _core.Dim):
            _check.integer(name, value)
    length = upper - lower
    length = max(0, length) if isinstance(length, int) else length
    return scan(step, (to_tensor(lower, "int32"), init_val), None, length=length)[0][1]


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """``true_fn()`` when the predicate holds, else ``false_fn()``; both return the same structure. Differentiable.

    Args:
        pred: a bool, or a scalar bool tensor.
        true_fn: a function of no arguments.
        false_fn: likewise; its results have the shapes and dtypes of the other's.
    """
    trace = current_trace()
    if trace is None or not isinstance(pred, Traced):
        return true_fn() if bool(pred) else false_fn()
    pred = to_tensor(pred, "bool")
    branches = [_Body(lambda: true_fn(), [], "c"), _Body(lambda: false_fn(), [], "c")]
    if len(branches[0].values) != len(branches[1].values):
        raise ValueError("the branches of cond must return the same structure")
    held: dict[int, Any] = {}
    for b in branches:
        held.update({id(v): v for v, _ in b.assigned()})
    captures = [o for b in branches for o in b.trace.captures] + [trace.read(v) for v in held.values()]
    graphs = []
    for k, b in enumerate(branches):
        own, new = list(b.trace.capture_inputs), {id(v): value for v, value in b.assigned()}
        other = [(o.dtype, o.dims) for o in branches[1 - k].trace.captures]
        kept = []
        extra: list[Any] = []
        for key, v in held.items():
            if key in new:
                extra.append((v.dtype, v.shape))
                kept.append(new[key])
            else:
                value = b.trace.graph.input("held", v.dtype, v.shape)
                b.trace.capture_inputs.append(value)
                extra.append(value)
                kept.append(value)
        graphs.append(b.graph([*(own + other if k == 0 else other + own), *extra], list(b.values) + kept))
    out = emit("cond", [pred, *captures], **{"then": graphs[0], "else": graphs[1]})
    n = len(branches[0].values)
    for v, value in zip(held.values(), out[n:]):
        trace.assign(v, value)
    return pack_like(branches[0].result, out[:n])


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """``f`` applied to each slice of the leading axis, the results stacked.

    Args:
        f: a function of one slice.
        xs: a tensor, or a structure of tensors with one leading axis.

    Returns:
        The structure that ``f`` returns, with the leading axis.
    """
    return scan(lambda c, x: (c, f(x)), to_tensor(0), xs)[1]


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """``map``: each slice in turn.

    Args:
        function: of one slice.
        elements: a tensor, or a structure of tensors with one leading axis.

    Returns:
        The structure that ``function`` returns, with the leading axis.
    """
    return map(function, elements)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """``branches[index](*operands)``; the index is clamped to the range.

    Args:
        index: a scalar int tensor; held to the branches there are.
        branches: functions of the operands.
        *operands: handed on.

    Returns:
        What the branch returns.
    """
    if not branches:
        raise ValueError("`branches` must hold at least one function. Received: none")
    if len(branches) == 1:
        return branches[0](*operands)
    middle = len(branches) // 2  # halves of halves: few conditions inside one another
    return cond(
        less(index, middle),
        lambda: switch(index, branches[:middle], *operands),
        lambda: switch(m.subtract(index, middle), branches[middle:], *operands),
    )
