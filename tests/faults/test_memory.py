"""Too little memory: MemoryError and nothing else, and what needs less goes on working."""

import numpy as np
import pytest
import scripts

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops

LIMITS = """
import resource

def under_limits(work, check, most, steps=60):
    # Address space beyond what is in use, from nothing to `most` bytes: each fails somewhere else, the last does not.
    work()
    check()
    failed = 0
    for i in range(steps + 1):
        now = int(open("/proc/self/statm").read().split()[0]) * 4096
        resource.setrlimit(resource.RLIMIT_AS, (now + most * i // steps, resource.RLIM_INFINITY))
        try:
            work()
        except MemoryError:
            failed += 1
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        check()
    assert 3 < failed <= steps, failed
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_fault_50_predict_with_little_memory(threads):
    scripts.run(
        LIMITS,
        f"""
        m = hb.Sequential([hb.Input((32, 32, 3)), L.Conv2D(16, 3, activation="relu"), L.Flatten(), L.Dense(10)])
        m.compile("sgd", "mse", threads={threads})
        x, n = np.ones((600, 32, 32, 3), "float32"), [512]
        want = m.predict(x[:5], verbose=0)
        def work():
            n[0] += 1  # plans anew
            assert m.predict(x[: n[0]], batch_size=1024, verbose=0).shape == (n[0], 10)
        def check():
            np.testing.assert_array_equal(m.predict(x[:5], verbose=0), want)
        under_limits(work, check, 24 << 20)
        """,
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_fault_50_fit_with_little_memory(threads):
    scripts.run(
        LIMITS,
        f"""
        x, y = np.ones((256, 400), "float32"), np.zeros(256, "int32")
        def work():
            m = hb.Sequential([hb.Input((400,)), L.Dense(1000, activation="relu"), L.Dense(10, activation="softmax")])
            m.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], threads={threads})
            m.fit(x, y, batch_size=128, verbose=0)
        small = net()
        small.fit(x[:8, :4], y[:8], verbose=0)
        def check():
            small.fit(x[:8, :4], y[:8], verbose=0)
            assert np.isfinite(small.get_weights()[0]).all()
        under_limits(work, check, 60 << 20)
        """,
    )


def test_fault_50_a_fit_that_failed_goes_on():
    """The same model, whose slots, step or plan could not be made."""
    scripts.run(
        LIMITS,
        """
        x, y = np.ones((64, 400), "float32"), np.zeros(64, "int32")
        def model():
            hb.utils.clear_session(free_memory=False)
            hb.utils.set_random_seed(1)
            m = hb.Sequential([hb.Input((400,)), L.Dense(2000, activation="relu"), L.Dense(10, activation="softmax")])
            m.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], threads=1)
            return m
        def train(m):
            return m.fit(x, y, batch_size=32, shuffle=False, verbose=0).history
        want = train(model())
        made = []
        def work():
            made[:] = [model()]
            train(made[0])
        def check():
            m = made[0] if made else model()
            if int(m.optimizer.iterations.numpy()) == 0:
                assert train(m) == want
        under_limits(work, check, 60 << 20)
        """,
    )


def test_fault_50_save_with_little_memory(tmp_path):
    scripts.run(
        LIMITS,
        """
        path = os.environ["SENT"]
        m = hb.Sequential([hb.Input((400,)), L.Dense(2000), L.Dense(10)])
        m.compile("adam", "mse")
        m.fit(np.ones((8, 400), "float32"), np.ones((8, 10), "float32"), verbose=0)
        kept = m.get_weights()
        def check():
            for a, b in zip(kept, hb.models.load_model(path).get_weights()):
                np.testing.assert_array_equal(a, b)
        def work():
            m.save(path)
            hb.models.load_model(path)
        under_limits(work, check, 40 << 20, steps=40)
        """,
        sent=tmp_path / "m.hornbeam",
    )


def test_fault_50_arrays_that_cannot_be_copied():
    """Inputs that lie otherwise are copied on the way in."""
    scripts.run(
        LIMITS,
        """
        f = hb.function(lambda a: ops.sum(a))
        x = np.ones((1000, 4000), "float32").T
        def work():
            assert float(f(x)) == 4e6
        def check():
            assert float(f(np.ones((2, 3), "float32").T)) == 6
        under_limits(work, check, 40 << 20)
        """,
    )


def test_fault_50_too_little_for_one_size():
    scripts.run(
        """
        import resource
        f = hb.function(lambda a: ops.matmul(a, ops.transpose(a)), threads=1)
        f(np.ones((8, 4), "float32"))
        now = int(open("/proc/self/statm").read().split()[0]) * 4096
        resource.setrlimit(resource.RLIMIT_AS, (now + 2**28, now + 2**28))
        for _ in range(3):
            try:
                f(np.ones((30000, 4), "float32"))
                raise SystemExit("no error")
            except MemoryError as e:
                assert len(str(e)) > 5, e
            assert float(f(np.ones((8, 4), "float32")).numpy().sum()) == 256
        """
    )


def test_fault_50_the_message_says_what_was_too_large():
    with pytest.raises(MemoryError, match=r"needs 8\.0 PiB"):
        hb.function(lambda: ops.zeros((2**20, 2**20, 2**11)) + 1.0)()
    with pytest.raises(MemoryError, match="dense.*kernel.*GiB"):
        L.Dense(2**40)(hb.Input((2**20,)))
    x = np.ones((4, 4), "float32")
    assert float(hb.function(lambda a: ops.sum(a))(x)) == 16
