"""Strings: hashes, tokens, lookup layers beside Keras on TensorFlow (keras_numbers/text.json), and models that take them."""

import concurrent.futures
import json
import os

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, layers

with open(os.path.join(os.path.dirname(__file__), "keras_numbers", "text.json")) as file:
    KERAS = json.load(file)


def pattern(n):
    """What make_text.py hashed."""
    return bytes((7 * i * i + 3 * i + n) % 256 for i in range(n))


def decoded(x):
    """Strings of bytes in Latin-1 as bytes; lists of them too."""
    if isinstance(x, list):
        return [decoded(i) for i in x]
    return x.encode("latin-1") if isinstance(x, str) else x


# ---- beside Keras on TensorFlow ----
def test_hashes():
    texts, most = [pattern(n) for n in KERAS["hashes"]["lengths"]], 2**63 - 1
    for buckets, expected in zip((most, 10), KERAS["hashes"]["fast"]):
        assert _core.string_hash(texts, buckets).tolist() == expected
    for key, expected in KERAS["hashes"]["strong"]:
        assert _core.string_hash(texts, most, key).tolist() == expected


@pytest.mark.parametrize(("standardize", "split", "ngrams", "expected"), KERAS["tokens"])
def test_tokens(standardize, split, ngrams, expected):
    texts = decoded(KERAS["texts"])
    found = []
    for text in texts:
        counter = _core.TermCounter(standardize=standardize or "none", split=split, ngrams=_sizes(ngrams))
        counter.add([text], 1)
        found.append(sorted(counter.sorted(-1, [])[0]))
    assert found == [sorted(set(decoded(row))) for row in expected]
    terms = sorted({t for row in expected for t in decoded(row)})  # and their order, by ids
    options = {"output": "int", "buckets": 1, "salt": None, "mask": None, "length": -1, "width": 0, "weights": []}
    how = {"standardize": standardize or "none", "split": split, "ngrams": _sizes(ngrams)}
    ids = _core.TextEncoder(_core.StringTable(terms), **how, **options).encode(texts).tolist()
    longest = max(map(len, expected))
    assert ids == [[terms.index(t) + 1 for t in decoded(row)] + [0] * (longest - len(row)) for row in expected]


def _sizes(ngrams):
    return list(range(1, ngrams + 1)) if isinstance(ngrams, int) else list(ngrams or ())


@pytest.mark.parametrize(("kind", "options", "adapt", "vocabulary", "inputs", "outputs"), KERAS["layers"])
def test_layers_beside_keras(kind, options, adapt, vocabulary, inputs, outputs):
    def text(x):
        x = decoded(x)
        return [text(i) for i in x] if isinstance(x, list) else x.decode() if isinstance(x, bytes) else x

    layer = getattr(layers, kind)(**{k: text(v) for k, v in options.items()})
    if adapt is not None:
        layer.adapt(np.array(text(adapt)))
    assert layer.get_vocabulary() == text(vocabulary)
    for x, expected in zip(inputs, outputs):
        for given in (text(x), np.array(text(x)), np.array(text(x), object if kind != "IntegerLookup" else "int64")):
            y = layer(given)
            assert y.dtype == ("int64" if layer.output_mode == "int" else "float32")
            assert y.shape == np.shape(expected)
            known = layer.compute_output_shape(np.shape(x)) if np.ndim(x) else y.shape
            assert len(known) == y.ndim and all(k in (None, n) for k, n in zip(known, y.shape))
            np.testing.assert_allclose(y, expected, rtol=1e-6)


# ---- what strings may be ----
def test_kinds_of_strings():
    layer = layers.StringLookup(vocabulary=["a", "b\0c", "\u00e9\U0001f600"])
    items = ["b\0c", "\u00e9\U0001f600", "x", "a"]
    encoded = [s.encode() for s in items]
    for given in (
        items,
        tuple(items),
        encoded,
        np.array(items),
        np.array(items, object),
        np.array(encoded, object),
        iter_array(items),
    ):
        assert layer(given).tolist() == [2, 3, 0, 1]
    assert layer("a").shape == () and int(layer(b"a")) == 1 and int(layer(np.str_("b\0c"))) == 2
    assert layer([["a"], ["x"]]).tolist() == [[1], [0]] and layer(np.zeros((0, 2), object)).shape == (0, 2)
    if hasattr(np.dtypes, "StringDType"):
        assert layer(np.array(items, np.dtypes.StringDType())).tolist() == [2, 3, 0, 1]


