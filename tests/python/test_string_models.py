"""Models that take strings: training, files, copies, and what they refuse."""

import copy
import os

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, layers
from hornbeam.models import _edge

TEXTS = ["the cat sat", "the dog", "a bird flew far away", "cat dog bird", "", "The CAT!"] * 4
Y = np.array([0, 1, 0, 1, 1, 0] * 4, "float32")
HERE = os.path.dirname(__file__)


def vectorizer(**options):
    layer = layers.TextVectorization(**options)
    layer.adapt(TEXTS)
    return layer


def after(words, entry=None):
    """A model of a text's words, or of what stands for them."""
    head = [layers.Embedding(12, 4, mask_zero=True), layers.GlobalAveragePooling1D(), layers.Dense(1, "sigmoid")]
    model = hb.Sequential([hb.Input((1,), dtype="string") if entry is None else entry, *words, *head])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("length,most", [(None, 2**20), (3, 2**20), (7, 0)])
def test_training_on_strings_is_training_on_what_they_become(length, most, monkeypatch):
    monkeypatch.setattr(_edge, "_MOST", most)  # bytes that are encoded at once
    words = vectorizer(output_sequence_length=length)
    hb.utils.set_random_seed(1)
    strings = after([words])
    hb.utils.set_random_seed(1)
    numbers = after([], hb.Input((length,), dtype="int64"))
    numbers.set_weights(strings.get_weights())
    x = words(TEXTS).numpy()
    a = strings.fit(np.array(TEXTS), Y, epochs=3, batch_size=24, verbose=0, shuffle=False)
    b = numbers.fit(x, Y, epochs=3, batch_size=24, verbose=0, shuffle=False)
    assert a.history == b.history
    assert all(np.array_equal(v, w) for v, w in zip(strings.get_weights(), numbers.get_weights()))
    expected = numbers.predict(x, verbose=0)
    for given in (TEXTS, np.array(TEXTS), np.array(TEXTS, object)[:, None], np.array([t.encode() for t in TEXTS])):
        assert np.array_equal(strings.predict(given, batch_size=24, verbose=0), expected)
    assert strings.evaluate(TEXTS, Y, verbose=0) == pytest.approx(numbers.evaluate(x, Y, verbose=0))
    assert np.allclose(strings(np.array(TEXTS)), expected) and np.allclose(strings.predict_on_batch(TEXTS), expected)
    assert strings.predict(np.array([], object), verbose=0).shape == (0, 1)


