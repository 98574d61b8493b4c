"""The kernels with several ways to compute a thing, on shapes drawn at random, against the same in float64."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, ops
from hornbeam.core.tensor import emit1


def both(fn, arrays, **options):
    """What fn returns for float32 and for float64."""
    kinds = ([a.astype(k) if a.dtype.kind == "f" else a for a in arrays] for k in ("float32", "float64"))
    return [[np.asarray(y) for y in hb.function(fn, **options)(*args)] for args in kinds]


def close(fn, arrays, what, tol=1e-5, **options):
    for got, want in zip(*both(fn, arrays, **options), strict=True):
        assert got.shape == want.shape, what
        np.testing.assert_allclose(got, want, rtol=0, atol=tol * max(1, np.abs(want).max(initial=0)), err_msg=str(what))


@pytest.mark.parametrize("seed", range(40))
def test_convolutions(seed):
    rng = np.random.default_rng(seed)
    h, w, kh, kw = (int(rng.integers(1, n)) for n in (34, 34, 6, 6))
    groups = int(rng.choice([1, 1, 1, 2, 4]))
    c, f = groups * int(rng.choice([1, 2, 3, 8, 17, 32])), groups * int(rng.choice([1, 2, 5, 16, 33]))
    stride = int(rng.integers(1, 4))
    dilation = 1 if stride > 1 else int(rng.integers(1, 3))
    padding = str(rng.choice(["same", "valid"]))
    if padding == "valid":
        h, w = max(h, (kh - 1) * dilation + 1), max(w, (kw - 1) * dilation + 1)
    batch = max(1, min(int(rng.integers(1, 40)), int(2e7 / (h * w * c * f * kh * kw))))
    x, k = rng.standard_normal((batch, h, w, c)), rng.standard_normal((kh, kw, c // groups, f))

    def step(x, k):
        y = ops.conv(x, k, strides=stride, padding=padding, dilation_rate=dilation)
        weights = np.cos(np.arange(int(np.prod(y.shape)))).reshape(y.shape).astype(x.dtype)
        return y, *hb.gradients(ops.sum(y * weights), [x, k])

    close(step, [x, k], (x.shape, k.shape, stride, dilation, padding))


def wired(x, k, **attributes):
    """A convolution and both of its gradients."""
    y = emit1("conv", [x, k], **attributes)
    weights = np.cos(np.arange(int(np.prod(y.shape)))).reshape(y.shape).astype(x.dtype)
    return y, *hb.gradients(ops.sum(y * weights), [x, k])


@pytest.mark.parametrize("filters", [1, 3, 8])
@pytest.mark.parametrize("channels", [1, 3, 16])
def test_planes_of_taps_that_lie_in_the_padding(channels, filters):
    """Windows of the plane that is there are read in place, the others' are copied: their runs are not as long."""
    rng = np.random.default_rng(channels)
    x, k = rng.standard_normal((4, 1, 5, 5, channels)), rng.standard_normal((3, 3, 3, channels, filters))
    how = {"strides": [1, 5, 5], "low": [1, 0, 0], "high": [1, 0, 0], "dilations": [1, 1, 1], "groups": 1}
    close(lambda x, k: wired(x, k, **how), [x, k], (x.shape, k.shape))


def test_channels_without_filters_have_no_gradient():
    x, k = np.ones((64, 55, 55, 4), "float32"), np.ones((3, 3, 1, 0), "float32")
    how = {"strides": [1, 1], "low": [1, 1], "high": [1, 1], "dilations": [1, 1], "groups": 4}
    step = hb.function(lambda x, k: wired(x, k, **how))
    for _ in range(4):  # the first results may lie in fresh memory, which is zero
        y, dx, dk = (np.asarray(a) for a in step(x, k))
        assert y.shape == (64, 55, 55, 0) and dk.shape == k.shape and dx.shape == x.shape and not dx.any()