def iter_array(items):
    """What has ``__array__`` alone."""

    class Column:
        def __array__(self, dtype=None, copy=None):
            return np.array(items, object)

    return Column()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["a", None], "str or bytes"),
        (np.array(["a", np.nan], object), "index 1"),
        (np.array([1, 2]), "strings"),
        ([["a"], ["b", "c"]], "lists of different lengths"),
        (["\ud800"], "surrogates"),
        (hb.ops.ones((2,)), "strings"),
    ],
)
def test_what_is_no_string(given, why):
    for layer in (layers.StringLookup(vocabulary=["a"]), layers.TextVectorization(vocabulary=["a"])):
        with pytest.raises((TypeError, ValueError), match=why):
            layer(given)


def test_bytes_that_are_no_text():
    layer = layers.StringLookup()
    layer.adapt(np.array([b"\xff\xfe", b"a", b"\xff\xfe"], object))
    assert layer([b"\xff\xfe", b"a", b"\xff"]).tolist() == [1, 2, 0]
    assert [t.encode("utf-8", "surrogateescape") for t in layer.get_vocabulary(False)] == [b"\xff\xfe", b"a"]
    old = layers.StringLookup(vocabulary=["\u00e9"], encoding="latin-1")
    assert old([b"\xe9", "\u00e9", "\u00e9".encode()]).tolist() == [1, 1, 0]
    with pytest.raises(ValueError, match="name of a codec"):
        layers.StringLookup(encoding="no such")


