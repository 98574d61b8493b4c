"""Random calls of the ops that Keras has too: a seed gives one call, the same in every Python.

A call is ``(op, args, kwargs, way)``. NumPy arrays among the arguments are what the op works on; everything else is
handed on as it is. ``way`` is "eager", "symbolic" (the first axis of the arrays is unknown) or "gradient".
"""

from __future__ import annotations

import numpy as np

FLOATS = ("float32", "float32", "float32", "float16")
INTS = ("int32", "int32", "uint8", "int8", "int16", "uint16", "bool")
SPECIAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-40, 1e-7, 1e5, 0.5, 20.0, -20.0, 100.0)

UNARY = (
    "abs exp expm1 log log1p sqrt rsqrt reciprocal sin cos tan arcsin arccos arctan sinh cosh arcsinh arccosh arctanh "
    "tanh sigmoid softplus erf floor ceil isnan isinf isfinite negative sign square relu round relu6 leaky_relu elu selu "
    "celu gelu silu softsign hard_sigmoid hard_silu hard_tanh log_sigmoid logical_not ravel ones_like zeros_like"
).split()
BINARY = (
    "add subtract multiply divide true_divide floor_divide mod power maximum minimum arctan2 equal not_equal less "
    "less_equal greater greater_equal logical_and logical_or logical_xor logaddexp outer"
).split()
LOSSES = "binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy".split()
REDUCTIONS = "sum prod mean max min amax amin any all var std logsumexp count_nonzero norm".split()


def shape_of(r, least=0, most=3, zero=0.03):
    return tuple(0 if r.random() < zero else int(r.integers(1, 4)) for _ in range(r.integers(least, most + 1)))


def numbers(r, shape, dtype, special=0.25):
    """An array: floats with special values now and then, ints small and extreme."""
    size = int(np.prod(shape))
    if dtype == "bool":
        a = r.random(size) < 0.5
    elif dtype.startswith("float"):
        a = np.round(r.normal(size=size) * r.choice([0.1, 1.0, 1.0, 5.0]), 3)
        if r.random() < special:
            at = r.random(size) < 0.4
            a[at] = r.choice(SPECIAL, size)[at]
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        a = r.integers(max(low, -5), 6, size)
        if r.random() < special:
            at = r.random(size) < 0.3
            a[at] = r.choice([low, high, 0, 1], size)[at]
    with np.errstate(over="ignore"):
        return np.asarray(a).reshape(shape).astype(dtype)


def any_array(r, least=0, most=3, ints=0.35, **kwargs):
    dtype = str(r.choice(INTS if r.random() < ints else FLOATS))
    return numbers(r, shape_of(r, least, most), dtype, **kwargs)


def float_array(r, shape, special=0.1, dtype=None):
    return numbers(r, shape, dtype or str(r.choice(FLOATS)), special)


def broadcast_pair(r):
    shape = shape_of(r)
    other = tuple(1 if r.random() < 0.25 else d for d in shape)[int(r.integers(0, len(shape) + 1)) :]
    return (shape, other) if r.random() < 0.5 else (other, shape)


def axis_of(r, rank, none=0.25, several=0.2):
    if rank == 0 or r.random() < none:
        return None
    if r.random() < several:
        chosen = r.permutation(rank)[: r.integers(1, rank + 1)]
        return tuple(int(a - (rank if r.random() < 0.4 else 0)) for a in chosen)
    return int(r.integers(-rank, rank))


def one_axis(r, rank):
    return int(r.integers(-rank, rank))


def pick(r, *options):
    return options[int(r.integers(len(options)))]


# ---- one function a group of ops: (args, kwargs) ----
def unary(r, op):
    x = any_array(r)
    kwargs = {}
    if op == "round" and r.random() < 0.5:
        kwargs["decimals"] = int(r.integers(-1, 3))
    if op == "gelu":
        kwargs["approximate"] = bool(r.random() < 0.5)
    if op in ("elu", "celu") and r.random() < 0.5:
        kwargs["alpha"] = float(r.choice([0.5, 1.3, 2.0]))
    if op == "leaky_relu" and r.random() < 0.5:
        kwargs["negative_slope"] = 0.3
    return [x], kwargs


