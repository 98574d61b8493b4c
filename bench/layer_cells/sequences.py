"""Dense layers, products, recurrent layers, attention and embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from layer_cells.cell import Arrays, Cell, Given, State
from layer_cells.convolutions import label


def dense(x: Sequence[int], units: int, activation: str = "", of: str = "") -> Cell:
    """A Dense layer."""

    def theirs(torch: Any) -> Any:
        linear = torch.nn.Linear(x[-1], units)
        return torch.nn.Sequential(linear, getattr(torch.nn, activation)()) if activation else linear

    prefix = "0." if activation else ""
    return Cell(
        "Dense",
        label(of, x, "->", units, activation),
        [Given(tuple(x))],
        lambda hb: hb.layers.Dense(units, activation.lower() or None),
        theirs,
        lambda w: {prefix + "weight": w[0].T, prefix + "bias": w[1]},
    )


def product(a: Sequence[int], b: Sequence[int], equation: str = "", of: str = "") -> Cell:
    """A matmul or einsum of two tensors."""

    def ours(hb: Any) -> Any:
        return (lambda x, y: hb.ops.einsum(equation, x, y)) if equation else hb.ops.matmul

    def theirs(torch: Any) -> Any:
        return (lambda x, y: torch.einsum(equation, x, y)) if equation else torch.matmul

    name = label(of, equation or "matmul", a, b)
    return Cell("product", name, [Given(tuple(a)), Given(tuple(b))], ours, theirs, check=3e-3)


GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}


def gru_order(w: Any, units: int) -> Any:
    """Columns z, r, h as torch's r, z, n."""
    z, r, h = (w[..., i * units : (i + 1) * units] for i in range(3))
    return np.concatenate([r, z, h], axis=-1)


def recurrent(
    kind: str,
    batch: int,
    steps: int,
    features: int,
    units: int,
    sequences: bool = True,
    both: bool = False,
    of: str = "",
) -> Cell:
    """An LSTM, GRU or SimpleRNN, in one direction or in both."""

    def ours(hb: Any) -> Any:
        layer = getattr(hb.layers, kind)(units, return_sequences=sequences)
        return hb.layers.Bidirectional(layer) if both else layer

    def theirs(torch: Any) -> Any:
        module = getattr(torch.nn, {"SimpleRNN": "RNN"}.get(kind, kind))
        return module(features, units, batch_first=True, bidirectional=both)

    def weights(w: Arrays) -> State:
        state = {}
        for i, end in enumerate(("_l0", "_l0_reverse")[: 1 + both]):
            kernel, recurrent_kernel, bias = w[3 * i : 3 * i + 3]
            into, beside = (bias[0], bias[1]) if kind == "GRU" else (bias, np.zeros_like(bias))
            order = (lambda a: gru_order(a, units)) if kind == "GRU" else (lambda a: a)
            state |= {f"weight_ih{end}": order(kernel).T, f"weight_hh{end}": order(recurrent_kernel).T}
            state |= {f"bias_ih{end}": order(into), f"bias_hh{end}": order(beside)}
        return state

    return Cell(
        "recurrent",
        label(of, "bidirectional" * both, kind, (batch, steps, features), "->", units, "" if sequences else "last"),
        [Given((batch, steps, features))],
        ours,
        theirs,
        weights,
        take=lambda y: y[0] if sequences else y[0][:, -1],
        check=1e-2,
    )


def masked(kind: str, batch: int, steps: int, features: int, units: int) -> Cell:
    """A recurrent layer with a mask, beside torch without one: its packed sequences have another layout."""
    plain = recurrent(kind, batch, steps, features, units)
    return Cell(
        "recurrent",
        label(kind, "masked", (batch, steps, features), "->", units),
        [*plain.inputs, Given((batch, steps), "b")],
        plain.ours,
        lambda torch: WithoutMask.of(torch, plain.theirs(torch)),
        lambda w: {f"inner.{k}": v for k, v in plain.weights(w).items()},
        take=plain.take,
        check=None,
        call=lambda f, xs, training: f(xs[0], mask=xs[1], training=training),
    )


