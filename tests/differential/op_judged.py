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
    own = ("AttributeError", "IndexError", "ValueError: Unsupported key type", "ValueError: `outputs` argument cannot")
    if isinstance(want, str) and want.startswith(own):
        return (
            "Keras fails by itself: symbolic hstack, conv_transpose, batch_normalization, arrays as index, no outputs"
        )
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
    if isinstance(got, str) and "dilated kernel" in got and 0 in want[0][1]:
        return "a kernel that is larger than the padded input is refused; JAX gives nothing for it"
    if op in ("softsign", "hard_tanh") and not dtypes & {"float32", "float16"}:
        return "JAX computes with the ints, and wraps around at their ends"
    if op == "power" and not dtypes & {"float32", "float16"} and (np.asarray(args[1]) < 0).any():
        return "a negative power of an int is 0, but of 1 and -1; XLA gives what comes of the loop"
    if op in ("leaky_relu", "relu", "elu", "selu") and any(((a != 0) & (abs(a) < 1e-37)).any() for a in arrays):
        return "denormals count as 0"
    if op in ("log_softmax", "logsumexp") and any((a == -np.inf).any() for a in arrays) and np.isnan(want[0][2]).any():
        return "the logarithm of a softmax of nothing but -inf is -inf"
    if op in ("logaddexp", "arctan2") and "float16" in dtypes and any(isinstance(a, float) for a in args):
        return "a Python float takes the other side's dtype in every op"
    infinite = any(np.isinf(a).any() for a in arrays if a.dtype.kind == "f")
    if op in ("logaddexp", "cumprod") and way == "gradient" and infinite:
        return "gradients beside infinities: none through logaddexp's smaller side, NaN in cumprod"
    if op == "cast" and "uint" in str(args[1]) and any((a <= -1).any() for a in arrays):
        return "negative floats wrap around in unsigned ints, as in NumPy; XLA leaves it to the machine"
    if op == "normalize" and "float16" in dtypes and way == "gradient":
        return "halves are normalized in float32; Keras' differences of halves are noise"
    if op in ("abs", "absolute") and any(np.isnan(a).any() for a in arrays):
        return "the gradient of what is not a number is none"
    return None
