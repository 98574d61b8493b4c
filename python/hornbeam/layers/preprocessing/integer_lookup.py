"""IntegerLookup."""

from __future__ import annotations

from typing import Any

from hornbeam.layers.preprocessing.index_lookup import IndexLookup

__all__ = ["IntegerLookup"]


class IntegerLookup(IndexLookup):
    """Turns ints into ids of a vocabulary, or ids into ints.

    The vocabulary is given, or learned by ``adapt``. Ids are 0 for ``mask_token``, if there is one and the output is ids; then
    come those of ints that the vocabulary lacks; then the terms in their order. It is made of ops, so that graphs hold it.

    Args:
        max_tokens: most ids that there may be, special ones among them; None for any number.
        num_oov_indices: ids for ints that the vocabulary lacks; with 0, such an int is an error.
        mask_token: an int that is id 0 with "int", and left out of all other outputs; None for none.
        oov_token: what stands in the vocabulary for ints that it lacks, and is given for other ids with ``invert``.
        vocabulary: terms in an array or list, or a path to a text file of them, one a line.
        vocabulary_dtype: only "int64".
        idf_weights: floats, one for each term, with "tf_idf".
        invert: whether ids become ints.
        output_mode: "int": int64 ids of the inputs' shape. Others are floats, and have a column for each id: "one_hot" of
            each int, on a last axis of 1, or on a new one; "multi_hot", whether it is in the sample, which is the last axis;
            "count", how often; "tf_idf", the same times its weight.
        sparse: only False: tensors here are dense.
        pad_to_max_tokens: whether outputs other than ids have ``max_tokens`` columns.
        oov_method: which of several ids an int gets: "floormod", its remainder; "farmhash", that of its digits' hash.
        salt: one or two ints >= 0: "farmhash" is SipHash-2-4 with them.
        name: its name.

    Example:
        >>> import numpy as np
        >>> layer = IntegerLookup(vocabulary=[12, 36])
        >>> layer(np.array([[36, 7, 12]])).tolist()
        [[2, 0, 1]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ValueError(
                f"Only `vocabulary_dtype='int64'` is supported at this time. Received: vocabulary_dtype={vocabulary_dtype}"
            )
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary_dtype,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            oov_method,
            name,
            salt,
            **kwargs,
        )
