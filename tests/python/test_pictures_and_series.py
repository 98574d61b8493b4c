"""Pictures as arrays and files, windows of series, split data sets, padded sequences."""

import io
import random

import numpy as np
import pytest
from PIL import Image

import hornbeam as hb
from hornbeam.data import Dataset

RNG = np.random.RandomState(0)
series = hb.utils.timeseries_dataset_from_array
U = hb.utils


# ---- pictures ----


@pytest.mark.parametrize("channels, mode", [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_arrays_and_images(channels, mode):
    x = RNG.randint(0, 256, (4, 5, channels)).astype("float32")
    x[0, 0, 0], x[0, 1, 0] = 0, 255
    img = U.array_to_img(x)
    assert img.mode == mode and img.size == (5, 4)
    back = U.img_to_array(img)
    assert back.dtype == "float32" and back.shape == x.shape
    np.testing.assert_array_equal(back, np.floor(x / 255 * 255))
    first = U.array_to_img(x.transpose(2, 0, 1), data_format="channels_first", scale=False)
    np.testing.assert_array_equal(U.img_to_array(first, "channels_first", "uint8"), x.transpose(2, 0, 1))


def test_scaling():
    x = np.array([[[-1.0], [1.0]], [[0.0], [3.0]]])
    assert U.img_to_array(U.array_to_img(x)).ravel().tolist() == [0, 127, 63, 255]
    assert U.img_to_array(U.array_to_img(np.full((2, 2, 1), 7.0))).tolist() == np.zeros((2, 2, 1)).tolist()
    deep = U.array_to_img(np.full((1, 1, 1), 70000.0), scale=False)
    assert deep.mode == "I" and U.img_to_array(deep).item() == 70000
    assert x[0, 0, 0] == -1


@pytest.mark.parametrize("shape", [(3,), (2, 2), (2, 2, 2), (1, 2, 2, 3), (0, 2, 3)])
def test_shapes_of_no_image(shape):
    with pytest.raises(ValueError, match="rank 3|an image needs"):
        U.array_to_img(np.zeros(shape))
    if len(shape) not in (2, 3):
        with pytest.raises(ValueError, match="Unsupported image shape"):
            U.img_to_array(np.zeros(shape))


def test_saved_and_loaded(tmp_path):
    x = RNG.randint(0, 256, (6, 9, 3), "uint8")
    for path in (tmp_path / "a.png", str(tmp_path / "b.bmp")):
        U.save_img(path, x, scale=False)
        np.testing.assert_array_equal(U.img_to_array(U.load_img(path), dtype="uint8"), x)
    file = io.BytesIO()
    U.save_img(file, x, file_format="PNG", scale=False)
    np.testing.assert_array_equal(np.asarray(U.load_img(io.BytesIO(file.getvalue()))), x)
    np.testing.assert_array_equal(np.asarray(U.load_img(str(tmp_path / "a.png").encode())), x)
    U.save_img(tmp_path / "c.jpg", x, quality=100)
    assert U.load_img(tmp_path / "c.jpg").size == (9, 6)
    with pytest.warns(UserWarning, match="JPEG format does not support RGBA"):
        U.save_img(tmp_path / "d.jpg", RNG.rand(5, 5, 4))
    with pytest.raises(TypeError, match="path should be path-like"):
        U.load_img(3)
    with pytest.raises(FileNotFoundError):
        U.load_img(tmp_path / "none.png")


def test_modes(tmp_path):
    Image.fromarray(RNG.randint(0, 2**16, (3, 4), "uint16")).save(tmp_path / "deep.png")
    Image.fromarray(RNG.randint(0, 256, (3, 4, 4), "uint8")).save(tmp_path / "rgba.png")
    assert U.img_to_array(U.load_img(tmp_path / "deep.png", "grayscale")).max() > 255
    for mode, channels in (("grayscale", 1), ("rgb", 3), ("rgba", 4)):
        assert U.img_to_array(U.load_img(tmp_path / "rgba.png", mode)).shape == (3, 4, channels)
    with pytest.raises(ValueError, match="color_mode must be"):
        U.load_img(tmp_path / "rgba.png", "cmyk")


def test_sizes(tmp_path):
    img = Image.fromarray(RNG.randint(0, 256, (30, 50, 3), "uint8"))
    img.save(tmp_path / "a.png")
    for name in ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"):
        found = U.load_img(tmp_path / "a.png", target_size=(7, 9), interpolation=name)
        np.testing.assert_array_equal(
            np.asarray(found), np.asarray(img.resize((9, 7), getattr(Image.Resampling, name.upper())))
        )
    found = U.load_img(tmp_path / "a.png", target_size=(10, 10), keep_aspect_ratio=True)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(img.resize((10, 10), 0, box=(10, 0, 40, 30))))
    for size in (7, (0, 3), (1, 2, 3), (2.5, 2)):
        if size != 7:
            with pytest.raises(ValueError, match="`target_size` must be"):
                U.load_img(tmp_path / "a.png", target_size=size)
    with pytest.raises(ValueError, match="`interpolation` must be one of"):
        U.load_img(tmp_path / "a.png", target_size=(2, 2), interpolation="cubic")


def test_smart_resize():
    smart = hb.preprocessing.image.smart_resize
    x = RNG.rand(20, 30, 3).astype("float32")
    expected = hb.ops.image.resize(x[:, 5:25], (10, 10))
    found = smart(x, (10, 10))
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, np.asarray(expected), atol=1e-6)
    batch = smart(hb.ops.convert_to_tensor(np.stack([x, x])), (10, 10))
    assert hb.ops.is_tensor(batch) and batch.shape == (2, 10, 10, 3)
    first = smart(x.transpose(2, 0, 1), (10, 10), data_format="channels_first")
    np.testing.assert_allclose(first.transpose(1, 2, 0), found, atol=1e-6)
    with pytest.raises(ValueError):
        smart(x, (10,))
    with pytest.raises(ValueError, match="`interpolation` must be"):
        smart(x, (10, 10), interpolation="area")


