"""copy.deepcopy, copy.copy and pickle: what a copy predicts, how it trains on, and that it is apart."""

import copy
import pickle

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops

R = np.random.default_rng(1)
X = R.normal(size=(16, 4)).astype("float32")
Y = R.normal(size=(16, 1)).astype("float32")

WAYS = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "pickle 0": lambda x: pickle.loads(pickle.dumps(x, 0)),
    "pickle 2": lambda x: pickle.loads(pickle.dumps(x, 2)),
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


class Net(hb.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [L.Dense(8, activation="relu"), L.Dropout(0.3)]
        self.named = {"norm": L.BatchNormalization(), "out": (L.Dense(1),)}
        self.tracker = hb.metrics.Mean(name="size")

    def call(self, x, training=False):
        for block in self.blocks:
            x = block(x, training=training) if isinstance(block, L.Dropout) else block(x)
        self.last = x  # a value of the trace, which no copy can keep
        self.tracker.update_state(ops.abs(x))
        return self.named["out"][0](self.named["norm"](x, training=training))


def sequential():
    return hb.Sequential([hb.Input((4,)), L.Dense(8, activation="relu"), L.Dropout(0.3), L.Dense(1)])


def functional():
    i = hb.Input((4,), name="in")
    shared = L.Dense(4, activation="tanh")
    inner = hb.Sequential([hb.Input((4,)), L.Dense(4), L.Dropout(0.2)])
    h = ops.relu(inner(shared(shared(i)))) + i
    return hb.Model(i, L.Dense(1)(h))


MODELS = [sequential, functional, Net]
OPTIMIZERS = {
    "adam": lambda: hb.optimizers.Adam(0.01, use_ema=True, weight_decay=0.1),
    "sgd": lambda: hb.optimizers.SGD(hb.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5), momentum=0.9),
    "rmsprop": lambda: hb.optimizers.RMSprop(0.01, gradient_accumulation_steps=2),
}


def trained(make, optimizer="adam"):
    m = make()
    m.compile(OPTIMIZERS[optimizer](), "mse", metrics=["mae", hb.metrics.R2Score(name="r2")])
    m.fit(X, Y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    return m


@ways
@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_models_go_on_as_the_original_does(way, make, optimizer):
    m = trained(make, optimizer)
    c = way(m)
    assert type(c) is type(m) and c.name == m.name and [x.name for x in c.layers] == [x.name for x in m.layers]
    np.testing.assert_array_equal(c.predict(X, verbose=0), m.predict(X, verbose=0))
    assert c.evaluate(X, Y, verbose=0) == m.evaluate(X, Y, verbose=0)
    before = m.get_weights()
    histories = [c.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0).history]
    assert all(np.array_equal(a, b) for a, b in zip(before, m.get_weights()))  # the copy is apart
    histories.append(m.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0).history)
    assert histories[0] == histories[1]
    assert all(np.array_equal(a, b) for a, b in zip(c.get_weights(), m.get_weights()))
    assert any(not np.array_equal(a, b) for a, b in zip(before, m.get_weights()))


@ways
def test_copies_are_tracked_as_their_originals(way):
    m = trained(Net)
    c = way(m)
    c.blocks.append(L.Dense(2))
    c.named["more"] = L.Dense(3)
    assert len(c.layers) == len(m.layers) + 2 == 6
    c.blocks.pop()
    del c.named["more"]
    assert len(c.layers) == 4
    c.named["out"] = None
    assert len(c.layers) == 3 and len(c.weights) == len(m.weights) - 2
    assert all(x is not y for x, y in zip(c.weights, m.weights))


@ways
def test_graphs_of_copies(way):
    m = trained(functional)
    c = way(m)
    features = hb.Model(c.inputs, c.layers[1].output)
    want = hb.Model(m.inputs, m.layers[1].output).predict(X, verbose=0)
    np.testing.assert_array_equal(features.predict(X, verbose=0), want)
    again = hb.models.clone_model(c)
    again.set_weights(m.get_weights())
    np.testing.assert_array_equal(again.predict(X, verbose=0), m.predict(X, verbose=0))
    assert c.layers[1] is not m.layers[1] and c.input_names == ["in"]


@ways
def test_deep_graphs(way):
    x = i = hb.Input((4,))
    for _ in range(300):
        x = L.Activation("tanh")(x)
    m = hb.Model(i, x)
    np.testing.assert_array_equal(way(m).predict(X, verbose=0), m.predict(X, verbose=0))


@ways
def test_saved_copies(way, tmp_path):
    m = trained(sequential)
    way(m).save(tmp_path / "m.hornbeam")
    again = hb.models.load_model(tmp_path / "m.hornbeam")
    np.testing.assert_array_equal(again.predict(X, verbose=0), m.predict(X, verbose=0))


