"""Elementwise arithmetic, with NumPy's broadcasting and Keras' names."""

from __future__ import annotations

from typing import Any

from hornbeam import config
from hornbeam.core import validation as _check
from hornbeam.core.tensor import _FLOATS, emit1, to_tensor
from hornbeam.ops.comparison import equal, where
from hornbeam.ops.elementwise import make_binary, make_unary, to_float, to_numbers, unify

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
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "log",
    "log1p",
    "logaddexp",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "negative",
    "power",
    "reciprocal",
    "relu",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softplus",
    "sqrt",
    "square",
    "stop_gradient",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
]

exp = make_unary("exp", "exp", "e to the power x")
expm1 = make_unary("expm1", "expm1", "exp(x) - 1, exact near 0")
log = make_unary("log", "log", "The natural logarithm")
log1p = make_unary("log1p", "log1p", "log(1 + x), exact near 0")
sqrt = make_unary("sqrt", "sqrt", "The square root")
rsqrt = make_unary("rsqrt", "rsqrt", "1 / sqrt(x)")
reciprocal = make_unary("reciprocal", "reciprocal", "1 / x")
sin = make_unary("sin", "sin", "The sine")
cos = make_unary("cos", "cos", "The cosine")
tan = make_unary("tan", "tan", "The tangent")
arcsin = make_unary("arcsin", "asin", "The inverse sine")
arccos = make_unary("arccos", "acos", "The inverse cosine")
arctan = make_unary("arctan", "atan", "The inverse tangent")
sinh = make_unary("sinh", "sinh", "The hyperbolic sine")
cosh = make_unary("cosh", "cosh", "The hyperbolic cosine")
arcsinh = make_unary("arcsinh", "asinh", "The inverse hyperbolic sine")
arccosh = make_unary("arccosh", "acosh", "The inverse hyperbolic cosine")
arctanh = make_unary("arctanh", "atanh", "The inverse hyperbolic tangent")
tanh = make_unary("tanh", "tanh", "The hyperbolic tangent")
sigmoid = make_unary("sigmoid", "sigmoid", "1 / (1 + exp(-x))")
softplus = make_unary("softplus", "softplus", "log(1 + exp(x))")
erf = make_unary("erf", "erf", "The error function")
erfc = make_unary("erfc", "erfc", "1 - erf(x), exact where erf(x) is close to 1")
erfinv = make_unary("erfinv", "erfinv", "The inverse error function")
floor = make_unary("floor", "floor", "The largest integer not above x")
ceil = make_unary("ceil", "ceil", "The smallest integer not below x")
negative = make_unary("negative", "neg", "-x", False)
sign = make_unary("sign", "sign", "-1, 0 or 1 by the sign of x", False)
square = make_unary("square", "square", "x * x", False)
relu = make_unary("relu", "relu", "max(x, 0)", False)

add = make_binary("add", "add", "x1 + x2", bools="logical_or")
subtract = make_binary("subtract", "subtract", "x1 - x2")
multiply = make_binary("multiply", "multiply", "x1 * x2", bools="logical_and")
divide = make_binary("divide", "divide", "x1 / x2 (ints give floats)", True)
true_divide = divide
floor_divide = make_binary("floor_divide", "floor_divide", "x1 / x2 rounded down; an integer divided by 0 gives 0")
mod = make_binary("mod", "mod", "The remainder, with x2's sign; an integer modulo 0 gives 0")
power = make_binary("power", "power", "x1 to the power x2")
maximum = make_binary("maximum", "maximum", "The larger of the two; NaN where either is NaN", bools="logical_or")
minimum = make_binary("minimum", "minimum", "The smaller of the two; NaN where either is NaN", bools="logical_and")
arctan2 = make_binary("arctan2", "arctan2", "The angle of the point (x2, x1)", True)


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
    x = to_numbers(x)
    if x.dtype not in _FLOATS:
        return x if decimals >= 0 else to_tensor(round(to_tensor(x, "float64"), decimals), x.dtype)
    if decimals == 0:
        return emit1("round", [x])
    scale = 10.0**decimals
    return divide(emit1("round", [multiply(x, scale)]), scale)


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
    a, b = unify(x1, x2)
    a, b = to_float(a), to_float(b)
    apart = where(equal(a, b), 0.0, subtract(a, b))  # two infinities are not
    return add(maximum(a, b), log1p(exp(negative(abs(apart)))))


def stop_gradient(variable: Any) -> Any:
    """A tensor itself, through which no gradient flows.

    Args:
        variable: a tensor or variable of any shape.

    Returns:
        A tensor of its shape and dtype.
    """
    return emit1("stop_gradient", [to_tensor(variable)])
