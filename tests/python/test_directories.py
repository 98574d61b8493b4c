"""Folders of pictures, texts and sounds as data sets: Keras' order, labels, splits and pixels; files that do not decode."""

import json
import os
import pathlib
import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

import hornbeam as hb
from hornbeam.utils import resampling

NUMBERS = pathlib.Path(__file__).parent / "keras_numbers"
sys.path.insert(0, str(NUMBERS))
from make_folders import INTERPOLATIONS, ORDERS, write_pictures, write_tree  # noqa: E402

KERAS = json.loads((NUMBERS / "folders.json").read_text())
images = hb.utils.image_dataset_from_directory
texts = hb.utils.text_dataset_from_directory
sounds = hb.utils.audio_dataset_from_directory


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    write_tree(root)
    return root


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    write_pictures(root)
    return root


def one(folder, name, tmp_path, **arguments):
    """The picture of one file."""
    alone = tmp_path / "alone"
    alone.mkdir(exist_ok=True)
    for f in alone.iterdir():
        f.unlink()
    (alone / name).write_bytes((folder / name).read_bytes())
    ds = images(alone, labels=None, image_size=(5, 7), batch_size=None, verbose=False, **arguments)
    (x,) = list(ds.as_numpy_iterator())
    assert x.dtype == "float32"
    return x


# ---- files and labels ----


@pytest.mark.parametrize("i", range(len(ORDERS)))
def test_files_are_in_keras_order(tree, i):
    ds = images(tree, image_size=(2, 2), verbose=False, **ORDERS[i])
    assert [os.path.relpath(p, tree) for p in ds.file_paths] == KERAS["orders"][i]["paths"]
    assert ds.class_names == KERAS["orders"][i]["class_names"]
    if ORDERS[i].get("labels", 1) is not None:
        labels = [int(y) for _, y in ds.unbatch().as_numpy_iterator()]
        assert sorted(labels) == KERAS["orders"][i]["labels"]


def test_labels_stay_with_their_files(tree):
    """Each picture has a colour of its own."""
    plain = images(tree, labels=None, image_size=2, batch_size=None, shuffle=False, verbose=False)
    colours = [int(x[0, 0, 0].round()) for x in plain.as_numpy_iterator()]
    assert len(set(colours)) == 10
    for seed in (0, 1):
        ds = images(tree, labels=list(range(10)), image_size=2, batch_size=3, seed=seed, verbose=False)
        for _ in range(2):
            pairs = [(int(x[0, 0, 0].round()), int(y)) for x, y in ds.unbatch().as_numpy_iterator()]
            assert sorted(pairs) == sorted(zip(colours, range(10)))


def test_an_epoch_has_its_own_order(tree):
    def epochs(seed):
        ds = images(tree, labels=list(range(10)), image_size=2, batch_size=None, seed=seed, verbose=False)
        return [[int(y) for _, y in ds.as_numpy_iterator()] for _ in range(3)]

    first = epochs(1)
    assert first[0] != first[1] and all(sorted(e) == list(range(10)) for e in first)
    assert epochs(1) == first != epochs(2)
    ds = images(tree, labels=list(range(10)), image_size=2, batch_size=None, shuffle=False, verbose=False)
    assert [[int(y) for _, y in ds.as_numpy_iterator()] for _ in range(2)] == [list(range(10))] * 2


def test_modes_of_labels(tree):
    def labels(**arguments):
        ds = images(tree, image_size=2, batch_size=4, shuffle=False, verbose=False, **arguments)
        parts = [y for _, y in ds.as_numpy_iterator()]
        assert [len(y) for y in parts] == [4, 4, 2]
        return np.concatenate(parts)

    plain = labels()
    assert plain.dtype == "int32" and plain.tolist() == [0] * 4 + [1] * 3 + [2] * 3
    hot = labels(label_mode="categorical")
    assert hot.dtype == "float32" and (hot == np.eye(3)[plain]).all()
    two = images(
        tree,
        class_names=["zebra", "ant"],
        label_mode="binary",
        image_size=2,
        batch_size=None,
        shuffle=False,
        verbose=False,
    )
    found = np.stack([y for _, y in two.as_numpy_iterator()])
    assert found.dtype == "float32" and found.tolist() == [[0]] * 3 + [[1]] * 4 and two.class_names == ["zebra", "ant"]
    several = np.random.RandomState(0).randint(0, 2, (10, 3))
    for given in (several.tolist(), several):
        assert (labels(labels=given, label_mode="categorical") == several).all()
    given = labels(labels=[5, 7] * 5, label_mode="int")
    assert given.tolist() == [5, 7] * 5
    ds = images(tree, label_mode=None, image_size=2, verbose=False)
    assert ds.class_names is None and next(iter(ds)).shape == (10, 2, 2, 3)


