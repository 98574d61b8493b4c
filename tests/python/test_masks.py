"""Masks that are given to models, and those that travel through graphs of layers."""

import numpy as np
import pytest

import hornbeam as hb

L = hb.layers
KEEP = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 0], [1, 0, 1, 0, 0]], bool)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32") * KEEP[..., None]


def masked_by_layer(x, inner):
    """What the model says behind a Masking layer."""
    entry = hb.Input((5, 4))
    return np.asarray(hb.Model(entry, inner(L.Masking()(entry)))(x))


@pytest.mark.parametrize("kind", ["functional", "sequential", "sequential without an Input", "two inputs", "by name"])
def test_a_model_uses_the_mask_that_it_is_given(x, kind):
    last = L.LSTM(3)
    if kind == "functional":
        entry = hb.Input((5, 4))
        got = hb.Model(entry, last(entry))(x, mask=KEEP)
    elif kind == "sequential":
        got = hb.Sequential([hb.Input((5, 4)), L.Dense(4, kernel_initializer="identity"), last])(x, mask=KEEP)
    elif kind == "sequential without an Input":
        got = hb.Sequential([L.Activation("linear"), last])(x, mask=KEEP)
    else:
        a, b = hb.Input((5, 4), name="a"), hb.Input((2,), name="b")
        model = hb.Model([a, b], [last(a), b])
        other = np.ones((3, 2), "float32")
        if kind == "two inputs":
            got = model([x, other], mask=[KEEP, None])[0]
        else:
            got = model({"b": other, "a": x}, mask={"a": KEEP})[0]
    want = masked_by_layer(x, last)
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-6, atol=1e-7)
    assert np.abs(want - np.asarray(last(x)))[1:].max() > 1e-3  # the mask matters


def test_a_nested_model_gets_the_mask_that_its_input_carries(x):
    entry = hb.Input((5, 4))
    last = L.LSTM(3)
    inner = hb.Model(entry, last(entry))
    np.testing.assert_allclose(masked_by_layer(x, inner), masked_by_layer(x, last), rtol=1e-6, atol=1e-7)


def test_attention_leaves_its_inputs_mask_to_other_layers_of_the_graph(x):
    attend, last = L.MultiHeadAttention(2, 2), L.LSTM(3)
    entry = hb.Input((5, 4))
    h = L.Masking()(entry)
    model = hb.Model(entry, last(L.Add()([attend(h, h), h])))
    both = KEEP[:, :, None] & KEEP[:, None, :]
    added = np.asarray(attend(x, x, attention_mask=both)) + x
    np.testing.assert_allclose(np.asarray(model(x)), np.asarray(last(added, mask=KEEP)), rtol=1e-5, atol=1e-6)


def test_batch_norm_in_a_model_for_each_step_counts_the_samples_that_are_kept(x):
    norm = L.BatchNormalization(momentum=0.0)
    each = L.TimeDistributed(hb.Sequential([L.Dense(4, kernel_initializer="identity"), norm]))
    each(x, training=True, mask=KEEP)
    last = x[KEEP[:, 4], 4]  # momentum 0 leaves the last step's statistics
    np.testing.assert_allclose(np.asarray(norm.moving_mean), last.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.asarray(norm.moving_variance), last.var(0), rtol=1e-5, atol=1e-6)


def test_an_axis_of_one_behind_a_models_input_goes():
    model = hb.Sequential([hb.Input((3,)), L.Dense(2)])
    x = np.arange(6, dtype="float32").reshape(2, 3)
    np.testing.assert_array_equal(np.asarray(model(x[..., None])), np.asarray(model(x)))
    with pytest.raises(ValueError, match=r"must have shape \(None, 3\). Received: shape=\(2, 3, 2\)"):
        model(np.zeros((2, 3, 2), "float32"))


@pytest.mark.parametrize("name", ["cosine_similarity", "mean_squared_error", "kl_divergence", "hinge"])
def test_a_metrics_name_is_the_class_of_that_name(name):
    y, p = np.array([[1.0, 2.0]], "float32"), np.array([[2.0, 1.0]], "float32")
    metric = hb.metrics.get(name)
    assert isinstance(metric, hb.metrics.Metric) and metric.name == name
    want = 0.8 if name == "cosine_similarity" else float(np.asarray(hb.losses.get(name)(y, p))[0])
    assert float(metric(y, p)) == pytest.approx(want, rel=1e-6)
