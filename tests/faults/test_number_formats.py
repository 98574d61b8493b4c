"""Fault 53: denormals, very large numbers, signed zeros and the edges of half precision; the host's own arithmetic keeps its
denormals, whatever a run does."""

import subprocess
import sys
import threading

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops

TINY = np.float32(1e-40)  # a denormal
INF, NAN = np.inf, np.nan


def host_has_denormals():
    return float(TINY * np.float32(0.5)) > 0 and float(np.float32(2e-38) * np.float32(0.25)) > 0


def test_fault_53_the_host_keeps_its_denormals():
    assert host_has_denormals()
    x = np.full((64, 64), 1e-38, "float32")
    f = hb.function(lambda a: ops.matmul(a * 0.5, a), threads=2)
    f(x)
    assert host_has_denormals()
    model = hb.Sequential([hb.Input((4,)), L.Embedding(3, 2), L.Flatten(), L.Dense(1)])
    model.compile("sgd", "mse", on_nonfinite="raise")
    model.fit(np.ones((4, 4)), np.ones(4), verbose=0)
    assert host_has_denormals()
    for bad in (
        lambda: model.fit(np.full((4, 4), 7), np.ones(4), verbose=0),  # an id out of range
        lambda: model.fit(np.ones((4, 4)), np.full(4, NAN), verbose=0),
        lambda: model.predict(np.full((64, 4), -1), verbose=0),
        lambda: ops.take(x, [99], axis=0),
        lambda: f(np.ones((2, 3), "float32")),  # a shape that does not fit
        lambda: hb.profile(model, np.full((4, 4), 9), np.ones(4)),
    ):
        with pytest.raises(ValueError):
            bad()
        assert host_has_denormals()


def test_fault_53_no_thread_is_left_without_denormals():
    found = []

    def work():
        hb.function(lambda a: a * 0.5, threads=2)(np.full(100_000, 1e-38, "float32"))
        try:
            ops.take(np.ones(3, "float32"), [7])
        except ValueError:
            found.append(host_has_denormals())

    team = [threading.Thread(target=work) for _ in range(4)]
    for t in team:
        t.start()
    for t in team:
        t.join()
    assert found == [True] * 4