# ---- vocabularies ----
def test_learned_vocabularies_and_batches():
    data = [["b", "a"], ["a", "c"], ["c", "c"], ["d", ""]]

    class Batches(hb.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return data[2 * i : 2 * i + 2]

    found = []
    for source in (data, np.array(data), iter([data[:1], data[1:]]), Batches()):
        layer = layers.StringLookup(output_mode="tf_idf", mask_token="", max_tokens=4)
        layer.adapt(source)
        found.append((layer.get_vocabulary(), layer.idf_weights.tolist()))
    assert found[0][0] == ["[UNK]", "c", "a", "d"]  # ties by falling order
    assert all(f == found[0] for f in found)
    np.testing.assert_allclose(found[0][1][1:], np.log(1 + 4 / (1 + np.array([2, 2, 1]))), rtol=1e-6)
    np.testing.assert_allclose(found[0][1][0], np.mean(found[0][1][1:]), rtol=1e-6)

    def endless():
        while True:
            yield ["x", "y"]

    layer = layers.StringLookup()
    layer.adapt(endless(), steps=3)
    assert layer.get_vocabulary() == ["[UNK]", "y", "x"]
    layer.adapt([])
    assert layer.get_vocabulary() == ["[UNK]", "y", "x"]  # nothing was learned
    layer.adapt(["new"])
    assert layer.get_vocabulary() == ["[UNK]", "new"]
    with pytest.raises(ValueError, match="`steps` needs batches"):
        layer.adapt(["a"], steps=1)
    with pytest.raises(TypeError, match="int"):
        layer.adapt(3)
    with pytest.raises(ValueError, match="after setting a static vocabulary"):
        layers.StringLookup(vocabulary=["a"]).adapt(["b"])
    with pytest.raises(ValueError, match="static vocabulary"):
        layers.TextVectorization(vocabulary=["a"]).adapt(["b"])


def test_texts_are_counted_alike_in_batches_of_any_size():
    texts = [f"w{i % 7} w{i % 5} w{i % 3}!" for i in range(100)]
    whole, parts = layers.TextVectorization(), layers.TextVectorization()
    whole.adapt(texts)
    for size in (1, 3, 1000):
        parts.adapt(np.array(texts), batch_size=size)
        assert parts.get_vocabulary() == whole.get_vocabulary()
    assert whole.vocabulary_size() == 9
    with pytest.raises(ValueError, match="batch_size"):
        parts.adapt(texts, batch_size=0)


@pytest.mark.parametrize(
    ("options", "vocabulary", "why"),
    [
        ({}, [], "empty vocabulary"),
        ({}, ["a", "a"], "repeated term"),
        ({"mask_token": "m"}, ["a", "m"], "reserved mask token"),
        ({"invert": True}, ["a", "[UNK]"], "reserved OOV token"),
        ({"max_tokens": 2}, ["a", "b"], "larger than the maximum"),
        ({}, "/no/such/file", "does not exist"),
        ({}, np.array([["a"]]), "one axis"),
        ({"output_mode": "tf_idf", "idf_weights": [1.0, 2.0]}, ["a"], "same length"),
        ({"output_mode": "tf_idf", "idf_weights": [[1.0]]}, ["a"], "1-index"),
        ({"output_mode": "tf_idf"}, ["a"], "idf_weights"),
        ({"idf_weights": [1.0]}, ["a"], "idf_weights"),
    ],
)
def test_vocabularies_that_are_refused(options, vocabulary, why):
    with pytest.raises(ValueError, match=why):
        layers.StringLookup(vocabulary=vocabulary, **options)


def test_kinds_of_vocabularies():
    for given in (["a", "b"], ("a", "b"), np.array(["a", "b"]), np.array([b"a", b"b"]), ["[UNK]", "a", "b"]):
        layer = layers.StringLookup(vocabulary=given)
        assert layer.get_vocabulary() == ["[UNK]", "a", "b"] and layer.vocabulary_size() == 3
        again = layers.StringLookup.from_config(layer.get_config())
        assert again.get_config() == layer.get_config() and again(["b"]).tolist() == [2]
    for given in ([3, 1], np.array([3, 1]), hb.ops.convert_to_tensor([3, 1])):
        assert layers.IntegerLookup(vocabulary=given).get_vocabulary() == [-1, 3, 1]
    with pytest.raises(TypeError, match="must hold strings"):
        layers.StringLookup(vocabulary=["a", 1])
    with pytest.raises(TypeError, match="int"):
        layers.IntegerLookup(vocabulary=[1.5])


def test_outputs_keep_their_size():
    layer = layers.StringLookup(output_mode="multi_hot")
    with pytest.raises(RuntimeError, match="must set the layer's vocabulary"):
        layer(["a"])
    layer.set_vocabulary(["a", "b"])
    layer.set_vocabulary(["c", "d"])
    with pytest.raises(RuntimeError, match="Old vocab size is 3, new vocab size is 4"):
        layer.set_vocabulary(["a", "b", "c"])
    wide = layers.StringLookup(output_mode="count", max_tokens=5, pad_to_max_tokens=True)
    assert wide(["a", "b"]).tolist() == [2, 0, 0, 0, 0]
    wide.set_vocabulary(["a", "b", "c"])
    assert wide(["a", "b"]).tolist() == [0, 1, 1, 0, 0]


def test_strings_back_from_ids():
    for options, expected in (({}, ["[UNK]", "a", "b", "[UNK]"]), ({"mask_token": ""}, ["", "[UNK]", "a", "b"])):
        layer = layers.StringLookup(vocabulary=["a", "b"], invert=True, **options)
        for given in ([[0, 1], [2, 3]], np.array([[0, 1], [2, 3]]), hb.ops.convert_to_tensor([[0, 1], [2, 3]])):
            out = layer(given)
            assert out.dtype == object and out.ravel().tolist() == expected
    assert layer([-5, 100]).tolist() == ["[UNK]", "[UNK]"]
    ints = layers.IntegerLookup(vocabulary=[70, 50], invert=True, mask_token=0)
    assert ints(np.array([[0, 1], [2, 3]])).tolist() == [[0, -1], [70, 50]]
    with pytest.raises(ValueError, match="oov_token"):
        layers.StringLookup(invert=True, oov_token=None)


def test_text_files_of_vocabularies(tmp_path):
    layer = layers.StringLookup(mask_token="[M]")
    layer.adapt(["b", "a", "b", "\u00e9"])
    layer.save_assets(tmp_path)
    again = layers.StringLookup(mask_token="[M]")
    again.load_assets(tmp_path)
    assert again.get_vocabulary() == layer.get_vocabulary() == ["[M]", "[UNK]", "b", "\u00e9", "a"]
    layer.adapt(["a\nb"])
    with pytest.raises(ValueError, match="line break"):
        layer.save_assets(tmp_path)
    (tmp_path / "ints.txt").write_text("7\n-2\n")
    assert layers.IntegerLookup(vocabulary=str(tmp_path / "ints.txt"))(np.array([-2, 7, 5])).tolist() == [2, 1, 0]
    (tmp_path / "ints.txt").write_text("7\nx\n")
    with pytest.raises(ValueError, match="an int a line"):
        layers.IntegerLookup(vocabulary=str(tmp_path / "ints.txt"))


# ---- functions of the user's ----
def test_functions_standardize_and_split():
    texts = np.array(["a-B c", "", "B-b-b"])

    def lower(x):
        assert x.dtype.kind == "U" and x.shape[0] == 3
        return np.char.lower(x)

    layer = layers.TextVectorization(standardize=lower, split=lambda x: [t.split("-") for t in x.tolist()], ngrams=2)
    layer.adapt(texts)
    assert layer.get_vocabulary()[2:] == ["b", "b b", "b c", "a b c", "a"]
    for given in (texts, texts[:, None], texts.astype(object), np.char.encode(texts)):
        assert layer(given).tolist() == [[6, 4, 5, 0, 0], [0, 0, 0, 0, 0], [2, 2, 2, 3, 3]]
    own = layers.TextVectorization(
        standardize="lower", split=lambda x: np.char.split(x, " "), ngrams=(1, 2), vocabulary=["x y", "y"]
    )
    core = layers.TextVectorization(standardize="lower", split="whitespace", ngrams=(1, 2), vocabulary=["x y", "y"])
    assert own(["X y z", "y"]).tolist() == core(["X y z", "y"]).tolist() == [[1, 3, 1, 2, 1], [3, 0, 0, 0, 0]]
    with pytest.raises(ValueError, match="must give an array of shape"):
        layers.TextVectorization(standardize=lambda x: x[:1])(texts)
    with pytest.raises(ValueError, match="must give tokens for each of 3"):
        layers.TextVectorization(split=lambda x: [["a"]])(texts)


def test_shapes_of_texts():
    layer = layers.TextVectorization(vocabulary=["a", "b"])
    assert layer("a b").tolist() == [2, 3]
    assert layer([["a b"], ["b"]]).tolist() == [[2, 3], [3, 0]] == layer(["a b", "b"]).tolist()
    assert layer(np.array([[["a b"], ["b"]]])).shape == (1, 2, 2)
    assert layer(np.array([], object)).shape == (0, 0)
    assert layer(["", "  "]).shape == (2, 0)
    assert layers.TextVectorization(output_sequence_length=0, vocabulary=["a"])(["a"]).shape == (1, 0)
    with pytest.raises(ValueError, match="last shape dimension must be 1"):
        layer([["a", "b"]])
    whole = layers.TextVectorization(split=None, standardize=None, vocabulary=["a b", "b"], output_sequence_length=3)
    assert whole([["a b", "x"], ["b", ""]]).tolist() == [[2, 1, 0], [3, 0, 0]]
    bags = layers.TextVectorization(split=None, standardize=None, vocabulary=["a b", "b"], output_mode="count")
    assert bags([["b", "b"], ["", "q"]]).tolist() == [[0, 0, 2], [1, 0, 0]]
    assert bags(np.zeros((2, 0), object)).tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"standardize": "upper"}, "standardize"),
        ({"split": "words"}, "split"),
        ({"ngrams": "2"}, "ngrams"),
        ({"ngrams": 0}, "ngrams"),
        ({"ngrams": (1, -1)}, "ngrams"),
        ({"output_mode": "floats"}, "output_mode"),
        ({"output_mode": "one_hot"}, "one_hot"),
        ({"output_mode": "count", "output_sequence_length": 3}, "output_sequence_length"),
        ({"output_sequence_length": 2.5}, "output_sequence_length"),
        ({"output_sequence_length": -1}, "output_sequence_length"),
        ({"ragged": True}, "ragged"),
        ({"output_mode": "count", "sparse": True}, "sparse"),
        ({"mask_token": "x"}, "mask_token"),
        ({"max_tokens": 1}, "greater than 1"),
        ({"pad_to_max_tokens": True}, "must set `max_tokens`"),
    ],
)
def test_options_that_are_refused(options, why):
    with pytest.raises((TypeError, ValueError), match=why):
        layers.TextVectorization(**options)


