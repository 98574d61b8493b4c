"""Layers for numbers and categories (and FeatureSpace's numbers): against Keras' numbers, NumPy, and closed forms; what they refuse."""

import json
import os
import sys

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core
from hornbeam import layers as L
from hornbeam.layers.preprocessing.adapting import batches_of
from hornbeam.layers.preprocessing.hashes import bucket, fingerprint, sip_hash

FOLDER = os.path.join(os.path.dirname(__file__), "keras_numbers")
sys.path.insert(0, FOLDER)
from feature_cases import INTS, KINDS, TABLE, WORDS, cases  # noqa: E402

FS = hb.utils.FeatureSpace
with open(os.path.join(FOLDER, "features.json")) as _file:
    KERAS = json.load(_file)


@pytest.fixture(scope="module")
def ours():
    return cases(L, FS)


@pytest.mark.parametrize("name", KERAS)
def test_the_same_as_keras(ours, name):
    dtype, shape, values = KERAS[name]
    found = np.asarray(ours[name])
    assert list(found.shape) == shape
    want = np.array(values, dtype).reshape(shape)
    if dtype.startswith("int"):
        np.testing.assert_array_equal(found, want)
    else:
        np.testing.assert_allclose(found, want, rtol=2e-5, atol=1e-5)
    assert name.startswith("Discretization") or str(found.dtype) == dtype


def test_every_case_was_recorded(ours):
    assert ours.keys() == KERAS.keys()


