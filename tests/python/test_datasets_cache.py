"""hb.datasets: what lies in Keras' cache loads as in Keras, and nothing in it is run."""

import gzip
import io
import json
import os
import pathlib
import pickle
import sys
import zipfile

import numpy as np
import pytest

import hornbeam as hb
from hornbeam.datasets._pickles import read_pickle

NUMBERS = pathlib.Path(__file__).parent / "keras_numbers"
sys.path.insert(0, str(NUMBERS))
from make_folders import WORDS, write_words  # noqa: E402

KERAS = json.loads((NUMBERS / "folders.json").read_text())
RNG = np.random.RandomState(0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and no network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def unreachable(url, timeout):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


# The files here are not the real ones, so their hashes differ: they serve all the same, with a warning.
otherwise = pytest.mark.filterwarnings("ignore:.* is used although its hash is not")


@otherwise
def test_mnist(cache):
    parts = {
        k: RNG.randint(0, 256, s, "uint8")
        for k, s in (("x_train", (5, 28, 28)), ("y_train", 5), ("x_test", (3, 28, 28)), ("y_test", 3))
    }
    np.savez(cache / "mnist.npz", **parts)
    np.savez(cache / "mine.npz", **parts)
    for found in (hb.datasets.mnist.load_data(), hb.datasets.mnist.load_data("mine.npz")):
        (x, y), (x_test, y_test) = found
        for a, name in ((x, "x_train"), (y, "y_train"), (x_test, "x_test"), (y_test, "y_test")):
            np.testing.assert_array_equal(a, parts[name])


def test_another_hash_is_said(cache):
    np.savez(cache / "mnist.npz", **{k: np.zeros(1) for k in ("x_train", "y_train", "x_test", "y_test")})
    with pytest.warns(UserWarning, match="mnist.npz is used although its hash is not 731c5ac6"):
        hb.datasets.mnist.load_data()


LOADERS = [
    (hb.datasets.mnist.load_data, "datasets/mnist.npz"),
    (hb.datasets.fashion_mnist.load_data, "datasets/fashion-mnist/train-images-idx3-ubyte.gz"),
    (hb.datasets.cifar10.load_data, "datasets/cifar-10-batches-py-target_archive"),
    (hb.datasets.cifar100.load_data, "datasets/cifar-100-python-target_archive"),
    (hb.datasets.imdb.load_data, "datasets/imdb.npz"),
    (hb.datasets.imdb.get_word_index, "datasets/imdb_word_index.json"),
    (hb.datasets.reuters.load_data, "datasets/reuters.npz"),
    (hb.datasets.reuters.get_word_index, "datasets/reuters_word_index.json"),
    (hb.datasets.boston_housing.load_data, "datasets/boston_housing.npz"),
    (hb.datasets.california_housing.load_data, "datasets/california_housing.npz"),
]


@pytest.mark.parametrize("load, name", LOADERS, ids=lambda v: v if isinstance(v, str) else "")
def test_without_a_network_one_sentence_says_what_to_put_where(load, name, cache):
    with pytest.raises(
        OSError,
        match=f"URL fetch failure on https://.*no network. Without a network, put that file at {cache.parent}/{name}$",
    ):
        load()


def test_fashion_mnist(cache):
    x, y = RNG.randint(0, 256, (4, 28, 28), "uint8"), RNG.randint(0, 10, 4, "uint8")
    (cache / "fashion-mnist").mkdir()
    for part in ("train", "t10k"):
        for kind, data in (("images-idx3", bytes(16) + x.tobytes()), ("labels-idx1", bytes(8) + y.tobytes())):
            (cache / f"fashion-mnist/{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(data))
    for found_x, found_y in hb.datasets.fashion_mnist.load_data():
        np.testing.assert_array_equal(found_x, x)
        np.testing.assert_array_equal(found_y, y)
    path = cache / "fashion-mnist/t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte.gz is damaged"):
        hb.datasets.fashion_mnist.load_data()


def python2_pickle(batch):
    """Python 2's pickle of a dict of arrays, texts and lists of ints, as CIFAR's are."""
    data = pickle.dumps(batch, protocol=3)
    return b"\x80\x02" + data[2:].replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def test_cifar10(cache):
    folder = cache / "cifar-10-batches-py-target/cifar-10-batches-py"
    folder.mkdir(parents=True)
    batches = {}
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        batches[name] = RNG.randint(0, 256, (3, 3072), "uint8"), RNG.randint(0, 10, 3).tolist()
        whole = {
            b"batch_label": b"x",
            b"data": batches[name][0],
            b"labels": batches[name][1],
            b"filenames": [b"a", b"b", b"c"],
        }
        (folder / name).write_bytes(python2_pickle(whole))
    (x, y), (x_test, y_test) = hb.datasets.cifar10.load_data()
    assert x.shape == (15, 32, 32, 3) and x.dtype == y.dtype == y_test.dtype == "uint8" and y.shape == (15, 1)
    np.testing.assert_array_equal(x[4].transpose(2, 0, 1).ravel(), batches["data_batch_2"][0][1])
    np.testing.assert_array_equal(y[:, 0], np.concatenate([batches[f"data_batch_{i}"][1] for i in range(1, 6)]))
    np.testing.assert_array_equal(y_test[:, 0], batches["test_batch"][1])
    np.testing.assert_array_equal(x_test.transpose(0, 3, 1, 2).reshape(3, -1), batches["test_batch"][0])
    (folder / "test_batch").write_bytes(python2_pickle({b"data": batches["test_batch"][0], b"labels": [1]}))
    with pytest.raises(ValueError, match="3 pictures and 1 labels"):
        hb.datasets.cifar10.load_data()
    (folder / "test_batch").write_bytes(python2_pickle({b"data": 1}))
    with pytest.raises(ValueError, match="test_batch is not the batch"):
        hb.datasets.cifar10.load_data()


def test_cifar100(cache):
    folder = cache / "cifar-100-python-target/cifar-100-python"
    folder.mkdir(parents=True)
    for name, n in (("train", 4), ("test", 2)):
        whole = {b"data": np.full((n, 3072), n, "uint8"), b"fine_labels": [99] * n, b"coarse_labels": [19] * n}
        (folder / name).write_bytes(python2_pickle(whole))
    (x, y), (x_test, y_test) = hb.datasets.cifar100.load_data()
    assert x.shape == (4, 32, 32, 3) and (x == 4).all() and (x_test == 2).all() and y.tolist() == [[99]] * 4
    assert hb.datasets.cifar100.load_data("coarse")[1][1].tolist() == [[19]] * 2
    with pytest.raises(ValueError, match="`label_mode` must be one of"):
        hb.datasets.cifar100.load_data("all")


@otherwise
@pytest.mark.parametrize("name", ["imdb", "reuters"])
@pytest.mark.parametrize("i", range(len(WORDS)))
def test_texts_are_keras(cache, name, i):
    write_words(cache)
    found = getattr(hb.datasets, name).load_data(**WORDS[i])
    for (x, y), (keras_x, keras_y) in zip(found, KERAS[name][i]):
        assert x.dtype == object and x.shape == (len(keras_x),)
        assert [list(row) for row in x] == keras_x and y.tolist() == keras_y


@otherwise
def test_arguments_of_texts(cache):
    write_words(cache)
    with pytest.raises(ValueError, match="`maxlen` leaves no review. Received: maxlen=1"):
        hb.datasets.imdb.load_data(maxlen=1)
    with pytest.raises(ValueError, match="`maxlen` leaves no news. Received: maxlen=1"):
        hb.datasets.reuters.load_data(maxlen=1)
    with pytest.raises(TypeError, match="nb_words"):
        hb.datasets.imdb.load_data(nb_words=3)
    with pytest.raises(ValueError, match="`test_split` must be"):
        hb.datasets.reuters.load_data(test_split=2)


@otherwise
def test_words(cache):
    (cache / "imdb_word_index.json").write_text('{"the": 1, "\\u00e9t\\u00e9": 2}')
    (cache / "reuters_word_index.json").write_text("{}")
    assert hb.datasets.imdb.get_word_index() == {"the": 1, "\u00e9t\u00e9": 2}
    assert hb.datasets.reuters.get_word_index() == {}
    names = hb.datasets.reuters.get_label_names()
    assert len(names) == 46 and names[0] == "cocoa" and names[45] == "lead"


@otherwise
def test_housing(cache):
    x, y = RNG.rand(700, 8), np.arange(700.0)
    for name in ("boston_housing", "california_housing"):
        np.savez(cache / f"{name}.npz", x=x, y=y)
    order = np.arange(700)
    np.random.RandomState(113).shuffle(order)
    for found in (hb.datasets.boston_housing.load_data(), hb.datasets.california_housing.load_data()):
        np.testing.assert_array_equal(np.concatenate([found[0][1], found[1][1]]), order)
        np.testing.assert_array_equal(found[0][0], x[order[:560]])
    (x_train, y_train), (x_test, y_test) = hb.datasets.california_housing.load_data("small", test_split=0, seed=3)
    assert len(x_train) == 600 and len(x_test) == 0 and set(y_train) == set(range(600))
    for split in (1, -0.1, 2):
        with pytest.raises(ValueError, match="`test_split` must be"):
            hb.datasets.boston_housing.load_data(test_split=split)
    with pytest.raises(ValueError, match="`version` must be one of"):
        hb.datasets.california_housing.load_data("medium")


# ---- pickles ----


def read(data):
    return read_pickle(io.BytesIO(data))


class Run:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("protocol", [3, 4])
def test_plain_data_is_read(protocol):
    rows = np.empty(3, object)
    rows[:] = [[1, 2], [], [3]]
    both = {
        "rows": rows,
        "b": np.arange(6, dtype=">i2").reshape(2, 3),
        "c": np.asfortranarray(np.eye(3, 2)),
        "n": [1, "x", b"y"],
    }
    found = read(pickle.dumps(both, protocol=protocol))
    assert (
        found["rows"].dtype == object and found["rows"].tolist() == [[1, 2], [], [3]] and found["n"] == [1, "x", b"y"]
    )
    np.testing.assert_array_equal(found["b"], both["b"])
    np.testing.assert_array_equal(found["c"], np.eye(3, 2))
    listed = read(pickle.dumps([np.arange(2), {"a": (np.arange(3), 1)}], protocol=protocol))
    assert listed[0].tolist() == [0, 1] and listed[1]["a"][0].tolist() == [0, 1, 2] and listed[1]["a"][1] == 1
    empty = read(pickle.dumps(np.empty(0, object), protocol=protocol))
    assert empty.shape == (0,) and empty.dtype == object


@pytest.mark.parametrize(
    "thing",
    [
        lambda m: Run(os.system, f"touch {m}"),
        lambda m: [Run(eval, f"open({str(m)!r}, 'w')")],
        lambda m: {"a": Run(exec, f"open({str(m)!r}, 'w')")},
        lambda m: Run(getattr, "text", "upper"),
        lambda m: Run(np.ndarray.tofile, np.zeros(1), str(m)),
        lambda m: np.random.RandomState(0),
        lambda m: np.dtype([("a", "i4")]),
        lambda m: np.array(["text"]),
        lambda m: np.array([object], object),
        lambda m: np.array([[1.5]], object),
        lambda m: np.array([None, 1], object),
        lambda m: pathlib.Path("x"),
    ],
)
def test_nothing_in_a_pickle_is_run(thing, tmp_path):
    mark = tmp_path / "mark"
    with pytest.raises(pickle.UnpicklingError):
        read(pickle.dumps(thing(mark), protocol=3))
    assert not mark.exists()


def array_pickle(shape, dtype, data):
    """A pickle of an array with any state."""

    class Any:
        def __reduce__(self):
            return np.zeros(0).__reduce__()[0], (np.ndarray, (0,), b"b"), (1, shape, np.dtype(dtype), False, data)

    return pickle.dumps(Any(), protocol=3)


@pytest.mark.parametrize(
    "shape, dtype, data",
    [
        ((10**9,), "u1", b"short"),
        ((-1,), "u1", b""),
        ((2**62, 4), "u1", b""),
        ((True,), "u1", b"x"),
        ([1], "u1", b"x"),
        ((1,), "u1", "x" * 7),
        ((3,), "O", [[1]]),
        ((1,), "O", b"12345678"),
        ((1,), "O", [[1.5]]),
        ((1,), "O", [{"a": 1}]),
        ((1,), "U1", b"abcd"),
        ((1,), "V8", b"abcdefgh"),
        ((1,), "M8[s]", b"abcdefgh"),
    ],
)
def test_arrays_that_are_none(shape, dtype, data):
    with pytest.raises(pickle.UnpicklingError):
        read(array_pickle(shape, dtype, data))


def test_damaged_pickles():
    good = pickle.dumps({"a": np.arange(5), "b": [1, 2, 3]}, protocol=3)
    for n in range(len(good)):
        with pytest.raises(pickle.UnpicklingError):
            read(good[:n])
    for i in range(0, len(good), 3):
        for byte in (0, 0x52, 0x62, 0xFF):  # REDUCE and BUILD among them
            try:
                read(good[:i] + bytes([byte]) + good[i + 1 :])
            except (pickle.UnpicklingError, MemoryError):
                pass


@otherwise
def test_a_gadget_in_the_reviews(cache, tmp_path):
    mark = tmp_path / "mark"
    payload = np.empty(1, object)
    payload[0] = Run(os.system, f"touch {mark}")
    np.savez(cache / "imdb.npz", x_train=payload, y_train=[1], x_test=payload, y_test=[1])
    with pytest.raises(pickle.UnpicklingError, match="Refusing to load `posix.system`"):
        hb.datasets.imdb.load_data()
    assert not mark.exists()


@otherwise
def test_archives_of_arrays_that_are_none(cache):
    (cache / "reuters.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="reuters.npz is not the archive of arrays"):
        hb.datasets.reuters.load_data()
    with zipfile.ZipFile(cache / "reuters.npz", "w") as z:
        z.writestr("y.npy", b"")
    with pytest.raises(ValueError, match="reuters.npz is not the archive of arrays.*x.npy"):
        hb.datasets.reuters.load_data()
