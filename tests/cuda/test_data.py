"""Ops that move data, on a GPU: the shapes that take kernels of their own, bit by bit as the CPU has them."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, ops

DTYPES = ("float32", "float64", "float16", "int32", "int64", "uint8", "bool")


def numbers(shape, dtype="float32", seed=0):
    values = np.asarray(np.random.default_rng(seed).integers(-100, 100, shape))
    return np.asarray(values > 0 if dtype == "bool" else values, dtype)


def graph_of(op, arrays, attrs):
    graph = _core.Graph()
    inputs = [graph.input(f"x{i}", a.dtype.name, list(a.shape)) for i, a in enumerate(arrays)]
    for i, y in enumerate(graph.add(op, inputs, attrs)):
        graph.output(f"y{i}", y)
    return graph


def same(op, *arrays, **attrs):
    """The outputs, which are the CPU's to the last bit."""
    graph = graph_of(op, arrays, attrs)
    want = _core.Executable(graph, device="cpu").run(list(arrays))
    got = _core.Executable(graph, device="gpu").run(list(arrays))
    for g, w in zip(got, want, strict=True):
        assert g.dtype == w.dtype and g.shape == w.shape
        assert g.tobytes() == w.tobytes()
    return got


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "perm"),
    [
        ((70, 33), (1, 0)),  # by tiles that are not whole
        ((3, 65, 40), (0, 2, 1)),
        ((17, 3, 66), (2, 1, 0)),
        ((20, 18, 16), (1, 0, 2)),  # of whole words
        ((18, 20, 4), (1, 0, 2)),  # of words, by tiles
        ((2, 3, 1, 5, 4), (4, 2, 0, 3, 1)),
        ((), ()),
        ((4, 1, 6), (1, 0, 2)),  # which moves nothing
    ],
)
def test_transpose(shape, perm, dtype):
    x = numbers(shape, dtype)
    np.testing.assert_array_equal(same("transpose", x, perm=list(perm))[0], x.transpose(perm))


@pytest.mark.parametrize("dtype", DTYPES)
def test_copies(dtype):
    x = numbers((6, 5, 8), dtype)
    same("broadcast_to", numbers((5, 1), dtype), shape=[3, 5, 7])
    same("broadcast_to", numbers((5, 8), dtype), shape=[3, 5, 8])
    same("broadcast_to", numbers((), dtype), shape=[3, 5])
    for axis in range(3):
        same("flip", x, axis=axis)
    same("slice", x, begin=[1, 0, 0], end=[3, 5, 8], strides=[1, 1, 1])
    same("slice", x, begin=[5, 4, 3], end=[6, 5, 7], strides=[1, 1, 1])
    same("slice", x, begin=[0, 1, 4], end=[6, 5, 8], strides=[2, 3, 1])
    same("slice", x, begin=[0, 1, 1], end=[6, 5, 8], strides=[9, 1, 2])


