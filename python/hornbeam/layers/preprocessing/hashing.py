"""Categories of any kind and number, as bins that a hash chooses."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import _core, config, ops
from hornbeam.core.strings import STRING, as_strings, is_strings, string_list
from hornbeam.core.symbolic import KerasTensor
from hornbeam.core.tensor import to_tensor
from hornbeam.core.validation import integer
from hornbeam.layers.preprocessing.edge import EdgeLayer
from hornbeam.layers.preprocessing.encoding import check_output_mode, encode, encoded_shape
from hornbeam.layers.preprocessing.hashes import bucket, fingerprint, sip_hash
from hornbeam.layers.preprocessing.lookup_tables import RAW

__all__ = ["Hashing"]


class Hashing(EdgeLayer):
    """The bin of each string or int: the same one everywhere and always, whatever else there is.

    The hash is FarmHash's Fingerprint64 (github.com/google/farmhash), of an int that of its decimal digits; with a salt it is
    SipHash-2-4 (Aumasson and Bernstein 2012). Bins are the same as Keras' on TensorFlow. Ints are hashed in the graph.

    Args:
        num_bins: how many bins there are.
        mask_value: what goes to bin 0, which nothing else goes to then; None for none.
        salt: an int >= 0, or two, to key the hash with; None for no key.
        output_mode: "int": the bin. "one_hot", "multi_hot", "count": as for ``CategoryEncoding``.
        sparse: only False.
        **kwargs: ``dtype``: by default int64 with "int", else ``floatx``; and what every layer takes.

    Input shape: any, of strings or ints; floats are truncated to ints. Output shape: with "int" the input's, else as for
    ``CategoryEncoding``.

    Raises:
        ValueError: when ``num_bins`` is missing or not positive, for a salt that is neither, for an unknown ``output_mode``, and
            with "int" for a ``dtype`` that is not int32 or int64.

    Example:
        >>> Hashing(3)([1, 2, 3]).numpy()
        array([0, 1, 0])
    """

    input_dtype = "int64"

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else config.floatx()
        super().__init__(**kwargs)
        if num_bins is None or integer("num_bins", num_bins) <= 0:
            raise ValueError(
                f"The `num_bins` for `Hashing` cannot be `None` or non-positive values. Received: num_bins={num_bins}."
            )
        if num_bins > 2**62:
            raise ValueError(f"`num_bins` must be at most 2**62. Received: num_bins={num_bins}")
        if output_mode == "int" and self.compute_dtype not in ("int32", "int64"):
            raise ValueError(
                "When `output_mode=\"int\"`, `dtype` should be an integer type, 'int32' or 'int64'. Received: "
                f"dtype={kwargs['dtype']}"
            )
        self.output_mode, self.sparse = check_output_mode(output_mode, sparse), False
        self.num_bins, self.mask_value, self.salt = int(num_bins), mask_value, _key(salt)
        self.autocast = False

    def _numbers(self, x: Any) -> Any:
        return to_tensor(x)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape for an input's."""
        return encoded_shape(input_shape, self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: Any) -> Any:  # type: ignore[override]
        """The symbolic output for a symbolic input."""
        if inputs.dtype != STRING:
            return super().compute_output_spec(inputs)
        return KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def _native(self) -> dict[str, Any] | None:
        masked = self.mask_value is not None and self.num_bins > 1
        if masked and (self.output_mode != "int" or not isinstance(self.mask_value, str)):
            return None  # a lookup's mask is id 0 with "int" alone
        mask, each = self.mask_value if masked else None, "one" if self.output_mode in ("int", "one_hot") else "last"
        kept = {"output": self.output_mode, "buckets": self.num_bins - masked, "salt": self.salt, "mask": mask}
        return {**RAW, **kept, "width": 0, "length": -1, "each": each}

    def call(self, inputs: Any) -> Any:
        """The bins, or their encoding."""
        masked = self.mask_value is not None and self.num_bins > 1
        bins = self.num_bins - masked
        if is_strings(inputs):
            found, hidden = self._of_strings(inputs, bins, masked)
        else:
            ids = ops.cast(inputs, "int64")
            found = bucket(fingerprint(ids) if self.salt is None else sip_hash(ids, self.salt), bins)
            hidden = ops.equal(inputs, self.mask_value) if masked else None
        if masked:
            found = ops.where(hidden, 0, found + 1)
        return encode(found, self.output_mode, self.num_bins, self.compute_dtype)

    def _of_strings(self, strings: Any, bins: int, masked: bool) -> tuple[Any, Any]:
        """The bins of an array of strings, and which of them are masked."""
        array = as_strings(strings)
        words = string_list(array)
        found = to_tensor(_core.string_hash(words, bins, self.salt).reshape(array.shape))
        if not masked:
            return found, None
        hidden = np.array([_bytes(w) == _bytes(self.mask_value) for w in words], bool)
        return found, to_tensor(hidden.reshape(array.shape))


def _bytes(word: Any) -> Any:
    return word.encode() if isinstance(word, str) else word


def _key(salt: Any) -> list[int] | None:
    if salt is None:
        return None
    pair = [salt, salt] if isinstance(salt, int) else salt
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise ValueError(
            "The `salt` argument for `Hashing` can only be a tuple of size 2 integers, or a single integer. Received: "
            f"salt={salt!r}."
        )
    return [integer("salt", k, 0) for k in pair]
