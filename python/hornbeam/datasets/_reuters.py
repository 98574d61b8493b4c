"""Reuters-21578: news in 46 topics (D. Lewis, 1997)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core.validation import fraction
from hornbeam.datasets._files import Pairs, load_npz, stored
from hornbeam.datasets._words import common, ordered, shifted, shorter, word_index

__all__ = ["get_label_names", "get_word_index", "load_data"]

_HASH = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship "
    "cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin "
    "strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr "
    "gas silver wpi hog lead"
)


def load_data(
    path: Any = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Pairs:
    """11,228 news; words are ints by their rank, 1 being the most frequent.

    Args:
        path: the file's name in the cache.
        num_words, skip_top, maxlen, seed, start_char, oov_char, index_from: as for ``imdb.load_data``.
        test_split: the share for tests.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: arrays of lists of ints; topics int64, see ``get_label_names``.
    """
    x, y = ordered(np.random.RandomState(seed), *load_npz(stored(path, "reuters.npz", _HASH), "x", "y"))
    x, y = shorter(shifted(x, start_char, index_from), y, maxlen)
    if not x:
        raise ValueError(f"`maxlen` leaves no news. Received: maxlen={maxlen}")
    rows, n = common(x, num_words, skip_top, oov_char), int(len(x) * (1 - fraction("test_split", test_split)))
    return (rows[:n], y[:n]), (rows[n:], y[n:])


def get_word_index(path: Any = "reuters_word_index.json") -> dict[str, int]:
    """The rank of each word; news have it plus ``index_from``.

    Args:
        path: the file's name in the cache.
    """
    return word_index(path, "reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921")


def get_label_names() -> tuple[str, ...]:
    """The names of the topics, in their order."""
    return tuple(_TOPICS.split())
