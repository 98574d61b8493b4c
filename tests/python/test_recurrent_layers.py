"""Recurrent layers: what random numbers drop, whose weights they have, what they refuse."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam.core.tree import flatten

X = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")


def test_bidirectional_begins_with_its_weights_and_leaves_its_layer_alone():
    first = L.LSTM(2, activity_regularizer="l2", name="steps")
    shapes = [(3, 8), (2, 8), (8,)] * 2
    weights = [np.random.default_rng(i).normal(size=s).astype("float32") for i, s in enumerate(shapes)]
    both = L.Bidirectional(first, weights=weights)
    out = np.asarray(both(X))
    for a, b in zip(both.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not first.built and both.forward_layer is not first
    assert (both.forward_layer.name, both.backward_layer.name) == ("forward_steps", "backward_steps")
    np.testing.assert_allclose(sum(float(v) for v in both.losses), 0.01 * np.square(out).sum() / 4, rtol=1e-5)
    again = L.Bidirectional.from_config(both.get_config())
    again(X)
    again.set_weights(weights)
    np.testing.assert_array_equal(again(X), out)
    assert len(again.losses) == 2


@pytest.mark.parametrize(
    "kwargs, error",
    [
        ({"layer": L.LSTM(2, go_backwards=True)}, "go backwards"),
        ({"layer": L.LSTM(2), "backward_layer": L.LSTM(2)}, "go backwards"),
        (
            {"layer": L.LSTM(2), "backward_layer": L.GRU(2, go_backwards=True, return_sequences=True)},
            "return_sequences",
        ),
        ({"layer": L.LSTM(2), "weights": 3}, "`weights`"),
    ],
)
def test_bidirectional_refuses_what_does_not_fit(kwargs, error):
    with pytest.raises((ValueError, TypeError), match=error):
        L.Bidirectional(**kwargs)


@pytest.mark.parametrize("cells", [1, 2])
def test_each_cell_of_a_stack_drops_the_same_features_at_every_step(cells):
    made = [
        L.SimpleRNNCell(6, "linear", False, "identity", "zeros", dropout=0.5 if i == 0 else 0.0) for i in range(cells)
    ]
    layer = L.RNN(made, return_sequences=True)
    ones = np.ones((3, 7, 6), "float32")
    np.testing.assert_array_equal(layer(ones), ones)
    kept = np.asarray(layer(ones, training=True))
    assert set(np.unique(kept)) == {0, 2}
    np.testing.assert_array_equal(kept, np.repeat(kept[:, :1], 7, axis=1))
    assert (kept != np.asarray(layer(ones, training=True))).any()


@pytest.mark.parametrize("wrap", [lambda c: L.RNN(c), lambda c: L.RNN([c])], ids=["alone", "stacked"])
def test_recurrent_dropout_of_a_gru_leaves_what_the_update_gate_keeps(wrap):
    cell = L.GRUCell(4, recurrent_dropout=0.5, reset_after=False)
    layer = wrap(cell)
    state = np.random.default_rng(1).normal(size=(4, 4)).astype("float32")
    layer(X)
    kernel, recurrent, bias = cell.get_weights()
    bias[:4] = 100  # the update gate is 1
    cell.set_weights([kernel, recurrent, bias])
    np.testing.assert_allclose(layer(X, initial_state=[state], training=True), state, rtol=1e-6)


def test_states_are_as_many_as_the_cells_have():
    with pytest.raises(ValueError, match="has 2 states. Received: 1 initial states"):
        L.LSTM(2)(X, initial_state=[np.zeros((4, 2), "float32")])
    out, (h, c), (g,) = L.RNN([L.LSTMCell(2), L.GRUCell(3)], return_state=True)(X)
    assert (out.shape, h.shape, c.shape, g.shape) == ((4, 3), (4, 2), (4, 2), (4, 3))


def test_an_unknown_number_of_steps_runs_step_by_step_too():
    model = hb.Sequential([hb.Input((None, 3)), L.LSTM(2, recurrent_activation="hard_sigmoid", unroll=True)])
    whole = L.LSTM(2, recurrent_activation="hard_sigmoid")
    whole(X)
    whole.set_weights(model.get_weights())
    np.testing.assert_allclose(model.predict(X, verbose=0), whole(X), rtol=1e-5, atol=1e-6)


def test_batch_statistics_are_those_of_each_step():
    layer = L.TimeDistributed(L.BatchNormalization(momentum=0.5))
    out = np.asarray(layer(X, training=True))
    np.testing.assert_allclose(out.mean(axis=0), np.zeros((5, 3)), atol=1e-5)
    mean = np.zeros(3)
    for step in X.transpose(1, 0, 2):
        mean = mean * 0.5 + step.mean(axis=0) * 0.5
    np.testing.assert_allclose(layer.layer.moving_mean, mean, rtol=1e-4, atol=1e-6)


def test_losses_are_those_of_the_last_call():
    layer = L.Dense(2, activity_regularizer="l2")
    for x in (X, X[:2]):
        y = np.asarray(layer(x))
        assert len(layer.losses) == 1
        np.testing.assert_allclose(float(layer.losses[0]), 0.01 * np.square(y).sum() / len(x), rtol=1e-5)


@pytest.mark.parametrize("rnn", [L.SimpleRNN, L.LSTM, L.GRU])
@pytest.mark.parametrize("options", [{}, {"activation": "sigmoid", "return_state": True}])
def test_a_layers_dtype_is_its_cells(rnn, options):
    wide, narrow = rnn(2, dtype="float64", **options), rnn(2, **options)
    found = wide(X.astype("float64"))
    narrow(X)
    narrow.set_weights(wide.get_weights())
    assert {w.dtype for w in wide.weights} == {"float64"}
    for a, b in zip(flatten(found), flatten(narrow(X)), strict=True):
        assert a.dtype == "float64"
        np.testing.assert_allclose(a, b, atol=1e-5)
