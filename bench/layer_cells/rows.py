"""Normalisation, pooling, reductions, softmax, scans and sorts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from layer_cells.cell import Arrays, Cell, Given, State
from layer_cells.convolutions import each, label

BOTH = ("last", "first")  # torch's memory formats
FORWARD = ("forward",)


def affine(w: Arrays) -> State:
    """Factor and offset."""
    return {"weight": w[0], "bias": w[1]}


def batch_norm(x: Sequence[int], of: str = "") -> Cell:
    """A BatchNormalization."""
    n = len(x) - 2

    def weights(w: Arrays) -> State:
        return {**affine(w), "running_mean": w[2], "running_var": w[3]}

    return Cell(
        "BatchNormalization",
        label(of, x),
        [Given(tuple(x))],
        lambda hb: hb.layers.BatchNormalization(epsilon=1e-5),
        lambda torch: getattr(torch.nn, f"BatchNorm{max(n, 1)}d")(x[-1]),
        weights,
        spatial=n,
        formats=BOTH,
    )


def layer_norm(x: Sequence[int], axes: int = 1, of: str = "") -> Cell:
    """A LayerNormalization over the last axes."""
    return Cell(
        "LayerNormalization",
        label(of, x, f"over {axes} axes" if axes > 1 else ""),
        [Given(tuple(x))],
        lambda hb: hb.layers.LayerNormalization(list(range(-axes, 0)), epsilon=1e-5),
        lambda torch: torch.nn.LayerNorm(x[-axes:]),
        affine,
    )


def group_norm(x: Sequence[int], groups: int, of: str = "") -> Cell:
    """A GroupNormalization."""
    return Cell(
        "GroupNormalization",
        label(of, x, f"{groups} groups"),
        [Given(tuple(x))],
        lambda hb: hb.layers.GroupNormalization(groups, epsilon=1e-5),
        lambda torch: torch.nn.GroupNorm(groups, x[-1]),
        affine,
        spatial=len(x) - 2,
        formats=BOTH,
    )


def rms_norm(x: Sequence[int], of: str = "") -> Cell:
    """An RMSNormalization."""
    return Cell(
        "RMSNormalization",
        label(of, x),
        [Given(tuple(x))],
        lambda hb: hb.layers.RMSNormalization(epsilon=1e-6),
        lambda torch: torch.nn.RMSNorm(x[-1], eps=1e-6),
        lambda w: {"weight": w[0]},
    )


def pool(kind: str, x: Sequence[int], size: int, stride: int, padding: str = "valid", of: str = "") -> Cell:
    """A MaxPooling or AveragePooling of 1, 2 or 3 axes."""
    n = len(x) - 2
    around = size // 2 if padding == "same" else 0

    def theirs(torch: Any) -> Any:
        if kind == "Max":
            return getattr(torch.nn, f"MaxPool{n}d")(size, stride, around)
        return getattr(torch.nn, f"AvgPool{n}d")(size, stride, around, count_include_pad=False)

    return Cell(
        f"{kind}Pooling",
        label(of, x, each(size, n), f"/{stride}", padding),
        [Given(tuple(x))],
        lambda hb: getattr(hb.layers, f"{kind}Pooling{n}D")(size, stride, padding),
        theirs,
        spatial=n,
        check=1e-3 if padding == "valid" or stride == 1 else None,
    )


def global_pool(kind: str, x: Sequence[int], of: str = "") -> Cell:
    """A pooling of whole images."""
    n = len(x) - 2
    axes = tuple(range(2, n + 2))
    return Cell(
        "global pooling",
        label(of, kind, x),
        [Given(tuple(x))],
        lambda hb: getattr(hb.layers, f"Global{kind}Pooling{n}D")(),
        lambda torch: (lambda t: t.mean(axes)) if kind == "Average" else (lambda t: t.amax(axes)),
        spatial=n,
        formats=BOTH,
    )


def over(
    family: str,
    name: str,
    x: Sequence[int],
    ours: Callable[[Any, Any], Any],
    theirs: Callable[[Any, Any], Any],
    modes: tuple[str, ...] = ("forward", "train"),
    kind: str = "f",
    check: float | None = 1e-3,
) -> Cell:
    """A function of one tensor: ``ours(ops, x)``, ``theirs(torch, x)``."""
    return Cell(
        family,
        label(name, x),
        [Given(tuple(x), kind, 1000)],
        lambda hb: lambda t: ours(hb.ops, t),
        lambda torch: lambda t: theirs(torch, t),
        modes=modes,
        check=check,
    )


def reduction(name: str, x: Sequence[int], axis: Any, kind: str = "f") -> Cell:
    """A reduction that both sides have under about one name."""
    other = {"max": "amax", "min": "amin"}.get(name, name)
    picks = name in ("argmax", "argmin", "all", "any") or kind != "f"

    def theirs(torch: Any, t: Any) -> Any:
        function = getattr(torch, other)
        extra = {"correction": 0} if name in ("var", "std") else {}
        if axis is None:
            return function(t, dim=tuple(range(t.ndim)), **extra) if extra else function(t)
        return function(t, dim=axis, **extra)

    return over(
        "reduction",
        f"{name} over {'all' if axis is None else axis} of",
        x,
        lambda ops, t: getattr(ops, name)(t, axis=axis),
        theirs,
        FORWARD if picks else ("forward", "train"),
        kind,
    )


def softmax(x: Sequence[int], axis: int = -1, log: bool = False) -> Cell:
    """A softmax, or its logarithm."""
    name = "log_softmax" if log else "softmax"
    return over(
        "softmax",
        f"{name} over {axis} of",
        x,
        lambda ops, t: getattr(ops, name)(t, axis),
        lambda torch, t: getattr(torch, name)(t, axis),
    )


KNOWN = [
    group_norm((8, 32, 32, 64), 32),
    group_norm((4, 56, 56, 128), 32, of="ConvNeXt"),
    batch_norm((8, 32, 32, 64)),
    batch_norm((128, 100)),
    pool("Average", (8, 28, 28, 64), 3, 1, "same"),
]

CELLS = [
    *(group_norm(x, g) for x, g in (((1, 64, 64, 320), 32), ((32, 14, 14, 48), 1), ((7, 13, 13, 33), 33), ((32, 128), 8))),
    group_norm((8, 200, 64), 4),
    group_norm((2, 8, 16, 16, 32), 8),
    *(batch_norm(x) for x in ((32, 32, 32, 3), (32, 16, 16, 33), (4, 56, 56, 256), (1, 7, 7, 2048), (32, 1024), (1024, 64))),
    batch_norm((8, 200, 64)),
    *(layer_norm(x, of="BERT-base") for x in ((1, 128, 768), (32, 128, 768))),
    *(layer_norm(x) for x in ((7, 13), (32, 1000), (128, 64, 96), (100000, 7), (1, 4096))),
    layer_norm((4, 56, 56, 96), of="ConvNeXt-T"),
    layer_norm((16, 28, 28, 32), 3),
    *(rms_norm(x) for x in ((1, 512, 2048), (32, 128, 512), (1000, 33))),
    pool("Max", (4, 112, 112, 64), 3, 2, "same", of="ResNet-50"),
    pool("Max", (8, 28, 28, 32), 2, 2),
    pool("Max", (8, 28, 28, 33), 3, 1, "same"),
    pool("Max", (1, 128, 128, 64), 2, 2, of="U-Net"),
    pool("Max", (32, 200, 64), 2, 2),
    pool("Max", (2, 16, 32, 32, 16), 2, 2),
    pool("Average", (8, 28, 28, 32), 2, 2),
    pool("Average", (8, 56, 56, 16), 3, 2, "same"),
    pool("Average", (7, 13, 13, 17), 3, 3),
    pool("Average", (32, 200, 64), 2, 2),
    pool("Average", (2, 16, 32, 32, 16), 2, 2),
    global_pool("Average", (4, 7, 7, 2048), of="ResNet-50"),
    global_pool("Average", (32, 28, 28, 64)),
    global_pool("Max", (32, 14, 14, 33)),
    global_pool("Average", (32, 200, 128)),
    global_pool("Max", (32, 200, 128)),
    global_pool("Average", (4, 8, 16, 16, 32)),
    *(reduction("sum", x, a) for x, a in (((32, 1000), -1), ((32, 1000), 0), ((64, 64, 64, 3), (1, 2)), ((1, 1000000), None))),
    *(reduction("sum", x, a) for x, a in (((128, 28, 28, 64), (0, 1, 2)), ((1000000, 4), 0), ((100000, 7), 1), ((7, 13), 0))),
    *(reduction("mean", x, a) for x, a in (((64, 128, 256), 1), ((32, 56, 56, 16), (1, 2)), ((100000, 7), 0))),
    *(reduction("max", x, a) for x, a in (((32, 1000), -1), ((64, 128, 256), 1), ((1000000,), None), ((1000, 1000), 0))),
    *(reduction("min", x, a) for x, a in (((32, 1000), -1), ((100000, 7), 1))),
    *(reduction("prod", x, a) for x, a in (((1000, 10), -1), ((64, 64, 32), 1))),
    *(reduction("var", x, a) for x, a in (((32, 1000), -1), ((32, 28, 28, 64), (0, 1, 2)), ((1000000,), None))),
    reduction("std", (64, 128, 256), 1),
    *(reduction("logsumexp", x, a) for x, a in (((32, 1000), -1), ((64, 128, 64), 1))),
    *(reduction("argmax", x, a) for x, a in (((32, 1000), -1), ((1000, 10), -1), ((64, 128, 256), 1), ((32, 50000), -1))),
    reduction("argmin", (1000, 64), -1),
    reduction("any", (64, 10000), -1, "b"),
    reduction("all", (1000, 1000), 0, "b"),
    reduction("sum", (1000, 1000), -1, "n"),
    *(softmax(x) for x in ((32, 10), (1024, 2), (32, 1000), (8, 32000), (32, 12, 128, 128), (1, 50257))),
    softmax((32, 64, 100), 1),
    *(softmax(x, log=True) for x in ((128, 10), (32, 1000), (8, 32000))),
    *(over("scan", f"cumsum over {a} of", x, lambda o, t, a=a: o.cumsum(t, a), lambda m, t, a=a: m.cumsum(t, a))
      for x, a in (((32, 1000), -1), ((32, 1000), 0), ((64, 100, 32), 1), ((1000000,), 0))),
    over("scan", "cumprod of", (32, 1000), lambda o, t: o.cumprod(t, -1), lambda m, t: m.cumprod(t, -1), FORWARD),
    *(over("sorting", "sort of", x, lambda o, t: o.sort(t, -1), lambda m, t: m.sort(t, -1)[0], FORWARD)
      for x in ((1000, 10), (32, 1000), (100000,))),
    over("sorting", "argsort of", (32, 1000), lambda o, t: o.argsort(t, -1), lambda m, t: m.argsort(t, -1), FORWARD),
    *(over("sorting", f"top {k} of", x, lambda o, t, k=k: o.top_k(t, k)[0], lambda m, t, k=k: m.topk(t, k, -1)[0], FORWARD)
      for x, k in (((128, 1000), 5), ((8, 32000), 40), ((1000, 10), 1))),
]  # fmt: skip