def test_models_that_are_not_compiled_or_not_built():
    for way in WAYS.values():
        m = hb.Sequential([L.Dense(3), L.Dense(1)])
        c = way(m)
        assert not c.built and c.weights == []
        c.compile("sgd", "mse")
        c.fit(X, Y, verbose=0)
        assert not m.built and len(c.weights) == 4


LAYERS = [
    (lambda: L.Dense(3, kernel_regularizer="l2", kernel_constraint="non_neg"), (4,)),
    (lambda: L.Conv2D(2, 2, activation="gelu"), (5, 5, 3)),
    (L.BatchNormalization, (4,)),
    (lambda: L.Bidirectional(L.LSTM(3, return_sequences=True)), (5, 3)),
    (lambda: L.RNN([L.GRUCell(3), L.SimpleRNNCell(2)]), (5, 3)),
    (lambda: L.TimeDistributed(L.Dense(2)), (5, 3)),
    (lambda: L.Dropout(0.5), (4,)),
    (lambda: L.PReLU(), (4,)),
]


@ways
@pytest.mark.parametrize("make, shape", LAYERS)
def test_layers(way, make, shape):
    x = R.normal(size=(3, *shape)).astype("float32")
    layer = make()
    assert way(layer).built is layer.built
    layer(x)
    c = way(layer)
    for training in (False, True) if "training" in layer.call.__code__.co_varnames else (None,):
        flags = {} if training is None else {"training": training}
        np.testing.assert_array_equal(np.asarray(c(x, **flags)), np.asarray(layer(x, **flags)))
    assert [w.path for w in c.weights] == [w.path for w in layer.weights]
    assert [(w.regularizer is None, w.constraint is None) for w in c.weights] == [
        (w.regularizer is None, w.constraint is None) for w in layer.weights
    ]


@ways
@pytest.mark.parametrize("make", [
    hb.metrics.AUC, lambda: hb.metrics.MeanMetricWrapper(hb.losses.mean_squared_error), hb.metrics.Precision,
])  # fmt: skip
def test_metrics(way, make):
    y, p = (Y > 0).astype("float32"), 1 / (1 + np.exp(-X[:, :1] - 0.3))
    m = make()
    m.update_state(y[:8], p[:8])
    c = way(m)
    assert float(c.result()) == float(m.result())
    c.update_state(y[8:], p[8:])
    assert float(c.result()) != float(m.result())
    m.update_state(y[8:], p[8:])
    assert float(c.result()) == float(m.result()) and c.name == m.name
    c.reset_state()
    assert float(m.result()) != 0


@ways
def test_an_optimizer_alone(way):
    m = trained(sequential)
    o = way(m.optimizer)
    assert o.built and int(o.iterations.numpy()) == 4
    twin = copy.deepcopy(m)
    twin.optimizer = o  # goes on with weights of the same shapes
    want = m.fit(X, Y, epochs=2, shuffle=False, verbose=0).history
    assert twin.fit(X, Y, epochs=2, shuffle=False, verbose=0).history == want
    other = hb.Sequential([hb.Input((4,)), L.Dense(1)])  # and begins anew with others
    other.compile(way(m.optimizer), "mse")
    other.fit(X, Y, verbose=0)
    assert len(other.optimizer._slots) == 3 * 2
    fresh = way(hb.optimizers.Adam(0.1))
    assert not fresh.built and float(fresh.learning_rate.numpy()) == pytest.approx(0.1)


@ways
@pytest.mark.parametrize("make", [
    hb.losses.MeanSquaredError, lambda: hb.losses.CategoricalCrossentropy(label_smoothing=0.1),
    lambda: hb.initializers.HeNormal(seed=1), lambda: hb.regularizers.L1L2(0.1, 0.2), lambda: hb.constraints.MaxNorm(2.0),
    lambda: hb.optimizers.schedules.CosineDecay(0.1, 10), lambda: hb.callbacks.EarlyStopping(patience=3),
])  # fmt: skip
def test_parts(way, make):
    part = make()
    c = way(part)
    assert type(c) is type(part)
    if hasattr(part, "get_config"):
        assert c.get_config() == part.get_config()


@ways
def test_seeds_and_variables(way):
    g = hb.random.SeedGenerator(3)
    hb.random.uniform((2,), seed=g)
    c = way(g) if way is not copy.copy else copy.deepcopy(g)
    want = np.asarray(hb.random.uniform((4,), seed=g))
    np.testing.assert_array_equal(np.asarray(hb.random.uniform((4,), seed=c)), want)
    v = hb.Variable([1.0, 2.0], trainable=False, name="v")
    c = way(v)
    c.assign([3.0, 4.0])
    assert v.numpy().tolist() == [1, 2] and c.name == "v" and not c.trainable and c.dtype == "float32"
