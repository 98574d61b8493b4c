"""What layers, models and metrics find in their attributes, in the order that Keras 3.15 gives."""

import collections
import importlib.util
import json
import os
import warnings

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops

X = np.arange(32).reshape(8, 4).astype("float32") / 32
Y = np.ones((8, 1), "float32")
NUMBERS = os.path.join(os.path.dirname(__file__), "keras_numbers")
Pair = collections.namedtuple("Pair", "first second")


class Holder(hb.Model):
    def call(self, x):
        return x


def units(model):
    return [x.units for x in model.layers]


def shapes(weights):
    return [tuple(w.shape) for w in weights]


def test_collections_nested_and_changed_later():
    m = Holder()
    m.a = []
    m.b = L.Dense(1)
    m.a.append(L.Dense(3))
    m.a += [L.Dense(4)]
    m.d = {"k": (L.Dense(5), [L.Dense(6)])}
    m.d["z"] = L.Dense(7)
    m.d.update({"q": L.Dense(8)}, w=L.Dense(15))
    m.t = (L.Dense(9),)
    m.s = {L.Dense(10)}
    m.a.insert(0, L.Dense(11))
    m.a.extend([L.Dense(12)])
    m.n = Pair(L.Dense(13), 3)
    m.o = collections.OrderedDict(a=L.Dense(14))
    m.s.add(L.Dense(16))
    m.d["k"][1].append(L.Dense(17))
    m.d.setdefault("new", [L.Dense(18)]).append(L.Dense(19))
    m.d |= {"or": L.Dense(20)}
    m.s |= {L.Dense(21)}
    m.o["b"] = L.Dense(22)
    assert units(m) == [1, 3, 4, 5, 6, 7, 8, 15, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22]
    assert isinstance(m.a, list) and isinstance(m.d, dict) and isinstance(m.s, set) and isinstance(m.n, Pair)
    assert [x.units for x in m.a] == [11, 3, 4, 12] and list(m.d) == ["k", "z", "q", "w", "new", "or"]
    m.c = {"a": [1]}
    assert json.dumps(m.c) == '{"a": [1]}' and m.c == {"a": [1]}


def test_what_collections_give_up_is_no_longer_tracked():
    m = Holder()
    m.a = [L.Dense(i) for i in range(1, 11)]
    assert m.a.pop().units == 10 and m.a.pop(0).units == 1
    m.a.remove(m.a[1])
    del m.a[0]
    assert units(m) == [4, 5, 6, 7, 8, 9]
    m.a[:2] = [L.Dense(20)]
    del m.a[-2:]
    assert units(m) == [6, 7, 20]
    m.a.clear()
    m.d = {c: L.Dense(i) for i, c in enumerate("abcd", 1)}
    m.d.pop("a")
    del m.d["b"]
    assert m.d.pop("none", 5) == 5 and m.d.popitem()[0] == "d"
    m.s = {L.Dense(30), L.Dense(30)}
    m.s.pop()
    assert units(m) == [3, 30]
    m.d.clear()
    m.s.clear()
    assert m.layers == []
    with pytest.raises(KeyError):
        m.d.pop("a")
    with pytest.raises(ValueError):
        m.a.remove(L.Dense(1))


def test_replaced_and_deleted_attributes():
    m = Holder()
    m.body, m.head = L.Dense(1), L.Dense(2)
    m.body = L.Dense(3)  # takes the place of the one before
    assert units(m) == [3, 2]
    m.also = m.head
    m.head = None
    assert units(m) == [3, 2]  # another attribute holds it
    m.inside = [{"a": m.also}]
    del m.also
    assert units(m) == [3, 2]
    m.inside[0]["a"] = L.Dense(4)
    assert units(m) == [3, 4]
    del m.inside
    assert units(m) == [3]
    m.body.kernel = hb.Variable(np.zeros((2, 2), "float32"), name="old")
    m.body.kernel = hb.Variable(np.ones((2, 2), "float32"), name="new")
    assert [w.name for w in m.weights] == ["new"]
    del m.body.kernel
    assert m.weights == []


