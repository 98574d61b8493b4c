"""``on_nonfinite``: what is no number, in the loss or in a gradient, stops a step before it writes anything."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops


class Root(L.Layer):
    """Finite at 0, with an infinite slope there."""

    def call(self, x):
        return ops.sqrt(x)


X = np.full((8, 4), 4.0, "float32")
ZEROS = np.zeros_like(X)
Y = np.ones((8, 1), "float32")


def roots(**options):
    hb.utils.set_random_seed(0)
    m = hb.Sequential([hb.Input((4,)), L.Dense(3, kernel_initializer="ones"), Root(), L.Dense(1)])
    m.compile("adam", "mse", metrics=["mae"], **options)
    return m


def state(m):
    return [*m.get_weights(), *(v.numpy() for v in m.optimizer.variables)]


def same(a, b):
    return all(np.array_equal(u, v) for u, v in zip(a, b, strict=True))


def ways(m, x):
    return (
        lambda: m.train_on_batch(x, Y),
        lambda: m.fit(x, Y, batch_size=4, verbose=0),
        lambda: m.fit(iter([(x, Y)]), verbose=0),
    )


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_gradient_that_is_no_number_raises(eagerly):
    m = roots(on_nonfinite="raise", run_eagerly=eagerly)
    m.fit(X, Y, verbose=0)
    m.layers[0].set_weights([m.get_weights()[0], np.zeros(3)])
    kept = state(m)
    assert np.isfinite(m.evaluate(ZEROS, Y, verbose=0)).all()  # the loss is one
    for call in ways(m, ZEROS):
        with pytest.raises(ValueError, match=r"\[check_finite\] values must be finite; got"):
            call()
        assert same(state(m), kept)
    if not eagerly:
        with pytest.raises(ValueError, match="the gradient of dense/kernel"):
            m.train_on_batch(ZEROS, Y)


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_step_with_such_a_gradient_is_skipped(eagerly):
    m = roots(on_nonfinite="skip", run_eagerly=eagerly)
    mixed, kept = np.concatenate([X[:4], ZEROS[:4]]), state(m)
    logs = m.train_on_batch(ZEROS, Y, return_dict=True)
    assert np.isnan(logs["loss"]) and same(state(m)[:4], kept[:4])
    m, other = (roots(on_nonfinite=how, run_eagerly=eagerly) for how in ("skip", None))
    h = m.fit(mixed, Y, batch_size=4, shuffle=False, verbose=0).history
    want = other.fit(X[:4], Y[:4], batch_size=4, shuffle=False, verbose=0).history
    assert same(state(m), state(other)) and h == want
    h = m.fit(((a, Y[:4]) for a in (X[:4], ZEROS[:4])), verbose=0).history
    want = other.fit(X[:4], Y[:4], verbose=0).history
    assert same(state(m), state(other)) and h == want
    m = roots(run_eagerly=eagerly)
    m.fit(ZEROS, Y, verbose=0)  # Keras' behaviour without it
    assert np.isnan(m.get_weights()[0]).all()


def test_gradients_of_lookups_and_of_halves():
    i = hb.Input((2,), dtype="int32")
    m = hb.Model(i, ops.sum(Root()(L.Embedding(5, 2, embeddings_initializer="zeros")(i)), axis=(1, 2)))
    m.compile("sgd", "mse", on_nonfinite="raise")
    with pytest.raises(ValueError, match="the gradient of embedding/embeddings"):
        m.fit(np.array([[1, 2], [3, 1]]), np.ones(2), verbose=0)
    np.testing.assert_array_equal(m.get_weights()[0], np.zeros((5, 2)))
    m.set_weights([np.ones((5, 2))])
    m.fit(np.array([[1, 2], [3, 1]]), np.ones(2), verbose=0)
    assert m.get_weights()[0][1, 0] != 1 == m.get_weights()[0][4, 0]


def test_terminate_on_nan_looks_at_the_loss_as_keras():
    m = roots()
    h = m.fit(ZEROS, Y, batch_size=4, epochs=3, verbose=0, callbacks=[hb.callbacks.TerminateOnNaN()])
    assert len(h.epoch) == 1 and np.isnan(h.history["loss"][0])  # the second batch's, of weights that are no numbers


def test_a_model_saved_while_terminate_on_nan_watches_loads_as_it_was_compiled(tmp_path):
    for how in (None, "skip"):
        m = roots(on_nonfinite=how)
        path = tmp_path / f"{how}.hornbeam"
        m.fit(X, Y, verbose=0, callbacks=[hb.callbacks.TerminateOnNaN(), hb.callbacks.ModelCheckpoint(path)])
        with hb.saving.custom_object_scope({"Root": Root}):
            assert hb.load_model(path).get_compile_config()["on_nonfinite"] == how


def test_the_check_does_not_change_results():
    runs = []
    for how in (None, "raise", "skip"):
        m = roots(on_nonfinite=how)
        runs.append((m.fit(X, Y, epochs=3, batch_size=4, verbose=0, shuffle=False).history, state(m)))
    for history, weights in runs[1:]:
        assert history == runs[0][0] and same(weights, runs[0][1])
