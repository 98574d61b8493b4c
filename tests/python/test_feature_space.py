"""FeatureSpace: what it learns from what, rows and batches, models and files, what it refuses; and published scripts."""

import csv
import os
import sys

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "keras_numbers"))
from feature_cases import COLUMNS  # noqa: E402

FS = hb.utils.FeatureSpace

# ---- FeatureSpace ----
KINDS_OF = {"plain": "float", "normal": "float_normalized", "ids": "integer_categorical", "hashed": "integer_hashed"}
NUMBERS = {name: COLUMNS[name] for name in KINDS_OF}
ALL_KINDS = {**KINDS_OF, "ranges": "float_discretized", "names": "string_categorical", "words": "string_hashed"}
ALL = {name: COLUMNS[name] for name in ALL_KINDS}


def rows_of(columns):
    return [{name: column[i] for name, column in columns.items()} for i in range(12)]


def test_spaces_learn_the_same_from_columns_batches_and_rows():
    wanted = None
    batches = [{name: column[i : i + 5] for name, column in ALL.items()} for i in (0, 5, 10)]
    for data in (ALL, batches, iter(batches), rows_of(ALL), iter(rows_of(ALL)), [(row, 1) for row in rows_of(ALL)]):
        space = FS(ALL_KINDS, num_discretization_bins=2, crosses=[("ids", "names"), ("hashed", "ids", "words")])
        space.adapt(data)
        found = np.asarray(space(ALL))
        wanted = found if wanted is None else wanted
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_row_is_a_batch_of_one():
    for mode in ("concat", "dict"):
        space = FS(ALL_KINDS, output_mode=mode, crosses=[("ids", "names")])
        space.adapt(ALL)
        whole, rows = space(ALL), [space(row) for row in rows_of(ALL)]
        if mode == "concat":
            np.testing.assert_array_equal(np.stack(rows), whole)
            continue
        assert list(whole) == [*sorted(ALL), "ids_X_names"]
        for name, encoded in whole.items():
            np.testing.assert_array_equal(np.stack([row[name] for row in rows]), encoded)


@pytest.mark.parametrize("kinds", [KINDS_OF, ALL_KINDS], ids=["numbers", "strings"])
def test_a_space_in_a_model_in_a_file_and_as_a_model(kinds, tmp_path):
    data = {name: COLUMNS[name] for name in kinds}
    space = FS(kinds, crosses=[("ids", "hashed"), ("ids", "ids")][: 1 if kinds is KINDS_OF else 2])
    space.adapt(data)
    want = np.asarray(space(data))
    inputs, encoded = space.get_inputs(), space.get_encoded_features()
    assert set(inputs) == set(data) and encoded.shape == (None, want.shape[1])
    model = hb.Model(inputs, L.Dense(1)(encoded))
    model.compile("adam", "mse")
    columns = {name: column[:, None] for name, column in data.items()}
    history = model.fit(columns, np.arange(12.0), epochs=2, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0]
    model.save(tmp_path / "model.hornbeam")
    again = hb.models.load_model(tmp_path / "model.hornbeam")
    np.testing.assert_array_equal(again.predict(columns, verbose=0), model.predict(columns, verbose=0))
    np.testing.assert_allclose(space.predict(columns, verbose=0), want, rtol=1e-6)
    space.save(tmp_path / "space.hornbeam")
    loaded = hb.models.load_model(tmp_path / "space.hornbeam")
    assert isinstance(loaded, FS)
    loaded.save(tmp_path / "twice.hornbeam")
    np.testing.assert_array_equal(loaded(data), want)
    np.testing.assert_array_equal(hb.models.load_model(tmp_path / "twice.hornbeam")(data), want)
    if kinds is KINDS_OF:
        np.testing.assert_array_equal(hb.function(space)(data), want)


def test_a_layer_of_the_users_own_in_a_space():
    space = FS(
        {
            "a": FS.feature("float32", L.Rescaling(3.0), "float"),
            "b": FS.feature("int32", L.CategoryEncoding(4, output_mode="multi_hot"), "float"),
            "c": FS.float_discretized(None, [0.0, 1.0]),
            "d": FS.feature("float32", L.Normalization(mean=1.0, variance=4.0), "float"),
        }
    )
    found = space({"a": [1.0, 2.0], "b": [3, 0], "c": [0.5, 7.0], "d": [1.0, 5.0]})  # nothing to learn
    assert np.asarray(found).tolist() == [[3.0, 0, 0, 0, 1, 0, 1, 0, 0], [6.0, 1, 0, 0, 0, 0, 0, 1, 2]]


