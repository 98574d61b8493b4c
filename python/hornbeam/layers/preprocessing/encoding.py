"""How categories become numbers: by their indices, one-hot, several-hot or counted."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.tensor import dims_of, exact_ids
from hornbeam.core.validation import unsupported

__all__ = ["check_output_mode", "encode", "encoded_shape"]

MODES = ("int", "one_hot", "multi_hot", "count")


def check_output_mode(output_mode: Any, sparse: Any, modes: tuple[str, ...] = MODES) -> str:
    """``output_mode`` when it is one of ``modes``; refuses sparse outputs, which there are none of.

    Raises:
        ValueError: for another mode, and for ``sparse=True``.
    """
    if not isinstance(output_mode, str) or output_mode not in modes:
        raise ValueError(
            f"Invalid value for argument `output_mode`. Expected one of {modes}. Received: output_mode={output_mode!r}"
        )
    if sparse and output_mode == "int":
        raise ValueError(
            "`sparse` may only be true if `output_mode` is `'one_hot'`, `'multi_hot'`, or `'count'`. Received: "
            f"sparse={sparse} and output_mode={output_mode}"
        )
    unsupported("sparse", sparse, False)
    return output_mode


def encode(indices: Any, output_mode: str, depth: int, dtype: str, count_weights: Any = None) -> Any:
    """Indices in [0, depth) as ``output_mode`` has them.

    Args:
        indices: ints of any shape, a single one being a sample of one; those out of range count nowhere.
        output_mode: "int": as they are. "one_hot": 1 at each index, in a new last axis, or in place of one of size 1.
            "multi_hot": 1 at each index of a sample. "count": how often each index comes in a sample. A sample is a vector;
            of a tensor of more axes, as in Keras, axis 1 is the one that is summed up.
        depth: how many categories there are.
        dtype: of the result.
        count_weights: what each index counts, of the indices' shape; None for 1.
    """
    if output_mode == "int":
        return ops.cast(indices, dtype)
    ids = exact_ids(indices)
    if output_mode == "one_hot":
        alone = ids.ndim > 1 and ids.shape[-1] == 1
        return ops.one_hot(ops.squeeze(ids, -1) if alone else ids, depth, dtype=dtype)
    counts = _counted(ids, depth, dtype, count_weights)
    return ops.cast(ops.greater(counts, 0), dtype) if output_mode == "multi_hot" else counts


def _counted(ids: Any, depth: int, dtype: str, weights: Any) -> Any:
    """How often each index comes in a sample, without a tensor of all indices by all categories."""
    amounts = (
        ops.ones_like(ids, dtype=dtype) if weights is None else ops.reshape(ops.cast(weights, dtype), dims_of(ids))
    )
    if ids.ndim <= 1:
        ids, amounts = ops.reshape(ids, (-1,)), ops.reshape(amounts, (-1,))
        known = ops.where(_known(ids, depth), ids, depth)
        return ops.segment_sum(amounts, known, depth)
    ids, amounts = (
        ops.cast(ops.moveaxis(ids, 1, -1), "int64"),
        ops.moveaxis(amounts, 1, -1),
    )  # rows * depth may be large
    *outer, length = dims_of(ids)
    rows = 1
    for d in outer:
        rows = rows * d
    first = ops.reshape(ops.multiply(ops.arange(rows, dtype=ids.dtype), depth), (*outer, 1))  # of each row's categories
    places = ops.where(_known(ids, depth), ops.add(first, ids), -1)
    flat = (rows * length,)
    counts = ops.segment_sum(ops.reshape(amounts, flat), ops.reshape(places, flat), rows * depth)
    return ops.reshape(counts, (*outer, depth))


def _known(ids: Any, depth: int) -> Any:
    return ops.logical_and(ops.greater_equal(ids, 0), ops.less(ids, depth))


def encoded_shape(shape: Any, output_mode: str, depth: int) -> Any:
    """The shape of what ``encode`` gives for indices of a shape."""
    shape = tuple(shape)
    if output_mode == "int":
        return shape
    if output_mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:1], *shape[2:], depth) if len(shape) > 1 else (depth,)
