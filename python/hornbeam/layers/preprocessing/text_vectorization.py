"""TextVectorization."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam.core.allowance import claim
from hornbeam.core.strings import STRING, as_strings, string_list
from hornbeam.core.tensor import Tensor, is_tensor, to_tensor
from hornbeam.core.validation import choice, integer, no_arguments, positive_int, unsupported
from hornbeam.layers.preprocessing.index_lookup import IndexLookup
from hornbeam.layers.preprocessing.lookup_tables import RAW, encode_strings, string_encoder
from hornbeam.layers.preprocessing.string_lookup import codec

__all__ = ["TextVectorization"]

_STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
_SPLIT = ("whitespace", "character")
_SETTLED = ("num_oov_indices", "mask_token", "oov_token", "vocabulary_dtype", "invert", "oov_method", "salt")


class TextVectorization(IndexLookup):
    """Turns texts into rows of ids, or into a number for each term.

    A text is standardized and split into tokens, those are joined to n-grams, and looked up in a vocabulary that is given, or
    learned by ``adapt``. Id 0 is padding, and 1 a token that the vocabulary lacks (0 where the output is no ids). Inside a
    model it runs before the compiled step, on the model's inputs of dtype "string".

    Args:
        max_tokens: most ids that there may be, special ones among them; None for any number.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation" (both of ASCII alone), None for as it is; or a
            function of an array of str that gives one of the same shape.
        split: "whitespace" (ASCII's), "character", None for texts that are tokens; or a function of an array of str that gives
            a list of tokens for each.
        ngrams: how many tokens are joined by spaces: an int, from 1 up to it; a tuple, each of these; None for tokens alone.
        output_mode: "int": int64 ids. Others are floats, one for each term of a text: "multi_hot", whether it is there;
            "count", how often; "tf_idf", the same times its weight.
        output_sequence_length: to which rows of ids are cut, and padded with 0; None for the longest of the batch.
        pad_to_max_tokens: whether outputs other than ids have ``max_tokens`` columns.
        vocabulary: terms in an array or list, or a path to a text file of them, one a line.
        idf_weights: floats, one for each term, with "tf_idf".
        sparse: only False: tensors here are dense.
        ragged: only False.
        encoding: a codec of Python's, in which texts are bytes.
        name: its name.

    Input shape: ``(batch,)`` or ``(batch, 1)``. Output shape: ``(batch, length)``, or ``(batch, terms)``.

    Example:
        >>> layer = TextVectorization(output_sequence_length=4)
        >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
        >>> layer(["foo qux bar"]).tolist()
        [[4, 1, 3, 0]]
    """

    _not_attributes = (*IndexLookup._not_attributes, *_SETTLED)

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        no_arguments(self, kwargs, *_SETTLED)
        unsupported("ragged", ragged, False)
        self.standardize = _way("standardize", standardize, _STANDARDIZE)
        self.split = _way("split", split, _SPLIT)
        if isinstance(ngrams, list):
            ngrams = tuple(ngrams)
        if not (ngrams is None or isinstance(ngrams, (int, tuple))):
            raise ValueError(f"`ngrams` must be None, an integer, or a tuple of integers. Received: ngrams={ngrams}")
        if output_sequence_length is not None:
            if output_mode != "int":
                raise ValueError(
                    "`output_sequence_length` must not be set if `output_mode` is not 'int'. Received "
                    f"output_sequence_length={output_sequence_length}."
                )
            if not isinstance(output_sequence_length, int):
                raise ValueError(
                    "`output_sequence_length` must be either None or an integer when `output_mode` is 'int'. Received: "
                    f"output_sequence_length={output_sequence_length}"
                )
            integer("output_sequence_length", output_sequence_length, 0)
        if isinstance(ngrams, int):
            claim("ngrams", (positive_int("ngrams", ngrams),), "int64")
        sizes = range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams or ()
        self.ngrams, self._sizes = ngrams, tuple(positive_int("ngrams", n) for n in sizes)
        self.output_sequence_length, self.ragged, self.encoding = output_sequence_length, ragged, encoding
        self._codec = codec(encoding)
        if output_mode == "one_hot" and (split is not None or ngrams is not None):
            raise ValueError("`output_mode` 'one_hot' needs texts that are tokens: split=None, ngrams=None")
        super().__init__(
            max_tokens,
            1,
            "",
            "[UNK]",
            STRING,
            vocabulary,
            idf_weights,
            False,
            output_mode,
            sparse,
            pad_to_max_tokens,
            name=name,
            **kwargs,
        )

    # ---- tokens ----
    @property
    def _tokenization(self) -> dict[str, Any]:
        """What the core does; functions of Python's run before it."""
        if callable(self.split):
            return RAW
        standardize = None if callable(self.standardize) else self.standardize
        return {"standardize": standardize or "none", "split": self.split or "none", "ngrams": list(self._sizes)}

    def _prepared(self, inputs: Any) -> tuple[Any, tuple[int, ...], int]:
        """What the core takes: strings, the axes of their rows, and how many strings a row has."""
        if is_tensor(inputs):
            raise TypeError(f"layer {self.name!r} takes strings. Received: a tensor of dtype {inputs.dtype}")
        a = as_strings(inputs)
        if callable(self.standardize):
            a = self._standardized(a, self.standardize)
        if self.split is None:
            return a, a.shape[:-1], a.shape[-1] if a.ndim else 1
        if a.ndim > 1:
            if a.shape[-1] != 1:
                raise ValueError(
                    "When using `TextVectorization` to tokenize strings, the input rank must be 1 or the last shape dimension "
                    f"must be 1. Received: inputs.shape={a.shape} with rank={a.ndim}"
                )
            a = a[..., 0]
        if not callable(self.split):
            return a, a.shape, 1
        lead = a.shape
        rows = self._split_by(self.split, a.reshape(-1))
        longest = max(map(len, rows), default=0)
        flat = [t for r in rows for t in (*r, *[""] * (longest - len(r)))]  # the mask, which fills rows of ids, too
        return np.array(flat, object), lead, longest

    def _standardized(self, a: Any, function: Callable[[Any], Any]) -> Any:
        """What the user's function makes of an array of str."""
        out = as_strings(np.asarray(function(self._text(a))))
        if out.shape != a.shape:
            raise ValueError(f"`standardize` must give an array of shape {a.shape}. Received: shape={out.shape}")
        return out

    def _text(self, a: Any) -> Any:
        """The strings as an array of str, which NumPy's functions of strings take."""
        items = [i.decode(self._codec) if isinstance(i, bytes) else i for i in a.ravel().tolist()]
        return np.array(items, dtype=str).reshape(a.shape)

    def _split_by(self, function: Callable[[Any], Any], a: Any) -> list[list[Any]]:
        """The tokens, or n-grams of them, that the user's function finds in each text."""
        a = self._text(a)
        if isinstance(self.standardize, str):
            table = _table(self.standardize)
            a = np.array([t.translate(table) for t in a.tolist()], dtype=str)
        rows = [r.tolist() if isinstance(r, np.ndarray) else list(r) for r in function(a)]
        if len(rows) != len(a):
            raise ValueError(f"`split` must give tokens for each of {len(a)} texts. Received: {len(rows)} lists")
        if not self._sizes:
            return rows
        return [[" ".join(r[i : i + n]) for n in self._sizes for i in range(len(r) - n + 1)] for r in rows]

    # ---- learning and looking up ----
    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:  # type: ignore[override]
        """Learns the vocabulary: the tokens by falling count, ties by falling order, at most ``max_tokens`` ids.

        Args:
            data: an array or list of texts, or batches of them: a generator, a ``PyDataset``, anything that can be iterated
                over.
            batch_size: how many texts of an array are counted at a time, None for all; no result depends on it.
            steps: how many batches to take, None for all.

        Raises:
            ValueError: when the vocabulary was given to the constructor.
        """
        if batch_size is not None and (isinstance(data, (list, tuple)) or hasattr(data, "shape")):
            size, whole = positive_int("batch_size", batch_size), data
            data = (whole[i : i + size] for i in range(0, len(whole), size))
        super().adapt(data, steps)

    def update_state(self, data: Any) -> None:
        """Counts the tokens of a batch of texts."""
        self._refuse_fixed()
        strings, lead, each = self._prepared(np.atleast_1d(as_strings(data)))
        if each == 0:  # texts without tokens are documents, too
            strings, each = np.full(lead, "", object), 1
        if strings.size:
            self._strings_counter(self._tokenization).add(string_list(strings, self._codec), each)

    def _strings_engine(self) -> Any:
        length = -1 if self.output_sequence_length is None else self.output_sequence_length
        tokenization = self._tokenization
        return self._engine_of(lambda t: string_encoder(t, self._encoding(), self._codec, length, tokenization))

    def _native(self) -> dict[str, Any] | None:
        found = super()._native()
        if found is None or callable(self.standardize) or callable(self.split):
            return None
        each = "one" if self.split is not None or self.output_mode == "one_hot" else "last"
        length = -1 if self.output_sequence_length is None else self.output_sequence_length
        return {**found, **self._tokenization, "length": length, "each": each}

    def call(self, inputs: Any) -> Any:
        """Rows of ids, or what ``output_mode`` says."""
        strings, lead, each = self._prepared(inputs)
        engine = self._strings_engine()
        if self.output_mode == "one_hot":
            out = encode_strings(engine, strings, (*lead, each), 1, self._codec)
            return to_tensor(out.reshape(*lead, out.shape[-1]) if each == 1 else out, self._float)
        out = encode_strings(engine, strings, lead, each, self._codec)
        return Tensor(out) if self.output_mode == "int" else to_tensor(out, self._float)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape for an input's."""
        shape = tuple(input_shape)
        lead = shape[:1] if len(shape) < 2 or self.split is not None else shape[:-1]
        if self.output_mode == "int":
            return (*lead, self.output_sequence_length)
        if self.output_mode == "one_hot" and len(shape) > 1 and shape[-1] != 1:
            return (*shape, self._depth())
        return (*lead, self._depth())


def _way(name: str, value: Any, allowed: tuple[str, ...]) -> Any:
    """A name of a way, a function, or None."""
    return value if value is None or callable(value) else choice(name, value, allowed)


def _table(standardize: str) -> dict[int, int | None]:
    """For ``str.translate``: what the core does to ASCII."""
    lower = {ord(c): ord(c.lower()) for c in string.ascii_uppercase} if "lower" in standardize else {}
    return {**lower, **(dict.fromkeys(map(ord, string.punctuation)) if "strip" in standardize else {})}