def test_without_pillow(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/a.png").write_bytes(b"")
    for call in (lambda: U.array_to_img(np.zeros((1, 1, 1))), lambda: U.image_dataset_from_directory(tmp_path)):
        with pytest.raises(ImportError, match=r"pictures need Pillow: pip install 'hornbeam\[images\]'"):
            call()


# ---- series ----


def windows(data, targets, length, stride, rate, start, end):
    """By the book."""
    start, end = start or 0, len(data) if end is None else end
    found = []
    for i in range(0, len(data), stride):
        steps = [start + i + j * rate for j in range(length)]
        if steps[-1] < end and (targets is None or start + i < len(targets)):
            found.append((data[steps], None if targets is None else targets[start + i]))
    return found


@pytest.mark.parametrize(
    "n, length, stride, rate, start, end",
    [
        (100, 9, 1, 1, None, None),
        (99, 10, 3, 2, None, None),
        (50, 4, 2, 3, 7, 40),
        (10, 10, 1, 1, None, None),
        (10, 4, 1, 3, 0, 9),
    ],
)
@pytest.mark.parametrize("with_targets", [0, 1, 0.5])
def test_windows(n, length, stride, rate, start, end, with_targets):
    data = RNG.rand(n, 2)
    targets = np.arange(n if with_targets == 1 else n // 2) if with_targets else None
    expected = windows(data, targets, length, stride, rate, start, end)
    for batch_size in (1, 4, None):
        ds = series(data, targets, length, stride, rate, batch_size, start_index=start, end_index=end)
        found = list(ds.as_numpy_iterator())
        assert len(ds) == len(found)
        x = [f[0] if with_targets else f for f in found]
        if batch_size:
            assert [len(b) for b in x] == [batch_size] * (len(expected) // batch_size) + [
                len(expected) % batch_size
            ] * bool(len(expected) % batch_size)
            x = [row for b in x for row in b]
        assert len(x) == len(expected)
        for a, (b, _) in zip(x, expected):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == "float64"
        if with_targets:
            y = np.concatenate([np.atleast_1d(f[1]) for f in found]) if found else np.zeros(0)
            assert y.tolist() == [t for _, t in expected]


def test_shuffled_windows():
    data = np.arange(40)

    def epochs(seed):
        ds = series(data, data * 2, 5, batch_size=4, shuffle=True, seed=seed)
        return [[(x.tolist(), y.tolist()) for x, y in ds.as_numpy_iterator()] for _ in range(2)]

    first = epochs(3)
    assert first == epochs(3) and first[0] != first[1] and first != epochs(4)
    for epoch in first:
        starts = sorted(row[0] for x, _ in epoch for row in x)
        assert starts == list(range(36))
        assert all(2 * row[0] == t for x, y in epoch for row, t in zip(x, y))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"start_index": -1}, "`start_index` must be 0 or greater"),
        ({"start_index": 11}, "`start_index` must be lower"),
        ({"end_index": -1}, "`end_index` must be higher than 0"),
        ({"end_index": 0}, "`end_index` must be higher than 0"),
        ({"end_index": 11}, "`end_index` must be lower"),
        ({"start_index": 5, "end_index": 5}, "`end_index` must be above"),
        ({"sampling_rate": 0}, "`sampling_rate` must be higher than 0"),
        ({"sampling_rate": 10}, "`sampling_rate` must be lower"),
        ({"sequence_stride": 0}, "`sequence_stride` must be higher than 0"),
        ({"sequence_stride": 10}, "`sequence_stride` must be lower"),
        ({"sequence_length": 0}, "`sequence_length` must be"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"format": "other"}, "`format` should be"),
        ({"shuffle": True, "seed": -1}, "`seed` must be"),
    ],
)
def test_arguments_of_series(arguments, message):
    with pytest.raises(ValueError, match=message):
        series(np.arange(10), None, **{"sequence_length": 3, **arguments})