def test_both_parts(tree, capsys):
    train, validation = images(tree, image_size=2, validation_split=0.3, subset="both", seed=3)
    assert [os.path.relpath(p, tree) for p in train.file_paths] == KERAS["orders"][2]["paths"]
    assert [os.path.relpath(p, tree) for p in validation.file_paths] == KERAS["orders"][3]["paths"]
    assert train.class_names == validation.class_names == ["ant", "bee", "zebra"]
    first, second = ([int(y) for _, y in validation.unbatch().as_numpy_iterator()] for _ in range(2))
    assert first == second
    out = capsys.readouterr().out
    assert out == "Found 10 files belonging to 3 classes.\nUsing 7 files for training.\nUsing 3 files for validation.\n"
    with pytest.raises(ValueError, match="No validation images found"):
        images(tree, image_size=2, validation_split=0.01, subset="both", seed=3, verbose=False)
    assert (
        len(images(tree, image_size=2, validation_split=0.01, subset="training", seed=3, verbose=False).file_paths)
        == 10
    )


def test_links(tree, tmp_path):
    (tmp_path / "away/deep").mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(tmp_path / "away/deep/far.png")
    (tmp_path / "in/a").mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(tmp_path / "in/a/near.png")
    os.symlink(tmp_path / "away", tmp_path / "in/a/link")
    os.symlink(tmp_path / "away/deep/far.png", tmp_path / "in/a/file.png")
    os.symlink(tmp_path / "in", tmp_path / "away/deep/round")  # a circle

    def names(**arguments):
        ds = images(tmp_path / "in", image_size=2, shuffle=False, verbose=False, **arguments)
        return [os.path.relpath(p, tmp_path / "in") for p in ds.file_paths]

    assert names() == ["a/file.png", "a/near.png"]
    assert names(follow_links=True) == ["a/file.png", "a/near.png", "a/link/deep/far.png"]


REFUSED = [
    ({"labels": "other"}, "`labels` argument should be"),
    ({"labels": [0, 1]}, "match the number of files"),
    ({"labels": ["x"] * 10}, "`labels` must be ints"),
    ({"labels": [0.5] * 10}, "`labels` must be ints"),
    ({"labels": list(range(10)), "class_names": ["ant"]}, 'only pass `class_names` if `labels="inferred"`'),
    ({"labels": None, "class_names": ["ant"]}, "`class_names` needs"),
    ({"label_mode": "other"}, "`label_mode` argument must be"),
    ({"label_mode": "binary"}, "there must be exactly 2"),
    ({"class_names": ["ant", "wolf"]}, "`class_names` passed did not match"),
    ({"validation_split": 2}, "`validation_split` must be between 0 and 1"),
    ({"validation_split": 0.2, "subset": "other"}, '`subset` must be either "training", "validation" or "both"'),
    ({"validation_split": 0.2}, "`validation_split` must be set"),
    ({"subset": "training"}, "`validation_split` must be set"),
    ({"validation_split": 0.2, "subset": "training"}, "must provide a `seed`"),
    ({"batch_size": 0}, "`batch_size` must be"),
    ({"seed": -1}, "`seed` must be"),
]


