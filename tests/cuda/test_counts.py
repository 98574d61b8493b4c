"""What decides a step's speed on a GPU, counted: launches, bytes, allocations, and when the host waits."""

import ctypes
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, layers, ops
from hornbeam.training.steps import Step

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
from workloads import make  # noqa: E402

# the most launches of a training step, and the most MB that they read and write
MOST = {"tiny": (25, 0.28), "mlp": (36, 30), "lstm": (163, 109), "transformer": (128, 236), "resnet20": (294, 770)}


def step_of(name):
    model, x, y, batch = make(hb, name)
    arrays = [np.asarray(a[:batch]) for a in (x, y)]
    with hb.device("gpu"):
        program = Step(model, "train").program(tuple(arrays))
    return program.executable, arrays


@pytest.mark.parametrize("name", list(MOST))
def test_a_step_launches_and_moves_little_and_never_waits(name):
    executable, arrays = step_of(name)
    stats = executable.stats([a.shape for a in arrays])
    launches, megabytes = MOST[name]
    assert stats["launches"] <= launches
    assert stats["least_bytes"] <= stats["moved_bytes"] <= 1e6 * megabytes
    assert stats["waits"] == 0


def calls():
    library = ctypes.CDLL(os.path.join(os.environ["HB_CUDA_PATH"].split(":")[0], "libcuda.so.1"))
    library.fake_cuda_calls.restype = ctypes.c_ulonglong
    names = ("cuMemAlloc_v2", "cuMemHostAlloc", "cuStreamSynchronize", "cuEventSynchronize", "cuLaunchKernel")
    names += ("cuGraphInstantiateWithFlags", "cuGraphLaunch")
    return {name: library.fake_cuda_calls(name.encode()) for name in names}


@pytest.mark.skipif("HB_CUDA_PATH" not in os.environ, reason="the fake device counts")
def test_once_planned_a_step_allocates_nothing_and_is_one_launch():
    model = hb.Sequential([hb.Input((6,)), layers.Dense(5, activation="relu"), layers.Dense(2)])
    model.compile("adam", "mse", device="gpu")
    x, y = np.ones((32, 6), "float32"), np.ones((32, 2), "float32")
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    before = calls()
    model.fit(x, y, batch_size=4, epochs=3, verbose=0)
    made = {name: n - before[name] for name, n in calls().items()}
    assert made["cuMemAlloc_v2"] == made["cuMemHostAlloc"] == 0
    assert made["cuGraphLaunch"] >= 23  # of 24 steps: a fresh loop runs its first as it comes
    assert made["cuGraphInstantiateWithFlags"] <= 2  # one for each of the two steps that may be under way
    # each step is waited for once, where the loss is read, while the next is under way; a reset or a fetch is another
    assert made["cuEventSynchronize"] <= 24 + 2


@pytest.mark.skipif("HB_CUDA_PATH" not in os.environ, reason="the fake device counts")
def test_a_loop_waits_once_a_turn():
    f = hb.function(lambda x: ops.while_loop(lambda v: v < 100.0, lambda v: v * 2.0, (x,)), device="gpu")
    f(np.float32(1))
    before = calls()
    f(np.float32(1))
    made = {name: n - before[name] for name, n in calls().items()}
    assert made["cuStreamSynchronize"] == 8  # 1, 2, 4, .. 128
    assert made["cuGraphLaunch"] == 0


def test_neighbours_that_depend_on_each_other_stay_apart():
    """Merged launches run at once: what one makes no other may read."""
    n = 4099
    a, b, c = (hb.Variable(np.arange(n, dtype="float32") + i, name=name) for i, name in enumerate("abc"))

    def step(x):
        old = a + 0.0
        a.assign(b * x)
        b.assign(old + c)
        c.assign(c - x)
        return ops.sum(a)

    run, wanted = hb.function(step, device="gpu"), [v.numpy().astype("float64") for v in (a, b, c)]
    for _ in range(3):
        run(np.float32(0.5))
        x, y, z = wanted
        wanted = [y * 0.5, x + z, z - 0.5]
        for v, w in zip((a, b, c), wanted, strict=True):
            np.testing.assert_allclose(v.numpy(), w, rtol=1e-6)


def test_many_updates_are_few_launches():
    variables = [hb.Variable(np.full((5, i + 1), i, "float32"), name=f"v{i}") for i in range(200)]

    def step(x):
        for v in variables:
            v.assign(v + x * v)

    run = hb.function(step, device="gpu")
    for _ in range(2):
        run(np.float32(1))
    for i, v in enumerate(variables):
        assert (v.numpy() == 4 * i).all()
    assert run._cache.values()[0].executable.stats([()])["launches"] <= 8


def test_stats_of_both_devices_speak_of_the_same_work():
    g = _core.Graph()
    x = g.input("x", "float32", [64])
    y = g.add("exp", [x], {})[0]
    g.output("y", g.add("cumsum", [g.add("cumsum", [y], {"axis": 0})[0]], {"axis": 0})[0])
    for device in ("cpu", "gpu"):
        stats = _core.Executable(g, device=device).stats([(64,)])
        assert stats["moved_bytes"] == 6 * 256  # three kernels, each reads and writes 64 floats
        assert stats["least_bytes"] == 6 * 256