def test_a_window_longer_than_the_series():
    assert list(series(np.arange(5), None, 6)) == []
    assert len(series(np.arange(5), None, 3, sampling_rate=4)) == 0


# ---- parts ----


def rows(dataset):
    return [x if isinstance(x, tuple) else (x,) for x in dataset.as_numpy_iterator()]


@pytest.mark.parametrize(
    "left, right, sizes",
    [(0.2, 0.8, (2, 8)), (3, None, (3, 7)), (None, 3, (7, 3)), (2, 5, (2, 5)), (0.25, None, (2, 8))],
)
def test_split(left, right, sizes):
    x, y = RNG.rand(10, 3), np.arange(10)
    for data in ([x, y], (x, y), Dataset.from_tensor_slices((x, y))):
        parts = U.split_dataset(data, left, right)
        assert tuple(len(p) for p in parts) == sizes
        assert [int(b) for _, b in rows(parts[0])] == list(range(sizes[0]))
        assert [int(b) for _, b in rows(parts[1])] == list(range(10 - sizes[1], 10))
        for part in parts:
            for a, b in rows(part):
                np.testing.assert_array_equal(a, x[b])
    first, second = U.split_dataset(y, left, right)
    assert [int(v) for (v,) in rows(first) + rows(second)] == [*range(sizes[0]), *range(10 - sizes[1], 10)]


def test_split_is_shuffled_as_keras():
    order = list(range(10))
    random.Random(5).shuffle(order)
    state = random.getstate()
    first, second = U.split_dataset(np.arange(10), 4, shuffle=True, seed=5)
    assert random.getstate() == state  # Python's own generator is left alone
    assert [int(v) for (v,) in rows(first) + rows(second)] == order
    again = U.split_dataset(np.arange(10), 4, shuffle=True)
    assert sorted(int(v) for part in again for (v,) in rows(part)) == list(range(10))


def test_split_of_batches_and_structures():
    ds = Dataset.from_tensor_slices({"x": np.arange(10), "y": np.arange(20).reshape(10, 2)}).batch(3).prefetch(1)
    first, second = U.split_dataset(ds, right_size=0.4)
    assert [p["x"].tolist() for p in first.as_numpy_iterator()] == [[0, 1, 2], [3, 4, 5]]
    assert [p["y"].tolist() for p in second.as_numpy_iterator()] == [[[12, 13], [14, 15], [16, 17]], [[18, 19]]]

    windows_, _ = U.split_dataset(series(np.arange(10), None, 2, batch_size=4), 2)  # of batches of two sizes
    assert [len(b) for b in windows_.as_numpy_iterator()] == [4, 4]

    class Mine:
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return np.full(2, i), i

    first, second = U.split_dataset(Mine(), 1)
    assert [int(i) for _, i in rows(second)] == [1, 2, 3]