@pytest.mark.parametrize("arguments, message", REFUSED)
@pytest.mark.parametrize("load", [images, texts, sounds])
def test_arguments_are_refused(tree, load, arguments, message, tmp_path):
    root = tree
    if load is not images:
        for i, name in enumerate(["ant", "bee", "zebra", "zebra", *["ant"] * 6]):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{i}.{'txt' if load is texts else 'wav'}").write_bytes(b"")
        root = tmp_path
    with pytest.raises(ValueError, match=message):
        load(root, verbose=False, **arguments)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"color_mode": "other"}, "`color_mode` must be one of"),
        ({"interpolation": "other"}, "`interpolation` must be one of"),
        ({"image_size": (0, 5)}, "`image_size` must be"),
        ({"image_size": (5,)}, "`image_size` must be"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "Only one of"),
        ({"data_format": "other"}, "`data_format` must be"),
        ({"format": "other"}, "`format` should be"),
        ({"on_error": "other"}, "`on_error` must be"),
    ],
)
def test_arguments_of_pictures_are_refused(tree, arguments, message):
    with pytest.raises(ValueError, match=message):
        images(tree, verbose=False, **arguments)


def test_folders_without_files(tmp_path):
    with pytest.raises(ValueError, match="No images found in directory"):
        images(tmp_path, verbose=False)
    with pytest.raises(FileNotFoundError):
        images(tmp_path / "none", verbose=False)
    for load in (texts, sounds):
        (tmp_path / "a").mkdir(exist_ok=True)
        with pytest.raises(ValueError, match="No (text|audio) files found in directory"):
            load(tmp_path, verbose=False)


# ---- pixels ----


@pytest.mark.parametrize("name", sorted(KERAS["pictures"]))
def test_pictures_are_keras(pictures, name, tmp_path):
    for mode, numbers in KERAS["pictures"][name].items():
        if numbers is not None:
            found = one(pictures, name, tmp_path, color_mode=mode)
            near = 1.01 if mode == "grayscale" and name in GRAYED else 0.01  # shades of gray are rounded differently
            np.testing.assert_allclose(found.ravel(), numbers, atol=near)


GRAYED = ("colours.png", "rgba.png")


@pytest.mark.parametrize("method", INTERPOLATIONS)
def test_interpolations_are_keras(pictures, method, tmp_path):
    found = one(pictures, "colours.png", tmp_path, interpolation=method).ravel()
    near = 0.3 if method == "bicubic" else 0.02  # TensorFlow takes cubic weights from a table
    np.testing.assert_allclose(found, KERAS["interpolations"][method], atol=near)


def test_the_same_as_ops_image_resize():
    rng = np.random.RandomState(0)
    for old in ((13, 10), (1, 1), (4, 30), (64, 48), (2, 3)):
        for new in ((5, 7), (64, 48), (1, 2), (13, 40)):
            x = rng.randint(0, 256, (*old, 3), "uint8")
            for method in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"):
                expected = np.asarray(hb.ops.image.resize(x.astype("float32"), new, interpolation=method))
                np.testing.assert_allclose(resampling.resize(x, new, method), expected, atol=2e-3)
            for crop, pad in ((True, False), (False, True)):
                fit = resampling.fit_ratio(x, new, crop, pad)
                expected = hb.ops.image.resize(
                    x.astype("float32"), new, crop_to_aspect_ratio=crop, pad_to_aspect_ratio=pad
                )
                np.testing.assert_allclose(resampling.resize(fit, new, "bilinear"), np.asarray(expected), atol=2e-3)


def test_area_is_a_mean():
    x = np.random.RandomState(0).rand(8, 6, 2).astype("float32")
    expected = x.reshape(4, 2, 2, 3, 2).mean((1, 3))
    np.testing.assert_allclose(resampling.resize(x, (4, 2), "area"), expected, atol=1e-6)
    for method in INTERPOLATIONS:
        np.testing.assert_allclose(resampling.resize(np.full((5, 9, 1), 7, "uint8"), (11, 4), method), 7, atol=1e-5)


def test_cropped_pictures_are_keras(pictures, tmp_path):
    for name, numbers in zip(("colours.png", "gray.png"), KERAS["ratios"]["crop"]):
        found = one(pictures, name, tmp_path, crop_to_aspect_ratio=True)
        np.testing.assert_allclose(found.ravel(), numbers, atol=0.01)


