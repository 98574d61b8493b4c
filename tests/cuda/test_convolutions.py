"""Convolutions and pooling on a GPU: the shapes that decide who computes them and how, beside the CPU."""

import numpy as np
import pytest

from hornbeam import _core, ops
from hornbeam.core.tensor import emit, emit1
from hornbeam.core.trace import Trace

# x, kernel, strides, low, high, dilations, groups
CONVOLUTIONS = [
    ((2, 9, 8, 3), (3, 3, 3, 5), (1, 1), (1, 1), (1, 1), (1, 1), 1),
    ((2, 8, 8, 4), (3, 3, 4, 8), (2, 2), (0, 0), (1, 1), (1, 1), 1),  # pads one side alone
    ((2, 9, 7, 8), (4, 3, 8, 4), (3, 2), (3, 0), (0, 2), (1, 2), 1),
    ((3, 17, 16, 16), (3, 3, 16, 72), (1, 1), (1, 1), (1, 1), (1, 1), 1),  # fills tall tiles
    ((1, 6, 6, 40), (3, 3, 40, 12), (1, 1), (1, 1), (1, 1), (1, 1), 1),  # a long sum, in parts
    ((9, 24, 23, 5), (2, 2, 5, 3), (1, 1), (0, 0), (0, 0), (1, 1), 1),  # long sums for its kernel
    ((2, 12, 12, 3), (2, 2, 3, 7), (5, 4), (0, 0), (0, 0), (1, 1), 1),  # strides over pixels
    ((2, 9, 9, 4), (3, 3, 4, 4), (2, 3), (2, 2), (2, 2), (2, 3), 1),
    ((4, 3, 3, 8), (3, 3, 8, 20), (1, 1), (0, 0), (0, 0), (1, 1), 1),  # the whole image
    ((2, 5, 7, 12), (1, 1, 12, 16), (1, 1), (0, 0), (0, 0), (1, 1), 1),
    ((2, 7, 7, 12), (1, 1, 12, 8), (2, 2), (0, 0), (0, 0), (1, 1), 1),
    ((2, 8, 7, 24), (3, 3, 8, 36), (1, 2), (1, 1), (1, 1), (1, 1), 3),
    ((2, 9, 8, 36), (3, 3, 1, 36), (1, 1), (1, 1), (1, 1), (1, 1), 36),
    ((9, 22, 22, 6), (2, 1, 1, 6), (1, 1), (0, 0), (0, 0), (1, 1), 6),  # a long sum, in parts
    ((4, 15, 14, 5), (3, 4, 1, 5), (2, 3), (1, 0), (0, 2), (1, 2), 5),
    ((2, 7, 6, 6), (3, 3, 2, 12), (1, 2), (1, 1), (0, 1), (1, 1), 3),
    ((2, 25, 4), (5, 4, 6), (2,), (4,), (0,), (1,), 1),
    ((2, 3, 5, 6, 4), (2, 3, 3, 4, 5), (1, 2, 1), (1, 1, 0), (0, 1, 2), (1, 1, 2), 1),
    ((2, 4, 4, 0), (3, 3, 0, 5), (1, 1), (1, 1), (1, 1), (1, 1), 1),
    ((2, 0, 4, 3), (2, 3, 3, 5), (1, 1), (1, 1), (1, 1), (1, 1), 1),
]
# x, window, strides, low, high
POOLS = [
    ((2, 9, 8, 5), (2, 2), (2, 2), (0, 0), (0, 0)),
    ((2, 9, 8, 4), (3, 2), (1, 2), (1, 0), (1, 1)),
    ((1, 3, 4, 3), (2, 2), (1, 3), (4, 1), (3, 5)),  # windows in the padding alone
    ((2, 7, 3), (9,), (2,), (3,), (4,)),
    ((2, 4, 5, 6, 2), (2, 3, 2), (1, 2, 3), (1, 1, 0), (0, 1, 1)),
]


# The least that a rounding changes a number near 1 by, times what sums of those may be off.
TOLERANCE = {"float32": 60 * 2.0**-23, "float64": 60 * 2.0**-52, "float16": 2 * 2.0**-10, "bfloat16": 2 * 2.0**-7}


def drawn(shape, dtype, seed):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(dtype)


def beside_the_cpu(call, arrays, dtype="float32"):
    """What three runs give, of which the last ones are captured, and what the CPU does. Halves are so in between alone."""
    half = dtype in ("float16", "bfloat16")
    with Trace() as trace:
        xs = [trace.input(f"x{i}", a.dtype.name, a.shape) for i, a in enumerate(arrays)]
        for i, y in enumerate(call(*[ops.cast(x, dtype) if half else x for x in xs])):
            trace.graph.output(f"y{i}", trace.value_of(ops.cast(y, "float32") if y.dtype == dtype and half else y))
    gpu = _core.Executable(trace.graph, device="gpu")
    runs = [gpu.run(arrays) for _ in range(3)]
    for again in runs[1:]:
        for a, b in zip(runs[0], again, strict=True):
            np.testing.assert_array_equal(a, b)
    return runs[0], _core.Executable(trace.graph, device="cpu").run(arrays)


