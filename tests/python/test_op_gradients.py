"""Gradients of ops where a formula alone gives 0/0 or inf * 0, and values at the edges of floats."""

import math

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import ops
from hornbeam.core.tensor import emit1

INF = np.inf


def gradient(f, *x):
    return [np.asarray(d) for d in hb.grad(lambda *t: ops.sum(f(*t)), tuple(range(len(x))))(*map(np.float32, x))]


@pytest.mark.parametrize("x", [[2, 0, 3, 4], [0, 2, 0, 3], [0, 0, 0], [1.5, -2, 3], [2, 3, 0], [0.0]])
@pytest.mark.parametrize("weights", [None, 1])
def test_cumprod(x, weights):
    w = np.arange(1, len(x) + 1) if weights else np.ones(len(x))
    want = np.zeros(len(x))
    for i in range(len(x)):
        others = np.array(x, "float64")
        others[i] = 1
        want[i] = np.sum((np.cumprod(others) * w)[i:])
    (got,) = gradient(lambda t: ops.cumprod(t) * w.astype("float32"), x)
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_second_gradient_of_cumprod():
    x = np.float32([2.0, 3.0, 4.0])

    def f(t):
        return hb.grad(lambda u: ops.sum(ops.cumprod(u)))(t)[0]  # 1 + x1 + x1 x2

    np.testing.assert_allclose(hb.grad(f)(x), [0, 1 + 4, 3])


def test_logsumexp_of_nothing_but_minus_infinity():
    np.testing.assert_array_equal(gradient(ops.logsumexp, [-INF, -INF])[0], [0, 0])
    np.testing.assert_allclose(gradient(ops.logsumexp, [-INF, 1])[0], [0, 1])
    assert ops.logsumexp(np.float32([-INF, -INF])).item() == -INF
    assert ops.logsumexp(np.zeros((0, 2), "float32"), axis=0).tolist() == [-INF, -INF]


def test_logaddexp_of_infinities():
    a, b = [INF, -INF, INF, -INF, 3, 1e4], [INF, -INF, -INF, 2, -INF, 1e4]
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(ops.logaddexp(np.float32(a), np.float32(b)), np.logaddexp(a, b), rtol=1e-6)
    da, db = gradient(ops.logaddexp, a, b)
    np.testing.assert_allclose(da, [0.5, 0.5, 1, 0, 1, 0.5])
    np.testing.assert_allclose(db, [0.5, 0.5, 0, 1, 0, 0.5])


def test_powers():
    np.testing.assert_array_equal(gradient(lambda t: ops.power(t, 0.0), [0.0, -1, 2])[0], [0, 0, 0])
    np.testing.assert_array_equal(gradient(lambda t: t**2, [0.0, -1.5])[0], [0, -3])
    base, exponent = gradient(ops.power, [0.0, 2.0], [0.0, 0.0])
    np.testing.assert_allclose([base, exponent], [[0, 0], [0, np.log(2)]], rtol=1e-6)


def test_units_at_zero():
    for f, want in ((ops.elu, 1), (ops.celu, 1), (ops.selu, 1.0507009873554805 * 1.6732632423543772)):
        np.testing.assert_allclose(gradient(f, [0.0])[0], [want], rtol=1e-6)


def test_edges():
    x = np.float32([1e-40, -1e-40, 0, -0.0, 3, -3, INF, np.nan])
    got = np.asarray(ops.sign(x))
    np.testing.assert_array_equal(got, [0, 0, 0, 0, 1, -1, 1, np.nan])  # denormals count as zero
    a, b = np.float32([1, -1, INF, 1, -1, 5, 7]), np.float32([0.1, INF, 3, 0, 0, -INF, 2])
    for dtype in ("float32", "float64"):
        got = ops.floor_divide(a.astype(dtype), b.astype(dtype))
        np.testing.assert_array_equal(got, [9, -1, np.nan, INF, -INF, -1, 3])
    x = np.float32([-12, -9, -6, -3, -1, 0, 0.5, 4])
    exact = [v * math.erfc(-v / math.sqrt(2)) / 2 for v in x.tolist()]
    np.testing.assert_allclose(ops.gelu(x, approximate=False), exact, rtol=2e-5)
    slopes = [math.erfc(-v / math.sqrt(2)) / 2 + v * math.exp(-v * v / 2) / math.sqrt(2 * math.pi) for v in x.tolist()]
    np.testing.assert_allclose(gradient(lambda t: ops.gelu(t, approximate=False), x)[0], slopes, rtol=2e-5, atol=1e-7)


