"""``ops.image``: real Keras' numbers, closed forms, gradients, unknown sizes, files, and what is refused."""

import pathlib
import sys

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import ops

NUMBERS = pathlib.Path(__file__).parent / "keras_numbers"
sys.path.insert(0, str(NUMBERS))

from make_image_ops import CLOSE, cases  # noqa: E402

CASES = cases()
KERAS = np.load(NUMBERS / "image_ops.npz")
IMAGE = ops.image


@pytest.mark.parametrize("name", CASES)
def test_numbers_are_keras(name):
    function, x, dtype, args, kwargs = CASES[name]
    y = getattr(IMAGE, function)(ops.convert_to_tensor(x, dtype), *args, **kwargs)
    want = KERAS[name]
    assert y.dtype == dtype
    assert tuple(y.shape) == want.shape
    got = np.asarray(y)
    if want.dtype.kind in "iu":  # a value half way between two ints may go either way
        assert np.abs(got.astype("int64") - want).max(initial=0) <= 1
        assert (got != want).mean() <= 0.01
        return
    np.testing.assert_allclose(got.astype("float32"), want, rtol=CLOSE[dtype], atol=CLOSE[dtype])


def test_every_function_is_compared():
    compared = {c[0] for c in CASES.values()}
    assert set(IMAGE.__all__) - compared == {"elastic_transform"}


# ---- closed forms ----
RNG = np.random.default_rng(0)
X = RNG.uniform(size=(3, 6, 7, 2)).astype("float32")
KINDS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


