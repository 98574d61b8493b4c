"""Bad input: always the right exception, which says what came; never a crash, a hang or a half-written weight."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L


def net(units=3, d=4):
    m = hb.Sequential([hb.Input((d,)), L.Dense(units, activation="softmax")])
    m.compile("sgd", "sparse_categorical_crossentropy")
    return m


X, Y = np.ones((8, 4), "float32"), np.zeros(8, "int32")


def test_fork_after_compute():
    m = net()
    m.compile("sgd", "sparse_categorical_crossentropy", threads=2)
    big = np.ones((4096, 4), "float32")
    m.predict(big, verbose=0)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if m.predict(big, verbose=0).shape == (4096, 3) else 2
        finally:
            os._exit(code)
    for _ in range(200):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        time.sleep(0.05)
    else:
        os.kill(pid, signal.SIGKILL)
        pytest.fail("the forked child hangs")
    assert status == 0


def test_many_threads_predict_and_two_models_train():
    m, x = net(), np.random.default_rng(0).standard_normal((64, 4)).astype("float32")
    want, errors = m.predict(x, verbose=0), []

    def work():
        for _ in range(10):
            if not np.array_equal(m.predict(x, verbose=0), want):
                errors.append("differs")

    def train():
        net().fit(x, np.zeros(64, "int32"), epochs=3, verbose=0)

    team = [threading.Thread(target=f) for f in [work] * 8 + [train] * 2]
    for t in team:
        t.start()
    for t in team:
        t.join()
    assert not errors


def test_ctrl_c_stops_between_steps(request):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    x, y = np.ones((20000, 4), "float32"), np.zeros(20000, "int32")
    m = net()
    m.fit(x[:64], y[:64], verbose=0)
    timer = threading.Timer(0.4, lambda: os.kill(os.getpid(), signal.SIGINT))
    start = time.perf_counter()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        m.fit(x, y, epochs=100000, batch_size=32, verbose=0)
    assert time.perf_counter() - start < 3 and np.isfinite(m.get_weights()[0]).all()
    m.fit(x[:64], y[:64], verbose=0)


def test_an_exception_in_a_callback_comes_through():
    class Boom(hb.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("mine")

    m = net()
    with pytest.raises(RuntimeError, match="mine"):
        m.fit(X, Y, verbose=0, callbacks=[Boom()])
    m.fit(X, Y, verbose=0)


def test_metrics_of_names_that_do_not_exist():
    for kwargs in ({"optimizer": "adamm"}, {"loss": "msee"}):
        m = net()
        with pytest.raises(ValueError, match="unknown"):
            m.compile(**{"optimizer": "sgd", "loss": "mse", **kwargs})
            m.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="compile"):
        hb.Sequential([L.Dense(1)]).fit(X, Y)


def test_memory_stays_flat():
    import resource

    x = np.ones((64, 4), "float32")
    m = net()
    m.fit(x, np.zeros(64, "int32"), epochs=50, verbose=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5):
        m.fit(x, np.zeros(64, "int32"), epochs=200, verbose=0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024


LITTLE_MEMORY = """
import resource
import numpy as np
import hornbeam as hb
f = hb.function(lambda a: hb.ops.matmul(a, hb.ops.transpose(a)), threads=1)
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


def test_too_little_memory_is_a_memory_error_and_the_next_call_works():
    subprocess.run([sys.executable, "-c", LITTLE_MEMORY], check=True)
