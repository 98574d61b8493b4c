"""Activations, elementwise functions, merges, noise and losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from layer_cells.cell import Cell, Given
from layer_cells.convolutions import label

FORWARD = ("forward",)
TRAIN = ("train",)


def prelu(x: Sequence[int], of: str = "") -> Cell:
    """A PReLU with a slope for each channel."""
    n = len(x) - 2
    return Cell(
        "PReLU",
        label(of, x),
        [Given(tuple(x))],
        lambda hb: hb.layers.PReLU(shared_axes=list(range(1, n + 1)) or None),
        lambda torch: torch.nn.PReLU(x[-1]),
        lambda w: {"weight": w[0].reshape(-1)},
        spatial=n,
    )


def activation(name: str, x: Sequence[int], theirs: Callable[[Any], Any]) -> Cell:
    """An activation of ``hb.activations``."""
    return Cell(
        "activation",
        label(name, x),
        [Given(tuple(x))],
        lambda hb: hb.activations.get(name),
        theirs,
    )


def unary(name: str, x: Sequence[int], kind: str = "f", other: str = "", modes: Any = ("forward", "train")) -> Cell:
    """A function of ``hb.ops``."""
    return Cell(
        "elementwise",
        label(name, x),
        [Given(tuple(x), kind, 1000)],
        lambda hb: getattr(hb.ops, name),
        lambda torch: getattr(torch, other or name, None) or getattr(torch.special, other or name),
        modes=modes,
    )


def mixed(
    name: str,
    given: Sequence[Given],
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    modes: Any = ("forward", "train"),
) -> Cell:
    """An expression of several tensors: ``ours(ops, *xs)``, ``theirs(torch, *xs)``."""
    return Cell(
        "elementwise",
        label(name, *(g.shape for g in given)),
        given,
        lambda hb: lambda *xs: ours(hb.ops, *xs),
        lambda torch: lambda *xs: theirs(torch, *xs),
        modes=modes,
    )


def merge(name: str, x: Sequence[int], count: int, theirs: Callable[[Any, Any], Any]) -> Cell:
    """A merging layer."""
    return Cell(
        "merging",
        label(name, f"{count} of", x),
        [Given(tuple(x))] * count,
        lambda hb: getattr(hb.layers, name)(),
        lambda torch: lambda *xs: theirs(torch, xs),
        call=lambda f, xs, training: f(list(xs)),
    )


def noise(name: str, x: Sequence[int], ours: Callable[[Any], Any], theirs: Callable[[Any], Any]) -> Cell:
    """A layer that draws random numbers while training."""
    return Cell("noise", label(name, x), [Given(tuple(x))], ours, theirs, modes=TRAIN, check=None)


def loss(name: str, given: Sequence[Given], ours: Callable[..., Any], theirs: Callable[..., Any]) -> Cell:
    """A loss of predictions and targets: ``ours(losses, p, t)``, ``theirs(functional, p, t)``."""
    return Cell(
        "loss",
        label(name, given[0].shape),
        given,
        lambda hb: lambda p, t: ours(hb.losses, p, t),
        lambda torch: lambda p, t: theirs(torch.nn.functional, p, t),
    )


KNOWN = [prelu((8, 32, 32, 64)), prelu((32, 28, 28, 3)), prelu((128, 100))]

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda torch: torch.relu,
    "gelu": lambda torch: torch.nn.functional.gelu,
    "silu": lambda torch: torch.nn.functional.silu,
    "sigmoid": lambda torch: torch.sigmoid,
    "tanh": lambda torch: torch.tanh,
    "elu": lambda torch: torch.nn.functional.elu,
    "selu": lambda torch: torch.nn.functional.selu,
    "softplus": lambda torch: torch.nn.functional.softplus,
    "softsign": lambda torch: torch.nn.functional.softsign,
    "mish": lambda torch: torch.nn.functional.mish,
    "log_sigmoid": lambda torch: torch.nn.functional.logsigmoid,
    "hard_sigmoid": lambda torch: torch.nn.functional.hardsigmoid,
    "hard_silu": lambda torch: torch.nn.functional.hardswish,
    "relu6": lambda torch: torch.nn.functional.relu6,
    "celu": lambda torch: torch.nn.functional.celu,
    "glu": lambda torch: torch.nn.functional.glu,
}
SIZES = ((1000,), (32, 56, 56, 64))
IMAGES = (32, 64, 64, 3)

CELLS = [
    *(activation(name, x, theirs) for name, theirs in ACTIVATIONS.items() for x in SIZES),
    *(unary(name, (300, 333)) for name in ("abs", "exp", "sin", "cos", "tan", "sinh", "square", "erf", "expm1")),
    *(unary(name, (300, 333), "u") for name in ("log", "log1p", "sqrt", "rsqrt", "reciprocal", "erfinv")),
    *(unary(a, (300, 333), "u", b) for a, b in (("arcsin", ""), ("arccos", ""), ("arctan", ""), ("arctanh", ""))),
    *(unary(name, (300, 333), modes=FORWARD) for name in ("floor", "ceil", "round", "sign", "isnan")),
    *(unary(name, (10000000,), modes=FORWARD) for name in ("exp", "abs", "tanh")),
    mixed("a + b of", [Given((300, 333))] * 2, lambda o, a, b: a + b, lambda m, a, b: a + b),
    mixed("a * b of", [Given((10000000,))] * 2, lambda o, a, b: a * b, lambda m, a, b: a * b),
    mixed("a / b of", [Given((300, 333)), Given((300, 333), "u")], lambda o, a, b: a / b, lambda m, a, b: a / b),
    mixed("a ** 3 of", [Given((300, 333))], lambda o, a: a**3, lambda m, a: a**3),
    mixed("a ** 0.7 of", [Given((300, 333), "u")], lambda o, a: a**0.7, lambda m, a: a**0.7),
    mixed("arctan2 of", [Given((300, 333))] * 2, lambda o, a, b: o.arctan2(a, b), lambda m, a, b: m.atan2(a, b)),
    mixed("maximum of", [Given((300, 333))] * 2, lambda o, a, b: o.maximum(a, b), lambda m, a, b: m.maximum(a, b)),
    mixed("where of", [Given((300, 333), "b"), Given((300, 333)), Given((300, 333))], lambda o, c, a, b: o.where(c, a, b),
          lambda m, c, a, b: m.where(c, a, b)),
    mixed("clip of", [Given((300, 333))], lambda o, a: o.clip(a, -1.0, 1.0), lambda m, a: m.clamp(a, -1.0, 1.0)),
    mixed("a > b of", [Given((300, 333))] * 2, lambda o, a, b: a > b, lambda m, a, b: a > b, FORWARD),
    mixed("a * b of", [Given((32, 128, 768)), Given((32, 128, 1))], lambda o, a, b: a * b, lambda m, a, b: a * b),
    mixed("a * b of", [Given((32, 28, 28, 96)), Given((32, 1, 1, 96))], lambda o, a, b: a * b, lambda m, a, b: a * b),
    mixed("a + b of", [Given((1000, 1000)), Given((1000,))], lambda o, a, b: a + b, lambda m, a, b: a + b),
    mixed("(a - b) / c of", [Given(IMAGES), Given((3,)), Given((3,), "u")], lambda o, a, b, c: (a - b) / c,
          lambda m, a, b, c: (a - b) / c, FORWARD),
    mixed("bytes to floats, / 255 of", [Given(IMAGES, "u8")], lambda o, a: o.cast(a, "float32") / 255.0,
          lambda m, a: a.float() / 255.0, FORWARD),
    mixed("bytes, (a - b) / c of", [Given(IMAGES, "u8"), Given((3,)), Given((3,), "u")],
          lambda o, a, b, c: (o.cast(a, "float32") - b) / c, lambda m, a, b, c: (a.float() - b) / c, FORWARD),
    mixed("clip, to bytes of", [Given(IMAGES, "u")], lambda o, a: o.cast(o.clip(a * 255.0, 0.0, 255.0), "uint8"),
          lambda m, a: (a * 255.0).clamp(0.0, 255.0).to(m.uint8), FORWARD),
    mixed("ints a + b of", [Given((300, 333), "n", 1000)] * 2, lambda o, a, b: a + b, lambda m, a, b: a + b, FORWARD),
    mixed("ints a // 7 of", [Given((300, 333), "n", 1000)], lambda o, a: a // 7, lambda m, a: a // 7, FORWARD),
    mixed("ints a % 7 of", [Given((300, 333), "n", 1000)], lambda o, a: a % 7, lambda m, a: a % 7, FORWARD),
    mixed("a % 0.7 of", [Given((300, 333))], lambda o, a: a % 0.7, lambda m, a: a % 0.7, FORWARD),
    mixed("ints a == b of", [Given((300, 333), "n", 10)] * 2, lambda o, a, b: a == b, lambda m, a, b: a == b, FORWARD),
    mixed("bools and of", [Given((300, 333), "b")] * 2, lambda o, a, b: o.logical_and(a, b),
          lambda m, a, b: m.logical_and(a, b), FORWARD),
    merge("Add", (32, 28, 28, 64), 2, lambda m, xs: xs[0] + xs[1]),
    merge("Multiply", (32, 28, 28, 64), 2, lambda m, xs: xs[0] * xs[1]),
    merge("Average", (32, 1000), 3, lambda m, xs: (xs[0] + xs[1] + xs[2]) / 3),
    merge("Maximum", (32, 1000), 2, lambda m, xs: m.maximum(*xs)),
    merge("Subtract", (128, 64), 2, lambda m, xs: xs[0] - xs[1]),
    merge("Concatenate", (8, 56, 56, 32), 2, lambda m, xs: m.cat(xs, -1)),
    merge("Concatenate", (128, 33), 3, lambda m, xs: m.cat(xs, -1)),
    noise("Dropout", (32, 128, 768), lambda hb: hb.layers.Dropout(0.1), lambda m: m.nn.Dropout(0.1)),
    noise("Dropout", (128, 100), lambda hb: hb.layers.Dropout(0.5), lambda m: m.nn.Dropout(0.5)),
    noise("SpatialDropout2D", (32, 28, 28, 64), lambda hb: hb.layers.SpatialDropout2D(0.2),
          lambda m: lambda x: x * (m.rand(32, 1, 1, 64) >= 0.2) * 1.25),
    noise("GaussianNoise", (32, 28, 28, 64), lambda hb: hb.layers.GaussianNoise(0.1),
          lambda m: lambda x: x + 0.1 * m.randn_like(x)),
    *(loss("mean squared error", [Given(x)] * 2, lambda l, p, t: l.MeanSquaredError()(t, p), lambda f, p, t: f.mse_loss(p, t))
      for x in ((32, 10), (1024, 1000))),
    *(loss("mean absolute error", [Given(x)] * 2, lambda l, p, t: l.MeanAbsoluteError()(t, p), lambda f, p, t: f.l1_loss(p, t))
      for x in ((32, 10), (1024, 1000))),
    loss("Huber", [Given((1024, 10))] * 2, lambda l, p, t: l.Huber()(t, p), lambda f, p, t: f.huber_loss(p, t)),
    *(loss("binary cross-entropy", [Given(x), Given(x, "u")], lambda l, p, t: l.BinaryCrossentropy(from_logits=True)(t, p),
           lambda f, p, t: f.binary_cross_entropy_with_logits(p, t)) for x in ((32, 1), (128, 1000))),
    *(loss("sparse cross-entropy", [Given(x), Given(x[:1], "i", x[1])],
           lambda l, p, t: l.SparseCategoricalCrossentropy(from_logits=True)(t, p), lambda f, p, t: f.cross_entropy(p, t))
      for x in ((32, 10), (1024, 1000), (128, 32000))),
    *(loss("cross-entropy", [Given(x), Given(x, "u")], lambda l, p, t: l.CategoricalCrossentropy(from_logits=True)(t, p),
           lambda f, p, t: f.cross_entropy(p, t)) for x in ((32, 10), (1024, 1000))),
    loss("cosine similarity", [Given((128, 512))] * 2, lambda l, p, t: l.CosineSimilarity()(t, p),
         lambda f, p, t: -f.cosine_similarity(p, t).mean()),
]  # fmt: skip
