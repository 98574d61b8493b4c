"""Vocabularies as they are given: arrays and files, with or without the special tokens in front, and their weights."""

from __future__ import annotations

import collections
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core.allowance import claim
from hornbeam.core.validation import integer

__all__ = ["checked_terms", "document_weights", "given_terms", "padded_weights", "read_terms", "text_of"]


def given_terms(vocabulary: Any, strings: bool, codec: str) -> list[Any]:
    """The terms of a list, tuple, array or tensor, as str or int.

    Raises:
        TypeError: for terms of another kind.
        ValueError: when there are none, or several axes.
    """
    if not isinstance(vocabulary, (list, tuple)):
        vocabulary = np.asarray(vocabulary)
        if vocabulary.ndim != 1:
            raise ValueError(f"`vocabulary` must have one axis. Received: shape={vocabulary.shape}")
        vocabulary = vocabulary.tolist()
    if not vocabulary:
        raise ValueError(f"Cannot set an empty vocabulary. Received: vocabulary={vocabulary}")
    if not strings:
        return [integer("vocabulary", t) for t in vocabulary]
    terms = [t.decode(codec, "surrogateescape") if isinstance(t, bytes) else t for t in vocabulary]
    for t in terms:
        if not isinstance(t, str):
            raise TypeError(f"`vocabulary` must hold strings. Received: {t!r} of type {type(t).__name__}")
    return terms


def read_terms(path: str, strings: bool, codec: str) -> list[Any]:
    """The terms of a text file, one a line.

    Raises:
        ValueError: when there is no such file, or a line is no int where ints are due.
    """
    if not os.path.isfile(path):
        raise ValueError(f"Vocabulary file {path} does not exist.")
    with open(path, encoding=codec, errors="surrogateescape", newline="\n") as file:
        lines = [line.rstrip("\r\n") for line in file]
    while lines and not lines[-1]:
        lines.pop()
    if strings:
        return lines
    try:
        return [integer("vocabulary", int(line)) for line in lines]
    except ValueError as e:
        raise ValueError(f"vocabulary file {path} must hold an int a line: {e}") from None


def checked_terms(vocabulary: list[Any], special: list[Any], mask: Any, oov: Any) -> tuple[list[Any], bool]:
    """The vocabulary without the special tokens, and whether it began with them.

    Args:
        vocabulary: as it was given.
        special: mask and out-of-vocabulary tokens, as they stand in front.
        mask: the mask token, which must not come again.
        oov: likewise, None where it may.

    Raises:
        ValueError: for a term that comes twice, or a special one in a wrong place.
    """
    found = vocabulary[: len(special)] == special
    terms = vocabulary[len(special) :] if found else vocabulary
    twice = [t for t, n in collections.Counter(terms).items() if n > 1]
    if twice:
        raise ValueError(
            "The passed vocabulary has at least one repeated term. Please uniquify your dataset. The repeated terms are: "
            f"{twice[:20]}"
        )
    for name, token in (("mask", mask), ("OOV", oov)):
        if token is not None and token in terms:
            raise ValueError(
                f"Found reserved {name} token at unexpected location in `vocabulary`. Note that passed `vocabulary` does not "
                "need to include the OOV and mask tokens. Either remove all mask and OOV tokens, or include them only at the "
                f"start of the vocabulary in precisely this order: {special}. Received: {name.lower()}_token={token} at "
                f"vocabulary index {len(vocabulary) - len(terms) + terms.index(token)}"
            )
    return terms, found


def padded_weights(weights: Any, length: int, front: int, width: int) -> Any:
    """Weights of ids in ``floatx``: those of special tokens in front, the mean, where ``front`` of them lack, and zeros up to
    ``width``.

    Args:
        weights: as they were given, or computed.
        length: of the vocabulary that they belong to.
        front: how many are missing.
        width: how many there shall be at least.

    Raises:
        ValueError: when they are more or fewer, or have several axes.
    """
    given = np.asarray(weights)
    if given.ndim != 1:
        raise ValueError(f"TF-IDF data must be a 1-index array. Received: shape={given.shape}")
    if len(given) != length:
        raise ValueError(
            f"`idf_weights` must be the same length as vocabulary. len(idf_weights) is {len(given)}; len(vocabulary) is {length}"
        )
    if given.dtype.kind not in "fiu":
        raise TypeError(f"`idf_weights` must be numbers. Received: dtype={given.dtype}")
    claim("idf_weights", (max(width, front + len(given)),), "float64")
    out = np.concatenate([np.full(front, np.average(given) if front else 0.0), given])
    return np.pad(out, (0, max(0, width - len(out)))).astype(config.floatx())


def document_weights(rows: Any, documents: int) -> Any:
    """How telling terms are that came in so many of the documents: log(1 + documents / (1 + rows)), in ``floatx``."""
    return np.log(1 + documents / (1 + rows)).astype(config.floatx())


def text_of(terms: Sequence[Any]) -> str:
    """The text of a file of terms, one a line. Raises ValueError for terms that would not be read again."""
    for t in terms:
        if isinstance(t, str) and ("\n" in t or t.endswith("\r")):
            raise ValueError(
                f"a text file of terms cannot hold a line break. Received: {t!r}; save() the model instead"
            )
    if len(terms) and terms[-1] == "":
        raise ValueError("a text file of terms cannot end with an empty one. Received: ''; save() the model instead")
    return "\n".join(str(t) for t in terms)
