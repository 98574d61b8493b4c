"""Numbers as the ranges that they lie in."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from hornbeam import ops
from hornbeam.core.tensor import is_float, promote, to_tensor
from hornbeam.core.validation import integer, number
from hornbeam.layers.preprocessing.adapting import batches_of
from hornbeam.layers.preprocessing.data_layer import DataLayer
from hornbeam.layers.preprocessing.encoding import check_output_mode, encode, encoded_shape
from hornbeam.layers.preprocessing.quantiles import Summary

__all__ = ["Discretization"]


class Discretization(DataLayer):
    """The index of the range that each number lies in.

    Args:
        bin_boundaries: numbers in ascending order: ``[0.0, 1.0]`` makes the ranges below 0, from 0 to below 1, and from 1 on.
            NaN lies in the last one.
        num_bins: into how many ranges of about equally many values ``adapt`` divides them. One of the two is given.
        epsilon: how exact ``adapt`` is: the share of the values that a boundary may be off by, about; a few times that where
            the data come in many batches.
        output_mode: "int": the index. "one_hot": a vector with 1 at the index, in a new last axis, or in place of one of size
            1. "multi_hot": a vector for each sample with 1 at all of its indices. "count": how often each comes in a sample.
        sparse: only False.
        dtype: of what is not an index, None for the policy's.
        name: a name, None for one made from the class.

    Input shape: any. Output shape: with "int" the input's, int32; else as said above, in the layer's dtype. Of inputs of more
    than two axes, "multi_hot" and "count" sum up axis 1, as in Keras.

    Raises:
        ValueError: when both or neither of ``bin_boundaries`` and ``num_bins`` are given, for boundaries that do not ascend,
            for an unknown ``output_mode``; at the first call when there are no boundaries yet.

    Example:
        >>> import numpy as np
        >>> Discretization([0.0, 1.0])(np.array([[-1.5, 0.0, 3.4]])).numpy()
        array([[0, 1, 2]], dtype=int32)
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, name=name, **kwargs)
        self.output_mode = check_output_mode(output_mode, sparse)
        self.sparse = False
        if num_bins is not None and bin_boundaries is not None:
            raise ValueError(
                "Both `num_bins` and `bin_boundaries` should not be set. Received: "
                f"num_bins={num_bins} and bin_boundaries={bin_boundaries}"
            )
        if num_bins is None and bin_boundaries is None:
            raise ValueError("You need to set either `num_bins` or `bin_boundaries`.")
        self.num_bins = None if num_bins is None else integer("num_bins", num_bins, 1)
        self.epsilon = number("epsilon", epsilon)
        if not 0 < self.epsilon < 1:
            raise ValueError(f"`epsilon` must be in (0, 1). Received: epsilon={epsilon}")
        self.bin_boundaries = None if bin_boundaries is None else _ascending(bin_boundaries)
        self._summary = Summary(self.epsilon)
        self.autocast = False  # a half lies in another range

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Finds the boundaries: quantiles of a data set, read once, in bounded memory beside one batch.

        Args:
            data: an array, or an iterable of batches: a list of arrays, a generator, a ``PyDataset``, another data set.
            steps: how many batches are read at most; None for all.

        Raises:
            ValueError: when ``bin_boundaries`` were given, and for data without any number or with NaN.
            TypeError: for what is not numeric.
        """
        self.reset_state()
        for batch in batches_of(data, steps=steps):
            self.update_state(batch)
        self.finalize_state()

    def reset_state(self) -> None:
        """Begins to adapt anew. Raises ValueError where ``bin_boundaries`` were given."""
        if self.num_bins is None:
            raise ValueError(
                "Cannot adapt a Discretization layer that has been initialized with `bin_boundaries`, use `num_bins` instead."
            )
        self._summary = Summary(self.epsilon)

    def update_state(self, data: Any) -> None:
        """Takes in one batch, an array; see ``adapt``."""
        batch = np.asarray(data)
        if batch.dtype.kind not in "fiub":
            raise TypeError(f"`adapt` needs numbers. Received: an array of dtype {batch.dtype}")
        if batch.dtype.kind == "f" and np.isnan(batch).any():
            raise ValueError("`adapt` needs numbers that can be ordered. Received: data with NaN")
        self._summary.add(batch)

    def finalize_state(self) -> None:
        """Sets the boundaries for what was taken in. Raises ValueError for no numbers."""
        if not self._summary.kept.size:
            raise ValueError("adapt() needs at least one number. Received: data without any")
        assert self.num_bins is not None
        self.bin_boundaries = self._summary.quantiles(self.num_bins)

    @property
    def _depth(self) -> int:
        return len(self.bin_boundaries) + 1 if self.bin_boundaries is not None else int(self.num_bins or 0)

    @property
    def output_dtype(self) -> str:
        """The dtype of what it returns."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape, known before ``adapt`` too."""
        return encoded_shape(input_shape, self.output_mode, self._depth)

    def call(self, inputs: Any) -> Any:
        """The indices of the ranges, or their encoding."""
        if self.bin_boundaries is None:
            raise ValueError(
                "You need to either pass the `bin_boundaries` argument at construction time or call `adapt(dataset)` before "
                "you can start using the `Discretization` layer."
            )
        dtype = promote(inputs.dtype, "float32") if is_float(inputs.dtype) else "float32"
        boundaries = to_tensor(np.asarray(self.bin_boundaries, "float64"), dtype)
        indices = ops.searchsorted(boundaries, ops.cast(inputs, dtype), side="right")
        return encode(indices, self.output_mode, self._depth, self.output_dtype)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new layer; of one that was adapted with the boundaries that it had found."""
        found = config.get("bin_boundaries")
        if found is None or config.get("num_bins") is None:
            return super().from_config(config)
        layer = super().from_config({**config, "bin_boundaries": None})
        layer.bin_boundaries = _ascending(found)
        return layer


def _ascending(boundaries: Any) -> list[float]:
    try:
        found = [number("bin_boundaries", float(b)) for b in boundaries]
    except TypeError as e:
        raise TypeError(f"`bin_boundaries` must be a list of numbers. Received: {boundaries!r}") from e
    if any(b < a for a, b in itertools.pairwise(found)):
        raise ValueError(f"`bin_boundaries` must ascend. Received: bin_boundaries={boundaries}")
    return found