def test_tokens_that_nothing_is_for():
    for layer, given in (
        (layers.StringLookup(vocabulary=["a"], num_oov_indices=0), ["a", "zebra"]),
        (layers.IntegerLookup(vocabulary=[1], num_oov_indices=0), np.array([1, 99])),
    ):
        with pytest.raises(ValueError, match=r"found OOV values \[(zebra|99)\], consider setting `num_oov_indices=1`"):
            layer(given)


def test_texts_without_tokens_are_documents():
    own = layers.TextVectorization(output_mode="tf_idf", split=lambda x: [t.split() for t in x.tolist()])
    core = layers.TextVectorization(output_mode="tf_idf")
    for layer in (own, core):
        layer.adapt(["a b", "", " ", ""])
    assert own.idf_weights.tolist() == core.idf_weights.tolist()
    own.adapt(iter([["a b"], ["", ""], [" "]]))
    assert own.idf_weights.tolist() == core.idf_weights.tolist()


# ---- sizes, damaged text, and threads ----
def test_many_buckets_take_no_memory():
    strings = layers.StringLookup(vocabulary=["a"], num_oov_indices=2**61, mask_token="m")
    assert strings.vocabulary_size() == 2**61 + 2
    assert strings(["m", "a"]).tolist() == [0, 2**61 + 1]
    ints = layers.IntegerLookup(vocabulary=[7], num_oov_indices=2**61)
    assert ints(np.array([7, 5])).tolist() == [2**61, 5]
    inverse = layers.StringLookup(vocabulary=["a"], num_oov_indices=2**61, invert=True)
    assert inverse([2**61, 3]).tolist() == ["a", "[UNK]"]


