"""The base of the lookup layers: a vocabulary, given or learned, and what it makes of tokens."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from hornbeam import config, ops
from hornbeam.core.strings import STRING, as_strings
from hornbeam.core.symbolic import KerasTensor
from hornbeam.core.tensor import Tensor, is_float, is_tensor, to_tensor
from hornbeam.core.trace import Traced
from hornbeam.core.validation import choice, integer, unsupported
from hornbeam.layers.preprocessing.lookup_tables import RAW, Encoding, IntegerTable, encode_strings, string_encoder
from hornbeam.layers.preprocessing.vocabulary_owner import VocabularyOwner

__all__ = ["IndexLookup"]

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_ALIASES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


class IndexLookup(VocabularyOwner):
    """What ``StringLookup``, ``IntegerLookup`` and ``TextVectorization`` share.

    Args:
        max_tokens: most ids that there may be, special ones among them; None for any number.
        num_oov_indices: ids for tokens that the vocabulary lacks; with several, a token's is its hash's.
        mask_token: a token that is id 0 with "int", and left out of all other outputs; None for none.
        oov_token: what stands in the vocabulary, and with ``invert`` in the output, for tokens that it lacks.
        vocabulary_dtype: "string" or "int64".
        vocabulary: terms in an array, or a path to a text file of them, one a line.
        idf_weights: of the terms, with "tf_idf".
        invert: whether ids become terms.
        output_mode: "int", "one_hot", "multi_hot", "count" or "tf_idf".
        sparse: only False: tensors here are dense.
        pad_to_max_tokens: whether outputs other than ids have ``max_tokens`` columns.
        oov_method: how ints get one of several ids: "floormod" or "farmhash". Strings are always hashed.
        salt: one or two ints: strings are hashed by SipHash with them, and not by FarmHash.
        name: its name.
    """

    _not_attributes: tuple[str, ...] = ("vocabulary", "idf_weights")
    _knows_spec = True  # before there is a vocabulary, too

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary_dtype: str,
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        frozen = kwargs.pop("vocabulary_size", None)
        has_vocabulary = kwargs.pop("has_input_vocabulary", vocabulary is not None)
        if max_tokens is not None and integer("max_tokens", max_tokens) <= 1:
            raise ValueError(f"If set, `max_tokens` must be greater than 1. Received: max_tokens={max_tokens}")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError("If pad_to_max_tokens is True, must set `max_tokens`. Received: max_tokens=None")
        if integer("num_oov_indices", num_oov_indices) < 0:
            raise ValueError(
                f"`num_oov_indices` must be greater than or equal to 0. Received: num_oov_indices={num_oov_indices}"
            )
        strings = choice("vocabulary_dtype", vocabulary_dtype, (STRING, "int64")) == STRING
        oov_method = choice("oov_method", oov_method, ("floormod", "farmhash"))
        output_mode = choice("output_mode", _ALIASES.get(str(output_mode), output_mode), _MODES)
        if invert and output_mode != "int":
            raise ValueError(
                f"`output_mode` must be `'int'` when `invert` is true. Received: output_mode={output_mode}"
            )
        if invert and oov_token is None:
            raise ValueError("`oov_token` must be given when `invert` is true. Received: oov_token=None")
        if sparse and output_mode == "int":
            raise ValueError(
                "`sparse` may only be true if `output_mode` is `'one_hot'`, `'multi_hot'`, `'count'` or `'tf_idf'`. Received: "
                f"sparse={sparse} and output_mode={output_mode}"
            )
        unsupported("sparse", sparse, False)
        if idf_weights is not None and output_mode != "tf_idf":
            raise ValueError(
                f"`idf_weights` should only be set if `output_mode` is `'tf_idf'`. Received: idf_weights={idf_weights} and "
                f"output_mode={output_mode}"
            )
        if vocabulary is not None and idf_weights is None and output_mode == "tf_idf":
            raise ValueError(
                "When specifying the `vocabulary` argument, in TF-IDF output mode, the `idf_weights` argument must also be "
                "provided."
            )
        super().__init__(name=name, **kwargs)
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = (
            _token("mask_token", mask_token, strings),
            _token("oov_token", oov_token, strings),
        )
        self.vocabulary_dtype, self.invert, self.output_mode = vocabulary_dtype, invert, output_mode
        self.sparse, self.pad_to_max_tokens, self.oov_method = sparse, pad_to_max_tokens, oov_method
        self.salt = _salt(salt, strings, oov_method)
        self._frozen_vocab_size: int | None = None if frozen is None else integer("vocabulary_size", frozen, 0)
        self._has_input_vocabulary: bool = has_vocabulary
        self.input_vocabulary = None if isinstance(vocabulary, (str, os.PathLike)) else _listed(vocabulary)
        self.input_idf_weights = _listed(idf_weights)
        self.takes_strings = strings and not invert
        self.input_dtype = STRING if strings and not invert else "int64"
        self._terms: list[Any] = []
        self._weights: Any = None
        self.reset_state()
        self._forget_engine()
        self.built = True
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # ---- looking up ----
    def _numbers(self, x: Any) -> Any:
        return to_tensor(x)

    @property
    def _float(self) -> str:
        """The dtype of outputs that are no ids."""
        return self.compute_dtype if is_float(self.compute_dtype) else config.floatx()

    def _depth(self) -> int:
        """Columns of outputs that are no ids."""
        if self.output_mode != "int" and not self.pad_to_max_tokens and self._frozen_vocab_size is None:
            raise RuntimeError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens=False`, you must set the layer's vocabulary "
                "before calling it. Either pass a `vocabulary` argument to the layer, or call `adapt` with some sample data."
            )
        return max(self._width, self._frozen_vocab_size or 0)

    def _encoding(self) -> Encoding:
        depth = self._depth()
        if self.output_mode == "tf_idf" and self._weights is None:
            raise ValueError("When `output_mode` is `'tf_idf'`, `idf_weights` must be provided.")
        hashed = self.oov_method == "farmhash"
        buckets, mask, salt = self.num_oov_indices, self.mask_token, self.salt
        return Encoding(self.output_mode, buckets, mask, salt, hashed, depth, self._weights)

    def _strings_engine(self) -> Any:
        return self._engine_of(lambda terms: string_encoder(terms, self._encoding(), self._codec))

    def _native(self) -> dict[str, Any] | None:
        if not self._of_strings or self.invert or self._codec != "utf-8":
            return None
        e = self._encoding()
        each = "one" if e.output in ("int", "one_hot") else "last"
        kept = {"output": e.output, "buckets": e.buckets, "salt": e.salt, "mask": e.mask, "width": e.width}
        return {**RAW, **kept, "length": -1, "each": each}

    def call(self, inputs: Any) -> Any:
        """Ids, or what ``output_mode`` says, of tokens; terms of ids, as an array of objects, with ``invert``."""
        if self.invert:
            return self._inverted(inputs)
        if not self._of_strings:
            return self._engine_of(lambda terms: IntegerTable(terms, self._encoding())).encode(inputs, self._float)
        if is_tensor(inputs):
            raise TypeError(f"layer {self.name!r} takes strings. Received: a tensor of dtype {inputs.dtype}")
        a, engine = as_strings(inputs), self._strings_engine()
        if self.output_mode in ("int", "one_hot"):
            out = encode_strings(engine, a, a.shape, 1, self._codec)
            if self.output_mode == "int":
                return Tensor(out.reshape(a.shape))
            lead = a.shape[:-1] if a.ndim > 1 and a.shape[-1] == 1 else a.shape or (1,)
            return to_tensor(out.reshape(*lead, out.shape[-1]), self._float)
        out = encode_strings(engine, a, a.shape[:-1], a.shape[-1] if a.ndim else 1, self._codec)
        return to_tensor(out, self._float)

    def _inverted(self, ids: Any) -> Any:
        start, n = self._front, len(self._terms)
        if not self._of_strings:
            terms = np.array([*self._terms, self.oov_token], "int64")
            known = ops.logical_and(ids >= start, ids < start + n)
            out = ops.take(terms, ops.where(known, ids - start, n))
            return out if self.mask_token is None else ops.where(ops.equal(ids, 0), self.mask_token, out)
        if isinstance(ids, Traced):
            raise self._gives_strings()
        ids = np.asarray(ids).astype("int64")
        places = np.where((ids >= start) & (ids < start + n), ids - start, n)
        if self.mask_token is not None:
            places = np.where(ids == 0, n + 1, places)
        return np.array([*self._terms, self.oov_token, self.mask_token], object)[places]

    def _gives_strings(self) -> ValueError:
        return ValueError(
            f"layer {self.name!r} gives strings, which a graph does not hold: call it on what the model predicts"
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape for an input's."""
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return shape
        if self.output_mode == "one_hot" and not (len(shape) > 1 and shape[-1] == 1):
            return (*shape, self._depth())
        return (*shape[:-1], self._depth())

    def compute_output_spec(self, inputs: Any) -> Any:  # type: ignore[override]
        """The symbolic output for a symbolic input: int64 ids, or floats."""
        if self.invert and self._of_strings:
            raise self._gives_strings()
        dtype = "int64" if self.output_mode == "int" else self._float
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype)

    # ---- configs and files ----
    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments. A vocabulary that was learned, or came from a file, is left to ``save``."""
        return {
            **super().get_config(),
            "vocabulary": self.input_vocabulary,
            "idf_weights": self.input_idf_weights,
            "vocabulary_size": self._frozen_vocab_size,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer from a config, which may hold a vocabulary, but no path to one."""
        if isinstance(config.get("vocabulary"), (str, os.PathLike)):
            raise ValueError(
                f"a config must not name a file to read a vocabulary from. Received: vocabulary={config['vocabulary']!r}"
            )
        return super().from_config(config)