def close(got, want, dtype="float32"):
    for g, w in zip(got, want, strict=True):
        assert g.dtype == w.dtype and g.shape == w.shape
        if g.dtype.kind == "f":
            scale = max(1, np.abs(w[np.isfinite(w)]).max(initial=0))
            np.testing.assert_allclose(g, w, rtol=0, atol=TOLERANCE[dtype] * scale)
        else:
            np.testing.assert_array_equal(g, w)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("x_shape, k_shape, strides, low, high, dilations, groups", CONVOLUTIONS)
def test_convolutions(x_shape, k_shape, strides, low, high, dilations, groups, dtype):
    attrs = {
        "strides": list(strides),
        "low": list(low),
        "high": list(high),
        "dilations": list(dilations),
        "groups": groups,
    }

    def all_three(x, k, dy):
        yield emit1("conv", [x, k], **attrs)
        yield emit1("conv_input_grad", [dy, k], **attrs, shape=list(x_shape))
        yield emit1("conv_kernel_grad", [x, dy], **attrs, shape=list(k_shape))

    reach = [(k - 1) * d + 1 for k, d in zip(k_shape, dilations, strict=False)]
    pixels = [(n + a + b - r) // s + 1 for n, a, b, r, s in zip(x_shape[1:-1], low, high, reach, strides, strict=True)]
    y_shape = (x_shape[0], *pixels, k_shape[-1])
    given = "float64" if dtype == "float64" else "float32"
    arrays = [drawn(x_shape, given, 0), drawn(k_shape, given, 1), drawn(y_shape, given, 2)]
    close(*beside_the_cpu(all_three, arrays, dtype), dtype)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("shape, window, strides, low, high", POOLS)
def test_pooling(shape, window, strides, low, high, dtype):
    attrs = {"window": list(window), "strides": list(strides), "low": list(low), "high": list(high)}

    def all_of_them(x, dy):
        y, index = emit("max_pool", [x], **attrs)
        yield from (y, index)
        yield emit1("max_pool_grad", [index, dy], **attrs, shape=list(shape))
        yield emit1("max_pool_pick", [index, x], **attrs)
        yield emit1("average_pool", [x], **attrs)
        yield emit1("average_pool_grad", [dy], **attrs, shape=list(shape))

    pixels = [(n + a + b - w) // s + 1 for n, a, b, w, s in zip(shape[1:-1], low, high, window, strides, strict=True)]
    given = "float64" if dtype == "float64" else "float32"
    x = np.round(drawn(shape, given, 0) * 4)  # of which many are equal
    dy = drawn((shape[0], *pixels, shape[-1]), given, 1)
    close(*beside_the_cpu(all_of_them, [x, dy], dtype), dtype)
    x.flat[::7], x.flat[::11] = np.nan, -np.inf
    close(*beside_the_cpu(all_of_them, [x, dy], dtype), dtype)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("kernel, antialias", [("nearest", False), ("bilinear", False), ("bicubic", True)])
@pytest.mark.parametrize("shape, size", [((2, 5, 7, 3), (8, 4)), ((1, 6, 3, 8), (3, 9)), ((1, 1, 4, 1), (1, 40))])
def test_resampling(shape, size, kernel, antialias, dtype):
    def both(x, dy):
        yield emit1("resample", [x], size=list(size), kernel=kernel, antialias=antialias)
        yield emit1("resample_grad", [dy], size=list(shape[1:3]), kernel=kernel, antialias=antialias)

    given = "float64" if dtype == "float64" else "float32"
    x, dy = drawn(shape, given, 0), drawn((shape[0], *size, shape[3]), given, 1)
    close(*beside_the_cpu(both, [x, dy], dtype), dtype)


def test_neighbours_that_do_not_count_may_be_infinite():
    x = np.ones((1, 4, 4, 3), "float32")
    x[:, 1:, 1:] = np.inf

    def both(x):
        yield emit1("resample", [x], size=[8, 8], kernel="bilinear", antialias=False)
        yield emit1("resample_grad", [x], size=[2, 3], kernel="bilinear", antialias=False)

    got, want = beside_the_cpu(both, [x])
    assert np.isfinite(np.asarray(want[0])[0, 0, 0]).all()
    close(got, want)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "bool"])
def test_nearest_pixels_of_any_dtype(dtype):
    x = (np.arange(2 * 5 * 7 * 3) % 251).astype(dtype).reshape(2, 5, 7, 3)
    nearest = lambda x: [emit1("resample", [x], size=[3, 9], kernel="nearest")]  # noqa: E731
    got, want = beside_the_cpu(nearest, [x])
    close(got, want)
    picked = [(2 * np.arange(o) + 1) * n // (2 * o) for n, o in ((5, 3), (7, 9))]
    np.testing.assert_array_equal(want[0], x[:, picked[0]][:, :, picked[1]])


def test_images_that_begin_anywhere():
    """Slices of what a scan walks over are aligned to their elements alone."""
    xs, k = drawn((4, 1, 5, 5, 3), "float32", 0), drawn((3, 3, 3, 4), "float32", 1)
    convolved = lambda x: ops.conv(x, k, padding="same")  # noqa: E731
    close(*beside_the_cpu(lambda s: [ops.scan(lambda c, x: (c, convolved(x)), ops.sum(s), s)[1]], [xs]))
