"""Kernels that take rows or axes together, beside the CPU's: shapes that need several blocks, chunks or merges, empty
axes, NaN, infinities and ties."""

import itertools

import numpy as np
import pytest

from hornbeam import _core

RNG = np.random.default_rng(7)
REDUCTIONS = ("sum", "mean", "max", "min", "prod")
NUMBERS = ("float32", "float64", "int32", "int64", "uint8")


def numbers(dtype, *shape):
    if dtype.startswith("float"):
        return RNG.normal(size=shape).astype(dtype)
    low = 0 if dtype == "uint8" else -9
    return RNG.integers(low, 10, shape).astype(dtype)


def special(dtype, *shape):
    """Numbers with ties, and where the dtype has them NaN, infinities and both zeros."""
    x = numbers(dtype, *shape)
    if dtype.startswith("float"):
        x = np.round(x * 2) / 2
        for value, share in ((np.nan, 0.02), (np.inf, 0.02), (-np.inf, 0.05), (-0.0, 0.2)):
            x[RNG.random(shape) < share] = value
    return x


def both(op, arrays, **attributes):
    graph = _core.Graph()
    values = [graph.input(f"x{i}", a.dtype.name, list(a.shape)) for i, a in enumerate(arrays)]
    for i, value in enumerate(graph.add(op, values, attributes)):
        graph.output(f"y{i}", value)
    want = _core.Executable(graph, device="cpu").run(arrays)
    gpu = _core.Executable(graph, device="gpu")
    first, again = gpu.run(arrays), gpu.run(arrays)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    return first, want


def check(op, arrays, tolerance=None, **attributes):
    got, want = both(op, arrays, **attributes)
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        assert g.dtype == w.dtype and g.shape == w.shape
        if g.dtype.kind == "f":
            near = tolerance or (2e-5 if g.dtype == "float32" else 1e-12)
            scale = max(1, np.abs(w[np.isfinite(w)]).max(initial=0))
            np.testing.assert_allclose(g, w, rtol=near, atol=near * scale)
        else:
            np.testing.assert_array_equal(g, w)


SHAPES = [  # axes that are reduced, of what
    ((5,), [0]),
    ((3, 1), [1]),
    ((1, 70000), [1]),
    ((70000, 3), [0]),
    ((300, 7), [1]),
    ((2, 1500), [1]),
    ((4, 6, 5), [1]),
    ((3, 500, 40), [1]),
    ((3, 5, 7, 11), [0, 2]),
    ((40, 5, 60, 3), [0, 2]),
    ((2, 3, 2, 3, 2), [0, 2, 4]),
    ((9, 8, 7), []),
    ((6, 0, 3), [1]),
    ((0, 4, 0), [0, 2]),
]


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize(("shape", "axes"), SHAPES)
def test_reductions(shape, axes, dtype):
    x = numbers(dtype, *shape)
    for op in REDUCTIONS:
        if op == "mean" and not dtype.startswith("float") or (op in ("max", "min") and 0 in shape):
            continue
        check(op, [x / x.size if op == "prod" and x.dtype.kind == "f" else x], axes=axes)


@pytest.mark.parametrize(("shape", "axes"), SHAPES)
def test_reductions_of_bools(shape, axes):
    for op, share in itertools.product(("any", "all"), (0.001, 0.5, 0.999)):
        check(op, [RNG.random(shape) < share], axes=axes)


def test_reductions_of_nothing_and_of_one():
    x = numbers("float32", 4, 5)
    for op in REDUCTIONS:
        check(op, [x], axes=[], none=True)
        check(op, [x[0, 0, ...]], axes=[])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_reductions_of_special_numbers(dtype):
    for shape, axis in (((400, 9), 1), ((9, 3000), 1), ((3000, 9), 0)):
        for op in ("sum", "mean", "max", "min"):
            check(op, [special(dtype, *shape)], axes=[axis])


ALONG = [((7,), 0), ((1, 60000), 1), ((60000, 2), 0), ((2000, 5), 1), ((3, 900, 33), 1), ((5, 1), -1), ((2, 3, 4), 0)]


@pytest.mark.parametrize("dtype", [*NUMBERS, "bool"])
@pytest.mark.parametrize(("shape", "axis"), ALONG)
def test_positions(shape, axis, dtype):
    for op in ("argmax", "argmin"):
        check(op, [RNG.random(shape) < 0.5 if dtype == "bool" else special(dtype, *shape)], axis=axis)


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize(("shape", "axis"), ALONG)
def test_running(shape, axis, dtype):
    n = shape[axis]
    for exclusive, reverse in itertools.product((False, True), repeat=2):
        x = numbers(dtype, *shape)
        check("cumsum", [x], 1e-4 if dtype == "float32" else 1e-11, axis=axis, exclusive=exclusive, reverse=reverse)
        if x.dtype.kind == "f":
            x = 1 + x / max(n, 8)
        check("cumprod", [x], 1e-3 if dtype == "float32" else 1e-10, axis=axis, exclusive=exclusive, reverse=reverse)


# Rows of a part of a warp, a warp, a block with one to many elements a thread, and rows that no block holds.
LENGTHS = (1, 2, 5, 16, 31, 33, 100, 257, 512, 600, 1500, 2100, 4500, 9000)
ROWS = [*((n, "float32") for n in LENGTHS), *((n, "float64") for n in (5, 100, 2100, 9000))]