# ---- what adapt reads ----
class Batches(hb.utils.PyDataset):
    def __init__(self, arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return len(self.arrays)

    def __getitem__(self, index):
        return self.arrays[index], np.zeros(3)


def test_batches_of_arrays_and_sources():
    x = np.arange(14.0).reshape(7, 2)
    assert [b.shape for b in batches_of(x)] == [(7, 2)]
    assert [b.tolist() for b in batches_of(x, 3)] == [x[:3].tolist(), x[3:6].tolist(), x[6:].tolist()]
    assert [b.shape for b in batches_of(np.zeros((100, 2)), steps=2)] == [(32, 2), (32, 2)]
    assert [b.shape for b in batches_of(np.zeros((0, 2)), 3)] == [(0, 2)]
    assert [b.shape for b in batches_of(hb.ops.ones((2, 3)))] == [(2, 3)]
    assert [b.shape for b in batches_of([[1, 2], [3, 4], [5, 6]], 2)] == [(2, 2), (1, 2)]
    assert [b.shape for b in batches_of([x[:3], (x[3:], np.zeros(4))])] == [(3, 2), (4, 2)]
    assert [b.shape for b in batches_of(Batches([x, x[:1]]))] == [(7, 2), (1, 2)]
    endless = (np.full(3, i) for i in iter(int, 1))
    assert len(list(batches_of(endless, steps=5))) == 5
    words = next(batches_of(["a", "b\0", b"c\0"]))
    assert words.dtype == object and words.tolist() == ["a", "b\0", b"c\0"]


@pytest.mark.parametrize(
    "data,error,match",
    [
        ([], ValueError, "empty iterable"),
        (iter(()), ValueError, "empty iterable"),
        (5, TypeError, "Unsupported data type"),
        ("text", TypeError, "Unsupported data type"),
        ({"a": [1]}, TypeError, "Unsupported data type"),
        (iter([3]), TypeError, "a batch of type int"),
        ([[1], [1, 2]], ValueError, "different lengths"),
        (np.float32(1), ValueError, "a scalar"),
        (np.ma.masked_array([1.0, 2.0], [0, 1]), ValueError, "masked"),
    ],
)
def test_what_is_no_data_is_refused(data, error, match):
    with pytest.raises(error, match=match):
        list(batches_of(data))


# ---- Normalization ----
def test_moments_of_batches_are_those_of_all():
    x = np.random.RandomState(1).gamma(1.0, size=(1001, 3, 4)).astype("float32")
    for axis, reduced in ((-1, (0, 1)), ((1, 2), (0,)), (None, (0, 1, 2)), (1, (0, 2))):
        for data in (x, [x[:1], x[1:1], x[1:700], x[700:]], Batches([x[:999], x[999:]]), (b for b in (x,))):
            layer = L.Normalization(axis=axis)
            layer.adapt(data)
            np.testing.assert_allclose(layer.adapt_mean, x.mean(reduced, dtype="float64"), rtol=1e-6)
            np.testing.assert_allclose(layer.adapt_variance, x.var(reduced, dtype="float64"), rtol=1e-6)


def test_moments_are_exact_far_from_zero():
    """The sum of squares minus the square of the sum would lose everything here."""
    x = 1e6 + np.random.RandomState(2).normal(size=(400_000, 1))
    layer = L.Normalization(dtype="float64")
    layer.adapt(x)
    np.testing.assert_allclose(layer.adapt_variance, x.var(0), rtol=1e-9)
    np.testing.assert_allclose(layer.adapt_mean, x.mean(0), rtol=1e-14)


def test_normalization_inverts_itself():
    x = np.random.RandomState(3).normal(3, 2, size=(50, 4)).astype("float32")
    there, back = L.Normalization(), L.Normalization(invert=True)
    there.adapt(x)
    back.adapt(x)
    y = there(x)
    np.testing.assert_allclose(np.mean(y, 0), 0, atol=1e-5)
    np.testing.assert_allclose(np.std(y, 0), 1, atol=1e-5)
    np.testing.assert_allclose(back(y), x, rtol=1e-5, atol=1e-5)


def test_normalization_of_ints_nan_halves_and_constants():
    layer = L.Normalization()
    layer.adapt(np.array([[1, 5], [3, 5]]))
    assert layer([[2, 5], [4, 5]]).numpy().tolist() == [[0.0, 0.0], [2.0, 0.0]]
    layer.adapt([[1.0, np.nan], [3.0, 1.0]])
    assert np.isnan(np.asarray(layer.mean)).tolist() == [[False, True]]
    layer.adapt([[1.0, np.inf], [3.0, 1.0]])
    assert np.isfinite(np.asarray(layer.mean)).tolist() == [[True, False]]
    for policy in ("mixed_float16", "mixed_bfloat16"):
        half = L.Normalization(dtype=policy)
        half.adapt(np.array([[4000.0], [4002.0]]))
        out = half(np.array([[4001.0], [4003.0]], "float32"))
        assert str(out.dtype) == policy.removeprefix("mixed_") and np.asarray(out).tolist() == [[0.0], [2.0]]


def test_one_mean_for_all_fits_inputs_of_any_rank():
    layer = L.Normalization(axis=None)
    layer.adapt(np.arange(6.0))
    assert tuple(layer.mean.shape) == (1,) and layer(np.zeros((3, 1))).shape == (3, 1)
    assert layer(np.zeros((3, 2, 2))).shape == (3, 2, 2)


@pytest.mark.parametrize(
    "make,error,match",
    [
        (lambda: L.Normalization(mean=1.0), ValueError, "both `mean` and `variance`"),
        (lambda: L.Normalization(mean=[1.0], variance=2.0), ValueError, "the same shape"),
        (lambda: L.Normalization(mean=[[1.0]], variance=[[2.0]]), ValueError, "rank of `mean`"),
        (lambda: L.Normalization(mean=1.0, variance=-1.0), ValueError, "`variance` must be finite and at least 0"),
        (lambda: L.Normalization(mean=np.nan, variance=1.0), ValueError, "`mean` must be finite"),
        (lambda: L.Normalization(mean="x", variance=1.0), TypeError, "`mean` must be a number"),
        (lambda: L.Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0])(TABLE), ValueError, "must broadcast"),
        (lambda: L.Normalization(mean=1.0, variance=1.0).adapt(TABLE), ValueError, "made with `mean`"),
        (lambda: L.Normalization("x"), TypeError, "`axis` must be"),
        (lambda: L.Normalization(2)(TABLE), ValueError, "All `axis` values must be in the range"),
        (lambda: L.Normalization()(L.Input((None,))), ValueError, "must have a known shape"),
        (lambda: L.Normalization().adapt(np.zeros((0, 3))), ValueError, "at least one sample"),
        (lambda: L.Normalization().adapt(np.array([["a"]])), TypeError, "needs numbers"),
        (lambda: L.Normalization().adapt([TABLE, TABLE[:, :2]]), ValueError, "incompatible shape"),
        (lambda: L.Normalization().adapt([TABLE, TABLE[:, 0]]), ValueError, "incompatible shape"),
    ],
)
def test_normalization_refuses(make, error, match):
    with pytest.raises(error, match=match):
        make()