def binary(r, op):
    a, b = broadcast_pair(r)
    d1 = str(r.choice(INTS if r.random() < 0.35 else FLOATS))
    d2 = d1 if r.random() < 0.6 else str(r.choice(INTS if r.random() < 0.4 else FLOATS))
    x, y = numbers(r, a, d1), numbers(r, b, d2)
    roll = r.random()
    if roll < 0.12:
        y = pick(r, 2, 3.5, 0, -1, True)
    elif roll < 0.2:
        x = pick(r, 2, 0.5, 7, -1)
    return [x, y], {}


def reduction(r, op):
    x = any_array(r)
    kwargs = {"axis": axis_of(r, x.ndim)}
    if op != "count_nonzero":
        kwargs["keepdims"] = bool(r.random() < 0.4)
    if op == "norm":
        kwargs["ord"] = pick(r, None, None, 1, 2, np.inf, -np.inf, 3, 0)
        axes = x.ndim if kwargs["axis"] is None else len(np.atleast_1d(kwargs["axis"]))
        if axes != 1 and kwargs["ord"] not in (None, 1, np.inf, -np.inf):
            kwargs["ord"] = None
    return [x], kwargs


def arg_reduction(r, op):
    x = any_array(r)
    return [x], {"axis": axis_of(r, x.ndim, several=0), "keepdims": bool(r.random() < 0.4)}


def cumulative(r, op):
    x = any_array(r)
    return [x], {"axis": axis_of(r, x.ndim, several=0)}


def sorting(r, op):
    x = any_array(r, least=1)
    return [x], {"axis": axis_of(r, x.ndim, none=0.1, several=0)}


def g_top_k(r, op):
    x = any_array(r, least=1)
    return [x], {"k": int(r.integers(0, x.shape[-1] + 1))}


def g_in_top_k(r, op):
    p = float_array(r, (int(r.integers(1, 4)), 5), 0.3, "float32")
    return [r.integers(0, 5, p.shape[0]).astype("int32"), p], {"k": int(r.integers(1, 5))}


def g_where(r, op):
    a, b = broadcast_pair(r)
    x, y = numbers(r, a, str(r.choice(FLOATS))), numbers(r, b, str(r.choice(INTS + FLOATS)))
    return [numbers(r, pick(r, a, b), "bool"), x, pick(r, y, 2.5, 1)], {}


def g_clip(r, op):
    x = any_array(r)
    low = pick(r, -1, -1.5, 0)
    return [x, low, pick(r, 1, 1.5, 2)], {}


def g_cast(r, op):
    x = any_array(r, special=0)
    return [x, pick(r, "float32", "float16", "bfloat16", "int32", "uint8", "int8", "bool", "int16")], {}