def test_fault_53_nor_when_the_memory_is_too_little():
    code = """
import resource
import numpy as np
import hornbeam as hb
f = hb.function(lambda a: hb.ops.matmul(a, hb.ops.transpose(a)))
f(np.ones((8, 4), "float32"))
now = int(open("/proc/self/statm").read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (now + 2**28, now + 2**28))
try:
    f(np.ones((30000, 4), "float32"))
    raise SystemExit("no error")
except MemoryError:
    assert float(np.float32(1e-40) * np.float32(0.5)) > 0
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_fault_53_denormals_count_as_zero_inside():
    """Documented by what it does: products below the least normal number are flushed, those in float64 are not."""
    small = np.float32([1e-38, -1e-38, 1e-40, 1.2e-38])
    got = np.asarray(hb.function(lambda a: a * 0.5)(small))
    assert set(np.abs(got).tolist()) <= {0.0, *np.abs(small * np.float32(0.5)).tolist()}
    wide = hb.function(lambda a: a * 0.5)(np.array([1e-40, 1e-300]))
    np.testing.assert_array_equal(wide, [5e-41, 5e-301])
    for op in (ops.log, ops.sqrt, ops.rsqrt, ops.softplus, ops.sigmoid, ops.tanh, ops.exp):
        assert not np.isnan(np.asarray(op(np.float32([1e-40, 0.0, 1e-45])))).any()


def test_fault_53_very_large_numbers():
    big = np.float32([1e38, -1e38, 3.4e38])
    with np.errstate(all="ignore"):
        for op, f in (
            (lambda a: a * 2, lambda a: a * np.float32(2)),
            (lambda a: a + a, lambda a: a + a),
            (lambda a: a - a, lambda a: a - a),
            (ops.square, lambda a: a * a),
            (lambda a: a / 1e-10, lambda a: a / np.float32(1e-10)),
            (ops.relu, lambda a: np.maximum(a, 0)),
            (ops.tanh, np.tanh),
            (ops.abs, np.abs),
            (ops.sqrt, np.sqrt),
        ):
            np.testing.assert_array_equal(hb.function(op)(big), f(big))
    np.testing.assert_array_equal(ops.sigmoid(big), [1, 0, 1])
    np.testing.assert_array_equal(ops.softmax(big), [0, 0, 1])
    np.testing.assert_array_equal(ops.softmax(np.float32([[3e38, 3e38]])), [[0.5, 0.5]])
    np.testing.assert_allclose(ops.logsumexp(np.float32([3e38, 3e38])), 3e38, rtol=1e-6)
    np.testing.assert_array_equal(ops.sum(np.float32([3e38, 3e38])), INF)
    np.testing.assert_allclose(ops.softplus(np.float32([1e38, -1e38])), [1e38, 0], rtol=1e-6)
    np.testing.assert_allclose(ops.logaddexp(np.float32([1e38]), np.float32([1e38])), [1e38], rtol=1e-6)
    loss = ops.sparse_categorical_crossentropy(np.array([0, 1]), np.float32([[1e38, 0], [1e38, 0]]), True)
    np.testing.assert_allclose(loss, [0, 1e38], rtol=1e-6)
    np.testing.assert_allclose(ops.binary_crossentropy(np.float32([1, 0]), np.float32([1e38, 1e38]), True), [0, 1e38])
    for activation in (
        "relu",
        "gelu",
        "silu",
        "elu",
        "selu",
        "softsign",
        "hard_sigmoid",
        "mish",
        "leaky_relu",
        "relu6",
    ):
        y = np.asarray(hb.activations.get(activation)(np.float32([1e38, -1e38, 1e30, -1e30])))
        assert not np.isnan(y).any(), activation


def test_fault_53_signed_zeros():
    zeros = np.array([0.0, -0.0])
    for dtype in ("float32", "float64"):
        z = zeros.astype(dtype)
        for op, f in ((ops.negative, np.negative), (ops.abs, np.abs), (lambda a: a * 2, lambda a: a * 2)):
            np.testing.assert_array_equal(np.signbit(hb.function(op)(z)), np.signbit(f(z)))
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(hb.function(ops.reciprocal)(z), [INF, -INF])
            np.testing.assert_array_equal(hb.function(ops.arctan2)(z, -np.ones(2, dtype)), np.arctan2(z, -1))
        np.testing.assert_array_equal(hb.function(lambda a: ops.equal(a, 0))(z), [True, True])
        np.testing.assert_array_equal(ops.maximum(z, z[::-1]), [0, 0])
        np.testing.assert_array_equal(ops.argsort(z), [0, 1])  # equal: in the order they came
        np.testing.assert_array_equal(np.signbit(hb.function(ops.sqrt)(z)), [False, True])
    v = hb.Variable(zeros.astype("float32"))
    np.testing.assert_array_equal(np.signbit(v.numpy()), [False, True])


def bfloat16(x):
    """float32 numbers rounded to nearest even, by their bits."""
    bits = np.asarray(x, "float32").view("uint32").astype("uint64")
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16).astype("uint32").view("float32")
    return np.where(np.isnan(x), np.float32(NAN), rounded)


def test_fault_53_half_precision_overflows_as_numpys():
    edges = np.float32(
        [65504, 65519.996, 65520, 1e38, -65520, 6e-8, 2.9e-8, 2.99e-8, 6.1e-5, 1e-45, 0.1, -0.0, INF, -INF, NAN]
    )
    with np.errstate(all="ignore"):
        want = edges.astype("float16")
    for x in (edges, edges.astype("float64")):
        got = np.asarray(hb.function(lambda a: ops.cast(a, "float16"))(x))
        assert got.dtype == np.float16
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(want))
    every = np.arange(2**16, dtype="uint16").view("float16")
    np.testing.assert_array_equal(hb.function(lambda a: ops.cast(a, "float32"))(every), every.astype("float32"))
    back = np.asarray(hb.function(lambda a: ops.cast(ops.cast(a, "float32"), "float16"))(every))
    np.testing.assert_array_equal(back, every)
    with np.errstate(all="ignore"):
        big = np.float16([60000, -60000, 300])
        np.testing.assert_array_equal(ops.add(big, big), big + big)
        np.testing.assert_array_equal(ops.square(big), np.square(big.astype("float32")).astype("float16"))


def test_fault_53_bfloat16_rounds_and_overflows():
    edges = np.float32(
        [1, 1.00390625, 1.01171875, 3.38e38, 3.3895e38, 3.4e38, -3.4e38, 1e-38, 0.1, -0.0, INF, -INF, NAN]
    )
    want = bfloat16(edges)
    assert np.isinf(want[5]) and np.isfinite(want[3])
    for x in (edges, ops.convert_to_tensor(edges)):
        np.testing.assert_array_equal(ops.cast(x, "bfloat16"), want)
        np.testing.assert_array_equal(hb.function(lambda a: ops.cast(ops.cast(a, "bfloat16"), "float32"))(x), want)
    np.testing.assert_array_equal(ops.convert_to_tensor([0.1, 3.4e38], "bfloat16"), bfloat16(np.float32([0.1, 3.4e38])))
    assert L.Dense(2, dtype="bfloat16")(edges[:9].reshape(3, 3)).dtype == "bfloat16"
    assert L.Dense(2, dtype="float16")(edges[:9].reshape(3, 3)).shape == (3, 2)