@pytest.mark.parametrize(
    "make,error,match",
    [
        (lambda: FS({}), ValueError, "cannot be None or empty"),
        (lambda: FS({"a": "integer"}), ValueError, "Invalid feature type"),
        (lambda: FS({"a": "float"}, output_mode="list"), ValueError, "`output_mode`"),
        (lambda: FS({"a": "float"}, crosses=[("a", "b")]), ValueError, "should be present in"),
        (lambda: FS({"a": "float"}, crosses=[FS.cross(("a", "b"), 3)]), ValueError, "should be present in"),
        (lambda: FS({"a": "float", "b": "float"}, crosses=[("a", "b")], crossing_dim=None), ValueError, "crossing_dim"),
        (lambda: FS.cross(("a", "b"), 0), ValueError, "`crossing_dim`"),
        (lambda: FS.cross(("a", "b"), 3, "float"), ValueError, "`output_mode`"),
        (lambda: FS.feature("int32", L.Identity(), "hot"), ValueError, "`output_mode`"),
        (lambda: FS({"a": "float_normalized"})({"a": [1.0]}), ValueError, "need to call `.adapt"),
        (lambda: FS({"a": "float_normalized"}).get_encoded_features(), ValueError, "need to call `.adapt"),
        (lambda: FS({"a": "float_normalized"}).adapt([1.0]), ValueError, "a data set of dicts"),
        (lambda: FS({"a": "float_normalized"}).adapt(np.ones(3)), ValueError, "a dict of arrays"),
        (lambda: FS({"a": "float_normalized"}).adapt({"b": [1.0]}), ValueError, r"Missing: \['a'\]"),
        (lambda: FS({"a": "float_normalized"}).adapt([]), ValueError, "at least one sample"),
        (lambda: FS({"a": "float"})([1.0]), ValueError, "only be called with a dict"),
        (lambda: FS({"a": "float"})({"a": [1.0], "b": [1.0]}), ValueError, "takes the columns that it is made of"),
        (lambda: FS({"a": FS.integer_hashed(3, "int")})({"a": [1]}), ValueError, "has not been encoded"),
        (lambda: FS({"a": FS.feature("int32", L.Identity(), "one_hot")})({"a": [1]}), ValueError, "not known"),
        (
            lambda: FS({"a": FS.feature("float32", L.Identity(), "one_hot")})({"a": [1.0]}),
            ValueError,
            "an integer dtype",
        ),
    ],
)
def test_spaces_refuse(make, error, match):
    with pytest.raises(error, match=match):
        make()


