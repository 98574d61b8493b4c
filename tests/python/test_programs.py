"""Programs that are kept: no more of them than memory is for, and none made again while it is in use."""

import numpy as np

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops
from hornbeam.core import programs, tensor
from hornbeam.core.programs import ProgramCache


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
