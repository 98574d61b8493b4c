"""Elementwise arithmetic, comparison and matrix products, with NumPy's broadcasting and Keras' names.

Arguments may be tensors of any kind, variables, arrays or numbers; mixed dtypes are promoted as in Keras (a Python number
takes the tensor's dtype).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core import validation as _check
from hornbeam.core.operators import TensorLike
from hornbeam.core.tensor import _FLOATS, Tensor, dims_of, emit1, promote, to_tensor, variable_value

__all__ = [
    "abs",
    "absolute",
    "add",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cast",
    "ceil",
    "clip",
    "cos",
    "cosh",
    "divide",
    "equal",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "negative",
    "not_equal",
    "power",
    "reciprocal",
    "relu",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "size",
    "softplus",
    "sqrt",
    "square",
    "stop_gradient",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "where",
]


def dtype_of(x: Any) -> str:
    """The dtype of a tensor, variable or array; of a number, the one it has by itself."""
    x = variable_value(x)
    if isinstance(x, bool):
        return "bool"
    if isinstance(x, (int, np.int64)):
        return "int32" if -(2**31) <= x < 2**31 else "int64"
    if isinstance(x, float):
        return config.floatx()
    return x.dtype if isinstance(x, TensorLike) else to_tensor(x).dtype


def _unify(*xs: Any) -> list[Any]:
    xs = tuple(variable_value(x) for x in xs)
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


def _unary(op: str, x: Any, as_float: bool = True) -> Any:
    return emit1(op, [to_float(x) if as_float else _numbers(x)])


def _binary(op: str, a: Any, b: Any, as_float: bool = False, numbers: bool = True, bools: str | None = None) -> Any:
    a, b = _unify(a, b)
    if as_float and a.dtype not in _FLOATS:
        a, b = to_tensor(a, config.floatx()), to_tensor(b, config.floatx())
    if numbers and a.dtype == "bool":
        if bools:
            return emit1(bools, [a, b])
        a, b = to_tensor(a, "int32"), to_tensor(b, "int32")
    return emit1(op, [a, b])


def _make_unary(name: str, op: str, what: str, as_float: bool = True) -> Callable[[Any], Any]:
    def fn(x: Any) -> Any:
        return _unary(op, x, as_float)

    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = (
        f"{what}, element by element.\n\nArgs:\n    x: a tensor of any shape.\n\nReturns:\n    A tensor of x's shape."
    )
    return fn


def _make_binary(
    name: str, op: str, what: str, as_float: bool = False, numbers: bool = True, bools: str | None = None
) -> Callable[[Any, Any], Any]:
    def fn(x1: Any, x2: Any) -> Any:
        return _binary(op, x1, x2, as_float, numbers, bools)

    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = (
        f"{what}, element by element.\n\nArgs:\n    x1: a tensor.\n    x2: a tensor; the shapes broadcast.\n\n"
        "Raises:\n    ValueError: when the shapes do not broadcast."
    )
    return fn


exp = _make_unary("exp", "exp", "e to the power x")
expm1 = _make_unary("expm1", "expm1", "exp(x) - 1, exact near 0")
log = _make_unary("log", "log", "The natural logarithm")
log1p = _make_unary("log1p", "log1p", "log(1 + x), exact near 0")
sqrt = _make_unary("sqrt", "sqrt", "The square root")
rsqrt = _make_unary("rsqrt", "rsqrt", "1 / sqrt(x)")
reciprocal = _make_unary("reciprocal", "reciprocal", "1 / x")
sin = _make_unary("sin", "sin", "The sine")
cos = _make_unary("cos", "cos", "The cosine")
tan = _make_unary("tan", "tan", "The tangent")
arcsin = _make_unary("arcsin", "asin", "The inverse sine")
arccos = _make_unary("arccos", "acos", "The inverse cosine")
arctan = _make_unary("arctan", "atan", "The inverse tangent")
sinh = _make_unary("sinh", "sinh", "The hyperbolic sine")
cosh = _make_unary("cosh", "cosh", "The hyperbolic cosine")
arcsinh = _make_unary("arcsinh", "asinh", "The inverse hyperbolic sine")
arccosh = _make_unary("arccosh", "acosh", "The inverse hyperbolic cosine")
arctanh = _make_unary("arctanh", "atanh", "The inverse hyperbolic tangent")
tanh = _make_unary("tanh", "tanh", "The hyperbolic tangent")
sigmoid = _make_unary("sigmoid", "sigmoid", "1 / (1 + exp(-x))")
softplus = _make_unary("softplus", "softplus", "log(1 + exp(x))")
erf = _make_unary("erf", "erf", "The error function")
erfc = _make_unary("erfc", "erfc", "1 - erf(x), exact where erf(x) is close to 1")
erfinv = _make_unary("erfinv", "erfinv", "The inverse error function")
floor = _make_unary("floor", "floor", "The largest integer not above x")
ceil = _make_unary("ceil", "ceil", "The smallest integer not below x")
isnan = _make_unary("isnan", "isnan", "Whether x is NaN")
isinf = _make_unary("isinf", "isinf", "Whether x is infinite")
isfinite = _make_unary("isfinite", "isfinite", "Whether x is neither NaN nor infinite")
negative = _make_unary("negative", "neg", "-x", False)
sign = _make_unary("sign", "sign", "-1, 0 or 1 by the sign of x", False)
square = _make_unary("square", "square", "x * x", False)
relu = _make_unary("relu", "relu", "max(x, 0)", False)

add = _make_binary("add", "add", "x1 + x2", bools="logical_or")
subtract = _make_binary("subtract", "subtract", "x1 - x2")
multiply = _make_binary("multiply", "multiply", "x1 * x2", bools="logical_and")
divide = _make_binary("divide", "divide", "x1 / x2 (ints give floats)", True)
true_divide = divide
floor_divide = _make_binary("floor_divide", "floor_divide", "x1 / x2 rounded down; an integer divided by 0 gives 0")
mod = _make_binary("mod", "mod", "The remainder, with x2's sign; an integer modulo 0 gives 0")
power = _make_binary("power", "power", "x1 to the power x2")
maximum = _make_binary("maximum", "maximum", "The larger of the two; NaN where either is NaN", bools="logical_or")
minimum = _make_binary("minimum", "minimum", "The smaller of the two; NaN where either is NaN", bools="logical_and")
arctan2 = _make_binary("arctan2", "arctan2", "The angle of the point (x2, x1)", True)
equal = _make_binary("equal", "equal", "x1 == x2", numbers=False)
not_equal = _make_binary("not_equal", "not_equal", "x1 != x2", numbers=False)
less = _make_binary("less", "less", "x1 < x2", numbers=False)
less_equal = _make_binary("less_equal", "less_equal", "x1 <= x2", numbers=False)
greater = _make_binary("greater", "greater", "x1 > x2", numbers=False)
greater_equal = _make_binary("greater_equal", "greater_equal", "x1 >= x2", numbers=False)


def abs(x: Any) -> Any:
    """The absolute value, element by element.

    Args:
        x: a tensor of any shape.

    Returns:
        A tensor of x's shape and dtype.
    """
    x = to_tensor(x)
    return x if x.dtype == "bool" else emit1("abs", [x])


absolute = abs


def round(x: Any, decimals: int = 0) -> Any:
    """To the nearest multiple of 10**-decimals, ties to even.

    Args:
        x: a tensor of any shape.
        decimals: digits after the point to keep.

    Returns:
        A tensor of x's shape; ints stay ints.
    """
    if not -300 <= _check.integer("decimals", decimals) <= 300:
        raise ValueError(f"`decimals` must be in [-300, 300]. Received: decimals={decimals}")
    x = _numbers(x)
    if x.dtype not in _FLOATS:
        return x if decimals >= 0 else to_tensor(round(to_tensor(x, "float64"), decimals), x.dtype)
    if decimals == 0:
        return emit1("round", [x])
    scale = 10.0**decimals
    return divide(emit1("round", [multiply(x, scale)]), scale)


def _logical(op: str, *xs: Any) -> Any:
    return emit1(op, [to_tensor(x, "bool") for x in xs])


def logical_not(x: Any) -> Any:
    """Not x, element by element (nonzero counts as true).

    Args:
        x: a tensor; any dtype.

    Returns:
        A bool tensor of x's shape.
    """
    return _logical("logical_not", x)


def logical_and(x1: Any, x2: Any) -> Any:
    """x1 and x2, element by element (nonzero counts as true).

    Args:
        x1: a tensor; any dtype.
        x2: likewise; the shapes broadcast.

    Returns:
        A bool tensor.
    """
    return _logical("logical_and", x1, x2)


def logical_or(x1: Any, x2: Any) -> Any:
    """x1 or x2, element by element (nonzero counts as true).

    Args:
        x1: a tensor; any dtype.
        x2: likewise; the shapes broadcast.

    Returns:
        A bool tensor.
    """
    return _logical("logical_or", x1, x2)


def logical_xor(x1: Any, x2: Any) -> Any:
    """Either x1 or x2 but not both, element by element.

    Args:
        x1: a tensor; any dtype.
        x2: likewise; the shapes broadcast.

    Returns:
        A bool tensor.
    """
    return _logical("logical_xor", x1, x2)


def bits_combined(kind: str, x1: Any, x2: Any) -> Any:
    """What ``&``, ``|`` and ``^`` do: bit by bit for ints, else with the truth of the elements."""
    a, b = _unify(x1, x2)
    if a.dtype in _FLOATS or a.dtype == "bool":
        return emit1(f"logical_{kind}", [to_tensor(a, "bool"), to_tensor(b, "bool")])
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        bitwise = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}[kind]
        return to_tensor(bitwise(a._array, b._array), a.dtype)
    signed = a.dtype != "uint8"
    powers = [2**k for k in range({"uint8": 8, "int32": 31, "int64": 63}[a.dtype])]

    def bits(x: Any) -> Any:  # the sign apart
        x = emit1("reshape", [x], shape=[*dims_of(x), 1])
        return mod(floor_divide(x, to_tensor(powers, x.dtype)), 2)

    truth = emit1(f"logical_{kind}", [to_tensor(bits(a), "bool"), to_tensor(bits(b), "bool")])
    y = emit1("sum", [multiply(to_tensor(truth, a.dtype), to_tensor(powers, a.dtype))], axes=[-1])
    if not signed:
        return y
    negative = emit1(f"logical_{kind}", [less(a, 0), less(b, 0)])
    return where(negative, add(y, -(2 ** len(powers))), y)


def bits_inverted(x: Any) -> Any:
    """What ``~`` does: every bit of ints, else not the truth of the elements."""
    x = to_tensor(x)
    if x.dtype in _FLOATS or x.dtype == "bool":
        return logical_not(x)
    return (
        subtract(-1, x) if x.dtype not in ("uint8", "uint16", "uint32") else subtract(2 ** (8 * _BYTES[x.dtype]) - 1, x)
    )


_BYTES = {"uint8": 1, "uint16": 2, "uint32": 4}


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """x1 where the condition holds, else x2; the three shapes broadcast.

    Args:
        condition: a tensor; nonzero counts as true.
        x1: a tensor or a number; None, with x2, for the places where the condition holds (``ops.nonzero``).
        x2: likewise.

    Returns:
        A tensor of the shape all three broadcast to, in the dtype that holds x1 and x2.

    Example:
        >>> where([True, False], 1.0, 2.0).numpy().tolist()
        [1.0, 2.0]
    """
    if (x1 is None) != (x2 is None):
        raise ValueError(f"`x1` and `x2` must both be given or both be None. Received: x1={x1}, x2={x2}")
    if x1 is None:
        return tuple(Tensor(i.astype("int32")) for i in np.nonzero(np.asarray(variable_value(condition))))
    a, b = _unify(x1, x2)
    return emit1("where", [to_tensor(condition, "bool"), a, b])


def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """x kept within [x_min, x_max].

    Args:
        x: a tensor of any shape.
        x_min: a number or a tensor that broadcasts with x.
        x_max: likewise.

    Returns:
        A tensor of x's shape; NaN stays NaN.
    """
    return minimum(maximum(x, x_min), x_max)


def cast(x: Any, dtype: Any) -> Any:
    """x in another dtype; floats are cut towards zero when they become ints.

    Args:
        x: a tensor of any shape.
        dtype: name of the element type.

    Returns:
        A tensor of x's shape.

    Raises:
        ValueError: for an unknown dtype.
    """
    return to_tensor(x, config.standardize_dtype(dtype))


def logaddexp(x1: Any, x2: Any) -> Any:
    """log(exp(x1) + exp(x2)) without overflow.

    Args:
        x1: a tensor.
        x2: a tensor; the shapes broadcast.

    Returns:
        A float tensor.
    """
    a, b = _unify(x1, x2)
    a, b = to_float(a), to_float(b)
    apart = where(equal(a, b), 0.0, subtract(a, b))  # two infinities are not
    return add(maximum(a, b), log1p(exp(negative(abs(apart)))))


def _numbers(x: Any) -> Any:
    x = to_tensor(x)
    return to_tensor(x, "int32") if x.dtype == "bool" else x


def stop_gradient(variable: Any) -> Any:
    """A tensor itself, through which no gradient flows.

    Args:
        variable: a tensor or variable of any shape.

    Returns:
        A tensor of its shape and dtype.
    """
    return emit1("stop_gradient", [to_tensor(variable)])


def shape_product(dims: Sequence[Any]) -> Any:
    """The product of dimensions, known or not."""
    n: Any = 1
    for d in dims:
        n = n * d
    return n


def size(x: Any) -> Any:
    """Number of elements: an int, or a dimension expression inside a graph.

    Args:
        x: a tensor of any shape.
    """
    return shape_product(dims_of(x))
