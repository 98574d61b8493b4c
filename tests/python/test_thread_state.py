"""What calls pass down is the thread's own: its trace, its tapes, its training flag and its layers' names."""

import threading

import numpy as np

import hornbeam as hb
from hornbeam import ops
from hornbeam.core.state import state


def beside(*calls):
    """Runs each in a thread of its own, and raises what one raised."""
    failed = []

    def run(call):
        try:
            call()
        except BaseException as e:  # noqa: BLE001
            failed.append(e)

    threads = [threading.Thread(target=run, args=(c,)) for c in calls]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


class Waits(hb.layers.Layer):
    """Holds its call until another thread has come through, then calls the layer inside."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.entered, self.go_on = threading.Event(), threading.Event()

    def call(self, x, training=False):
        self.entered.set()
        assert self.go_on.wait(60)
        return self.inner(x)


def test_inference_beside_training():
    drop = hb.layers.Dropout(0.5)
    outer = Waits(drop)
    x = np.ones((1, 1000), "float32")
    dropped = {}

    def train():
        dropped["train"] = int((np.asarray(outer(x, training=True)) == 0).sum())

    def infer():
        assert outer.entered.wait(60)
        try:
            dropped["infer"] = int((np.asarray(drop(x)) == 0).sum())
            assert state.training is None and not state.scope
        finally:
            outer.go_on.set()

    beside(train, infer)
    assert dropped["infer"] == 0 and 400 < dropped["train"] < 600
    assert state.training is None and not state.scope


def test_a_trace_and_ops_beside_it():
    traced, go_on = threading.Event(), threading.Event()
    w = hb.Variable(np.float32(2))
    got = {}

    @hb.function
    def f(x):
        y = w * x
        traced.set()
        assert go_on.wait(60)
        w.assign(y)
        return y

    def trace():
        got["compiled"] = float(f(np.float32(3)))

    def eager():
        assert traced.wait(60)
        try:
            got["eager"] = float(w * 10.0)  # a number, at once
            v = hb.Variable(np.float32(5))
            with hb.GradientTape() as tape:
                y = v * v
            got["slope"] = float(tape.gradient(y, v))
        finally:
            go_on.set()

    beside(trace, eager)
    assert got == {"compiled": 6, "eager": 20, "slope": 10} and float(w.numpy()) == 6


def test_tapes_see_their_own_thread():
    w = hb.Variable(np.float32(2))
    inside, done = threading.Event(), threading.Event()
    got = {}

    def taped():
        with hb.GradientTape(persistent=True) as tape:
            y = w * 3.0
            inside.set()
            assert done.wait(60)
            got["z"] = tape.gradient(got["other"] * 1.0, w)
            y = y + w
        got["y"] = float(tape.gradient(y, w))

    def other():
        assert inside.wait(60)
        assert not state.tapes
        got["other"] = w * 100.0
        done.set()

    beside(taped, other)
    assert got["z"] is None and got["y"] == 4


def test_steps_of_several_threads():
    """Tapes, compiled and not, in threads that go on at the same time."""

    def run(seed):
        r = np.random.default_rng(seed)
        a = r.normal(size=(3, 3)).astype("float32")
        w = hb.Variable(a)

        def step(x):
            with hb.GradientTape() as tape:
                y = ops.sum(ops.square(ops.matmul(x, w)))
            return tape.gradient(y, w)

        compiled = hb.function(step)
        for n in range(1, 6):
            x = r.normal(size=(n, 3)).astype("float32")
            want = 2 * x.T @ x @ a
            for f in (step, compiled):
                np.testing.assert_allclose(f(x), want, rtol=1e-4, atol=1e-4)

    beside(*[lambda s=s: run(s) for s in range(4)])
