"""Random tensors of the gamma distribution, and of the beta distribution, which is made of two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam.core import validation as _check
from hornbeam.core.tensor import is_tensor, to_tensor
from hornbeam.ops import activations, arrays, reductions, selection
from hornbeam.ops import math as m
from hornbeam.ops.comparison import greater, less, logical_and
from hornbeam.random.draws import _float, _number, _seed, _uniform01

__all__ = ["beta", "gamma"]

_TRIES = 8  # each is accepted with probability 0.95 or more: none of them, less often than a float32 can say


def gamma(shape: Sequence[Any], alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Gamma-distributed numbers of scale 1 (Marsaglia and Tsang 2000).

    Args:
        shape: dimensions: ints or expressions (``ops.shape``).
        alpha: the shape parameter, above 0: a number, or several that broadcast.
        dtype: name of the element type; None for ``floatx``.
        seed: None, an int, or a ``SeedGenerator``, which goes on with each call.

    Returns:
        A tensor of that shape.

    Example:
        >>> float(gamma((1000,), 3.0, seed=1).numpy().mean().round())
        3.0
    """
    name, drawn = _float(dtype)
    return to_tensor(m.exp(log_gamma(shape, _positive("alpha", alpha), drawn, _seed(seed))), name)


def beta(shape: Sequence[Any], alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Beta-distributed numbers: X / (X + Y) of two gamma-distributed ones.

    Args:
        shape: dimensions: ints or expressions (``ops.shape``).
        alpha: the first shape parameter, above 0: a number, or several that broadcast.
        beta: the second, likewise.
        dtype: name of the element type; None for ``floatx``.
        seed: None, an int, or a ``SeedGenerator``, which goes on with each call.

    Returns:
        A tensor of that shape, of numbers in [0, 1].

    Example:
        >>> float(beta((1000,), 2.0, 2.0, seed=1).numpy().mean().round(1))
        0.5
    """
    name, drawn = _float(dtype)
    alpha, beta = _positive("alpha", alpha), _positive("beta", beta)
    state = _seed(seed)
    # In logarithms: for small parameters both gammas are often below the smallest float.
    x, y = log_gamma(shape, alpha, drawn, state), log_gamma(shape, beta, drawn, state, 4)
    return to_tensor(activations.sigmoid(m.subtract(x, y)), name)


def dirichlet(size: int, alpha: float, seed: Any = None) -> Any:
    """``size`` numbers in [0, 1] whose sum is 1, of the symmetric Dirichlet distribution with this parameter."""
    return activations.softmax(log_gamma((size,), alpha, "float32", _seed(seed)))


def log_gamma(shape: Sequence[Any], alpha: Any, dtype: str, state: Any, stream: int = 0) -> Any:
    """Logarithms of gamma-distributed numbers, from four streams of the seed ``state``.

    Of ``_TRIES`` proposals for each number the first that is accepted counts. They are made for ``alpha + 1``, where few are
    rejected; a power of one more uniform number leads back to ``alpha``.
    """
    sizes = _check.dims("shape", shape)
    if all(isinstance(d, int) for d in sizes):
        _check.fits_memory("a tensor of gamma", [_TRIES, *sizes], dtype)
    alpha = to_tensor(alpha, dtype)
    tries = [_TRIES, *sizes]
    radius = m.sqrt(m.multiply(m.log(_above_0(tries, dtype, state, stream)), -2.0))
    x = m.multiply(radius, m.cos(m.multiply(_uniform01(tries, dtype, state, stream + 1), 2 * np.pi)))
    d = m.add(alpha, 2 / 3)
    v = m.power(m.add(m.multiply(x, m.divide(1 / 3, m.sqrt(d))), 1.0), 3)
    log_v = m.log(m.maximum(v, 1e-30))
    bound = m.add(m.multiply(m.square(x), 0.5), m.multiply(d, m.add(m.subtract(1.0, v), log_v)))
    accepted = logical_and(greater(v, 0), less(m.log(_above_0(tries, dtype, state, stream + 2)), bound))
    first = arrays.expand_dims(reductions.argmax(m.cast(accepted, "int32"), axis=0), 0)
    chosen = arrays.squeeze(selection.take_along_axis(log_v, first, axis=0), 0)
    power = m.divide(m.log(_above_0(sizes, dtype, state, stream + 3)), alpha)
    return m.add(m.add(m.log(d), chosen), power)


def _above_0(shape: Any, dtype: str, state: Any, stream: int) -> Any:
    return m.subtract(1.0, _uniform01(shape, dtype, state, stream))


def _positive(name: str, value: Any) -> Any:
    """A tensor as it is, else a number above 0, or several."""
    value = np.asarray(value) if isinstance(value, (list, tuple)) else value
    numbers = not isinstance(value, np.ndarray) or value.dtype.kind in "fiu"
    if not numbers or not (is_tensor(_number(name, value)) or np.all(np.asarray(value) > 0)):
        raise ValueError(f"`{name}` must be a positive number. Received: {name}={value}")
    return value