def test_the_largest_with_nan_and_ties():
    values, ids = ops.top_k(np.float32([1, np.nan, 3, np.nan, INF, 3]), 6)
    np.testing.assert_array_equal(values, [np.nan, np.nan, INF, 3, 3, 1])
    assert ids.tolist() == [1, 3, 4, 2, 5, 0]
    assert ops.argsort(np.float32([1, np.nan, -INF, 1])).tolist() == [2, 0, 3, 1]


def test_norms_of_matrices():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for order in (1, -1, INF, -INF, "fro", None):
        for keepdims in (False, True):
            want = np.linalg.norm(x, order, (1, 2), keepdims)
            np.testing.assert_allclose(ops.norm(x, order, (1, 2), keepdims), want, rtol=1e-6)
    for order in (0, 1, 2, 3, INF, -INF, 0.5):
        np.testing.assert_allclose(ops.norm(x, order, -1), np.linalg.norm(x, order, -1), rtol=1e-6)
    with pytest.raises(ValueError, match="`ord` must be"):
        ops.norm(x, 2, (0, 1))


def test_whole_number_ranges():
    assert ops.arange(0, 3, 0.5, dtype="int32").tolist() == np.arange(0, 3, 0.5, dtype="int32").tolist()
    assert ops.linspace(-1, 2, 5, dtype="int32").tolist() == [-1, -1, 0, 1, 2]
    numbers, step = ops.linspace(0.0, 1.0, 5, endpoint=False, retstep=True)
    np.testing.assert_allclose(numbers, [0, 0.2, 0.4, 0.6, 0.8], rtol=1e-6)
    assert np.isclose(step.item(), 0.2)
    many = ops.linspace(np.float32([0, 1]), np.float32([2, 5]), 3, axis=-1)
    assert many.tolist() == [[0, 1, 2], [1, 3, 5]]
    assert ops.pad(np.array([1, 2], "int32"), (1, 1), constant_values=INF).tolist() == [2**31 - 1, 1, 2, 2**31 - 1]
    assert ops.full((2,), 3).dtype == "float32"


@pytest.mark.parametrize(
    "text, shapes",
    [
        ("ii", [(3, 3)]),
        ("ii->i", [(3, 3)]),
        ("iij->ij", [(2, 2, 3)]),
        ("...i->...", [(2, 3)]),
        ("...ij,...jk->...ik", [(4, 2, 3), (3, 2)]),
        ("i...,i...->...", [(2, 3), (2, 3)]),
        ("ij,ij->ij", [(2, 3), (1, 3)]),
        ("ij,jk,kl", [(2, 3), (3, 2), (2, 2)]),
        ("ab,cd->dcba", [(2, 3), (1, 2)]),
    ],
)
def test_einsum(text, shapes):
    rng = np.random.default_rng(1)
    for dtype in ("float32", "int32"):
        xs = [rng.integers(-4, 5, s).astype(dtype) for s in shapes]
        got = ops.einsum(text, *xs)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, np.einsum(text, *xs), rtol=1e-6)
    for bad in ("ij", "i,j,k", "ij->ik", "i1->i"):
        with pytest.raises(ValueError, match="einsum"):
            ops.einsum(bad, np.ones(2, "float32"))


def test_fewer_heads_of_keys_are_shared():
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(2, 3, h, 4)).astype("float32") for h in (4, 2, 2))
    got = ops.dot_product_attention(q, k, v)
    np.testing.assert_allclose(got, ops.dot_product_attention(q, np.repeat(k, 2, 2), np.repeat(v, 2, 2)), rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 2])
def test_sums_over_many_pixels_keep_their_digits(channels):
    rng = np.random.default_rng(0)
    x, dy = rng.random((1, 250_000, channels), "float32"), rng.random((1, 250_000, 64), "float32")
    attrs = {"strides": [1], "low": [0], "high": [0], "dilations": [1], "groups": 1, "shape": [1, channels, 64]}
    got = np.asarray(emit1("conv_kernel_grad", [x, dy], **attrs))[0]
    np.testing.assert_allclose(got, x[0].T.astype("float64") @ dy[0].astype("float64"), rtol=6e-6)
