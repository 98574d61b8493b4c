"""Graphs that work row by row run large batches in slices that stay in cache, with the same results."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, layers, ops
from hornbeam.core.tensor import to_tensor
from hornbeam.core.trace import Trace
from hornbeam.core.tree import flatten
from hornbeam.training.steps import Step


def image_model():
    """Enough activations for slices, and every common kind of layer between them."""
    i = hb.Input((24, 24, 3))
    x = layers.Conv2D(32, 3, padding="same", use_bias=False)(i)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    y = layers.DepthwiseConv2D(3, padding="same")(x)
    y = layers.Conv2D(32, 1, activation="relu")(y)
    x = layers.Add()([x, y])
    scale = layers.Dense(32, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    x = layers.Multiply()([x, layers.Reshape((1, 1, 32))(scale)])
    x = layers.Concatenate()([layers.MaxPooling2D(2)(x), layers.AveragePooling2D(2)(x)])
    x = layers.Conv2DTranspose(16, 3, strides=2, padding="same")(x)
    x = layers.UpSampling2D(2)(layers.MaxPooling2D(4)(x))
    x = layers.Permute((2, 1, 3))(layers.ZeroPadding2D(1)(x))
    return hb.Model(i, [layers.Dense(7, activation="softmax")(layers.Flatten()(x)), layers.LayerNormalization()(x)])


def token_model():
    i = hb.Input((64,), dtype="int32")
    x = layers.Embedding(50, 64)(i)
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(4, 16)(x, x)]))
    return hb.Model(i, layers.Dense(64)(layers.Dense(128, activation="gelu")(x)))


def predict_graph(model, x):
    return Step(model, "predict").program((x,)).graph


@pytest.mark.parametrize("rows", [64, 61, 40])
@pytest.mark.parametrize("kind", ["image", "token"])
def test_slices_give_what_the_whole_batch_gives(kind, rows):
    rng = np.random.default_rng(0)
    if kind == "image":
        model, x = image_model(), rng.standard_normal((rows, 24, 24, 3)).astype("float32")
    else:
        model, x = token_model(), rng.integers(0, 50, (rows, 64)).astype("int32")
    graph = predict_graph(model, x)
    want = _core.Executable(graph, disable=["slices"]).run([x])
    results = []
    for threads in (1, 2, 3, 8):
        run = _core.Executable(graph, threads=threads)
        stats = run.stats([list(x.shape)])
        assert 0 < stats["slice_rows"] <= rows // 2
        results.append(run.run([x]))
        again = run.run([x])
        for a, b in zip(results[-1], again, strict=True):
            np.testing.assert_array_equal(a, b)
    for r in results:
        for a, b, w in zip(r, results[0], want, strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_allclose(a, w, rtol=1e-5, atol=1e-5)
    many = np.concatenate([x, x[:5], x])
    for a, w in zip(flatten(model.predict(many, batch_size=rows, verbose=0)), want, strict=True):
        np.testing.assert_allclose(a, np.concatenate([w, w[:5], w]), rtol=1e-5, atol=1e-5)


MIXES = {
    "mean of the batch": lambda x: x - ops.mean(x, axis=0, keepdims=True),
    "softmax over the batch": lambda x: ops.softmax(x, axis=0),
    "running sum": lambda x: ops.cumsum(x, axis=0),
    "flip": lambda x: ops.flip(x, axis=0),
    "reversed slice": lambda x: x[::-1],
    "neighbours": lambda x: ops.roll(x, 1, axis=0),
    "gram": lambda x: ops.matmul(ops.matmul(x, ops.transpose(x)), x),
    "count": lambda x: x * ops.cast(ops.shape(x)[0], "float32"),
    "position": lambda x: x + ops.expand_dims(ops.cast(ops.arange(ops.shape(x)[0]), "float32"), 1),
    "noise": lambda x: x + hb.random.normal(ops.shape(x), seed=3),
    "sorted": lambda x: ops.sort(x, axis=0),
    "first row": lambda x: x + x[:1],
    "looked up in itself": lambda x: ops.take(x, ops.cast(ops.argmax(x, axis=1), "int32") * 0, axis=0),
    "one vector": lambda x: ops.expand_dims(ops.softmax(x[:, 0]), 1) * x,
}


@pytest.mark.parametrize("name", MIXES)
def test_what_mixes_rows_is_not_sliced(name):
    x = np.random.default_rng(1).standard_normal((512, 4096)).astype("float32")

    def build(shape):
        with Trace() as trace:
            v = trace.input("x", "float32", shape)
            trace.graph.output("y", trace.value_of(to_tensor(MIXES[name](ops.tanh(v) * 2.0))))
        return _core.Executable(trace.graph)

    whole = build((_core.Dim("batch"), 4096))
    assert whole.stats([[512, 4096]])["slice_rows"] == 0
    np.testing.assert_allclose(whole.run([x])[0], build((512, 4096)).run([x])[0], rtol=1e-5, atol=1e-5)


def test_rows_alone_are_sliced():
    with Trace() as trace:
        v = trace.input("x", "float32", (_core.Dim("batch"), 4096))
        trace.graph.output(
            "y", trace.value_of(ops.softmax(ops.tanh(v)) * ops.sum(ops.square(v), axis=1, keepdims=True))
        )
    assert 0 < _core.Executable(trace.graph).stats([[512, 4096]])["slice_rows"] <= 256


@pytest.mark.parametrize("threads", [1, 3])
def test_messages_count_rows_from_the_start_of_the_batch(threads):
    model = token_model()
    x = np.zeros((64, 64), "int32")
    x[50, 7] = 99
    run = _core.Executable(predict_graph(model, x), threads=threads)
    assert run.stats([[64, 64]])["slice_rows"] > 0
    for _ in range(2):
        with pytest.raises(ValueError, match=rf"\[gather\] index must be in \[0, 50\); got 99 at row {50 * 64 + 7} "):
            run.run([x])
    x[50, 7] = 0
    assert np.isfinite(run.run([x])[0]).all()


def test_weights_that_change_between_runs_are_packed_again():
    model, x = image_model(), np.random.default_rng(3).standard_normal((64, 24, 24, 3)).astype("float32")
    first = model.predict(x, batch_size=32, verbose=0)[1]
    model.set_weights([w * 1.5 for w in model.get_weights()])
    second = model.predict(x, batch_size=32, verbose=0)[1]
    want = _core.Executable(predict_graph(model, x), disable=["slices"]).run([x])[1]
    assert not np.allclose(first, second)
    np.testing.assert_allclose(second, want, rtol=1e-4, atol=1e-4)


def test_predicting_on_several_threads_gives_the_same_bits_each_time():
    """Items that run once a prediction are skipped in its later batches; the others must still wait for each other."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1024, 8, 8, 1)).astype("float32")

    def make(threads):
        hb.utils.set_random_seed(0)
        m = hb.Sequential([hb.Input((8, 8, 1)), layers.Conv2D(32, 3, padding="same"), layers.BatchNormalization(), layers.ReLU(), layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")])  # fmt: skip
        m.compile("sgd", "mse", threads=threads)
        return m

    want = make(1).predict(x, batch_size=64, verbose=0)
    for _ in range(10):
        np.testing.assert_array_equal(make(2).predict(x, batch_size=64, verbose=0), want)


@pytest.mark.parametrize("inputs, units", [(3, 1), (3, 2), (64, 1), (801, 1), (33, 17), (801, 100), (64, 1024)])
def test_a_row_predicts_the_same_bits_in_any_batch(inputs, units):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((41, inputs)).astype("float32")
    model = hb.Sequential([hb.Input((inputs,)), hb.layers.Dense(units, bias_initializer="he_normal")])
    whole = model.predict_on_batch(x).view("uint32")
    for rows in (1, 2, 3, 4, 5, 7, 16):
        np.testing.assert_array_equal(model.predict_on_batch(x[:rows]).view("uint32"), whole[:rows])
        np.testing.assert_array_equal(model.predict(x, batch_size=rows, verbose=0).view("uint32"), whole)