# ---- Discretization ----
def test_discretization_is_digitize():
    x = np.array([[-np.inf, -1.5, 0.0, -0.0, 0.35, 0.3499999], [0.5, 1.0, 7.0, np.inf, np.nan, 1e-30]], "float32")
    boundaries = [0.0, 0.35, 0.35, 1.0]
    layer = L.Discretization(boundaries)
    want = np.digitize(x, np.array(boundaries, "float32"))
    assert layer(x).numpy().tolist() == want.tolist() and layer(x).dtype == "int32"
    assert layer([[1, 0, -3]]).numpy().tolist() == [[4, 1, 0]]
    assert layer(x[:0]).shape == (0, 6) and int(layer(0.5)) == 3
    assert L.Discretization([])(x).numpy().tolist() == np.zeros((2, 6)).tolist()


def test_quantiles_are_as_exact_as_said():
    x = np.random.RandomState(4).gamma(2.0, size=100_000)
    layer = L.Discretization(num_bins=10, epsilon=0.005)
    for rows in (1000, 777):
        layer.adapt(x[i : i + rows] for i in range(0, len(x), rows))
        shares = np.searchsorted(np.sort(x), layer.bin_boundaries) / len(x)
        np.testing.assert_allclose(shares, np.arange(1, 10) / 10, atol=0.04)
        assert layer._summary.kept.shape[1] <= 1 / 0.005 + 1


