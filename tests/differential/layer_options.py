"""Random layers with random options, and the shapes that they give."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Shape = tuple[int, ...]
Spec = dict[str, Any]
PAIRS = ("MultiHeadAttention",)  # called on the same tensor twice
LISTS = (
    "Add",
    "Subtract",
    "Multiply",
    "Average",
    "Maximum",
    "Minimum",
    "Concatenate",
    "Dot",
    "Attention",
    "AdditiveAttention",
)


def obj(cls: str, **args: Any) -> Spec:
    return {"class": cls, "args": args}


def maybe(r: random.Random, p: float, **args: Any) -> Spec:
    """Each argument with this probability."""
    return {k: v for k, v in args.items() if r.random() < p}


def activation(r: random.Random) -> str:
    return r.choice(
        "relu tanh sigmoid softplus elu selu gelu silu hard_sigmoid softsign leaky_relu relu6 mish linear".split()
    )


def regularizer(r: random.Random) -> Any:
    return r.choice(["l1", "l2", obj("L1L2", l1=0.01, l2=0.02), obj("L2", l2=0.03)])


def constraint(r: random.Random) -> Any:
    return r.choice(
        ["non_neg", "unit_norm", obj("MaxNorm", max_value=1.0), obj("MinMaxNorm", min_value=0.3, max_value=1.2)]
    )


def weights(r: random.Random, kernel: str = "kernel") -> Spec:
    """Options that layers with a kernel and a bias share."""
    return {
        **maybe(r, 0.3, activation=activation(r), use_bias=False),
        **maybe(r, 0.1, **{f"{kernel}_regularizer": regularizer(r), f"{kernel}_constraint": constraint(r)}),
        **maybe(r, 0.08, activity_regularizer=regularizer(r), bias_regularizer=regularizer(r)),
    }


def one(r: random.Random, shape: Shape) -> tuple[Spec, Shape]:
    """A layer that takes this shape, and the shape that it gives."""
    table = [*_ANY, *_ANY, *_BY_RANK.get(len(shape), [])]
    while True:
        made = r.choice(table)(r, shape)
        if made is not None and all(n > 0 for n in made[1]):
            return made


def _dense(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    n = r.randint(1, 5)
    return obj("Dense", units=n, **weights(r)), (*s[:-1], n)


def _same(cls: str, p: float = 0.5, **choices: Any) -> Callable[[random.Random, Shape], Any]:
    """A layer that keeps the shape, each option given with probability ``p``."""

    def make(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
        return obj(cls, **maybe(r, p, **choices)), s

    return make


def _activation(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    return obj("Activation", activation=activation(r)), s


def _axis(r: random.Random, s: Shape) -> int:
    return r.choice([-1, -1, len(s), r.randint(1, len(s))])


def _batch_norm(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    some = maybe(r, 0.3, axis=_axis(r, s), momentum=r.choice([0.5, 0.9]), epsilon=0.01, center=False, scale=False)
    return obj("BatchNormalization", **some), s


def _layer_norm(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    axis = r.choice([-1, _axis(r, s), list(range(1, len(s) + 1))])
    return obj("LayerNormalization", **maybe(r, 0.3, axis=axis, epsilon=0.01, center=False, scale=False)), s


def _group_norm(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    axis = _axis(r, s)
    n = s[axis if axis < 0 else axis - 1]
    groups = r.choice([g for g in (-1, 1, 2, 3, n) if g == -1 or n % g == 0])
    return obj("GroupNormalization", groups=groups, axis=axis, **maybe(r, 0.2, scale=False, center=False)), s


def _unit_norm(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    return obj("UnitNormalization", **maybe(r, 0.5, axis=_axis(r, s))), s


def _rms_norm(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    return obj("RMSNormalization", **maybe(r, 0.5, epsilon=0.01)), s


def _prelu(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    return obj("PReLU", alpha_initializer="ones", **maybe(r, 0.5, shared_axes=[r.randint(1, len(s))])), s


def _softmax(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    return obj("Softmax", **maybe(r, 0.4, axis=_axis(r, s))), s


def _reshape(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    n = 1
    for d in s:
        n *= d
    d = r.choice([k for k in range(1, n + 1) if n % k == 0])
    out: Shape = r.choice([(n,), (d, n // d)])
    return obj("Reshape", target_shape=[-1, *out[1:]] if r.random() < 0.4 else list(out)), out


def _flatten(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    n = 1
    for d in s:
        n *= d
    return obj("Flatten"), (n,)


def _repeat(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    n = r.randint(1, 4)
    return obj("RepeatVector", n=n), (n, *s)


def _permute(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    dims = list(range(1, len(s) + 1))
    r.shuffle(dims)
    return obj("Permute", dims=dims), tuple(s[d - 1] for d in dims)


def _windows(n: int, k: int, stride: int, padding: str, dilation: int = 1) -> int:
    if padding in ("same", "causal"):
        return -(-n // stride)
    return (n - (k - 1) * dilation - 1) // stride + 1 if n >= (k - 1) * dilation + 1 else 0


def _conv(kind: str) -> Callable[[random.Random, Shape], Any]:
    def make(r: random.Random, s: Shape) -> Any:
        rank = len(s) - 1
        k = [r.randint(1, 3) for _ in range(rank)]
        padding = r.choice(["valid", "same"] + (["causal"] if rank == 1 and kind == "Conv" else []))
        stride = r.choice([1, 1, 2])
        dilation = r.choice([1, 1, 2]) if stride == 1 else 1
        filters, channels = r.randint(1, 4), s[-1]
        args: Spec = {"kernel_size": k if r.random() < 0.5 else k[0], "padding": padding, "strides": stride}
        k = k if isinstance(args["kernel_size"], list) else [k[0]] * rank
        if dilation > 1:
            args["dilation_rate"] = dilation
        name = {"Conv": "Conv", "Depthwise": "DepthwiseConv", "Separable": "SeparableConv", "Transpose": "Conv"}[kind]
        cls = f"{name}{rank}D" + ("Transpose" if kind == "Transpose" else "")
        kernel = "kernel" if name == "Conv" else "depthwise"
        args.update(weights(r, kernel))
        if kind == "Transpose":
            args.pop("dilation_rate", None)
            sizes = [n * stride if padding == "same" else n * stride + max(q - stride, 0) for n, q in zip(s, k)]
            return obj(cls, filters=filters, **args), (*sizes, filters)
        sizes = [_windows(n, q, stride, padding, dilation) for n, q in zip(s, k)]
        if kind == "Conv":
            groups = r.choice([1, channels]) if r.random() < 0.2 else 1
            filters *= groups
            return obj(cls, filters=filters, **args, **({"groups": groups} if groups > 1 else {})), (*sizes, filters)
        multiplier = r.randint(1, 2)
        if kind == "Depthwise":
            return obj(cls, depth_multiplier=multiplier, **args), (*sizes, channels * multiplier)
        return obj(cls, filters=filters, depth_multiplier=multiplier, **args), (*sizes, filters)

    return make


def _pool(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    rank = len(s) - 1
    size, padding = r.randint(1, 3), r.choice(["valid", "same"])
    stride = r.choice([None, 1, 2])
    cls = f"{r.choice(['Max', 'Average'])}Pooling{rank}D"
    out = [_windows(n, size, stride or size, padding) for n in s[:-1]]
    return obj(cls, pool_size=size, strides=stride, padding=padding), (*out, s[-1])


def _global_pool(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    keep = r.random() < 0.4
    cls = f"Global{r.choice(['Max', 'Average'])}Pooling{len(s) - 1}D"
    return obj(cls, **({"keepdims": True} if keep else {})), (*([1] * (len(s) - 1) if keep else []), s[-1])


def _borders(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    rank = len(s) - 1
    pairs = [[r.randint(0, 2), r.randint(0, 1)] for _ in range(rank)]
    grow = r.random() < 0.5
    sizes = [n + sum(p) if grow else n - sum(p) for n, p in zip(s, pairs)]
    given = pairs[0] if rank == 1 else pairs
    layer = obj(f"ZeroPadding{rank}D", padding=given) if grow else obj(f"Cropping{rank}D", cropping=given)
    return layer, (*sizes, s[-1])


def _upsample(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    n = r.randint(1, 3)
    some = maybe(r, 0.3, interpolation="bilinear") if len(s) == 3 else {}
    return obj(f"UpSampling{len(s) - 1}D", size=n, **some), (*(d * n for d in s[:-1]), s[-1])


def recurrent(r: random.Random, sequences: bool | None = None, **fixed: Any) -> tuple[Spec, int, bool]:
    units = r.randint(1, 4)
    cls = r.choice(["LSTM", "GRU", "SimpleRNN"])
    own = {
        "LSTM": {"recurrent_activation": "hard_sigmoid", "unit_forget_bias": False},
        "GRU": {"reset_after": False, "recurrent_activation": "hard_sigmoid"},
        "SimpleRNN": {},
    }[cls]
    returns = r.random() < 0.6 if sequences is None else sequences
    some = maybe(
        r,
        0.15,
        **own,
        activation=r.choice(["relu", "sigmoid", "linear"]),
        use_bias=False,
        unroll=True,
        zero_output_for_mask=True,
        recurrent_regularizer=regularizer(r),
        kernel_constraint=constraint(r),
        activity_regularizer=regularizer(r),
    )
    if "unroll" in some:  # Keras on JAX forgets it there
        some.pop("zero_output_for_mask", None)
    if cls == "SimpleRNN":  # Keras takes it and forgets it
        some.pop("activity_regularizer", None)
    some.update(maybe(r, 0.25, go_backwards=True))
    return obj(cls, units=units, **{**some, **({"return_sequences": True} if returns else {}), **fixed}), units, returns


def _rnn(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    layer, units, returns = recurrent(r)
    return layer, (s[0], units) if returns else (units,)


def _cells(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    cells = [
        obj(r.choice(["LSTMCell", "GRUCell", "SimpleRNNCell"]), units=r.randint(1, 3)) for _ in range(r.randint(1, 2))
    ]
    units = cells[-1]["args"]["units"]
    returns = r.random() < 0.5
    cell: Any = cells if len(cells) > 1 else cells[0]
    some = maybe(r, 0.25, go_backwards=True, zero_output_for_mask=True)
    return obj("RNN", cell=cell, return_sequences=returns, **some), (s[0], units) if returns else (units,)


def _both_ways(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    layer, units, returns = recurrent(r)
    layer["args"].pop("go_backwards", None)
    layer["args"].pop("unroll", None)
    mode = r.choice(["concat", "sum", "mul", "ave"])
    units *= 2 if mode == "concat" else 1
    args = {"layer": layer, **({} if mode == "concat" and r.random() < 0.5 else {"merge_mode": mode})}
    return obj("Bidirectional", **args), (s[0], units) if returns else (units,)


def _each_step(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    inner, out = one(r, s[1:])
    inner = inner if inner["class"] not in (*PAIRS, *LISTS, "Softmax") else obj("Identity")
    return obj("TimeDistributed", layer=inner), (s[0], *(out if inner["class"] != "Identity" else s[1:]))


def _einsum(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    n = r.randint(1, 4)
    some = maybe(r, 0.3, activation=activation(r), kernel_regularizer=regularizer(r))
    if r.random() < 0.5:
        return obj("EinsumDense", equation="abc,cd->abd", output_shape=[s[0], n], bias_axes="d", **some), (s[0], n)
    return obj("EinsumDense", equation="abc,bcd->ad", output_shape=n, bias_axes=None, **some), (n,)


def _heads(r: random.Random, s: Shape) -> tuple[Spec, Shape]:
    some = maybe(r, 0.2, use_bias=False, kernel_regularizer=regularizer(r), activity_regularizer="l2")
    out = r.randint(1, 4) if r.random() < 0.3 else None
    args = {"num_heads": r.randint(1, 3), "key_dim": r.randint(1, 3), **some, **({"output_shape": out} if out else {})}
    made = obj("MultiHeadAttention", **args)
    if r.random() < 0.3:
        made["call"] = {"use_causal_mask": True}
    return made, (s[0], out or s[1])


_ANY: list[Callable[[random.Random, Shape], Any]] = [
    *(_dense, _dense, _activation, _batch_norm, _layer_norm, _group_norm, _unit_norm, _rms_norm, _prelu, _softmax),
    *(_reshape, _flatten, _permute),
    _same("Dropout", 1.0, rate=0.0),
    _same("ReLU", max_value=1.5, negative_slope=0.2, threshold=0.1),
    _same("LeakyReLU", negative_slope=0.1),
    _same("ELU", alpha=0.5),
    _same("Rescaling", 1.0, scale=0.5, offset=1.0),
    _same("ActivityRegularization", l1=0.01, l2=0.01),
    _same("Identity"),
]
_SEQUENCE = [
    _conv("Conv"),
    _conv("Depthwise"),
    _conv("Separable"),
    _conv("Transpose"),
    _pool,
    _global_pool,
    _borders,
    _upsample,
]
_BY_RANK: dict[int, list[Callable[[random.Random, Shape], Any]]] = {
    1: [_repeat],
    2: [*_SEQUENCE, _rnn, _rnn, _rnn, _cells, _both_ways, _both_ways, _each_step, _einsum, _heads, _heads],
    3: [*_SEQUENCE, _each_step, _each_step],
}


def join(r: random.Random, a: Shape, b: Shape) -> tuple[Spec, Shape] | None:
    """A layer that takes both, and the shape that it gives; None when there is none."""
    found: list[tuple[Spec, Shape]] = []
    if a == b:
        found += [(obj(c), a) for c in LISTS[:6]]
        if len(a) == 2:
            found += [(obj("Attention", **maybe(r, 0.4, use_scale=True, score_mode="concat")), a)] * 2
            found.append((obj("AdditiveAttention", **maybe(r, 0.4, use_scale=False)), a))
    if len(a) == len(b):
        found += [
            (obj("Concatenate", axis=i + 1 if i + 1 < len(a) else -1), (*a[:i], a[i] + b[i], *a[i + 1 :]))
            for i in range(len(a))
            if a[:i] + a[i + 1 :] == b[:i] + b[i + 1 :]
        ]
    if len(a) == len(b) == 2 and a[1] == b[1]:
        found.append((obj("Dot", axes=2, **maybe(r, 0.3, normalize=True)), (a[0], b[0])))
        found.append((obj("Attention"), a))
    return r.choice(found) if found else None
