"""Products of matrices and tensors, Einstein sums, norms."""

from __future__ import annotations

import builtins
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, emit1, to_tensor
from hornbeam.ops import math as m
from hornbeam.ops import reductions
from hornbeam.ops.arrays import expand_dims, reshape, shape_product, squeeze, transpose
from hornbeam.ops.comparison import equal, not_equal, where
from hornbeam.ops.elementwise import to_float, unify

__all__ = ["dot", "einsum", "matmul", "norm", "outer", "tensordot"]


def _as_numbers(product: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """A product in the operands' dtype: bools are counted, and true where there is any."""
    a, b = unify(a, b)
    if a.dtype == "bool":
        return to_tensor(product(to_tensor(a, "int32"), to_tensor(b, "int32")), "bool")
    return product(a, b)


def matmul(x1: Any, x2: Any) -> Any:
    """The matrix product, with NumPy's rules: leading axes broadcast, a vector counts as a row or a column.

    Args:
        x1: a tensor of at least one axis.
        x2: likewise.

    Returns:
        A tensor in the dtype that holds both; two int8 give int32.

    Raises:
        ValueError: when the inner dimensions differ.

    Example:
        >>> matmul([[1.0, 2.0]], [[3.0], [4.0]]).numpy().tolist()
        [[11.0]]
    """
    a, b = to_tensor(x1), to_tensor(x2)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(f"[matmul] inputs need at least one axis; got shapes {a.shape} and {b.shape}")
    if a.dtype == b.dtype == "int8":
        a, b = to_tensor(a, "int32"), to_tensor(b, "int32")
    return _as_numbers(_matmul, a, b)


def _matmul(a: Any, b: Any) -> Any:
    left, right = a.ndim == 1, b.ndim == 1
    a = expand_dims(a, 0) if left else a
    b = expand_dims(b, 1) if right else b
    y = emit1("matmul", [a, b])
    if right:
        y = squeeze(y, -1)
    return squeeze(y, -1 if right else -2) if left else y


def dot(x1: Any, x2: Any) -> Any:
    """NumPy's dot: the sum of products over x1's last axis and x2's second to last.

    Args:
        x1: a tensor; a number multiplies.
        x2: likewise.

    Returns:
        A tensor of x1's other axes, then x2's, in the dtype that holds both.
    """
    x1, x2 = unify(x1, x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return m.multiply(x1, x2)
    if x2.ndim <= 2:
        return _as_numbers(_matmul, x1, x2)
    return tensordot(x1, x2, axes=[[x1.ndim - 1], [x2.ndim - 2]])


def outer(x1: Any, x2: Any) -> Any:
    """All products of an element of x1 (flattened) with one of x2.

    Args:
        x1: a tensor; any shape.
        x2: likewise.

    Returns:
        A tensor ``(size of x1, size of x2)``.
    """
    a, b = unify(x1, x2)
    return m.multiply(reshape(a, [-1, 1]), reshape(b, [1, -1]))


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """The sum of products over pairs of axes (an int: the last of x1 with the first of x2).

    Args:
        x1: a tensor.
        x2: a tensor.
        axes: an int, or a pair of axes (or of lists of them), x1's and x2's.

    Returns:
        A tensor of x1's other axes, then x2's, in the dtype that holds both.

    Raises:
        ValueError: when the sizes of a pair differ.
    """
    a, b = unify(x1, x2)
    if hasattr(axes, "__index__"):
        n = _check.integer("axes", axes, 0)
        if n > builtins.min(a.ndim, b.ndim):
            raise ValueError(f"`axes` must be at most {builtins.min(a.ndim, b.ndim)}. Received: axes={axes}")
        left, right = list(range(a.ndim - n, a.ndim)), list(range(n))
    else:
        if len(axes) != 2:
            raise ValueError(f"`axes` must be an int or a pair. Received: axes={axes}")
        left, right = _check.axes_in(axes[0], a.ndim, "axes"), _check.axes_in(axes[1], b.ndim, "axes")
        if len(left) != len(right):
            raise ValueError(f"`axes` must pair as many axes of both. Received: axes={axes}")
    letters = iter(string.ascii_letters)
    names_a = [next(letters) for _ in range(a.ndim)]
    names_b = [next(letters) for _ in range(b.ndim)]
    for i, j in zip(left, right):
        if None not in (a.shape[i], b.shape[j]) and a.shape[i] != b.shape[j]:
            raise ValueError(f"[tensordot] the sizes of axes {i} and {j} differ; got {a.shape} and {b.shape}")
        names_b[j] = names_a[i]
    out = [c for i, c in enumerate(names_a) if i not in left] + [c for j, c in enumerate(names_b) if j not in right]
    return _as_numbers(lambda p, q: _contract(names_a, names_b, out, p, q), a, b)


def _contract(ta: list[str], tb: list[str], out: list[str], a: Any, b: Any) -> Any:
    """The product of two operands whose axes are named, each name once, by one matmul."""
    for names, x, other in ((ta, a, tb), (tb, b, ta)):  # indices that only one operand has and nobody keeps
        gone = [i for i, c in enumerate(names) if c not in out and c not in other]
        if gone:
            summed, kept = reductions.sum(x, axis=gone), [c for i, c in enumerate(names) if i not in gone]
            if names is ta:
                a, ta = summed, kept
            else:
                b, tb = summed, kept
    size = {**dict(zip(ta, dims_of(a))), **dict(zip(tb, dims_of(b)))}
    batch = [c for c in ta if c in tb and c in out]
    inner = [c for c in ta if c in tb and c not in out]
    rows, cols = [c for c in ta if c not in tb], [c for c in tb if c not in ta]
    r, c, k = (shape_product([size[n] for n in group]) for group in (rows, cols, inner))
    lead = [size[n] for n in batch]
    a = reshape(transpose(a, [ta.index(n) for n in batch + rows + inner]), [*lead, r, k])
    b = reshape(transpose(b, [tb.index(n) for n in batch + inner + cols]), [*lead, k, c])
    have = batch + rows + cols
    y = reshape(emit1("matmul", [a, b]), [size[n] for n in have])
    return transpose(y, [have.index(n) for n in out])


def _terms(subscripts: str, ranks: list[int]) -> tuple[list[list[str]], list[str]]:
    """The axes' names of each operand and of the result; those an ellipsis stands for are numbered from the last."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    written = left.split(",")
    if len(written) != len(ranks):
        raise ValueError(f"einsum needs a term for each of {len(ranks)} operands. Received: {subscripts!r}")
    terms, most = [], 0
    for term, rank in zip(written, ranks):
        before, dots, after = term.partition("...")
        if "." in before + after or not (before + after).replace(" ", "").isalpha() and before + after:
            raise ValueError(f"einsum's indices must be letters. Received: {subscripts!r}")
        extra = rank - len(before) - len(after)
        if extra < 0 or (extra and not dots):
            raise ValueError(f"einsum term {term!r} does not fit an operand of {rank} axes. Received: {subscripts!r}")
        most = max(most, extra)
        terms.append([*before, *(f".{i}" for i in range(extra, 0, -1)), *after])
    dotted = [f".{i}" for i in range(most, 0, -1)]
    if arrow:
        before, dots, after = right.partition("...")
        if most and not dots:
            dotted = []
        out = [*before, *(dotted if dots else []), *after]
    else:
        letters = left.replace(",", "").replace(".", "")
        out = [*dotted, *sorted(c for c in set(letters) if letters.count(c) == 1)]
    known = {c for t in terms for c in t}
    if len(set(out)) != len(out) or not set(out) <= known:
        raise ValueError(f"einsum's result must have indices of the operands, each once. Received: {subscripts!r}")
    return terms, out


def _diagonals(names: list[str], x: Any) -> tuple[list[str], Any]:
    """An operand with each name once: of axes of one name, the diagonal."""
    while len(set(names)) < len(names):
        j = next(i for i, c in enumerate(names) if c in names[:i])
        i = names.index(names[j])
        shape = [1] * x.ndim
        places = []
        for axis in (i, j):
            shape[axis] = dims_of(x)[axis]
            places.append(emit1("iota", [], shape=list(shape), axis=axis, dtype="int32"))
            shape[axis] = 1
        x = reductions.sum(where(equal(*places), x, to_tensor(0, x.dtype)), axis=j)
        names = names[:j] + names[j + 1 :]
    return names, x


def einsum(subscripts: str, *operands: Any) -> Any:
    """Einstein summation over any number of operands, two at a time, each by one matmul.

    Args:
        subscripts: such as ``"ij,jk->ik"``; without ``->``, the indices that occur once, in order of the alphabet. An
            index that a term repeats takes the diagonal, ``...`` stands for the axes without a letter, which broadcast.
        *operands: tensors, one a term.

    Returns:
        A tensor of the indices after ``->``, in the dtype that holds all operands.

    Raises:
        ValueError: for subscripts that do not fit.

    Example:
        >>> einsum("ij,jk->ik", [[1.0, 2.0]], [[3.0], [4.0]]).numpy().tolist()
        [[11.0]]
    """
    xs = unify(*operands)
    terms, out = _terms(subscripts, [x.ndim for x in xs])
    dtype = xs[0].dtype
    if dtype == "bool":
        xs = [to_tensor(x, "int32") for x in xs]
    named = [_diagonals(t, x) for t, x in zip(terms, xs)]
    large = {c for t, x in named for c, n in zip(t, x.shape) if n != 1}
    terms, xs = [], []
    for t, x in named:  # an axis of size 1 broadcasts
        ones = [i for i, c in enumerate(t) if x.shape[i] == 1 and c in large]
        terms.append([c for i, c in enumerate(t) if i not in ones])
        xs.append(squeeze(x, ones) if ones else x)
    while len(xs) > 1:
        kept = out if len(xs) == 2 else [*out, *(c for t in terms[2:] for c in t)]
        names = [c for c in dict.fromkeys(terms[0] + terms[1]) if c in kept]
        xs[:2] = [_contract(terms[0], terms[1], names, xs[0], xs[1])]
        terms[:2] = [names]
    (names,), (x,) = terms, xs
    gone = [i for i, c in enumerate(names) if c not in out]
    x = reductions.sum(x, axis=gone) if gone else x
    names = [c for c in names if c in out]
    return to_tensor(transpose(x, [names.index(c) for c in out]), dtype)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of vectors (one axis, or all with ``ord=None``) or of matrices (two axes).

    Args:
        x: a tensor of any shape.
        ord: None for the square root of the sum of squares. For vectors a number, ``inf`` or ``-inf``: the sum of
            ``|x|**ord`` to the power ``1 / ord``, 0 counting what is not zero. For matrices 1, -1 (the largest, least
            sum of a column), ``inf``, ``-inf`` (of a row) or "fro".
        axis: an int, two, or None for all axes (of which there may be one or two when ``ord`` is given).
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; float.

    Raises:
        ValueError: for another order.
    """
    x = to_float(x)
    axes = list(range(x.ndim)) if axis is None else _check.axes_in(axis, x.ndim)
    if ord is None or (ord == "fro" and len(axes) == 2) or (ord == 2 and len(axes) == 1):
        return m.sqrt(reductions.sum(m.square(x), axes, keepdims))
    if len(axes) == 1 and not isinstance(ord, str):
        return _vector_norm(m.abs(x), ord, axes, keepdims)
    if len(axes) == 2 and not isinstance(ord, str) and builtins.abs(ord) in (1, np.inf):
        summed, kept = axes if builtins.abs(ord) == 1 else reversed(axes)
        sums = reductions.sum(m.abs(x), summed, True)
        y = (reductions.max if ord > 0 else reductions.min)(sums, kept, True)
        return y if keepdims else squeeze(y, axes)
    raise ValueError(
        f"`ord` must be None, a number for one axis, or 1, -1, inf, -inf or 'fro' for two. Received: ord={ord!r}, "
        f"axis={axis}"
    )


def _vector_norm(x: Any, ord: float, axes: list[int], keepdims: bool) -> Any:
    if ord == np.inf:
        return reductions.max(x, axes, keepdims)
    if ord == -np.inf:
        return reductions.min(x, axes, keepdims)
    if ord == 0:
        return reductions.sum(to_tensor(not_equal(x, 0.0), x.dtype), axes, keepdims)
    if ord == 1:
        return reductions.sum(x, axes, keepdims)
    return m.power(reductions.sum(m.power(x, ord), axes, keepdims), 1.0 / ord)