def test_discretization_config_and_steps():
    layer = L.Discretization(num_bins=4)
    assert layer.compute_output_shape((None, 3)) == (None, 3)
    layer.adapt((np.full(4, i) for i in iter(lambda: 7, 1)), steps=3)
    assert set(layer.bin_boundaries) == {7.0}
    again = L.Discretization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config() and again.bin_boundaries == layer.bin_boundaries
    again.adapt([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    assert len(again.bin_boundaries) == 3


@pytest.mark.parametrize(
    "make,error,match",
    [
        (lambda: L.Discretization(), ValueError, "either `num_bins` or"),
        (lambda: L.Discretization([0.0], 3), ValueError, "Both `num_bins` and"),
        (lambda: L.Discretization([1.0, 0.0]), ValueError, "must ascend"),
        (lambda: L.Discretization([np.nan]), ValueError, "`bin_boundaries`"),
        (lambda: L.Discretization(3), TypeError, "`bin_boundaries` must be a list"),
        (lambda: L.Discretization(num_bins=0), ValueError, "`num_bins` must be"),
        (lambda: L.Discretization(num_bins=3, epsilon=0.0), ValueError, "`epsilon` must be in"),
        (lambda: L.Discretization(num_bins=3, epsilon=1), ValueError, "`epsilon` must be in"),
        (lambda: L.Discretization([0.0], sparse=True), ValueError, "`sparse` may only"),
        (lambda: L.Discretization([0.0], output_mode="one_hot", sparse=True), ValueError, "`sparse` must be False"),
        (lambda: L.Discretization([0.0], output_mode="bins"), ValueError, "`output_mode`"),
        (lambda: L.Discretization(num_bins=3)([[1.0]]), ValueError, "You need to .* call `adapt"),
        (lambda: L.Discretization([0.0]).adapt([1.0]), ValueError, "Cannot adapt"),
        (lambda: L.Discretization(num_bins=3).adapt([1.0, np.nan]), ValueError, "NaN"),
        (lambda: L.Discretization(num_bins=3).adapt(np.zeros(0)), ValueError, "at least one number"),
        (lambda: L.Discretization(num_bins=3).adapt(["a"]), TypeError, "needs numbers"),
    ],
)
def test_discretization_refuses(make, error, match):
    with pytest.raises(error, match=match):
        make()


# ---- CategoryEncoding ----
@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_category_encoding_against_numpy(dtype):
    eye = np.eye(6)
    for shape in ((5,), (4, 3), (4, 1), (0, 3), (2, 3, 2)):
        x = np.random.RandomState(6).randint(0, 6, shape)
        count = eye[x].sum(1 if x.ndim > 1 else 0)
        one_hot = eye[x[..., 0] if x.ndim > 1 and shape[-1] == 1 else x]
        for mode, want in (("count", count), ("multi_hot", np.minimum(count, 1)), ("one_hot", one_hot)):
            layer = L.CategoryEncoding(6, output_mode=mode, dtype=dtype)
            found = layer(x)
            assert found.dtype == dtype and tuple(found.shape) == layer.compute_output_shape(shape)
            np.testing.assert_array_equal(np.asarray(found), want)
            np.testing.assert_array_equal(np.asarray(hb.function(layer)(x)), want)


def test_category_weights_have_gradients():
    ids, weights = np.array([[0, 1, 1], [2, 2, 2]]), hb.Variable(np.ones((2, 3), "float32") / 4)
    layer = L.CategoryEncoding(3, output_mode="count")
    with hb.GradientTape() as tape:
        loss = hb.ops.sum(layer(ids, count_weights=weights) * np.array([1.0, 10.0, 100.0], "float32"))
    assert np.asarray(tape.gradient(loss, weights)).tolist() == [[1.0, 10.0, 10.0], [100.0, 100.0, 100.0]]


@pytest.mark.parametrize("bad", [[[0, 7]], [[-1, 0]], [[2**40, 0]]])
@pytest.mark.parametrize("mode", ["count", "multi_hot", "one_hot"])
def test_categories_out_of_range_are_named(mode, bad):
    layer = L.CategoryEncoding(7, output_mode=mode)
    inputs = L.Input((2,), dtype="int64")
    model = hb.Model(inputs, layer(inputs))
    for call in (layer, lambda x: model.predict(x, verbose=0)):
        with pytest.raises(ValueError, match=r"must be in \[0, 7\)"):
            call(np.array(bad))


# ---- Hashing ----
def test_hashes_of_ints_do_not_depend_on_where_they_are_computed():
    """In a graph, eagerly, and from the strings that the digits are; the least and the largest ints among them."""
    many = np.concatenate([INTS, np.random.RandomState(7).randint(-(2**62), 2**62, 300), np.arange(-120, 120)])
    digits = np.array([str(i) for i in many], object)
    for salt in (None, [3, 2**63 - 1]):
        layer = L.Hashing(10**9 + 7, salt=salt)
        want = np.asarray(layer(digits))
        np.testing.assert_array_equal(layer(many), want)
        np.testing.assert_array_equal(hb.function(layer)(many), want)
        np.testing.assert_array_equal(layer(many.reshape(-1, 1, 1)), want.reshape(-1, 1, 1))
    small = np.arange(250)
    for dtype in ("uint8", "int16", "int32", "float32"):
        np.testing.assert_array_equal(L.Hashing(50)(small.astype(dtype)), L.Hashing(50)(small))


def test_hashes_spread():
    words = fingerprint(hb.ops.arange(20_000, dtype="int64"))
    counts = np.bincount(np.asarray(bucket(words, 10)), minlength=10)
    assert counts.min() > 1800 and counts.max() < 2200
    keyed = sip_hash(hb.ops.arange(2000, dtype="int64"), (1, 2))
    assert len(set(np.asarray(keyed).tolist())) == 2000


def test_hashing_in_a_model_and_its_file(tmp_path):
    inputs = L.Input((3,), dtype="int64")
    model = hb.Model(inputs, L.Hashing(11, mask_value=5, salt=9, output_mode="count")(inputs))
    x = np.array([[5, 5, 1], [2, 3, -4], [5, 2**62, 0]])
    want = model.layers[-1](x)
    np.testing.assert_array_equal(model.predict(x, verbose=0), want)
    assert np.asarray(want)[:, 0].tolist() == [2.0, 0.0, 1.0]
    model.save(tmp_path / "m.hornbeam")
    np.testing.assert_array_equal(hb.models.load_model(tmp_path / "m.hornbeam").predict(x, verbose=0), want)


def test_hashing_strings_in_a_model_and_its_file(tmp_path):
    for mask, mode in ((None, "count"), ("b", "int"), ("b", "count"), (None, "one_hot")):
        inputs = L.Input((2,), dtype="string")
        layer = L.Hashing(7, mask_value=mask, salt=5, output_mode=mode)
        model = hb.Model(inputs, L.Rescaling(2.0)(layer(inputs)))
        x = np.array([["a", "b"], ["", "\u00e9"], ["b", "b"]], object)
        want = 2 * np.asarray(layer(x))
        np.testing.assert_array_equal(model.predict(x, verbose=0), want)
        model.save(tmp_path / "m.hornbeam")
        np.testing.assert_array_equal(hb.models.load_model(tmp_path / "m.hornbeam").predict(x, verbose=0), want)
        native = layer._native()
        assert (native is None) == (mask is not None and mode != "int")
        if native is not None:
            each = {"one": 1, "last": 2}[native.pop("each")]
            encoder = _core.TextEncoder(
                _core.StringTable([]), **{**native, "mask": None if mask is None else mask.encode(), "weights": []}
            )
            made = encoder.encode(x.ravel().tolist(), each).reshape(want.shape)
            np.testing.assert_array_equal(2 * made, want)


def test_crossing_strings_in_a_model():
    inputs = [L.Input((1,), dtype="string"), L.Input((1,), dtype="int32")]
    layer = L.HashedCrossing(5, output_mode="one_hot")
    model = hb.Model(inputs, layer(inputs))
    pair = [np.array(["A", "B", "A", "B", "A"], object), np.array([101, 101, 101, 102, 102])]
    assert np.argmax(np.asarray(model.predict(pair, verbose=0)), -1).tolist() == [1, 4, 1, 1, 3]


def test_hashing_of_nothing_and_of_one():
    assert L.Hashing(3)(np.zeros((0, 2), "int64")).shape == (0, 2)
    assert L.Hashing(3)(np.zeros((0, 2), object)).shape == (0, 2)
    assert L.Hashing(1, mask_value="a")(["a", "b"]).numpy().tolist() == [
        0,
        0,
    ]  # with one bin there is no other for masks
    assert L.Hashing(3)("A").shape == () and int(L.Hashing(3)(4)) == 2
    assert L.Hashing(5, mask_value=b"A")(["A", "B"]).numpy()[0] == 0


@pytest.mark.parametrize(
    "make,error,match",
    [
        (lambda: L.Hashing(None), ValueError, "cannot be `None`"),
        (lambda: L.Hashing(0), ValueError, "cannot be `None`"),
        (lambda: L.Hashing(2**63 - 1), ValueError, "at most"),
        (lambda: L.Hashing(3, salt=[1, 2, 3]), ValueError, "tuple of size 2"),
        (lambda: L.Hashing(3, salt=-1), ValueError, "`salt` must be"),
        (lambda: L.Hashing(3, dtype="float32"), ValueError, "should be an integer type"),
        (lambda: L.Hashing(3, output_mode="tf_idf"), ValueError, "`output_mode`"),
        (lambda: L.Hashing(3, sparse=True), ValueError, "`sparse` may only"),
        (lambda: L.HashedCrossing(0), ValueError, "`num_bins` must be"),
        (lambda: L.HashedCrossing(3, output_mode="count"), ValueError, "`output_mode`"),
        (lambda: L.HashedCrossing(3)(np.arange(3)), ValueError, "a list or tuple"),
        (lambda: L.HashedCrossing(3)([np.arange(3)]), ValueError, "at least two inputs"),
        (lambda: L.HashedCrossing(3)([np.arange(3), np.arange(4)]), ValueError, "equal shape"),
        (lambda: L.HashedCrossing(3)([KINDS, KINDS]), ValueError, "should have shape"),
        (lambda: L.HashedCrossing(3)([np.ones(3), np.ones(3)]), ValueError, "an integer or string"),
        (lambda: L.HashedCrossing(3)([L.Input((2,)), L.Input((2,))]), ValueError, "should have shape"),
    ],
)
def test_hashing_refuses(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_crossing_in_a_graph():
    pair = (np.array([3, -7, 2**62]), np.array([1, 1, 1]))
    layer = L.HashedCrossing(1000)
    np.testing.assert_array_equal(hb.function(lambda a, b: layer([a, b]))(*pair), layer(pair))
    assert layer(pair).dtype == "int64" and L.HashedCrossing(9, dtype="int32")(pair).dtype == "int32"
    assert np.asarray(L.HashedCrossing(4, output_mode="one_hot")(pair)).sum(1).tolist() == [1.0, 1.0, 1.0]
    assert L.HashedCrossing(5)((WORDS, WORDS)).shape == WORDS.shape


@pytest.mark.parametrize(
    "layer",
    [
        L.Normalization(axis=(1, -1), mean=[1.0, 2.0], variance=[3.0, 4.0], invert=True),
        L.Normalization(axis=None),
        L.Discretization([0.0, 1.0], output_mode="count"),
        L.CategoryEncoding(5, output_mode="one_hot"),
        L.Hashing(7, mask_value="x", salt=(1, 2), output_mode="multi_hot"),
        L.HashedCrossing(7, output_mode="one_hot", dtype="float64"),
    ],
    ids=lambda layer: layer.name,
)
def test_configs_make_the_same_layer(layer):
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
