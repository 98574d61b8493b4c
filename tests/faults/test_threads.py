"""Many threads, few threads, and no more threads."""

import threading

import numpy as np
import pytest
import scripts

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops


def net(units=3, d=4, **options):
    m = hb.Sequential([hb.Input((d,)), L.Dense(16, activation="relu"), L.Dense(units, activation="softmax")])
    m.compile("sgd", "sparse_categorical_crossentropy", **options)
    return m


def together(*functions):
    """Runs them in threads and raises what they raise."""
    errors = []

    def work(f):
        try:
            f()
        except BaseException as e:  # noqa: BLE001 - raised below
            errors.append(e)

    team = [threading.Thread(target=work, args=(f,)) for f in functions]
    for t in team:
        t.start()
    for t in team:
        t.join()
    if errors:
        raise errors[0]


def test_fault_45_32_threads_predict_on_one_model():
    x = np.random.default_rng(0).standard_normal((64, 4)).astype("float32")
    for threads in (1, 2):
        m = net(threads=threads)
        want = net(threads=threads)
        want.set_weights(m.get_weights())
        expected = [want.predict(x[:n], verbose=0) for n in (64, 7)]

        def predict(m=m, expected=expected):  # also traced by all at once
            for _ in range(5):
                for n, e in zip((64, 7), expected):
                    np.testing.assert_array_equal(m.predict(x[:n], verbose=0), e)

        together(*[predict] * 32)
        assert len(m._programs["predict"]) == 1


def test_fault_45_predict_during_the_first_fit():
    """The optimizer moves all weights to one place while others read them."""
    x, y = np.random.default_rng(0).standard_normal((256, 4)).astype("float32"), np.zeros(256, "int32")
    for _ in range(5):
        m = net()
        m.predict(x, verbose=0)

        def predict(m=m):
            for _ in range(30):
                assert np.isfinite(m.predict(x, verbose=0)).all()

        together(predict, predict, lambda m=m: m.fit(x, y, epochs=5, verbose=0))


def test_fault_45_two_models_train_as_they_do_alone():
    x = np.random.default_rng(0).standard_normal((64, 4)).astype("float32")
    y = np.arange(64, dtype="int32") % 3

    def train(m):
        m.fit(x, y, epochs=5, shuffle=False, verbose=0)
        m.evaluate(x, y, verbose=0)

    models = [net() for _ in range(4)]
    weights = [m.get_weights() for m in models]
    together(*[lambda m=m: train(m) for m in models])
    for m, w in zip(models, weights):
        alone = net()
        alone.set_weights(w)
        train(alone)
        for a, b in zip(m.get_weights(), alone.get_weights()):
            np.testing.assert_array_equal(a, b)


def test_fault_45_layers_are_built_once():
    class Slow(L.Layer):
        made = 0

        def build(self, shape):
            Slow.made += 1
            self.w = self.add_weight((shape[-1], 2), name="w")

        def call(self, x):
            return ops.matmul(x, self.w)

    layer = Slow()
    together(*[lambda: layer(np.ones((2, 4), "float32"))] * 8)
    assert Slow.made == 1 and len(layer.weights) == 1


@pytest.mark.parametrize("threads", [-1, 10**6, 2**70])
def test_fault_46_numbers_of_threads_that_cannot_be(threads):
    m = net()
    m.fit(np.ones((8, 4), "float32"), np.zeros(8, "int32"), verbose=0)
    kept = m.optimizer
    for make in (lambda: m.compile("adam", "mse", threads=threads), lambda: hb.function(abs, threads=threads)):
        with pytest.raises(ValueError, match=r"`threads` must be an int in \[0, 1024\]. Received: threads="):
            make()
    for bad in ("2", 2.0, True, None):
        with pytest.raises(TypeError, match=r"`threads` must be an int in \[0, 1024\]. Received: threads="):
            m.compile("adam", "mse", threads=bad)
    assert m.optimizer is kept
    m.fit(np.ones((8, 4), "float32"), np.zeros(8, "int32"), verbose=0)


def test_fault_46_their_number_changes_and_results_do_not():
    x = np.random.default_rng(0).standard_normal((300, 4)).astype("float32")
    m, results = net(), []
    for threads in (1, 2, 5, 1, 3, 0):
        m.compile("sgd", "sparse_categorical_crossentropy", threads=threads)
        results.append(m.predict(x, verbose=0))
    for r in results[1:]:
        np.testing.assert_array_equal(r, results[0])


def test_fault_46_the_environment_says_how_many():
    for value, want in (("3", "3"), ("", None)):
        out = scripts.run("print(_core.thread_count())", HB_NUM_THREADS=value)
        assert want is None or out.strip() == want
        assert 1 <= int(out) <= 1024
    for bad in ("0", "-1", "x", "1000000", "2.5"):
        scripts.run(
            """
            try:
                net().predict(np.ones((2, 4), "float32"), verbose=0)
            except ValueError as e:
                assert "HB_NUM_THREADS must be an integer in [1, 1024]. Received: HB_NUM_THREADS=" in str(e), e
            else:
                raise SystemExit("no error")
            """,
            HB_NUM_THREADS=bad,
        )
    out = scripts.run("print(_core.thread_count(), len(os.sched_getaffinity(0)))", HB_NUM_THREADS="")
    count, cpus = map(int, out.split())
    assert count <= cpus


def test_no_thread_can_be_made():
    """The limit on a user's processes, where OpenMP would end this one."""
    scripts.run(
        """
        import resource
        m = net(64, 64, threads=8)
        f = hb.function(lambda a: ops.matmul(a, a), threads=4)
        x, a = np.ones((512, 64), "float32"), np.ones((300, 300), "float32")
        y = np.zeros(512, "int32")
        generator = ((x, y) for _ in range(3))
        if os.getuid() == 0:
            os.setuid(65534)  # the limit is not root's
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        try:
            threading.Thread(target=print).start()
            raise SystemExit("a thread was made")
        except RuntimeError:
            pass
        for _ in range(3):
            assert m.predict(x, verbose=0).shape == (512, 64)
            assert float(f(a).numpy()[0, 0]) == 300
        m.fit(x, y, verbose=0)
        m.fit(generator, verbose=0)
        """
    )


def test_a_thread_more_than_before_cannot_be_made():
    scripts.run(
        """
        import resource
        f = {n: hb.function(lambda a: ops.matmul(a, a), threads=n) for n in (2, 3, 6)}
        a = np.ones((300, 300), "float32")
        if os.getuid() == 0:
            os.setuid(65534)
        assert float(f[2](a).numpy()[0, 0]) == 300  # which makes a thread
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        for n in (3, 2, 6, 2, 3):
            for _ in range(3):
                assert float(f[n](a).numpy()[0, 0]) == 300
        """
    )