@pytest.mark.parametrize("isa", _core.isa_names())
@pytest.mark.parametrize("seed", range(16))
def test_three_by_three(seed, isa):
    """What Winograd's tiles may take: any padding, sizes that end within a tile, channels that end within a register."""
    rng = np.random.default_rng(1000 + seed)
    h, w = (int(rng.choice([1, 2, 3, 4, 5, 7, 8, 11, 16, 19])) for _ in range(2))
    c, f = (int(rng.choice([8, 15, 16, 17, 32, 33, 48, 64, 100])) for _ in range(2))
    low, high = ([int(p) for p in rng.integers(0, 4, 2)] for _ in range(2))
    low, high = [max(p, 1) if h < 3 or w < 3 else p for p in low], [max(p, 1) if h < 3 or w < 3 else p for p in high]
    batch = int(rng.choice([1, 3, 8, 40])) if h * w * c * f < 4e5 else 2
    x, k = rng.standard_normal((batch, h, w, c)), rng.standard_normal((3, 3, c, f))

    def step(x, k):
        y = emit1("conv", [x, k], strides=[1, 1], low=low, high=high, dilations=[1, 1], groups=1)
        weights = np.cos(np.arange(int(np.prod(y.shape)))).reshape(y.shape).astype(x.dtype)
        return y, *hb.gradients(ops.sum(y * weights), [x, k])

    close(step, [x, k], (x.shape, k.shape, low, high), isa=isa)


@pytest.mark.parametrize("channels,filters", [(16, 16), (32, 32), (64, 24), (128, 16)])
def test_winograd_rounds_at_most_twice_as_much(channels, filters):
    """As the sums over windows, which it takes the place of."""
    rng = np.random.default_rng(channels)
    x = rng.standard_normal((6, 16, 16, channels)).astype("float32")
    k = rng.standard_normal((3, 3, channels, filters)).astype("float32")
    weights = rng.standard_normal((6, 16, 16, filters)).astype("float32")

    def step(x, k):
        y = ops.conv(x, k, padding="same")
        return y, *hb.gradients(ops.sum(y * ops.cast(weights, x.dtype)), [x, k])

    exact = [np.asarray(y) for y in hb.function(step)(x.astype("float64"), k.astype("float64"))]
    for isa in _core.isa_names():
        tiles, windows = (hb.function(step, isa=isa, disable=off)(x, k) for off in ([], ["winograd"]))
        for a, b, e in zip(tiles, windows, exact, strict=True):
            error, other = (np.sqrt(np.mean((np.asarray(y, "float64") - e) ** 2)) for y in (a, b))
            assert not np.array_equal(a, b) and 0 < error <= 2 * other, (isa, error / other)


@pytest.mark.parametrize("seed", range(12))
def test_small_images_in_large_batches(seed):
    """Where much of the padding would be multiplied: some taps of some pixels alone, none at all for others."""
    rng = np.random.default_rng(seed)
    h, w = (int(rng.integers(1, 5)) for _ in range(2))
    kh, kw = (int(rng.choice([1, 2, 3, 5])) for _ in range(2))
    c, f = (int(rng.choice([1, 7, 16, 40])) for _ in range(2))
    stride, dilation = ((1, 1), (2, 1), (1, 2), (1, 3))[seed % 4]
    x, k = rng.standard_normal((int(rng.choice([8, 17, 40])), h, w, c)), rng.standard_normal((kh, kw, c, f))

    def step(x, k):
        y = ops.relu(ops.conv(x, k, strides=stride, padding="same", dilation_rate=dilation) + 0.1)
        weights = np.cos(np.arange(int(np.prod(y.shape)))).reshape(y.shape).astype(x.dtype)
        return y, *hb.gradients(ops.sum(y * weights), [x, k])

    close(step, [x, k], (x.shape, k.shape, stride, dilation))


