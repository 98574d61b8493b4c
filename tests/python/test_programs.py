"""Programs that are kept: no more of them than memory is for, and none made again while it is in use."""

import weakref

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops
from hornbeam.core import programs, tensor
from hornbeam.core.changes import Same
from hornbeam.core.programs import ProgramCache
from hornbeam.core.whole import all_or_nothing


class Program:
    def __init__(self, size):
        self.bytes_kept = size


def test_the_least_recently_used_go_first(monkeypatch):
    monkeypatch.setattr(programs, "BUDGET", 1000)
    cache = ProgramCache()
    for i in range(6):
        cache.put(i, Program(200))
    assert [k for k in range(6) if cache.get(k)] == [1, 2, 3, 4, 5]
    cache.get(1)
    cache.put(6, Program(300))
    assert [k for k in range(7) if cache.get(k)] == [1, 4, 5, 6]
    for i in range(10, 20):
        cache.put(i, Program(10**9))  # each alone is too large: the last few stay
    assert [k for k in range(20) if cache.get(k)] == [16, 17, 18, 19]
    small = ProgramCache(most=5)
    for i in range(100):
        small.put(i, Program(0))
    assert len(small) == 5 and small.last() is small.get(99)


def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096


def test_many_lengths_keep_memory_flat(monkeypatch):
    monkeypatch.setattr(programs, "BUDGET", 8 << 20)
    m = hb.Sequential(
        [hb.Input((None, 8)), L.Conv1D(64, 3, padding="same", activation="relu"), L.GlobalMaxPooling1D(), L.Dense(1)]
    )
    m.compile("sgd", "mse")

    def use(lengths):
        for t in lengths:
            x = np.ones((32, t, 8), "float32")
            m.train_on_batch(x, np.ones((32, 1), "float32"))
            m.predict(x, verbose=0)

    use(range(100, 140))
    before = resident()
    use(range(140, 300))
    assert resident() - before < 80 << 20  # 160 lengths take some 2 MiB each
    assert all(4 <= len(programs) < 30 for kind, programs in m._programs.items() if kind != "test")


def test_a_few_lengths_are_traced_once(monkeypatch):
    calls = []

    class Counts(L.Layer):
        def call(self, x):
            calls.append(x.shape)
            return x

    m = hb.Sequential([hb.Input((None, 4)), Counts(), L.GlobalAveragePooling1D(), L.Dense(1)])
    m.compile("sgd", "mse")
    calls.clear()
    for _ in range(5):
        for t in range(10, 22):
            m.train_on_batch(np.ones((4, t, 4), "float32"), np.ones((4, 1), "float32"))
            m.predict(np.ones((4, t, 4), "float32"), verbose=0)
    assert len(calls) == 2 * 12


def test_a_file_has_the_training_step_however_many_predictions_came_later(monkeypatch, tmp_path):
    monkeypatch.setattr(programs, "BUDGET", 1)
    m = hb.Sequential([hb.Input((None, 4)), L.GlobalAveragePooling1D(), L.Dense(1)])
    m.compile("sgd", "mse")
    m.train_on_batch(np.ones((4, 3, 4), "float32"), np.ones((4, 1), "float32"))
    for t in range(3, 30):
        m.predict(np.ones((4, t, 4), "float32"), verbose=0)
    m.save(tmp_path / "m.hornbeam")
    _, _, functions = hb._core.read_model(str(tmp_path / "m.hornbeam"))
    assert set(functions) == {"predict", "train"}


def test_functions_and_eager_ops_keep_memory_flat(monkeypatch):
    monkeypatch.setattr(programs, "BUDGET", 8 << 20)
    f = hb.function(lambda x: ops.sum(ops.matmul(x, x) + 1.0))

    def use(sizes):
        for n in sizes:
            f(np.ones((n, n), "float32"))
            ops.matmul(np.ones((n, n), "float32"), np.ones((n, n), "float32"))

    use(range(500, 540))
    before = resident()
    use(range(540, 660))
    assert resident() - before < 24 << 20  # some 1.4 MiB each, twice
    assert len(f._cache) < 40
    assert len(tensor._programs) <= 512


