"""Products of matrices on a GPU: the shapes that decide who computes them, cuBLASLt or a kernel of our own, and how."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, ops
from hornbeam.core.tensor import emit1
from hornbeam.core.trace import Trace

SHAPES = [
    ((1, 9), (9, 1)),
    ((1, 9), (9, 70)),
    ((70, 9), (9, 1)),
    ((5, 1), (1, 6)),
    ((5, 0), (0, 3)),
    ((70, 150), (150, 67)),
    ((300, 40), (40, 500)),
    ((20, 3000), (3000, 30)),
    ((3, 5, 9), (3, 9, 1)),
    ((6, 5, 8), (8, 3)),
    ((2, 1, 3, 4, 5), (1, 3, 1, 5, 2)),
    ((5, 1, 4, 6), (1, 7, 6, 3)),
]


def drawn(shape, dtype, seed):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.uniform(-1, 1, shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype)


def matmul(ta, tb):
    return lambda a, b: emit1("matmul", [a, b], transpose_a=ta, transpose_b=tb)


def on_gpu(call, arrays):
    """What three runs give, of which the last ones are captured."""
    with Trace() as trace:
        xs = [trace.input(f"x{i}", a.dtype.name, a.shape) for i, a in enumerate(arrays)]
        trace.graph.output("y", trace.value_of(call(*xs)))
    gpu = _core.Executable(trace.graph, device="gpu")
    runs = [gpu.run(arrays)[0] for _ in range(3)]
    for again in runs[1:]:
        np.testing.assert_array_equal(runs[0], again)
    return runs[0]


def close(got, want):
    assert got.dtype == want.dtype and got.shape == want.shape
    if want.dtype.kind == "f":
        eps = np.finfo(want.dtype).eps
        np.testing.assert_allclose(got, want, rtol=0, atol=40 * eps * max(1, np.abs(want).max(initial=0)))
    else:
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8"])
@pytest.mark.parametrize("a_shape, b_shape", SHAPES)
def test_every_way_to_lie(a_shape, b_shape, dtype):
    a, b = drawn(a_shape, dtype, 0), drawn(b_shape, dtype, 1)
    want = a @ b
    for ta in (False, True):
        for tb in (False, True):
            arrays = [a.swapaxes(-1, -2).copy() if ta else a, b.swapaxes(-1, -2).copy() if tb else b]
            close(on_gpu(matmul(ta, tb), arrays), want)


@pytest.mark.parametrize("dtype, eps", [("float16", 2**-10), ("bfloat16", 2**-7)])
@pytest.mark.parametrize("a_shape, b_shape", [((70, 150), (150, 67)), ((70, 9), (9, 1)), ((20, 3000), (3000, 30))])
def test_halves_are_added_up_in_float32(a_shape, b_shape, dtype, eps):
    arrays = [drawn(a_shape, "float32", 0), drawn(b_shape, "float32", 1)]
    a, b = (ops.cast(ops.cast(x, dtype), "float32").numpy() for x in arrays)
    got = on_gpu(lambda x, y: ops.cast(ops.matmul(ops.cast(x, dtype), ops.cast(y, dtype)), "float32"), arrays)
    np.testing.assert_allclose(got, a @ b, rtol=eps, atol=1e-5)


def test_tf32_is_a_choice():
    """Where it is made, float32 may lose bits, if the library rounds; float64 never does."""
    a, b = drawn((70, 150), "float32", 0), drawn((150, 67), "float32", 1)
    try:
        hb.config.enable_tf32()
        np.testing.assert_allclose(on_gpu(ops.matmul, [a, b]), a @ b, atol=150 * 2**-10)
        close(on_gpu(ops.matmul, [a.astype("float64"), b.astype("float64")]), a.astype("float64") @ b)
    finally:
        hb.config.enable_tf32(False)
    close(on_gpu(ops.matmul, [a, b]), a @ b)


def test_more_uneven_matrices_than_calls_are_made_for():
    a, b = drawn((2, 1, 2, 1, 2, 1, 2, 3, 5), "float32", 0), drawn((1, 2, 1, 2, 1, 2, 1, 5, 2), "float32", 1)
    close(on_gpu(ops.matmul, [a, b]), a @ b)


def test_a_number_that_is_none_stays_in_its_row():
    a, b = drawn((30, 70), "float32", 0), drawn((70, 40), "float32", 1)
    a[3, 5] = np.nan
    assert (np.isnan(on_gpu(ops.matmul, [a, b])).any(1) == (np.arange(30) == 3)).all()


def test_matrices_that_begin_anywhere():
    """Slices of what a scan walks over are aligned to their elements alone."""
    xs, w = drawn((5, 3, 7), "float32", 0), drawn((7, 3), "float32", 1)
    got = on_gpu(lambda x, y: ops.scan(lambda c, s: (c, ops.matmul(s, c)), y, x)[1], [xs, w])
    close(got, xs @ w)