def test_nearest_takes_the_pixel_that_a_centre_lies_in():
    for n in range(1, 40):
        row = np.arange(n, dtype="int32").reshape(n, 1, 1)
        for out in (1, 2, 3, 7, 10, 16, 39, 64):
            got = np.asarray(IMAGE.resize(row, (out, 1), "nearest")).ravel()
            np.testing.assert_array_equal(got, [(2 * i + 1) * n // (2 * out) for i in range(out)])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_even_stays_so(kind):
    even = np.full((1, 5, 8, 3), 0.7, "float32")
    for size in ((3, 3), (5, 8), (16, 21), (1, 1)):
        for antialias in (False, True):
            np.testing.assert_allclose(np.asarray(IMAGE.resize(even, size, kind, antialias)), 0.7, rtol=1e-6)


def test_half_the_size_with_antialias_is_a_tent():
    row = RNG.uniform(size=(8, 1, 1)).astype("float32")
    got = np.asarray(IMAGE.resize(row, (4, 1), antialias=True)).ravel()
    x = row.ravel()
    np.testing.assert_allclose(got[1:3], [x[i : i + 4] @ [0.125, 0.375, 0.375, 0.125] for i in (1, 3)], rtol=1e-6)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("kind", KINDS[1:])
def test_long_axes_are_mixed_alike(kind, antialias):
    from hornbeam.ops.image.kernels import weights

    for n, out in ((300, 340), (300, 130), (90, 71), (12, 5), (3, 200), (1, 4)):
        smooth = antialias and out < n
        want = weights(n, out, out / n, 0.0, kind, smooth)
        x = RNG.uniform(size=(2, n, 2, 3)).astype("float32")
        mixed = np.einsum("on,bncd->bocd", want, x)
        np.testing.assert_allclose(np.asarray(IMAGE.resize(x, (out, 2), kind, antialias)), mixed, atol=3e-6)
        turned = np.asarray(IMAGE.resize(np.swapaxes(x, 1, 2), (2, out), kind, antialias))
        np.testing.assert_allclose(np.swapaxes(turned, 1, 2), mixed, atol=3e-6)


def test_bytes_do_not_wrap_around():
    edge = np.repeat(np.array([0, 255], "uint8"), 4).reshape(1, 8, 1)
    for kind in ("bicubic", "lanczos3"):
        y = np.asarray(IMAGE.resize(edge, (1, 29), kind)).ravel()
        assert y.dtype == np.uint8
        assert y[:8].max() < 20 and y[-8:].min() > 235


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64"])
def test_ints_take_the_nearest_that_they_hold(dtype):
    from hornbeam.ops.image.layouts import in_dtype

    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    y = np.asarray(in_dtype(ops.convert_to_tensor([1e30, -1e30, 2.5, 3.5, 3.4]), dtype))
    assert y.dtype == dtype
    assert 0 <= int(high) - int(y[0]) <= high // 2**23
    assert y[1:].tolist() == [low, 2, 4, 3]
    assert np.asarray(in_dtype(ops.convert_to_tensor([2.5, 0.5, 0.4]), dtype, away=True)).tolist() == [3, 1, 0]


def test_moving_by_whole_pixels_is_exact():
    for kind in ("nearest", "bilinear"):
        moved = np.asarray(IMAGE.affine_transform(X, [1, 0, 2, 0, 1, -1, 0, 0], kind, fill_value=9.0))
        want = np.full_like(X, 9.0)
        want[:, 1:, :-2] = X[:, :-1, 2:]
        np.testing.assert_array_equal(moved, want)


def test_beyond_the_ends_is_what_numpy_pads():
    x = np.arange(1.0, 6.0, dtype="float32")
    places = np.arange(-12, 17, dtype="float32")
    pads = {"nearest": "edge", "wrap": "wrap", "mirror": "reflect", "reflect": "symmetric"}
    for mode, name in pads.items():
        for order in (0, 1):
            got = IMAGE.map_coordinates(x, places[None], order, mode)
            np.testing.assert_array_equal(np.asarray(got), np.pad(x, (12, 12), mode=name))
    one = IMAGE.map_coordinates(x[:1], places[None], 1, "mirror")
    np.testing.assert_array_equal(np.asarray(one), np.ones(29))


def test_places_that_are_none():
    x = np.arange(12, dtype="float32").reshape(3, 4)
    odd = np.array([[np.nan, np.inf, -np.inf, 1e30, -1e30], [1, 1, 1, 1, 1]], "float32")
    for order in (0, 1):
        y = np.asarray(IMAGE.map_coordinates(x, odd, order, "constant", 5.0))
        np.testing.assert_array_equal(y[1:], 5.0)
        assert order == 0 or np.isnan(y[0])
        y = np.asarray(IMAGE.map_coordinates(x, odd, order, "nearest"))
        np.testing.assert_array_equal(y[1:], [9.0, 1.0, 9.0, 1.0])
        for mode in ("wrap", "mirror", "reflect"):
            y = np.asarray(IMAGE.map_coordinates(x, odd, order, mode))  # no index out of range
            assert y.shape == (5,)
            assert np.all((y[3:] >= 0) & (y[3:] <= 11))


def test_what_lies_outside_is_the_fill_value_beside_pixels_that_are_no_number():
    x = X.copy()
    x[:, 0] = np.nan
    y = np.asarray(IMAGE.affine_transform(x, [1, 0, 0, 0, 1, -40, 0, 0], fill_value=0.5))
    np.testing.assert_array_equal(y, 0.5)


def test_a_projective_map_is_a_perspective():
    start = np.array([[0, 0], [0, 5], [6, 0], [6, 5]], "float32")
    end = start + np.array([[0.5, 0.2], [-0.3, 0.7], [1, 0.4], [-0.6, -0.2]], "float32")
    rows = []
    for (u, v), (x, y) in zip(start, end):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    transform = np.linalg.solve(np.array(rows, "float64"), start.ravel().astype("float64")).astype("float32")
    for kind in ("nearest", "bilinear"):
        want = IMAGE.affine_transform(X, transform, kind, fill_value=0.3)
        got = IMAGE.perspective_transform(X, start, end, kind, 0.3)
        np.testing.assert_allclose(np.asarray(got), np.asarray(want), atol=2e-5)
    same = IMAGE.perspective_transform(X, start, start)
    np.testing.assert_allclose(np.asarray(same), X, atol=1e-6)


def patches_by_hand(x, size, strides, apart):
    window = [(k - 1) * d + 1 for k, d in zip(size, apart)]
    counts = [(n - w) // s + 1 for n, w, s in zip(x.shape[1:3], window, strides)]
    y = np.empty((x.shape[0], *counts, size[0] * size[1] * x.shape[3]), x.dtype)
    for i, j in np.ndindex(*counts):
        r, c = i * strides[0], j * strides[1]
        y[:, i, j] = x[:, r : r + window[0] : apart[0], c : c + window[1] : apart[1]].reshape(x.shape[0], -1)
    return y


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int32"])
def test_patches_are_windows(dtype):
    x = (RNG.uniform(size=(2, 9, 11, 3)) * 99).astype(dtype)
    for size, strides, apart in (((2, 3), (2, 3), (1, 1)), ((3, 2), (1, 2), (2, 3)), ((9, 11), (1, 1), (1, 1))):
        got = IMAGE.extract_patches(x, size, strides, apart)
        assert got.dtype == dtype
        np.testing.assert_array_equal(np.asarray(got), patches_by_hand(x, size, strides, apart))


def test_elastic_transform_moves_pixels_by_chance():
    x = np.broadcast_to(np.arange(40.0, dtype="float32")[None, None, :, None], (2, 40, 40, 1))
    both = np.concatenate([x, np.swapaxes(x, 1, 2)], -1)
    y = np.asarray(IMAGE.elastic_transform(both, alpha=6.0, sigma=3.0, fill_mode="nearest", seed=3))
    np.testing.assert_array_equal(y, np.asarray(IMAGE.elastic_transform(both, 6.0, 3.0, fill_mode="nearest", seed=3)))
    np.testing.assert_array_equal(np.asarray(IMAGE.elastic_transform(both, 0.0, 3.0)), both)
    columns, rows = (y - both)[:, 10:30, 10:30, 0], (y - both)[:, 10:30, 10:30, 1]
    assert 0.5 < columns.std() < 6
    assert 0.5 < rows.std() < 6
    assert np.abs(columns - rows).max() > 1  # the two directions and the samples differ
    assert np.abs(columns[0] - columns[1]).max() > 1
    first = np.asarray(
        IMAGE.elastic_transform(np.moveaxis(both, 3, 1), 6.0, 3.0, "bilinear", "nearest", 0.0, 3, "channels_first")
    )
    np.testing.assert_array_equal(np.moveaxis(first, 1, 3), y)
    assert IMAGE.elastic_transform(x[0].astype("uint8"), seed=hb.random.SeedGenerator(1)).dtype == "uint8"


def test_a_bell_as_a_matrix_is_a_blur():
    from hornbeam.ops.image.kernels import bell_matrix

    x = RNG.uniform(size=(2, 9, 12, 1)).astype("float32")
    for sigma in (0.3, 0.7, 2.0, 5.0):
        window = int(6 * sigma) | 1
        want = np.asarray(IMAGE.gaussian_blur(x, window, sigma))[..., 0]
        down, across = (bell_matrix(n, sigma, int(6 * sigma) // 2) for n in (9, 12))
        np.testing.assert_allclose(down @ x[..., 0] @ across, want, atol=2e-6)


def test_similarity():
    x, y = (RNG.uniform(size=(2, 20, 14, 3)).astype("float32") for _ in range(2))
    np.testing.assert_allclose(np.asarray(IMAGE.ssim(x, x)), [1, 1], rtol=1e-5)
    assert IMAGE.ssim((x * 255).astype("uint8"), (y * 255).astype("uint8"), 255).dtype == "float32"
    want = 20 * np.log10(255.0) - 10 * np.log10(np.mean((x.astype("float64") - y) ** 2))
    np.testing.assert_allclose(float(ops.psnr(x, y, 255.0)), want, rtol=1e-5)
    assert float(ops.psnr(x, x, 1.0)) == np.inf
    bytes_ = np.array([0, 255], "uint8")
    np.testing.assert_allclose(float(ops.psnr(bytes_, bytes_[::-1], 255)), 0.0, atol=1e-5)  # a difference does not wrap


def test_colours_there_and_back():
    x = RNG.uniform(size=(2, 9, 9, 3)).astype("float32")
    np.testing.assert_allclose(np.asarray(IMAGE.hsv_to_rgb(IMAGE.rgb_to_hsv(x))), x, atol=2e-6)
    import colorsys

    for r, g, b in x.reshape(-1, 3)[:30].tolist():
        got = np.asarray(IMAGE.rgb_to_hsv([[[r, g, b]]])).ravel()
        np.testing.assert_allclose(got, colorsys.rgb_to_hsv(r, g, b), atol=2e-6)


# ---- gradients ----
def central(f, x, eps=1e-6):
    d = np.zeros_like(x)
    for at in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[at] += eps
        down[at] -= eps
        d[at] = (float(f(up)) - float(f(down))) / (2 * eps)
    return d


IN64 = X[:2, :4, :5].astype("float64")
PLACES = RNG.uniform(-3, 8, (2, 9))
PLACES = np.where(np.abs(PLACES - np.round(PLACES)) < 0.05, PLACES + 0.1, PLACES)  # away from where slopes change
TRANSFORM = np.array([0.83, 0.23, 0.37, -0.13, 1.11, -0.41, 0.0, 0.0])
SMOOTH = {
    **{f"resize {k}": (lambda x, k=k: IMAGE.resize(x, (3, 8), k), IN64) for k in KINDS},
    "resize antialias": (lambda x: IMAGE.resize(x, (2, 3), antialias=True), IN64),
    "affine_transform": (lambda x: IMAGE.affine_transform(x, TRANSFORM, fill_value=0.5), IN64),
    "affine_transform nearest": (lambda x: IMAGE.affine_transform(x, TRANSFORM, "nearest", "reflect"), IN64),
    "affine_transform map": (lambda t: IMAGE.affine_transform(IN64, t), TRANSFORM),
    "projective map": (lambda t: IMAGE.affine_transform(IN64, t), np.append(TRANSFORM[:6], [0.03, -0.02])),
    "perspective_transform points": (
        lambda p: IMAGE.perspective_transform(ops.cast(IN64, "float64"), p, IN64[0, :, :2, 0] * 0 + CORNERS),
        np.array([[0.2, 0.3], [0.1, 3.2], [4.4, 0.3], [3.9, 2.7]]),
    ),
    "scale_and_translate scale": (
        lambda s: IMAGE.scale_and_translate(IN64, (2, 6, 5, 2), s, [0.3, -0.2], (1, 2), "cubic"),
        np.array([1.7, 1.2]),
    ),
    "gaussian_blur": (lambda x: IMAGE.gaussian_blur(x, (3, 2), (0.7, 1.2)), IN64),
    "gaussian_blur sigma": (lambda s: IMAGE.gaussian_blur(IN64, (3, 5), s), np.array([0.7, 1.2])),
    "rgb_to_hsv": (IMAGE.rgb_to_hsv, RNG.uniform(0.1, 1, (2, 3, 3))),
    "ssim": (lambda x: IMAGE.ssim(x, IN64[:, ::-1], filter_size=3), IN64),
    "extract_patches": (lambda x: IMAGE.extract_patches(x, (2, 3), (1, 2), padding="same"), IN64),
    "sobel_edges": (IMAGE.sobel_edges, IN64),
}
for _mode in ("constant", "nearest", "wrap", "mirror", "reflect"):
    SMOOTH[f"map_coordinates {_mode}"] = (
        lambda x, k=_mode: IMAGE.map_coordinates(x, PLACES, 1, k, 0.5),
        IN64[0, :, :, 0],
    )
    SMOOTH[f"map_coordinates places {_mode}"] = (
        lambda p, k=_mode: IMAGE.map_coordinates(IN64[0, :, :, 0], p, 1, k, 0.5),
        PLACES,
    )
CORNERS = np.array([[0.0, 0.0], [0.0, 3.0], [4.0, 0.0], [4.0, 3.0]])
SINGLE = ("perspective_transform points",)  # whose coefficients are float32 somewhere


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_are_central_differences(name):
    call, x = SMOOTH[name]
    w = np.random.default_rng(1).uniform(0.5, 1.5, tuple(call(x).shape))

    def f(t):
        return ops.sum(ops.multiply(call(t), w))

    eps, tol = (1e-2, 2e-2) if name in SINGLE else (1e-6, 1e-6)
    got = np.asarray(hb.grad(f)(x))
    np.testing.assert_allclose(got, central(hb.function(f), x, eps), rtol=tol, atol=tol)


# ---- in compiled steps, models and files ----
UNKNOWN = {
    **{f"resize {k} {a}": lambda x, k=k, a=a: IMAGE.resize(x, (5, 9), k, a) for k in KINDS for a in (False, True)},
    "resize crop": lambda x: IMAGE.resize(x, (5, 9), crop_to_aspect_ratio=True),
    "resize pad": lambda x: IMAGE.resize(x, (9, 5), pad_to_aspect_ratio=True, fill_value=0.5),
    "affine_transform": lambda x: IMAGE.affine_transform(x, TRANSFORM.astype("float32"), fill_mode="mirror"),
    "affine_transform constant": lambda x: IMAGE.affine_transform(x, TRANSFORM.astype("float32"), fill_value=2.0),
    "perspective_transform": lambda x: IMAGE.perspective_transform(x, CORNERS, CORNERS * 0.8),
    "pad_images": lambda x: IMAGE.pad_images(x, 1, 2, target_height=10, target_width=11),
    "crop_images": lambda x: IMAGE.crop_images(x, 1, 2, 1, 1),
    "rgb_to_grayscale": lambda x: IMAGE.rgb_to_grayscale(ops.concatenate([x, x[..., :1]], -1)),
    "gaussian_blur": lambda x: IMAGE.gaussian_blur(x, (5, 3)),
    "sobel_edges": IMAGE.sobel_edges,
    "ssim": lambda x: IMAGE.ssim(x, x * 0.5, filter_size=3),
    "extract_patches": lambda x: IMAGE.extract_patches(x, (2, 3)),
    "extract_patches same": lambda x: IMAGE.extract_patches(x, 2, 3, padding="same"),
    "elastic_transform": lambda x: IMAGE.elastic_transform(x, seed=2),
}


@pytest.mark.parametrize("shape", [(None, 6, 7, 2), (None, None, None, 2)])
@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_sizes(name, shape, tmp_path):
    unknown = hb.Input(batch_shape=shape)
    model = hb.Model(unknown, UNKNOWN[name](unknown))
    model.save(tmp_path / "m.hornbeam")
    loaded = hb.saving.load_model(tmp_path / "m.hornbeam")
    for x in (X, X[:1], X[:, 1:, :6] if shape[1] is None else X[1:]):
        want = np.asarray(UNKNOWN[name](x))
        for m in (model, loaded):
            np.testing.assert_allclose(np.asarray(m(x)), want, rtol=1e-5, atol=2e-6)
            np.testing.assert_allclose(m.predict(x, verbose=0), want, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_one_row_or_column_of_unknown_size(kind):
    unknown = hb.Input(batch_shape=(None, None, None, 2))
    model = hb.Model(unknown, IMAGE.resize(unknown, (4, 3), kind))
    for x in (X[:, :1], X[:, :, 6:], X[:, 5:, 6:]):
        np.testing.assert_allclose(model.predict(x, verbose=0), np.asarray(IMAGE.resize(x, (4, 3), kind)), atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "float64"])
def test_other_dtypes_in_a_compiled_step(dtype):
    x = (X * 200).astype(dtype)
    for name in ("resize bicubic False", "resize nearest False", "affine_transform", "pad_images", "crop_images"):
        call = UNKNOWN[name]
        y = hb.function(call)(x)
        assert y.dtype == dtype
        np.testing.assert_allclose(np.asarray(y), np.asarray(call(x)), rtol=1e-6)


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_empty_batch(name):
    want = tuple(UNKNOWN[name](X).shape)
    assert tuple(UNKNOWN[name](X[:0]).shape) == (0, *want[1:])


def test_many_rows_are_told_apart():
    """More elements than float32 counts: the batch of a compiled step, whose size is not known, is counted in ints."""
    x = np.zeros((3, 1500, 4000, 1), "uint8")
    x[2, 1499, 3997:] = [[1], [2], [3]]
    y = np.asarray(IMAGE.affine_transform(x, [1, 0, -1, 0, 1, 0, 0, 0], "nearest"))
    assert x.size > 2**24
    np.testing.assert_array_equal(np.flatnonzero(y), [x.size - 2, x.size - 1])
    assert y[2, 1499, 3998:, 0].tolist() == [1, 2]


# ---- what is refused ----
REFUSED = {
    "rank": (lambda: IMAGE.resize(X[0, 0], (2, 2)), "Invalid images rank: expected rank 3"),
    "size": (lambda: IMAGE.resize(X, (2, 2, 2)), "Expected `size` to be a tuple of 2 integers"),
    "one size": (lambda: IMAGE.resize(X, 2), "Expected `size`"),
    "no size": (lambda: IMAGE.resize(X, (0, 2)), "`size` must have positive height and width"),
    "interpolation": (lambda: IMAGE.resize(X, (2, 2), "area"), "`interpolation` must be one of 'nearest'"),
    "both ratios": (
        lambda: IMAGE.resize(X, (2, 2), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
        "Only one of",
    ),
    "fill_mode": (lambda: IMAGE.resize(X, (2, 2), fill_mode="reflect"), "`fill_mode` must be 'constant'"),
    "data_format": (lambda: IMAGE.resize(X, (2, 2), data_format="first"), "`data_format` must be one of"),
    "no pixels": (lambda: IMAGE.resize(X[:, :0], (2, 2)), "needs images with pixels"),
    "transform": (lambda: IMAGE.affine_transform(X, np.ones((1, 1, 8))), "Invalid transform rank"),
    "six numbers": (lambda: IMAGE.affine_transform(X, np.ones(6)), "must have 8 numbers"),
    "other batch": (lambda: IMAGE.affine_transform(X, np.ones((2, 8))), "`transform` must be one or as many"),
    "fill mode": (lambda: IMAGE.affine_transform(X, TRANSFORM, fill_mode="edge"), "`fill_mode` must be one of"),
    "fill value": (lambda: IMAGE.affine_transform(X, TRANSFORM, fill_value=np.nan), "`fill_value` must be a finite"),
    "points": (lambda: IMAGE.perspective_transform(X, CORNERS[:3], CORNERS), "Invalid start_points shape"),
    "two of three": (
        lambda: IMAGE.pad_images(X, 1, 1, 1, 1, 9),
        "exactly two of top_padding, bottom_padding, target_h",
    ),
    "below 0": (lambda: IMAGE.pad_images(X, 1, -1, 1, 1), "left_padding must be >= 0"),
    "too small": (lambda: IMAGE.pad_images(X, 1, 1, target_height=4, target_width=20), "bottom_padding must be >= 0"),
    "too large": (lambda: IMAGE.crop_images(X, 1, 1, target_height=6, target_width=2), "bottom_cropping must be >= 0"),
    "channels": (lambda: IMAGE.rgb_to_grayscale(X), "expected 3 \\(RGB\\) or 1"),
    "ints": (lambda: IMAGE.rgb_to_hsv(np.ones((4, 4, 3), "uint8")), "expected float dtype"),
    "coordinates": (lambda: IMAGE.map_coordinates(X, np.ones((3, 5)), 1), "First dim of `coordinates`"),
    "nothing to sample": (lambda: IMAGE.map_coordinates(X[:0], np.ones((4, 5)), 1), "must be elements to sample"),
    "no rows to sample": (lambda: IMAGE.affine_transform(X[:, :0], TRANSFORM, fill_mode="wrap"), "must be elements"),
    "a number": (lambda: IMAGE.map_coordinates(1.0, np.ones((0, 5)), 1), "at least one axis"),
    "order": (lambda: IMAGE.map_coordinates(X, np.ones((4, 5)), 2), "`order`. Expected one of \\[0, 1\\]"),
    "kernel": (lambda: IMAGE.gaussian_blur(X, (0, 3)), "`kernel_size` must be >= 1"),
    "sigma": (lambda: IMAGE.gaussian_blur(X, (3, 3), (0.0, 1.0)), "`sigma` must be above 0"),
    "elastic sigma": (lambda: IMAGE.elastic_transform(X, sigma=-1.0), "`sigma` must be above 0"),
    "one image": (lambda: IMAGE.sobel_edges(X[0]), "expected rank 4"),
    "two shapes": (lambda: IMAGE.ssim(X, X[:, 1:]), "must have one shape"),
    "large window": (lambda: IMAGE.ssim(X, X), "larger than"),
    "output_shape": (
        lambda: IMAGE.scale_and_translate(X, (4, 6, 7, 2), [1], [0], (1,), "linear"),
        "`output_shape` must",
    ),
    "method": (lambda: IMAGE.scale_and_translate(X, X.shape, [1], [0], (1,), "nearest"), "argument `method`"),
    "scales": (lambda: IMAGE.scale_and_translate(X, X.shape, [1, 2], [0], (1,), "linear"), "`scale` must have"),
    "patch": (lambda: IMAGE.extract_patches(X, (9, 9)), "does not fit"),
    "patch rank": (lambda: IMAGE.extract_patches(X[0, 0], 2), "Invalid images rank"),
    "padding": (lambda: IMAGE.extract_patches(X, 2, padding="causal"), "`padding` must be one of"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("function", ["image.layouts", "image", "nn.np.save", "image.__class__", "no_such"])
def test_a_file_names_public_functions_alone(function):
    from hornbeam.models._operations import FunctionLayer

    with pytest.raises(ValueError, match="unknown function"):
        FunctionLayer(function)
