"""One row an op: what it is called with, and what NumPy says. Each row feeds every check in test_ops.py.

case(op, call, arrays, reference): `op` names the core op(s) the row is for; `call` takes tensors; arrays are made by the
functions below; `reference` takes the same NumPy arrays (None: only gradients and identities are checked).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from op_references import (
    bn_reference,
    conv_reference,
    gn_reference,
    mean_reference,
    np_softmax,
    pool_reference,
    resample_reference,
    sample_reference,
)

from hornbeam import ops
from hornbeam.core.tensor import emit, emit1


@dataclass
class Case:
    op: str
    call: Callable[..., Any]
    arrays: list[Any]
    reference: Callable[..., Any] | None
    grad: bool = True
    tol: float = 2e-6
    name: str = field(default="")


CASES: list[Case] = []


def case(op: str, call: Any, arrays: list[Any], reference: Any, grad: bool = True, tol: float = 2e-6) -> None:
    CASES.append(Case(op, call, arrays, reference, grad, tol, f"{op}-{sum(c.op == op for c in CASES)}"))


def rnd(*shape: int, lo: float = -2.0, hi: float = 2.0, seed: int = 0) -> Any:
    """Numbers drawn evenly from [lo, hi)."""
    return np.random.default_rng(seed + 31 * len(CASES)).uniform(lo, hi, shape).astype("float32")


def pos(*shape: int, seed: int = 0) -> Any:
    return rnd(*shape, lo=0.2, hi=3.0, seed=seed)


def away(*shape: int, seed: int = 0) -> Any:
    """Numbers that keep away from 0, where some gradients jump."""
    x = rnd(*shape, lo=0.1, hi=2.0, seed=seed)
    return x * np.where(np.random.default_rng(seed + 7).random(shape) < 0.5, -1, 1).astype("float32")


def ids(high: int, *shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, high, shape).astype("int32")


_erf = np.vectorize(math.erf)
ODD = (3, 17)  # not a multiple of any vector width

for _name, _ref, _make in [
    ("neg", np.negative, rnd),
    ("abs", np.abs, away),
    ("sign", np.sign, away),
    ("square", np.square, rnd),
    ("exp", np.exp, rnd),
    ("expm1", np.expm1, rnd),
    ("log", np.log, pos),
    ("log1p", np.log1p, pos),
    ("sqrt", np.sqrt, pos),
    ("rsqrt", lambda x: 1 / np.sqrt(x), pos),
    ("reciprocal", lambda x: 1 / x, away),
    ("sin", np.sin, rnd),
    ("cos", np.cos, rnd),
    ("tan", np.tan, lambda *s: rnd(*s, lo=-1.2, hi=1.2)),
    ("asin", np.arcsin, lambda *s: rnd(*s, lo=-0.9, hi=0.9)),
    ("acos", np.arccos, lambda *s: rnd(*s, lo=-0.9, hi=0.9)),
    ("atan", np.arctan, rnd),
    ("sinh", np.sinh, rnd),
    ("cosh", np.cosh, rnd),
    ("tanh", np.tanh, rnd),
    ("asinh", np.arcsinh, rnd),
    ("acosh", np.arccosh, lambda *s: rnd(*s, lo=1.2, hi=4.0)),
    ("atanh", np.arctanh, lambda *s: rnd(*s, lo=-0.9, hi=0.9)),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), rnd),
    ("softplus", lambda x: np.log1p(np.exp(x)), rnd),
    ("erf", _erf, rnd),
    ("erfc", np.vectorize(math.erfc), lambda *s: rnd(*s, lo=-3.0, hi=9.0)),
    ("relu", lambda x: np.maximum(x, 0), away),
    ("floor", np.floor, rnd),
    ("ceil", np.ceil, rnd),
    ("round", np.round, rnd),
]:
    case(_name, lambda x, n=_name: emit1(n, [x]), [_make(*ODD)], _ref, tol=4e-6)
case("erfinv", ops.erfinv, [rnd(*ODD, lo=-0.9, hi=0.9)], None)

for _name, _fn, _ref in [
    ("add", ops.add, np.add),
    ("subtract", ops.subtract, np.subtract),
    ("multiply", ops.multiply, np.multiply),
    ("maximum", ops.maximum, np.maximum),
    ("minimum", ops.minimum, np.minimum),
]:
    case(_name, _fn, [rnd(*ODD), rnd(*ODD, seed=1)], _ref)
    case(_name, _fn, [rnd(2, 3, 5), rnd(3, 1, seed=1)], _ref)
    case(_name, _fn, [rnd(7, 1), rnd(1, 33, seed=1)], _ref)
case("divide", ops.divide, [rnd(*ODD), away(17, seed=1)], np.divide)
case("power", ops.power, [pos(*ODD), rnd(*ODD, seed=1)], np.power, tol=1e-5)
case("mod", ops.mod, [rnd(*ODD), pos(*ODD, seed=1)], np.mod, tol=1e-5, grad=False)
case("floor_divide", ops.floor_divide, [rnd(*ODD), pos(*ODD, seed=1)], np.floor_divide, grad=False)
case("arctan2", ops.arctan2, [away(*ODD), away(*ODD, seed=1)], np.arctan2)
for _name, _ref in [
    ("equal", np.equal),
    ("not_equal", np.not_equal),
    ("less", np.less),
    ("less_equal", np.less_equal),
    ("greater", np.greater),
    ("greater_equal", np.greater_equal),
]:
    case(
        _name,
        lambda a, b, n=_name: emit1(n, [a, b]),
        [np.round(rnd(*ODD)), np.round(rnd(*ODD, seed=1))],
        _ref,
        grad=False,
    )
for _name, _ref in [("logical_and", np.logical_and), ("logical_or", np.logical_or), ("logical_xor", np.logical_xor)]:
    case(_name, lambda a, b, n=_name: emit1(n, [a, b]), [rnd(*ODD) > 0, rnd(*ODD, seed=1) > 0], _ref, grad=False)
case("logical_not", ops.logical_not, [rnd(*ODD) > 0], np.logical_not, grad=False)
_weird = np.array([[1, np.nan, np.inf, -np.inf, -0.0, 3, 2]], "float32")
case("isnan", ops.isnan, [_weird], np.isnan, grad=False)
case("isinf", ops.isinf, [_weird], np.isinf, grad=False)
case("isfinite", ops.isfinite, [_weird], np.isfinite, grad=False)
case("where", ops.where, [rnd(3, 1) > 0, rnd(*ODD, seed=1), rnd(17, seed=2)], np.where)
case("cast", lambda x: ops.cast(x, "int32"), [rnd(*ODD, lo=-9, hi=9)], lambda x: x.astype("int32"), grad=False)
case("cast", lambda x: ops.cast(x, "bool"), [np.round(rnd(*ODD))], lambda x: x.astype(bool), grad=False)
case(
    "cast",
    lambda x: ops.cast(ops.cast(x, "float16"), "float32"),
    [rnd(*ODD)],
    lambda x: x.astype("float16").astype("float32"),
    grad=False,
)
for _name, _fn, _ref in [
    ("gelu", ops.gelu, None),
    ("elu", ops.elu, lambda x: np.where(x > 0, x, np.expm1(x))),
    ("selu", ops.selu, None),
    ("silu", ops.silu, lambda x: x / (1 + np.exp(-x))),
    ("leaky_relu", ops.leaky_relu, lambda x: np.where(x > 0, x, 0.2 * x)),
    ("mish", ops.mish, None),
    ("softsign", ops.softsign, lambda x: x / (1 + np.abs(x))),
    ("hard_sigmoid", ops.hard_sigmoid, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    ("relu6", ops.relu6, lambda x: np.clip(x, 0, 6)),
    ("log_sigmoid", ops.log_sigmoid, lambda x: -np.log1p(np.exp(-x))),
    ("celu", ops.celu, None),
    ("glu", lambda x: ops.glu(ops.concatenate([x, x], -1)), None),
]:
    case(_name, _fn, [away(*ODD)], _ref, tol=4e-6)
case(
    "gelu",
    lambda x: ops.gelu(x, approximate=False),
    [away(*ODD)],
    lambda x: x * 0.5 * (1 + _erf(x / np.sqrt(2))),
    tol=4e-6,
)
case(
    "gelu_grad",
    lambda x, dy: emit1("gelu_grad", [x, dy]),
    [rnd(*ODD, lo=-6, hi=6), rnd(*ODD, seed=1)],
    lambda x, dy: dy * (0.5 * (1 + _erf(x / np.sqrt(2))) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)),
    tol=4e-6,
)

for _name, _fn, _ref in [
    ("sum", ops.sum, np.sum),
    ("mean", ops.mean, np.mean),
    ("max", ops.max, np.max),
    ("min", ops.min, np.min),
    ("prod", ops.prod, np.prod),
]:
    case(_name, lambda x, f=_fn: f(x), [rnd(5, 7)], lambda x, r=_ref: r(x), tol=1e-5)
    case(_name, lambda x, f=_fn: f(x, axis=-1), [rnd(3, 37)], lambda x, r=_ref: r(x, -1), tol=2e-5)
    case(
        _name,
        lambda x, f=_fn: f(x, axis=(0, 2), keepdims=True),
        [rnd(3, 5, 4)],
        lambda x, r=_ref: r(x, (0, 2), keepdims=True),
        tol=1e-5,
    )
    case(_name, lambda x, f=_fn: f(x, axis=1), [rnd(3, 5, 19)], lambda x, r=_ref: r(x, 1), tol=1e-5)
case("sum", lambda x: ops.sum(x, axis=0), [rnd(2000, 33)], lambda x: x.sum(0, dtype="float64"), tol=1e-4, grad=False)
case("any", lambda x: ops.any(x, axis=1), [rnd(*ODD) > 1.8], lambda x: x.any(1), grad=False)
case("all", lambda x: ops.all(x, axis=0), [rnd(*ODD) > -1.8], lambda x: x.all(0), grad=False)
case("argmax", lambda x: ops.argmax(x, axis=1), [rnd(*ODD)], lambda x: x.argmax(1), grad=False)
case("argmax", lambda x: ops.argmax(x, axis=0), [rnd(*ODD)], lambda x: x.argmax(0), grad=False)
case("argmin", lambda x: ops.argmin(x), [rnd(*ODD)], lambda x: x.argmin(), grad=False)
case("logsumexp", lambda x: ops.logsumexp(x, axis=1), [rnd(*ODD)], lambda x: np.log(np.exp(x).sum(1)))
case("var", lambda x: ops.var(x, axis=0), [rnd(*ODD)], lambda x: x.var(0))
case("cumsum", lambda x: ops.cumsum(x, axis=0), [rnd(*ODD)], lambda x: x.cumsum(0))
case(
    "cumsum",
    lambda x: emit1("cumsum", [x], axis=1, exclusive=True, reverse=True),
    [rnd(2, 5)],
    lambda x: np.flip(np.cumsum(np.flip(x, 1), 1), 1) - x,
)
case("cumprod", lambda x: ops.cumprod(x, axis=1), [away(*ODD)], lambda x: x.cumprod(1), tol=1e-4)

for _a, _b in [
    ((1, 1), (1, 1)),
    ((7, 13), (13, 5)),
    ((33, 70), (70, 49)),
    ((2, 5, 8), (8, 3)),
    ((2, 5, 8), (2, 8, 3)),
    ((4, 1, 5, 8), (3, 8, 2)),
    ((2, 1, 2, 3, 4), (3, 1, 4, 5)),
    ((3, 5, 9), (3, 9, 1)),
    ((3, 1, 5, 1), (2, 1, 1)),
    ((2, 700), (700, 3)),
    ((13,), (13, 3)),
    ((5, 13), (13,)),
]:
    case("matmul", ops.matmul, [rnd(*_a), rnd(*_b, seed=1)], np.matmul, tol=2e-5)
case(
    "matmul",
    lambda a, b: emit1("matmul", [a, b], transpose_a=True, transpose_b=True),
    [rnd(8, 5), rnd(3, 8, seed=1)],
    lambda a, b: a.T @ b.T,
    tol=1e-5,
)
case(
    "matmul",
    lambda a, b: emit1("matmul", [a, b], transpose_a=True),
    [rnd(2, 1, 8, 5), rnd(3, 8, 4, seed=1)],
    lambda a, b: a.swapaxes(-1, -2) @ b,
    tol=1e-5,
)
for _dtype in ("int32", "int64", "uint8"):
    case("matmul", ops.matmul, [ids(1000, 3, 20).astype(_dtype), ids(900, 20, 7).astype(_dtype)], np.matmul, grad=False)
for _text, _a, _b in [
    ("bij,bkj->bik", (2, 3, 5), (2, 4, 5)),
    ("bij,bkj->bik", (2, 5, 41), (2, 2, 41)),  # as dots
    ("bi,bi->b", (9, 37), (9, 37)),
    ("abc,cde->adeb", (2, 3, 5), (5, 4, 2)),
]:
    case("einsum", partial(ops.einsum, _text), [rnd(*_a), rnd(*_b, seed=1)], partial(np.einsum, _text), tol=1e-5)
case(
    "tensordot",
    lambda a, b: ops.tensordot(a, b, axes=[[1], [0]]),
    [rnd(3, 4, 5), rnd(4, 2, seed=1)],
    lambda a, b: np.tensordot(a, b, [[1], [0]]),
    tol=1e-5,
)


for _x, _k, _s, _lo, _hi, _d, _g in [
    ((2, 7, 6, 3), (3, 3, 3, 5), (1, 1), (0, 0), (0, 0), (1, 1), 1),
    ((2, 7, 6, 3), (3, 3, 3, 5), (1, 1), (1, 1), (1, 1), (1, 1), 1),
    ((1, 9, 8, 2), (3, 2, 2, 4), (2, 3), (1, 0), (0, 1), (1, 1), 1),
    ((2, 9, 9, 2), (3, 3, 2, 4), (1, 1), (2, 2), (2, 2), (2, 2), 1),
    ((2, 6, 6, 4), (3, 3, 2, 6), (1, 1), (1, 1), (1, 1), (1, 1), 2),
    ((2, 6, 6, 5), (3, 3, 1, 5), (1, 1), (1, 1), (1, 1), (1, 1), 5),
    ((2, 7, 7, 5), (3, 3, 1, 5), (2, 2), (1, 1), (1, 1), (1, 1), 5),
    ((1, 6, 17, 70), (5, 5, 1, 70), (1, 1), (2, 2), (2, 2), (1, 1), 70),  # tiles of many pixels and channels
    ((1, 13, 15, 3), (12, 11, 1, 3), (1, 1), (2, 2), (2, 2), (1, 1), 3),  # more taps than go together
    ((2, 9, 19, 9), (3, 5, 1, 9), (2, 1), (2, 4), (1, 4), (1, 2), 9),
    ((2, 6, 13, 3), (3, 7, 1, 3), (1, 1), (1, 3), (1, 3), (1, 1), 3),  # lines copied with their padding
    ((2, 14, 5), (6, 1, 5), (1,), (5,), (0,), (1,), 5),
    ((2, 5, 16, 9), (3, 3, 1, 18), (1, 2), (1, 1), (1, 0), (1, 1), 9),  # several filters a channel
    ((3, 20, 2), (4, 1, 10), (3,), (2,), (1,), (1,), 2),
    ((1, 3, 4, 5, 2), (2, 2, 2, 1, 6), (1, 2, 1), (0, 1, 1), (1, 0, 0), (1, 1, 1), 2),
    ((2, 5, 5, 20), (1, 1, 20, 35), (1, 1), (0, 0), (0, 0), (1, 1), 1),
    ((3, 7, 9), (1, 9, 67), (1,), (0,), (0,), (1,), 1),
    ((2, 11, 3), (4, 3, 5), (1,), (3,), (0,), (1,), 1),
    ((1, 4, 5, 6, 2), (2, 3, 2, 2, 3), (1, 2, 1), (0, 1, 1), (1, 1, 0), (1, 1, 1), 1),
    ((1, 5, 5, 1), (2, 2, 1, 3), (3, 3), (0, 0), (0, 0), (1, 1), 1),
]:
    _at = dict(strides=list(_s), low=list(_lo), high=list(_hi), dilations=list(_d), groups=_g)
    case(
        "conv",
        lambda x, k, a=_at: emit1("conv", [x, k], **a),
        [rnd(*_x), rnd(*_k, seed=1)],
        lambda x, k, a=_at: conv_reference(x, k, a["strides"], a["low"], a["high"], a["dilations"], a["groups"]),
        tol=3e-5,
    )
case(
    "conv_input_grad",
    lambda x, k: ops.conv_transpose(x, k, strides=2, padding="same"),
    [rnd(2, 3, 4, 3), rnd(3, 3, 5, 3, seed=1)],
    None,
)
case(
    "conv_input_grad",
    lambda x, k: ops.conv_transpose(x, k, strides=2, padding="valid"),
    [rnd(2, 3, 3, 3), rnd(2, 2, 2, 3, seed=1)],
    None,
)
case(
    "conv_kernel_grad",
    lambda x, dy: emit1(
        "conv_kernel_grad",
        [x, dy],
        strides=[1, 1],
        low=[1, 1],
        high=[1, 1],
        dilations=[1, 1],
        groups=1,
        shape=[3, 3, 2, 4],
    ),
    [rnd(2, 5, 5, 2), rnd(2, 5, 5, 4, seed=1)],
    None,
)
case(  # pixels that share a set of the cache
    "conv_kernel_grad",
    lambda x, dy: emit1(
        "conv_kernel_grad", [x, dy], strides=[2], low=[0], high=[0], dilations=[1], groups=1, shape=[2, 512, 5]
    ),
    [rnd(1, 9, 512), rnd(1, 4, 5, seed=1)],
    lambda x, dy: np.stack([x[0, t : 8 + t : 2].T @ dy[0] for t in range(2)]),
)
case(
    "conv",
    lambda x, k: ops.separable_conv(x, k, np.ones((1, 1, 6, 4), "float32"), padding="same"),
    [rnd(1, 5, 5, 3), rnd(3, 3, 3, 2, seed=1)],
    None,
)
for _x, _k, _s, _relu in [
    ((2, 7, 9, 18), (3, 3), 1, True),
    ((1, 9, 30, 5), (5, 3), 2, False),
    ((2, 9, 8, 20), (6, 5), 1, True),
]:
    _at = dict(strides=[_s, _s], low=[1, 2], high=[1, 0], dilations=[1, 1], groups=_x[-1])
    case(
        "separable_conv",
        lambda x, k, p, b, a=_at, r=_relu: emit1("separable_conv", [x, k, p, b], **a, bias=True, relu=r),
        [rnd(*_x), rnd(*_k, 1, _x[-1], seed=1), rnd(1, 1, _x[-1], 35, seed=2), rnd(_x[-1], seed=3)],
        lambda x, k, p, b, a=_at, r=_relu: (
            np.maximum(conv_reference(x, k, *a.values()) + b, 0 if r else -np.inf) @ p[0, 0]
        ),
        grad=False,
        tol=3e-5,
    )


for _sh in ((2, 7, 9, 5), (2, 9, 3), (1, 4, 5, 4, 2)):
    case("max_pool max_pool_grad", lambda x: ops.max_pool(x, 2), [rnd(*_sh)], lambda x: pool_reference(x, 2, 2, np.max))
    case("max_pool", lambda x: ops.max_pool(x, 3, strides=1), [rnd(*_sh)], lambda x: pool_reference(x, 3, 1, np.max))
    case(
        "average_pool average_pool_grad",
        lambda x: ops.average_pool(x, 2),
        [rnd(*_sh)],
        lambda x: pool_reference(x, 2, 2, np.mean),
    )
case("max_pool", lambda x: ops.max_pool(x, 3, strides=2, padding="same"), [rnd(2, 7, 8, 3)], None)
case("max_pool", lambda x: ops.max_pool(x, 2, strides=3, padding="same"), [rnd(2, 7, 9, 33)], None)
case("max_pool", lambda x: ops.max_pool(x, (6, 5), strides=1, padding="same"), [rnd(2, 7, 9, 16)], None)


for _sh, _w, _s, _lo, _hi in [
    ((2, 7, 8, 3), (3, 3), 2, (1, 0), (1, 1)),
    ((1, 5, 19, 70), (3, 3), 1, (1, 1), (1, 1)),
    ((2, 5, 9, 33), (4, 2), 1, (0, 1), (3, 0)),
    ((1, 13, 14, 2), (12, 11), 1, (1, 2), (2, 1)),  # more cells than go together
    ((2, 9, 8, 5), (2, 2), 3, (0, 0), (0, 0)),  # cells in no window
    ((2, 4, 5, 3), (2, 2), 1, (2, 2), (0, 3)),  # windows with no cell
    ((3, 31, 9), (7,), 2, (3,), (2,)),
    ((1, 5, 4, 9, 6), (3, 2, 3), 2, (1, 0, 1), (1, 0, 1)),
]:
    case(
        "average_pool average_pool_grad",
        lambda x, w=_w, s=_s, lo=_lo, hi=_hi: ops.average_pool(x, w, s, list(zip(lo, hi))),
        [rnd(*_sh)],
        lambda x, w=_w, s=_s, lo=_lo, hi=_hi: mean_reference(x, w, s, lo, hi),
    )
case("max_pool", lambda x: ops.max_pool(x, (12, 11), strides=1), [rnd(1, 13, 14, 9)], None)
pooling = {"window": [2], "strides": [2], "low": [0], "high": [0]}
case(
    "max_pool_pick",
    lambda x: emit1("max_pool_pick", [emit("max_pool", [x], **pooling)[1], x], **pooling),
    [rnd(2, 6, 3)],
    lambda x: pool_reference(x, 2, 2, np.max),
)


case("softmax softmax_grad", ops.softmax, [rnd(*ODD)], np_softmax)
for _sh, _axis in (((4, 6), 0), ((2, 7, 1), 1), ((2, 65, 5), 1), ((1, 3, 133), -2), ((2, 3, 2, 9), 1), ((9, 17), 0)):
    case(
        "softmax_along softmax_along_grad",
        lambda x, a=_axis: ops.softmax(x, a),
        [rnd(*_sh)],
        lambda x, a=_axis: np_softmax(x, a),
    )
    case(
        "softmax_along softmax_along_grad",
        lambda x, a=_axis: ops.log_softmax(x, a),
        [rnd(*_sh)],
        lambda x, a=_axis: np.log(np_softmax(x, a)),
        tol=4e-6,
    )
case("log_softmax softmax_grad", ops.log_softmax, [rnd(*ODD)], lambda x: np.log(np_softmax(x)), tol=4e-6)
for _n in (1, 4, 5, 8):  # of a register and less
    case("softmax softmax_grad", ops.softmax, [rnd(5, _n)], np_softmax)
    case("log_softmax softmax_grad", ops.log_softmax, [rnd(5, _n)], lambda x: np.log(np_softmax(x)), tol=4e-6)
case(
    "sparse_softmax_cross_entropy sparse_softmax_cross_entropy_grad",
    lambda x: emit1("sparse_softmax_cross_entropy", [x, ids(17, 3)]),
    [rnd(*ODD)],
    lambda x: -np.log(np_softmax(x))[np.arange(3), ids(17, 3)],
    tol=4e-6,
)
case(
    "binary_crossentropy",
    lambda x: ops.binary_crossentropy((ids(2, 3, 17) * 1.0).astype("float32"), x, from_logits=True),
    [rnd(*ODD)],
    None,
)
case(
    "categorical_crossentropy",
    lambda x: ops.categorical_crossentropy(np.eye(17, dtype="float32")[:3], ops.softmax(x)),
    [rnd(*ODD)],
    lambda x: -np.log(np_softmax(x))[np.arange(3), np.arange(3)],
    tol=1e-5,
)


for _sh in ((6, 5), (3, 4, 2, 19)):
    case(
        "batch_norm batch_norm_grad",
        lambda x, g, b: emit("batch_norm", [x, g, b], epsilon=1e-3)[0],
        [rnd(*_sh), pos(_sh[-1], seed=1), rnd(_sh[-1], seed=2)],
        bn_reference,
        tol=1e-5,
    )
    case(
        "layer_norm layer_norm_grad",
        lambda x, g, b: emit("layer_norm", [x, g, b], epsilon=1e-3)[0],
        [rnd(*_sh), pos(_sh[-1], seed=1), rnd(_sh[-1], seed=2)],
        lambda x, g, b: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3) * g + b,
        tol=1e-5,
    )
case(
    "rms_normalization",
    lambda x: ops.rms_normalization(x, epsilon=1e-6),
    [rnd(*ODD)],
    lambda x: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6),
)
case(
    "layer_norm layer_norm_grad",
    lambda x, g, b: emit("layer_norm", [x, g, b], epsilon=1e-3, centred=False)[0],
    [rnd(*ODD), pos(17, seed=1), rnd(17, seed=2)],
    lambda x, g, b: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-3) * g + b,
    tol=1e-5,
)
case(
    "rms_normalization",
    lambda x, g: ops.rms_normalization(x, ops.reshape(g, [1, -1]), epsilon=1e-6),
    [rnd(*ODD), pos(17, seed=1)],
    lambda x, g: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * g,
    tol=1e-5,
)


for _sh, _groups, _axis in (
    ((3, 5, 6), 2, 2),
    ((2, 3, 7, 9), 3, 3),
    ((2, 70, 3), 3, 2),  # columns side by side
    ((9, 6), 3, 1),
    ((2, 6, 19), 3, 1),
    ((2, 4, 3, 3), 2, 1),
    ((3, 2, 4, 17), 4, 2),
    ((2, 3, 4, 5), 1, 2),
):
    case(
        "group_norm group_norm_grad",
        lambda x, g, b, n=_groups, a=_axis: emit("group_norm", [x, g, b], epsilon=1e-3, groups=n, axis=a)[0],
        [rnd(*_sh), pos(_sh[_axis], seed=1), rnd(_sh[_axis], seed=2)],
        lambda x, g, b, n=_groups, a=_axis: gn_reference(x, g, b, n, a),
        tol=1e-5,
    )

case("reshape", lambda x: ops.reshape(x, [2, -1]), [rnd(4, 6)], lambda x: x.reshape(2, -1))
case("transpose", lambda x: ops.transpose(x, [2, 0, 1]), [rnd(3, 4, 5)], lambda x: x.transpose(2, 0, 1))
case("broadcast_to", lambda x: ops.broadcast_to(x, [3, 2, 5]), [rnd(2, 1)], lambda x: np.broadcast_to(x, (3, 2, 5)))
case(
    "concat",
    lambda a, b: ops.concatenate([a, b], axis=1),
    [rnd(3, 2, 4), rnd(3, 5, 4, seed=1)],
    lambda a, b: np.concatenate([a, b], 1),
)
case("stack", lambda a, b: ops.stack([a, b], axis=1), [rnd(3, 4), rnd(3, 4, seed=1)], lambda a, b: np.stack([a, b], 1))
case("slice slice_grad", lambda x: x[1:, ::2, -1], [rnd(3, 7, 4)], lambda x: x[1:, ::2, -1])
case("slice", lambda x: x[..., 1:3], [rnd(3, 7, 4)], lambda x: x[..., 1:3])
case("flip", lambda x: ops.flip(x, axis=1), [rnd(3, 7, 4)], lambda x: np.flip(x, 1))
case("flip", lambda x: x[::-1], [rnd(3, 7)], lambda x: x[::-1])
case(
    "pad",
    lambda x: ops.pad(x, [(1, 2), (0, 3)], constant_values=1.5),
    [rnd(3, 4)],
    lambda x: np.pad(x, [(1, 2), (0, 3)], constant_values=1.5),
)
case(
    "pad",
    lambda x: ops.pad(x, [(2, 1), (0, 0)], mode="reflect"),
    [rnd(4, 3)],
    lambda x: np.pad(x, [(2, 1), (0, 0)], mode="reflect"),
)
case(
    "pad",
    lambda x: ops.pad(x, [(2, 1), (1, 1)], mode="symmetric"),
    [rnd(4, 3)],
    lambda x: np.pad(x, [(2, 1), (1, 1)], mode="symmetric"),
)
case("tile", lambda x: ops.tile(x, (2, 3)), [rnd(2, 3)], lambda x: np.tile(x, (2, 3)))
case("repeat", lambda x: ops.repeat(x, 3, axis=1), [rnd(2, 3)], lambda x: np.repeat(x, 3, 1))
case("roll", lambda x: ops.roll(x, 2, axis=1), [rnd(3, 5)], lambda x: np.roll(x, 2, 1))
case("tril", lambda x: ops.tril(x, -1), [rnd(2, 4, 4)], lambda x: np.tril(x, -1))
case("triu", lambda x: ops.triu(x, 1), [rnd(4, 5)], lambda x: np.triu(x, 1))
case("gather scatter_add", lambda t: ops.take(t, ids(5, 4, 3), axis=0), [rnd(5, 7)], lambda t: t[ids(5, 4, 3)])
case("gather", lambda t: ops.take(t, np.array([2, -1, 0]), axis=1), [rnd(5, 7)], lambda t: t[:, [2, -1, 0]])
case(
    "take_along_axis put_along_axis",
    lambda x: ops.take_along_axis(x, ids(7, 3, 4), axis=1),
    [rnd(3, 7)],
    lambda x: np.take_along_axis(x, ids(7, 3, 4), 1),
)
case(
    "scatter_add",
    lambda u: ops.segment_sum(u, np.array([0, 2, 0, 1, 2], "int32"), 4),
    [rnd(5, 3)],
    lambda u: np.stack([u[0] + u[2], u[3], u[1] + u[4], 0 * u[0]]),
)
case(
    "unique_rows",
    lambda u: emit("unique_rows", [np.array([[7, 2], [7, 1], [2, 7]], "int32"), u], rows=[9])[1],
    [rnd(3, 2, 5)],
    lambda u: np.stack([u[1, 1], u[0, 1] + u[2, 0], u[0, 0] + u[1, 0] + u[2, 1], *np.zeros((3, 5))]).astype("float32"),
    grad=False,
)
case(
    "unique_rows",
    lambda: emit("unique_rows", [np.array([5000, 3, 5000, 4097], "int64"), np.ones((4, 1), "float32")], rows=[5001])[0],
    [],
    lambda: np.array([3, 4097, 5000, 5001], "int32"),
    grad=False,
)
case("argsort", lambda x: ops.sort(x, axis=0), [rnd(*ODD)], lambda x: np.sort(x, 0))
case("argsort", lambda x: ops.top_k(x, 3)[0], [rnd(*ODD)], lambda x: -np.sort(-x, 1)[:, :3])
_sequence = np.array([-2, -1, -1, -1, 0, 0.5, 3, np.inf, np.nan, np.nan], "float32")
_sought = np.array([[-3, -1, 0.25], [3, 4, -np.inf], [np.inf, np.nan, 0]], "float32")
for _side in ("left", "right"):
    case(
        "searchsorted",
        lambda side=_side: ops.searchsorted(_sequence, _sought, side),
        [],
        lambda side=_side: np.searchsorted(_sequence, _sought, side).astype("int32"),
        grad=False,
    )
case(
    "searchsorted",  # of mixed dtypes, and of nothing
    lambda: ops.concatenate([ops.searchsorted(np.arange(5, dtype="int8"), [1.5, 9.0]), ops.searchsorted([], [1.0])]),
    [],
    lambda: np.array([2, 5, 0], "int32"),
    grad=False,
)
case("one_hot", lambda: ops.one_hot(ids(4, 5), 4), [], lambda: np.eye(4, dtype="float32")[ids(4, 5)], grad=False)
case(
    "iota",
    lambda: emit1("iota", [], shape=[3, 4], axis=1, dtype="int32"),
    [],
    lambda: np.broadcast_to(np.arange(4), (3, 4)),
    grad=False,
)
case("stop_gradient", ops.stop_gradient, [rnd(3)], lambda x: x, grad=False)
case("check_finite", lambda x: emit1("check_finite", [x]), [rnd(*ODD)], lambda x: x)
case("resize", lambda x: ops.image.resize(x, (6, 4), "bilinear"), [rnd(1, 3, 2, 2)], None)


def _attention_reference(causal: bool) -> Any:
    def call(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
        s = np.einsum("bthd,bshd->bhts", q, k) / np.sqrt(q.shape[-1])
        allowed = np.tril(np.ones(s.shape[2:], bool)) if causal else np.ones(s.shape[2:], bool)
        p = np.exp(s - s.max(-1, keepdims=True)) * (allowed if mask is None else np.logical_and(mask, allowed))
        total = p.sum(-1, keepdims=True)  # zero where nothing is allowed
        return np.einsum("bhts,bshe->bthe", p / np.where(total == 0, 1, total), v)

    return call


for _b, _t, _s, _h, _d, _e in (
    (2, 4, 4, 2, 3, 3),
    (1, 3, 5, 1, 1, 2),
    (1, 67, 66, 1, 2, 1),
    (2, 1, 3, 2, 2, 3),
    (1, 66, 389, 1, 2, 1),  # several blocks of rows, several of keys
):
    for _causal in (False, True):
        for _shape in (None, (_b, 1, 1, _s), (1, _h, _t, _s)):
            _inputs = [rnd(_b, _t, _h, _d), rnd(_b, _s, _h, _d, seed=1), rnd(_b, _s, _h, _e, seed=2)]
            if _shape is not None:
                _inputs.append(np.random.default_rng(_t).random(_shape) < 0.7)
            case(
                "attention attention_grad",
                lambda q, k, v, mask=None, causal=_causal: ops.dot_product_attention(
                    q, k, v, mask=mask, is_causal=causal
                ),
                _inputs,
                _attention_reference(_causal),
                tol=5e-6,
            )
case(
    "attention",
    lambda q, k, v, bias: ops.dot_product_attention(q, k, v, bias=bias, is_causal=True),
    [rnd(2, 4, 2, 3), rnd(2, 4, 2, 3, seed=1), rnd(2, 4, 2, 3, seed=2), rnd(4, 4, seed=3)],
    None,
)


def _recurrent(cell: str, masked: bool = False, reverse: bool = False) -> Any:
    """The op's states of all steps, and LSTM's cell states, side by side."""

    def call(*inputs: Any) -> Any:
        made = emit("recurrent", list(inputs), cell=cell, masked=masked, reverse=reverse)
        return ops.concatenate(made[:2], axis=-1) if cell == "lstm" else made[0]

    return call


def _recurrent_reference(cell: str, masked: bool = False, reverse: bool = False) -> Any:
    def call(x: Any, kernel: Any, *rest: Any) -> Any:
        sigmoid, u = lambda v: 1 / (1 + np.exp(-v)), kernel.shape[0]
        h, c = rest[0], rest[1] if cell == "lstm" else 0.0
        keep = rest[-1] if masked else np.ones(x.shape[:2], bool)
        out = np.zeros((*x.shape[:2], u * (2 if cell == "lstm" else 1)))
        for t in range(x.shape[1])[:: -1 if reverse else 1]:
            hp = h @ kernel + (rest[1] if cell == "gru" else 0)
            a = x[:, t] + hp
            if cell == "lstm":
                i, f, g, o = np.split(a, 4, 1)
                new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                new = sigmoid(o) * np.tanh(new_c)
                c = np.where(keep[:, t, None], new_c, c)
            elif cell == "gru":
                z, r = sigmoid(a[:, :u]), sigmoid(a[:, u : 2 * u])
                new = z * h + (1 - z) * np.tanh(x[:, t, 2 * u :] + r * hp[:, 2 * u :])
            else:
                new = np.tanh(a) if cell == "tanh" else np.maximum(a, 0)
            h = np.where(keep[:, t, None], new, h)
            out[:, t] = np.concatenate([h, c], 1) if cell == "lstm" else h
        return out

    return call


for _cell, _gates in (("lstm", 4), ("gru", 3), ("tanh", 1), ("relu", 1)):
    for _b, _t, _u in ((3, 4, 2), (17, 2, 5), (1, 1, 1)):
        for _masked, _reverse in ((False, False), (True, True), (True, False)):
            _inputs = [rnd(_b, _t, _gates * _u), rnd(_u, _gates * _u, lo=-1, hi=1, seed=1), rnd(_b, _u, seed=2)]
            if _cell == "lstm":
                _inputs.append(rnd(_b, _u, seed=3))
            if _cell == "gru":
                _inputs.append(rnd(3 * _u, seed=3))
            if _masked:
                _inputs.append(np.random.default_rng(_b).random((_b, _t)) < 0.6)
            case(
                "recurrent recurrent_grad",
                _recurrent(_cell, _masked, _reverse),
                _inputs,
                _recurrent_reference(_cell, _masked, _reverse),
            )
_places = np.array([[0, 2], [3, 1]], "int32")
case(
    "scatter_add",
    lambda x, u: ops.scatter_update(x, _places, u),
    [rnd(4, 3), rnd(2, seed=1)],
    lambda x, u: np.where(
        np.isin(np.arange(12), [2, 10]).reshape(4, 3),
        np.array([0, 0, u[0], 0, 0, 0, 0, 0, 0, 0, u[1], 0]).reshape(4, 3),
        x,
    ),
)
case(
    "pad",
    lambda x, u: ops.slice_update(x, [1, 1], u),
    [rnd(4, 3), rnd(2, 2, seed=1)],
    lambda x, u: np.concatenate([x[:1], np.concatenate([x[1:3, :1], u], 1), x[3:]]),
)


def between(*shape: int, seed: int = 0) -> Any:
    """Coordinates from -9 to 9 that keep away from where what is sampled has corners and jumps."""
    numbers = np.random.default_rng(seed + len(CASES))
    return (numbers.integers(-9, 9, shape) + numbers.uniform(0.1, 0.4, shape)).astype("float32")


_ties = np.array([[2, np.nan, -0.0, 2, np.inf, 0.0, -np.inf, np.nan, 2]], "float32")
for _x in (_ties, _ties.astype("float64"), np.array([3, -7, 3, 2**31 - 1, -(2**31), 0], "int32"), rnd(3, 67)):
    for _first in (0, 1, 3, 5, -1):
        case(
            "argsort",
            lambda x, n=_first: emit1("argsort", [x], descending=True, first=n),
            [_x],  # NaN is above all numbers; equals keep their order
            lambda x, n=_first: np.lexsort((-np.where(x == x, x.astype("float64"), 0), x == x))[
                ..., : n if n >= 0 else None
            ],
            grad=False,
        )
for _mode in ("constant", "nearest", "wrap", "mirror", "reflect"):
    for _x, _at, _linear in [
        ((2, 4, 5, 3), (2, 2, 3, 2), True),
        ((2, 3, 2, 4), (2, 1, 5), True),
        ((1, 5, 1), (1, 1, 7), True),
        ((1, 1, 2, 3, 2), (3, 1, 3), True),
        ((1, 2, 1, 2, 2, 1), (4, 1, 2), True),
        ((2, 4, 5, 3), (2, 2, 3, 2), False),
        ((2, 6, 1), (1, 1, 3), False),
    ]:
        _how = dict(linear=_linear, mode=_mode, value=0.5 if _mode == "constant" else 0.0)
        case(
            "sample sample_grad",
            lambda x, at, a=_how: emit1("sample", [x, at], **a),
            [rnd(*_x), between(*_at)],
            lambda x, at, a=_how: sample_reference(x, at, **a),
            tol=4e-6,
        )
# int64 and other integers
case("add", ops.add, [np.arange(6), np.arange(6) * 3], np.add, grad=False)
case(
    "floor_divide",
    ops.floor_divide,
    [np.array([7, -7, 5, 3]), np.array([2, 2, -3, 0])],
    lambda a, b: np.array([3, -4, -2, 0]),
    grad=False,
)
case(
    "mod", ops.mod, [np.array([7, -7, 5, 3]), np.array([2, 2, -3, 0])], lambda a, b: np.array([1, 1, -1, 0]), grad=False
)
for _linear in (True, False):
    case(
        "sample",
        lambda x, at, a=_linear: emit1("sample", [x, at], linear=a, mode="reflect"),
        [np.arange(120, dtype="uint8").reshape(2, 4, 5, 3), between(2, 1, 9)],
        lambda x, at, a=_linear: sample_reference(x, at, a, "reflect"),
        grad=False,
    )
case("power", ops.power, [np.array([2, -3, 5]), np.array([10, 3, 0])], np.power, grad=False)

# Ops with checks of their own, elsewhere: structural ones, control flow (test_control.py) and random numbers (test_ops.py).
ELSEWHERE = {
    "input",
    "variable",
    "constant",
    "fused",
    "dim_value",
    "custom_gradient",
    "scan",
    "cond",
    "while_loop",
    "random_uniform",
}


for _sh, _size, _kernel, _smooth in (
    ((2, 3, 5, 3), (6, 10), "nearest", False),
    ((1, 7, 5, 2), (3, 4), "nearest", False),
    ((2, 5, 4, 17), (8, 9), "bilinear", False),
    ((2, 9, 11, 3), (4, 5), "bilinear", True),
    ((1, 9, 8, 3), (4, 8), "bilinear", False),
    ((1, 1, 6, 1), (3, 4), "bilinear", False),
    ((2, 5, 6, 4), (5, 13), "bicubic", False),
    ((1, 4, 9, 5), (9, 4), "bicubic", True),
    ((1, 9, 4, 1), (4, 9), "bicubic", True),
    ((1, 12, 6, 33), (5, 7), "lanczos3", True),
    ((1, 7, 13, 2), (11, 6), "lanczos5", False),
):
    _how: dict[str, Any] = {"kernel": _kernel, "antialias": _smooth}
    case(
        "resample resample_grad",
        lambda x, s=_size, h=_how: emit1("resample", [x], size=list(s), **h),
        [rnd(*_sh)],
        lambda x, s=_size, h=_how: resample_reference(x, s, **h),
    )
    case(
        "resample_grad resample",
        lambda x, s=_size, h=_how: emit1("resample_grad", [x], size=list(s), **h),
        [rnd(*_sh)],
        lambda x, s=_size, h=_how: resample_reference(x, s, grad=True, **h),
    )