def shaped(r, op):
    x = any_array(r, least=1)
    rank = x.ndim
    if op == "reshape":
        return [x], {"newshape": pick(r, (-1,), (-1, x.size) if x.size else (-1,), x.shape[::-1], (x.size, 1))}
    if op == "expand_dims":
        return [x], {"axis": int(r.integers(-rank - 1, rank + 1))}
    if op == "squeeze":
        x = (
            x.reshape([1 if i == rank // 2 else d for i, d in enumerate(x.shape)])
            if x.shape[rank // 2] == 1
            else x[None]
        )
        return [x], {"axis": pick(r, None, x.shape.index(1))}
    if op == "transpose":
        return [x], {"axes": pick(r, None, tuple(int(i) for i in r.permutation(rank)))}
    if op == "swapaxes":
        return [x, one_axis(r, rank), one_axis(r, rank)], {}
    if op == "moveaxis":
        if r.random() < 0.5:
            return [x, one_axis(r, rank), one_axis(r, rank)], {}
        n = int(r.integers(1, rank + 1))
        return [x, *(tuple(int(i) for i in r.permutation(rank)[:n]) for _ in range(2))], {}
    if op == "flip":
        return [x], {"axis": axis_of(r, rank)}
    if op == "roll":
        if r.random() < 0.3:
            axes = tuple(int(i) for i in r.permutation(rank)[: r.integers(1, rank + 1)])
            return [x, tuple(int(i) for i in r.integers(-4, 5, len(axes)))], {"axis": axes}
        return [x, int(r.integers(-5, 6))], {"axis": axis_of(r, rank, several=0)}
    if op == "tile":
        return [x, pick(r, 2, (2,), tuple(int(i) for i in r.integers(1, 3, rank)), (2, *[1] * rank))], {}
    if op == "repeat":
        axis = axis_of(r, rank, several=0)
        n = x.size if axis is None else x.shape[axis]
        counts = np.asarray(r.integers(0, 3, n)).tolist()
        return [x, pick(r, 2, 3, np.asarray(counts, "int32") if n > 1 else 2)], {"axis": axis}
    if op == "broadcast_to":
        return [x, (2, *x.shape)], {}
    if op == "split":
        axis = one_axis(r, rank)
        n = x.shape[axis]
        return [x], {"indices_or_sections": pick(r, n or 1, 1, [n // 2], [0, n]), "axis": axis}
    if op == "unstack":
        return [x], {"axis": one_axis(r, rank)}
    raise KeyError(op)


SHAPED = (
    "reshape expand_dims squeeze transpose swapaxes moveaxis flip roll tile repeat broadcast_to split unstack"
).split()


def joined(r, op):
    shape = shape_of(r, 0 if op in ("hstack", "vstack", "stack") else 1)
    dtype = str(r.choice(INTS + FLOATS))
    n = int(r.integers(1, 4))
    xs = [numbers(r, shape, dtype if r.random() < 0.8 else str(r.choice(FLOATS))) for _ in range(n)]
    if op == "stack":
        return [xs], {"axis": int(r.integers(-len(shape) - 1, len(shape) + 1))}
    return [xs], {"axis": one_axis(r, len(shape))} if op == "concatenate" else {}


def g_get_item(r, op):
    x = any_array(r, least=1)
    keys = []
    for n in x.shape[: int(r.integers(1, x.ndim + 1))]:
        roll = r.random()
        if roll < 0.25 and n:
            keys.append(int(r.integers(-n, n)))
        elif roll < 0.4 and n:
            keys.append(r.integers(-n, n, pick(r, (2,), (2,), (1,), (2, 2))).astype("int32").tolist())
        elif roll < 0.5:
            keys.append(None)
            keys.append(slice(None))
        else:
            step = pick(r, None, None, 1, 2, -1, -2)
            keys.append(slice(pick(r, None, 0, 1, -1, -2, 5), pick(r, None, 1, 2, -1, 7), step))
    if r.random() < 0.3 and sum(k is not None for k in keys) < x.ndim:
        keys.insert(int(r.integers(0, len(keys) + 1)), Ellipsis)
    keys = [np.asarray(k, "int32") if isinstance(k, list) else k for k in keys]
    return [x, tuple(keys)], {}


def g_take(r, op):
    x = any_array(r, least=1)
    axis = axis_of(r, x.ndim, several=0)
    n = x.size if axis is None else x.shape[axis]
    if n == 0:
        x, n, axis = np.ones((2, 3), "float32"), 3, 1
    return [x, r.integers(-n, n, shape_of(r, 0, 2, 0)).astype("int32")], {"axis": axis}


def g_take_along_axis(r, op):
    x = numbers(r, shape_of(r, 1, 3, 0), str(r.choice(INTS + FLOATS)))
    axis = one_axis(r, x.ndim)
    shape = [1 if r.random() < 0.2 else d for d in x.shape]
    shape[axis] = int(r.integers(1, 4))
    return [x, r.integers(-x.shape[axis], x.shape[axis], shape).astype("int32")], {"axis": axis}


def g_scatter(r, op):
    k = int(r.integers(1, 3))
    shape = tuple(int(i) for i in r.integers(2, 4, int(r.integers(k, 4))))
    ids = np.stack([r.integers(-n, n, 4) for n in shape[:k]], -1).astype("int32")
    values = numbers(r, (4, *shape[k:]), str(r.choice(("float32", "float16", "int32", "uint8"))), 0)
    return [ids, values, shape], {}


def g_scatter_update(r, op):
    ids, values, shape = g_scatter(r, op)[0]
    return [numbers(r, shape, values.dtype.name, 0.1), ids, values], {}


def g_segment_sum(r, op):
    x = numbers(r, (4, *shape_of(r, 0, 2, 0)), str(r.choice(("float32", "float16", "int32", "bool"))))
    return [x, r.integers(0, 4, 4).astype("int32")], {"num_segments": int(r.integers(2, 6))}


def g_slice(r, op):
    x = any_array(r, least=1)
    starts = [int(r.integers(0, d + 1)) for d in x.shape]
    shape = [int(r.integers(0, d - s + 1)) for d, s in zip(x.shape, starts)]
    if op == "slice":
        return [x, tuple(starts), tuple(shape)], {}
    return [x, tuple(starts), numbers(r, shape, x.dtype.name)], {}


def g_pad(r, op):
    x = any_array(r, least=1)
    mode = pick(r, "constant", "constant", "reflect", "symmetric")
    most = 3 if mode == "constant" else max(min(x.shape, default=0) - (mode == "reflect"), 0) + 1
    width = tuple(tuple(int(i) for i in r.integers(0, most, 2)) for _ in x.shape)
    if 0 in x.shape and mode != "constant":
        mode = "constant"
    kwargs = {"mode": mode}
    if mode == "constant" and r.random() < 0.6:
        kwargs["constant_values"] = pick(r, 1, 2.5, -1, np.inf)
    return [x, pick(r, width, width, (width[0],))], kwargs


def g_one_hot(r, op):
    x = r.integers(-1, 5, shape_of(r, 0 if op == "one_hot" else 1, 2, 0)).astype("int32")
    kwargs = {"axis": -1} if op == "multi_hot" else {"axis": int(r.integers(-x.ndim - 1, x.ndim + 1))}
    if r.random() < 0.3:
        kwargs["dtype"] = pick(r, "float32", "int32", "bool", "float16")
    return [x], {"num_classes": int(r.integers(1, 5)), **kwargs}


def g_matmul(r, op):
    m, k, n = (int(i) for i in r.integers(1, 4, 3))
    lead = shape_of(r, 0, 2, 0)
    a = (k,) if r.random() < 0.2 else (*lead, m, k)
    b = (k,) if r.random() < 0.2 else (*(lead if op == "matmul" and r.random() < 0.5 else ()), k, n)
    d = str(r.choice(("float32", "float32", "float16", "int32", "uint8", "int8", "bool")))
    d2 = d if r.random() < 0.8 else "float32"
    return [numbers(r, a, d, 0.1), numbers(r, b, d2, 0.1)], {}


def g_tensordot(r, op):
    shape = shape_of(r, 1, 3, 0)
    n = int(r.integers(0, len(shape) + 1))
    a, b = shape, (*shape[len(shape) - n :], *shape_of(r, 0, 1, 0))
    axes = pick(r, n, [list(range(len(shape) - n, len(shape))), list(range(n))])
    d = str(r.choice(("float32", "float16", "int32")))
    return [numbers(r, a, d, 0), numbers(r, b, d, 0)], {"axes": axes}


def g_einsum(r, op):
    text, shapes = pick(
        r,
        ("ij,jk->ik", [(2, 3), (3, 2)]),
        ("ij,kj->ik", [(2, 3), (4, 3)]),
        ("bij,bjk->bik", [(2, 3, 2), (2, 2, 3)]),
        ("bhqd,bhkd->bhqk", [(1, 2, 3, 2), (1, 2, 2, 2)]),
        ("ii", [(3, 3)]),
        ("ii->i", [(3, 3)]),
        ("...i->...", [(2, 3)]),
        ("...ij,...jk->...ik", [(2, 2, 3), (2, 3, 2)]),
        ("...ij,jk", [(2, 2, 3), (3, 2)]),
        ("ij->ji", [(2, 3)]),
        ("i,j->ij", [(2,), (3,)]),
        ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 2)]),
        ("ij,ij->", [(2, 3), (2, 3)]),
        ("ij", [(2, 3)]),
        ("ba", [(2, 3)]),
        ("ij,ij->ij", [(2, 3), (1, 3)]),
        ("ijk->j", [(2, 3, 2)]),
        ("iij->j", [(2, 2, 3)]),
        ("ij,j", [(2, 3), (3,)]),
    )
    d = str(r.choice(("float32", "float32", "float16", "int32")))
    return [text, *(numbers(r, s, d, 0.1) for s in shapes)], {}


def g_made(r, op):
    """Ops that make tensors: the call has no arrays."""
    dtype = pick(r, None, None, "float32", "int32", "float16", "bool")
    if op in ("zeros", "ones"):
        return [shape_of(r)], {"dtype": dtype}
    if op == "full":
        return [shape_of(r), pick(r, 1, 2.5, True, np.float32(3.5), np.int64(7))], {"dtype": dtype}
    if op == "eye":
        return [int(r.integers(0, 4))], {"M": pick(r, None, 2, 4), "k": int(r.integers(-2, 3)), "dtype": dtype}
    if op == "arange":
        dtype = pick(r, None, None, "float32", "int32", "float16")
        stop, step = pick(r, 5, 7.5, 3, np.int64(4)), pick(r, 1, 2, 0.5, -1, 0.3)
        return [pick(r, 0, 1, -2.5, 4)], {"stop": stop, "step": step, "dtype": dtype}
    dtype = pick(r, None, None, "float32", "int32")
    kwargs = {"num": int(r.integers(1, 8)), "endpoint": bool(r.random() < 0.7), "dtype": dtype}
    return [pick(r, 0, -2.5, 1), pick(r, 5, 3.7, -4)], kwargs


def g_full_like(r, op):
    return [any_array(r), pick(r, 1, 2.5, -1)], {"dtype": pick(r, None, "float32", "int32")}


def g_meshgrid(r, op):
    xs = [numbers(r, (int(r.integers(1, 4)),), "float32") for _ in range(int(r.integers(1, 4)))]
    return xs, {"indexing": pick(r, "xy", "ij")}


def g_triangle(r, op):
    return [any_array(r, least=2)], {"k": int(r.integers(-2, 3))}


def g_diag(r, op):
    return [any_array(r, least=1, most=2)], {"k": int(r.integers(-2, 3))}


def g_softmax(r, op):
    x = float_array(r, shape_of(r, 1, 3, 0), 0.2)
    return [x], {"axis": axis_of(r, x.ndim, none=0) if op == "softmax" else one_axis(r, x.ndim)}


def g_glu(r, op):
    x = float_array(r, (2, int(r.choice([2, 4])), 2))
    return [x], {"axis": one_axis(r, 3)}


def g_threshold(r, op):
    return [float_array(r, shape_of(r)), 0.5, -1.0], {}


def g_normalize(r, op):
    x = float_array(r, shape_of(r, 1, 3, 0), 0.05)
    return [x], {"axis": one_axis(r, x.ndim), "order": pick(r, 1, 2, 2, 3)}


def g_layer_normalization(r, op):
    x = float_array(r, shape_of(r, 1, 3, 0), 0)
    if op == "rms_normalization":
        return [x], {"axis": one_axis(r, x.ndim)}
    axis = axis_of(r, x.ndim, none=0)
    if isinstance(axis, tuple):
        axis = sorted({a % x.ndim for a in axis})
        return [x], {"axis": axis}
    size = (x.shape[axis],)
    return [x, float_array(r, size, 0, x.dtype.name), float_array(r, size, 0, x.dtype.name)], {"axis": axis}


def g_batch_normalization(r, op):
    x = float_array(r, shape_of(r, 2, 3, 0), 0, "float32")
    axis = pick(r, -1, 1, x.ndim - 1)
    n = (x.shape[axis],)
    mean, variance, offset, scale = (float_array(r, n, 0, "float32") for _ in range(4))
    return [x, mean, np.abs(variance)], {"axis": axis, "offset": offset, "scale": pick(r, None, scale)}


def g_moments(r, op):
    x = float_array(r, shape_of(r, 1, 3, 0), 0, "float32")
    return [x], {"axes": axis_of(r, x.ndim, none=0), "keepdims": bool(r.random() < 0.5)}


def g_attention(r, op):
    b, t, s, h, d = (int(i) for i in r.integers(1, 4, 5))
    dtype = str(r.choice(FLOATS))
    kv = 1 if r.random() < 0.2 else h
    q, k, v = (float_array(r, n, 0, dtype) for n in ((b, t, h, d), (b, s, kv, d), (b, s, kv, d)))
    kwargs = {"is_causal": bool(r.random() < 0.3)}
    if r.random() < 0.3:
        mask = numbers(r, (b, h, t, s), "bool")
        mask[..., 0] = True
        kwargs["mask"] = mask
    if r.random() < 0.3:
        kwargs["bias"] = float_array(r, (b, h, t, s), 0, dtype)
    if r.random() < 0.3:
        kwargs["scale"] = 0.7
    return [q, k, v], kwargs


def g_convolution(r, op):
    n = int(r.integers(1, 3))
    dtype = str(r.choice(FLOATS))
    channels, filters = int(r.integers(1, 4)), int(r.integers(1, 3))
    x = float_array(r, (2, *(int(i) for i in r.integers(4, 8, n)), channels), 0, dtype)
    window = tuple(int(i) for i in r.integers(1, 4, n))
    strides, padding = int(r.integers(1, 3)), pick(r, "valid", "same")
    if op in ("max_pool", "average_pool"):
        return [x], {"pool_size": window, "strides": strides, "padding": padding}
    kwargs = {"strides": strides, "padding": padding}
    if strides == 1 and r.random() < 0.3:
        kwargs["dilation_rate"] = 2
    if op == "conv":
        return [x, float_array(r, (*window, channels, filters), 0, dtype)], kwargs
    if op == "depthwise_conv":
        return [x, float_array(r, (*window, channels, filters), 0, dtype)], kwargs
    if op == "conv_transpose":
        kwargs.pop("dilation_rate", None)
        return [x, float_array(r, (*window, filters, channels), 0, dtype)], kwargs
    ones = [1] * n
    deep = float_array(r, (*window, channels, 2), 0, dtype)
    return [x, deep, float_array(r, (*ones, channels * 2, filters), 0, dtype)], kwargs


def g_crossentropy(r, op):
    n, c = int(r.integers(1, 4)), int(r.integers(2, 5))
    logits = bool(r.random() < 0.5)
    p = float_array(r, (n, c), 0, str(r.choice(FLOATS)))
    if not logits:
        p = (np.abs(p) + 0.01) / (np.abs(p) + 0.01).sum(-1, keepdims=True)
    p = p.astype(p.dtype)
    if op == "sparse_categorical_crossentropy":
        return [r.integers(0, c, n).astype("int32"), p], {"from_logits": logits}
    t = np.eye(c)[r.integers(0, c, n)].astype(p.dtype)
    return [t, p], {"from_logits": logits}


GROUPS = {
    **{op: unary for op in UNARY},
    **{op: binary for op in BINARY},
    **{op: reduction for op in REDUCTIONS},
    **{op: shaped for op in SHAPED},
    **{op: arg_reduction for op in ("argmax", "argmin")},
    **{op: cumulative for op in ("cumsum", "cumprod")},
    **{op: sorting for op in ("sort", "argsort")},
    **{op: joined for op in ("concatenate", "stack", "hstack", "vstack")},
    **{op: g_made for op in ("zeros", "ones", "full", "eye", "arange", "linspace")},
    **{op: g_triangle for op in ("tril", "triu")},
    **{op: g_matmul for op in ("matmul", "dot")},
    **{op: g_slice for op in ("slice", "slice_update")},
    **{op: g_one_hot for op in ("one_hot", "multi_hot")},
    **{op: g_softmax for op in ("softmax", "log_softmax")},
    **{op: g_layer_normalization for op in ("layer_normalization", "rms_normalization")},
    **{
        op: g_convolution
        for op in ("conv", "depthwise_conv", "separable_conv", "conv_transpose", "max_pool", "average_pool")
    },
    **{op: g_crossentropy for op in LOSSES},
    "top_k": g_top_k,
    "in_top_k": g_in_top_k,
    "where": g_where,
    "clip": g_clip,
    "cast": g_cast,
    "get_item": g_get_item,
    "take": g_take,
    "take_along_axis": g_take_along_axis,
    "scatter": g_scatter,
    "scatter_update": g_scatter_update,
    "segment_sum": g_segment_sum,
    "pad": g_pad,
    "tensordot": g_tensordot,
    "einsum": g_einsum,
    "full_like": g_full_like,
    "meshgrid": g_meshgrid,
    "diag": g_diag,
    "glu": g_glu,
    "threshold": g_threshold,
    "normalize": g_normalize,
    "batch_normalization": g_batch_normalization,
    "moments": g_moments,
    "dot_product_attention": g_attention,
}
NAMES = sorted(GROUPS)


def call(seed):
    """The call of a seed."""
    r = np.random.default_rng(seed)
    op = NAMES[int(r.integers(len(NAMES)))]
    args, kwargs = GROUPS[op](r, op)
    return op, args, kwargs, pick(r, "eager", "eager", "symbolic", "gradient")
