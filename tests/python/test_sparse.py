"""Tables that are read by ids: their gradients stay rows, and updates give the same bits as with dense gradients."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, layers, ops
from hornbeam.core.tensor import emit1
from hornbeam.training.steps import Step

ROWS, WIDTH = 300, 17
OPTIMIZERS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"weight_decay": 0.1}),
    ("SGD", {"clipnorm": 0.01}),
    ("SGD", {"clipvalue": 0.001}),
    ("SGD", {"use_ema": True}),
    ("Adagrad", {}),
    ("Adadelta", {}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adam", {}),
    ("Adam", {"global_clipnorm": 0.01}),
    ("AdamW", {}),
    ("Nadam", {}),
    ("Adamax", {}),
    ("Lion", {}),
]


def train(optimizer, steps=4, regularizer=0.0, **options):
    """A table and its slots after some steps whose ids repeat, and lie near and far from each other; each step's ids."""
    rng = np.random.default_rng(0)
    table = hb.Variable(rng.standard_normal((ROWS, WIDTH)).astype("float32"))
    w = hb.Variable(rng.standard_normal((WIDTH, 3)).astype("float32"))

    def step(ids, target):
        y = ops.matmul(ops.mean(ops.take(table, ids, axis=0), axis=1), w)
        loss = ops.mean(ops.square(y - target))
        if regularizer:
            loss = loss + ops.sum(ops.square(table)) * regularizer
        optimizer.apply(hb.gradients(loss, [table, w]), [table, w])
        return loss

    run = hb.function(step, **options)
    seen = []
    for _ in range(steps):
        ids = np.concatenate([rng.integers(0, 40, (4, 6)), rng.integers(0, ROWS, (4, 3))], 1).astype("int32")
        run(ids, rng.standard_normal((4, 3)).astype("float32"))
        seen.append(ids)
    return [table.numpy(), w.numpy(), *(v.numpy() for v in optimizer.variables)], seen


@pytest.mark.parametrize("name,kwargs", OPTIMIZERS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(OPTIMIZERS)])
@pytest.mark.parametrize("regularizer", [0.0, 0.01])
def test_rows_update_as_the_whole_table_would(name, kwargs, regularizer):
    make = lambda: getattr(hb.optimizers, name)(0.05, **kwargs)  # noqa: E731
    dense = train(make(), regularizer=regularizer, disable=["sparse_updates"])[0]
    for threads in (1, 3):
        for off in ([], ["in_place"]):
            rows = train(make(), regularizer=regularizer, threads=threads, disable=off)[0]
            for a, b in zip(dense, rows, strict=True):
                if "clipnorm" in str(kwargs):  # the norm's sum leaves out zeros, and so adds in another order
                    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
                else:
                    np.testing.assert_array_equal(a, b)


def test_two_lookups_of_one_table():
    results = []
    for off in ([], ["sparse_updates"]):
        table = hb.Variable(np.float32(np.arange(40)).reshape(10, 4))

        def step(a, b, table=table):
            loss = ops.sum(ops.take(table, a, axis=0) * ops.take(table, b, axis=0))
            hb.optimizers.SGD(0.1).apply(hb.gradients(loss, [table]), [table])
            return loss

        hb.function(step, disable=off)(np.int32([1, 3, 3]), np.int32([3, 9, 0]))
        results.append(table.numpy())
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_lazy_leaves_other_rows_alone(name):
    kwargs = {"momentum": 0.9} if name == "SGD" else {}
    make = lambda lazy: getattr(hb.optimizers, name)(0.05, lazy=lazy, **kwargs)  # noqa: E731
    (start, *_), _ = train(make(False), steps=0)
    (once, *_), ids = train(make(True), steps=1)
    (dense, *_), _ = train(make(False), steps=1)
    touched = np.isin(np.arange(ROWS), ids[0])
    np.testing.assert_array_equal(once[touched], dense[touched])
    np.testing.assert_array_equal(once[~touched], start[~touched])
    # rows of earlier steps are left alone too, where momenta would go on moving them
    (three, *_), _ = train(make(True), steps=3)
    (four, *_), ids = train(make(True), steps=4)
    assert not np.array_equal(four, train(make(False), steps=4)[0][0])
    last = np.isin(np.arange(ROWS), ids[-1])
    np.testing.assert_array_equal(four[~last], three[~last])


def test_lazy_is_part_of_the_config():
    config = hb.optimizers.Adam(lazy=True).get_config()
    assert config["lazy"] is True and hb.optimizers.Adam.from_config(config).lazy