@pytest.mark.parametrize("isa", _core.isa_names())
@pytest.mark.parametrize(
    "x,k,stride,dilation,padding",
    [
        ((2, 5, 9, 14, 3), (3, 3, 3, 3, 10), 1, 1, "same"),  # three axes: planes outside, windows in lines
        ((1, 6, 7, 13, 17), (2, 3, 3, 17, 6), 2, 1, "valid"),
        ((2, 4, 5, 8, 3), (5, 1, 3, 3, 4), 1, 1, "same"),  # more planes of taps than the image has
        ((2, 3, 6, 7, 9), (1, 3, 3, 9, 16), 1, 1, "same"),  # planes that no tap joins
        ((2, 4, 3, 5, 9), (3, 1, 1, 9, 8), 1, 1, "same"),  # pixels that none joins
        ((2, 20, 31, 64), (3, 3, 64, 8), 1, 7, "same"),  # lines of taps far apart
        ((1, 300, 260), (5, 260, 9), 1, 1, "same"),  # a long line by pieces
        ((1, 301, 260), (3, 260, 9), 2, 1, "same"),
        ((1, 2100, 2), (2, 2, 7), 1, 1, "valid"),  # and in place
        ((1, 40, 512), (3, 512, 9), 2, 1, "valid"),  # pixels that share a set of the cache
        ((3, 13, 13, 8), (3, 3, 8, 16), 1, 1, "same"),
    ],
)
def test_every_kind_of_window(x, k, stride, dilation, padding, isa):
    rng = np.random.default_rng(len(x) + x[-1])

    def step(x, k):
        y = ops.conv(x, k, strides=stride, padding=padding, dilation_rate=dilation)
        weights = np.cos(np.arange(int(np.prod(y.shape)))).reshape(y.shape).astype(x.dtype)
        return y, *hb.gradients(ops.sum(y * weights), [x, k])

    close(step, [rng.standard_normal(x), rng.standard_normal(k)], (x, k, stride, dilation, padding), isa=isa)


@pytest.mark.parametrize("isa", _core.isa_names())
@pytest.mark.parametrize("seed", range(16))
def test_small_groups(seed, isa):
    """Registers of filters that hold several groups; others where a group's do not divide a register."""
    rng = np.random.default_rng(seed)
    axes, groups = int(rng.integers(1, 4)), int(rng.choice([2, 3, 5, 32]))
    c, f = ((4, 4), (2, 2), (8, 8), (1, 2), (2, 4), (4, 2), (3, 3), (16, 16))[seed % 8]
    size = [int(rng.integers(1, (0, 70, 17, 8)[axes])) for _ in range(axes)]
    window = [int(rng.integers(1, 5)) for _ in range(axes)]
    stride, dilation = ((1, 1), (2, 1), (1, 2), (3, 1))[int(rng.integers(4))]
    x, k = rng.standard_normal((2, *size, groups * c)), rng.standard_normal((*window, c, groups * f))

    def step(x, k):
        y = ops.relu(ops.conv(x, k, strides=stride, padding="same", dilation_rate=dilation) + 0.1)
        weights = np.cos(np.arange(int(np.prod(y.shape)))).reshape(y.shape).astype(x.dtype)
        return y, *hb.gradients(ops.sum(y * weights), [x, k])

    close(step, [x, k], (x.shape, k.shape, stride, dilation), isa=isa)


@pytest.mark.parametrize("end", range(7))
@pytest.mark.parametrize("rows,depth,columns", [(1, 64, 1), (5, 33, 2), (32, 64, 1), (131, 300, 10), (66, 1001, 15)])
def test_products_with_few_columns(rows, depth, columns, end):
    """A head with a few units: sums along the depth where columns would leave most of a register empty."""
    rng = np.random.default_rng(rows + end)
    x, w, b, s = (rng.standard_normal(n) for n in ((rows, depth), (depth, columns), (columns,), (columns,)))
    close(lambda x, w, b, s: (ENDS[end](ops.matmul(x, w), b, s),), [x, w, b, s], (rows, depth, columns))
    close(lambda x, w: (ops.matmul(x, ops.transpose(w)),), [x, w.T.copy()], (rows, depth, columns, "transposed"))


@pytest.mark.parametrize("seed", range(16))
def test_depthwise_convolutions_and_their_gradients(seed):
    rng = np.random.default_rng(seed)
    rank, c = 1 + seed % 3, int(rng.choice([3, 16, 33]))
    window, stride, dilation = ([int(n) for n in rng.integers(1, 4, rank)] for _ in range(3))
    size = [(k - 1) * d + 1 + int(rng.integers(0, 7)) for k, d in zip(window, dilation, strict=True)]
    x, k = rng.standard_normal((2, *size, c)), rng.standard_normal((*window, c, 1))

    def step(x, k):
        y = ops.depthwise_conv(x, k, stride, ("same", "valid")[seed % 2], dilation_rate=dilation)
        weights = np.cos(np.arange(int(np.prod(y.shape)))).reshape(y.shape).astype(x.dtype)
        dx, dk = hb.gradients(ops.sum(y * weights), [x, k])
        return y, dx, ops.relu(dx + 0.1), dk

    close(step, [x, k], (x.shape, k.shape, stride, dilation))


