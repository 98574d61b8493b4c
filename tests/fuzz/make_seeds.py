"""Writes seeds for the fuzzer: small model files. ``make_seeds.py FOLDER``"""

import pathlib
import sys

import numpy as np

import hornbeam as hb

L = hb.layers


def models():
    """Small models that use many ops: an MLP, a convolutional net, a recurrent one, attention."""
    yield [hb.Input((3,)), L.Dense(4, "relu"), L.Dropout(0.5), L.Dense(2, "softmax")], (5, 3)
    yield (
        [hb.Input((6, 6, 1)), L.Conv2D(2, 3), L.BatchNormalization(), L.MaxPooling2D(), L.Flatten(), L.Dense(2)],
        (5, 6, 6, 1),
    )
    yield [hb.Input((4, 3)), L.LSTM(3, return_sequences=True, unroll=True), L.GRU(2), L.Dense(2)], (5, 4, 3)
    yield [hb.Input((4, 3)), L.SimpleRNN(3, recurrent_dropout=0.2), L.LayerNormalization(), L.Dense(2)], (5, 4, 3)


def main() -> None:
    """Trains each for a step and saves it."""
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for i, (layers, shape) in enumerate(models()):
        model = hb.Sequential(layers)
        model.compile("adam", "mse")
        model.fit(np.ones(shape, "float32"), np.ones((shape[0], 2), "float32"), verbose=0)
        model.save(folder / f"model{i}")


if __name__ == "__main__":
    main()