def test_ids_out_of_range_leave_the_table_as_it_was():
    table = hb.Variable(np.ones((5, 4), "float32"))

    def step(ids):
        table.assign(table - emit1("scatter_add", [ids, ops.ones((3, 4))], rows=[5]))
        return ops.sum(ids)

    for bad in (7, -1, 5):
        with pytest.raises(ValueError, match=rf"\[unique_rows\] index must be in \[0, 5\); got {bad} at row 1"):
            hb.function(step)(np.int32([0, bad, 1]))
        np.testing.assert_array_equal(table.numpy(), 1)


def test_an_embedding_trains_the_same():
    x = np.random.default_rng(2).integers(0, 50, (64, 5))
    y = (x.sum(1) % 2).astype("int32")
    weights = []
    for optimizer in (hb.optimizers.Adagrad(0.1), hb.optimizers.Adagrad(0.1, lazy=True)):
        hb.utils.set_random_seed(3)
        m = hb.Sequential(
            [hb.Input((5,), dtype="int32"), layers.Embedding(50, 8), layers.GlobalAveragePooling1D(), layers.Dense(2)]
        )
        m.compile(optimizer, hb.losses.SparseCategoricalCrossentropy(from_logits=True))
        m.fit(x, y, epochs=3, batch_size=16, verbose=0)
        weights.append(m.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)  # Adagrad leaves such rows alone anyway


@pytest.mark.parametrize("shape", [(64,), (5, 40), (2, 3, 50)])
def test_products_of_looked_up_rows(shape):
    """With few rows and many ids, products are of the rows: forward, and for each gradient."""
    rng = np.random.default_rng(5)
    table, w, bias = (rng.standard_normal(s).astype("float32") for s in ((9, 20), (20, 33), (33,)))
    ids = rng.integers(0, 9, shape).astype("int32")
    scale = rng.standard_normal((*shape, 33)).astype("float32")

    def step(table, w, bias, ids, scale):
        y = ops.tanh(ops.matmul(ops.take(table, ids, axis=0), w) + bias) * scale
        return y, *hb.gradients(ops.sum(y), [table, w, bias])

    arrays = (table, w, bias, ids, scale)
    for options in ({}, {"threads": 3}):
        on, off = hb.function(step, **options), hb.function(step, disable=["lookup_products"])
        for a, b in zip(on(*arrays), off(*arrays), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    for run, few in ((on, True), (off, False)):
        (compiled,) = run._cache.values()
        assert (str(compiled.executable.graph).count("f32[9,33]") >= 2) == few
    with pytest.raises(ValueError, match=r"index must be in \[0, 9\); got 9"):
        on(table, w, bias, np.full(shape, 9, "int32"), scale)


def test_products_of_a_large_table_stay_products_of_its_rows():
    table, w = np.ones((100, 8), "float32"), np.ones((8, 4), "float32")
    run = hb.function(lambda t, w, ids: ops.matmul(ops.take(t, ids, axis=0), w))
    run(table, w, np.zeros((300,), "int32"))
    (compiled,) = run._cache.values()
    assert "f32[100,4]" not in str(compiled.executable.graph)


def test_a_character_model_has_the_same_gradients():
    """Two cells behind one embedding; predicting with dimensions that are unknown while tracing."""
    x = np.random.default_rng(2).integers(0, 7, (20, 70)).astype("int32")
    i = hb.Input((None,), dtype="int32")
    e = layers.Embedding(7, 8)(i)
    h = layers.Concatenate()([layers.LSTM(5, return_sequences=True)(e), layers.GRU(4, return_sequences=True)(e)])
    m = hb.Model(i, layers.Dense(7)(h))
    m.compile("adam", hb.losses.SparseCategoricalCrossentropy(from_logits=True))

    def step(x):
        return hb.gradients(m.loss(ops.roll(x, 1, 1), m(x)), m.trainable_variables)

    for a, b in zip(hb.function(step)(x), hb.function(step, disable=["lookup_products"])(x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    graph = Step(m, "predict").program((x,)).graph
    on, off = _core.Executable(graph), _core.Executable(graph, disable=["lookup_products"])
    assert "f32[7,20]" in str(on.graph) and "f32[7,20]" not in str(off.graph)
    for n in (20, 1):
        np.testing.assert_allclose(on.run([x[:n]])[0], off.run([x[:n]])[0], rtol=1e-4, atol=1e-6)
    bad = x.copy()
    bad[3, 5] = 7
    with pytest.raises(ValueError, match=rf'index must be in \[0, 7\); got 7 at row {3 * 70 + 5} \(layer ".*embedding'):
        m.predict(bad, batch_size=20, verbose=0)
