"""Normalizations, reductions and their like over whole and odd shapes: against NumPy in float64, the same bits for any number of
threads, large means, NaN and infinities."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import ops
from hornbeam.core.tensor import emit

rng = np.random.default_rng(3)


def numbers(*shape, mean=0.0):
    return (rng.standard_normal(shape) + mean).astype("float32")


def runs(function, *arrays):
    """The results with one thread, which those with four must equal bit for bit."""
    one, four = ([np.asarray(y) for y in hb.function(function, threads=threads)(*arrays)] for threads in (1, 4))
    for a, b in zip(one, four, strict=True):
        np.testing.assert_array_equal(a, b)
    return one


def normalized(x, gamma, beta, groups, axis):
    x = x.astype("float64")
    t = x.reshape(*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])
    over = tuple(i for i in range(1, t.ndim) if i != axis)
    y = ((t - t.mean(over, keepdims=True)) / np.sqrt(t.var(over, keepdims=True) + 1e-3)).reshape(x.shape)
    along = [-1 if i == axis else 1 for i in range(x.ndim)]
    return y * gamma.reshape(along) + beta.reshape(along)


GROUPS = [
    ((1, 4001, 33), 3, 2),  # one sample in chunks of rows
    ((3, 50, 61, 24), 8, 3),
    ((12, 333, 40), 40, 2),  # whole samples
    ((9, 600, 3), 1, 2),
    ((64, 520), 13, 1),
    ((5, 12, 31, 37), 4, 1),  # runs
    ((1, 7, 6, 900), 6, 2),
    ((2, 300, 8, 5), 4, 2),
    ((0, 4, 6), 2, 2),
    ((2, 0, 6), 2, 2),
    ((2, 6, 0), 3, 1),
    ((2, 40000, 0), 2, 1),  # more channels than floats
]


@pytest.mark.parametrize("mean", [0.0, 300.0])
@pytest.mark.parametrize("shape, groups, axis", GROUPS)
def test_group_norm(shape, groups, axis, mean):
    x, dy = numbers(*shape, mean=mean), numbers(*shape)
    gamma, beta = numbers(shape[axis], mean=1.0), numbers(shape[axis])

    def call(x, gamma, beta, dy):
        y = emit("group_norm", [x, gamma, beta], epsilon=1e-3, groups=groups, axis=axis)[0]
        return [y, *hb.gradients(ops.sum(y * dy), [x, gamma, beta])]

    got = runs(call, x, gamma, beta, dy)
    if x.size == 0:
        assert got[0].shape == shape and all(not g.any() for g in got)
        return
    np.testing.assert_allclose(got[0], normalized(x, gamma, beta, groups, axis), atol=3e-6 + 8e-7 * mean, rtol=1e-5)
    wide = [np.asarray(v) for v in hb.function(call)(*(a.astype("float64") for a in (x, gamma, beta, dy)))]
    for a, b in zip(got, wide, strict=True):
        scale = np.abs(b).max()
        np.testing.assert_allclose(a, b, atol=scale * (2e-5 + 2e-7 * mean), rtol=1e-4)


@pytest.mark.parametrize("shape, groups, axis", GROUPS[:8])
def test_group_norm_of_one_sample_that_is_not_finite(shape, groups, axis):
    x = numbers(*shape)
    x[(0,) * len(shape)] = np.inf
    n = shape[axis]
    y = np.asarray(
        hb.function(lambda x: emit("group_norm", [x, np.ones(n, "f"), np.zeros(n, "f")], groups=groups, axis=axis)[0])(
            x
        )
    )
    group = [slice(None)] * len(shape)
    group[0], group[axis] = 0, slice(n // groups)
    bad = np.zeros(shape, bool)
    bad[tuple(group)] = True
    np.testing.assert_array_equal(np.isnan(y), bad)


@pytest.mark.parametrize("scale, shape", [((4,), (4,)), ((1, 4), (1, 4)), ((4, 1), (4, 4))])
def test_rms_normalization_broadcasts_with_its_scale(scale, shape):
    x, g = numbers(4), numbers(*scale)
    want = x / np.sqrt(np.mean(np.square(x.astype("float64"))) + 1e-6) * g
    got = np.asarray(ops.rms_normalization(x, g, epsilon=1e-6))
    assert got.shape == shape
    np.testing.assert_allclose(got, want, rtol=1e-6)


AXES = [
    ((32, 1000), [0, 1, None]),
    ((130, 3), [0, 1, None]),
    ((65, 31, 7), [0, 1, 2, (0, 1), (0, 2), (1, 2)]),
    ((5000, 4), [0, 1]),
    ((7, 5000), [0, 1]),
    ((1, 300), [0, 1]),
    ((300, 1), [0, 1]),
    ((2, 3, 1100), [1, 2]),
]
REDUCTIONS = ["sum", "mean", "max", "min", "prod", "var", "logsumexp"]


@pytest.mark.parametrize("shape, axes", AXES)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, shape, axes):
    x = numbers(*shape)
    if name == "prod":
        x = 1 + x * np.float32(0.05)
    for axis in axes:
        (got,) = runs(lambda x: [getattr(ops, name)(x, axis)], x)  # noqa: B023
        wide = x.astype("float64")
        want = np.log(np.exp(wide).sum(axis)) if name == "logsumexp" else getattr(np, name)(wide, axis=axis)
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6 * np.sqrt(x.size), err_msg=f"{name} {shape} {axis}")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8"])
@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin"])
def test_extremes_and_where_they_are(name, dtype):
    """The first of equal ones, the first NaN before all."""
    for shape, axes in AXES:
        x = rng.integers(0, 50, shape).astype(dtype)
        given = [x]
        if dtype.startswith("float"):
            given.append(x - 25)
            x = given[-1].copy()
            x[rng.random(shape) < 0.01] = np.nan
            x[rng.random(shape) < 0.01] = -np.inf
            given.append(x)
            x = given[1].copy()
            x[rng.random(shape) < 0.01], x[rng.random(shape) < 0.01] = np.inf, -np.inf  # whose sum is NaN
            given.append(x)
        for x in given:
            for axis in (a for a in axes if not (name.startswith("arg") and isinstance(a, tuple))):
                (got,) = runs(lambda x: [getattr(ops, name)(x, axis=axis)], x)  # noqa: B023
                np.testing.assert_array_equal(got, getattr(np, name)(x, axis=axis), err_msg=f"{shape} {axis}")


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("n", [1, 2, 7, 8, 15, 33, 64, 71, 130])
def test_nan_at_each_place_of_a_row(name, n):
    x = numbers(n, n)
    np.fill_diagonal(x, np.nan)
    extremes, places = runs(lambda x: [getattr(ops, name)(x, -1), getattr(ops, "arg" + name)(x, -1)], x)
    assert np.isnan(extremes).all()
    np.testing.assert_array_equal(places, np.arange(n))


@pytest.mark.parametrize("axis", [0, 1, 2, (0, 1), (1, 2), (0, 2), None])
def test_the_gradient_of_a_product(axis):
    """The product of the others, where none, one or two of them are zero."""
    x = numbers(3, 4, 5)
    x[0, 0, 1] = x[1, 2, 3] = x[1, 2, 4] = 0
    (got,) = runs(lambda x: hb.gradients(ops.sum(ops.prod(x, axis)), [x]), x)
    want = np.zeros(x.shape)
    for at in np.ndindex(*x.shape):
        others = x.astype("float64")
        others[at] = 1
        line = np.ones(x.shape, bool)
        for i in range(3):
            if axis is not None and i not in np.atleast_1d(axis):
                line &= np.indices(x.shape)[i] == at[i]
        want[at] = others[line].prod()
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["any", "all"])
def test_any_and_all(name):
    for shape, axes in AXES:
        for rare in (0.0, 0.001, 0.5, 1.0):
            x = rng.random(shape) < (rare if name == "any" else 1 - rare)
            for axis in axes:
                (got,) = runs(lambda x: [getattr(ops, name)(x, axis)], x)  # noqa: B023
                np.testing.assert_array_equal(got, getattr(np, name)(x, axis=axis), err_msg=f"{shape} {axis}")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8"])
@pytest.mark.parametrize("exclusive, reverse", [(False, False), (True, False), (False, True), (True, True)])
def test_running_sums_and_products(dtype, exclusive, reverse):
    for shape, axes in AXES:
        x = rng.integers(0, 4, shape).astype(dtype)
        for axis in (a for a in axes if isinstance(a, int)):
            for name in ("cumsum", "cumprod"):
                attributes = {"axis": axis, "exclusive": exclusive, "reverse": reverse}
                (got,) = runs(lambda x: emit(name, [x], **attributes), x)  # noqa: B023
                t = np.flip(x, axis) if reverse else x
                with np.errstate(over="ignore"):
                    want = getattr(np, name)(t, axis=axis, dtype=dtype)
                if exclusive:
                    first = np.full_like(np.take(want, [0], axis), name == "cumprod")
                    want = np.concatenate([first, np.delete(want, -1, axis)], axis)
                want = np.flip(want, axis) if reverse else want
                np.testing.assert_array_equal(got, want, err_msg=f"{name} {shape} {axis}")


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33])
@pytest.mark.parametrize("logarithm", [False, True])
def test_softmax_of_short_rows(n, logarithm):
    x, dy = numbers(77, n) * 3, numbers(77, n)
    x[1] = -np.inf
    x[2, : n // 2] = -np.inf
    x[3, 0] = np.nan
    function = ops.log_softmax if logarithm else ops.softmax

    def call(x, dy):
        y = function(x)
        return [y, *hb.gradients(ops.sum(y * dy), [x])]

    y, dx = runs(call, x, dy)
    x, dy = x.astype("float64")[4:], dy.astype("float64")[4:]
    p = np.exp(x - x.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    want = dy - p * dy.sum(-1, keepdims=True) if logarithm else p * (dy - (p * dy).sum(-1, keepdims=True))
    np.testing.assert_allclose(y[4:], np.log(p) if logarithm else p, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(dx[4:], want, rtol=1e-5, atol=2e-6)
    np.testing.assert_array_equal(y[1], np.full(n, -np.inf if logarithm else 0))
    assert np.isfinite(y[2, n // 2 :]).all() and np.isnan(y[3]).all()


@pytest.mark.parametrize("shape", [(3, 7, 5), (2, 130, 17), (0, 3, 4), (2, 0, 4), (2, 3, 0), (1, 1, 129), (9, 4, 1)])
@pytest.mark.parametrize("logarithm", [False, True])
def test_softmax_of_columns(shape, logarithm):
    """What rows give: to rounding, and the same zeros, infinities and NaN."""
    x, dy = numbers(*shape) * 3, numbers(*shape)
    if x.size and shape[2] > 3:
        x[0, :, 0] = -np.inf
        x[0, : shape[1] // 2, 1] = -np.inf
        x[0, 0, 2] = np.nan
        x[0, -1, 3] = np.inf
    function = ops.log_softmax if logarithm else ops.softmax

    def call(x, dy, axis):
        y = function(x, axis)
        return [y, *hb.gradients(ops.sum(y * dy), [x])]

    got = runs(lambda x, dy: call(x, dy, 1), x, dy)
    want = runs(lambda x, dy: call(x, dy, -1), np.swapaxes(x, 1, 2), np.swapaxes(dy, 1, 2))
    for a, b in zip(got, want):
        np.testing.assert_allclose(a, np.swapaxes(b, 1, 2), rtol=5e-6, atol=2e-6)


def test_softmax_of_few_long_columns_takes_their_room_alone():
    run = hb.function(lambda x: ops.softmax(x, 0))
    run(numbers(5, 2))
    (compiled,) = run._cache.values()
    assert compiled.executable.stats([[5, 2]])["arena_bytes"] < 128


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8"])
@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 33, 48, 49, 257, 1500, 1501, 5000])
def test_the_order_of_rows(n, dtype):
    """Stable in both directions; NaN above every number. The first of an order is its beginning."""
    x = rng.integers(0, 200, (3, n)).astype(dtype)
    if dtype not in ("uint8", "bool"):
        x = x * 1000003 if dtype == "int32" else x
        x[:, ::2] = -x[:, ::2]
    if dtype.startswith("float"):
        x = x / np.asarray(7, dtype)
        x[:, 3::11], x[:, 4::13], x[:, 5::17], x[:, 6::19] = np.nan, np.inf, -np.inf, -0.0
    (up,), (down,) = (
        runs(lambda x: emit("argsort", [x], descending=descending), x)  # noqa: B023
        for descending in (False, True)
    )
    np.testing.assert_array_equal(up, np.argsort(x, -1, kind="stable"))
    key = x.astype("float64")
    np.testing.assert_array_equal(
        down, np.argsort(np.where(np.isnan(key), -np.inf, -np.where(key == np.inf, 1e300, key)), -1, kind="stable")
    )
    for first in (k for k in (1, 2, 5, 16, 17, n // 16, n // 3) if 0 < k <= n):
        for descending, want in ((False, up), (True, down)):
            (got,) = runs(lambda x: emit("argsort", [x], descending=descending, first=first), x)  # noqa: B023
            np.testing.assert_array_equal(got, want[:, :first])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_the_first_of_rows_in_order(dtype):
    """Where each element comes before those that are kept, and where none does."""
    up = np.repeat(np.arange(2000), 2).astype(dtype)
    x = np.stack([up, -up, up[::-1] // 100, 0 * up])
    for first in (1, 10, 200):
        (got,) = runs(lambda x: emit("argsort", [x], descending=True, first=first), x)  # noqa: B023
        np.testing.assert_array_equal(got, np.argsort(-x, -1, kind="stable")[:, :first])


@pytest.mark.parametrize("n", [1, 2, 3, 7, 64, 100, 1000])
def test_places_in_a_sorted_row(n):
    values = rng.integers(-3, n + 3, 133).astype("float32") / 2
    row = np.sort(rng.integers(0, n, n).astype("float32") / 2)
    row[n - n // 5 :] = np.nan
    values[::9], values[1::9], values[2::9] = np.nan, np.inf, -np.inf
    for side in ("left", "right"):
        (got,) = runs(lambda row, values: [ops.searchsorted(row, values, side)], row, values)  # noqa: B023
        np.testing.assert_array_equal(got, np.searchsorted(row, values, side))


@pytest.mark.parametrize("inner", [(), (1,), (3,), (16,), (17,), (90,)])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_sums_of_segments(inner, dtype):
    x, ids = numbers(3001, *inner), rng.integers(-1, 12, 3001).astype(dtype)
    (got,) = runs(lambda x, ids: [ops.segment_sum(x, ids, 11)], x, ids)
    want = np.stack([x[ids == i].sum(0, dtype="float64") for i in range(11)])
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-4)