def test_words_of_a_step_of_a_scan():
    def body(carry, x):  # x follows others of 72 bytes
        return carry, (
            x[::2, 0:4],
            x[1:3, 0:4],
            ops.transpose(x),
            ops.pad(x, ((0, 0), (0, 2))),
            ops.take(x, [2, 0], axis=0),
        )

    xs = numbers((5, 3, 6))
    for device in ("cpu", "gpu"):
        made = hb.function(lambda xs: ops.scan(body, ops.zeros(()), xs)[1], device=device)(xs)
        wanted = (
            xs[:, ::2, :4],
            xs[:, 1:3, :4],
            xs.transpose(0, 2, 1),
            np.pad(xs, ((0, 0), (0, 0), (0, 2))),
            xs[:, [2, 0]],
        )
        for got, want in zip(made, wanted, strict=True):
            np.testing.assert_array_equal(np.asarray(got), want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_concat(dtype):
    same("concat", *(numbers((3, n, 4), dtype, n) for n in (1, 5)), axis=1)
    same("concat", *(numbers((3, 2, n), dtype, n) for n in (1, 0, 4, 2, 7, 3, 8, 1, 5, 16)), axis=-1)
    same("concat", *(numbers((n, 3), dtype, n) for n in (0, 4, 0)), axis=0)
    x = numbers((2, 16), dtype)
    same("concat", x, x, x, x, x, axis=0)
    same("concat", x, x, x, axis=1, begin=[1, 0, 5], end=[4, 16, 5])
    same("concat", x, axis=1, begin=[2], end=[9])
    same("concat", x, x, axis=0, begin=[1, 0], end=[2, 1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_placement(dtype):
    x = numbers((4, 3, 8), dtype)
    same("pad", x, low=[1, 0, 0], high=[0, 2, 0], value=1.0)
    same("pad", x, low=[0, 0, 8], high=[0, 0, 16])
    same("pad", x, low=[0, 1, 3], high=[2, 1, 0], value=7.0)
    same("pad", x, low=[0, 0, 0], high=[0, 0, 0])
    same("pad", numbers((), dtype), low=[], high=[])
    same("pad", numbers((1, 1), dtype), low=[2, 0], high=[1, 0], value=3.0)
    same("pad", x[:, :0], low=[0, 2, 0], high=[0, 1, 0], value=2.0)
    steps = {"begin": [1, 0, 0], "end": [8, 3, 8], "strides": [2, 1, 1], "shape": [9, 3, 8]}
    same("slice_grad", x, **steps)
    same("slice_grad", x, begin=[2, 1, 3], end=[6, 10, 19], strides=[1, 4, 2], shape=[6, 11, 20])
    same("slice_grad", x[:1], begin=[1, 0, 0], end=[2, 3, 8], strides=[7, 1, 1], shape=[5, 3, 8])


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
def test_counting(dtype):
    graph = _core.Graph()
    for shape, axis in (([3, 300, 2], 1), ([5], 0), ([], 0), ([0, 2], 1)):
        y = graph.add("iota", [], {"shape": shape, "axis": axis, "dtype": dtype})[0]
        if dtype == "bfloat16":  # which NumPy lacks
            y = graph.add("cast", [y], {"dtype": "float32"})[0]
        graph.output(f"y{axis}{len(shape)}", y)
    runs = [_core.Executable(graph, device=device).run([]) for device in ("cpu", "gpu")]
    for want, got in zip(*runs, strict=True):
        assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("ids", ["int32", "int64"])
def test_reads_by_index(ids):
    rng = np.random.default_rng(1)
    for dtype, inner in (("float32", (5,)), ("float16", (8,)), ("uint8", (3, 16)), ("float64", ())):
        same("gather", numbers((9, *inner), dtype), rng.integers(0, 9, (7, 6)).astype(ids))
    x = numbers((4, 9, 5))
    same("take_along_axis", x, rng.integers(0, 9, (4, 20, 5)).astype(ids), axis=1)
    same("take_along_axis", x, rng.integers(0, 5, (4, 9, 1)).astype(ids), axis=-1)


@pytest.mark.parametrize(
    ("count", "rows", "inner"),
    [
        (0, 4, 3),
        (1, 1, 1),
        (31, 100, 33),
        (100, 3, 5),  # runs over chunks
        (2048, 50, 1),
        (2049, 7, 2),  # two tiles
        (9000, 1, 1),  # all in one row
        (7000, 3000, 4),
    ],
)
def test_sums_by_index(count, rows, inner):
    rng = np.random.default_rng(2)
    ids = rng.integers(0, rows, count)
    ids[rng.random(count) < 0.3] = rows // 2  # one is met often
    for dtype in ("int32", "int64", "uint8", "float64", "float32"):  # whose sums of small integers are exact
        arrays = ids.astype("int32"), numbers((count, inner), dtype)
        same("scatter_add", *arrays, rows=[rows])
        same("unique_rows", *arrays, rows=[rows])
    u = rng.standard_normal((count, inner)).astype("float32")
    graph = graph_of("scatter_add", [ids, u], {"rows": [rows]})
    want = np.zeros((rows, inner))
    np.add.at(want, ids, u)
    executable = _core.Executable(graph, device="gpu")
    got = executable.run([ids, u])[0]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6 * np.sqrt(count + 1))
    assert executable.run([ids, u])[0].tobytes() == got.tobytes()


@pytest.mark.parametrize(("outer", "n", "picks", "inner"), [(4, 9, 20, 5), (3, 50, 700, 1), (2, 5, 3000, 2)])
def test_put_along_axis(outer, n, picks, inner):
    ids = np.random.default_rng(3).integers(0, n, (outer, picks, inner))
    for dtype in ("float32", "int64", "uint8", "bool"):
        same("put_along_axis", ids.astype("int32"), numbers(ids.shape, dtype), axis=1, size=[n])
    same("put_along_axis", ids, numbers(ids.shape, "float64"), axis=1, size=[n])


@pytest.mark.parametrize("bad", [-1, 6, 2**40])
@pytest.mark.parametrize("count", [5, 3000])
def test_refused_indices(count, bad):
    ids = np.random.default_rng(4).integers(0, 6, count)
    ids[count // 2] = ids[-1] = bad
    x, u = numbers((6, 4)), numbers((count, 4))
    column = ids[:, None]
    for op, arrays, attrs in (
        ("gather", [x, ids], {}),
        ("scatter_add", [ids, u], {"rows": [6]}),
        ("unique_rows", [ids, u], {"rows": [6]}),
        ("take_along_axis", [x[:, :1], column], {"axis": 0}),
        ("put_along_axis", [column, u[:, :1]], {"axis": 0, "size": [6]}),
    ):
        graph = graph_of(op, arrays, attrs)
        messages = []
        for device in ("cpu", "gpu"):
            with pytest.raises((ValueError, IndexError)) as error:
                _core.Executable(graph, device=device).run(arrays)
            messages.append(str(error.value))
        assert messages[0] == messages[1]
