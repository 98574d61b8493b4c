"""The two large workloads against the Keras API: ResNet-50 (He et al. 2015; stride in the 3x3 convolutions) and a
decoder of GPT-2's smallest shape (Radford et al. 2019), whose output layer shares the table of the embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ResNet:
    """Sizes of a ResNet with bottlenecks; the paper's 50 layers unless said otherwise."""

    blocks: tuple[int, ...] = (3, 4, 6, 3)
    width: int = 64
    size: int = 224
    classes: int = 1000
    batch: int = 128
    batches: int = 4


@dataclass(frozen=True)
class Gpt:
    """Sizes of a GPT; those of the 124M-parameter GPT-2 unless said otherwise."""

    layers: int = 12
    heads: int = 12
    width: int = 768
    length: int = 1024
    vocabulary: int = 50257
    batch: int = 8
    batches: int = 8


TOY_RESNET = ResNet(blocks=(1, 1), width=4, size=16, classes=10, batch=2, batches=2)
TOY_GPT = Gpt(layers=1, heads=2, width=16, length=8, vocabulary=40, batch=2, batches=2)


def images(s: ResNet) -> tuple[Any, Any]:
    """Images and labels."""
    r = np.random.default_rng(0)
    n = s.batch * s.batches
    return r.random((n, s.size, s.size, 3), "float32"), r.integers(0, s.classes, n).astype("int32")


def tokens(s: Gpt) -> tuple[Any, Any]:
    """Ids, and the next ones."""
    ids = np.random.default_rng(0).integers(0, s.vocabulary, (s.batch * s.batches, s.length + 1)).astype("int32")
    return np.ascontiguousarray(ids[:, :-1]), np.ascontiguousarray(ids[:, 1:])


def mixed_bfloat16(K: Any) -> str:
    """Turns mixed precision on, where the framework has it, else tf32; what products are computed in."""
    for owner in (getattr(K, "config", None), getattr(K, "mixed_precision", None)):
        if hasattr(owner, "set_dtype_policy"):
            owner.set_dtype_policy("mixed_bfloat16")  # type: ignore[union-attr]
            return "mixed_bfloat16"
    if hasattr(K.config, "enable_tf32"):
        K.config.enable_tf32(True)
        return "tf32"
    return "float32"


def resnet(K: Any, s: ResNet) -> Any:
    """A compiled ResNet."""
    L = K.layers

    def norm_conv(x: Any, f: int, k: int, stride: int = 1, relu: bool = True) -> Any:
        x = L.Conv2D(f, k, strides=stride, padding="same", use_bias=False)(x)
        x = L.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
        return L.ReLU()(x) if relu else x

    def bottleneck(x: Any, f: int, stride: int) -> Any:
        y = norm_conv(norm_conv(norm_conv(x, f, 1), f, 3, stride), 4 * f, 1, relu=False)
        if stride != 1 or x.shape[-1] != 4 * f:
            x = norm_conv(x, 4 * f, 1, stride, relu=False)
        return L.ReLU()(L.Add()([x, y]))

    i = K.Input((s.size, s.size, 3))
    x = L.MaxPooling2D(3, strides=2, padding="same")(norm_conv(i, s.width, 7, 2))
    for stage, count in enumerate(s.blocks):
        for n in range(count):
            x = bottleneck(x, s.width << stage, 2 if n == 0 and stage else 1)
    x = L.Dense(s.classes, dtype="float32")(L.GlobalAveragePooling2D()(x))
    m = K.Model(i, x)
    loss = K.losses.SparseCategoricalCrossentropy(from_logits=True)
    m.compile(optimizer=K.optimizers.SGD(0.1, momentum=0.9), loss=loss)
    return m


def gpt(K: Any, s: Gpt) -> Any:
    """A compiled GPT."""
    L = K.layers

    class Decoder(K.Model):  # type: ignore[misc]
        """Embeddings, causal blocks with the norm before each part, and the product with the embedding's table."""

        def __init__(self) -> None:
            super().__init__()
            normal = K.initializers.RandomNormal(stddev=0.02, seed=0)
            self.words = L.Embedding(s.vocabulary, s.width, embeddings_initializer=normal)
            self.places = L.Embedding(s.length, s.width, embeddings_initializer=normal)
            self.norms = [L.LayerNormalization(epsilon=1e-5) for _ in range(2 * s.layers + 1)]
            self.attention = [L.MultiHeadAttention(s.heads, s.width // s.heads) for _ in range(s.layers)]
            self.wide = [L.Dense(4 * s.width, activation="gelu") for _ in range(s.layers)]
            self.narrow = [L.Dense(s.width) for _ in range(s.layers)]

        def call(self, ids: Any) -> Any:
            x = self.words(ids) + self.places(K.ops.arange(s.length, dtype="int32"))
            for n in range(s.layers):
                h = self.norms[2 * n](x)
                x = x + self.attention[n](h, h, use_causal_mask=True)
                x = x + self.narrow[n](self.wide[n](self.norms[2 * n + 1](x)))
            x = self.norms[-1](x)
            table = K.ops.cast(self.words.embeddings, x.dtype)
            return K.ops.matmul(x, K.ops.transpose(table))

    m = Decoder()
    loss = K.losses.SparseCategoricalCrossentropy(from_logits=True)
    m.compile(optimizer=K.optimizers.AdamW(6e-4, weight_decay=0.1, beta_1=0.9, beta_2=0.95), loss=loss)
    return m


def make(K: Any, name: str, toy: bool) -> tuple[Any, Any, Any, int, str]:
    """A compiled model, its data, the size of a batch, and its precision."""
    precision = mixed_bfloat16(K)
    if name == "resnet50":
        s = TOY_RESNET if toy else ResNet()
        return resnet(K, s), *images(s), s.batch, precision
    g = TOY_GPT if toy else Gpt()
    return gpt(K, g), *tokens(g), g.batch, precision
