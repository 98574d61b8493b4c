"""The bits of ints: what Python's operators on tensors do, without names of their own in ``hornbeam.ops``."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core.tensor import _FLOATS, Tensor, dims_of, emit1, to_tensor
from hornbeam.ops.comparison import less, logical_not, where
from hornbeam.ops.elementwise import unify
from hornbeam.ops.math import add, floor_divide, mod, multiply, subtract

__all__ = ["bits_combined", "bits_inverted"]

_BYTES = {"uint8": 1, "uint16": 2, "uint32": 4}


def bits_combined(kind: str, x1: Any, x2: Any) -> Any:
    """What ``&``, ``|`` and ``^`` do: bit by bit for ints, else with the truth of the elements."""
    a, b = unify(x1, x2)
    if a.dtype in _FLOATS or a.dtype == "bool":
        return emit1(f"logical_{kind}", [to_tensor(a, "bool"), to_tensor(b, "bool")])
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        bitwise = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}[kind]
        return to_tensor(bitwise(np.asarray(a), np.asarray(b)), a.dtype)
    signed = a.dtype != "uint8"
    powers = [2**k for k in range({"uint8": 8, "int32": 31, "int64": 63}[a.dtype])]

    def bits(x: Any) -> Any:  # the sign apart
        x = emit1("reshape", [x], shape=[*dims_of(x), 1])
        return mod(floor_divide(x, to_tensor(powers, x.dtype)), 2)

    truth = emit1(f"logical_{kind}", [to_tensor(bits(a), "bool"), to_tensor(bits(b), "bool")])
    y = emit1("sum", [multiply(to_tensor(truth, a.dtype), to_tensor(powers, a.dtype))], axes=[-1])
    if not signed:
        return y
    negative = emit1(f"logical_{kind}", [less(a, 0), less(b, 0)])
    return where(negative, add(y, -(2 ** len(powers))), y)


def bits_inverted(x: Any) -> Any:
    """What ``~`` does: every bit of ints, else not the truth of the elements."""
    x = to_tensor(x)
    if x.dtype in _FLOATS or x.dtype == "bool":
        return logical_not(x)
    return (
        subtract(-1, x) if x.dtype not in ("uint8", "uint16", "uint32") else subtract(2 ** (8 * _BYTES[x.dtype]) - 1, x)
    )
