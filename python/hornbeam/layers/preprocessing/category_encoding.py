"""Categories, known by their number, as vectors."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.tensor import emit1, exact_ids
from hornbeam.core.validation import integer, unsupported
from hornbeam.layers.preprocessing.data_layer import DataLayer
from hornbeam.layers.preprocessing.encoding import encode, encoded_shape

__all__ = ["CategoryEncoding"]


class CategoryEncoding(DataLayer):
    """Ints below ``num_tokens`` as vectors of that size.

    Args:
        num_tokens: how many categories there are.
        output_mode: "one_hot": a vector for each int with 1 at its place, in a new last axis, or in place of one of size 1.
            "multi_hot": a vector for each sample with 1 at each of its ints. "count": how often each int comes in a sample.
            A sample is a vector of ints; of more than two axes, as in Keras, axis 1 is the one that is summed up.
        sparse: only False.

    Call arguments:
        inputs: ints in [0, num_tokens), of any shape; what is not an int is cast to one.
        count_weights: with "count" what each int counts, of the inputs' shape; None for 1.

    Output shape: of ``(batch, n)`` ``(batch, n, num_tokens)`` with "one_hot" (``(batch, num_tokens)`` where n is 1), else
    ``(batch, num_tokens)``; of ``(n,)`` likewise, without a batch. In the layer's dtype.

    Raises:
        ValueError: when ``num_tokens`` is missing or not positive, for an unknown ``output_mode``, for weights in another
            mode than "count"; at calls for an int out of range, naming it.

    Example:
        >>> CategoryEncoding(4, output_mode="count")([[0, 1, 1], [3, 0, 3]]).numpy()
        array([[1., 2., 0., 0.],
               [1., 0., 0., 2.]], dtype=float32)
    """

    input_dtype = "int32"

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if output_mode == "binary":  # its old name
            output_mode = "multi_hot"
        if output_mode not in ("count", "one_hot", "multi_hot"):
            raise ValueError(
                f"Unknown arg for output_mode: {output_mode}. `output_mode` must be 'count', 'one_hot' or 'multi_hot'. Received: "
                f"output_mode={output_mode!r}"
            )
        if num_tokens is None:
            raise ValueError(
                "num_tokens must be set to use this layer. `num_tokens` is the number of categories: where it is not known "
                "beforehand, use the IntegerLookup layer instead. Received: num_tokens=None"
            )
        self.num_tokens = integer("num_tokens", num_tokens)
        if self.num_tokens < 1:
            raise ValueError(f"`num_tokens` must be >= 1. Received: num_tokens={num_tokens}")
        unsupported("sparse", sparse, False)
        self.output_mode, self.sparse = output_mode, False
        self.autocast = False  # ints, whatever their dtype

    def compute_output_shape(self, input_shape: Any, count_weights: Any = None) -> Any:
        """The output's shape for an input's."""
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        """The vectors."""
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                "`count_weights` is not used when `output_mode` is not `'count'`. Received: "
                f"output_mode={self.output_mode!r} and count_weights={count_weights!r}"
            )
        ids = exact_ids(inputs)
        known = emit1(
            "gather", [ops.arange(self.num_tokens, dtype=ids.dtype), ids]
        )  # which refuses what is out of range
        return encode(known, self.output_mode, self.num_tokens, self.compute_dtype, count_weights)
