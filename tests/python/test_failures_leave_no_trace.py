"""What fails half way leaves state as it was: the next call works, and gives what a model that never failed gives."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops
from hornbeam.core.state import state

X = np.random.default_rng(0).standard_normal((16, 6)).astype("float32")
Y = (np.arange(16) % 3).astype("int32")


class FailAt:
    """Makes the n-th call of a method raise MemoryError."""

    def __init__(self, monkeypatch, owner, name, n):
        real, self.calls, self.n = getattr(owner, name), 0, n

        def run(*args, **kwargs):
            self.calls += 1
            if self.calls == self.n:
                raise MemoryError("injected")
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, run)


def fresh():
    hb.utils.clear_session()
    hb.utils.set_random_seed(5)


def model(optimizer="adam", **options):
    fresh()
    m = hb.Sequential(
        [hb.Input((6,)), L.Dense(8, activation="relu"), L.BatchNormalization(), L.Dense(3, activation="softmax")]
    )
    m.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return m


def trained(m):
    hb.utils.set_random_seed(6)
    history = m.fit(X, Y, epochs=2, batch_size=8, shuffle=False, verbose=0, validation_data=(X, Y)).history
    return history, m.get_weights()


def assert_same(a, b):
    assert a[0] == b[0]
    assert len(a[1]) == len(b[1])
    for x, y in zip(a[1], b[1]):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "nadam", "adadelta"])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_slots(monkeypatch, optimizer, n):
    def make():
        kind = type(hb.optimizers.get(optimizer))
        return model(kind(0.01, use_ema=True, **({"momentum": 0.9} if optimizer == "sgd" else {})))

    want = trained(make())
    m = make()
    with monkeypatch.context() as patch:
        FailAt(patch, hb.optimizers.Optimizer, "add_variable_from_reference", n)
        with pytest.raises(MemoryError, match="injected"):
            m.fit(X, Y, verbose=0)
    assert not m.optimizer.built and not m.optimizer._slots
    assert_same(trained(m), want)


def test_slots_in_place(monkeypatch):
    want = trained(model())
    m = model()
    with monkeypatch.context() as patch:
        FailAt(patch, hb._core, "place_in_slab", 2)
        with pytest.raises(MemoryError, match="injected"):
            m.fit(X, Y, verbose=0)
    assert not m.optimizer.built and not m.optimizer._slots
    assert_same(trained(m), want)


def test_slots_that_the_user_makes(monkeypatch):
    class Mine(hb.optimizers.Optimizer):
        fails = True

        def build(self, variables):
            super().build(variables)
            self.m = [self.add_variable_from_reference(v, "m") for v in variables]
            if Mine.fails:
                raise RuntimeError("mine")

        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, gradient * learning_rate)

    m = model(Mine(0.1))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="mine"):
            m.optimizer.build(m.trainable_variables)
        assert not m.optimizer.built and not m.optimizer._slots
    Mine.fails = False
    m.fit(X, Y, verbose=0)
    assert len(m.optimizer._slots) == len(m.trainable_variables)


@pytest.mark.parametrize(
    "make",
    [
        lambda: L.Dense(4),
        lambda: L.BatchNormalization(),
        lambda: L.LayerNormalization(),
        lambda: L.LSTM(4),
        lambda: L.GRU(4),
        lambda: L.RNN([L.LSTMCell(3), L.LSTMCell(4)]),
        lambda: L.Bidirectional(L.LSTM(4)),
        lambda: L.TimeDistributed(L.Dense(4)),
        lambda: L.MultiHeadAttention(2, 3),
        lambda: L.Conv1D(4, 2),
        lambda: L.SeparableConv1D(4, 2),
        lambda: L.PReLU(),
        lambda: L.EinsumDense("abc,cd->abd", output_shape=(None, 4), bias_axes="d"),
    ],
)
def test_weights_of_layers(monkeypatch, make):
    x = np.random.default_rng(0).standard_normal((2, 5, 6)).astype("float32")
    inputs = (x, x) if isinstance(make(), L.MultiHeadAttention) else (x,)
    fresh()
    layer = make()
    hb.utils.set_random_seed(6)
    want = np.asarray(layer(*inputs))
    weights = [w.path for w in layer.weights]
    assert weights
    for n in range(1, len(weights) + 1):
        fresh()
        layer = make()
        with monkeypatch.context() as patch:
            FailAt(patch, hb.layers.Layer, "add_weight", n)
            with pytest.raises(MemoryError, match="injected"):
                layer(*inputs)
        assert not layer.built and not layer.weights
        hb.utils.set_random_seed(6)
        np.testing.assert_array_equal(np.asarray(layer(*inputs)), want)
        assert [w.path for w in layer.weights] == weights


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_weights_of_models_built_by_fit(monkeypatch, n):
    def make():
        fresh()
        m = hb.Sequential([L.Dense(8, activation="relu"), L.Dense(3, activation="softmax")])
        m.compile("adam", "sparse_categorical_crossentropy")
        return m

    class Sub(hb.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = L.Dense(8, activation="relu"), L.Dense(3, activation="softmax")

        def call(self, x):
            return self.b(self.a(x))

    def make_sub():
        fresh()
        m = Sub()
        m.compile("adam", "sparse_categorical_crossentropy")
        return m

    for f in (make, make_sub):
        want = trained(f())
        m = f()
        with monkeypatch.context() as patch:
            FailAt(patch, hb.layers.Layer, "add_weight", n)
            with pytest.raises(MemoryError, match="injected"):
                m.fit(X, Y, verbose=0)
        assert_same(trained(m), want)


def test_a_layer_that_does_not_fit_is_not_added():
    m = hb.Sequential([hb.Input((6,)), L.Dense(4)])
    with pytest.raises(ValueError):
        m.add(L.Conv2D(2, 3))
    assert len(m.layers) == 1 and m.output_shape == (None, 4)
    m.add(L.Dense(3))
    assert m.predict(X, verbose=0).shape == (16, 3)
    m.pop()
    assert m.output_shape == (None, 4)


@pytest.mark.parametrize("kwargs", [
    {"optimizer": "adamm"}, {"loss": "msee"}, {"metrics": ["accuracyy"]}, {"metrics": {"dense_1": "accuracyy"}},
    {"steps_per_execution": 0}, {"threads": -1}, {"on_nonfinite": "what"},
])  # fmt: skip
def test_compile(kwargs):
    want = trained(model())
    m = model()
    with pytest.raises(ValueError):
        m.compile(**{"optimizer": "sgd", "loss": "mse", **kwargs})
    assert_same(trained(m), want)


def test_compile_without_memory(monkeypatch):
    want = trained(model())
    m = model()
    with monkeypatch.context() as patch:
        FailAt(patch, hb.training.compile_utils, "Mean", 1)
        with pytest.raises(MemoryError, match="injected"):
            m.compile("sgd", "mse")
    assert_same(trained(m), want)


def test_compile_twice():
    m = model()
    trained(m)
    for _ in range(3):
        p = np.asarray(m(X, training=True))
        m.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        logs = m.fit(X, Y, batch_size=len(X), verbose=0).history
        assert logs["loss"] == pytest.approx([-np.log(p[np.arange(len(Y)), Y]).mean()], rel=1e-5)
        assert logs["accuracy"] == pytest.approx([(p.argmax(-1) == Y).mean()]) and set(logs) == {"loss", "accuracy"}
    assert len(m.metrics) == 2
    again = model()
    again.set_weights(m.get_weights())
    assert again.evaluate(X, Y, verbose=0) == m.evaluate(X, Y, verbose=0)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_metrics_and_losses_of_several_outputs(monkeypatch, n):
    def make():
        fresh()
        x = hb.Input((6,))
        m = hb.Model(x, [L.Dense(3, activation="softmax", name="a")(x), L.Dense(3, activation="softmax", name="b")(x)])
        m.compile("adam", "sparse_categorical_crossentropy", metrics=[["accuracy"], [hb.metrics.F1Score(name="f1")]])
        return m

    def train(m):
        hot = np.eye(3, dtype="float32")[Y]
        m.compile(
            "adam", ["sparse_categorical_crossentropy", "mse"], metrics=[["accuracy"], [hb.metrics.F1Score(name="f1")]]
        ) if not m.history else None
        return m.fit(X, [Y, hot], shuffle=False, verbose=0).history

    want = train(make())
    m = make()
    m.compile(
        "adam", ["sparse_categorical_crossentropy", "mse"], metrics=[["accuracy"], [hb.metrics.F1Score(name="f1")]]
    )
    with monkeypatch.context() as patch:
        FailAt(patch, hb.metrics.Metric, "add_variable", n)
        with pytest.raises(MemoryError, match="injected"):
            m.fit(X, [Y, np.eye(3, dtype="float32")[Y]], shuffle=False, verbose=0)
    got = m.fit(X, [Y, np.eye(3, dtype="float32")[Y]], shuffle=False, verbose=0).history
    assert set(got) == set(want)
    for k in want:
        np.testing.assert_array_equal(got[k], want[k], err_msg=k)


def test_traces_tapes_and_flags():
    class Fails(L.Layer):
        on = True

        def call(self, x, training=False):
            self.add_loss(ops.sum(x))
            if Fails.on:
                raise RuntimeError(f"mine, training={training}")
            return x * (2.0 if training else 1.0)

    fresh()
    m = hb.Sequential([hb.Input((6,)), L.Dropout(0.5), L.Dense(6)])
    m.compile("sgd", "mse")
    inner = hb.Model()
    layer = Fails()
    inner.call = lambda x, training=False: layer(m(x, training=training), training=training)
    for training in (True, False):
        with pytest.raises(RuntimeError, match=f"training={training}"):
            inner(X, training=training)
    f = hb.function(lambda x: layer(x, training=True))
    with pytest.raises(RuntimeError):
        f(X)
    with pytest.raises(RuntimeError), hb.GradientTape() as tape:
        tape.watch(ops.ones((2,)))
        layer(X)
    for control in (
        lambda x: ops.while_loop(lambda v: ops.sum(layer(v)) > 0, lambda v: (v,), (x,)),
        lambda x: ops.scan(lambda c, v: (layer(c), v), x, ops.ones((2, 3))),
        lambda x: ops.cond(ops.sum(x) > 0, lambda: layer(x), lambda: x),
    ):
        with pytest.raises(RuntimeError):
            hb.function(control)(X)
    assert state.trace is None and not state.tapes
    Fails.on = False
    np.testing.assert_array_equal(np.asarray(f(X)), X * 2)
    np.testing.assert_array_equal(np.asarray(layer(X)), X)  # not training
    m.fit(X, X, verbose=0)


def test_a_step_that_fails_is_not_kept():
    class Fails(L.Layer):
        on = True

        def call(self, x):
            if Fails.on:
                raise RuntimeError("mine")
            return x

    m = hb.Sequential([L.Dense(6), Fails()])
    m.compile("sgd", "mse")
    for call in (lambda: m.fit(X, X, verbose=0), lambda: m.predict(X, verbose=0), lambda: m.evaluate(X, X, verbose=0)):
        with pytest.raises(RuntimeError, match="mine"):
            call()
    Fails.on = False
    m.fit(X, X, verbose=0)
    assert m.predict(X, verbose=0).shape == (16, 6)


def test_a_batch_with_nan_is_left_out_once():
    x = np.ones((80, 6), "float32")
    x[57] = np.nan  # of batch 7 of 10
    m = model(on_nonfinite="skip")
    m.fit(x, np.zeros(80, "int32"), batch_size=8, shuffle=False, verbose=0)
    assert int(m.optimizer.iterations.numpy()) == 9


def test_a_checkpoint_that_failed_is_not_the_best(tmp_path):
    path = tmp_path / "folder" / "m.hornbeam"
    path.parent.write_text("")  # in the way
    keep = hb.callbacks.ModelCheckpoint(path, monitor="loss", save_best_only=True)
    m = model("sgd")
    with pytest.raises(OSError):
        m.fit(X, Y, verbose=0, callbacks=[keep])
    assert keep.best is None
    path.parent.unlink()
    m.fit(X, Y, verbose=0, callbacks=[keep])
    assert path.exists() and keep.best is not None


def test_terminate_on_nan_is_for_one_fit():
    x = np.ones((16, 6), "float32")

    class Boom(hb.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("mine")

    m = model()
    with pytest.raises(RuntimeError, match="mine"):
        m.fit(x, Y, verbose=0, callbacks=[hb.callbacks.TerminateOnNaN(), Boom()])
    x[3] = np.nan
    m.fit(x, Y, batch_size=8, verbose=0)  # as Keras: nothing checks the loss
    assert int(m.optimizer.iterations.numpy()) == 3
