"""Writes text.hornbeam, which test_text.cpp and tests/python/test_text.py read: a model of texts, colours and a number."""

import os

import numpy as np

import hornbeam as hb
from hornbeam import layers

TEXTS = ["The cat, the DOG!", "", "a bird"]
COLOURS = [["red", "blue"], ["green", "red"], ["mauve", "x"]]
SIZES = np.array([[1], [-2], [0.5]], "float32")
PATH = os.path.join(os.path.dirname(__file__), "text.hornbeam")


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


if __name__ == "__main__":
    model = make()
    model.save(PATH)
    print(model.predict([np.array(TEXTS), np.array(COLOURS), SIZES], verbose=0).tolist())
