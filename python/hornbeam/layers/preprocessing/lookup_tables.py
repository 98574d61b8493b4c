"""What lookup layers count and look up with: the core's tables for strings, and ops on sorted constants for ints."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from hornbeam import _core, ops
from hornbeam.core.state import state
from hornbeam.core.strings import string_list
from hornbeam.core.tensor import dims_of, to_tensor
from hornbeam.layers.preprocessing.encoding import encode
from hornbeam.layers.preprocessing.hashes import bucket, fingerprint, sip_hash

__all__ = ["RAW", "Encoding", "IntegerCounter", "IntegerTable", "encode_strings", "string_encoder", "whole"]

RAW: dict[str, Any] = {"standardize": "none", "split": "none", "ngrams": []}  # of strings that are tokens already


class Encoding(NamedTuple):
    """How tokens become numbers. Ids count the mask (with "int"), the buckets, then the terms."""

    output: str
    buckets: int
    mask: Any
    salt: Sequence[int] | None
    hashed: bool  # whether the bucket of an int is its hash's, and not its remainder's
    width: int  # of all outputs but "int", if more than there are ids
    weights: Any  # float32, of each id, with "tf_idf"

    @property
    def first(self) -> int:
        """The id of the first term."""
        return self.buckets + (self.mask is not None and self.output == "int")


# ---- strings ----
def string_encoder(
    terms: Sequence[str], encoding: Encoding, codec: str, length: int = -1, tokenization: dict[str, Any] = RAW
) -> Any:
    """The core's encoder.

    Args:
        terms: the vocabulary, without mask and out-of-vocabulary tokens.
        encoding: how tokens become numbers.
        codec: how str become bytes.
        length: with "int", of each row; negative: the longest row's.
        tokenization: how strings become tokens.
    """
    ids = encoding.first + len(terms)
    return _core.TextEncoder(
        _core.StringTable([t.encode(codec, "surrogateescape") for t in terms]),
        **tokenization,
        output=encoding.output,
        buckets=encoding.buckets,
        salt=encoding.salt,
        mask=None if encoding.mask is None else encoding.mask.encode(codec),
        length=length,
        width=encoding.width,
        weights=[] if encoding.weights is None else [float(w) for w in encoding.weights[:ids]],
    )


def encode_strings(encoder: Any, strings: Any, lead: tuple[int, ...], each: int, codec: str) -> Any:
    """The encoder's output for rows of ``each`` strings, as an array with the axes ``lead`` in place of that of rows."""
    if each == 0:  # rows without strings: as many as they are
        strings, each = np.full(math.prod(lead), "", object), 1
        return np.zeros_like(encoder.encode(string_list(strings, codec), 1)).reshape(*lead, -1)
    out = encoder.encode(string_list(strings, codec), each)
    return out.reshape(*lead, out.shape[-1])


# ---- ints ----
def whole(a: Any) -> Any:
    """An array of numbers as int64: fractions are cut off. Raises ValueError for what 64 bits do not hold, and NaN."""
    if a.dtype.kind == "f":
        a = a.astype("float64")
    if a.size and a.dtype.kind in "fu" and not (a.max() < 2**63 and (a.dtype.kind == "u" or a.min() >= -(2**63))):
        raise ValueError(f"ints must be in [-2**63, 2**63). Received: from {a.min()} to {a.max()}")
    return a.astype("int64")


class IntegerCounter:
    """Counts ints, batch by batch, as the core's ``TermCounter`` counts strings."""

    def __init__(self) -> None:
        self._counts: dict[int, list[int]] = {}  # how often, and in how many rows
        self.rows = 0

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, x: Any) -> None:
        """Counts the ints of a matrix."""
        values, counts = np.unique(x, return_counts=True)
        rows = np.repeat(np.arange(len(x)), x.shape[1])
        once = np.unique(np.stack([rows, x.ravel()]), axis=1)[1]
        for value, count, documents in zip(
            values.tolist(), counts.tolist(), np.unique(once, return_counts=True)[1].tolist()
        ):
            known = self._counts.setdefault(value, [0, 0])
            known[0] += count
            known[1] += documents
        self.rows += len(x)

    def sorted(self, most: int, without: list[Any]) -> tuple[list[int], Any]:
        """The most frequent ints, ties by falling value, and in how many rows each came."""
        found = [(c, v, d) for v, (c, d) in self._counts.items() if v not in without]
        found.sort(reverse=True)
        kept = found if most < 0 else found[:most]
        return [v for _, v, _ in kept], np.array([d for *_, d in kept], "int64")