class WithoutMask:
    """A module that leaves its second input out."""

    @staticmethod
    def of(torch: Any, inner: Any) -> Any:
        """The module around ``inner``."""

        class Module(torch.nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.inner = inner

            def forward(self, x: Any, _: Any) -> Any:
                return self.inner(x)

        return Module()


def self_attention(batch: int, steps: int, size: int, heads: int, causal: bool = False, of: str = "") -> Cell:
    """A MultiHeadAttention of a sequence with itself."""

    def theirs(torch: Any) -> Any:
        class Attention(torch.nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.project, self.out = torch.nn.Linear(size, 3 * size), torch.nn.Linear(size, size)

            def forward(self, x: Any) -> Any:
                q, k, v = self.project(x).view(batch, steps, 3, heads, size // heads).permute(2, 0, 3, 1, 4)
                y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
                return self.out(y.transpose(1, 2).reshape(batch, steps, size))

        return Attention()

    def weights(w: Arrays) -> State:
        q, k, v = (w[i].reshape(size, size).T for i in (0, 2, 4))
        bias = np.concatenate([w[i].reshape(size) for i in (1, 3, 5)])
        return {
            "project.weight": np.concatenate([q, k, v]),
            "project.bias": bias,
            "out.weight": w[6].reshape(size, size).T,
            "out.bias": w[7],
        }

    return Cell(
        "attention",
        label(of, "MultiHeadAttention", (batch, steps, size), f"{heads} heads", "causal" * causal),
        [Given((batch, steps, size))],
        lambda hb: hb.layers.MultiHeadAttention(heads, size // heads),
        theirs,
        weights,
        call=lambda f, xs, training: f(xs[0], xs[0], use_causal_mask=causal, training=training),
        check=5e-3,
    )


def attention(batch: int, heads: int, steps: int, size: int, causal: bool = False, of: str = "") -> Cell:
    """Scaled dot products of queries, keys and values that are there already: (batch, steps, heads, size)."""
    shape = Given((batch, steps, heads, size))

    def theirs(torch: Any) -> Any:
        f = torch.nn.functional.scaled_dot_product_attention
        return lambda q, k, v: f(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=causal).transpose(
            1, 2
        )

    return Cell(
        "attention",
        label(of, "dot products", shape.shape, "causal" * causal),
        [shape, shape, shape],
        lambda hb: lambda q, k, v: hb.ops.dot_product_attention(q, k, v, is_causal=causal),
        theirs,
        check=5e-3,
    )


def embedding(batch: int, steps: int, vocabulary: int, size: int, of: str = "") -> Cell:
    """An Embedding."""
    return Cell(
        "Embedding",
        label(of, (batch, steps), "of", vocabulary, "->", size),
        [Given((batch, steps), "i", vocabulary)],
        lambda hb: hb.layers.Embedding(vocabulary, size),
        lambda torch: torch.nn.Embedding(vocabulary, size),
        lambda w: {"weight": w[0]},
    )


KNOWN = [
    dense((10000, 64), 1),
    dense((10000, 512), 1),
    dense((1, 4096), 4096),
    dense((1, 512), 512),
    dense((32, 16), 16),
    dense((7, 33), 10),
]

CELLS = [
    *(dense((rows, 784), 128, "ReLU", of="MNIST") for rows in (1, 32, 128)),
    *(dense((rows, 3), 16, "Tanh") for rows in (1, 1024)),
    *(dense((rows, 512), 512) for rows in (7, 32, 128, 1024)),
    *(dense((rows, 1024), 1024) for rows in (1, 32, 128)),
    dense((32, 4096), 4096, "ReLU", of="AlexNet"),
    dense((1024, 64), 64, "ReLU"),
    dense((10000, 33), 33),
    dense((10000, 16), 2),
    dense((128, 1), 64),
    dense((128, 512), 10),
    dense((32, 2048), 1000, of="ResNet-50"),
    dense((1, 2048), 1000, of="ResNet-50"),
    *(dense((b, 128, 768), 768, of="BERT-base") for b in (1, 8)),
    *(dense((b, 128, 768), 3072, "GELU", of="BERT-base") for b in (1, 8)),
    dense((8, 128, 3072), 768, of="BERT-base"),
    dense((1, 1500, 384), 1536, "GELU", of="Whisper-tiny"),
    dense((1, 1, 384), 51865, of="Whisper-tiny vocabulary"),
    product((512, 512), (512, 512)),
    product((1, 1024), (1024, 1024)),
    product((1000, 1000), (1000,)),
    product((96, 16, 64), (96, 64, 16)),
    product((8, 12, 128, 64), (8, 12, 64, 128), of="BERT-base"),
    product((8, 12, 128, 128), (8, 12, 128, 64), of="BERT-base"),
    product((6, 1500, 64), (6, 64, 1500), of="Whisper-tiny"),
    product((8, 128, 12, 64), (8, 128, 12, 64), "bqhd,bkhd->bhqk", of="BERT-base"),
    product((8, 12, 128, 128), (8, 128, 12, 64), "bhqk,bkhd->bqhd", of="BERT-base"),
    product((1000, 3), (3, 3)),
    product((256,), (256,), "i,j->ij"),
    product((1024, 100), (1024, 100), "bi,bi->b"),
    *(recurrent("LSTM", b, t, f, u) for b, t, f, u in ((1, 128, 64, 64), (32, 128, 64, 128), (7, 33, 17, 33), (128, 50, 32, 16))),
    *(recurrent("LSTM", b, t, f, u) for b, t, f, u in ((32, 16, 256, 512), (1, 32, 1024, 1024), (1, 2048, 16, 32))),
    recurrent("LSTM", 32, 100, 128, 64, both=True),
    recurrent("LSTM", 32, 80, 100, 128, sequences=False, of="IMDB"),
    *(recurrent("GRU", b, t, f, u) for b, t, f, u in ((1, 128, 64, 64), (32, 128, 64, 128), (7, 33, 17, 33), (32, 16, 256, 512))),
    recurrent("GRU", 32, 100, 128, 64, both=True),
    *(recurrent("SimpleRNN", b, t, f, u) for b, t, f, u in ((1, 128, 64, 64), (32, 128, 64, 128), (128, 50, 32, 16))),
    masked("LSTM", 32, 128, 64, 128),
    masked("GRU", 32, 128, 64, 128),
    *(self_attention(b, 128, 768, 12, of="BERT-base") for b in (1, 8)),
    self_attention(1, 1500, 384, 6, of="Whisper-tiny"),
    self_attention(32, 64, 128, 4, causal=True),
    self_attention(7, 33, 64, 2),
    self_attention(1, 1024, 256, 8, causal=True, of="GPT"),
    self_attention(4, 196, 768, 12, of="ViT-B/16"),
    *(attention(b, h, t, d) for b, h, t, d in ((32, 4, 16, 16), (8, 12, 128, 64), (1, 8, 512, 64), (1, 4, 2048, 64), (4, 3, 49, 32))),
    attention(8, 12, 128, 64, causal=True),
    attention(1, 4, 1024, 128, causal=True),
    *(embedding(b, t, v, d) for b, t, v, d in ((32, 128, 10000, 128), (1, 16, 1000, 16), (128, 200, 20000, 64))),
    embedding(8, 128, 30522, 768, of="BERT-base"),
    embedding(32, 16, 100000, 64),
    embedding(1024, 1, 1000, 8),
]  # fmt: skip