@pytest.mark.parametrize(("n", "dtype"), ROWS)
def test_softmax(n, dtype):
    rows = max(3, 300 // n)
    x = numbers(dtype, rows, n)
    x[0] = -np.inf
    x[1, n // 2] = -np.inf
    labels = RNG.integers(0, n, rows)
    for op in ("softmax", "log_softmax"):
        check(op, [x])
    check("sparse_softmax_cross_entropy", [x, labels])
    check("sparse_softmax_cross_entropy_grad", [x, labels.astype("int32"), numbers(dtype, rows)])


@pytest.mark.parametrize("op", ["softmax", "log_softmax", "cumsum"])
def test_in_place(op):
    x = numbers("float32", 5, 5000)
    graph = _core.Graph()
    y = graph.add("multiply", [graph.input("x", "float32", [5, 5000])] * 2, {})[0]
    graph.output("y", graph.add(op, [y], {"axis": 1})[0])
    want = _core.Executable(graph, device="cpu").run([x])[0]
    got = _core.Executable(graph, device="gpu").run([x])[0]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n", [7, 300, 3000, 9000])
def test_softmax_of_special_numbers(n):
    x = np.full((6, n), -np.inf, "float32")
    for row, values in enumerate([[np.nan], [np.inf], [np.inf, 1], [3], [np.nan, 2], [-1e38, 1e38]]):
        x[row, RNG.permutation(n)[: len(values)]] = values
    for op in ("softmax", "log_softmax"):
        check(op, [x])


def test_labels_are_checked():
    x = numbers("float32", 40, 9)
    for bad, value in itertools.product((0, 39), (-1, 9)):
        labels = RNG.integers(0, 9, 40)
        labels[bad] = value
        for op, inputs in (("", []), ("_grad", [numbers("float32", 40)])):
            with pytest.raises(ValueError, match=rf"got {value} at row {bad}"):
                both("sparse_softmax_cross_entropy" + op, [x, labels, *inputs])


@pytest.mark.parametrize(("n", "dtype"), ROWS)
def test_layer_norm(n, dtype):
    rows = max(3, 3000 // n)
    x, dy = numbers(dtype, rows, n) + 3, numbers(dtype, rows, n)
    gamma, beta = numbers(dtype, n), numbers(dtype, n)
    (_, mean, rstd), _ = both("layer_norm", [x, gamma, beta], epsilon=1e-3)
    check("layer_norm", [x, gamma, beta], epsilon=1e-3)
    check("layer_norm_grad", [x, gamma, mean, rstd, dy], 1e-4 if dtype == "float32" else 1e-11, epsilon=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (0, 3), (7, 3), (2000, 1), (60, 9, 9, 4), (9, 64), (3000, 33), (2, 300)])
def test_batch_norm(shape, dtype):
    x, dy = numbers(dtype, *shape) * 3 + 1, numbers(dtype, *shape)
    gamma, beta = numbers(dtype, shape[-1]), numbers(dtype, shape[-1])
    (_, mean, variance), _ = both("batch_norm", [x, gamma, beta], epsilon=1e-3)
    near = 5e-5 if dtype == "float32" else 1e-11
    check("batch_norm", [x, gamma, beta], near, epsilon=1e-3)
    check("batch_norm_grad", [x, gamma, mean, variance, dy], near, epsilon=1e-3)


def test_batch_norm_far_from_zero():
    x = (1e4 + RNG.normal(size=(5000, 8))).astype("float32")
    x[0] = 0
    x[:, 7] = 5
    _, _, variance = both("batch_norm", [x, *numbers("float32", 2, 8)], epsilon=1e-3)[0]
    np.testing.assert_allclose(variance, x.astype("float64").var(0), rtol=1e-4)


@pytest.mark.parametrize("dtype", [*NUMBERS, "bool"])
@pytest.mark.parametrize("shape", [(1,), (2, 1), (50, 3), (9, 16), (5, 300), (1, 2048), (3, 2049), (2, 9000), (20000,)])
def test_argsort(shape, dtype):
    x = RNG.random(shape) < 0.5 if dtype == "bool" else special(dtype, *shape)
    for descending in (False, True):
        check("argsort", [x], descending=descending)


@pytest.mark.parametrize("dtype", [*NUMBERS, "bool"])
def test_searchsorted(dtype):
    for n, count, side in itertools.product((0, 1, 1000), (3, 700), ("left", "right")):
        x = (np.arange(n) > n // 2) if dtype == "bool" else np.sort(special(dtype, n))
        values = RNG.random(count) < 0.5 if dtype == "bool" else special(dtype, count)
        check("searchsorted", [x, values], side=side)


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize(
    ("count", "rows", "inner"),
    [(1, 1, 4), (7, 3, 1), (64, 1, 3), (500, 40, 5), (3000, 2, 2), (5000, 90000, 1), (9, 4, 0)],
)
def test_unique_rows(count, rows, inner, dtype):
    ids = RNG.integers(0, rows, count)
    ids[RNG.random(count) < 0.4] = 0
    check("unique_rows", [ids, numbers(dtype, count, inner)], 1e-4, rows=[rows])


def test_ids_of_unique_rows_are_checked():
    ids = RNG.integers(0, 50, (30, 100)).astype("int32")
    ids[17, 30] = 50
    with pytest.raises(ValueError, match="got 50 at row 1730"):
        both("unique_rows", [ids, numbers("float32", 30, 100, 2)], rows=[50])
