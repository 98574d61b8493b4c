"""A layer's vocabulary: given, learned batch by batch, and kept in files."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam.core.strings import STRING, as_strings, string_list
from hornbeam.core.tensor import is_tensor
from hornbeam.core.validation import positive_int
from hornbeam.layers.preprocessing.edge import EdgeLayer
from hornbeam.layers.preprocessing.lookup_tables import RAW, IntegerCounter, whole
from hornbeam.layers.preprocessing.vocabulary import (
    checked_terms,
    document_weights,
    given_terms,
    padded_weights,
    read_terms,
    text_of,
)

__all__ = ["VocabularyOwner"]

_FILE = "vocabulary.txt"


class VocabularyOwner(EdgeLayer):
    """The part of the lookup layers that has a vocabulary, given or learned."""

    max_tokens: int | None
    num_oov_indices: int
    mask_token: Any
    oov_token: Any
    vocabulary_dtype: str
    output_mode: str
    invert: bool
    pad_to_max_tokens: bool
    input_vocabulary: Any
    input_idf_weights: Any

    _untracked = EdgeLayer._untracked | {
        "_terms",
        "_weights",
        "_counter",
        "_engine",
        "input_vocabulary",
        "input_idf_weights",
    }
    _codec = "utf-8"  # what strings become bytes in
    _terms: list[Any]
    _counter: Any
    _engine: tuple[list[Any], Any] | None  # terms, and what looks them up
    _weights: Any
    _frozen_vocab_size: int | None
    _has_input_vocabulary: bool

    @property
    def _of_strings(self) -> bool:
        return self.vocabulary_dtype == STRING

    @property
    def idf_weights(self) -> Any:
        """The weight of each id, special ones in front, with "tf_idf"; None before there is a vocabulary."""
        return self._weights

    # ---- vocabulary ----
    @property
    def _front(self) -> int:
        """How many tokens there are in front of the terms."""
        return (self.mask_token is not None and self.output_mode == "int") + self.num_oov_indices

    def _special(self, most: int | None = None) -> list[Any]:
        """The tokens in front of the terms, at most so many."""
        masks = self._front - self.num_oov_indices
        oov = self.num_oov_indices if most is None else min(self.num_oov_indices, most - masks)
        return [self.mask_token] * masks + [self.oov_token] * oov

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The vocabulary.

        Args:
            include_special_tokens: whether the mask and out-of-vocabulary tokens stand in front, so that a term's place is
                its id.
        """
        return [*self._special(), *self._terms] if include_special_tokens else list(self._terms)

    def vocabulary_size(self) -> int:
        """How many ids there are, those of special tokens among them."""
        return self._front + len(self._terms)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Sets the vocabulary, in place of any there was.

        Args:
            vocabulary: terms in an array, special tokens in front or not, or a path to a text file of terms.
            idf_weights: with "tf_idf", one for each.

        Raises:
            ValueError: when terms come twice, a special token stands elsewhere, or there are more than ``max_tokens``.
            RuntimeError: when the layer was called, and its output would get another size.
        """
        tf_idf = self.output_mode == "tf_idf"
        if tf_idf and idf_weights is None:
            raise ValueError("`idf_weights` must be set if output_mode is 'tf_idf'.")
        if not tf_idf and idf_weights is not None:
            raise ValueError(
                f"`idf_weights` should only be set if output_mode is `'tf_idf'`. Received: output_mode={self.output_mode} and "
                f"idf_weights={idf_weights}"
            )
        from_file = isinstance(vocabulary, (str, os.PathLike))
        if from_file and tf_idf:
            raise ValueError("output_mode `'tf_idf'` does not support loading a vocabulary from file.")
        read = read_terms if from_file else given_terms
        given = read(vocabulary, self._of_strings, self._codec)
        oov = self.oov_token if self.invert else None
        special = [] if from_file else self._special(len(given) + 1)  # there may be many: more than are given differ
        terms, found = checked_terms(given, special, None if from_file else self.mask_token, oov)
        size = self._front + len(terms)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                "Attempted to set a vocabulary larger than the maximum vocab size. Received vocabulary size is "
                f"{size}; `max_tokens` is {self.max_tokens}."
            )
        front = 0 if found else self._front
        weights = padded_weights(idf_weights, len(given), front, self._width) if tf_idf else None
        self._use(terms, weights)

    @property
    def _width(self) -> int:
        """Columns that outputs other than ids have at least."""
        return self.max_tokens or 0 if self.pad_to_max_tokens else 0

    def _use(self, terms: list[Any], weights: Any) -> None:
        """Makes these the vocabulary."""
        size = self._front + len(terms)
        fixed = self.output_mode != "int" and not self.pad_to_max_tokens
        if fixed and self._frozen_vocab_size not in (None, size):
            raise RuntimeError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens=False`, the vocabulary size cannot be "
                f"changed after the layer is called. Old vocab size is {self._frozen_vocab_size}, new vocab size is {size}"
            )
        self._weights, self._frozen_vocab_size = weights, size
        self._terms = list(terms)  # last, for threads that look up meanwhile: see _engine_of
        self._forget_engine()

    # ---- learning it ----
    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learns the vocabulary: the tokens by falling count, ties by falling order, at most ``max_tokens`` ids.

        Args:
            data: an array or list of tokens, or of samples of several; or batches of them: a generator, a ``PyDataset``,
                anything that can be iterated over.
            steps: how many batches to take, None for all.

        Raises:
            ValueError: when the vocabulary was given to the constructor.
        """
        self.reset_state()
        for batch in _batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Counts the tokens of a batch ``(samples, tokens)``; what has one axis is one sample."""
        self._refuse_fixed()
        if self._of_strings:
            a = as_strings(data)
            tokens = math.prod(a.shape[1:]) if a.ndim > 1 else a.size
            if a.size:
                self._strings_counter().add(string_list(a, self._codec), tokens)
        else:
            a = np.asarray(data)
            if a.dtype.kind not in "fiub":
                raise TypeError(f"ints are needed. Received: an array of dtype {a.dtype}")
            if a.size:
                self._counter = self._counter or IntegerCounter()
                self._counter.add(whole(a).reshape(len(a) if a.ndim > 1 else 1, -1))

    def _refuse_fixed(self) -> None:
        if self._has_input_vocabulary:
            raise ValueError(
                f"Cannot adapt layer '{self.name}' after setting a static vocabulary via `vocabulary` argument or "
                "`set_vocabulary()` method."
            )

    def _strings_counter(self, tokenization: dict[str, Any] = RAW) -> Any:
        if self._counter is None:
            self._counter = _core.TermCounter(**tokenization)
        return self._counter

    def finalize_state(self) -> None:
        """Makes the vocabulary of what was counted; nothing where that is nothing."""
        counter = self._counter
        self.reset_state()
        if not counter:
            return
        without = [t for t in (self.mask_token, self.oov_token) if t is not None]
        most = -1 if self.max_tokens is None else max(0, self.max_tokens - self._front)
        terms: list[Any]
        if self._of_strings:
            found, rows = counter.sorted(most, string_list(np.array(without, object), self._codec))
            terms = [t.decode(self._codec, "surrogateescape") for t in found]
        else:
            terms, rows = counter.sorted(most, without)
        weights = None
        if self.output_mode == "tf_idf":
            known = document_weights(rows, counter.rows)
            weights = padded_weights(known, len(terms), self._front, self._width)
        self._use(terms, weights)

    def reset_state(self) -> None:
        """Forgets what was counted."""
        self._counter = None

    def _engine_of(self, make: Callable[[list[Any]], Any]) -> Any:
        """What looks up, which ``make`` makes of terms: once for each vocabulary, though another thread may learn one now."""
        terms, known = self._terms, self._engine
        if known is None or known[0] is not terms:
            self._engine = known = terms, make(terms)
        return known[1]

    def _forget_engine(self) -> None:
        """Has what looks up made anew, and programs traced again."""
        self._engine = None
        self._revision += 1

    # ---- files ----
    def _assets(self) -> dict[str, Any]:
        """What a model's file keeps of it beside its config and weights: arrays by name."""
        if not self._terms:
            return {}
        kept: dict[str, Any] = {"terms": np.array(self._terms, "int64")} if not self._of_strings else {}
        if self._of_strings:
            table = _core.StringTable([t.encode(self._codec, "surrogateescape") for t in self._terms])
            kept["bytes"], kept["ends"] = table.arrays()
        return kept if self._weights is None else {**kept, "weights": self._weights}

    def _restore_assets(self, arrays: dict[str, Any]) -> None:
        """Takes in what ``_assets`` gave."""
        wanted = {"bytes", "ends"} if self._of_strings else {"terms"}
        if arrays.keys() != wanted | ({"weights"} if self.output_mode == "tf_idf" else set()):
            raise ValueError(f"layer {self.name!r} keeps other arrays. Received: {sorted(arrays)}")
        if self._of_strings:
            found = _core.StringTable(arrays["bytes"], arrays["ends"]).terms()
            terms: list[Any] = [t.decode(self._codec, "surrogateescape") for t in found]
        else:
            terms = given_terms(arrays["terms"], False, "")
        weights = arrays.get("weights")
        if weights is not None:
            size = self._front + len(terms)
            weights = padded_weights(weights, max(size, self._width), 0, 0)
        checked_terms(terms, [], self.mask_token, None)
        self._use(terms, weights)

    def save_assets(self, dir_path: Any) -> None:
        """Writes the vocabulary to a text file in a folder, unless the config holds it."""
        if self.input_vocabulary is None:
            text = text_of(self.get_vocabulary(self.oov_token is not None))
            path = os.path.join(dir_path, _FILE)
            with open(path, "w", encoding=self._codec, errors="surrogateescape", newline="\n") as file:
                file.write(text)

    def load_assets(self, dir_path: Any) -> None:
        """Reads what ``save_assets`` wrote."""
        if self.input_vocabulary is None:
            terms = read_terms(os.path.join(dir_path, _FILE), self._of_strings, self._codec)
            self.set_vocabulary(terms, self._weights)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_engine": None, "_counter": None}


def _batches(data: Any, steps: int | None) -> Iterator[Any]:
    """What ``adapt`` was given as batches."""
    if isinstance(data, (list, tuple, np.ndarray)) or is_tensor(data) or hasattr(data, "__array__"):
        if steps is not None:
            raise ValueError(f"`steps` needs batches, and not an array. Received: steps={steps}")
        a = data if isinstance(data, np.ndarray) else _array(data)
        yield a[:, None] if a.ndim == 1 else a
        return
    if not hasattr(data, "__iter__"):
        raise TypeError(f"`data` must be an array, or batches to iterate over. Received: {type(data).__name__}")
    most = None if steps is None else positive_int("steps", steps)
    for i, batch in enumerate(data):
        if most is not None and i >= most:
            return
        yield batch


def _array(data: Any) -> Any:
    try:
        return as_strings(data)
    except TypeError:
        return np.asarray(data)
