"""Each layer: symbolic and eager shapes agree, its config rebuilds it, it trains, and known values come out."""

import json

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam.saving import deserialize_keras_object, serialize_keras_object

R = np.random.default_rng(0)


def x(*shape):
    return R.standard_normal(shape).astype("float32")


LAYERS = [
    (L.Dense, {"units": 3, "activation": "relu"}, (2, 4), (2, 3), 2),
    (L.Dense, {"units": 3, "use_bias": False}, (2, 5, 4), (2, 5, 3), 1),
    (L.EinsumDense, {"equation": "abc,cd->abd", "output_shape": (None, 6), "bias_axes": "d"}, (2, 3, 4), (2, 3, 6), 2),
    (L.Activation, {"activation": "tanh"}, (2, 3), (2, 3), 0),
    (L.ReLU, {"max_value": 1.0}, (2, 3), (2, 3), 0),
    (L.LeakyReLU, {}, (2, 3), (2, 3), 0),
    (L.ELU, {}, (2, 3), (2, 3), 0),
    (L.PReLU, {}, (2, 3), (2, 3), 1),
    (L.Softmax, {}, (2, 3), (2, 3), 0),
    (L.Flatten, {}, (2, 3, 4), (2, 12), 0),
    (L.Reshape, {"target_shape": (2, -1)}, (2, 6), (2, 2, 3), 0),
    (L.Permute, {"dims": (2, 1)}, (2, 3, 4), (2, 4, 3), 0),
    (L.RepeatVector, {"n": 3}, (2, 4), (2, 3, 4), 0),
    (L.Dropout, {"rate": 0.5}, (2, 3), (2, 3), 0),
    (L.SpatialDropout1D, {"rate": 0.5}, (2, 3, 4), (2, 3, 4), 0),
    (L.GaussianNoise, {"stddev": 0.1}, (2, 3), (2, 3), 0),
    (L.GaussianDropout, {"rate": 0.1}, (2, 3), (2, 3), 0),
    (L.Conv1D, {"filters": 3, "kernel_size": 3, "padding": "causal"}, (2, 6, 2), (2, 6, 3), 2),
    (L.Conv2D, {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, (2, 5, 6, 2), (2, 3, 3, 3), 2),
    (L.Conv2D, {"filters": 4, "kernel_size": 3, "groups": 2}, (2, 5, 6, 2), (2, 3, 4, 4), 2),
    (L.Conv3D, {"filters": 2, "kernel_size": 2}, (1, 3, 4, 3, 2), (1, 2, 3, 2, 2), 2),
    (L.Conv1DTranspose, {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, (2, 4, 2), (2, 8, 3), 2),
    (
        L.Conv2DTranspose,
        {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"},
        (2, 4, 5, 2),
        (2, 8, 10, 3),
        2,
    ),
    (L.Conv2DTranspose, {"filters": 3, "kernel_size": 3, "strides": 2}, (2, 4, 5, 2), (2, 9, 11, 3), 2),
    (L.DepthwiseConv2D, {"kernel_size": 3, "depth_multiplier": 2}, (2, 5, 5, 3), (2, 3, 3, 6), 2),
    (L.SeparableConv2D, {"filters": 4, "kernel_size": 3}, (2, 5, 5, 3), (2, 3, 3, 4), 3),
    (L.SeparableConv1D, {"filters": 4, "kernel_size": 3}, (2, 5, 3), (2, 3, 4), 3),
    (L.MaxPooling1D, {}, (2, 6, 3), (2, 3, 3), 0),
    (L.MaxPooling2D, {"pool_size": 3, "strides": 2, "padding": "same"}, (2, 5, 6, 3), (2, 3, 3, 3), 0),
    (L.AveragePooling2D, {}, (2, 4, 6, 3), (2, 2, 3, 3), 0),
    (L.AveragePooling3D, {}, (2, 4, 4, 2, 3), (2, 2, 2, 1, 3), 0),
    (L.GlobalMaxPooling1D, {}, (2, 4, 3), (2, 3), 0),
    (L.GlobalAveragePooling2D, {"keepdims": True}, (2, 4, 5, 3), (2, 1, 1, 3), 0),
    (L.GlobalAveragePooling1D, {}, (2, 4, 3), (2, 3), 0),
    (L.BatchNormalization, {}, (4, 3), (4, 3), 4),
    (L.BatchNormalization, {"axis": 1}, (4, 3, 5), (4, 3, 5), 4),
    (L.LayerNormalization, {}, (2, 3, 4), (2, 3, 4), 2),
    (L.LayerNormalization, {"axis": [1, 2]}, (2, 3, 4), (2, 3, 4), 2),
    (L.GroupNormalization, {"groups": 2}, (2, 3, 4), (2, 3, 4), 2),
    (L.RMSNormalization, {}, (2, 4), (2, 4), 1),
    (L.UnitNormalization, {}, (2, 4), (2, 4), 0),
    (L.ZeroPadding1D, {}, (2, 3, 4), (2, 5, 4), 0),
    (L.ZeroPadding2D, {"padding": ((1, 0), (2, 1))}, (2, 3, 4, 1), (2, 4, 7, 1), 0),
    (L.Cropping2D, {"cropping": ((1, 0), (0, 1))}, (2, 3, 4, 1), (2, 2, 3, 1), 0),
    (L.Cropping1D, {}, (2, 4, 1), (2, 2, 1), 0),
    (L.UpSampling1D, {}, (2, 3, 4), (2, 6, 4), 0),
    (L.UpSampling2D, {"size": (2, 3)}, (2, 2, 2, 1), (2, 4, 6, 1), 0),
    (L.UpSampling2D, {"interpolation": "bilinear"}, (2, 2, 2, 1), (2, 4, 4, 1), 0),
    (L.SimpleRNN, {"units": 3}, (2, 4, 5), (2, 3), 3),
    (L.LSTM, {"units": 3, "return_sequences": True}, (2, 4, 5), (2, 4, 3), 3),
    (L.LSTM, {"units": 3, "dropout": 0.2, "recurrent_dropout": 0.2}, (2, 4, 5), (2, 3), 3),
    (L.GRU, {"units": 3}, (2, 4, 5), (2, 3), 3),
    (L.GRU, {"units": 3, "reset_after": False, "go_backwards": True}, (2, 4, 5), (2, 3), 3),
    (L.Rescaling, {"scale": 0.5, "offset": 1.0}, (2, 3), (2, 3), 0),
    (L.Rescaling, {"scale": np.array(0.5), "offset": np.array(1.0)}, (2, 3), (2, 3), 0),
    (L.Masking, {}, (2, 3, 4), (2, 3, 4), 0),
    (L.Identity, {}, (2, 3), (2, 3), 0),
    (L.ActivityRegularization, {"l2": 0.1}, (2, 3), (2, 3), 0),
    (L.Resizing, {"height": 3, "width": 2}, (2, 4, 4, 1), (2, 3, 2, 1), 0),
]


@pytest.mark.parametrize(
    "cls,kwargs,shape,out,weights", LAYERS, ids=[f"{c.__name__}-{i}" for i, (c, *_) in enumerate(LAYERS)]
)
def test_layer(cls, kwargs, shape, out, weights):
    layer = cls(**kwargs)
    symbolic = layer(hb.Input(shape[1:]))
    assert symbolic.shape == (None, *out[1:])
    assert len(layer.weights) == weights
    data = x(*shape)
    eager = np.asarray(layer(data))
    assert eager.shape == out and eager.dtype == np.float32
    config = json.loads(json.dumps(serialize_keras_object(layer)))
    twin = deserialize_keras_object(config)
    assert json.loads(json.dumps(serialize_keras_object(twin))) == config
    twin(data)
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(np.asarray(twin(data)), eager)
    model = hb.Sequential([hb.Input(shape[1:]), layer])
    np.testing.assert_allclose(model.predict(data, verbose=0), eager, rtol=1e-5, atol=1e-6)
    before, y = layer.get_weights(), x(*out)
    eagerly = hb.Sequential([hb.Input(shape[1:]), twin])
    for m in (model, eagerly):
        m.compile("sgd", "mse", run_eagerly=m is eagerly)
        m.fit(data, y, verbose=0, batch_size=2, shuffle=False)
    if any(w.trainable for w in layer.weights):
        assert any(not np.array_equal(a, b) for a, b in zip(before, layer.get_weights()))
        for a, b in zip(layer.get_weights(), twin.get_weights(), strict=True):
            assert "dropout" in kwargs or np.allclose(a, b, rtol=1e-4, atol=1e-6), np.abs(a - b).max()


def test_wrappers_and_merges():
    i = hb.Input((5, 4))
    for mode, n in (("concat", 6), ("sum", 3), ("ave", 3), ("mul", 3)):
        assert L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode=mode)(i).shape == (None, 5, n)
    assert L.TimeDistributed(L.Dense(2))(i).shape == (None, 5, 2)
    a, b = x(2, 3), x(2, 3)
    np.testing.assert_allclose(L.Add()([a, b]), a + b)
    np.testing.assert_allclose(L.Subtract()([a, b]), a - b)
    np.testing.assert_allclose(L.Multiply()([a, b]), a * b)
    np.testing.assert_allclose(L.Average()([a, b]), (a + b) / 2)
    np.testing.assert_allclose(L.Maximum()([a, b]), np.maximum(a, b))
    np.testing.assert_allclose(L.Concatenate()([a, b]), np.concatenate([a, b], -1))
    np.testing.assert_allclose(L.Dot(axes=1)([a, b]), (a * b).sum(1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(L.Lambda(lambda t: t * 2)(a), a * 2)


def test_lstm_and_gru_match_the_equations():
    def s(v):
        return 1 / (1 + np.exp(-v))

    data = x(2, 4, 3)
    lstm = L.LSTM(5)
    got = np.asarray(lstm(data))
    k, r, b = lstm.get_weights()
    np.testing.assert_array_equal(b, np.repeat([0, 1, 0, 0], 5))
    h = c = np.zeros((2, 5))
    for t in range(4):
        i, f, g, o = np.split(data[:, t] @ k + h @ r + b, 4, -1)
        c = s(f) * c + s(i) * np.tanh(g)
        h = s(o) * np.tanh(c)
    np.testing.assert_allclose(got, h, rtol=1e-5, atol=1e-6)
    gru = L.GRU(5, bias_initializer="uniform")
    got = np.asarray(gru(data))
    k, r, b = gru.get_weights()
    h = np.zeros((2, 5))
    for t in range(4):
        (xz, xr, xh), (hz, hr, hh) = np.split(data[:, t] @ k + b[0], 3, -1), np.split(h @ r + b[1], 3, -1)
        z, rr = s(xz + hz), s(xr + hr)
        h = z * h + (1 - z) * np.tanh(xh + rr * hh)
    np.testing.assert_allclose(got, h, rtol=1e-5, atol=1e-6)


def test_masks_skip_steps_and_states_come_back():
    ids = np.array([[3, 4, 0, 0], [1, 2, 5, 6]], "int32")
    emb, lstm = L.Embedding(7, 3, mask_zero=True), L.LSTM(4, return_state=True)
    out, h, c = lstm(emb(ids))
    short = np.asarray(lstm(np.asarray(emb(ids))[:1, :2])[0])
    np.testing.assert_allclose(np.asarray(out)[:1], short, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(out, h)
    again = lstm(np.asarray(emb(ids)), initial_state=[h, c])[0]
    assert not np.array_equal(again, out)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_the_recurrent_op_does_what_the_cells_do(kind, backwards, masked, monkeypatch):
    inputs = x(3, 5, 2)
    mask = np.array([[0, 0, 1, 1, 0], [1, 0, 1, 1, 1], [0, 0, 0, 0, 0]], bool) if masked else None
    for sequences in (False, True):
        for start in (False, True):
            layer = getattr(L, kind)(4, return_sequences=sequences, return_state=True, go_backwards=backwards)
            states = [x(3, 4) + i for i in range(2 if kind == "LSTM" else 1)] if start else None
            call = lambda: layer(inputs, initial_state=states, mask=mask)  # noqa: B023, E731
            fused = [np.asarray(t) for t in call()]
            with monkeypatch.context() as patch:
                patch.setattr(type(layer.cell), "kernel_name", None)
                stepwise = [np.asarray(t) for t in call()]
            for a, b in zip(fused, stepwise, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_the_attention_op_does_what_the_formula_does():
    q, v = x(2, 3, 4), x(2, 5, 4)
    mha = L.MultiHeadAttention(2, 3, value_dim=2)
    masks = {"attention_mask": np.random.default_rng(0).random((2, 3, 5)) < 0.6}
    masks["attention_mask"][..., 0] = True  # what sees nothing is another test's
    for extra in ({}, masks, {"use_causal_mask": True}, {**masks, "use_causal_mask": True}):
        plain = mha(q, v, return_attention_scores=True, **extra)[0]
        np.testing.assert_allclose(mha(q, v, **extra), plain, rtol=1e-5, atol=1e-6)


def test_attention_over_no_keys_gives_zeros():
    q, none = x(2, 3, 2, 4), np.zeros((2, 0, 2, 4), "float32")
    np.testing.assert_array_equal(hb.ops.dot_product_attention(q, none, none), np.zeros((2, 3, 2, 4)))


def test_attention_matches_numpy():
    q, v = x(2, 3, 4), x(2, 5, 4)
    mha = L.MultiHeadAttention(2, 3)
    y, scores = mha(q, v, return_attention_scores=True)
    (wq, bq, wk, bk, wv, bv, wo, bo) = mha.get_weights()
    qq, kk, vv = (
        np.einsum("btd,dhk->bhtk", t, w) + b[None, :, None] for t, w, b in ((q, wq, bq), (v, wk, bk), (v, wv, bv))
    )
    e = np.exp(qq @ kk.swapaxes(-1, -2) / np.sqrt(3))
    p = e / e.sum(-1, keepdims=True)
    np.testing.assert_allclose(scores, p, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(y, np.einsum("bhtk,hkd->btd", p @ vv, wo) + bo, rtol=1e-4, atol=1e-5)
    causal = mha(q, q, return_attention_scores=True, use_causal_mask=True)[1]
    assert np.allclose(np.triu(np.asarray(causal)[0, 0], 1), 0)
    assert L.Attention()([q, v]).shape == (2, 3, 4) and L.AdditiveAttention()([q, v]).shape == (2, 3, 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_batch_statistics_of_what_is_no_number_are_none(bad):
    data = x(200, 3)
    data[137, 1] = bad
    bn = L.BatchNormalization()
    bn(data, training=True)
    mean, variance = bn.moving_mean.numpy(), bn.moving_variance.numpy()
    assert not np.isfinite(mean[1]) and not np.isfinite(variance[1])
    assert np.isfinite(mean[[0, 2]]).all() and np.isfinite(variance[[0, 2]]).all()


def test_defaults_are_those_of_keras():
    a = x(2, 3)
    assert hb.ops.concatenate([a, a]).shape == (4, 3)
    np.testing.assert_array_equal(hb.ops.take_along_axis(a, np.int32([5, 0])), a.ravel()[[5, 0]])
    spread = a - a.mean(-1, keepdims=True)
    np.testing.assert_allclose(
        hb.ops.layer_normalization(a * 1e-3), spread / np.sqrt(spread.var(-1, keepdims=True) + 1e-1), rtol=1e-4
    )
    assert hb.regularizers.l1_l2()(a) == 0
    assert L.Cropping2D()(x(1, 4, 5, 2)).shape == (1, 4, 5, 2) and L.Cropping1D()(x(1, 4, 2)).shape == (1, 2, 2)
    assert hb.losses.SparseCategoricalCrossentropy(True, None, "sum", 1, "loss").name == "loss"


def test_gelu_is_exact_as_an_activation_and_approximate_as_an_op():
    """Keras 3.15's defaults; the figures are its own."""
    at = np.array([-3.0, -0.7, 1.5], "float32")
    exact, near = [-0.004049696, -0.16937457, 1.3997892], [-0.0036373436, -0.16942984, 1.3995715]
    np.testing.assert_allclose(hb.activations.get("gelu")(at), exact, rtol=1e-5, atol=2e-7)
    np.testing.assert_allclose(hb.activations.gelu(at, approximate=True), near, rtol=1e-5, atol=2e-7)
    np.testing.assert_allclose(hb.ops.gelu(at), near, rtol=1e-5, atol=2e-7)
    dense = L.Dense(3, activation="gelu", kernel_initializer="identity")
    np.testing.assert_allclose(dense(at[None])[0], exact, rtol=1e-5, atol=2e-7)


@pytest.mark.parametrize("channels", [1, 3, 16, 33, 64, 130, 300])
def test_batch_statistics_keep_their_digits_far_from_zero_and_where_the_mean_moves(channels):
    """Blocks of rows are summed about the mean of those before: neither an offset nor a first block unlike the rest costs
    the variance its digits, nor do the gradient's sums lose theirs."""
    rng = np.random.default_rng(channels)
    rows = 1801
    x = 0.1 * rng.standard_normal((rows, channels)) + 100.0
    x[:700] -= 90.0
    x[0] = -500.0
    x = x.astype("float32")
    dy = rng.standard_normal(x.shape).astype("float32")
    layer = L.BatchNormalization(epsilon=1e-3, center=False, scale=False)
    layer.build(x.shape)
    with hb.GradientTape() as tape:
        v = hb.Variable(x)
        y = layer(v, training=True)
    (dx,) = tape.gradient(y, [v], output_gradients=[hb.ops.convert_to_tensor(dy)])
    wide, g = x.astype("float64"), dy.astype("float64")
    rstd = 1 / np.sqrt(wide.var(0) + 1e-3)
    normal = (wide - wide.mean(0)) * rstd
    np.testing.assert_allclose(y.numpy(), normal, rtol=2e-5, atol=2e-5)
    want = rstd * (g - g.mean(0) - normal * (g * normal).mean(0))
    np.testing.assert_allclose(dx.numpy(), want, rtol=1e-4, atol=1e-5 * rstd.max())


def test_batch_norm_moves_its_means_and_freezes():
    bn = L.BatchNormalization(momentum=0.5)
    data = x(64, 3) * 2 + 1
    m = hb.Sequential([hb.Input((3,)), bn])
    m.compile("sgd", "mse")
    m.train_on_batch(data, data)
    np.testing.assert_allclose(bn.moving_mean.numpy(), 0.5 * data.mean(0), rtol=1e-4)
    np.testing.assert_allclose(bn.moving_variance.numpy(), 0.5 + 0.5 * data.var(0), rtol=1e-4)
    bn.trainable = False
    m.compile("sgd", "mse")
    kept = bn.get_weights()
    m.train_on_batch(data, data)
    for a, b in zip(kept, bn.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_dropout_scales_and_changes_each_step():
    d = L.Dropout(0.4, seed=1)
    a, b = (
        np.asarray(d(np.ones((100, 100), "float32"), training=True)),
        np.asarray(d(np.ones((100, 100), "float32"), training=True)),
    )
    assert (
        not np.array_equal(a, b)
        and abs(a.mean() - 1) < 0.02
        and set(np.unique(a).round(4)) == {0.0, np.float32(1 / 0.6).round(4)}
    )
    np.testing.assert_array_equal(d(np.ones((3, 3), "float32")), np.ones((3, 3)))


BAD = [
    (L.Dense, {"units": 0}, ValueError),
    (L.Dense, {"units": -3}, ValueError),
    (L.Dense, {"units": 2.5}, TypeError),
    (L.Dense, {"units": True}, TypeError),
    (L.Dense, {"units": "3"}, TypeError),
    (L.Conv2D, {"filters": 3, "kernel_size": 0}, ValueError),
    (L.Conv2D, {"filters": 3, "kernel_size": 3, "strides": 0}, ValueError),
    (L.Conv2D, {"filters": 3, "kernel_size": 3, "dilation_rate": 0}, ValueError),
    (L.Conv2D, {"filters": 3, "kernel_size": 3, "groups": 2}, ValueError),
    (L.Conv2D, {"filters": 3, "kernel_size": 3, "padding": "sam"}, ValueError),
    (L.MaxPooling2D, {"pool_size": 0}, ValueError),
    (L.Dropout, {"rate": 1.5}, ValueError),
    (L.Embedding, {"input_dim": 0, "output_dim": 2}, ValueError),
    (L.Dense, {"units": 3, "activation": "rellu"}, ValueError),
    (L.Conv2D, {"filters": 3, "kernel_size": 3, "data_format": "channels_first"}, ValueError),
]


@pytest.mark.parametrize("cls,kwargs,error", BAD, ids=[f"{c.__name__}-{i}" for i, (c, *_) in enumerate(BAD)])
def test_bad_arguments_are_refused_with_what_came(cls, kwargs, error):
    with pytest.raises(error, match="Received|unknown"):
        cls(**kwargs)


def test_asking_for_a_shape_leaves_the_last_calls_losses():
    layer = L.Dense(2, activity_regularizer="l2", kernel_initializer="ones")
    layer(np.ones((3, 4), "float32"))
    assert layer.compute_output_shape((5, 4)) == (5, 2)
    (loss,) = layer.losses
    assert float(loss) == pytest.approx(0.01 * 32)


def test_a_layer_that_asks_for_shapes_within_a_call_keeps_its_losses():
    class Asking(L.Layer):
        def __init__(self):
            super().__init__()
            self.inner = L.Dense(2, activity_regularizer="l2", kernel_initializer="ones")

        def call(self, x):
            y = self.inner(x)
            assert self.inner.compute_output_shape((5, 4)) == (5, 2)
            return y

    model = hb.Sequential([hb.Input((4,)), Asking()])
    model.compile(hb.optimizers.SGD(0.0), lambda t, p: hb.ops.sum(p * 0.0, axis=-1))
    history = model.fit(np.ones((3, 4), "float32"), np.zeros((3, 2), "float32"), verbose=0)
    assert history.history["loss"][0] == pytest.approx(0.32, rel=1e-5)


def test_one_image_without_a_batch_is_resized():
    image = np.arange(36, dtype="float32").reshape(3, 4, 3)
    for kind in ("bilinear", "nearest"):
        layer = L.Resizing(4, 5, interpolation=kind)
        np.testing.assert_array_equal(layer(image), layer(image[None])[0])
    assert float(np.sum(L.Resizing(4, 5)(image))) == 1050.0  # Keras' on JAX


@pytest.mark.parametrize("name", ["Zeros", "Ones", "Constant", "RandomUniform", "TruncatedNormal", "HeNormal"])
def test_initializers_take_the_length_of_one_axis(name):
    for shape in (3, np.int64(3), (3,), [3]):
        assert np.asarray(getattr(hb.initializers, name)()(shape)).shape == (3,)
    with pytest.raises((TypeError, ValueError), match="shape"):
        getattr(hb.initializers, name)()(-1)
