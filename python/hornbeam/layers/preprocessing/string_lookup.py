"""StringLookup."""

from __future__ import annotations

import codecs
from typing import Any

from hornbeam.core.strings import STRING
from hornbeam.layers.preprocessing.index_lookup import IndexLookup

__all__ = ["StringLookup"]


class StringLookup(IndexLookup):
    """Turns strings into ids of a vocabulary, or ids into strings.

    The vocabulary is given, or learned by ``adapt``. Ids are 0 for ``mask_token``, if there is one and the output is ids; then
    come those of strings that the vocabulary lacks; then the terms in their order. Inside a model it runs before the
    compiled step, on the model's inputs of dtype "string".

    Args:
        max_tokens: most ids that there may be, special ones among them; None for any number.
        num_oov_indices: ids for strings that the vocabulary lacks: with several, a string's is its FarmHash's (or SipHash's)
            remainder; with 0, such a string is an error.
        mask_token: a string that is id 0 with "int", and left out of all other outputs; None for none.
        oov_token: what stands in the vocabulary for strings that it lacks, and is given for other ids with ``invert``.
        vocabulary: terms in an array or list, or a path to a text file of them, one a line.
        idf_weights: floats, one for each term, with "tf_idf".
        invert: whether ids become strings: an array of objects.
        output_mode: "int": int64 ids of the inputs' shape. Others are floats, and have a column for each id: "one_hot" of
            each string, on a last axis of 1, or on a new one; "multi_hot", whether it is in the sample, which is the last
            axis; "count", how often; "tf_idf", the same times its weight.
        pad_to_max_tokens: whether outputs other than ids have ``max_tokens`` columns.
        sparse: only False: tensors here are dense.
        encoding: a codec of Python's, in which strings are bytes.
        name: its name.
        salt: one or two ints >= 0: strings are hashed by SipHash-2-4 with them, and not by FarmHash.

    Example:
        >>> layer = StringLookup(vocabulary=["a", "b"])
        >>> layer([["b", "x", "a"]]).tolist()
        [[2, 0, 1]]
    """

    _not_attributes = (*IndexLookup._not_attributes, "vocabulary_dtype")

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
        self._codec = codec(encoding)
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            STRING,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            name=name,
            salt=salt,
            **kwargs,
        )


def codec(encoding: Any) -> str:
    """The name of one of Python's codecs.

    Raises:
        ValueError: when there is none of this name, or it is not one of text.
    """
    try:
        "a".encode(encoding, "surrogateescape")  # some codecs are of bytes, and some know no way with wrong ones
        return codecs.lookup(encoding).name
    except (LookupError, TypeError, UnicodeError) as e:
        raise ValueError(f"`encoding` must be the name of a codec. Received: encoding={encoding!r}") from e
