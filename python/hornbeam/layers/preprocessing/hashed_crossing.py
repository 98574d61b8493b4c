"""Combinations of categories, as bins that a hash chooses."""

from __future__ import annotations

from typing import Any

from hornbeam import _core, config, ops
from hornbeam.core.strings import STRING, as_strings, is_strings, string_list
from hornbeam.core.symbolic import KerasTensor
from hornbeam.core.tensor import to_tensor
from hornbeam.core.validation import integer
from hornbeam.layers.preprocessing.edge import EdgeLayer
from hornbeam.layers.preprocessing.encoding import check_output_mode, encode, encoded_shape
from hornbeam.layers.preprocessing.hashes import bucket, cat_fingerprints

__all__ = ["HashedCrossing"]


class HashedCrossing(EdgeLayer):
    """The bin of each combination of several features' values: ``hash(values) % num_bins``.

    Bins are the same as Keras' on TensorFlow: an int stands for itself, a string for its Fingerprint64 (FarmHash), and these
    are mixed in the features' order. Ints are crossed in the graph.

    Args:
        num_bins: how many bins there are.
        output_mode: "int": the bin. "one_hot": a vector with 1 at the bin.
        sparse: only False.
        name: a name, None for one made from the class.
        dtype: of the output: by default int64 with "int", else ``floatx``.

    Input shape: a list or tuple of at least two tensors of ints, or arrays of strings, all ``()``, ``(batch,)`` or
    ``(batch, 1)``. Output shape: the same with "int", else ``(num_bins,)`` or ``(batch, num_bins)``.

    Raises:
        ValueError: when ``num_bins`` is not positive, for an unknown ``output_mode``; at calls for other inputs.

    Example:
        >>> HashedCrossing(5)(([1, 2, 1], [101, 101, 102])).shape
        (3,)
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        if dtype is None:
            dtype = "int64" if output_mode == "int" else config.floatx()
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.num_bins = integer("num_bins", num_bins, 1)
        if self.num_bins > 2**62:
            raise ValueError(f"`num_bins` must be at most 2**62. Received: num_bins={num_bins}")
        self.output_mode, self.sparse = check_output_mode(output_mode, sparse, ("int", "one_hot")), False
        self.autocast = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args and not isinstance(args[0], (list, tuple)):
            raise ValueError(
                f"`HashedCrossing` should be called on a list or tuple of inputs. Received: inputs={args[0]}"
            )
        return super().__call__(*(list(a) if isinstance(a, tuple) else a for a in args), **kwargs)

    def _convert(self, x: Any) -> Any:
        return [as_strings(i) if is_strings(i) else to_tensor(i) for i in x]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape for a list of the inputs'."""
        _check(input_shape, input_shape)
        return encoded_shape(input_shape[0], self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: Any) -> Any:  # type: ignore[override]
        """The symbolic output for symbolic inputs."""
        if all(x.dtype != STRING for x in inputs):
            return super().compute_output_spec(inputs)
        shape = self.compute_output_shape([x.shape for x in inputs])
        return KerasTensor(shape, self.compute_dtype)

    def _native(self) -> dict[str, Any] | None:
        return {"bins": self.num_bins, "one_hot": self.output_mode == "one_hot"}

    def call(self, inputs: Any) -> Any:
        """The bins, or their encoding."""
        _check([tuple(x.shape) for x in inputs], inputs)
        parts = [_number(x, inputs) for x in inputs]
        return encode(
            bucket(cat_fingerprints(parts), self.num_bins), self.output_mode, self.num_bins, self.compute_dtype
        )


def _check(shapes: Any, inputs: Any) -> None:
    if len(shapes) < 2:
        raise ValueError(f"`HashedCrossing` should be called on at least two inputs. Received: inputs={inputs}")
    first = tuple(shapes[0])
    if len(first) > 2 or (len(first) == 2 and first[1] != 1):
        raise ValueError(
            "All `HashedCrossing` inputs should have shape `()`, `(batch_size)` or `(batch_size, 1)`. Received: "
            f"inputs={inputs}"
        )
    if any(tuple(s) != first for s in shapes):
        raise ValueError(f"All `HashedCrossing` inputs should have equal shape. Received: inputs={inputs}")


def _number(x: Any, inputs: Any) -> Any:
    if is_strings(x):
        return to_tensor(_fingerprints(x))
    if not x.dtype.lstrip("u").startswith("int"):
        raise ValueError(
            f"All `HashedCrossing` inputs should have an integer or string dtype. Received: inputs={inputs}"
        )
    return ops.cast(x, "int64")


def _fingerprints(strings: Any) -> Any:
    """All 64 bits of the strings' hashes: the bins of two numbers of bins, one less than the other, tell how often that went
    into it, which is what is above the remainder's 62 bits."""
    words = string_list(as_strings(strings))
    low, other = _core.string_hash(words, 2**62), _core.string_hash(words, 2**62 - 1)
    times = (other - low) % (2**62 - 1)
    return ((times << 62) + low).reshape(strings.shape)
