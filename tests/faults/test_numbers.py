"""Faults 23 to 26 and 53: what is no number, rows that nothing is allowed in, weights of zero, divisions by zero, and
numbers at the edges of their formats."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import losses, ops

NAN, INF = float("nan"), float("inf")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(32, 4)).astype("float32"), RNG.integers(0, 3, 32)


def classifier(**kwargs):
    hb.utils.set_random_seed(0)
    model = hb.Sequential([hb.Input((4,)), L.Dense(8), L.Dense(3)])
    model.compile("adam", losses.SparseCategoricalCrossentropy(True), **kwargs)
    return model


def spoilt(value, at=20):
    x = X.copy()
    x[at, 2] = value
    return x


def state(model):
    return [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]


def same(a, b):
    return all(np.array_equal(u, v) for u, v in zip(a, b, strict=True))


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("eagerly", [False, True])
def test_fault_23_raise_and_skip_leave_the_weights_alone(bad, eagerly):
    model = classifier(on_nonfinite="raise", run_eagerly=eagerly)
    model.train_on_batch(X, Y)
    kept = state(model)
    for call in (
        lambda: model.train_on_batch(spoilt(bad), Y),
        lambda: model.fit(spoilt(bad), Y, batch_size=32, verbose=0),
        lambda: model.fit(iter([(spoilt(bad), Y)]), steps_per_epoch=1, verbose=0),
    ):
        with pytest.raises(ValueError, match=r"\[check_finite\] values must be finite; got"):
            call()
        assert same(state(model), kept)
    model.fit(X, Y, verbose=0)
    model = classifier(on_nonfinite="skip", run_eagerly=eagerly)
    model.train_on_batch(X, Y)
    kept = state(model)
    model.fit(spoilt(bad), Y, batch_size=32, verbose=0)
    assert same(state(model), kept)
    good, other = np.delete(np.arange(len(X)), range(8, 16)), classifier(run_eagerly=eagerly)
    other.set_weights(model.get_weights())
    model.compile("sgd", model.loss, on_nonfinite="skip", run_eagerly=eagerly)
    other.compile("sgd", model.loss, run_eagerly=eagerly)
    model.fit(spoilt(bad, 9), Y, batch_size=8, shuffle=False, verbose=0)  # the second batch is as if it were not there
    other.fit(X[good], Y[good], batch_size=8, shuffle=False, verbose=0)
    assert same(state(model), state(other)) and not same(state(model), kept)


@pytest.mark.parametrize("bad", [NAN, INF])
@pytest.mark.parametrize("way", ["arrays", "generator", "eager", "several steps"])
def test_fault_23_terminate_on_nan_keeps_the_last_good_weights(bad, way):
    """The second of four batches is bad: what is left is what the first one made."""
    options = {"eager": {"run_eagerly": True}, "several steps": {"steps_per_execution": 3}}.get(way, {})
    want = classifier()
    want.train_on_batch(X[:8], Y[:8])
    model = classifier(**options)
    stop = hb.callbacks.TerminateOnNaN()
    x = spoilt(bad, 9)
    if way == "generator":
        batches = [(x[i : i + 8], Y[i : i + 8]) for i in range(0, 32, 8)]
        model.fit(iter(batches), steps_per_epoch=4, epochs=3, callbacks=[stop], verbose=0)
    else:
        model.fit(x, Y, batch_size=8, epochs=3, shuffle=False, callbacks=[stop], verbose=0)
    assert model.stop_training
    for a, b in zip(model.get_weights(), want.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    model.fit(X, Y, verbose=0)  # and it goes on training
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_fault_23_a_train_step_of_ones_own_stops_after_the_epoch():
    class Mine(hb.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.seen = L.Dense(1), hb.Variable(np.float32(0))

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            self.seen.assign_add(1.0)
            return {"loss": ops.mean(self(data[0])) * NAN}

    model = Mine()
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], epochs=5, batch_size=32, callbacks=[hb.callbacks.TerminateOnNaN()], verbose=0)
    assert float(model.seen.numpy()) == 1


def test_fault_23_predictions_of_other_rows_are_not_touched():
    model = classifier()
    want = model.predict(X, verbose=0)
    for bad in (NAN, INF, -INF):
        got = model.predict(spoilt(bad), verbose=0)
        np.testing.assert_array_equal(np.delete(got, 20, 0), np.delete(want, 20, 0))
        assert not np.isfinite(got[20]).all()


def test_fault_24_softmax_over_nothing():
    x = np.float32([[-INF, -INF, -INF], [0, -INF, 0], [-INF, 5, -INF]])
    want = [[0, 0, 0], [0.5, 0, 0.5], [0, 1, 0]]
    for dtype in ("float32", "float64"):
        np.testing.assert_allclose(ops.softmax(x.astype(dtype)), want, rtol=1e-6)
        np.testing.assert_allclose(ops.softmax(x.T.astype(dtype), axis=0), np.transpose(want), rtol=1e-6)
        logs = np.asarray(ops.log_softmax(x.astype(dtype)))
        np.testing.assert_array_equal(logs[0], [-INF] * 3)
        np.testing.assert_allclose(np.exp(logs), want, rtol=1e-6)
        assert float(ops.logsumexp(x[0].astype(dtype))) == -INF
        loss = np.asarray(ops.sparse_categorical_crossentropy(np.array([1, 0, 1]), x.astype(dtype), True))
        np.testing.assert_allclose(loss, [INF, np.log(2), 0], rtol=1e-6)

    def gradient(f):
        def run(x):
            with hb.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            return tape.gradient(y, x)

        return np.asarray(hb.function(run)(x))

    assert np.isfinite(gradient(lambda x: ops.sum(ops.square(ops.softmax(x))))).all()
    np.testing.assert_allclose(
        gradient(lambda x: ops.sum(ops.sparse_categorical_crossentropy(np.array([1, 0, 1]), x, True))),
        [[0, -1, 0], [-0.5, 0, 0.5], [0, 0, 0]],
        atol=1e-6,
    )


class _Attending:
    def __init__(self, scores=False, **kwargs):
        self.of, self.scores = L.MultiHeadAttention(2, 3, **kwargs), scores

    def __call__(self, q, v, mask, training):
        options = {"return_attention_scores": True} if self.scores else {}
        y = self.of(q, v, attention_mask=mask, training=training, **options)
        return y[0] if self.scores else y


def attention_layers():
    return {"fused": _Attending(), "dropout": _Attending(dropout=0.5), "scores": _Attending(scores=True)}


@pytest.mark.parametrize("kind", ["fused", "dropout", "scores"])
@pytest.mark.parametrize("training", [False, True])
def test_fault_24_attention_where_nothing_may_be_seen(kind, training):
    layer = attention_layers()[kind]
    q, v = RNG.normal(size=(2, 3, 4)).astype("float32"), RNG.normal(size=(2, 5, 4)).astype("float32") * 1e3
    mask = np.ones((2, 3, 5), bool)
    mask[1, 2] = False  # one query sees nothing
    mask[0, 1, 3:] = False
    whole, some = (np.asarray(layer(q, v, m, False)) for m in (np.ones_like(mask), mask))
    unseen = np.zeros((2, 3))  # of equal scores; Keras gives zeros where it has the weights at hand
    if kind == "fused":
        unseen = (v[1] @ np.asarray(layer.of.value_dense.kernel).reshape(4, 6)).mean(0).reshape(2, 3)
    want = unseen.reshape(6) @ np.asarray(layer.of.output_dense.kernel).reshape(6, 4)  # the biases begin at zero
    np.testing.assert_allclose(some[1, 2], want, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(np.delete(some[1], 2, 0), np.delete(whole[1], 2, 0), rtol=1e-5, atol=1e-4)
    assert np.isfinite(np.asarray(layer(q, v, mask, training))).all()

    def gradients(q, v):
        with hb.GradientTape() as tape:
            tape.watch(q)
            tape.watch(v)
            y = ops.sum(ops.square(layer(q, v, mask, training)))
        return tape.gradient(y, [q, v])

    dq, dv = (np.asarray(g) for g in hb.function(gradients)(q, v))
    assert np.isfinite(dq).all() and np.isfinite(dv).all()
    np.testing.assert_array_equal(dq[1, 2], np.zeros(4))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("causal", [False, True])
def test_fault_24_the_attention_op_and_its_formula(dtype, causal):
    q, k, v = (RNG.normal(size=(2, n, 3, 4)).astype(dtype) for n in (70, 70, 70))
    mask = RNG.random((2, 1, 70, 70)) < 0.5
    mask[0, 0, [0, 13, 69]] = False
    scores = np.einsum("bthd,bshd->bhts", q, k) * 0.5
    seen = np.broadcast_to(mask & np.tril(np.ones((70, 70), bool)) if causal else mask, scores.shape)
    w = np.where(seen, np.exp(scores - scores.max(-1, keepdims=True)), 0)
    w = w / np.maximum(w.sum(-1, keepdims=True), 1e-30)
    got = ops.dot_product_attention(q, k, v, mask=mask, is_causal=causal)
    np.testing.assert_allclose(got, np.einsum("bhts,bshd->bthd", w, v), atol=2e-5)
    biased = ops.dot_product_attention(q, k, v, bias=np.zeros((1, 1, 1, 1), dtype), mask=mask, is_causal=causal)
    np.testing.assert_allclose(biased, got, atol=2e-5)
    far = ops.dot_product_attention(q * 1e6, k * 1e6, v, mask=mask, is_causal=causal)  # scores below any stand-in
    assert np.isfinite(np.asarray(far)).all()
    np.testing.assert_array_equal(np.asarray(far)[0, 13], np.zeros((3, 4)))


@pytest.mark.parametrize("layer", [L.Attention(), L.AdditiveAttention(), L.Attention(score_mode="concat")])
def test_fault_24_other_attention_layers_and_softmax(layer):
    q, v = RNG.normal(size=(2, 3, 4)).astype("float32"), RNG.normal(size=(2, 5, 4)).astype("float32")
    mask = np.ones((2, 5), bool)
    mask[1] = False
    out = np.asarray(layer([q, v], mask=[None, mask]))
    np.testing.assert_allclose(out[1], np.tile(v[1].mean(0), (3, 1)), rtol=1e-5, atol=1e-6)  # of equal scores
    assert np.isfinite(out).all() and np.abs(out[0]).min() > 0
    got = np.asarray(L.Softmax()(q, mask=np.array([[[True, False, True, True]], [[False] * 4]])))
    np.testing.assert_array_equal(got[1], np.zeros((3, 4)))
    np.testing.assert_allclose(got[0].sum(-1), 1, rtol=1e-6)
    assert (got[0][:, 1] == 0).all()


def test_fault_25_no_label_counts():
    p = RNG.normal(size=(8, 3)).astype("float32")
    loss = losses.SparseCategoricalCrossentropy(True, ignore_class=-1)
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight"):
        loss = losses.SparseCategoricalCrossentropy(True, ignore_class=-1, reduction=reduction)
        assert float(loss(np.full(8, -1), p)) == 0
    model = hb.Sequential([hb.Input((4,)), L.Dense(3)])
    model.compile("sgd", losses.SparseCategoricalCrossentropy(True, ignore_class=-1), metrics=["accuracy"])
    kept = model.get_weights()
    history = model.fit(X, np.full(32, -1), epochs=2, verbose=0)
    assert history.history["loss"] == [0, 0] and same(model.get_weights(), kept)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"])
def test_fault_25_weights_and_masks_of_zero(reduction):
    for loss in (
        losses.MeanSquaredError(reduction),
        losses.BinaryCrossentropy(reduction=reduction),
        losses.Huber(1.0, reduction),
    ):
        model = hb.Sequential([hb.Input((4,)), L.Dense(2, activation="sigmoid")])
        model.compile("sgd", loss, weighted_metrics=["mae"])
        kept = model.get_weights()
        logs = model.train_on_batch(X, np.ones((32, 2)), sample_weight=np.zeros(32), return_dict=True)
        assert logs["loss"] == 0 and logs["mae"] == 0 and same(model.get_weights(), kept)
    series = hb.Sequential([hb.Input((5, 2)), L.Masking(), L.LSTM(3, return_sequences=True), L.Dense(1)])
    series.compile("sgd", losses.MeanSquaredError(reduction))
    kept = series.get_weights()
    assert series.train_on_batch(np.zeros((4, 5, 2)), np.ones((4, 5, 1))) == 0  # every step is masked
    assert same(series.get_weights(), kept)


def test_fault_25_class_weights_of_zero():
    model = classifier()
    kept = model.get_weights()
    model.fit(X, Y, class_weight={0: 0.0, 1: 0.0, 2: 0.0}, verbose=0)
    assert same(model.get_weights(), kept)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
@pytest.mark.parametrize("traced", [False, True])
def test_fault_26_integer_division_and_its_remainder(dtype, traced):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    values = [0, 1, 2, 7, high, high - 1] + ([-1, -2, -7, low, low + 1] if low < 0 else [])
    a, b = (t.reshape(-1).astype(dtype) for t in np.meshgrid(values, values))
    wrap = lambda n: (int(n) - low) % (high - low + 1) + low  # noqa: E731
    pairs = [(int(x), int(y)) for x, y in zip(a, b)]
    run = hb.function if traced else (lambda f: f)
    np.testing.assert_array_equal(
        run(ops.floor_divide)(a, b), np.array([wrap(x // y) if y else 0 for x, y in pairs], dtype)
    )
    np.testing.assert_array_equal(run(ops.mod)(a, b), np.array([x % y if y else 0 for x, y in pairs], dtype))
    np.testing.assert_array_equal(run(ops.add)(a, b), np.array([wrap(x + y) for x, y in pairs], dtype))
    np.testing.assert_array_equal(run(ops.subtract)(a, b), np.array([wrap(x - y) for x, y in pairs], dtype))
    np.testing.assert_array_equal(run(ops.multiply)(a, b), np.array([wrap(x * y) for x, y in pairs], dtype))
    for op, f in ((ops.negative, lambda x: -x), (ops.abs, abs), (ops.square, lambda x: x * x)):
        np.testing.assert_array_equal(run(op)(a), np.array([wrap(f(x)) for x, _ in pairs], dtype))
    total = sum(map(int, a))  # of uint8 in a wider dtype
    np.testing.assert_array_equal(run(ops.sum)(a), total if dtype == "uint8" else wrap(total))
    np.testing.assert_array_equal(run(ops.cumsum)(a)[-1], wrap(sum(map(int, a))))
    small = np.array([x if abs(x) < 100 else 3 for x in a.tolist()], dtype)
    power = [
        wrap(x**y) if y >= 0 else (1 if x == 1 else (-1) ** y if x == -1 else 0)
        for x, y in zip(a.tolist(), small.tolist())
    ]
    np.testing.assert_array_equal(run(ops.power)(a, small), np.array(power, dtype))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(run(ops.divide)(a, b), a.astype("float32") / b.astype("float32"), rtol=1e-6)


def test_fault_26_floats_divided_by_zero_are_numpys():
    a, b = (t.reshape(-1) for t in np.meshgrid(*[np.float32([0.0, -0.0, 1, -1, 2.5, INF, -INF, NAN])] * 2))
    with np.errstate(all="ignore"):
        for dtype in ("float32", "float64"):
            x, y = a.astype(dtype), b.astype(dtype)
            for op, f in ((ops.divide, np.divide), (ops.mod, np.mod)):
                np.testing.assert_array_equal(hb.function(op)(x, y), f(x, y))
            finite = np.isfinite(x) & np.isfinite(y)
            np.testing.assert_array_equal(
                np.asarray(hb.function(ops.floor_divide)(x, y))[finite], np.floor(x / y)[finite]
            )
            np.testing.assert_array_equal(hb.function(ops.reciprocal)(x), 1 / x)


def test_fault_26_variance_of_one_and_none():
    for dtype in ("float32", "float64"):
        one = np.array([[5.0]], dtype)
        assert float(ops.var(one)) == 0 and float(ops.std(one)) == 0
        mean, variance = ops.moments(one, 0)
        assert float(mean[0]) == 5 and float(variance[0]) == 0
    assert np.isnan(float(ops.mean(np.ones(0, "float32"))))  # as NumPy's
    np.testing.assert_array_equal(ops.layer_normalization(np.float32([[3.0]])), [[0.0]])
    np.testing.assert_array_equal(ops.normalize(np.zeros((2, 3), "float32")), np.zeros((2, 3)))
    np.testing.assert_array_equal(ops.rms_normalization(np.zeros((2, 3), "float32")), np.zeros((2, 3)))


@pytest.mark.parametrize("shape", [(1, 4), (1, 1, 4), (1, 2, 2, 4)])
def test_fault_26_batch_normalization_of_one_sample(shape):
    model = hb.Sequential([hb.Input(shape[1:]), L.BatchNormalization(), L.Dense(2)])
    model.compile("sgd", "mse")
    x = RNG.normal(size=shape).astype("float32")
    assert np.isfinite(model.train_on_batch(x, np.ones((*shape[:-1], 2))))
    assert all(np.isfinite(w).all() for w in model.get_weights())
    y = np.asarray(L.BatchNormalization()(x, training=True))
    flat = x.reshape(-1, 4)
    want = (flat - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-3)
    np.testing.assert_allclose(y.reshape(-1, 4), want, atol=1e-5)
    for layer in (L.LayerNormalization(), L.GroupNormalization(2), L.UnitNormalization(), L.RMSNormalization()):
        assert np.isfinite(np.asarray(layer(x * 0))).all() and np.isfinite(np.asarray(layer(x))).all()
    masked = L.BatchNormalization()
    assert np.isfinite(np.asarray(masked(x, training=True, mask=np.zeros(shape[:1], bool)))).all()
    assert all(np.isfinite(w).all() for w in masked.get_weights())