def test_what_is_in_a_list_is_trained():
    class Stack(hb.Model):
        def __init__(self):
            super().__init__()
            self.blocks = []
            for _ in range(2):
                self.blocks.append(L.Dense(4))
            self.scales = {"a": [hb.Variable(np.ones(4, "float32"))]}

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            return x * self.scales["a"][0]

    m = Stack()
    m.compile(hb.optimizers.SGD(0.1), "mse")
    m.fit(X, X + 1, epochs=1, verbose=0)
    before = m.get_weights()
    assert [w.shape for w in before] == [(4,), (4, 4), (4,), (4, 4), (4,)]
    m.fit(X, X + 1, epochs=1, verbose=0)
    assert all(not np.array_equal(a, b) for a, b in zip(before, m.get_weights()))


class Mixed(L.Layer):
    def build(self, shape):
        self.n = self.add_weight(shape=(1,), trainable=False, name="n")
        self.k = self.add_weight(shape=(2,), name="k")
        self.inner = L.Dense(3)
        self.inner.build(shape)
        self.j = self.add_weight(shape=(3,), name="j")
        self.v = hb.Variable(np.zeros(4, "float32"))
        self.w = [hb.Variable(np.zeros(5, "float32"), trainable=False)]
        self.drop = L.Dropout(0.5, seed=1)

    def call(self, x):
        return self.inner(x)


def test_order_of_weights():
    layer = Mixed()
    layer.build((None, 4))
    assert shapes(layer.weights) == [(2,), (3,), (4,), (1,), (5,), (4, 3), (3,)]
    assert shapes(layer.variables) == [(2,), (3,), (4,), (1,), (5,), (4, 3), (3,), (2,)]
    assert shapes(layer.trainable_weights) == [(2,), (3,), (4,), (4, 3), (3,)]
    assert shapes(layer.non_trainable_weights) == [(1,), (5,)]
    assert shapes(layer.non_trainable_variables) == [(1,), (5,), (2,)]


def test_trainable():
    layer = Mixed()
    layer.build((None, 4))
    layer.trainable = False
    assert not any(w.trainable for w in layer.weights) and layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 7
    layer.trainable = True
    assert [w.trainable for w in layer.weights] == [True, True, True, False, False, True, True]
    layer.k.trainable = False
    assert shapes(layer.trainable_weights) == [(3,), (4,), (4, 3), (3,)]
    layer.inner.trainable = False
    assert shapes(layer.trainable_weights) == [(3,), (4,)]
    dense = L.Dense(2, trainable=False)
    dense.build((None, 4))
    assert [w.trainable for w in dense.weights] == [False, False]
    dense.trainable = True
    assert [w.trainable for w in dense.weights] == [True, True]


@pytest.mark.parametrize("make, shape", [
    (lambda: L.Dense(2), (None, 3)), (lambda: L.Conv2D(2, 2), (None, 5, 5, 3)), (L.BatchNormalization, (None, 3)),
    (L.LayerNormalization, (None, 3)), (lambda: L.Embedding(5, 3), (None, 4)), (lambda: L.LSTM(2), (None, 4, 3)),
    (lambda: L.Bidirectional(L.GRU(2)), (None, 4, 3)), (lambda: L.TimeDistributed(L.Dense(2)), (None, 4, 3)),
])  # fmt: skip
def test_build_by_anyone_marks_the_layer(make, shape):
    layer = make()
    layer.build(shape)
    n = len(layer.weights)
    assert layer.built and n
    layer.set_weights([np.full(w.shape, 7, "float32") for w in layer.get_weights()])
    layer(np.ones([2 if d is None else d for d in shape], layer.input_dtype or "float32"))
    assert len(layer.weights) == n and all((w == 7).all() for w in layer.get_weights())
    layer.build(shape)  # again: other weights in the place of those
    assert len(layer.weights) == n


def test_build_that_is_inherited_or_fails():
    class Child(L.Dense):
        def build(self, shape):
            super().build(shape)
            self.extra = self.add_weight(shape=(2,), name="extra")
            if self.fails:
                raise RuntimeError("mine")

    layer = Child(3)
    layer.fails = True
    with pytest.raises(RuntimeError, match="mine"):
        layer.build((None, 4))
    assert not layer.built and layer.weights == []
    layer.fails = False
    layer(X)
    assert layer.built and shapes(layer.weights) == [(4, 3), (3,), (2,)]


