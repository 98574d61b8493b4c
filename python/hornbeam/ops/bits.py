"""The bits of ints: what Python's operators on tensors do, without names of their own in ``hornbeam.ops``."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core.tensor import _FLOATS, Tensor, dims_of, emit1, to_tensor
from hornbeam.ops.comparison import logical_not
from hornbeam.ops.elementwise import unify
from hornbeam.ops.math import add, floor_divide, mod, multiply, subtract

__all__ = ["bits_combined", "bits_inverted"]

_BYTES = {"uint8": 1, "uint16": 2, "uint32": 4}
_BITS = 16  # of a piece


def bits_combined(kind: str, x1: Any, x2: Any) -> Any:
    """What ``&``, ``|`` and ``^`` do: bit by bit for ints, else with the truth of the elements."""
    a, b = unify(x1, x2)
    if a.dtype in _FLOATS or a.dtype == "bool":
        return emit1(f"logical_{kind}", [to_tensor(a, "bool"), to_tensor(b, "bool")])
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        bitwise = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}[kind]
        return to_tensor(bitwise(np.asarray(a), np.asarray(b)), a.dtype)
    pieces = {"uint8": 1, "int32": 2, "int64": 4}[a.dtype]
    found = to_tensor(_of_pieces(kind, _pieces(a, pieces), _pieces(b, pieces)), a.dtype)
    weights = [2 ** (_BITS * i) for i in range(pieces)]
    return emit1("sum", [multiply(found, to_tensor(np.array(weights, "int64"), a.dtype))], axes=[-1])  # which wraps


def _pieces(x: Any, count: int) -> Any:
    """The bits of ints, 16 at a time, as float32, which is exact for them and quick to compute with."""
    x = emit1("reshape", [x], shape=[*dims_of(x), 1])
    if count == 1:
        return to_tensor(x, "float32")
    divisors = to_tensor([2 ** (_BITS * i) for i in range(count)], x.dtype)
    return to_tensor(mod(floor_divide(x, divisors), 2**_BITS), "float32")


def _of_pieces(kind: str, a: Any, b: Any) -> Any:
    scales = np.array([2.0**-k for k in range(_BITS + 1)], "float32")

    def bits(x: Any) -> Any:
        shifted = emit1("floor", [multiply(emit1("reshape", [x], shape=[*dims_of(x), 1]), scales)])
        low, high = shifted[..., :-1], shifted[..., 1:]
        return subtract(low, multiply(high, 2.0))

    p, q = bits(a), bits(b)
    both = multiply(p, q)
    combined = both if kind == "and" else subtract(add(p, q), both if kind == "or" else multiply(both, 2.0))
    return emit1("sum", [multiply(combined, np.array([2.0**k for k in range(_BITS)], "float32"))], axes=[-1])


def bits_inverted(x: Any) -> Any:
    """What ``~`` does: every bit of ints, else not the truth of the elements."""
    x = to_tensor(x)
    if x.dtype in _FLOATS or x.dtype == "bool":
        return logical_not(x)
    return (
        subtract(-1, x) if x.dtype not in ("uint8", "uint16", "uint32") else subtract(2 ** (8 * _BYTES[x.dtype]) - 1, x)
    )
