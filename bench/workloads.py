"""The workloads, written once against the Keras API: ``make(K, name)`` gives a compiled model, x, y and the batch size."""

from __future__ import annotations

from typing import Any

import numpy as np

NAMES = ("tiny", "mlp", "cnn", "lstm", "transformer", "autoencoder", "mobilenet", "resnet20", "resnet18")


def _block(L: Any, x: Any, f: int, s: int = 1) -> Any:
    y = L.Conv2D(f, 3, strides=s, padding="same", use_bias=False)(x)
    y = L.ReLU()(L.BatchNormalization()(y))
    y = L.BatchNormalization()(L.Conv2D(f, 3, padding="same", use_bias=False)(y))
    if s != 1 or x.shape[-1] != f:
        x = L.BatchNormalization()(L.Conv2D(f, 1, strides=s, use_bias=False)(x))
    return L.ReLU()(L.Add()([x, y]))


def make(K: Any, name: str) -> tuple[Any, Any, Any, int]:
    """A compiled model and data for it."""
    L, r, ce = K.layers, np.random.default_rng(0), "sparse_categorical_crossentropy"

    def images(n: int, *shape: int) -> Any:
        return r.random((n, *shape), "float32")

    def labels(n: int, classes: int) -> Any:
        return r.integers(0, classes, n).astype("int32")

    if name == "tiny":
        m = K.Sequential([K.Input((32,)), L.Dense(64, activation="tanh"), L.Dense(64, activation="tanh"), L.Dense(1)])
        m.compile(optimizer=K.optimizers.SGD(0.01), loss="mse")
        return m, images(6400, 32), images(6400, 1), 32
    if name == "mlp":
        m = K.Sequential(
            [
                K.Input((784,)),
                L.Dense(512, activation="relu"),
                L.Dense(512, activation="relu"),
                L.Dense(10, activation="softmax"),
            ]
        )
        m.compile(optimizer="adam", loss=ce, metrics=["accuracy"])
        return m, images(128 * 40, 784), labels(128 * 40, 10), 128
    if name == "cnn":
        m = K.Sequential(
            [
                K.Input((28, 28, 1)),
                L.Conv2D(32, 3, activation="relu"),
                L.MaxPooling2D(2),
                L.Conv2D(64, 3, activation="relu"),
                L.MaxPooling2D(2),
                L.Flatten(),
                L.Dropout(0.5),
                L.Dense(10, activation="softmax"),
            ]
        )
        m.compile(optimizer="adam", loss=ce, metrics=["accuracy"])
        return m, images(128 * 8, 28, 28, 1), labels(128 * 8, 10), 128
    if name == "lstm":
        m = K.Sequential(
            [
                K.Input((64,), dtype="int32"),
                L.Embedding(96, 64),
                L.LSTM(256, return_sequences=True),
                L.Dense(96, activation="softmax"),
            ]
        )
        m.compile(optimizer="adam", loss=ce)
        ids = labels(32 * 6 * 65, 96).reshape(-1, 65)
        return m, ids[:, :-1], ids[:, 1:], 32
    if name == "transformer":
        i = K.Input((128,), dtype="int32")
        x = L.Embedding(1000, 128)(i)
        for _ in range(2):
            x = L.LayerNormalization(epsilon=1e-6)(L.Add()([x, L.MultiHeadAttention(4, 32)(x, x)]))
            h = L.Dense(128)(L.Dense(512, activation="gelu")(x))
            x = L.LayerNormalization(epsilon=1e-6)(L.Add()([x, h]))
        m = K.Model(i, L.Dense(10, activation="softmax")(L.GlobalAveragePooling1D()(x)))
        m.compile(optimizer="adam", loss=ce)
        return m, labels(16 * 8 * 128, 1000).reshape(-1, 128), labels(16 * 8, 10), 16
    if name == "autoencoder":
        m = K.Sequential(
            [
                K.Input((28, 28, 1)),
                *[L.Conv2D(f, 3, strides=2, padding="same", activation="relu") for f in (32, 64)],
                *[L.Conv2DTranspose(f, 3, strides=2, padding="same", activation="relu") for f in (64, 32)],
                L.Conv2D(1, 3, padding="same", activation="sigmoid"),
            ]
        )
        m.compile(optimizer="adam", loss="binary_crossentropy")
        x = images(32 * 8, 28, 28, 1)
        return m, x, x, 32
    size = 64 if name == "resnet18" else 32
    i = K.Input((size, size, 3))
    if name == "mobilenet":
        x = L.ReLU()(L.BatchNormalization()(L.Conv2D(32, 3, padding="same", use_bias=False)(i)))
        for f, s in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):
            x = L.ReLU()(L.BatchNormalization()(L.DepthwiseConv2D(3, strides=s, padding="same", use_bias=False)(x)))
            x = L.ReLU()(L.BatchNormalization()(L.Conv2D(f, 1, use_bias=False)(x)))
        m = K.Model(i, L.Dense(10, activation="softmax")(L.GlobalAveragePooling2D()(x)))
        m.compile(optimizer="adam", loss=ce)
        return m, images(32 * 4, 32, 32, 3), labels(32 * 4, 10), 32
    if name == "resnet20":
        x = L.ReLU()(L.BatchNormalization()(L.Conv2D(16, 3, padding="same", use_bias=False)(i)))
        for f, s in ((16, 1), (32, 2), (64, 2)):
            x = _block(L, _block(L, _block(L, x, f, s), f), f)
        classes, n, batch = 10, 64 * 4, 64
    elif name == "resnet18":
        x = L.ReLU()(L.BatchNormalization()(L.Conv2D(64, 7, strides=2, padding="same", use_bias=False)(i)))
        x = L.MaxPooling2D(3, strides=2, padding="same")(x)
        for f, s in ((64, 1), (128, 2), (256, 2), (512, 2)):
            x = _block(L, _block(L, x, f, s), f)
        classes, n, batch = 100, 16 * 3, 16
    else:
        raise ValueError(f"`name` must be one of {', '.join(NAMES)}. Received: name={name!r}")
    m = K.Model(i, L.Dense(classes, activation="softmax")(L.GlobalAveragePooling2D()(x)))
    m.compile(optimizer=K.optimizers.SGD(0.1, momentum=0.9), loss=ce)
    return m, images(n, size, size, 3), labels(n, classes), batch