def test_special_tokens_in_front_are_known_whatever_their_number():
    assert layers.StringLookup(vocabulary=["[UNK]", "[UNK]", "a"], num_oov_indices=2).get_vocabulary(False) == ["a"]
    assert layers.StringLookup(vocabulary=["m", "[UNK]", "a"], mask_token="m").get_vocabulary(False) == ["a"]
    for buckets in (2, 3, 2**40):
        with pytest.raises(ValueError, match="repeated"):
            layers.StringLookup(vocabulary=["[UNK]", "[UNK]", "a"], num_oov_indices=buckets + 1)


@pytest.mark.parametrize(
    "options",
    [
        {"class_name": "StringLookup", "num_oov_indices": 2**40, "idf_weights": [1.0], "output_mode": "tf_idf"},
        {
            "class_name": "StringLookup",
            "max_tokens": 2**40,
            "pad_to_max_tokens": True,
            "idf_weights": [1.0],
            "output_mode": "tf_idf",
        },
        {"class_name": "TextVectorization", "ngrams": 2**40},
    ],
)
def test_files_do_not_ask_for_more_than_they_hold(tmp_path, options):
    options = dict(options)
    kind = getattr(layers, options.pop("class_name"))
    tf_idf = {"idf_weights": [1.0], "output_mode": "tf_idf"} if "idf_weights" in options else {}
    model = hb.Sequential([hb.Input((1,), dtype="string"), kind(vocabulary=["a"], **tf_idf)])
    config = json.loads(json.dumps(model.get_config()))
    next(layer for layer in config["layers"] if layer["class_name"] == kind.__name__)["config"].update(options)
    from hornbeam.core.allowance import allowance

    with allowance([]), pytest.raises(ValueError, match="allows for"):
        hb.Sequential.from_config(config)


