"""Models on a GPU beside the CPU: training, faults, state that moves between them."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, layers, ops
from hornbeam.core.trace import Trace
from hornbeam.examples import digits


def data(n=70, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 8, 8, 2)).astype("float32")
    return x, (x.mean((1, 2, 3)) * 40).astype("int32") % classes


def network(**options):
    model = hb.Sequential(
        [
            hb.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.25),
            layers.Dense(3),
        ]
    )
    loss = hb.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(hb.optimizers.Adam(0.01), loss, metrics=["accuracy"], **options)
    return model


def trained(device, epochs=2, **options):
    hb.utils.set_random_seed(11)
    model = network(device=device, **options)
    x, y = data()
    return model, model.fit(x, y, batch_size=16, epochs=epochs, validation_split=0.2, verbose=0).history


def test_training_follows_the_cpu():
    """The same shuffles, dropout masks and updates: fit runs two steps ahead, the last batch is smaller."""
    (cpu, want), (gpu, got) = trained("cpu"), trained("gpu")
    assert want.keys() == got.keys()
    for key in want:
        np.testing.assert_allclose(got[key], want[key], rtol=2e-4, atol=2e-5, err_msg=key)
    for a, b in zip(cpu.weights, gpu.weights, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=2e-3, atol=2e-5, err_msg=a.path)


def test_two_runs_have_equal_bits():
    (first, _), (second, _) = trained("gpu"), trained("gpu")
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_model_moves_between_devices(tmp_path):
    model, _ = trained("gpu", epochs=1)
    x, y = data()
    path = tmp_path / "model.hornbeam"
    model.save(path)
    loaded = hb.load_model(path)
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    # the optimizer's state moved too: one more step from here is the same on both
    with hb.device("cpu"):
        want = loaded.train_on_batch(x, y)
    got = model.train_on_batch(x, y)
    np.testing.assert_allclose(got, want, rtol=1e-4)
    with hb.device("gpu"):
        again = hb.load_model(path)
        np.testing.assert_allclose(again.train_on_batch(x, y), want, rtol=1e-4)


def test_the_host_reads_and_writes_variables_between_steps():
    v = hb.Variable(np.arange(4, dtype="float32"), name="v")
    step = hb.function(lambda x: v.assign_add(x), device="gpu")
    on_cpu = hb.function(lambda x: v.assign(v * x), device="cpu")
    one = np.ones(4, "float32")
    step(one)
    step(one)
    assert v.numpy().tolist() == [2, 3, 4, 5]
    v.assign([0, 0, 0, 1])
    step(one)
    assert v.numpy().tolist() == [1, 1, 1, 2]
    on_cpu(np.float32(3))
    step(one)
    step(one)
    on_cpu(np.float32(2))
    assert v.numpy().tolist() == [10, 10, 10, 16]


def test_models_that_share_weights_see_each_other_s_steps():
    dense = layers.Dense(2, use_bias=False, kernel_initializer="ones")
    a, b = hb.Sequential([hb.Input((3,)), dense]), hb.Sequential([hb.Input((3,)), dense])
    for model in (a, b):
        model.compile("sgd", "mse", device="gpu")
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")
    before = b.predict(x, verbose=0)
    a.train_on_batch(x, y)
    after = b.predict(x, verbose=0)
    assert (after < before).all()
    with hb.device("cpu"):
        np.testing.assert_allclose(np.asarray(dense(x)), after, rtol=1e-6)


@pytest.mark.parametrize("bad", [3, -1, 2**31 - 1])
def test_a_bad_label_changes_nothing_and_raises_as_on_the_cpu(bad):
    x, y = data(n=160)
    y = y.copy()
    y[71] = bad  # in the fifth batch of 16: others are under way
    said, kept = [], []
    for device in ("cpu", "gpu"):
        hb.utils.set_random_seed(5)
        model = network(device=device)
        with pytest.raises(ValueError, match="must be in") as error:
            model.fit(x, y, batch_size=16, shuffle=False, verbose=0)
        said.append(str(error.value))
        kept.append([w.numpy() for w in [*model.weights, *model.optimizer.variables]])
        model.fit(x, y.clip(0, 2), batch_size=16, epochs=1, verbose=0)  # and it goes on
    assert said[0] == said[1] and str(bad) in said[0]
    for a, b in zip(*kept, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-3, atol=2e-5)  # of four whole steps, and no part of a fifth


def test_a_bad_id_is_named_wherever_it_is():
    """Computed ids, i64 beyond 32 bits, and in the body of a scan."""
    table = np.arange(12, dtype="float32").reshape(4, 3)

    def looked_up(ids):
        return ops.take(table, ids * 2, axis=0)

    def scanned(ids):
        return ops.scan(lambda c, i: (c + ops.sum(ops.take(table, i, axis=0)), c), np.float32(0), ids)[0]

    for f, ids in (
        (looked_up, np.array([0, 1, 1, 7], "int32")),
        (looked_up, np.array([[0, 1], [2**40, 1]], "int64")),
        (scanned, np.array([1, 2, 9, 0], "int32")),
    ):
        said = []
        for device in ("cpu", "gpu", "gpu"):
            g = hb.function(f, device=device)
            for _ in range(2):
                with pytest.raises(ValueError, match="must be in") as error:
                    g(ids)
                said.append(str(error.value))
        assert len(set(said)) == 1, said


def test_a_loss_that_is_not_finite_is_told_before_weights_change():
    x, y = np.full((4, 3), 1e30, "float32"), np.zeros((4, 1), "float32")
    said = []
    for device in ("cpu", "gpu"):
        model = hb.Sequential([hb.Input((3,)), layers.Dense(1, kernel_initializer="ones", name="d")])
        model.compile("sgd", "mse", on_nonfinite="raise", device=device)
        with pytest.raises(ValueError, match="finite") as error:
            model.fit(x, y, verbose=0)
        said.append(str(error.value))
        assert model.get_weights()[0].tolist() == [[1.0]] * 3
    assert said[0] == said[1]


def test_random_streams_are_the_cpu_s_to_the_bit():
    draws = []
    for device in ("cpu", "gpu"):
        with hb.device(device):
            seeds = hb.random.SeedGenerator(3)
            uniform = [np.asarray(hb.random.uniform((n,), seed=seeds)) for n in (1, 5, 1000, 4099)]
            wide = np.asarray(hb.random.uniform((7, 3), dtype="float64", seed=4))
            ints = np.asarray(hb.random.randint((50,), 0, 9, seed=5))
            draws.append([*uniform, wide, ints])
    for a, b in zip(*draws, strict=True):
        np.testing.assert_array_equal(a, b)


def test_scan_while_and_cond_take_the_same_course():
    x = np.linspace(-1, 1, 6).astype("float32")

    def f(x):
        total, ys = ops.scan(lambda c, v: (c * 0.5 + v, c + v), np.float32(1), x)
        n, s = ops.while_loop(lambda n, s: s < 20.0, lambda n, s: (n + 1, s + s + 1.0), (np.int32(0), ops.sum(x) + 0.1))
        picked = ops.cond(s > 30.0, lambda: x * 2, lambda: x - 1)
        return total, ys, n, s, picked

    want = [np.asarray(v) for v in hb.function(f, device="cpu")(x)]
    gpu = hb.function(f, device="gpu")
    for _ in range(3):
        for g, w in zip(gpu(x), want, strict=True):
            np.testing.assert_allclose(np.asarray(g), w, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("flag", [True, False])
def test_a_branch_is_taken_by_the_device_and_the_other_does_nothing(flag):
    """Products, copies, checks and branches inside branches; the host never waits."""
    x, w = np.linspace(-1, 1, 12).astype("float32").reshape(3, 4), np.eye(4, dtype="float32") * 2
    v = hb.Variable(np.zeros((3, 4), "float32"), name="v")

    def f(x, flag, ids):
        def yes():
            inner = ops.cond(ops.sum(x) > 100.0, lambda: x, lambda: ops.matmul(x, w))
            total = ops.scan(lambda c, row: (c + ops.sum(row), c), np.float32(0), inner)[0]
            return inner, total, ops.take(w, ids, axis=0)

        def no():
            return x, ops.sum(x) * 0 - 1.0, w[:2]

        y = ops.cond(flag, yes, no)
        v.assign(v + y[0])
        return y

    taken, good, bad = np.array(flag), np.array([1, 3], "int32"), np.array([1, 9], "int32")
    on_cpu, on_gpu = hb.function(f, device="cpu"), hb.function(f, device="gpu")
    for run in range(3):
        want = [np.asarray(a) for a in on_cpu(x, taken, good)]
        state = v.numpy()
        v.assign(state - want[0])
        got = on_gpu(x, taken, good)
        for g, a in zip(got, want, strict=True):
            np.testing.assert_allclose(np.asarray(g), a, rtol=1e-6, err_msg=str(run))
        np.testing.assert_allclose(v.numpy(), state, rtol=1e-6)
    program = on_gpu._cache.values()[0].executable
    assert program.stats([(3, 4), (), (2,)])["waits"] == 0
    if flag:  # an index is checked where it is read
        with pytest.raises(ValueError, match=r"must be in \[0, 4\); got 9 at row 1"):
            on_gpu(x, taken, bad)
    else:
        on_gpu(x, taken, bad)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_other_precisions_train(dtype):
    """Products of float16 and bfloat16 with float32 weights and updates; float64 throughout."""
    wide = "float64" if dtype == "float64" else "float32"
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((24, 20)).astype(wide), rng.standard_normal((24, 4)).astype(wide)
    start = rng.standard_normal((20, 4)).astype(wide) / 4
    losses = {}
    for device in ("cpu", "gpu"):
        w = hb.Variable(start, dtype=wide, name="w")
        optimizer = hb.optimizers.SGD(0.1)

        def step(x, y, w=w, optimizer=optimizer):
            def loss_of():
                h = ops.matmul(ops.cast(x, dtype), ops.cast(w, dtype))
                return ops.mean(ops.square(ops.cast(ops.tanh(h), wide) - y))

            loss = loss_of()
            optimizer.apply([hb.gradients(loss, [w])[0]], [w])
            return loss

        run = hb.function(step, device=device)
        losses[device] = [float(run(x, y)) for _ in range(5)]
        assert w.dtype == wide
    np.testing.assert_allclose(losses["gpu"], losses["cpu"], rtol=1e-9 if dtype == "float64" else 1e-2)
    assert losses["gpu"][-1] < losses["gpu"][0]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_dtype_policies_train(policy):
    """Products in 16 bits, weights and their updates in 32; float16 scales its loss, and skips a step that overflows."""
    got = {}
    for device in ("cpu", "gpu"):
        hb.utils.set_random_seed(3)
        hb.config.set_dtype_policy(policy)
        try:
            model = hb.Sequential(
                [
                    hb.Input((8, 8, 2)),
                    layers.Conv2D(4, 3, use_bias=False),
                    layers.BatchNormalization(),
                    layers.Activation("relu"),
                    layers.Flatten(),
                    layers.Dense(16, activation="gelu"),
                    layers.Dense(3, dtype="float32"),
                ]
            )
        finally:
            hb.config.set_dtype_policy("float32")
        loss = hb.losses.SparseCategoricalCrossentropy(from_logits=True)
        optimizer = hb.optimizers.SGD(0.05, momentum=0.9)
        if policy == "mixed_float16":
            optimizer = hb.optimizers.LossScaleOptimizer(optimizer, initial_scale=2.0**18)
        model.compile(optimizer, loss, device=device)
        x, y = data()
        history = model.fit(x, y, batch_size=14, epochs=3, verbose=0, shuffle=False).history["loss"]
        assert all(w.dtype == "float32" for w in model.weights)
        scale = float(optimizer.dynamic_scale.numpy()) if policy == "mixed_float16" else None
        got[device] = (history, scale)
    np.testing.assert_allclose(got["gpu"][0], got["cpu"][0], rtol=0.03)
    assert got["gpu"][1] == got["cpu"][1]
    assert got["gpu"][0][-1] < got["gpu"][0][0]


def test_threads_predict_at_once():
    model, _ = trained("gpu", epochs=1)
    x, _ = data()
    want = model.predict(x, verbose=0)
    failed = []

    def predict():
        try:
            for _ in range(5):
                np.testing.assert_array_equal(model.predict_on_batch(x), want)
        except Exception as e:
            failed.append(e)

    threads = [threading.Thread(target=predict) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed


def test_a_child_process_that_forks_uses_the_cpu_or_says_why_not():
    code = """
