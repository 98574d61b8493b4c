"""Forks, exits, other libraries, and surroundings that lack something."""

import importlib.util
import itertools
import pathlib
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import scripts

import hornbeam as hb

CHILD = """
def in_child(work, seconds=20):
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.alarm(seconds)  # ends a child that hangs
        work()
        code = 0
    finally:
        os._exit(code)

def joined(pid):
    status = os.waitpid(pid, 0)[1]
    assert status == 0, f"a child hangs or fails: status {status}"
"""


def test_fault_44_fork_after_compute():
    scripts.run(
        CHILD,
        """
        m, big = net(threads=2), np.ones((4096, 4), "float32")
        m.predict(big, verbose=0)
        def work():
            assert m.predict(big, verbose=0).shape == (4096, 3)
            m.fit(big, np.zeros(4096, "int32"), verbose=0)
            joined(in_child(lambda: m.predict(big, verbose=0)))  # a child's child
        joined(in_child(work))
        """,
    )


def test_fault_44_fork_from_a_thread():
    scripts.run(
        CHILD,
        """
        m, big = net(threads=2), np.ones((4096, 4), "float32")
        pids = []
        def fork():
            m.predict(big, verbose=0)
            pids.append(in_child(lambda: m.predict(big, verbose=0)))
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
        joined(pids[0])
        """,
    )


def test_fault_44_a_pool_of_forked_workers():
    scripts.run(
        """
        import multiprocessing
        m, big = net(threads=2), np.ones((4096, 4), "float32")
        want = m.predict(big, verbose=0)
        def work(i):
            return m.predict(big, verbose=0)[: i + 1]
        with multiprocessing.get_context("fork").Pool(3) as pool:
            for i, got in enumerate(pool.map(work, range(6))):
                np.testing.assert_array_equal(got, want[: i + 1])
        """
    )


def test_fault_44_forks_while_other_threads_trace_plan_and_run():
    """No child finds a lock held by a thread that it does not have."""
    scripts.run(
        CHILD,
        """
        import itertools
        m = net(threads=2)
        m.predict(np.ones((8, 4), "float32"), verbose=0)
        done, errors = threading.Event(), []
        def busy(work):
            try:
                for n in itertools.count(1):
                    if done.is_set():
                        return
                    work(n)
            except BaseException as e:
                errors.append(e)
        def trace(n):
            hb.function(lambda a: ops.reshape(a * 2.0, (-1, 1)) + float(n))(np.ones(n % 50 + 1, "float32"))
        def plan(n):
            m.predict(np.ones((n % 1000 + 1, 4), "float32"), batch_size=10**6, verbose=0)
        def eager(n):
            ops.sum(np.ones((n % 300, 3), "float32"))
        def build(n):
            net().predict(np.ones((n % 10 + 1, 4), "float32"), verbose=0)
        team = [threading.Thread(target=busy, args=(f,), daemon=True) for f in (trace, plan, eager, build, plan)]
        for t in team:
            t.start()
        def work():
            m.predict(np.ones((1717, 4), "float32"), batch_size=10**6, verbose=0)
            hb.function(lambda a: ops.exp(a))(np.ones(17, "float32"))
        end = time.time() + 25
        forks = 0
        while forks < 20 or (forks < 300 and time.time() < end):
            joined(in_child(work))
            forks += 1
        done.set()
        for t in team:
            t.join()
        assert not errors, errors
        """,
        seconds=120,
    )


@pytest.mark.parametrize(
    "work",
    [
        "m.fit(x, y, epochs=10**6, verbose=0)",
        "m.fit(((x, y) for _ in iter(int, 1)), steps_per_epoch=10**6, verbose=0)",
        "[m.predict(x, verbose=0) for _ in iter(int, 1)]",
        "hb.function(lambda a: ops.sum(ops.matmul(a, a)), threads=2)(np.ones((6000, 6000), 'float32'))",
        "[hb.grad(lambda a: ops.sum(scale(a)))(np.ones(3, 'float32')) for _ in iter(int, 1)]",
    ],
)
def test_fault_51_exit_while_a_daemon_thread_works(work):
    script = f"""
        m, x, y = net(), np.ones((512, 4), "float32"), np.zeros(512, "int32")
        scale = hb.custom_gradient(lambda a: (a * 2.0, lambda dy: dy * 2.0))
        m.fit(x, y, verbose=0)
        m.predict(x, verbose=0)
        threading.Thread(target=lambda: {work}, daemon=True).start()
        time.sleep(float(os.environ["SENT"]))
        """
    for first in range(0, 20, 4):
        team = [scripts.start(script, sent=0.1 + 0.013 * i) for i in range(first, first + 4)]
        for process in team:
            scripts.finish(process)
            # what the interpreter itself says of daemon threads aside, nothing is written