def test_build_of_what_has_none():
    class Net(hb.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = L.Dense(3), L.Dense(2)

        def call(self, x):
            return self.b(self.a(x))

    m = Net()
    m.build((None, 4))
    assert m.built and shapes(m.weights) == [(4, 3), (3,), (3, 2), (2,)]

    class Layer(L.Layer):
        def __init__(self):
            super().__init__()
            self.a = L.Dense(3)

        def call(self, x):
            return self.a(x)

    with pytest.warns(UserWarning, match="it has no build.. of its own, so .'dense.*'. are built when"):
        Layer().build((None, 4))
    with pytest.warns(UserWarning, match="call.. fails for input_shape=.None, 4. with NotImplementedError"):
        m = hb.Model()
        m.a = L.Dense(3)
        m.build((None, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Layer()(X)


def test_optimizers_losses_and_what_compile_makes_are_no_part_of_the_model():
    m = Holder()
    m.a = m.b = L.Dense(2)
    m.c = [m.a]
    m.optimizers = [hb.optimizers.Adam()]
    m.loss_fn = hb.losses.MeanSquaredError()
    for _ in range(2):
        m.compile("adam", ["mse"], metrics=["mae", hb.metrics.AUC()], weighted_metrics=[hb.metrics.Precision()])
        assert units(m) == [2] and m.weights == [] and m._metrics == []
        assert [x.name for x in m.metrics] == ["loss", "compile_metrics"]


def test_metrics_in_attributes():
    m = Holder()
    m.a = hb.metrics.Mean(name="a")
    m.more = [hb.metrics.Mean(name="b"), {"c": hb.metrics.Mean(name="c")}]
    m.inner = Holder()  # a model inside keeps its own
    m.inner.d = hb.metrics.Mean(name="d")
    m.layer = L.Dense(1)
    m.layer.e = hb.metrics.Mean(name="e")
    assert [x.name for x in m.metrics] == ["a", "b", "c", "e"]

    class Mine(hb.metrics.Metric):
        def __init__(self):
            super().__init__(name="mine")
            self.parts = [self.add_variable(shape=(2,), name="x"), hb.metrics.Mean()]
            self.last = self.add_weight(name="y")
            self.parts.append(hb.metrics.Sum())

    assert shapes(Mine().variables) == [(2,), (), (), (), ()]


@pytest.mark.parametrize("use", [
    lambda c: c(2)(X), lambda c: c(2).build((None, 4)), lambda c: c(2).add_weight(shape=()),
])  # fmt: skip
def test_a_forgotten_super_init(use):
    class Mine(L.Layer):
        def __init__(self, n):
            self.inner = L.Dense(n)

        def build(self, shape):
            self.w = self.add_weight(shape=())

        def call(self, x):
            return self.inner(x)

    with pytest.raises(RuntimeError, match=r"layer 'Mine', super\(\).__init__\(\) was not called: .* first statement"):
        use(Mine)


@pytest.mark.parametrize("use", [
    lambda m: m(X), lambda m: m.compile("sgd", "mse"), lambda m: m.fit(X, Y), lambda m: m.evaluate(X, Y),
])  # fmt: skip
def test_a_forgotten_super_init_of_a_model(use):
    class Mine(hb.Model):
        def __init__(self):
            self.inner = L.Dense(2)

    with pytest.raises(RuntimeError, match="layer 'Mine', super"):
        use(Mine())


def test_a_forgotten_super_init_of_a_metric():
    class Mine(hb.metrics.Metric):
        def __init__(self):
            self.n = self.add_variable(shape=())

    with pytest.raises(RuntimeError, match="metric 'Mine', super"):
        Mine()


def test_order_of_functional_models():
    spec = importlib.util.spec_from_file_location("orders", os.path.join(NUMBERS, "make_layer_orders.py"))
    orders = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(orders)
    with open(os.path.join(NUMBERS, "layer_orders.json")) as f:
        recorded = json.load(f)
    assert len(recorded) == 60
    for seed, want in enumerate(recorded):
        assert orders.order(hb, seed) == want, seed


def test_functional_models():
    i = hb.Input((4,))
    h = ops.relu(L.Dense(3)(i)) * 2.0
    m = hb.Model(inputs=[i], outputs=[h])
    assert [type(x) for x in m.layers] == [L.InputLayer, L.Dense]  # ops are no layers
    assert isinstance(m.output, list) and m.input_shape == (None, 4) and m.output_shape == (None, 3)
    assert m(X).shape == (8, 3) and m.predict(X, verbose=0).shape == (8, 3)
    d = hb.Model({"u": i}, {"v": h})
    assert d.predict({"u": X}, verbose=0)["v"].shape == (8, 3) and d.output_shape == (None, 3)
    two = hb.Model(i, [h, i])
    assert two.output_shape == [(None, 3), (None, 4)]
    with pytest.raises(ValueError, match="two named 'same'"):
        hb.Model(i, L.Dense(1, name="same")(i) + L.Dense(1, name="same")(i))
    with pytest.raises(AttributeError, match="no symbolic inputs"):
        Holder().inputs  # noqa: B018


def test_functional_subclasses():
    class Mine(hb.Model):
        def extra(self):
            return 1

    i = hb.Input((4,))
    m = Mine(i, L.Dense(2)(i), name="mine")
    assert type(m) is Mine and m.extra() == 1 and m.name == "mine" and m.count_params() == 10
    assert len(m.inputs) == 1 and m.output_shape == (None, 2)
    again = Mine.from_config(m.get_config())
    assert type(again) is Mine and again.output_shape == (None, 2)

    class Coder(hb.Model):
        def __init__(self, size, **kwargs):
            i = hb.Input((4,))
            super().__init__(inputs=i, outputs=L.Dense(4)(L.Dense(size)(i)), **kwargs)
            self.size, self.apart = size, L.Dense(1)

    c = Coder(3, name="coder")
    c.compile(hb.optimizers.SGD(0.1), "mse")
    c.fit(X, X, verbose=0)
    c.apart(X)
    assert c.name == "coder" and [type(x) for x in c.layers] == [L.InputLayer, L.Dense, L.Dense]
    assert shapes(c.weights) == [(4, 3), (3,), (3, 4), (4,), (4, 1), (1,)]


def test_parts_of_models():
    s = hb.Sequential([hb.Input((4,)), L.Dense(3, activation="relu"), L.Dense(2)])
    features = hb.Model(s.inputs, s.layers[0].output)
    rest = hb.Model(s.layers[0].output, s.output)
    np.testing.assert_allclose(
        rest.predict(features.predict(X, verbose=0), verbose=0), s.predict(X, verbose=0), rtol=1e-6
    )
    assert [type(x) for x in rest.layers] == [L.InputLayer, L.Dense] and len(rest.weights) == 2
    again = hb.Model.from_config(rest.get_config())
    again.set_weights(rest.get_weights())
    ones = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(again.predict(ones, verbose=0), rest.predict(ones, verbose=0))


def test_sequential_models():
    dense = L.Dense(4, kernel_initializer="ones", use_bias=False)
    for stack in ([hb.Input((4,)), dense, dense], [dense, L.ReLU(), dense]):
        m = hb.Sequential(stack)
        np.testing.assert_allclose(m.predict(X, verbose=0)[:, 0], X.sum(1) * 4, rtol=1e-6)
        assert len(m.weights) == 1
    assert len(m.layers) == 3 and m.pop() is dense and len(m.layers) == 2 and len(m.weights) == 1

    late = hb.Sequential([L.Dense(3), L.Dense(2)])
    assert not late.built and not hasattr(late, "inputs")
    late(X)
    late.add(L.Dense(1))
    assert late.built and len(late.weights) == 6 and late.output_shape == (None, 1)
    late.pop()
    assert late.output_shape == (None, 2)
    over = hb.Sequential([late, L.Dense(5)])  # built at once: the model knows its input
    assert over.built and over.output_shape == (None, 5) and len(over.weights) == 6


def test_states_of_recurrent_layers_are_no_weights():
    layer = L.LSTM(3, stateful=True)
    m = hb.Sequential([hb.Input(batch_shape=(2, 5, 3)), layer])
    assert shapes(m.weights) == [(3, 12), (3, 12), (12,)] and m.non_trainable_weights == [] and m.count_params() == 84
    x = np.ones((2, 5, 3), "float32")
    first, second = m.predict(x, verbose=0), m.predict(x, verbose=0)
    assert not np.array_equal(first, second)
    layer.reset_state()
    np.testing.assert_array_equal(m.predict(x, verbose=0), first)