def test_channels_first_and_alpha(pictures, tmp_path):
    last = one(pictures, "rgba.png", tmp_path, color_mode="rgba")
    first = one(pictures, "rgba.png", tmp_path, color_mode="rgba", data_format="channels_first")
    assert first.shape == (4, 5, 7)
    np.testing.assert_array_equal(first.transpose(1, 2, 0), last)


# ---- files that do not decode ----


def png_header(width, height):
    """A PNG that says how large it is, and has no pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    body = b"IDAT" + zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunks + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def broken(pictures):
    png, jpg = (pictures / "colours.png").read_bytes(), (pictures / "smooth.jpg").read_bytes()
    gif = (pictures / "moving.gif").read_bytes()
    return {
        "cut.png": png[: len(png) // 2],
        "cut.jpg": jpg[: len(jpg) // 2],
        "cut.gif": gif[:30],
        "empty.png": b"",
        "text.jpg": b"no picture",
        "huge.png": png_header(100_000, 100_000),
        "none.bmp": b"BM" + bytes(60),
        "tiff.png": b"II*\x00" + bytes(50),
    }


@pytest.mark.parametrize(
    "name", ["cut.png", "cut.jpg", "cut.gif", "empty.png", "text.jpg", "huge.png", "none.bmp", "tiff.png"]
)
def test_a_broken_picture_names_its_path(pictures, tmp_path, name):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / name).write_bytes(broken(pictures)[name])
    with pytest.raises(ValueError, match=rf"{tmp_path}/c/{name} does not decode: "):
        next(iter(images(tmp_path, image_size=5, verbose=False)))
    with pytest.raises(ValueError, match=rf"{tmp_path}/c/{name} does not decode: "):
        hb.utils.load_img(tmp_path / "c" / name)


@pytest.mark.parametrize("labels", ["inferred", None])
@pytest.mark.parametrize("batch_size", [2, None])
def test_broken_pictures_are_skipped(pictures, tmp_path, labels, batch_size):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for name in ("colours.png", "gray.png", "smooth.jpg"):
            (tmp_path / folder / name).write_bytes((pictures / name).read_bytes())
    for name, data in broken(pictures).items():
        (tmp_path / "a" / name).write_bytes(data)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ds = images(
            tmp_path, labels, image_size=5, batch_size=batch_size, shuffle=False, verbose=False, on_error="skip"
        )
        found = list(ds.as_numpy_iterator())
    skipped = {str(w.message).split("/")[-1].split(" does not decode")[0] for w in said}
    assert skipped == set(broken(pictures))
    if labels is not None:
        y = np.concatenate([np.atleast_1d(y) for _, y in found])
        assert y.tolist() == [0, 0, 0, 1, 1, 1]
        found = [x for x, _ in found]
    x = np.concatenate(found) if batch_size else np.stack(found)
    assert x.shape == (6, 5, 5, 3)
    np.testing.assert_array_equal(x[:3], x[3:])


def test_a_model_trains_on_a_folder(tree):
    hb.utils.set_random_seed(0)
    model = hb.Sequential([hb.Input((4, 4, 3)), hb.layers.Rescaling(1 / 255), hb.layers.Flatten(), hb.layers.Dense(3)])
    model.compile("adam", hb.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    train, validation = images(
        tree, image_size=4, batch_size=3, validation_split=0.3, subset="both", seed=1, verbose=False
    )
    history = model.fit(train, validation_data=validation, epochs=30, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert model.predict(validation, verbose=0).shape == (3, 3)


# ---- texts ----


def test_texts(tmp_path):
    content = {"neg/a.txt": "bad\r\n", "neg/b.TXT": "h\u00e9llo w\u00f6rld", "pos/c.txt": "", "pos/d.md": "not this"}
    for name, text in content.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    ds = texts(tmp_path, shuffle=False, verbose=False)
    assert ds.class_names == ["neg", "pos"] and len(ds.file_paths) == 3
    ((x, y),) = list(ds.as_numpy_iterator())
    assert x.tolist() == ["bad\r\n", "h\u00e9llo w\u00f6rld", ""] and y.tolist() == [0, 0, 1] and y.dtype == "int32"
    x_all = x.tolist()
    (x,) = list(texts(tmp_path, label_mode=None, max_length=2, shuffle=False, verbose=False).as_numpy_iterator())
    assert x.tolist() == ["ba", "h\u00e9", ""]
    batch, labels = next(iter(ds))  # tensors of strings
    assert (
        batch.dtype == "string"
        and batch[1].numpy() == "h\u00e9llo w\u00f6rld"
        and batch[1:].numpy().tolist() == x_all[1:]
    )
    assert [str(t.numpy()) for t in batch] == x_all and int(labels[2]) == 1
    single = texts(tmp_path, labels=None, batch_size=None, shuffle=False, verbose=False)
    assert list(single.as_numpy_iterator()) == ["bad\r\n", "h\u00e9llo w\u00f6rld", ""]
    (tmp_path / "neg/0.txt").write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match="0.txt is not UTF-8: .* at byte 3"):
        list(texts(tmp_path, verbose=False))
    with pytest.warns(UserWarning, match="skipped: .*0.txt is not UTF-8"):
        ((x, y),) = list(texts(tmp_path, shuffle=False, verbose=False, on_error="skip").as_numpy_iterator())
    assert x.tolist() == ["bad\r\n", "h\u00e9llo w\u00f6rld", ""] and y.tolist() == [0, 0, 1]
    for bad in (-1, 2.5, "3"):
        with pytest.raises((ValueError, TypeError), match="`max_length` must be"):
            texts(tmp_path, max_length=bad)


# ---- sounds ----


def wav(data, code=1, channels=1, rate=8000, bits=16, before=b"", extensible=False, size=None):
    """The bytes of a WAV file."""
    block = channels * bits // 8
    layout = struct.pack("<HHIIHH", 0xFFFE if extensible else code, channels, rate, rate * block % 2**32, block, bits)
    if extensible:
        layout += struct.pack("<HHIH", 22, bits, 0, code) + bytes(14)
    chunks = b"fmt " + struct.pack("<I", len(layout)) + layout + before
    chunks += b"data" + struct.pack("<I", len(data) if size is None else size) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def read(data, tmp_path, **arguments):
    (tmp_path / "a.wav").write_bytes(data)
    ds = sounds(tmp_path, labels=None, batch_size=None, verbose=False, **arguments)
    (x,) = list(ds.as_numpy_iterator())
    assert x.dtype == "float32"
    return x


NOISE = np.random.RandomState(0).uniform(-1, 1, (57, 2))


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_pcm(tmp_path, bits, extensible):
    ints = np.clip(np.round(NOISE * 2 ** (bits - 1)), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).astype("int64")
    if bits == 8:
        data = (ints + 128).astype("uint8").tobytes()
    else:
        data = b"".join(int(i).to_bytes(bits // 8, "little", signed=True) for i in ints.ravel())
    x = read(wav(data, channels=2, bits=bits, extensible=extensible), tmp_path)
    np.testing.assert_allclose(x, ints / 2 ** (bits - 1), atol=1e-7)


@pytest.mark.parametrize("bits", [32, 64])
def test_floats(tmp_path, bits):
    data = NOISE.astype(f"<f{bits // 8}")
    np.testing.assert_array_equal(
        read(wav(data.tobytes(), code=3, channels=2, bits=bits), tmp_path), data.astype("float32")
    )


def test_chunks_between_and_behind(tmp_path):
    ints = np.arange(-5, 6, dtype="<i2")
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    for data in (
        wav(ints.tobytes(), before=odd),
        wav(ints.tobytes()) + odd,
        wav(ints.tobytes(), size=0xFFFFFFFF),  # written to a stream
        wav(ints.tobytes() + b"x"),  # half a sample
    ):
        np.testing.assert_array_equal(read(data, tmp_path), ints[:, None] / np.float32(32768))


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "it is no WAV file"),
        (b"RIFF1234WAVE", "it has no samples"),
        (wav(b"1234")[:40], "it has no samples"),
        (wav(bytes(100))[:-50], "it ends 50 bytes early"),
        (wav(bytes(4), code=2), "encoding 2 of 16 bits is not read"),
        (wav(bytes(4), code=3), "encoding 3 of 16 bits is not read"),
        (wav(bytes(4), channels=0), "0 channels"),
        (wav(bytes(4), bits=12), "of 12 bits"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "come before their format"),
        (b"RIFF\0\0\0\0WAVEfmt \2\0\0\0abdata\4\0\0\0abcd", "does not decode"),
    ],
)
def test_broken_sounds(tmp_path, data, message):
    with pytest.raises(ValueError, match=rf"a.wav does not decode: .*{message}|a.wav {message}"):
        read(data, tmp_path)


def test_lengths_and_rates(tmp_path):
    for i, n in enumerate((3, 5, 2)):
        (tmp_path / f"{i}.wav").write_bytes(wav(np.full(n, 16384 - i, "<i2").tobytes()))
    (x,) = list(sounds(tmp_path, labels=None, shuffle=False, verbose=False).as_numpy_iterator())
    assert x.shape == (3, 5, 1) and (x != 0).sum((1, 2)).tolist() == [3, 5, 2]
    (x,) = list(
        sounds(tmp_path, labels=None, output_sequence_length=4, shuffle=False, verbose=False).as_numpy_iterator()
    )
    assert x.shape == (3, 4, 1) and (x != 0).sum((1, 2)).tolist() == [3, 4, 2]
    ds = sounds(
        tmp_path,
        labels=[0, 1, 0],
        label_mode="categorical",
        sampling_rate=8000,
        batch_size=2,
        shuffle=False,
        verbose=False,
    )
    shapes = [(x.shape, y.shape) for x, y in ds.as_numpy_iterator()]
    assert shapes == [((2, 5, 1), (2, 2)), ((1, 2, 1), (1, 2))]


@pytest.mark.parametrize("old, new", [(8000, 16000), (44100, 16000), (16000, 8000), (8000, 8001), (100, 37)])
def test_another_rate(tmp_path, old, new):
    """A tone that both rates can hold stays the same tone."""
    n, tone = 2000, min(old, new) / 7.3
    wave = np.sin(2 * np.pi * tone * np.arange(n) / old)
    x = read(wav(wave.astype("<f4").tobytes(), code=3, bits=32, rate=old), tmp_path, sampling_rate=new)
    assert x.shape == (-(-n * new // old), 1)
    expected = np.sin(2 * np.pi * tone * np.arange(len(x)) / new)
    inside = slice(int(40 * max(1, new / old)), -int(40 * max(1, new / old)))
    np.testing.assert_allclose(x[inside, 0], expected[inside], atol=2e-3)


def test_rates_too_far_apart(tmp_path):
    for rate in (1, 2**32 - 1):
        with pytest.raises(ValueError, match=f"a.wav does not decode: {rate} samples a second are too far from 16000"):
            read(wav(bytes(100), rate=rate), tmp_path, sampling_rate=16000)


def test_a_tone_that_the_new_rate_cannot_hold_is_gone(tmp_path):
    wave = np.sin(2 * np.pi * 0.4 * np.arange(4000))
    x = read(wav(wave.astype("<f4").tobytes(), code=3, bits=32, rate=16000), tmp_path, sampling_rate=8000)
    assert np.abs(x[100:-100]).max() < 2e-3


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"ragged": True}, "`ragged` must be False"),
        ({"ragged": True, "output_sequence_length": 3}, "Cannot set both `ragged` and `output_sequence_length`"),
        ({"sampling_rate": 1.5}, "`sampling_rate` should have an integer value"),
        ({"sampling_rate": -1}, "`sampling_rate` should be higher than 0"),
        ({"output_sequence_length": 0}, "`output_sequence_length` must be"),
    ],
)
def test_arguments_of_sounds_are_refused(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        sounds(tmp_path, **arguments)