@pytest.mark.parametrize(
    "data, left, right, error, message",
    [
        (np.arange(4), None, None, ValueError, "At least one"),
        (np.arange(4), 4, None, ValueError, "`left_size` should be"),
        (np.arange(4), 0, None, ValueError, "`left_size` should be"),
        (np.arange(4), None, 1.0, ValueError, "`right_size` should be"),
        (np.arange(4), None, -1, ValueError, "`right_size` should be"),
        (np.arange(4), 0.7, 0.7, ValueError, "should be at most 4"),
        (np.arange(4), 0.01, None, ValueError, "a part is empty"),
        (np.arange(4), "1", None, TypeError, "Invalid `left_size` Type"),
        (np.arange(4), True, None, TypeError, "Invalid `left_size` Type"),
        ([], 0.5, None, ValueError, "empty list"),
        ([1, 2], 0.5, None, ValueError, "Expected a list of `numpy.ndarray`"),
        ([np.arange(4), np.arange(5)], 0.5, None, ValueError, "different lengths"),
        (3, 0.5, None, TypeError, "`dataset` argument must be"),
        (Dataset.range(3).repeat(), 0.5, None, ValueError, "without end"),
        (Dataset.range(3).take(0), 0.5, None, ValueError, "empty dataset"),
    ],
)
def test_arguments_of_split(data, left, right, error, message):
    with pytest.raises(error, match=message):
        U.split_dataset(data, left, right)


# ---- sequences ----


def test_padded_vectors_and_words():
    vectors = [np.ones((2, 3)), np.zeros((0, 3)), np.full((4, 3), 2.0)]
    found = hb.preprocessing.sequence.pad_sequences(vectors, maxlen=3, dtype="float32", value=-1)
    assert found.shape == (3, 3, 3) and found[:, :, 0].tolist() == [[-1, 1, 1], [-1, -1, -1], [2, 2, 2]]
    words = U.pad_sequences([["a"], [], ["b", "c"]], dtype=object, value="-", padding="post")
    assert words.tolist() == [["a", "-"], ["-", "-"], ["b", "c"]]
    assert U.pad_sequences([[1, 2]], maxlen=0).shape == (1, 0) and U.pad_sequences([]).shape == (0, 0)
    with pytest.raises(ValueError, match="Shape of sample"):
        U.pad_sequences([np.ones((2, 3)), np.ones((2, 4))])
    with pytest.raises(ValueError, match="Found non-iterable: 3"):
        U.pad_sequences([[1], 3])
    with pytest.raises(ValueError, match="not compatible"):
        U.pad_sequences([[1]], value="x")


# What Keras 3.15.1's skipgrams gives after random.seed(3), by (arguments, pairs, labels).
KERAS_PAIRS = [
    (
        {},
        [[4, 2], [4, 2], [3, 4], [1, 2], [2, 3], [1, 4], [2, 4], [3, 4], [1, 3], [1, 2], [2, 3], [3, 2]]
        + [[3, 5], [3, 1], [3, 2], [2, 2], [1, 4], [4, 5], [2, 4], [4, 1], [1, 4], [4, 3], [4, 5], [2, 1]],
        [0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 1],
    ),
    (
        {"window_size": 1, "negative_samples": 0, "shuffle": False},
        [[1, 4], [4, 1], [2, 3], [3, 2]],
        [1, 1, 1, 1],
    ),
    (
        {"categorical": True, "window_size": 2, "negative_samples": 0.5, "seed": 5},
        [[4, 2], [2, 4], [4, 1], [1, 4], [2, 5], [4, 1], [1, 5], [3, 2], [2, 3]],
        [[0, 1], [0, 1], [0, 1], [0, 1], [1, 0], [1, 0], [1, 0], [0, 1], [0, 1]],
    ),
]
KERAS_TABLE = [0.0996828303504002, 0.0996828303504002, 0.3378686563666987, 0.5045667640339255]


@pytest.mark.parametrize("arguments, pairs, labels", KERAS_PAIRS)
def test_pairs_of_words_are_keras(arguments, pairs, labels):
    random.seed(3)
    assert hb.preprocessing.sequence.skipgrams([1, 4, 0, 2, 3], 6, **arguments) == (pairs, labels)


def test_sampling_table():
    table = hb.preprocessing.sequence.make_sampling_table(10, 0.01)
    np.testing.assert_allclose(table[[0, 1, 5, 9]], KERAS_TABLE, atol=1e-9)
    random.seed(0)
    kept = hb.preprocessing.sequence.skipgrams([1] * 1000 + [9] * 1000, 10, 1, 0, sampling_table=table)[0]
    counts = [sum(p[0] == w for p in kept) for w in (1, 9)]
    assert abs(counts[0] - 2000 * table[1]) < 120 and abs(counts[1] - 2000 * table[9]) < 120
    for bad in ({"sequence": [-1]}, {"vocabulary_size": 1}, {"window_size": -1}, {"negative_samples": -1}):
        with pytest.raises(ValueError):
            hb.preprocessing.sequence.skipgrams(**{"sequence": [1, 2], "vocabulary_size": 3, **bad})