class Parts(hb.Model):
    """Layers in a list, one after another."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = list(parts)

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


def test_what_layers_say_after_a_program_was_made():
    def ones(**options):
        return L.Dense(4, kernel_initializer="ones", **options)

    x = np.ones((2, 4), "float32")
    model = Parts(ones())
    assert (model.predict_on_batch(x) == 4).all()
    model.parts.append(ones())
    assert (model.predict_on_batch(x) == 16).all()
    del model.parts[1]
    assert (model.predict_on_batch(x) == 4).all()
    with pytest.raises(ZeroDivisionError), all_or_nothing(model):
        model.parts.append(ones())
        assert (model.predict_on_batch(x) == 16).all()
        raise ZeroDivisionError
    assert (model.predict_on_batch(x) == 4).all()
    model.parts[0].dtype_policy = "mixed_float16"
    assert (model.predict_on_batch(x + np.float32(1e-5)) == 4).all()  # rounded before it is summed


def test_layers_and_weights_that_are_replaced_by_their_like():
    def dense(value):
        return L.Dense(4, kernel_initializer=hb.initializers.Constant(value))

    x, y = np.ones((2, 4), "float32"), np.zeros((2, 4), "float32")
    model = Parts(dense(1))
    for value in range(1, 6):  # what goes may leave its place in memory to what comes
        model.parts[0] = dense(value)
        assert (model.predict_on_batch(x) == 4 * value).all()
    model.parts[0].kernel = hb.Variable(np.full((4, 4), 2, "float32"))
    assert (model.predict_on_batch(x) == 8).all()

    model.compile("sgd", "mse")
    model.train_on_batch(x, y)
    model.parts[0] = dense(1)
    with pytest.raises(ValueError, match="was not among those the optimizer was built with"):
        model.train_on_batch(x, y)
    model.compile("sgd", "mse")
    model.train_on_batch(x, y)
    assert (model.parts[0].kernel.numpy() < 1).all()

    double = L.Rescaling(2)
    model = hb.Sequential([hb.Input((4,)), double, L.Rescaling(5), double])
    assert (model.predict_on_batch(x) == 20).all()
    model.pop()
    assert (model.predict_on_batch(x) == 10).all()
    model.pop()
    model.add(L.Rescaling(7))
    assert (model.predict_on_batch(x) == 14).all()


def test_a_file_has_no_training_step_of_layers_that_are_gone(tmp_path):
    x = np.ones((2, 4), "float32")
    model = hb.Sequential([hb.Input((4,)), L.Dense(4)])
    model.compile("sgd", "mse")

    def functions():
        model.save(tmp_path / "m.hornbeam")
        return set(hb._core.read_model(str(tmp_path / "m.hornbeam"))[2])

    model.train_on_batch(x, x)
    model.layers[0].bias.trainable = False
    assert functions() == {"predict", "train"}  # another one, which leaves the bias alone
    model.pop()
    model.add(L.Dense(4))
    assert functions() == {"predict"}


def test_a_key_of_an_object_lets_it_go():
    class Unhashable:
        __hash__ = None

        def __eq__(self, other):
            return True

    keys = set()
    for _ in range(3):
        x = Unhashable()
        keys |= {Same(x), Same(x)}
        assert Same(x) in keys and Same(Unhashable()) not in keys
        gone = weakref.ref(x)
        del x
        assert gone() is None
    assert len(keys) == 3


def test_freezing_a_layer_or_a_weight_between_steps():
    model = hb.Sequential([hb.Input((4,)), L.Dense(1)])
    model.compile("sgd", "mse")
    layer, x, y = model.layers[0], np.ones((2, 4), "float32"), np.full((2, 1), 9, "float32")

    def moves(weight):
        before = weight.numpy()
        model.train_on_batch(x, y)
        return bool((weight.numpy() != before).any())

    assert moves(layer.kernel)
    layer.trainable = False
    assert not moves(layer.kernel)
    layer.trainable = True
    layer.bias.trainable = False
    assert moves(layer.kernel) and not moves(layer.bias)


def test_predictions_are_the_callers_own():
    model = hb.Sequential([hb.Input((4,)), L.Dense(2, kernel_initializer="ones")])
    x = np.ones((3, 4), "float32")
    first = model.predict_on_batch(x)
    first += 1
    assert (first == 5).all() and (model.predict_on_batch(x) == 4).all()
    assert (model.predict_on_batch(x.astype(">f4")) == 4).all() and (model.predict_on_batch(x[:, ::-1]) == 4).all()
