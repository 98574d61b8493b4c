"""Resizing, upsampling, and what moves data without computing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from layer_cells.cell import Cell, Given
from layer_cells.convolutions import label

FORWARD = ("forward",)
BOTH = ("last", "first")


def upsampling(x: Sequence[int], size: int, how: str) -> Cell:
    """An UpSampling layer of 1, 2 or 3 axes."""
    n = len(x) - 2
    smooth = {"interpolation": how} if n == 2 else {}

    def theirs(torch: Any) -> Any:
        extra = {} if how == "nearest" else {"align_corners": False}
        return torch.nn.Upsample(scale_factor=size, mode=how, **extra)

    return Cell(
        "upsampling",
        label(how, x, f"by {size}"),
        [Given(tuple(x))],
        lambda hb: getattr(hb.layers, f"UpSampling{n}D")(size, **smooth),
        theirs,
        spatial=n,
        formats=BOTH,
    )


def resizing(x: Sequence[int], size: tuple[int, int], how: str = "bilinear", antialias: bool = False) -> Cell:
    """``ops.image.resize``, as ``Resizing`` computes it."""

    def theirs(torch: Any) -> Any:
        extra = {} if how == "nearest" else {"align_corners": False, "antialias": antialias}
        mode = "nearest-exact" if how == "nearest" else how
        return lambda t: torch.nn.functional.interpolate(t, size, mode=mode, **extra)

    return Cell(
        "resizing",
        label(how, "antialias" * antialias, x, "to", size),
        [Given(tuple(x))],
        lambda hb: lambda t: hb.ops.image.resize(t, size, how, antialias),
        theirs,
        spatial=2,
        formats=BOTH,
        modes=("forward", "train") if how != "nearest" else FORWARD,
        check=1e-3 if how == "bilinear" else None,  # Keras' cubic kernel has another sharpness
    )


def moving(
    name: str,
    x: Sequence[int],
    ours: Callable[[Any, Any], Any],
    theirs: Callable[[Any, Any], Any],
    modes: Any = ("forward", "train"),
) -> Cell:
    """A function that moves data: ``ours(ops, x)``, ``theirs(torch, x)``, whose result is contiguous."""
    return Cell(
        "copies",
        label(name, "of", x),
        [Given(tuple(x))],
        lambda hb: lambda t: ours(hb.ops, t),
        lambda torch: lambda t: theirs(torch, t).contiguous(),
        modes=modes,
    )


def layer(
    name: str,
    x: Sequence[int],
    kind: str,
    ours: Callable[[Any], Any],
    theirs: Callable[[Any, Any], Any],
    check: float | None = 1e-3,
) -> Cell:
    """A layer of pipelines, in training: ``theirs(torch, x)``, on images that have their channels last on both sides."""
    return Cell(
        "pipelines",
        label(name, "of", x),
        [Given(tuple(x), kind)],
        ours,
        lambda torch: lambda t: theirs(torch, t).contiguous(),
        modes=FORWARD,
        check=check,
        call=lambda f, xs, training: f(xs[0], training=True),
    )


def torch_crop(torch: Any, t: Any, size: int) -> Any:
    """One window for all images, drawn."""
    high, wide = (int(torch.randint(n - size + 1, ())) for n in t.shape[1:3])
    return t[:, high : high + size, wide : wide + size]


KNOWN = [
    upsampling((8, 32, 32, 64), 2, "bilinear"),
    upsampling((8, 32, 32, 64), 2, "nearest"),
    resizing((8, 32, 32, 16), (64, 64)),
    resizing((1, 224, 224, 3), (256, 256)),
    resizing((8, 375, 500, 3), (224, 224), antialias=True),
]

CELLS = [
    upsampling((1, 16, 16, 256), 2, "nearest"),
    upsampling((8, 14, 14, 33), 3, "nearest"),
    upsampling((32, 100, 64), 2, "nearest"),
    upsampling((2, 8, 16, 16, 32), 2, "nearest"),
    upsampling((4, 7, 7, 512), 2, "bilinear"),
    *(resizing((b, 224, 224, 3), (256, 256)) for b in (8,)),
    resizing((32, 7, 7, 64), (14, 14)),
    resizing((8, 224, 224, 3), (96, 96), "bicubic"),
    resizing((8, 224, 224, 3), (112, 112), "nearest"),
    resizing((1, 375, 500, 3), (224, 224)),
    resizing((8, 64, 64, 16), (32, 32), antialias=True),
    moving("transpose", (1000, 1000), lambda o, t: o.transpose(t), lambda m, t: t.T),
    moving("transpose 0, 3, 1, 2", (32, 28, 28, 64), lambda o, t: o.transpose(t, (0, 3, 1, 2)), lambda m, t: t.permute(0, 3, 1, 2)),
    moving("transpose 0, 2, 1, 3", (8, 128, 12, 64), lambda o, t: o.transpose(t, (0, 2, 1, 3)), lambda m, t: t.permute(0, 2, 1, 3)),
    moving("repeat 2 over 1", (32, 64, 128), lambda o, t: o.repeat(t, 2, 1), lambda m, t: t.repeat_interleave(2, 1)),
    moving("repeat 3 over -1", (1000, 33), lambda o, t: o.repeat(t, 3, -1), lambda m, t: t.repeat_interleave(3, -1)),
    moving("tile 1, 4", (1000, 33), lambda o, t: o.tile(t, (1, 4)), lambda m, t: t.tile(1, 4)),
    moving("pad 1", (32, 28, 28, 64), lambda o, t: o.pad(t, ((0, 0), (1, 1), (1, 1), (0, 0))),
           lambda m, t: m.nn.functional.pad(t, (0, 0, 1, 1, 1, 1))),
    moving("pad 1", (32, 32, 32, 3), lambda o, t: o.pad(t, ((0, 0), (4, 4), (4, 4), (0, 0))),
           lambda m, t: m.nn.functional.pad(t, (0, 0, 4, 4, 4, 4))),
    moving("reflected pad 2", (8, 64, 64, 16), lambda o, t: o.pad(t, ((0, 0), (2, 2), (2, 2), (0, 0)), "reflect"),
           lambda m, t: m.nn.functional.pad(t.permute(0, 3, 1, 2), (2, 2, 2, 2), "reflect").permute(0, 2, 3, 1)),
    moving("flip over 2", (32, 64, 64, 3), lambda o, t: o.flip(t, 2), lambda m, t: t.flip(2)),
    moving("roll 3 over 1", (32, 64, 128), lambda o, t: o.roll(t, 3, 1), lambda m, t: t.roll(3, 1)),
    moving("slice", (32, 64, 128), lambda o, t: t[:, 1:-1, ::2], lambda m, t: t[:, 1:-1, ::2]),
    moving("crop", (32, 64, 64, 3), lambda o, t: t[:, 4:-4, 4:-4], lambda m, t: t[:, 4:-4, 4:-4]),
    moving("stack 2", (32, 64, 128), lambda o, t: o.stack([t, t], 1), lambda m, t: m.stack([t, t], 1)),
    moving("concatenate 2 over 1", (32, 64, 128), lambda o, t: o.concatenate([t, t], 1), lambda m, t: m.cat([t, t], 1)),
    moving("take 100 rows", (10000, 64), lambda o, t: o.take(t, list(range(0, 10000, 100)), 0), lambda m, t: t[::100]),
    moving("flip over -1", (1000, 128), lambda o, t: o.flip(t, -1), lambda m, t: t.flip(-1)),
    moving("roll -3 over 1, 2", (8, 56, 56, 96), lambda o, t: o.roll(t, (-3, -3), (1, 2)), lambda m, t: t.roll((-3, -3), (1, 2))),
    moving("split 3 over -1", (32, 128, 192), lambda o, t: o.add(*o.split(t, 3, -1)[:2]) * o.split(t, 3, -1)[2],
           lambda m, t: (t[..., :64] + t[..., 64:128]) * t[..., 128:]),
    moving("broadcast to 128", (32, 64, 1), lambda o, t: o.broadcast_to(t, (32, 64, 128)), lambda m, t: t.expand(32, 64, 128)),
    moving("take 64 over 1", (32, 64, 128), lambda o, t: o.take(t, list(range(0, 64, 3)), 1), lambda m, t: t[:, list(range(0, 64, 3))]),
    moving("transpose 0, 2, 3, 1", (32, 3, 64, 64), lambda o, t: o.transpose(t, (0, 2, 3, 1)), lambda m, t: t.permute(0, 2, 3, 1)),
    moving("to float16", (32, 64, 64, 3), lambda o, t: o.cast(t, "float16"), lambda m, t: t.half(), FORWARD),
    moving("bfloat16 and back", (32, 64, 64, 3), lambda o, t: o.cast(o.cast(t, "bfloat16"), "float32"),
           lambda m, t: t.bfloat16().float(), FORWARD),
    moving("to int32", (32, 64, 64, 3), lambda o, t: o.cast(t, "int32"), lambda m, t: t.int(), FORWARD),
    moving("tril", (8, 256, 256), lambda o, t: o.tril(t), lambda m, t: m.tril(t)),
    layer("RandomFlip", (32, 64, 64, 3), "u", lambda hb: hb.layers.RandomFlip("horizontal"),
          lambda m, t: m.where(m.rand(len(t), 1, 1, 1) < 0.5, t.flip(2), t), None),
    layer("RandomCrop to 56", (32, 64, 64, 3), "u", lambda hb: hb.layers.RandomCrop(56, 56), lambda m, t: torch_crop(m, t, 56), None),
    layer("CenterCrop to 56", (32, 64, 64, 3), "u", lambda hb: hb.layers.CenterCrop(56, 56), lambda m, t: t[:, 4:-4, 4:-4]),
    layer("Rescaling", (32, 64, 64, 3), "u8", lambda hb: hb.layers.Rescaling(1 / 127.5, -1), lambda m, t: t.float() * (1 / 127.5) - 1),
    layer("Normalization", (32, 64, 64, 3), "u8",
          lambda hb: hb.layers.Normalization(mean=[120.0, 115.0, 100.0], variance=[3600.0, 3500.0, 3700.0]),
          lambda m, t: (t.float() - m.tensor([120.0, 115.0, 100.0])) / m.tensor([3600.0, 3500.0, 3700.0]).sqrt()),
    moving("one hot", (1,), lambda o, t: o.one_hot(o.cast(o.tile(t, (1000,)) * 0, "int32"), 100),
           lambda m, t: m.nn.functional.one_hot((t.tile(1000) * 0).long(), 100).float(), FORWARD),
]  # fmt: skip
