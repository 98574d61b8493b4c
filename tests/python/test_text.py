"""Strings: hashes, tokens, lookup layers beside Keras on TensorFlow (keras_numbers/text.json), and models that take them."""

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
    text = lambda x: (
        [text(i) for i in x] if isinstance(x, list) else x.encode("latin-1").decode() if isinstance(x, str) else x
    )  # noqa: E731
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
