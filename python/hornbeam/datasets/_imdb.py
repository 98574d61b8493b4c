"""IMDB: film reviews, positive or negative (A. Maas et al., 2011)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.datasets._files import Pairs, load_npz, stored
from hornbeam.datasets._words import common, ordered, shifted, shorter, word_index

__all__ = ["get_word_index", "load_data"]

_HASH = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"


def load_data(
    path: Any = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Pairs:
    """25,000 reviews to train on and 25,000 to test with; words are ints by their rank, 1 being the most frequent.

    Args:
        path: the file's name in the cache.
        num_words: numbers from this on become ``oov_char``. None keeps all but the largest, as Keras does.
        skip_top: numbers below this become ``oov_char``.
        maxlen: longer reviews, and those of this length, are left out.
        seed: for the order of the reviews.
        start_char: begins each review; None for nothing.
        oov_char: stands for words that are left out; None drops them.
        index_from: is added to each rank; 0 is for padding.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: arrays of lists of ints; labels int64, 1 for positive.
    """
    parts = load_npz(stored(path, "imdb.npz", _HASH), "x_train", "y_train", "x_test", "y_test")
    # One generator orders both parts, so that the second goes on where the first ended.
    rng = np.random.RandomState(seed)
    train, test = ordered(rng, *parts[:2]), ordered(rng, *parts[2:])
    (x, y), (x_test, y_test) = (
        shorter(shifted(rows, start_char, index_from), labels, maxlen) for rows, labels in (train, test)
    )
    if not x or not x_test:
        raise ValueError(f"`maxlen` leaves no review. Received: maxlen={maxlen}")
    rows = common(x + x_test, num_words, skip_top, oov_char)
    return (rows[: len(x)], y), (rows[len(x) :], y_test)


def get_word_index(path: Any = "imdb_word_index.json") -> dict[str, int]:
    """The rank of each word; reviews have it plus ``index_from``.

    Args:
        path: the file's name in the cache.
    """
    return word_index(path, "imdb_word_index.json", "bfafd718b763782e994055a2d397834f")
