"""Writes seeds for the fuzzer: small model files whose programs hold ops of every kind. ``make_seeds.py FOLDER``"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import hornbeam as hb

L, ops = hb.layers, hb.ops


@hb.saving.register_keras_serializable("seeds")
class Control(L.Layer):
    """A loop over steps, a loop with a condition, and a branch."""

    def build(self, shape: Any) -> None:
        """One weight that all three use."""
        self.w = self.add_weight(shape=(shape[-1],), initializer="ones", name="w")

    def call(self, x: Any) -> Any:
        """What the loops give, ``(batch, features)``."""
        steps = ops.swapaxes(x, 0, 1)
        last, each = ops.scan(lambda h, step: (h * self.w + step, h), ops.zeros_like(steps[0]), steps)
        halved = ops.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v * 0.5), (0, ops.stop_gradient(last)))[1]
        branch = ops.cond(ops.sum(ops.stop_gradient(halved)) > 0.0, lambda: last * 2.0, lambda: last - 1.0)
        return branch + ops.sum(each, axis=0)


def stack(*layers: Any) -> Callable[[Any], Any]:
    """The layers one after another."""

    def run(x: Any) -> Any:
        for layer in layers:
            x = layer(x)
        return x

    return run


def attention(x: Any) -> Any:
    """A transformer's block with a causal and a plain attention."""
    h = L.LayerNormalization()(x + L.MultiHeadAttention(2, 2)(x, x, use_causal_mask=True))
    return L.GlobalAveragePooling1D()(h + L.MultiHeadAttention(1, 2)(h, x))


def models() -> Iterator[tuple[tuple[int | None, ...], Callable[[Any], Any]]]:
    """Shapes of samples, and what makes of such an input the one of the last layer."""
    yield (3,), stack(L.Dense(4, "relu"), L.Dropout(0.5))
    yield (6, 6, 1), stack(L.Conv2D(2, 3), L.BatchNormalization(), L.MaxPooling2D(), L.Flatten())
    yield (7, 7, 4), stack(L.DepthwiseConv2D(3, strides=2), L.Conv2D(4, 3, groups=2, padding="same"), L.Flatten())
    yield (5, 5, 2), stack(L.Conv2DTranspose(2, 3), L.SpatialDropout2D(0.2), L.AveragePooling2D(), L.Flatten())
    yield (4, 3), stack(L.LSTM(3, return_sequences=True, unroll=True), L.GRU(2))
    yield (4, 3), stack(L.LSTM(3, return_sequences=True), L.Bidirectional(L.GRU(2)))
    yield (None, 3), stack(L.Masking(), L.LSTM(3, return_sequences=True), L.GRU(2, reset_after=False))
    yield (4, 3), stack(L.SimpleRNN(3, recurrent_dropout=0.2), L.LayerNormalization())
    yield (None, 3), stack(Control())
    yield (5, 4), attention


def text_models() -> Iterator[Any]:
    """Layers that take strings."""
    terms = ["one", "two", "three"]
    yield L.TextVectorization(vocabulary=terms, ngrams=2, output_sequence_length=3)
    wide = {"max_tokens": 9, "pad_to_max_tokens": True}
    yield L.TextVectorization(vocabulary=terms, split="character", output_mode="multi_hot", **wide)
    yield L.TextVectorization(vocabulary=terms, idf_weights=[1.0, 2.0, 3.0], output_mode="tf_idf")
    yield L.StringLookup(vocabulary=terms, num_oov_indices=3, mask_token="", salt=[1, 2])
    yield L.StringLookup(vocabulary=terms, output_mode="one_hot")


def main() -> None:
    """Trains each for a step and saves it; those of strings as they are."""
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for i, (shape, chain) in enumerate(models()):
        entry = hb.Input(shape)
        model = hb.Model(entry, L.Dense(2)(chain(entry)))
        model.compile("adam", "mse")
        model.fit(np.ones((5, *(n or 3 for n in shape)), "float32"), np.ones((5, 2), "float32"), verbose=0)
        model.save(folder / f"model{i}")
    for i, layer in enumerate(text_models()):
        entry = hb.Input((1,), dtype="string")
        model = hb.Model(entry, L.Dense(2)(ops.cast(layer(entry), "float32")))
        model.predict(np.array([["one two"]], object), verbose=0)
        model.save(folder / f"text{i}")


if __name__ == "__main__":
    main()