@pytest.mark.parametrize("end", range(7))
@pytest.mark.parametrize("seed", range(4))
def test_what_follows_a_depthwise_or_pointwise_convolution(seed, end):
    rng = np.random.default_rng(seed)
    c, f = int(rng.choice([3, 16, 33])), int(rng.choice([5, 16, 64]))
    h, w, stride = int(rng.integers(3, 20)), int(rng.integers(3, 20)), 1 + seed % 2
    x, k, b, s = (rng.standard_normal(n) for n in ((3, h, w, c), (3, 3, c, 1), (c,), (c,)))
    depthwise = lambda x, k, b, s: (ENDS[end](ops.depthwise_conv(x, k, strides=stride, padding="same"), b, s),)  # noqa: E731
    close(depthwise, [x, k, b, s], ("depthwise", x.shape, stride))
    k, b, s, r, g = (rng.standard_normal(n) for n in ((1, 1, c, f), (f,), (f,), (3, h, w, f), (3, 1, 1, f)))
    pointwise = lambda x, k, b, s: (ENDS[end](ops.conv(x, k), b, s),)  # noqa: E731
    close(pointwise, [x, k, b, s], ("pointwise", x.shape, f))
    close(lambda x, k, r, b: (ops.relu(ops.conv(x, k) + b + r),), [x, k, r, b], ("pointwise, residual", x.shape, f))
    close(lambda x, k, g: (ops.conv(x, k) * g,), [x, k, g], ("pointwise, scaled by image", x.shape, f))


ENDS = [
    lambda y, b, s: ops.relu(y + b),
    lambda y, b, s: y + b,
    lambda y, b, s: ops.relu(y),
    lambda y, b, s: ops.relu(y * s + b),
    lambda y, b, s: ops.relu(y * s + ops.tanh(y)),
    lambda y, b, s: ops.sigmoid(y + b),
    lambda y, b, s: ops.relu(ops.relu(y * 0.5 + b) * s + b * 2.0),
]


@pytest.mark.parametrize("end", range(len(ENDS)))
@pytest.mark.parametrize("seed", range(6))
def test_what_follows_a_product(seed, end):
    rng = np.random.default_rng(100 * seed + end)
    c, f = int(rng.choice([1, 3, 16, 33])), int(rng.choice([1, 2, 5, 8, 16, 24, 33, 64, 96, 300]))
    h, w = (int(rng.integers(3, 30)) for _ in range(2))
    x, b, s = rng.standard_normal((2, h, w, c)), rng.standard_normal(f), rng.standard_normal(f)
    k, m = rng.standard_normal((3, 3, c, f)), rng.standard_normal((c, f))
    stride, padding = int(rng.integers(1, 3)), str(rng.choice(["same", "valid"]))
    forward = lambda x, k, b, s: (ENDS[end](ops.conv(x, k, strides=stride, padding=padding), b, s),)  # noqa: E731
    close(forward, [x, k, b, s], ("conv", x.shape, f, stride, padding))
    k = np.swapaxes(k, 2, 3)
    transposed = lambda x, k, b, s: (ENDS[end](ops.conv_transpose(x, k, stride, padding), b, s),)  # noqa: E731
    close(transposed, [x, k, b, s], ("conv_transpose", x.shape, f, stride, padding))
    close(lambda x, m, b, s: (ENDS[end](ops.matmul(x, m), b, s),), [x, m, b, s], ("matmul", x.shape, f))


