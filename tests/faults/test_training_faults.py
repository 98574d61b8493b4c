"""Bad input: always the right exception, which says what came; never a crash, a hang or a half-written weight."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops


def net(units=3, d=4):
    m = hb.Sequential([hb.Input((d,)), L.Dense(units, activation="softmax")])
    m.compile("sgd", "sparse_categorical_crossentropy")
    return m


X, Y = np.ones((8, 4), "float32"), np.zeros(8, "int32")


@pytest.mark.parametrize("label", [3, -1])
def test_labels_out_of_range(label):
    for from_logits in (False, True):
        m = net()
        m.compile("sgd", hb.losses.SparseCategoricalCrossentropy(from_logits=from_logits))
        kept = m.get_weights()
        bad = Y.copy()
        bad[5] = label
        if label < 0 and not from_logits:
            bad[5] = -1
        with pytest.raises(ValueError, match=rf"must be in \[0, 3\); got {label} at row 5"):
            m.fit(X, bad, verbose=0, shuffle=False)
        for a, b in zip(kept, m.get_weights()):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("bad", [7, -1])
def test_embedding_ids_out_of_range(bad):
    m = hb.Sequential([hb.Input((2,), dtype="int32"), L.Embedding(7, 3)])
    with pytest.raises(
        ValueError,
        match=rf"\[gather\] index must be in \[0, 7\); got {bad} at row 3 \(layer \"sequential/embedding\"\)",
    ):
        m.predict(np.array([[0, 1], [2, bad]]), verbose=0)


def test_impossible_shapes_are_found_when_the_model_is_built():
    with pytest.raises(
        ValueError, match=r"\[conv\] the dilated kernel \(5\) is larger than the padded input \(4\).*conv2d"
    ):
        L.Conv2D(2, 5)(hb.Input((4, 4, 1)))
    with pytest.raises(ValueError, match="overflow"):
        ops.conv(np.ones((1, 4, 4, 1), "float32"), np.ones((3, 3, 1, 1), "float32"), dilation_rate=4611686018427387904)
    with pytest.raises((ValueError, MemoryError)):
        hb.function(lambda: ops.zeros((2**40, 2**40)) + 1.0)()
    with pytest.raises(MemoryError, match="dense.*kernel.*GiB"):
        L.Dense(2**40)(hb.Input((2**20,)))
    for shape in ((-1, -1), (0, -1), (7,)):
        with pytest.raises(ValueError, match="reshape"):
            ops.reshape(np.ones(6), shape)
    with pytest.raises(ValueError, match="must be ints >= 0"):
        hb.Input((-3,))


def test_batches_and_samples():
    m = net()
    assert m.predict(np.zeros((0, 4), "float32"), verbose=0).shape == (0, 3)
    with pytest.raises(ValueError, match="no samples"):
        m.fit(X[:0], Y[:0], verbose=0)
    with pytest.raises(ValueError, match=r"same number of samples. Received: \[8, 7\]"):
        m.fit(X, Y[:7], verbose=0)
    for bad, error in ((0, ValueError), (-1, ValueError), (2.5, TypeError)):
        with pytest.raises(error, match="batch_size"):
            m.fit(X, Y, batch_size=bad, verbose=0)
    m.fit(X, Y, batch_size=10**9, verbose=0)
    with pytest.raises(ValueError, match=r"must have shape \(None, 4\). Received: shape=\(None, 5\)"):
        m.predict(np.ones((2, 5), "float32"), verbose=0)


def test_loss_shapes_must_agree():
    m = hb.Sequential([hb.Input((4,)), L.Dense(1)])
    m.compile("sgd", "mse")
    m.fit(X, np.ones(8), verbose=0)  # (8,) and (8, 1): squeezed, as Keras
    m = hb.Sequential([hb.Input((4,)), L.Dense(2)])
    m.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"\[mean_squared_error\] y_true and y_pred must have one shape"):
        m.fit(X, np.ones((8, 3)), verbose=0)


def test_dtypes():
    m = net()
    with pytest.raises(TypeError, match="numeric"):
        m.predict(np.array([["a"] * 4]), verbose=0)
    with pytest.raises(TypeError, match="real"):
        m.predict(np.ones((1, 4), "complex64"), verbose=0)
    want = m.predict(X, verbose=0)
    for a in (
        X.astype("float64"),
        X.astype(">f4"),
        X.astype("int64"),
        X.astype("float16"),
        X.astype(bool),
        X[::-1],
        np.broadcast_to(np.float32(1), (8, 4)),
        np.asfortranarray(X),
    ):
        np.testing.assert_allclose(m.predict(a, verbose=0), want, rtol=1e-6)


def test_masked_and_weightless_rows_give_zero_not_nan():
    np.testing.assert_array_equal(np.asarray(ops.softmax(np.float32([[-np.inf, -np.inf]]))), [[0, 0]])
    m = net()
    kept = m.get_weights()
    m.fit(X, Y, sample_weight=np.zeros(8), verbose=0)
    for a, b in zip(kept, m.get_weights()):
        np.testing.assert_array_equal(a, b)
    bn = hb.Sequential([hb.Input((4,)), L.BatchNormalization()])
    bn.compile("sgd", "mse")
    assert np.isfinite(bn.train_on_batch(X[:1], X[:1]))
    assert float(np.asarray(ops.var(np.float32([5.0])))) == 0


def test_denormals_and_large_values():
    assert float(np.asarray(ops.multiply(np.float32(1e38), 2.0))) == pytest.approx(2e38)
    assert np.isinf(np.asarray(ops.multiply(np.float32(1e38), 10.0)))
    hb.function(lambda a: a * 0.5)(np.float32([1e-38]))
    assert np.float32(1e-40) * np.float32(0.5) > 0  # the host's own arithmetic still has denormals


def test_metrics_of_names_that_do_not_exist():
    for kwargs in ({"optimizer": "adamm"}, {"loss": "msee"}):
        m = net()
        with pytest.raises(ValueError, match="unknown"):
            m.compile(**{"optimizer": "sgd", "loss": "mse", **kwargs})
            m.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="compile"):
        hb.Sequential([L.Dense(1)]).fit(X, Y)


def test_memory_stays_flat():
    import resource

    x = np.ones((64, 4), "float32")
    m = net()
    m.fit(x, np.zeros(64, "int32"), epochs=50, verbose=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5):
        m.fit(x, np.zeros(64, "int32"), epochs=200, verbose=0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024