import os, numpy as np, hornbeam as hb
assert hb.config.device() == "gpu:0"
f = hb.function(lambda x: x + 1, device="gpu")
f(np.zeros(3, "float32"))
pid = os.fork()
if pid == 0:
    try:
        assert hb.config.device() == "cpu:0" and float(hb.ops.exp(0.0)) == 1
        assert hb.function(lambda x: x * 2, device="cpu")(np.ones(3, "float32")).numpy().tolist() == [2, 2, 2]
        try:
            f(np.zeros(3, "float32"))
            os._exit(2)
        except RuntimeError as e:
            assert "forked" in str(e), e
        os._exit(0)
    except BaseException as e:
        print(repr(e), flush=True)
        os._exit(1)
assert os.waitpid(pid, 0)[1] == 0
print(f(np.zeros(3, "float32")).numpy().tolist())
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "HB_DEVICE": ""},
    )
    assert run.returncode == 0, run.stderr + run.stdout
    assert run.stdout.strip() == "[1.0, 1.0, 1.0]"


def test_profile_times_each_node_and_leaves_state_alone():
    model, _ = trained("gpu", epochs=1)
    x, y = data()
    before = [w.numpy() for w in model.weights]
    rows = hb.profile(model, x[:8], y[:8], repeats=2, verbose=0).rows
    assert {"conv", "matmul", "max_pool"} <= {row.op for row in rows}
    assert all(row.seconds >= 0 for row in rows) and sum(row.seconds for row in rows) > 0
    for w, b in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(w.numpy(), b)