def test_fault_51_the_library_is_closed_and_opened():
    library = pathlib.Path(hb.__file__).parent / "lib" / "libhornbeam.so"
    script = f"""
import _ctypes, ctypes, os
for _ in range(3):
    library = ctypes.CDLL({str(library)!r})
    assert library._ZN8hornbeam12thread_countEv() >= 1
    _ctypes.dlclose(library._handle)
    pid = os.fork()  # what it had called at forks is not there any more
    if pid == 0:
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_fault_51_imports_in_a_subinterpreter():
    """NumPy refuses to be loaded twice, or works: either way nothing crashes."""
    scripts.run(
        """
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        for _ in range(2):
            other = interpreters.create()
            try:
                interpreters.run_string(other, "try:\\n    import hornbeam\\nexcept ImportError:\\n    pass")
            except interpreters.RunFailedError if hasattr(interpreters, "RunFailedError") else Exception:
                pass
            interpreters.destroy(other)
        net().fit(np.ones((8, 4), "float32"), np.zeros(8, "int32"), verbose=0)
        """
    )


def test_fault_52_any_order_of_imports_gives_the_same_numbers():
    """Other libraries bring OpenMP runtimes of their own."""
    others = [name for name in ("sklearn", "scipy", "torch") if importlib.util.find_spec(name)]
    use = {
        "hornbeam": "import hornbeam as hb; hb.utils.set_random_seed(0); x = np.random.default_rng(0).standard_normal("
        "(256, 64)).astype('float32'); f = hb.function(lambda a: hb.ops.matmul(a, hb.ops.transpose(a)), threads=2); "
        "print(f(x).numpy().astype('float64').sum().hex())",
        "sklearn": "from sklearn.cluster import KMeans; KMeans(3, n_init=1, random_state=0).fit(np.random.default_rng(0).standard_normal((500, 3)))",
        "scipy": "import scipy.linalg; scipy.linalg.inv(np.eye(300))",
        "torch": "import torch; torch.set_num_threads(2); torch.ones(300, 300) @ torch.ones(300, 300)",
    }
    seen = set()
    for order in itertools.permutations(["hornbeam", *others[:2]]):
        # each is used, and the first of them once more after all the others
        script = "; ".join(["import numpy as np", *[use[n] for n in order], use[order[0]], use["hornbeam"]])
        out = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script], check=True, capture_output=True, text=True, timeout=120
        ).stdout
        seen |= set(out.split())
    assert len(seen) == 1


SERVICE = """
import os
import numpy as np
import hornbeam as hb
path = os.environ["SENT"]
m = hb.Sequential([hb.Input((4,)), hb.layers.Dense(1)])
m.compile("sgd", "mse")
x, y = np.ones((64, 4), "float32"), np.ones(64, "float32")
m.fit(x, y, epochs=2, callbacks=[hb.callbacks.TerminateOnNaN(), hb.callbacks.EarlyStopping("loss", verbose=1)])
m.fit(x, y, verbose=2)
m.evaluate(x, y)
m.predict(x)
m.summary()
m.save(path + ".hornbeam")
np.testing.assert_array_equal(hb.models.load_model(path + ".hornbeam").predict(x, verbose=0), m.predict(x, verbose=0))
open(path, "w").write("well")
"""


def test_fault_55_no_standard_streams(tmp_path):
    """A service's: nothing to read from, nowhere to write to."""
    scripts.run(
        """
        pid = os.fork()
        if pid == 0:
            for stream in (0, 1, 2):
                os.close(stream)
            os.execv(sys.executable, [sys.executable, "-c", os.environ["SERVICE"]])
        assert os.waitpid(pid, 0)[1] == 0
        assert open(os.environ["SENT"]).read() == "well"
        """,
        sent=tmp_path / "out",
        SERVICE=SERVICE,
    )


def test_fault_55_no_home_and_no_place_for_temporary_files(tmp_path):
    scripts.run(
        """
        m = net()
        m.fit(np.ones((8, 4), "float32"), np.zeros(8, "int32"), verbose=0)
        m.save(os.environ["SENT"])
        hb.models.load_model(os.environ["SENT"]).predict(np.ones((8, 4), "float32"), verbose=0)
        """,
        sent=tmp_path / "m.hornbeam",
        HOME="/nonexistent/home",
        TMPDIR="/nonexistent/tmp",
        XDG_CACHE_HOME="/nonexistent/cache",
    )


def test_fault_55_the_clock_jumps(monkeypatch, capsys):
    real = time.time
    jumps = itertools.cycle([0, -(10**9), 10**9])
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    m = hb.Sequential([hb.Input((4,)), hb.layers.Dense(1)])
    m.compile("sgd", "mse")
    m.fit(np.ones((64, 4), "float32"), np.ones(64, "float32"), epochs=3)
    elapsed = re.findall(r"\x1b\[1m(-?\d+)s\x1b", capsys.readouterr().out)
    assert len(elapsed) == 3 and all(0 <= int(s) < 60 for s in elapsed), elapsed
    # nothing that measures time reads the clock that jumps
    root = pathlib.Path(__file__).resolve().parents[2] / "cpp" / "src"
    for f in [f for floor in ("base", "runtime", "api") for f in (root / floor).rglob("*.[ch]pp")]:
        assert "system_clock" not in f.read_text() and "CLOCK_REALTIME" not in f.read_text(), f
