"""Convolutions: the layers of well-known networks, and kernels, strides, dilations and channels that others have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from layer_cells.cell import Arrays, Cell, Given, State

Size = int | Sequence[int]


def each(size: Size, n: int) -> tuple[int, ...]:
    """A size for each spatial axis."""
    return (size,) * n if isinstance(size, int) else tuple(size)


def label(*parts: Any) -> str:
    """A name of sizes."""
    return " ".join("x".join(map(str, p)) if isinstance(p, (tuple, list)) else str(p) for p in parts if p != "")


def torch_kernel(kernel: Any) -> Any:
    """(window.., in, out) as (out, in, window..); of a transposed convolution (window.., out, in) as (in, out, window..)."""
    return np.moveaxis(kernel, (-1, -2), (0, 1))


def depthwise_kernel(kernel: Any) -> Any:
    """(window.., channels, multiplier) as (channels * multiplier, 1, window..)."""
    *window, channels, multiplier = kernel.shape
    return np.moveaxis(kernel.reshape(*window, channels * multiplier), -1, 0)[:, None]


def conv(
    x: Sequence[int],
    filters: int,
    kernel: Size,
    stride: Size = 1,
    dilation: int = 1,
    groups: int = 1,
    padding: str = "same",
    of: str = "",
    family: str = "",
) -> Cell:
    """A Conv1D, Conv2D or Conv3D."""
    n = len(x) - 2
    window, steps = each(kernel, n), each(stride, n)
    lead = dilation * (window[0] - 1)
    around = [dilation * (k - 1) // 2 if padding == "same" else 0 for k in window]

    def ours(hb: Any) -> Any:
        layer = getattr(hb.layers, f"Conv{n}D")
        return layer(filters, window, steps, padding, dilation_rate=dilation, groups=groups)

    def theirs(torch: Any) -> Any:
        module = getattr(torch.nn, f"Conv{n}d")
        made = module(x[-1], filters, window, steps, around, dilation=dilation, groups=groups)
        return torch.nn.Sequential(torch.nn.ConstantPad1d((lead, 0), 0.0), made) if padding == "causal" else made

    prefix = "1." if padding == "causal" else ""
    extras = [
        f"/{label(steps)}" * (max(steps) > 1),
        f"dilation {dilation}" * (dilation > 1),
        f"groups {groups}" * (groups > 1),
    ]
    return Cell(
        family or ("grouped convolution" if groups > 1 else f"Conv{n}D"),
        label(of, x, "->", filters, window, *extras, padding if padding != "same" else ""),
        [Given(tuple(x))],
        ours,
        theirs,
        lambda w: {prefix + "weight": torch_kernel(w[0]), prefix + "bias": w[1]},
        spatial=n,
        check=1e-3 if padding != "same" or max(steps) == 1 else None,
    )


def depthwise(
    x: Sequence[int], kernel: int, stride: int = 1, multiplier: int = 1, dilation: int = 1, of: str = ""
) -> Cell:
    """A DepthwiseConv1D or DepthwiseConv2D."""
    n, channels = len(x) - 2, x[-1]

    def ours(hb: Any) -> Any:
        layer = getattr(hb.layers, f"DepthwiseConv{n}D")
        return layer(kernel, stride, "same", multiplier, dilation_rate=dilation)

    def theirs(torch: Any) -> Any:
        module = getattr(torch.nn, f"Conv{n}d")
        around = dilation * (kernel - 1) // 2
        return module(channels, channels * multiplier, kernel, stride, around, dilation, groups=channels)

    extras = [
        f"/{stride}" * (stride > 1),
        f"multiplier {multiplier}" * (multiplier > 1),
        f"dilation {dilation}" * (dilation > 1),
    ]
    return Cell(
        "depthwise convolution",
        label(of, x, (kernel,) * n, *extras),
        [Given(tuple(x))],
        ours,
        theirs,
        lambda w: {"weight": depthwise_kernel(w[0]), "bias": w[1]},
        spatial=n,
        check=1e-3 if stride == 1 else None,
    )


def separable(x: Sequence[int], filters: int, kernel: int, of: str = "") -> Cell:
    """A SeparableConv1D or SeparableConv2D."""
    n, channels = len(x) - 2, x[-1]

    def theirs(torch: Any) -> Any:
        module = getattr(torch.nn, f"Conv{n}d")
        first = module(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False)
        return torch.nn.Sequential(first, module(channels, filters, 1))

    def weights(w: Arrays) -> State:
        return {"0.weight": depthwise_kernel(w[0]), "1.weight": torch_kernel(w[1]), "1.bias": w[2]}

    return Cell(
        "separable convolution",
        label(of, x, "->", filters, (kernel,) * n),
        [Given(tuple(x))],
        lambda hb: getattr(hb.layers, f"SeparableConv{n}D")(filters, kernel, padding="same"),
        theirs,
        weights,
        spatial=n,
    )


def transposed(x: Sequence[int], filters: int, kernel: int, stride: int, of: str = "") -> Cell:
    """A Conv1DTranspose, Conv2DTranspose or Conv3DTranspose without padding."""
    n = len(x) - 2
    return Cell(
        "transposed convolution",
        label(of, x, "->", filters, (kernel,) * n, f"/{stride}"),
        [Given(tuple(x))],
        lambda hb: getattr(hb.layers, f"Conv{n}DTranspose")(filters, kernel, stride),
        lambda torch: getattr(torch.nn, f"ConvTranspose{n}d")(x[-1], filters, kernel, stride),
        lambda w: {"weight": torch_kernel(w[0]), "bias": w[1]},
        spatial=n,
    )


KNOWN = [
    depthwise((8, 28, 28, 96), 5),
    depthwise((8, 56, 56, 96), 7, 2),
    conv((8, 28, 28, 128), 128, 3, groups=32, of="ResNeXt"),
    conv((8, 28, 28, 64), 64, 3, groups=2),
    conv((2, 16, 32, 32, 16), 16, 3),
    conv((2, 16, 32, 32, 1), 16, 3),
    conv((8, 33, 33, 33), 65, 3, 2),
    conv((8, 28, 28, 64), 64, 3, dilation=4),
    conv((8, 28, 28, 64), 64, 5),
    conv((8, 28, 28, 64), 64, (1, 7)),
]

RESNET50 = [
    conv((4, 224, 224, 3), 64, 7, 2, of="ResNet-50"),
    conv((4, 56, 56, 64), 64, 1, of="ResNet-50"),
    conv((4, 56, 56, 64), 64, 3, of="ResNet-50"),
    conv((4, 56, 56, 64), 256, 1, of="ResNet-50"),
    conv((4, 56, 56, 256), 64, 1, of="ResNet-50"),
    conv((4, 56, 56, 256), 128, 1, 2, of="ResNet-50"),
    conv((4, 56, 56, 128), 128, 3, 2, of="ResNet-50"),
    conv((4, 28, 28, 128), 128, 3, of="ResNet-50"),
    conv((4, 28, 28, 128), 512, 1, of="ResNet-50"),
    conv((4, 28, 28, 512), 256, 1, of="ResNet-50"),
    conv((4, 14, 14, 256), 256, 3, of="ResNet-50"),
    conv((4, 14, 14, 256), 1024, 1, of="ResNet-50"),
    conv((4, 14, 14, 1024), 256, 1, of="ResNet-50"),
    conv((4, 14, 14, 512), 512, 3, 2, of="ResNet-50"),
    conv((4, 7, 7, 512), 512, 3, of="ResNet-50"),
    conv((1, 56, 56, 64), 64, 3, of="ResNet-50"),
    conv((1, 7, 7, 2048), 512, 1, of="ResNet-50"),
    conv((32, 7, 7, 512), 512, 3, of="ResNet-50"),
]

EFFICIENTNET = [
    conv((4, 224, 224, 3), 32, 3, 2, of="EfficientNet-B0"),
    depthwise((4, 112, 112, 32), 3, of="EfficientNet-B0"),
    conv((4, 112, 112, 32), 16, 1, of="EfficientNet-B0"),
    depthwise((4, 112, 112, 96), 3, 2, of="EfficientNet-B0"),
    conv((4, 56, 56, 24), 144, 1, of="EfficientNet-B0"),
    depthwise((4, 56, 56, 144), 5, 2, of="EfficientNet-B0"),
    depthwise((4, 28, 28, 240), 3, 2, of="EfficientNet-B0"),
    depthwise((4, 14, 14, 480), 5, of="EfficientNet-B0"),
    depthwise((4, 14, 14, 672), 5, 2, of="EfficientNet-B0"),
    conv((4, 14, 14, 480), 112, 1, of="EfficientNet-B0"),
    depthwise((4, 7, 7, 1152), 5, of="EfficientNet-B0"),
    depthwise((1, 7, 7, 1152), 3, of="EfficientNet-B0"),
    conv((4, 7, 7, 320), 1280, 1, of="EfficientNet-B0"),
    conv((4, 1, 1, 96), 4, 1, of="EfficientNet-B0 squeeze"),
]

OTHERS = [
    conv((4, 224, 224, 3), 96, 4, 4, padding="valid", of="ConvNeXt-T"),
    depthwise((4, 56, 56, 96), 7, of="ConvNeXt-T"),
    depthwise((4, 14, 14, 384), 7, of="ConvNeXt-T"),
    depthwise((4, 7, 7, 768), 7, of="ConvNeXt-T"),
    conv((4, 56, 56, 96), 192, 2, 2, padding="valid", of="ConvNeXt-T"),
    conv((1, 128, 128, 1), 64, 3, of="U-Net"),
    conv((1, 128, 128, 64), 64, 3, of="U-Net"),
    conv((1, 64, 64, 128), 128, 3, of="U-Net"),
    conv((1, 32, 32, 512), 256, 3, of="U-Net"),
    transposed((1, 32, 32, 256), 128, 2, 2, of="U-Net"),
    transposed((1, 64, 64, 128), 64, 2, 2, of="U-Net"),
    conv((1, 128, 128, 64), 2, 1, of="U-Net"),
    conv((4, 224, 224, 3), 768, 16, 16, padding="valid", of="ViT-B/16"),
    conv((8, 28, 28, 1), 32, 3, padding="valid", of="MNIST"),
    conv((128, 28, 28, 1), 6, 5, of="LeNet-5"),
    conv((128, 14, 14, 6), 16, 5, padding="valid", of="LeNet-5"),
    conv((2, 224, 224, 3), 64, 11, 4, padding="valid", of="AlexNet"),
    transposed((8, 8, 8, 256), 128, 4, 2, of="DCGAN"),
    transposed((8, 16, 16, 128), 64, 4, 2, of="DCGAN"),
    transposed((8, 14, 14, 64), 32, 3, 2),
    transposed((2, 8, 16, 16, 64), 32, 2, 2, of="3-D U-Net"),
    transposed((8, 100, 64), 32, 4, 2),
    conv((2, 3000, 80), 384, 3, of="Whisper-tiny"),
    conv((2, 3000, 384), 384, 3, 2, of="Whisper-tiny"),
    conv((1, 16000, 1), 512, 10, 5, padding="valid", of="wav2vec 2.0"),
    conv((1, 3199, 512), 512, 3, 2, padding="valid", of="wav2vec 2.0"),
    conv((1, 799, 512), 512, 2, 2, padding="valid", of="wav2vec 2.0"),
    conv((1, 49, 768), 768, 127, groups=16, of="wav2vec 2.0 positions"),
    conv((4, 1024, 32), 64, 2, dilation=8, padding="causal", of="WaveNet"),
    conv((7, 256, 25), 25, 7, dilation=2, padding="causal", of="TCN"),
    conv((128, 100, 33), 64, 3),
    conv((32, 128, 64), 128, 5),
    conv((7, 13, 13, 7), 11, 3),
    conv((1, 13, 13, 17), 33, 3, 2),
    conv((8, 28, 28, 32), 32, (7, 1)),
    conv((8, 28, 28, 32), 32, 9),
    conv((4, 56, 56, 64), 64, 3, dilation=2, of="DeepLab"),
    conv((8, 14, 14, 256), 256, 3, groups=32, of="ResNeXt"),
    conv((8, 14, 14, 240), 240, 1, groups=3, of="ShuffleNet"),
    conv((8, 28, 28, 64), 64, 3, groups=4),
    conv((1, 16, 64, 64, 3), 32, 3, of="C3D"),
    conv((1, 8, 28, 28, 64), 64, 3, of="C3D"),
    conv((2, 16, 32, 32, 32), 32, (1, 3, 3), of="R(2+1)D"),
    conv((2, 16, 32, 32, 32), 32, (3, 1, 1), of="R(2+1)D"),
    conv((2, 16, 32, 32, 8), 16, 3, 2),
    depthwise((8, 28, 28, 33), 3),
    depthwise((32, 14, 14, 64), 3, dilation=2),
    depthwise((8, 28, 28, 16), 9),
    depthwise((8, 28, 28, 16), 11),
    depthwise((8, 28, 28, 3), 3, multiplier=2),
    depthwise((8, 512, 64), 31, of="Conformer"),
    separable((4, 28, 28, 128), 128, 3, of="Xception"),
    separable((8, 56, 56, 32), 64, 3, of="MobileNet"),
    separable((8, 200, 64), 64, 5),
]
CELLS = [*RESNET50, *EFFICIENTNET, *OTHERS]