def test_shuffled_batches_generators_and_validation():
    model = after([vectorizer()])
    seen = model.fit(TEXTS, Y, epochs=2, batch_size=5, validation_split=0.25, verbose=0).history
    assert set(seen) == {"loss", "accuracy", "val_loss", "val_accuracy"} and len(seen["loss"]) == 2

    def batches():
        for i in range(0, 24, 6):
            yield TEXTS[i : i + 6], Y[i : i + 6]

    class Batches(hb.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return np.array(TEXTS[6 * i : 6 * i + 6]), Y[6 * i : 6 * i + 6]

    model.fit(batches(), verbose=0)
    model.fit(Batches(), verbose=0, validation_data=(TEXTS, Y))
    assert model.predict(Batches(), verbose=0).shape == (24, 1)
    loss = model.train_on_batch(TEXTS[:3], Y[:3])
    assert np.isfinite(loss).all() and np.isfinite(model.test_on_batch(np.array(TEXTS[:3]), Y[:3])).all()
    model.compile("sgd", "binary_crossentropy", run_eagerly=True)
    model.fit(TEXTS[:6], Y[:6], verbose=0)


def test_data_sets_of_strings():
    data = hb.data.Dataset.from_tensor_slices((np.array(TEXTS), Y)).batch(5)
    words = layers.TextVectorization(output_sequence_length=4)
    words.adapt(data.map(lambda x, y: x))
    assert words.get_vocabulary() == vectorizer().get_vocabulary()
    before, inside = after([], hb.Input((4,), dtype="int64")), after([words])
    inside.set_weights(before.get_weights())
    a = before.fit(data.map(lambda x, y: (words(x), y)), epochs=2, verbose=0)
    b = inside.fit(data, epochs=2, verbose=0)
    assert a.history == b.history
    assert np.array_equal(
        inside.predict(data.map(lambda x, y: x), verbose=0), before.predict(words(TEXTS).numpy(), verbose=0)
    )
    profile = hb.profile(inside, TEXTS, Y, verbose=0)
    assert len(profile.rows) > 5


def test_a_model_without_an_input_begins_with_its_first_strings():
    for x in (TEXTS, np.array(TEXTS)[:, None]):
        model = hb.Sequential(
            [layers.TextVectorization(output_mode="count", vocabulary=["cat", "dog"]), layers.Dense(1)]
        )
        model.compile("sgd", "mse")
        model.fit(x, Y, verbose=0)
        assert model.input.dtype == "string" and model.weights[0].shape == (3, 1)
    assert hb.Sequential([layers.StringLookup(vocabulary=["a"])])(["a", "b"]).tolist() == [1, 0]


def mixed():
    a, b = hb.Input((2,), dtype="string", name="colours"), hb.Input((1,), name="size")
    ids = layers.StringLookup(vocabulary=["red", "blue"], output_mode="count")(a)
    codes = layers.StringLookup(vocabulary=["red"], num_oov_indices=2)(a)
    y = layers.Dense(2)(layers.Concatenate()([ids, b, layers.Flatten()(layers.Embedding(3, 2)(codes))]))
    model = hb.Model({"colours": a, "size": b}, y)
    model.compile("sgd", "mse")
    return model


COLOURS = {
    "colours": np.array([["red", "x"], ["blue", "blue"], ["", "red"]]),
    "size": np.array([[1], [2], [3]], "float32"),
}


def test_strings_beside_numbers(tmp_path):
    model = mixed()
    model.fit(COLOURS, np.ones((3, 2), "float32"), epochs=2, verbose=0)
    y = model.predict(COLOURS, verbose=0)
    assert np.allclose(y, model(COLOURS)) and not np.allclose(y[0], y[1])
    with pytest.raises(ValueError, match=r"must have shape \(None, 2\)"):
        model.predict({**COLOURS, "colours": COLOURS["colours"][:, :1]}, verbose=0)
    with pytest.raises(TypeError, match="strings are needed"):
        model.predict({**COLOURS, "colours": np.ones((3, 2))}, verbose=0)
    with pytest.raises(ValueError, match="same number of samples"):
        model.predict({**COLOURS, "size": np.ones((2, 1))}, verbose=0)
    with pytest.raises((TypeError, ValueError), match="str or bytes"):
        model.predict({**COLOURS, "colours": np.array([["a", None]] * 3, object)}, verbose=0)
    for twin in (copy.deepcopy(model), hb.models.clone_model(model)):
        twin.set_weights(model.get_weights())
        assert np.array_equal(twin.predict(COLOURS, verbose=0), y)
    model.save(tmp_path / "m.hornbeam")
    twin = hb.load_model(tmp_path / "m.hornbeam")
    assert np.array_equal(twin.predict(COLOURS, verbose=0), y)
    for m in (model, twin):
        m.fit(COLOURS, np.zeros((3, 2), "float32"), shuffle=False, verbose=0)
    assert np.array_equal(twin.predict(COLOURS, verbose=0), model.predict(COLOURS, verbose=0))


@pytest.mark.parametrize("options", [{}, {"output_mode": "tf_idf"}, {"output_mode": "multi_hot"}, {"ngrams": (1, 2)}])
@pytest.mark.parametrize("given", [False, True])
def test_files_hold_vocabularies(tmp_path, options, given):
    words = vectorizer(**options)
    if given:
        weights = {"idf_weights": np.arange(1.0, words.vocabulary_size())} if "tf_idf" in options.values() else {}
        words = layers.TextVectorization(vocabulary=words.get_vocabulary(False), **options, **weights)
    model = hb.Sequential([hb.Input((), dtype="string"), words])
    expected = words(TEXTS).numpy()
    model.save(tmp_path / "m.hornbeam")
    twin = hb.load_model(tmp_path / "m.hornbeam")
    assert np.array_equal(twin.predict(TEXTS, verbose=0, batch_size=24), expected)
    assert twin.layers[0].get_vocabulary() == words.get_vocabulary()
    assert twin.layers[0].get_config() == words.get_config()
    twin.save(tmp_path / "again.hornbeam")
    assert np.array_equal(hb.load_model(tmp_path / "again.hornbeam")(TEXTS), expected)


def test_a_file_does_not_need_the_one_that_the_vocabulary_came_from(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes("red\r\ngr\u00fcn\nblue\n\n".encode())
    layer = layers.StringLookup(vocabulary=path)
    assert layer.get_vocabulary() == ["[UNK]", "red", "gr\u00fcn", "blue"] and layer.get_config()["vocabulary"] is None
    hb.Sequential([hb.Input((1,), dtype="string"), layer]).save(tmp_path / "m.hornbeam")
    path.unlink()
    assert hb.load_model(tmp_path / "m.hornbeam").predict(["gr\u00fcn", "x"], verbose=0).tolist() == [[2], [0]]
    with pytest.raises(ValueError, match="must not name a file"):
        layers.StringLookup.from_config({**layer.get_config(), "vocabulary": "/etc/passwd"})


def test_ints_inside_a_graph(tmp_path):
    x = np.array([[5, -3, 9], [7, 5, 2**40], [0, 0, 0]])
    for options in ({}, {"output_mode": "tf_idf"}, {"num_oov_indices": 3, "oov_method": "farmhash"}, {"mask_token": 0}):
        layer = layers.IntegerLookup(**options)
        layer.adapt(np.array([5, 5, 7, -3, 5, 7]))
        entry = hb.Input((3,), dtype="int64")
        model = hb.Model(entry, layer(entry))
        expected = layer(x).numpy()
        assert np.array_equal(model.predict(x, verbose=0), expected) and np.array_equal(model(x), expected)
        model.save(tmp_path / "m.hornbeam")
        twin = hb.load_model(tmp_path / "m.hornbeam")
        assert np.array_equal(twin.predict(x, verbose=0), expected)
        assert twin.layers[-1].get_vocabulary() == layer.get_vocabulary()
        if not options:  # another vocabulary is another program
            layer.set_vocabulary([9])
            assert np.array_equal(model.predict(x, verbose=0), layer(x))
    strict = layers.IntegerLookup(vocabulary=[5, 7], num_oov_indices=0)
    model = hb.Model(entry, strict(entry))
    assert model.predict(np.array([[5, 7, 5]]), verbose=0).tolist() == [[0, 1, 0]]
    with pytest.raises(ValueError, match="out of range|must be in"):
        model.predict(x, verbose=0)
    with pytest.raises(ValueError, match=r"found OOV values \[-3, 9"):
        strict(x)


def test_models_inside_models():
    inner = after([vectorizer(output_sequence_length=4)])
    entry = hb.Input((1,), dtype="string")
    for outer in (hb.Model(entry, inner(entry)), hb.Sequential([hb.Input((1,), dtype="string"), inner])):
        outer.compile("sgd", "mse")
        outer.fit(TEXTS, Y, verbose=0)
        assert np.array_equal(outer.predict(TEXTS, verbose=0), inner.predict(TEXTS, verbose=0))
        assert len(outer.trainable_weights) == 3


def test_what_models_refuse():
    entry = hb.Input((1,), dtype="string")
    with pytest.raises(TypeError, match="takes numbers: strings go through"):
        layers.Dense(1)(entry)
    with pytest.raises(TypeError, match="Received: dtype"):
        hb.ops.convert_to_tensor(["a"])
    with pytest.raises(ValueError, match="gives strings"):
        layers.StringLookup(vocabulary=["a"], invert=True)(hb.Input((1,), dtype="int64"))
    ids = hb.Input((1,), dtype="int64")
    crossed = layers.HashedCrossing(5)((entry, ids + 1))
    with pytest.raises(ValueError, match="cannot take what other layers compute"):
        hb.Model([entry, ids], crossed)
    model = after([vectorizer()])
    with pytest.raises(TypeError, match="strings are needed"):
        model.predict(np.ones((3, 1)), verbose=0)
    with pytest.raises(ValueError, match="must have shape"):
        model.predict(np.array([["a", "b"]]), verbose=0)
    with pytest.raises(TypeError, match="must be numeric"):
        hb.Sequential([hb.Input((1,)), layers.Dense(1)]).predict(np.array(["a"]), verbose=0)


def spoiled(tmp_path, change):
    """Loads a file whose arrays of the lookup layer were changed."""
    path = tmp_path / "m.hornbeam"
    words = vectorizer(output_mode="tf_idf")
    hb.Sequential([hb.Input((1,), dtype="string"), words]).save(path)
    metadata, variables, functions = _core.read_model(os.fsencode(path))
    arrays = {n: v.numpy() for n, v in variables}
    change(arrays)
    _core.write_model(
        os.fsencode(path), metadata, [(n, _core.Variable(n, a, False)) for n, a in arrays.items()], functions
    )
    return hb.load_model(path)


def test_files_with_spoiled_vocabularies(tmp_path):
    bytes_, ends, weights = (f"assets/2/{n}" for n in ("bytes", "ends", "weights"))

    def refused(change, why):
        with pytest.raises(_core.FormatError, match=why):
            spoiled(tmp_path, change)

    spoiled(tmp_path, lambda a: None)
    refused(lambda a: a.pop(ends), "keeps other arrays")
    refused(lambda a: a.pop(weights), "keeps other arrays")
    refused(lambda a: a.update({"assets/2/more": a[ends]}), "keeps other arrays")
    refused(lambda a: a.update({"assets/99/ends": a[ends]}), "layer 99")
    refused(lambda a: a.update({"assets/1/ends": a[ends]}), "keeps no arrays")
    refused(lambda a: a.update({ends: a[ends][::-1].copy()}), "must end in")
    refused(lambda a: a.update({ends: a[ends][:-1].copy()}), "all its")
    refused(lambda a: a.update({ends: a[ends].astype("int32")}), "int64")
    refused(lambda a: a.update({weights: a[weights][:-1].copy()}), "same length")
    refused(lambda a: a.update({bytes_: np.zeros_like(a[bytes_])}), "must differ")


def test_the_file_that_native_tests_read():
    model = hb.load_model(os.path.join(HERE, "..", "cpp", "text.hornbeam"))
    x = [np.array(["The cat, the DOG!", "", "a bird"]), np.array([["red", "blue"], ["green", "red"], ["mauve", "x"]])]
    y = model.predict([*x, np.array([[1], [-2], [0.5]], "float32")], verbose=0)
    expected = [[-0.4068322, 0.0076722], [-1.6903172, 1.1146698], [-0.288369, -1.1045494]]
    np.testing.assert_allclose(y, expected, rtol=1e-5)
    words = next(layer for layer in model.layers if isinstance(layer, layers.TextVectorization))
    assert "\u00e9t\u00e9" in words.get_vocabulary()
