"""The workloads, written once against the Keras API: ``make(K, name)`` gives a compiled model, x, y and the batch size."""

from __future__ import annotations

from typing import Any

import numpy as np

NAMES = ("tiny", "mlp", "cnn", "lstm", "transformer", "autoencoder", "mobilenet", "resnet20", "resnet18")
MORE = ("gru", "rnn", "gpt", "unet", "conv1d", "vae", "text")


def _block(L: Any, x: Any, f: int, s: int = 1) -> Any:
    y = L.Conv2D(f, 3, strides=s, padding="same", use_bias=False)(x)
    y = L.ReLU()(L.BatchNormalization()(y))
    y = L.BatchNormalization()(L.Conv2D(f, 3, padding="same", use_bias=False)(y))
    if s != 1 or x.shape[-1] != f:
        x = L.BatchNormalization()(L.Conv2D(f, 1, strides=s, use_bias=False)(x))
    return L.ReLU()(L.Add()([x, y]))


def _vae(K: Any) -> Any:
    """A variational autoencoder that adds its divergence in a layer of its own."""
    L, ops = K.layers, K.ops

    class Sample(L.Layer):  # type: ignore[misc, name-defined]
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.seed_generator = K.random.SeedGenerator(1)

        def call(self, inputs: Any) -> Any:
            mean, log = inputs
            rate = 1.0 + log - ops.square(mean) - ops.exp(log)
            self.add_loss(-0.5 / 784 * ops.mean(ops.sum(rate, axis=-1)))
            return mean + K.random.normal(ops.shape(mean), seed=self.seed_generator) * ops.exp(0.5 * log)

    i = K.Input((784,))
    h = L.Dense(256, activation="relu")(i)
    z = Sample()([L.Dense(16)(h), L.Dense(16)(h)])
    return K.Model(i, L.Dense(784, activation="sigmoid")(L.Dense(256, activation="relu")(z)))


class _Positions:
    """Adds a learned vector for each position."""

    def __new__(cls, K: Any) -> Any:
        class Positions(K.layers.Layer):  # type: ignore[misc, name-defined]
            def build(self, shape: Any) -> None:
                self.table = self.add_weight(shape=tuple(shape[1:]), name="table")

            def call(self, x: Any) -> Any:
                return x + self.table

        return Positions()


def _unet(K: Any) -> Any:
    L = K.layers

    def double(x: Any, f: int) -> Any:
        for _ in range(2):
            x = L.Conv2D(f, 3, padding="same", activation="relu")(x)
        return x

    i = K.Input((64, 64, 3))
    a = double(i, 16)
    b = double(L.MaxPooling2D(2)(a), 32)
    m = L.UpSampling2D(2)(double(L.MaxPooling2D(2)(b), 64))
    m = L.UpSampling2D(2)(double(L.Concatenate()([m, b]), 32))
    return K.Model(i, L.Conv2D(1, 1, activation="sigmoid")(double(L.Concatenate()([m, a]), 16)))


def _more(K: Any, name: str, images: Any, labels: Any) -> tuple[Any, Any, Any, int]:
    L, ce = K.layers, "sparse_categorical_crossentropy"
    if name in ("gru", "rnn"):
        cell = L.GRU if name == "gru" else L.SimpleRNN
        m = K.Sequential(
            [
                K.Input((64,), dtype="int32"),
                L.Embedding(96, 64),
                cell(256, return_sequences=True),
                L.Dense(96, activation="softmax"),
            ]
        )
        m.compile(optimizer="adam", loss=ce)
        ids = labels(32 * 6 * 65, 96).reshape(-1, 65)
        return m, ids[:, :-1], ids[:, 1:], 32
    if name == "gpt":
        i = K.Input((256,), dtype="int32")
        x = _Positions(K)(L.Embedding(1000, 384)(i))
        for _ in range(6):
            h = L.LayerNormalization(epsilon=1e-6)(x)
            x = L.Add()([x, L.MultiHeadAttention(6, 64)(h, h, use_causal_mask=True)])
            h = L.LayerNormalization(epsilon=1e-6)(x)
            x = L.Add()([x, L.Dense(384)(L.Dense(1536, activation="gelu")(h))])
        m = K.Model(i, L.Dense(1000)(L.LayerNormalization(epsilon=1e-6)(x)))
        m.compile(optimizer="adam", loss=K.losses.SparseCategoricalCrossentropy(from_logits=True))
        ids = labels(16 * 257, 1000).reshape(-1, 257)
        return m, ids[:, :-1], ids[:, 1:], 4
    if name == "unet":
        m = _unet(K)
        m.compile(optimizer="adam", loss="binary_crossentropy")
        return m, images(32, 64, 64, 3), (images(32, 64, 64, 1) > 0.5).astype("float32"), 8
    if name == "conv1d":
        m = K.Sequential(
            [
                K.Input((1024, 8)),
                L.Conv1D(32, 7, strides=2, padding="same", activation="relu"),
                L.Conv1D(64, 5, strides=2, padding="same", activation="relu"),
                L.Conv1D(64, 3, padding="same", activation="relu"),
                L.GlobalAveragePooling1D(),
                L.Dense(10, activation="softmax"),
            ]
        )
        m.compile(optimizer="adam", loss=ce)
        return m, images(128, 1024, 8), labels(128, 10), 32
    if name == "vae":
        m = _vae(K)
        m.compile(optimizer="adam", loss="binary_crossentropy")
        x = images(5120, 784)
        return m, x, x, 128
    m = K.Sequential(
        [
            K.Input((128,), dtype="int32"),
            L.Embedding(20000, 64),
            L.GlobalAveragePooling1D(),
            L.Dense(2, activation="softmax"),
        ]
    )
    m.compile(optimizer="adam", loss=ce)
    return m, labels(1024 * 128, 20000).reshape(-1, 128), labels(1024, 2), 32


def make(K: Any, name: str) -> tuple[Any, Any, Any, int]:
    """A compiled model and data for it; ``name@1`` has batches of one."""
    name, _, size = name.partition("@")
    model, x, y, batch = _make(K, name)
    if size:
        batch = int(size)
        x, y = x[: 32 * batch], y[: 32 * batch]
    return model, x, y, batch


def _make(K: Any, name: str) -> tuple[Any, Any, Any, int]:
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
    if name in MORE:
        return _more(K, name, images, labels)
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
        raise ValueError(f"`name` must be one of {', '.join(NAMES + MORE)}. Received: name={name!r}")
    m = K.Model(i, L.Dense(classes, activation="softmax")(L.GlobalAveragePooling2D()(x)))
    m.compile(optimizer=K.optimizers.SGD(0.1, momentum=0.9), loss=ce)
    return m, images(n, size, size, 3), labels(n, classes), batch