def _listed(x: Any) -> Any:
    """A vocabulary or weights as a config holds them."""
    if x is None:
        return None
    items = list(x) if isinstance(x, (list, tuple)) else np.asarray(x).tolist()
    return [t.item() if isinstance(t, np.generic) else t for t in items]


def _token(name: str, token: Any, strings: bool) -> Any:
    """A special token of the vocabulary's kind, or None."""
    if token is None or not strings:
        return None if token is None else integer(name, token)
    if not isinstance(token, str):
        raise TypeError(f"`{name}` must be a str. Received: {name}={token!r}")
    return token


def _salt(salt: Any, strings: bool, oov_method: str) -> list[int] | None:
    """A salt as its two ints."""
    if salt is None:
        return None
    if not strings and oov_method != "farmhash":
        raise ValueError(f"`salt` can only be used when `oov_method='farmhash'`. Received: oov_method={oov_method}")
    if isinstance(salt, (tuple, list)) and len(salt) == 2:
        return [integer("salt", s, 0) for s in salt]
    if isinstance(salt, int) and not isinstance(salt, bool):
        return [integer("salt", salt, 0)] * 2
    raise ValueError(
        f"The `salt` argument for `IndexLookup` can only be a tuple of 2 integers, or a single integer. Received: salt={salt}."
    )