@pytest.mark.parametrize("seed", range(12))
def test_residuals(seed):
    """Products that a residual of their own shape is added to, with and without bias and relu."""
    rng = np.random.default_rng(seed)
    c, f, h, w = (int(rng.choice(n)) for n in ([1, 8, 17], [1, 3, 16, 40], [5, 9, 16], [3, 8, 20]))
    stride = int(rng.integers(1, 3))
    x, b = rng.standard_normal((3, h, w, c)), rng.standard_normal(f)
    k, m = rng.standard_normal((3, 3, c, f)), rng.standard_normal((c, f))
    ends = (
        lambda y, r, b: (ops.relu(y + b + r),),
        lambda y, r, b: (y + r,),
        lambda y, r, b: (ops.relu(r + (b + y)),),
        lambda y, r, b: (ops.relu(y + r + r),),
    )
    for end in ends:
        for what, product in (
            ("conv", lambda x, k, m: ops.conv(x, k, strides=stride, padding="same")),
            ("transposed", lambda x, k, m: ops.conv_transpose(x, ops.transpose(k, [0, 1, 3, 2]), stride, "same")),
            ("matmul", lambda x, k, m: ops.matmul(x, m)),
        ):
            shape = np.asarray(hb.function(product)(x, k, m)).shape
            fn = lambda x, k, m, r, b: end(product(x, k, m), r, b)  # noqa: B023, E731
            close(fn, [x, k, m, rng.standard_normal(shape), b], (what, x.shape, f, stride))


@pytest.mark.parametrize("seed", range(60))
def test_broadcasting(seed):
    rng = np.random.default_rng(seed)
    shape = [int(rng.integers(1, 30)) for _ in range(int(rng.integers(0, 4)))]
    shape.append(int(rng.choice([1, 3, 16, 64, 200, 255, 256, 257, 300, 600])))

    def part():
        s = [1 if rng.random() < 0.4 else n for n in shape]
        return rng.standard_normal(s[int(rng.integers(0, len(s))) :])

    arrays = [rng.standard_normal(shape), part(), part(), part()]
    close(lambda a, b, c, d: (ops.relu(a * b + c) * d + b,), arrays, [a.shape for a in arrays])


@pytest.mark.parametrize("seed", range(24))
def test_products(seed):
    rng = np.random.default_rng(seed)
    m, n, k = (int(rng.choice([1, 2, 13, 14, 15, 16, 17, 31, 48, 49, 96, 385])) for _ in range(3))
    ta, tb = bool(rng.integers(0, 2)), bool(rng.integers(0, 2))
    a, b = rng.standard_normal((k, m) if ta else (m, k)), rng.standard_normal((n, k) if tb else (k, n))
    t = lambda x, flag: ops.transpose(x) if flag else x  # noqa: E731
    close(lambda a, b: (ops.matmul(t(a, ta), t(b, tb)),), [a, b], (m, n, k, ta, tb))


@pytest.mark.parametrize("m", [1, 3, 15, 16, 17, 65, 800, 3001])
def test_products_with_one_column(m):
    """As the gradient of a layer with one unit is: the left side transposed."""
    rng = np.random.default_rng(m)
    for k in (1, 2, 33, 2000 if m > 3000 else 500):
        a, b, w = rng.standard_normal((k, m)), rng.standard_normal((k, 1)), rng.standard_normal((m, 1))
        step = lambda a, b, w: (w - 0.1 * ops.matmul(ops.transpose(a), b),)  # noqa: E731
        close(step, [a, b, w], (m, k))
        close(step, [a, b, w], (m, k, "three threads"), threads=3)
        close(lambda a, b: (ops.matmul(ops.transpose(a), ops.transpose(b)),), [a, b.T.copy()], (m, k, "both turned"))


@pytest.mark.parametrize("n", [24, 40, 80, 112, 272, 784])
def test_products_whose_last_panel_is_narrow(n):
    rng = np.random.default_rng(n)
    for m, k in ((1, 70), (14, 3), (128, 256), (700, 33)):
        a, b, c = rng.standard_normal((m, k)) / k**0.5, rng.standard_normal((k, n)), rng.standard_normal(n)
        close(lambda a, b, c: (ops.relu(ops.matmul(a, b) + c),), [a, b, c], (m, k, n))
        close(lambda a, b, c: (ops.tanh(ops.matmul(ops.transpose(a), b) + c),), [a.T.copy(), b, c], (m, k, n, "turned"))


