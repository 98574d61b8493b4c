"""``.weights.h5``: files of Keras' are read, ours are HDF5 with the same paths, and damaged ones are refused."""

import importlib.util
import json
import os

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam.saving import hdf5
from hornbeam.saving.keras_weights import weights_by_path

FOLDER = os.path.join(os.path.dirname(__file__), "keras_files")
FILE = os.path.join(FOLDER, "model.weights.h5")


@pytest.fixture(scope="module")
def model():
    spec = importlib.util.spec_from_file_location("make", os.path.join(FOLDER, "make.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.model(hb)


def test_what_keras_wrote_is_read(model):
    with open(os.path.join(FOLDER, "model.json")) as f:
        recorded = {k: np.float32(v) for k, v in json.load(f).items()}
    model.load_weights(FILE)
    np.testing.assert_allclose(model.predict(recorded["x"], verbose=0), recorded["y"], rtol=1e-5)


def test_ours_has_the_paths_and_values_of_keras(model, tmp_path):
    model.load_weights(FILE)
    model.save_weights(tmp_path / "m.weights.h5")
    before = (tmp_path / "m.weights.h5").read_bytes()
    with open(FILE, "rb") as f:
        ours, theirs = (hdf5.flat(hdf5.load(raw)) for raw in (before, f.read()))
    assert ours.keys() == theirs.keys()
    for path, value in theirs.items():
        np.testing.assert_array_equal(ours[path], value)
    with pytest.raises(FileExistsError):
        model.save_weights(tmp_path / "m.weights.h5", overwrite=False)
    model.save_weights(tmp_path / "m.weights.h5")
    assert (tmp_path / "m.weights.h5").read_bytes() == before and os.listdir(tmp_path) == ["m.weights.h5"]


def test_paths():
    shared = L.Dense(2)

    class Net(hb.Model):
        def __init__(self):
            super().__init__()
            self.b, self.a = shared, [shared, L.Dense(2)]
            self.table = {"x": L.BatchNormalization()}
            self._hidden = L.Dense(3)

        def call(self, x):
            return self._hidden(self.table["x"](self.a[1](self.b(x))))

    net = Net()
    net(np.ones((1, 2), "float32"))
    paths = {p: w.path.split("/")[-1] for p, w in weights_by_path(net).items()}
    assert paths == {
        "a/dense/vars/0": "kernel",
        "a/dense/vars/1": "bias",
        "a/dense_1/vars/0": "kernel",
        "a/dense_1/vars/1": "bias",
        "layers/dense_2/vars/0": "kernel",
        "layers/dense_2/vars/1": "bias",
        "layers/batch_normalization/vars/0": "gamma",
        "layers/batch_normalization/vars/1": "beta",
        "layers/batch_normalization/vars/2": "moving_mean",
        "layers/batch_normalization/vars/3": "moving_variance",
    }


def test_weights_that_do_not_fit(tmp_path):
    two = hb.Sequential([hb.Input((3,)), L.Dense(2), L.Dense(2)])
    two.save_weights(tmp_path / "two.weights.h5")
    for other, match in (
        (hb.Sequential([hb.Input((3,)), L.Dense(4), L.Dense(2)]), r"layers/dense/vars/0 has shape \(3, 4\) here"),
        (hb.Sequential([hb.Input((3,)), L.Dense(2)]), "has none at .*layers/dense_1/vars/0"),
        (hb.Sequential([hb.Input((3,)), *[L.Dense(2) for _ in range(3)]]), "layers/dense_2/vars/0 is not in the file"),
    ):
        kept = other.get_weights()
        with pytest.raises(ValueError, match=match):
            other.load_weights(tmp_path / "two.weights.h5")
        for a, b in zip(kept, other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    other = hb.Sequential([hb.Input((3,)), L.Dense(4), L.Dense(2)])
    other.layers[1].bias.assign([5.0, 5.0])
    two.layers[1].bias.assign([7.0, 8.0])
    two.save_weights(tmp_path / "two.weights.h5")
    other.load_weights(tmp_path / "two.weights.h5", skip_mismatch=True)
    assert other.layers[1].bias.numpy().tolist() == [7.0, 8.0]
    with pytest.raises(FileNotFoundError):
        other.load_weights(tmp_path / "none.weights.h5")


def test_groups_of_any_size_and_arrays_of_any_type():
    r = np.random.default_rng(0)
    tree = {
        "many": {f"n{i}": {"vars": {"0": np.float64(i)}} for i in range(300)},
        "types": {t: (100 * r.random((2, 3))).astype(t) for t in ("f2", "f4", "f8", "i1", "i4", "i8", "u1", "u2")},
        "none": np.zeros((0, 3), "float32"),
        "empty": {},
        "d\u00e9": {"big": np.arange(12, dtype=">i4").reshape(3, 4).T},
    }
    back = hdf5.load(hdf5.dump(tree))
    assert sorted(back) == sorted(tree) and back["empty"] == {}
    for path, value in hdf5.flat(tree).items():
        found = hdf5.flat(back)[path]
        assert found.dtype == value.dtype.newbyteorder("<") and found.shape == value.shape
        np.testing.assert_array_equal(found, value)
    with pytest.raises(TypeError, match="numbers"):
        hdf5.dump({"x": np.array(["text"])})


def test_damaged_files_are_refused(tmp_path):
    with open(FILE, "rb") as f:
        raw = f.read()
    small = hdf5.dump({"a": {"vars": {"0": np.ones((2, 3), "float32")}}})
    model = hb.Sequential([hb.Input((3,)), L.Dense(2)])
    path = tmp_path / "m.weights.h5"
    for bad in (b"", b"PK\3\4", raw[:8], raw[:200], raw[: len(raw) // 2], hdf5.SIGNATURE + bytes(500)):
        path.write_bytes(bad)
        with pytest.raises(hb.FormatError, match=r"m\.weights\.h5 cannot be read as HDF5"):
            model.load_weights(path)
    refused = 0
    r = np.random.default_rng(0)
    for data, step in ((small, 1), (raw, 37)):
        for at in range(0, len(data), step):
            bad = bytearray(data)
            bad[at] = r.integers(256)
            try:
                hdf5.load(bytes(bad))
            except ValueError:
                refused += 1
    assert refused > 100
    cycle = bytearray(hdf5.dump({"a": {"b": {}}, "c": {"d": {}}}))
    root = int.from_bytes(cycle[64:72], "little")
    for at in range(96, len(cycle) - 8, 8):  # every address leads back to the root
        if 96 <= int.from_bytes(cycle[at : at + 8], "little") < len(cycle):
            bad = bytearray(cycle)
            bad[at : at + 8] = root.to_bytes(8, "little")
            try:
                hdf5.load(bytes(bad))
            except ValueError:
                refused += 1
