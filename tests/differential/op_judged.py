"""Where an answer other than Keras' stays, and why."""

from __future__ import annotations

import numpy as np

NARROW = ("int8", "int16", "uint16", "uint32")  # dtypes of eager tensors alone


def arrays_of(x):
    """The arrays of a call."""
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, (list, tuple)):
        return [a for i in x for a in arrays_of(i)]
    return [x] if isinstance(x, np.ndarray) else []


def reason(op, args, kwargs, way, got, want):
    """Why this difference stays, or None."""
    arrays = arrays_of([args, kwargs])
    dtypes = {a.dtype.name for a in arrays}
    narrow = dtypes & set(NARROW) or set(NARROW) & {a for a in args if isinstance(a, str)}
    if way != "eager" and narrow:
        return "compiled programs hold no int8, int16, uint16 and uint32"
    if isinstance(want, str) and not dtypes & {"float32", "float16"}:
        return "ints and bools count as numbers here, where JAX refuses them"
    if isinstance(want, str) and want.startswith(("AttributeError", "IndexError")):
        return "Keras fails by itself: symbolic hstack, conv_transpose and batch_normalization"
    if op in ("abs", "absolute", "norm", "normalize") and way == "gradient" and any((a == 0).any() for a in arrays):
        return "the gradient of abs at 0 is 0, between its slopes; JAX takes the right one"
    if (
        op == "layer_normalization"
        and not isinstance(got, str)
        and np.allclose(got[0][2], want[0][2], rtol=2e-2, atol=2e-2)
    ):
        return "Keras subtracts large numbers where the variance is small"
    if op in ("softmax", "norm") and isinstance(want, str):
        return "Keras fails by itself: a tuple of one negative axis"
    if isinstance(got, str) and "holds ints in" in got:
        return "a Python int that the dtype does not hold is refused; JAX wraps it around"
    if op == "floor_divide" and not dtypes & {"float32", "float16"}:
        return "an int divided by 0 is 0; XLA gives what the machine does"
    return None
