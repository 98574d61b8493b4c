"""What elementwise ops share: how arguments become tensors of one dtype, and ops made from the core's.

Arguments may be tensors of any kind, variables, arrays or numbers; mixed dtypes are promoted as in Keras (a Python number
takes the tensor's dtype).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core.buffer import name_of
from hornbeam.core.operators import TensorLike
from hornbeam.core.tensor import _AS_THEY_ARE, _FLOATS, Tensor, emit1, promote, to_tensor, variable_value

__all__ = ["dtype_of", "make_binary", "make_unary", "to_float", "to_numbers", "unary", "unify"]


def dtype_of(x: Any) -> str:
    """The dtype of a tensor, variable or array; of a number, the one it has by itself."""
    x = variable_value(x)
    if isinstance(x, bool):
        return "bool"
    if isinstance(x, (int, np.int64)):
        return "int32" if -(2**31) <= x < 2**31 else "int64"
    if isinstance(x, float):
        return config.floatx()
    if isinstance(x, TensorLike):
        return x.dtype
    return name_of(x.dtype) if type(x) is np.ndarray and x.dtype in _AS_THEY_ARE else to_tensor(x).dtype


def unify(*xs: Any) -> list[Any]:
    """All of these as tensors of one dtype, which Python's numbers have no say in beside a tensor."""
    dtypes = [x.dtype if isinstance(x, Tensor) else "" for x in xs]
    if "" not in dtypes and len(set(dtypes)) == 1:
        return list(xs)
    xs = tuple([variable_value(x) for x in xs])
    strong = [dtype_of(x) for x in xs if not isinstance(x, (bool, int, float))]
    weak = [x for x in xs if isinstance(x, (bool, int, float))]
    if not strong:
        dtype = promote(*[dtype_of(x) for x in xs])
    else:
        dtype = promote(*strong)
        for w in weak:
            if isinstance(w, float) and dtype not in _FLOATS:
                dtype = config.floatx()
            elif isinstance(w, int) and not isinstance(w, bool) and dtype == "bool":
                dtype = "int32"
    return [to_tensor(x, dtype) for x in xs]


def to_float(x: Any) -> Any:
    """``x`` as a float tensor: itself, or cast to ``floatx``."""
    x = to_tensor(x)
    return x if x.dtype in _FLOATS else to_tensor(x, config.floatx())


def to_numbers(x: Any) -> Any:
    """``x`` as a tensor of numbers: bools become int32."""
    x = to_tensor(x)
    return to_tensor(x, "int32") if x.dtype == "bool" else x


def unary(op: str, x: Any, as_float: bool = True) -> Any:
    """A core op of one input applied to floats, or to numbers as they are."""
    return emit1(op, [to_float(x) if as_float else to_numbers(x)])


def _binary(op: str, a: Any, b: Any, as_float: bool = False, numbers: bool = True, bools: str | None = None) -> Any:
    a, b = unify(a, b)
    if as_float and a.dtype not in _FLOATS:
        a, b = to_tensor(a, config.floatx()), to_tensor(b, config.floatx())
    if numbers and a.dtype == "bool":
        if bools:
            return emit1(bools, [a, b])
        a, b = to_tensor(a, "int32"), to_tensor(b, "int32")
    return emit1(op, [a, b])


def make_unary(name: str, op: str, what: str, as_float: bool = True) -> Callable[[Any], Any]:
    """The function ``name`` of one tensor.

    Args:
        name: what it is called.
        op: the core's op.
        what: what it computes, for its docstring.
        as_float: whether ints are cast to ``floatx`` first.
    """

    def fn(x: Any) -> Any:
        return unary(op, x, as_float)

    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = (
        f"{what}, element by element.\n\nArgs:\n    x: a tensor of any shape.\n\nReturns:\n    A tensor of x's shape."
    )
    return fn


def make_binary(
    name: str, op: str, what: str, as_float: bool = False, numbers: bool = True, bools: str | None = None
) -> Callable[[Any, Any], Any]:
    """The function ``name`` of two tensors.

    Args:
        name: what it is called.
        op: the core's op.
        what: what it computes, for its docstring.
        as_float: whether ints are cast to ``floatx`` first.
        numbers: whether bools are cast to int32 first.
        bools: the core's op for bools instead.
    """

    def fn(x1: Any, x2: Any) -> Any:
        return _binary(op, x1, x2, as_float, numbers, bools)

    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = (
        f"{what}, element by element.\n\nArgs:\n    x1: a tensor.\n    x2: a tensor; the shapes broadcast.\n\n"
        "Raises:\n    ValueError: when the shapes do not broadcast."
    )
    return fn
