"""Programs that are kept: no more of them than memory is for, and none made again while it is in use."""

import threading
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
    for given in (x, np.ones((70, 4), "float32"), hb.data.Dataset.from_tensor_slices(x).batch(3)):
        for _ in range(2):
            y = model.predict(given, verbose=0)
            y += 1
            assert (y == 5).all()
    model.run_eagerly = True
    for y in (model.predict(x, verbose=0), model.predict_on_batch(x)):
        y += 1
        assert (y == 5).all()


def calls_of(model, x):
    """What predicts this array: as one batch, and as data."""
    return {"on_batch": lambda: model.predict_on_batch(x), "predict": lambda: model.predict(x, verbose=0)}


@pytest.mark.parametrize("how", ["on_batch", "predict"])
def test_the_same_prediction_once_more(how):
    x = np.arange(12, dtype="float32").reshape(3, 4)
    dense = hb.layers.Dense(1, kernel_initializer="ones")
    model = hb.Sequential([hb.Input((4,)), dense])

    def predict(x=x):
        calls = calls_of(model, x)
        return [np.array(calls[how]()) for _ in range(3)]

    def same(got, want):
        for g in got:
            np.testing.assert_allclose(g, want, rtol=1e-5)

    total = x.sum(1, keepdims=True)
    same(predict(), total)
    dense.kernel.assign(2 * np.ones((4, 1)))
    same(predict(), 2 * total)
    same(predict(x[::-1]), 2 * total[::-1])  # of any layout
    same(predict(x.astype("float64")), 2 * total)
    same(predict(np.asfortranarray(x)), 2 * total)
    same(predict(x[:1]), 2 * total[:1])
    dense.kernel = hb.Variable(3 * np.ones((4, 1), "float32"))  # another variable
    same(predict(), 3 * total)
    model.add(hb.layers.Rescaling(10.0))
    same(predict(), 30 * total)
    model.run_eagerly = True
    dense.call = lambda x: x[:, :1]
    same(predict(), 10 * x[:, :1])
    model.run_eagerly = False
    del dense.call
    model.compile("sgd", "mse")
    same(predict(), 30 * total)
    with pytest.raises(ValueError):
        calls_of(model, x[:, :3])[how]()
    with pytest.raises(ValueError, match="axis of samples"):
        calls_of(model, x[0, 0])[how]()
    with pytest.raises(ValueError, match="axis of samples"):
        calls_of(model, np.array(1.0, "float32"))[how]()
    same(predict(), 30 * total)


def test_a_prediction_once_more_heeds_floatx_and_tf32():
    x = np.ones((2, 4), "float32")
    model = hb.Sequential([hb.Input((4,)), hb.layers.Dense(1)])
    model.predict_on_batch(x)
    assert model.predict_on_batch(x).dtype == "float32" and len(model._programs["predict"]) == 1
    try:
        hb.config.enable_tf32()
        model.predict_on_batch(x)
        assert len(model._programs["predict"]) == 2  # another program
        hb.config.enable_tf32(False)
        hb.config.set_floatx("float64")
        model.predict_on_batch(x)
        assert len(model._programs["predict"]) == 3  # its input is float64 now
    finally:
        hb.config.enable_tf32(False)
        hb.config.set_floatx("float32")


def test_arguments_of_a_prediction_once_more():
    x = np.ones((3, 4), "float32")
    model = hb.Sequential([hb.Input((4,)), hb.layers.Dense(1)])
    want = model.predict(x, verbose=0)
    for size in (0, -1, 1.5, "3"):
        with pytest.raises((ValueError, TypeError), match="batch_size"):
            model.predict(x, batch_size=size, verbose=0)
    for size in (1, 2, 3, 4, np.int64(2)):
        np.testing.assert_allclose(model.predict(x, batch_size=size, verbose=0), want, rtol=1e-6)
    model.stop_predicting = True
    model.predict(x, verbose=0)
    assert not model.stop_predicting
    seen = []

    class Sees(hb.callbacks.Callback):
        def on_predict_begin(self, logs=None):
            seen.append("begin")

        def on_predict_batch_end(self, batch, logs=None):
            seen.append(logs["outputs"].shape)

    model.predict(x, verbose=0, callbacks=[Sees()])
    assert seen == ["begin", (3, 1)]
    assert model.predict(x[:0], verbose=0).shape == (0, 1)
    with pytest.raises(ValueError, match="verbose"):
        model.predict(x, verbose="")


def test_predictions_of_many_threads_at_once():
    model = hb.Sequential([hb.Input((4,)), hb.layers.Dense(1, kernel_initializer="ones")])
    arrays = [np.full((n, 4), n, "float32") for n in (1, 2, 3)] + [np.full((2, 4), 5, "int32")]
    wrong = []

    def predict(n):
        for i in range(200):
            x = arrays[(n + i) % len(arrays)]
            for y in (model.predict_on_batch(x), model.predict(x, verbose=0)):
                if y.shape != (len(x), 1) or not np.allclose(y, x.sum(1, keepdims=True)):
                    wrong.append((n, i))

    threads = [threading.Thread(target=predict, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
