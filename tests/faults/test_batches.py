"""Faults 13 to 17: batches without samples, numbers of samples that disagree, batch sizes, numbers of features."""

import layer_cases as cases
import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import losses, metrics, ops

X, Y = np.ones((8, 4), "float32"), np.zeros(8, "int32")


def net(units=3):
    model = hb.Sequential([hb.Input((4,)), L.Dense(units, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("name", sorted(cases.CASES))
def test_fault_13_every_layer_takes_a_batch_without_samples(name):
    model = cases.model_of(name)
    none, out = cases.inputs(name, 0), model.output_shape
    assert model.predict(cases.feed(none), verbose=0).shape == (0, *out[1:])
    for training in (False, True):
        assert cases.call(model.layers[-1], none, training=training).shape == (0, *out[1:])
    model.compile("sgd", "mse")
    y = np.zeros((0, *out[1:]), "float32")
    assert model.train_on_batch(cases.feed(none), y) == 0 and model.test_on_batch(cases.feed(none), y) == 0
    assert all(np.isfinite(w).all() for w in model.get_weights())
    one = cases.inputs(name, 1)
    assert np.isfinite(model.train_on_batch(cases.feed(one), np.zeros((1, *out[1:]))))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_fault_13_recurrent_layers_with_masks_states_and_no_samples(kind):
    layer = getattr(L, kind)(4, return_sequences=True, return_state=True)
    mask = np.ones((0, 5), bool)
    out = layer(np.ones((0, 5, 3), "float32"), mask=mask)
    assert out[0].shape == (0, 5, 4) and all(s.shape == (0, 4) for s in out[1:])
    steps = layer(np.ones((2, 1, 3), "float32"))
    assert steps[0].shape == (2, 1, 4)


BATCHED = {  # ops of a batch, and what their result has behind it
    "matmul": (lambda x: ops.matmul(x, np.ones((4, 2), "float32")), (2,)),
    "softmax": (ops.softmax, (4,)),
    "log_softmax": (ops.log_softmax, (4,)),
    "logsumexp": (lambda x: ops.logsumexp(x, -1), ()),
    "sum": (lambda x: ops.sum(x, -1), ()),
    "mean": (lambda x: ops.mean(x, -1), ()),
    "max": (lambda x: ops.max(x, -1), ()),
    "argmax": (lambda x: ops.argmax(x, -1), ()),
    "cumsum": (lambda x: ops.cumsum(x, -1), (4,)),
    "sort": (ops.sort, (4,)),
    "top_k": (lambda x: ops.top_k(x, 2)[0], (2,)),
    "layer_normalization": (ops.layer_normalization, (4,)),
    "rms_normalization": (ops.rms_normalization, (4,)),
    "normalize": (ops.normalize, (4,)),
    "moments": (lambda x: ops.moments(x, -1)[1], ()),
    "var over the batch": (lambda x: ops.broadcast_to(ops.var(ops.concatenate([x, np.ones((1, 4))]), 0), (0, 4)), (4,)),
    "take": (lambda x: ops.take(x, [0, 1], -1), (2,)),
    "take rows": (lambda x: ops.take(np.ones((3, 2)), ops.cast(x[:, 0], "int32"), 0), (2,)),
    "one_hot": (lambda x: ops.one_hot(ops.cast(x[:, 0], "int32"), 3), (3,)),
    "pad": (lambda x: ops.pad(x, [(0, 0), (1, 1)]), (6,)),
    "tile": (lambda x: ops.tile(x, (1, 2)), (8,)),
    "repeat": (lambda x: ops.repeat(x, 2, -1), (8,)),
    "flip": (ops.flip, (4,)),
    "roll": (lambda x: ops.roll(x, 1, -1), (4,)),
    "transpose twice": (lambda x: ops.transpose(ops.transpose(x)), (4,)),
    "reshape": (lambda x: ops.reshape(x, (0, 2, 2)), (2, 2)),
    "split": (lambda x: ops.split(x, 2, -1)[0], (2,)),
    "where": (lambda x: ops.where(x > 0, x, 0.0), (4,)),
    "einsum": (lambda x: ops.einsum("ab,bc->ac", x, np.ones((4, 2), "float32")), (2,)),
    "conv": (lambda x: ops.conv(ops.reshape(x, (0, 2, 2, 1)), np.ones((2, 2, 1, 3), "float32")), (1, 1, 3)),
    "conv_transpose": (lambda x: ops.conv_transpose(ops.reshape(x, (0, 4, 1)), np.ones((2, 3, 1), "float32")), (5, 3)),
    "max_pool": (lambda x: ops.max_pool(ops.reshape(x, (0, 4, 1)), 2), (2, 1)),
    "average_pool": (lambda x: ops.average_pool(ops.reshape(x, (0, 4, 1)), 2), (2, 1)),
    "resize": (lambda x: ops.image.resize(ops.reshape(x, (0, 2, 2, 1)), (3, 3)), (3, 3, 1)),
    "attention": (lambda x: ops.dot_product_attention(*[ops.reshape(x, (0, 2, 1, 2))] * 3), (2, 1, 2)),
    "scan": (lambda x: ops.scan(lambda c, s: (c + s, c), x[:, 0], ops.transpose(x))[0], ()),
    "map": (lambda x: ops.map(lambda r: r * 2, x), (4,)),
    "dropout": (lambda x: hb.random.dropout(x, 0.5, seed=1), (4,)),
    "crossentropy": (lambda x: ops.sparse_categorical_crossentropy(ops.cast(x[:, 0], "int32"), x, True), ()),
    "segment_sum": (lambda x: ops.segment_sum(x, ops.cast(x[:, 0], "int32"), 0), (4,)),
}


@pytest.mark.parametrize("name", BATCHED)
@pytest.mark.parametrize("traced", [False, True])
def test_fault_13_ops_of_a_batch_without_samples(name, traced):
    call, rest = BATCHED[name]
    if traced and name == "map":
        call = lambda x: ops.map(lambda r: r * 2, x)  # noqa: E731
    x = np.ones((0, 4), "float32")
    got = (hb.function(call) if traced else call)(x)
    if name == "map" and not traced:
        assert got is None  # nothing was mapped: nobody knows its shape
        return
    assert got.shape == (0, *rest)


def test_fault_13_sums_over_no_samples():
    none = np.ones((0, 4), "float32")
    np.testing.assert_array_equal(ops.sum(none, 0), np.zeros(4))
    np.testing.assert_array_equal(ops.prod(none, 0), np.ones(4))
    np.testing.assert_array_equal(ops.segment_sum(none, np.ones(0, "int32"), 2), np.zeros((2, 4)))
    np.testing.assert_array_equal(ops.all(none > 0, 0), np.ones(4, bool))
    for op in (ops.max, ops.min, ops.argmax, ops.argmin):
        with pytest.raises(ValueError, match="an empty axis has no maximum or minimum"):
            op(none, axis=0)
        with pytest.raises(ValueError, match="an empty axis has no maximum or minimum"):
            hb.function(lambda x, op=op: op(x, axis=0))(none)
    for loss in (
        losses.MeanSquaredError(),
        losses.BinaryCrossentropy(),
        losses.CategoricalCrossentropy(),
        losses.Huber(),
    ):
        assert float(loss(none, none)) == 0
    for metric in (metrics.Mean(), metrics.Sum()):
        metric.update_state(none)
        assert float(metric.result()) == 0
    for metric in (metrics.BinaryAccuracy(), metrics.AUC(5), metrics.Precision(), metrics.RootMeanSquaredError()):
        metric.update_state(none, none)
        assert float(metric.result()) == 0


def test_fault_14_training_and_evaluating_need_samples():
    model = net()
    kept = model.get_weights()
    for call in (
        lambda: model.fit(X[:0], Y[:0], verbose=0),
        lambda: model.evaluate(X[:0], Y[:0], verbose=0),
        lambda: model.fit(X, Y, validation_data=(X[:0], Y[:0]), epochs=1, verbose=0),
        lambda: model.fit(iter([]), steps_per_epoch=1, verbose=0),
        lambda: model.fit([], [], verbose=0),
    ):
        with pytest.raises(ValueError, match="no samples|no batches|to be arrays"):
            call()
    with pytest.raises(ValueError, match=r"`validation_split=0.99` of 8 samples leaves one side empty"):
        model.fit(X, Y, validation_split=0.99, verbose=0)
    assert model.predict(X[:0], verbose=0).shape == (0, 3) and model.predict_on_batch(X[:0]).shape == (0, 3)
    assert len(kept) == len(model.get_weights())


def test_fault_15_numbers_of_samples_that_disagree():
    model = net()
    for call in (
        lambda: model.fit(X, Y[:7], verbose=0),
        lambda: model.evaluate(X, Y[:7], verbose=0),
        lambda: model.train_on_batch(X, Y[:7]),
        lambda: model.test_on_batch(X, Y[:7]),
        lambda: model.fit(X, Y, validation_data=(X, Y[:7]), verbose=0),
        lambda: model.fit(iter([(X, Y[:7])]), steps_per_epoch=1, verbose=0),
    ):
        with pytest.raises(ValueError, match=r"same number of samples. Received: \[8, 7\]"):
            call()
    with pytest.raises(ValueError, match=r"same number of samples. Received: \[8, 8, 5\]"):
        model.fit(X, Y, sample_weight=np.ones(5), verbose=0)
    a, b = hb.Input((4,)), hb.Input((4,))
    two = hb.Model([a, b], L.Add()([a, b]))
    with pytest.raises(ValueError, match=r"same number of samples. Received: \[8, 6\]"):
        two.predict([X, X[:6]], verbose=0)


@pytest.mark.parametrize("bad", [0, -1, -(2**40), 2.5, "32", True, float("nan"), [4], np.float32(8), 2**63])
def test_fault_16_batch_sizes(bad):
    model = net()
    model.fit(X, Y, verbose=0)
    kept = model.get_weights()
    for call in (
        lambda: model.fit(X, Y, batch_size=bad, verbose=0),
        lambda: model.fit(X, Y, validation_data=(X, Y), validation_batch_size=bad, verbose=0),
        lambda: model.evaluate(X, Y, batch_size=bad, verbose=0),
        lambda: model.predict(X, batch_size=bad, verbose=0),
    ):
        with pytest.raises((ValueError, TypeError), match="`batch_size` must"):
            call()
    for a, b in zip(kept, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_fault_16_good_batch_sizes():
    model, want = net(), None
    for size in (None, 1, 3, 8, 9, 10**9, 2**62, np.int64(4), np.uint8(4)):
        model.fit(X, Y, batch_size=size, verbose=0, validation_data=(X, Y), validation_batch_size=size)
        model.evaluate(X, Y, batch_size=size, verbose=0)
        assert model.predict(X, batch_size=size, verbose=0).shape == (8, 3)
        want = model.predict(X, verbose=0) if want is None else want


@pytest.mark.parametrize(
    "name,bad",
    [("epochs", -1), ("epochs", 2.5), ("initial_epoch", -1), ("validation_freq", 0), ("steps_per_epoch", 0)]
    + [("steps_per_epoch", -3), ("steps_per_epoch", 2.5), ("validation_split", 1.5), ("class_weight", [1, 2])]
    + [("class_weight", {0.5: 1}), ("class_weight", {0: float("nan")})],
)
def test_fault_16_other_counts_of_fit(name, bad):
    with pytest.raises((ValueError, TypeError), match=f"`{name}` must"):
        net().fit(X, Y, verbose=0, **{name: bad})


@pytest.mark.parametrize("bad", [0, -1, 2.5, True, "1"])
def test_fault_16_steps_between_callbacks(bad):
    with pytest.raises((ValueError, TypeError), match="`steps_per_execution` must be a positive int"):
        net().compile("sgd", "mse", steps_per_execution=bad)


@pytest.mark.parametrize("shape", [(2, 5), (2, 3), (2, 4, 2), (2, 1, 4), (2, 4, 1, 1), (2,), (2, 0)])
def test_fault_17_numbers_of_features(shape):
    model = net()
    x = np.ones(shape, "float32")
    for call in (
        lambda: model.predict(x, verbose=0),
        lambda: model.fit(x, Y[:2], verbose=0),
        lambda: model.evaluate(x, Y[:2], verbose=0),
        lambda: model(x),
        lambda: model.predict_on_batch(x),
    ):
        with pytest.raises(ValueError, match=r"must have shape \(None, 4\). Received: shape=\((None|2),"):
            call()
    with pytest.raises(ValueError, match="takes 1 inputs. Received: 2"):
        model.predict([X, X], verbose=0)


SENSITIVE = [
    *(
        "Dense",
        "Conv1D",
        "Conv2D",
        "Conv3D",
        "Conv1DTranspose",
        "Conv2DTranspose",
        "Conv3DTranspose",
        "DepthwiseConv1D",
    ),
    *("DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "BatchNormalization", "LayerNormalization"),
    *(
        "GroupNormalization",
        "RMSNormalization",
        "PReLU",
        "EinsumDense",
        "GRU",
        "LSTM",
        "SimpleRNN",
        "RNN",
        "Bidirectional",
    ),
    *("TimeDistributed", "MultiHeadAttention", "AdditiveAttention", "Normalization"),
]


def test_fault_17_the_layers_with_weights_that_know_their_inputs_size():
    free = {"Embedding", "Attention", "STFTSpectrogram", "Pipeline"}
    assert set(SENSITIVE) == {n for n in cases.CASES if cases.model_of(n).layers[-1].weights} - free


@pytest.mark.parametrize("name", SENSITIVE)
@pytest.mark.parametrize("factor", [2, 1, 0])
def test_fault_17_a_built_layer_refuses_other_features(name, factor):
    layer, arrays = cases.make(name), cases.inputs(name, 2)
    want = np.asarray(cases.call(layer, arrays))
    n = arrays[0].shape[-1]
    others = [np.repeat(a[..., :1], {2: 2 * n, 1: 1, 0: n + 1}[factor], -1) for a in arrays]
    with pytest.raises(ValueError, match="layer"):
        cases.call(layer, others)
    with pytest.raises(ValueError, match="layer"):
        cases.call(layer, [hb.Input(o.shape[1:]) for o in others])
    np.testing.assert_array_equal(cases.call(layer, arrays), want)
