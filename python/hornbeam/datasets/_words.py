"""What both sets of texts share: words as ints, by their rank."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from hornbeam.core.validation import integer
from hornbeam.datasets._files import stored

Rows = list[list[int]]


def ordered(rng: np.random.RandomState, *columns: Any) -> list[Any]:
    """Columns in Keras' random order.

    Args:
        rng: draws the order.
        columns: arrays of one length.
    """
    order = np.arange(len(columns[0]))
    rng.shuffle(order)
    return [c[order] for c in columns]


def shifted(rows: Any, start_char: int | None, index_from: int) -> Rows:
    """Rows with room for special numbers.

    Args:
        rows: lists of ints.
        start_char: what each row begins with; None for nothing, and no shift where ``index_from`` is 0.
        index_from: what is added to each word.
    """
    start = [] if start_char is None else [integer("start_char", start_char)]
    shift = integer("index_from", index_from or 0)
    return [start + [w + shift for w in row] for row in rows]


def shorter(rows: Rows, labels: Any, maxlen: int | None) -> tuple[Rows, Any]:
    """The rows with fewer than ``maxlen`` numbers, and their labels.

    Args:
        rows: lists of ints.
        labels: one a row.
        maxlen: None for all.
    """
    if not maxlen:
        return rows, labels
    keep = [i for i, row in enumerate(rows) if len(row) < integer("maxlen", maxlen, 1)]
    return [rows[i] for i in keep], labels[keep]


def common(rows: Rows, num_words: int | None, skip_top: int, oov_char: int | None) -> Any:
    """The words of a range, as an array of lists.

    Args:
        rows: lists of ints.
        num_words: words below this are kept; None or 0 for the largest one, which is the first that is not.
        skip_top: words from this on are kept.
        oov_char: what stands for the others; None to leave them out.
    """
    top = integer("num_words", num_words, 1) if num_words else max(max(row) for row in rows)
    low = integer("skip_top", skip_top, 0)
    if oov_char is None:
        kept = [[w for w in row if low <= w < top] for row in rows]
    else:
        kept = [[w if low <= w < top else oov_char for w in row] for row in rows]
    found = np.empty(len(kept), object)
    found[:] = kept
    return found


def word_index(path: Any, name: str, file_hash: str) -> dict[str, int]:
    """The rank of each word.

    Args:
        path: the file's name in the cache.
        name: its name where it comes from.
        file_hash: the file's.
    """
    with open(stored(path, name, file_hash), encoding="utf-8") as f:
        found: dict[str, int] = json.load(f)
    return found
