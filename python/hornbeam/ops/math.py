"""Elementwise arithmetic, comparison and matrix products, with NumPy's broadcasting and Keras' names.

Arguments may be tensors of any kind, variables, arrays or numbers; mixed dtypes are promoted as in Keras (a Python number
takes the tensor's dtype).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hornbeam import _validation as _check
from hornbeam import config
from hornbeam._operators import TensorLike
from hornbeam._tensor import _FLOATS, dims_of, emit1, promote, to_tensor, variable_value


def dtype_of(x: Any) -> str:
    """The dtype of a tensor, variable or array; of a number, the one it has by itself."""
    x = variable_value(x)
    if isinstance(x, bool):
        return "bool"
    if isinstance(x, int):
        return "int32"
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
    x = to_float(x) if as_float else to_tensor(x)
    if x.dtype in ("float16", "bfloat16"):
        return to_tensor(emit1(op, [to_tensor(x, "float32")]), x.dtype)
    if x.dtype == "bool" and not as_float:
        x = to_tensor(x, "int32")
    return emit1(op, [x])


def _binary(op: str, a: Any, b: Any, as_float: bool = False, numbers: bool = True) -> Any:
    a, b = _unify(a, b)
    if as_float and a.dtype not in _FLOATS:
        a, b = to_tensor(a, config.floatx()), to_tensor(b, config.floatx())
    if numbers and a.dtype == "bool":
        a, b = to_tensor(a, "int32"), to_tensor(b, "int32")
    if a.dtype in ("float16", "bfloat16"):
        half = a.dtype
        y = emit1(op, [to_tensor(a, "float32"), to_tensor(b, "float32")])
        return y if y.dtype == "bool" else to_tensor(y, half)
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
    name: str, op: str, what: str, as_float: bool = False, numbers: bool = True
) -> Callable[[Any, Any], Any]:
    def fn(x1: Any, x2: Any) -> Any:
        return _binary(op, x1, x2, as_float, numbers)

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
erfinv = _make_unary("erfinv", "erfinv", "The inverse error function")
floor = _make_unary("floor", "floor", "The largest integer not above x")
ceil = _make_unary("ceil", "ceil", "The smallest integer not below x")
isnan = _make_unary("isnan", "isnan", "Whether x is NaN")
isinf = _make_unary("isinf", "isinf", "Whether x is infinite")
isfinite = _make_unary("isfinite", "isfinite", "Whether x is neither NaN nor infinite")
negative = _make_unary("negative", "neg", "-x", False)
abs = _make_unary("abs", "abs", "The absolute value", False)
absolute = abs
sign = _make_unary("sign", "sign", "-1, 0 or 1 by the sign of x", False)
square = _make_unary("square", "square", "x * x", False)
relu = _make_unary("relu", "relu", "max(x, 0)", False)

add = _make_binary("add", "add", "x1 + x2")
subtract = _make_binary("subtract", "subtract", "x1 - x2")
multiply = _make_binary("multiply", "multiply", "x1 * x2")
divide = _make_binary("divide", "divide", "x1 / x2 (ints give floats)", True)
true_divide = divide
floor_divide = _make_binary("floor_divide", "floor_divide", "x1 / x2 rounded down; an integer divided by 0 gives 0")
mod = _make_binary("mod", "mod", "The remainder, with x2's sign; an integer modulo 0 gives 0")
power = _make_binary("power", "power", "x1 to the power x2")
maximum = _make_binary("maximum", "maximum", "The larger of the two; NaN where either is NaN")
minimum = _make_binary("minimum", "minimum", "The smaller of the two; NaN where either is NaN")
arctan2 = _make_binary("arctan2", "arctan2", "The angle of the point (x2, x1)", True)
equal = _make_binary("equal", "equal", "x1 == x2", numbers=False)
not_equal = _make_binary("not_equal", "not_equal", "x1 != x2", numbers=False)
less = _make_binary("less", "less", "x1 < x2", numbers=False)
less_equal = _make_binary("less_equal", "less_equal", "x1 <= x2", numbers=False)
greater = _make_binary("greater", "greater", "x1 > x2", numbers=False)
greater_equal = _make_binary("greater_equal", "greater_equal", "x1 >= x2", numbers=False)


def round(x: Any, decimals: int = 0) -> Any:
    """To the nearest multiple of 10**-decimals, ties to even.

    Args:
        x: a tensor of any shape; ints stay as they are in value.
        decimals: digits after the point to keep.

    Returns:
        A float tensor of x's shape.
    """
    if not -300 <= _check.integer("decimals", decimals) <= 300:
        raise ValueError(f"`decimals` must be in [-300, 300]. Received: decimals={decimals}")
    if decimals == 0:
        return _unary("round", x)
    scale = 10.0**decimals
    return divide(_unary("round", multiply(x, scale)), scale)


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


def where(condition: Any, x1: Any, x2: Any) -> Any:
    """x1 where the condition holds, else x2; the three shapes broadcast.

    Args:
        condition: a tensor; nonzero counts as true.
        x1: a tensor or a number.
        x2: likewise.

    Returns:
        A tensor of the shape all three broadcast to, in the dtype that holds x1 and x2.

    Example:
        >>> where([True, False], 1.0, 2.0).numpy().tolist()
        [1.0, 2.0]
    """
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
    return add(maximum(x1, x2), log1p(exp(negative(abs(subtract(x1, x2))))))


def _numbers(x: Any) -> Any:
    x = to_tensor(x)
    return (
        to_tensor(x, "int32")
        if x.dtype == "bool"
        else to_tensor(x, "float32")
        if x.dtype in ("float16", "bfloat16")
        else x
    )


def stop_gradient(x: Any) -> Any:
    """x itself, through which no gradient flows.

    Args:
        x: a tensor of any shape.

    Returns:
        A tensor of x's shape and dtype.
    """
    return emit1("stop_gradient", [to_tensor(x)])


def matmul(x1: Any, x2: Any) -> Any:
    """The matrix product, with NumPy's rules: leading axes broadcast, a vector counts as a row or a column.

    Raises:
        ValueError: when the inner dimensions differ.

    Example:
        >>> matmul([[1.0, 2.0]], [[3.0], [4.0]]).numpy().tolist()
        [[11.0]]
    """
    from hornbeam.ops import arrays as shapes

    a, b = _unify(to_float(x1), to_float(x2))
    half = a.dtype if a.dtype in ("float16", "bfloat16") else None
    if half:
        a, b = to_tensor(a, "float32"), to_tensor(b, "float32")
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(f"[matmul] inputs need at least one axis; got shapes {a.shape} and {b.shape}")
    left, right = a.ndim == 1, b.ndim == 1
    a = shapes.expand_dims(a, 0) if left else a
    b = shapes.expand_dims(b, 1) if right else b
    y = emit1("matmul", [a, b])
    if right:
        y = shapes.squeeze(y, -1)
    if left:
        y = shapes.squeeze(y, -1 if right else -2)
    return to_tensor(y, half) if half else y


def dot(x1: Any, x2: Any) -> Any:
    """NumPy's dot: the sum of products over x1's last axis and x2's second to last.

    Args:
        x1: a tensor; a number multiplies.
        x2: likewise.

    Returns:
        A float tensor of x1's other axes, then x2's.
    """
    from hornbeam.ops import arrays as shapes

    x1, x2 = to_tensor(x1), to_tensor(x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return multiply(x1, x2)
    if x2.ndim <= 2:
        return matmul(x1, x2)
    return shapes.tensordot(x1, x2, axes=[[x1.ndim - 1], [x2.ndim - 2]])


def outer(x1: Any, x2: Any) -> Any:
    """All products of an element of x1 (flattened) with one of x2.

    Args:
        x1: a tensor; any shape.
        x2: likewise.

    Returns:
        A tensor ``(size of x1, size of x2)``.
    """
    from hornbeam.ops import arrays as shapes

    return multiply(shapes.reshape(x1, [-1, 1]), shapes.reshape(x2, [1, -1]))


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
