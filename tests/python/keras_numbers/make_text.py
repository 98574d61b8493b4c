"""Records what Keras on TensorFlow makes of strings, for test_text.py: ``KERAS_BACKEND=tensorflow python make_text.py``.

Strings are written as their bytes in Latin-1.
"""

from __future__ import annotations

import itertools
import json
import os
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

PATH = os.path.join(os.path.dirname(__file__), "text.json")
LENGTHS = [*range(70), 95, 96, 97, 127, 128, 129, 200, 1000]
KEYS = [[0, 0], [137, 42], [0x0706050403020100, 0x0F0E0D0C0B0A0908]]
TEXTS: list[str | bytes] = [
    "Hello, World!  It's a\ttest.\n",
    "",
    "  \r\n ",
    "\u00c9T\u00c9 \u00c0B c\u00a0d\u2003e",
    "a\0b c\0",
    "\u65e5\u672c \u8a9e, \U0001f600!",
    b"\xff\xfea B",
    b"\xe2\x82 x\xf0\x9f\x98",
    b"\xed\xa0\x80\xc0\xaf\xf4\x90\x80\x80y",
    "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'x",
    "a\x0bb\x0cc\x1cd\x85e",
]
DOCUMENTS = [
    "the cat sat on the mat",
    "The dog, the Cat!",
    "a mat a dog a",
    "",
    "zebra \u00e9t\u00e9 \u00c9T\u00c9 the",
]
QUERIES = ["the cat the unknown", "", "dog\u00a0dog mat zebra", "\u00e9t\u00e9 a a a a a"]


def coded(x: Any) -> Any:
    """With strings as text of Latin-1."""
    if isinstance(x, bytes):
        return x.decode("latin-1")
    if isinstance(x, str):
        return x.encode().decode("latin-1")
    if isinstance(x, (list, tuple)):
        return [coded(i) for i in x]
    return x


def pattern(n: int) -> bytes:
    """Bytes to hash."""
    return bytes((7 * i * i + 3 * i + n) % 256 for i in range(n))


def hashes() -> dict[str, Any]:
    """Buckets of strings of many lengths."""
    texts = tf.constant([pattern(n) for n in LENGTHS])
    most = 2**63 - 1
    fast = [tf.strings.to_hash_bucket_fast(texts, n).numpy().tolist() for n in (most, 10)]
    strong = [[key, tf.strings.to_hash_bucket_strong(texts, most, key).numpy().tolist()] for key in KEYS]
    return {"lengths": LENGTHS, "fast": fast, "strong": strong}


def tokens() -> list[Any]:
    """Tokens of texts, by standardization and split."""
    ways = itertools.product(
        (None, "lower", "strip_punctuation", "lower_and_strip_punctuation"),
        ("whitespace", "character"),
        (None, 2, (2, 1)),
    )
    out = []
    for standardize, split, ngrams in ways:
        layer = keras.layers.TextVectorization(standardize=standardize, split=split, ngrams=ngrams)
        out.append([standardize, split, ngrams, coded(layer._preprocess(tf.constant(TEXTS)).to_list())])
    return out


def layers() -> list[Any]:
    """Layers, what they were adapted to, their vocabularies and outputs."""
    out: list[Any] = []

    def case(kind: str, options: dict[str, Any], adapt: Any, inputs: Any) -> None:
        layer = getattr(keras.layers, kind)(**options)
        if adapt is not None:
            layer.adapt(np.array(adapt))
        found = [np.asarray(layer(x)).tolist() for x in inputs]
        options = {k: coded(v) for k, v in options.items()}
        vocabulary = [t if t is None or isinstance(t, str) else int(t) for t in layer.get_vocabulary()]
        out.append([kind, options, coded(adapt), coded(vocabulary), coded(inputs), found])

    bags: list[dict[str, Any]] = [{"output_mode": mode} for mode in ("multi_hot", "count", "tf_idf")]
    bags += [{**o, "max_tokens": 12, "pad_to_max_tokens": True} for o in bags]
    for options in [{}, {"output_sequence_length": 3}, {"max_tokens": 6}, {"ngrams": 2}, {"split": "character"}, *bags]:
        case("TextVectorization", options, DOCUMENTS, [QUERIES, [[q] for q in QUERIES]])
    words = ["b", "a", "c", "a", "b", "", "d", "[UNK]", "\u00e9"]
    inputs: list[Any] = ["a", ["a", "x", "", "b"], [["a"], ["x"]], [["a", "y", "a"], ["b", "", "zz"]]]
    for options in (
        {},
        {"mask_token": ""},
        {"num_oov_indices": 3, "mask_token": ""},
        {"num_oov_indices": 5, "salt": [137, 42]},
        {"num_oov_indices": 2, "salt": 9, "output_mode": "one_hot"},
        {"max_tokens": 4, "oov_token": None},
        {"output_mode": "one_hot"},
        {"output_mode": "one_hot", "mask_token": ""},
        *bags,
        *({**o, "mask_token": "", "num_oov_indices": 2} for o in bags),
    ):
        case("StringLookup", options, words, inputs)
    case("StringLookup", {"vocabulary": ["x", "y"], "num_oov_indices": 0}, None, [["y", "x", "y"]])
    numbers = [5, -3, 5, 7, -3, 0, 2**40, -1, 9]
    inputs = [5, [5, 8, 0, -3], [[5], [6]], [[5, -8, 5], [-3, 0, 2**41]]]
    for options in (
        {},
        {"mask_token": 0},
        {"num_oov_indices": 3, "mask_token": 0},
        {"num_oov_indices": 4, "oov_method": "farmhash"},
        {"num_oov_indices": 4, "oov_method": "farmhash", "salt": [137, 42]},
        {"max_tokens": 4, "oov_token": None},
        {"output_mode": "one_hot"},
        {"output_mode": "one_hot", "mask_token": 0},
        *bags,
        *({**o, "mask_token": 0, "num_oov_indices": 2} for o in bags),
    ):
        case("IntegerLookup", options, numbers, inputs)
    case("IntegerLookup", {"vocabulary": [3, 1], "num_oov_indices": 0}, None, [[1, 3, 1]])
    return out


if __name__ == "__main__":
    with open(PATH, "w") as file:
        json.dump({"hashes": hashes(), "texts": coded(TEXTS), "tokens": tokens(), "layers": layers()}, file)
        file.write("\n")
