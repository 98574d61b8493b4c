"""Writes what test_text.cpp and tests/python/test_string_models.py read: text.hornbeam, a model of texts, colours and a number, and
crossing.hornbeam, one that crosses a word with an int."""

import os

import numpy as np

import hornbeam as hb
from hornbeam import layers

TEXTS = ["The cat, the DOG!", "", "a bird"]
COLOURS = [["red", "blue"], ["green", "red"], ["mauve", "x"]]
SIZES = np.array([[1], [-2], [0.5]], "float32")
HERE = os.path.dirname(__file__)


def make():
    """The model, trained for a step."""
    hb.utils.set_random_seed(1)
    text, colour, size = hb.Input((1,), dtype="string"), hb.Input((2,), dtype="string"), hb.Input((1,))
    words = layers.TextVectorization(ngrams=2)
    words.adapt(["the cat saw the dog", "the dog saw a bird", "\u00e9t\u00e9"])
    x = layers.Embedding(words.vocabulary_size(), 3, mask_zero=True, embeddings_initializer="he_normal")(words(text))
    found = layers.StringLookup(vocabulary=["red", "green"], num_oov_indices=3, salt=[1, 2], output_mode="count")(
        colour
    )
    y = layers.Dense(2)(layers.Concatenate()([layers.GlobalAveragePooling1D()(x), found, size]))
    model = hb.Model([text, colour, size], y)
    model.compile("sgd", "mse")
    model.fit([np.array(TEXTS), np.array(COLOURS), SIZES], np.ones((3, 2), "float32"), verbose=0)
    return model


def make_crossing():
    """A model of a word and an int: their bins, as vectors and as they are."""
    pair = [hb.Input((1,), dtype="string"), hb.Input((1,), dtype="int32")]
    bins = layers.HashedCrossing(5)(pair)
    return hb.Model(pair, layers.Concatenate()([layers.HashedCrossing(5, output_mode="one_hot")(pair), bins * 1.0]))


if __name__ == "__main__":
    make_crossing().save(os.path.join(HERE, "crossing.hornbeam"))
    model = make()
    model.save(os.path.join(HERE, "text.hornbeam"))
    print(model.predict([np.array(TEXTS), np.array(COLOURS), SIZES], verbose=0).tolist())