# ---- published scripts on a stand-in for their table, in their steps ----
@pytest.fixture
def patients(tmp_path):
    """A CSV like the scripts' 303 patients; who is ill depends on numbers and categories alike."""
    r = np.random.RandomState(8)
    rows = 240
    table = {
        "age": r.randint(29, 77, rows),
        "sex": r.randint(0, 2, rows),
        "cp": r.randint(0, 5, rows),
        "trestbps": r.randint(94, 200, rows),
        "chol": r.randint(126, 564, rows),
        "ca": r.randint(0, 4, rows),
        "oldpeak": np.round(r.uniform(0, 6, rows), 1),
        "thal": r.choice(["fixed", "normal", "reversible"], rows),
    }
    score = (table["thal"] != "normal") * 2.0 + table["ca"] - 1.5 + (table["age"] - 53) / 12 - table["sex"]
    table["target"] = (score > 0).astype("int64")
    with open(tmp_path / "heart.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*table.values()))
    return tmp_path / "heart.csv"


def read_table(path):
    """Columns of a CSV: ints, floats or strings."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = {"oldpeak": float, "thal": str}
    columns = {name: [kinds.get(name, int)(row[name]) for row in rows] for name in rows[0]}
    return {name: np.array(column, object if name == "thal" else None) for name, column in columns.items()}


def split(table):
    held = np.random.RandomState(1337).permutation(len(table["age"])) < 48
    return {k: v[~held] for k, v in table.items()}, {k: v[held] for k, v in table.items()}


def to_dataset(table):
    columns = dict(table)
    labels = columns.pop("target")
    return hb.data.Dataset.from_tensor_slices((columns, labels)).shuffle(buffer_size=len(labels), seed=1)


SAMPLE = {"age": 60, "sex": 1, "cp": 1, "trestbps": 145, "chol": 233, "ca": 0, "oldpeak": 2.3, "thal": "fixed"}


def test_structured_data_classification_with_feature_space(patients, tmp_path):
    hb.utils.set_random_seed(2)
    train, held = (to_dataset(part).batch(32) for part in split(read_table(patients)))
    space = FS(
        features={
            "sex": FS.integer_categorical(num_oov_indices=0),
            "cp": FS.integer_categorical(num_oov_indices=0),
            "ca": FS.integer_categorical(num_oov_indices=0),
            "thal": FS.string_categorical(num_oov_indices=0),
            "age": FS.float_discretized(num_bins=10),
            "trestbps": FS.float_normalized(),
            "chol": FS.float_normalized(),
            "oldpeak": FS.float_normalized(),
        },
        crosses=[FS.cross(("sex", "age"), crossing_dim=16), FS.cross(("thal", "ca"), crossing_dim=16)],
        output_mode="concat",
    )
    space.adapt(train.map(lambda x, _: x))
    (x, _) = next(iter(train.take(1)))
    width = 2 + 5 + 4 + 3 + 10 + 3 + 16 + 16
    assert space(x).shape == (32, width) and space(x).dtype == "float32"
    prepared, prepared_held = (
        ds.map(lambda x, y: (space(x), y), num_parallel_calls=hb.data.AUTOTUNE).prefetch(hb.data.AUTOTUNE)
        for ds in (train, held)
    )
    inputs, encoded = space.get_inputs(), space.get_encoded_features()
    y = L.Dense(32, activation="relu")(encoded)
    y = L.Dropout(0.1)(y)
    predictions = L.Dense(1, activation="sigmoid")(y)
    training = hb.Model(encoded, predictions)
    training.compile(hb.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    history = training.fit(prepared, epochs=12, validation_data=prepared_held, verbose=0).history
    assert history["val_accuracy"][-1] > 0.85
    whole = hb.Model(inputs, predictions)
    one = {name: hb.ops.convert_to_tensor([value]) if name != "thal" else [value] for name, value in SAMPLE.items()}
    found = whole.predict(one, verbose=0)
    encoded_one = space({name: [value] for name, value in SAMPLE.items()})
    np.testing.assert_allclose(found, training.predict(encoded_one, verbose=0), rtol=1e-5)
    whole.save(tmp_path / "whole.hornbeam")
    np.testing.assert_array_equal(hb.models.load_model(tmp_path / "whole.hornbeam").predict(one, verbose=0), found)


def test_structured_data_classification_from_scratch(patients):
    hb.utils.set_random_seed(3)
    table = read_table(patients)
    numeric = ["age", "trestbps", "oldpeak", "chol"]
    categories = {name: sorted(set(table[name].tolist())) for name in ("sex", "cp", "ca", "thal")}
    indices = {
        name: (L.StringLookup if name == "thal" else L.IntegerLookup)(
            vocabulary=words, mask_token=None, num_oov_indices=0, output_mode="binary"
        )
        for name, words in categories.items()
    }

    def encode_categorical(features, target):
        return {k: indices[k](np.asarray(v)[None]) if k in indices else v for k, v in features.items()}, target

    train, held = (to_dataset(part).map(encode_categorical).batch(32) for part in split(table))

    def encode_numerical_feature(feature, name):
        normalizer = L.Normalization()
        normalizer.adapt(train.map(lambda x, y: x[name]).map(lambda x: hb.ops.expand_dims(x, -1)))
        return normalizer(feature)

    raw = {name: L.Input((1,), name=name) for name in numeric}
    raw.update({name: L.Input((len(words),), name=name) for name, words in categories.items()})
    encoded = [encode_numerical_feature(raw[name], name) for name in numeric] + [raw[name] for name in categories]
    y = L.Dense(32, activation="relu")(L.concatenate(encoded))
    model = hb.Model(raw, L.Dense(1, activation="sigmoid")(L.Dropout(0.1)(y)))
    model.compile(hb.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(train, epochs=30, validation_data=held, verbose=0).history
    assert history["val_accuracy"][-1] > 0.85
    means = {name: float(np.mean(split(table)[0][name])) for name in numeric}
    for layer, name in zip([x for x in model.layers if isinstance(x, L.Normalization)], numeric):
        np.testing.assert_allclose(float(layer.adapt_mean.numpy()[0]), means[name], rtol=1e-5)
    sample = {name: indices[name]([value]) if name in indices else value for name, value in SAMPLE.items()}
    found = model.predict({name: hb.ops.convert_to_tensor([value]) for name, value in sample.items()}, verbose=0)
    assert found.shape == (1, 1) and 0 < found[0, 0] < 1