class IntegerTable:
    """Ids of ints, found by halving in a sorted constant: ops alone, so that graphs hold it.

    Args:
        terms: the vocabulary, different ints.
        encoding: how they become numbers.
    """

    def __init__(self, terms: Sequence[int], encoding: Encoding) -> None:
        values = np.array(terms, "int64")
        order = np.argsort(values)
        self.encoding, self._keys, self._ids = encoding, values[order], order.astype("int64") + encoding.first
        self._depth = max(encoding.width, encoding.first + len(values))

    def encode(self, x: Any, dtype: str) -> Any:
        """The outputs for a tensor of ints; those that are no ids are of the dtype."""
        ids = self._lookup(to_tensor(x, "int64"))
        e = self.encoding
        if e.output == "int":
            return ids
        if ids.ndim == 0:
            ids = ops.expand_dims(ids, 0)
        if e.output == "one_hot":
            return ops.one_hot(
                ops.squeeze(ids, -1) if ids.ndim > 1 and ids.shape[-1] == 1 else ids, self._depth, dtype=dtype
            )
        *lead, length = dims_of(ids)  # no tensor of all ids by all columns: both may be many
        rows = ids if ids.ndim < 3 else ops.reshape(ids, (functools.reduce(operator.mul, lead), length))
        counts = ops.reshape(encode(rows, "count", self._depth, dtype), (*lead, self._depth))
        if e.output == "multi_hot":
            return ops.cast(counts > 0, dtype)
        return counts * ops.convert_to_tensor(e.weights, dtype) if e.output == "tf_idf" else counts

    def _lookup(self, x: Any) -> Any:
        e = self.encoding
        others = self._others(x)
        if len(self._keys):
            place = ops.minimum(ops.searchsorted(self._keys, x), len(self._keys) - 1)
            found = ops.equal(ops.take(self._keys, place), x)
            ids = ops.take(self._ids, place)
        else:
            found, ids = ops.zeros_like(x, "bool"), ops.zeros_like(x)
        if e.mask is not None:
            masked = ops.equal(x, e.mask)
            ids, found = ops.where(masked, 0 if e.output == "int" else -1, ids), ops.logical_or(found, masked)
        return self._all_known(ids, found, x) if others is None else ops.where(found, ids, others)

    def _others(self, x: Any) -> Any:
        """The ids of ints that the table lacks, None where there are none for them."""
        e = self.encoding
        start = e.first - e.buckets
        if e.buckets == 0:
            return None
        if e.buckets == 1:
            return ops.full_like(x, start)
        if not e.hashed:
            return ops.mod(x, e.buckets) + start
        return bucket(fingerprint(x) if e.salt is None else sip_hash(x, e.salt), e.buckets) + start

    def _all_known(self, ids: Any, found: Any, x: Any) -> Any:
        """The ids, where all are found; else an error, of the program's where the ints are known to it alone."""
        if state.trace is None:
            unknown = np.asarray(x)[~np.asarray(found)]
            if unknown.size:
                raise ValueError(
                    f"When `num_oov_indices=0` all inputs should be in vocabulary, found OOV values {unknown[:3].tolist()}, "
                    "consider setting `num_oov_indices=1`."
                )
            return ids
        every = np.arange(-1, self._depth, dtype="int64")  # -1 is that of masked ints
        return ops.take(every, ops.where(found, ids + 1, len(every)))