@pytest.mark.parametrize("end", range(7))
@pytest.mark.parametrize("seed", range(4))
def test_depthwise_then_pointwise(seed, end):
    """Computed as one op where a bias and relu alone stand between them."""
    rng = np.random.default_rng(seed)
    c, f = int(rng.choice([3, 16, 33, 420])), int(rng.choice([5, 16, 64, 530]))
    h, w, stride = int(rng.integers(3, 20)), int(rng.integers(3, 20)), 1 + seed % 2
    x, k, p = (rng.standard_normal(n) / 3 for n in ((3, h, w, c), (3, 3, c, 1), (1, 1, c, f)))
    b, s, b2, s2 = (rng.standard_normal(n) for n in ((c,), (c,), (f,), (f,)))

    def step(x, k, p, b, s, b2, s2):
        middle = ENDS[end](ops.depthwise_conv(x, k, strides=stride, padding="same"), b, s)
        return (ENDS[(end + seed) % 7](ops.conv(middle, p), b2, s2),)

    arrays = [x, k, p, b, s, b2, s2]
    close(step, arrays, (x.shape, f, stride, end))
    close(step, arrays, "three threads", threads=3)
    run = hb.function(step)
    run(*(a.astype("float32") for a in arrays))
    (compiled,) = run._cache.values()
    assert ("separable_conv" in str(compiled.executable.graph)) == (end < 3)


@pytest.mark.parametrize("seed", range(8))
def test_gradient_of_max_pooling_behind_relu(seed):
    """It is the winners' alone; ties, windows that overlap and images of nothing but zeros among them."""
    rng = np.random.default_rng(seed)
    h, w, c = int(rng.integers(3, 20)), int(rng.integers(3, 20)), int(rng.choice([1, 16, 33]))
    x = np.round(rng.standard_normal((3, h, w, c)), 1)
    x[1] = -np.abs(x[1])
    size, stride, padding = int(rng.integers(2, 4)), int(rng.integers(1, 3)), str(rng.choice(["same", "valid"]))

    def step(x):
        y = ops.max_pool(ops.relu(x), size, stride, padding)
        weights = np.cos(np.arange(int(np.prod(y.shape)))).reshape(y.shape).astype(x.dtype)
        return y, hb.gradients(ops.sum(y * y * weights), x)

    close(step, [x], (x.shape, size, stride, padding))
    x = x.astype("float32")
    on, off = hb.function(step), hb.function(step, disable=["algebra"])
    for a, b in zip(on(x), off(x), strict=True):
        np.testing.assert_array_equal(a, b)
    graphs = [str(next(iter(f._cache.values())).executable.graph) for f in (on, off)]
    shape = f"f32[{','.join(map(str, x.shape))}]"
    fused = [sum("fused" in line and shape in line for line in text.splitlines()) for text in graphs]
    assert fused[0] < fused[1]


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("shape", [(1, 3, 3), (2, 2, 5), (3, 4, 4)])
def test_few_pixels_read_their_kernel_where_it_lies(shape, groups):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((*shape, 20 * groups)).astype("f4")
    k = rng.standard_normal((2, 2, 20, 64 * groups)).astype("f4")
    step = lambda x, k: ops.conv(x, k, strides=2)  # noqa: E731
    want = hb.function(step)(x.astype("f8"), k.astype("f8"))
    for isa in _core.isa_names():
        np.testing.assert_allclose(hb.function(step, isa=isa)(x, k), want, rtol=1e-4, atol=1e-4, err_msg=isa)


@pytest.mark.parametrize(
    "shape,kernel",
    [((4, 16, 16, 24), (5, 5, 24, 24)), ((6, 20, 20, 48), (5, 5, 48, 2)), ((3, 12, 12, 12, 4), (3, 3, 3, 4, 16))],
)
def test_kernel_gradients_whose_sums_are_cut(shape, kernel):
    rng = np.random.default_rng(0)
    x, k = rng.standard_normal(shape).astype("f4"), rng.standard_normal(kernel).astype("f4")

    def step(x, k):
        return hb.gradients(ops.sum(ops.square(ops.conv(x, k))), [k])[0]

    want = np.asarray(hb.function(step)(x.astype("f8"), k.astype("f8")))
    for isa in _core.isa_names():
        got = hb.function(step, isa=isa)(x, k)
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max(), err_msg=isa)