def test_digits():
    """The example, as a user runs it, on a GPU."""
    with hb.device("gpu"):
        _, history, accuracy = digits.train(0, epochs=6)
    assert history["loss"][-1] < history["loss"][0] / 4
    assert accuracy > 0.95


def test_programs_that_share_a_kernel_each_have_their_shared_memory():
    """A sort of few numbers, planned after one of many, does not take its memory away."""
    f = hb.function(lambda x: ops.argsort(x), device="gpu")
    rng = np.random.default_rng(0)
    for n in (1000, 100, 1000, 700, 1000):
        x = rng.standard_normal(n).astype("float32")
        np.testing.assert_array_equal(np.asarray(f(x)), np.argsort(x, kind="stable"))


def test_a_long_loop_and_a_fork_do_not_wait_for_each_other():
    code = """
import os, threading, numpy as np, hornbeam as hb
f = hb.function(lambda x: hb.ops.while_loop(lambda v: v < 3000.0, lambda v: v + 1.0, (x,)), device="gpu")
f(np.float32(2990))
other = threading.Thread(target=lambda: f(np.float32(0)))
other.start()
while other.is_alive():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
other.join()
print("done")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert run.stdout.strip() == "done", run.stderr


def test_profile_trains_as_often_as_it_says():
    v = hb.Variable(np.zeros(2, "float32"))
    with Trace() as trace:
        v.assign(v + trace.input("x", "float32", (2,)))
    for device in ("cpu", "gpu"):
        v.assign(np.zeros(2, "float32"))
        _core.Executable(trace.graph, device=device).profile([np.ones(2, "float32")], 3)
        assert v.numpy().tolist() == [3, 3]


def test_ctrl_c_ends_a_loop_in_the_core_between_steps():
    """The loop was told to go on for hours; the run that a signal's handler ends was not begun, others are whole."""
    code = """
import signal, numpy as np, hornbeam as hb
from hornbeam import _core
from hornbeam.training.steps import Step
model = hb.Sequential([hb.Input((3,)), hb.layers.Dense(2)])
model.compile("sgd", "mse", device="gpu")
x, y = np.ones((1 << 20, 3), "float32"), np.ones((1 << 20, 2), "float32")
loop = _core.BatchLoop(Step(model, "train").program((x[:1], y[:1])).executable, [x, y], 1)
loop.run(0, 2, 1e9)
signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    loop.run(2, 1 << 20, 1e9)
    print("ended by itself")
except KeyboardInterrupt:
    done, ended = int(model.optimizer.iterations.numpy()), loop.at
    loop.run(0, 2, 1e9)
    print(2 < done < 1 << 20, done == ended, int(model.optimizer.iterations.numpy()) == done + 2)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=False)
    assert run.stdout.strip() == "True True True", (run.stdout, run.stderr)
