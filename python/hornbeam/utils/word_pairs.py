"""Pairs of words that occur together, to learn embeddings of (T. Mikolov et al., 2013)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam.core.validation import integer, number, positive_int

__all__ = ["make_sampling_table", "skipgrams"]


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> Any:
    """How likely a word of each rank is to be kept, for ``skipgrams``: the more frequent, the less.

    Frequencies are taken to fall by Zipf's law: 1 / (rank (log rank + 0.577) + 1/2 - 1 / (12 rank)).

    Args:
        size: number of words.
        sampling_factor: of word2vec's formula, above 0.

    Returns:
        A float64 array (size,).
    """
    rank = np.maximum(np.arange(positive_int("size", size)), 1)
    inverse = rank * (np.log(rank) + 0.577) + 0.5 - 1 / (12 * rank)
    return np.minimum(1, np.sqrt(number("sampling_factor", sampling_factor, 0) * inverse))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs of words near each other (label 1), and of words with random ones (label 0).

    Python's generator draws, which ``set_random_seed`` seeds.

    Args:
        sequence: a text as ints; 0 is no word.
        vocabulary_size: random words are below it.
        window_size: how far two words may be apart.
        negative_samples: random pairs for each other pair.
        shuffle: whether to shuffle the pairs.
        categorical: whether labels are [0, 1] and [1, 0].
        sampling_table: how likely each word is to be kept; None to keep all.
        seed: for the shuffling alone.

    Returns:
        The pairs, and their labels.

    Example:
        >>> skipgrams([5, 0, 7], 10, negative_samples=0, shuffle=False)
        ([[5, 7], [7, 5]], [1, 1])
    """
    words = [integer("sequence", w, 0) for w in sequence]
    top, reach = integer("vocabulary_size", vocabulary_size, 2), integer("window_size", window_size, 0)
    pairs: list[list[int]] = []
    for i, word in enumerate(words):
        if word and (sampling_table is None or sampling_table[word] >= random.random()):
            near = words[max(0, i - reach) : i] + words[i + 1 : i + reach + 1]
            pairs += [[word, other] for other in near if other]
    count = int(len(pairs) * number("negative_samples", negative_samples, 0))
    yes, no = ([0, 1], [1, 0]) if categorical else (1, 0)
    labels: list[Any] = [yes] * len(pairs) + [no] * count
    if negative_samples > 0:
        firsts = [pair[0] for pair in pairs]
        random.shuffle(firsts)
        pairs += [[firsts[i % len(firsts)], random.randint(1, top - 1)] for i in range(count)]
    if shuffle:
        seed = random.randint(0, 10**7) if seed is None else integer("seed", seed)
        random.Random(seed).shuffle(pairs)
        random.Random(seed).shuffle(labels)
    return pairs, labels