def test_ints_to_learn_that_64_bits_do_not_hold():
    for wrong in (np.array([2**63], "uint64"), np.array([1.0, np.nan]), np.array([2.0**63]), np.array([-np.inf, 1])):
        with pytest.raises(ValueError, match="ints must be in"):
            layers.IntegerLookup().adapt(wrong)
    layer = layers.IntegerLookup()
    layer.adapt(np.array([2**63 - 1], "uint64"))
    assert layer.get_vocabulary(False) == [2**63 - 1]
    layer.adapt(np.array([-(2.0**63), 3.5]))
    assert layer.get_vocabulary(False) == [3, -(2**63)]


def test_files_of_ints_that_64_bits_do_not_hold(tmp_path):
    (tmp_path / "v.txt").write_text("1\n9223372036854775808\n")
    with pytest.raises(ValueError, match="must fit 64 bits"):
        layers.IntegerLookup(vocabulary=str(tmp_path / "v.txt"))


def test_assets_hold_what_was_learned_or_are_refused(tmp_path):
    for options in ({"oov_token": None}, {"mask_token": "m"}, {"num_oov_indices": 0}, {"num_oov_indices": 3}):
        layer, again = layers.StringLookup(**options), layers.StringLookup(**options)
        layer.adapt(np.array([b"\xff", "", "", "b", "b", "\u2028"], object))
        layer.save_assets(tmp_path)
        again.load_assets(tmp_path)
        assert again.get_vocabulary() == layer.get_vocabulary()
        assert again([b"\xff", "b", ""]).tolist() == layer([b"\xff", "b", ""]).tolist()
    layer = layers.StringLookup()
    layer.adapt(np.array(["a", "a", ""], object))
    with pytest.raises(ValueError, match="cannot end with an empty one"):
        layer.save_assets(tmp_path)


def test_vocabularies_of_bytes_that_are_no_text(tmp_path):
    (tmp_path / "v.txt").write_bytes(b"a\n\xff\xc3\n")
    for vocabulary in ([b"a", b"\xff\xc3"], str(tmp_path / "v.txt")):
        assert layers.StringLookup(vocabulary=vocabulary)([b"\xff\xc3", b"a", b"\xff"]).tolist() == [2, 1, 0]


@pytest.mark.parametrize("encoding", ["hex", "rot13", "base64", "undefined", "idna", "nope", "", None, 3])
def test_encodings_that_are_none_of_text(encoding):
    for kind in (layers.StringLookup, layers.TextVectorization):
        with pytest.raises(ValueError, match="`encoding` must be the name of a codec"):
            kind(encoding=encoding)


def test_bags_of_ints_are_made_without_a_tensor_of_all_by_all():
    terms = np.arange(10, 200010)
    for mode, twice in (("multi_hot", 1), ("count", 2)):
        layer = layers.IntegerLookup(vocabulary=terms, output_mode=mode, mask_token=3)
        x = np.full((2, 3, 5000), 11)
        x[0, 0, :4998] = 3
        y = np.asarray(layer(x))
        assert y.shape == (2, 3, 200001) and y[0, 0, 2] == twice and y[0, 0].sum() == twice
        assert y[1, 2, 2] == (1 if mode == "multi_hot" else 5000)
        assert np.asarray(layer(np.full(3, 11)))[2] == (1 if mode == "multi_hot" else 3)
        assert layer(np.empty((2, 0), "int64")).shape == (2, 200001)


def test_a_vocabulary_learned_while_others_look_up():
    """Whatever was looked up meanwhile, the layer uses the newest vocabulary afterwards."""
    layer = layers.StringLookup(output_mode="count", vocabulary=["a"])
    made, old = [], layer._engine_of

    def engine_of(make):
        def learn_between(terms):
            made.append(make(terms))
            if len(made) == 1:
                layer.set_vocabulary(["b"])
            return made[-1]

        return old(learn_between)

    layer._engine_of = engine_of
    assert layer([["a", "b"]]).tolist() == [[1, 1]]
    assert layer([["b", "b"]]).tolist() == [[0, 2]]


def test_counters_and_layers_shared_by_threads():
    words = [f"w{i}" for i in range(3000)]
    layer = layers.TextVectorization(output_mode="count")
    layer.update_state(words)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: layer.update_state(words), range(8)))
    assert layer._counter.rows == 27000 and len(layer._counter) == 3000
    layer.finalize_state()
    assert layer.vocabulary_size() == 3001
