"""Random tensors from Philox: pure functions of a seed and the element's index, the same for any number of threads.

``seed`` may be None (the global generator), an int (always the same numbers) or a ``SeedGenerator`` (the next numbers of
its stream).
"""

from __future__ import annotations

import random as _python_random
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core import validation as _check
from hornbeam.core.operators import ops as _installed
from hornbeam.core.registry import register_builtin
from hornbeam.core.state import state
from hornbeam.core.tensor import dims_of, emit1, is_float, is_tensor, to_tensor
from hornbeam.core.variable import Variable
from hornbeam.ops import arrays as s
from hornbeam.ops import creation, indexing, reductions, selection
from hornbeam.ops import math as m
from hornbeam.ops.comparison import greater_equal, less, where
from hornbeam.ops.elementwise import dtype_of, to_float

__all__ = [
    "SeedGenerator",
    "bernoulli",
    "categorical",
    "dropout",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]


@register_builtin
class SeedGenerator:
    """A stream of seeds whose counter is a variable, so that each step of a compiled program draws new numbers.

    Args:
        seed: an int; None takes one from the global generator.
        name: a name for the variable.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self._initial_seed = make_seed() if seed is None else _check.integer("seed", seed)
        self.name = name or "seed_generator"
        self.state = Variable(np.array([self._initial_seed, 0], "int64"), trainable=False, name="seed_generator_state")

    def next(self, ordered: bool = True) -> Any:
        """The seed for one draw, int64 of shape (2,); advances the stream.

        Args:
            ordered: only True: the next seed is the next number.
        """
        _check.unsupported("ordered", ordered, True)
        if state.draws is not None:
            return state.draws.next(self)
        value = self.state.value
        self.state.assign(m.add(value, np.array([0, 1], "int64")))
        return value

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"seed": self._initial_seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """A new stream from its beginning."""
        return cls(**config)


_global_seed = 0
_made = 0
_global: SeedGenerator | None = None


def set_global_seed(seed: int) -> None:
    """Restarts the global generator and the seeds handed to new layers and initializers.

    Args:
        seed: an int >= 0.
    """
    global _global_seed, _made, _global
    _global_seed, _made, _global = _check.integer("seed", seed, 0), 0, None


set_global_seed(_python_random.SystemRandom().randrange(2**31))


def make_seed() -> int:
    """A fresh seed from the global sequence."""
    global _made
    _made += 1
    return int(np.random.SeedSequence([_global_seed, _made]).generate_state(1)[0])


def _seed(seed: Any) -> Any:
    global _global
    if seed is None:
        if _global is None:
            _global = SeedGenerator(_global_seed)
        return _global.next()
    if isinstance(seed, SeedGenerator):
        return seed.next()
    return to_tensor(np.array([_check.integer("seed", seed), 0], "int64"))


def _uniform01(shape: Any, dtype: str, state: Any, stream: int = 0) -> Any:
    return emit1("random_uniform", [state], shape=_check.dims("shape", shape), dtype=dtype, stream=stream)


def _number(name: str, value: Any, *bounds: float) -> Any:
    """A tensor as it is, else a number within the bounds."""
    return (
        value if is_tensor(value) or isinstance(value, (Variable, np.ndarray)) else _check.number(name, value, *bounds)
    )


def _float(dtype: Any) -> tuple[str, str]:
    """A float dtype, and the one to draw in for it: halves have too few digits."""
    name = config.standardize_dtype(dtype)
    if not is_float(name):
        raise ValueError(f"`dtype` must be a float dtype. Received: dtype={dtype!r}")
    return name, "float64" if name == "float64" else "float32"


def uniform(shape: Sequence[Any], minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers drawn evenly from [minval, maxval).

    Args:
        shape: dimensions: ints or expressions (``ops.shape``).
        minval: the least number.
        maxval: above all of them.
        dtype: name of the element type; None for ``floatx``.
        seed: None, an int, or a ``SeedGenerator``, which goes on with each call.

    Returns:
        A tensor of that shape.
    """
    low, high = _check.number("minval", minval), _check.number("maxval", maxval)
    dtype, drawn = _float(dtype)
    u = _uniform01(shape, drawn, _seed(seed))
    return to_tensor(u if (low, high) == (0.0, 1.0) else m.add(m.multiply(u, high - low), low), dtype)


def normal(shape: Sequence[Any], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Normally distributed numbers (Box and Muller 1958).

    Args:
        shape: dimensions: ints or expressions (``ops.shape``).
        mean: the mean.
        stddev: the standard deviation, at least 0.
        dtype: name of the element type; None for ``floatx``.
        seed: None, an int, or a ``SeedGenerator``, which goes on with each call.

    Returns:
        A tensor of that shape.
    """
    mean, stddev = _number("mean", mean), _number("stddev", stddev, 0)
    (dtype, drawn), state = _float(dtype), _seed(seed)
    radius = m.sqrt(m.multiply(m.log(m.subtract(1.0, _uniform01(shape, drawn, state))), -2.0))
    z = m.multiply(radius, m.cos(m.multiply(_uniform01(shape, drawn, state, 1), 2 * np.pi)))
    return to_tensor(m.add(m.multiply(z, stddev), mean), dtype)


_installed.normal = normal  # for ops that draw


def truncated_normal(
    shape: Sequence[Any], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Normal numbers within two standard deviations of the mean, by inversion.

    Args:
        shape: dimensions: ints or expressions (``ops.shape``).
        mean: the mean before truncation.
        stddev: the standard deviation before truncation.
        dtype: name of the element type; None for ``floatx``.
        seed: None, an int, or a ``SeedGenerator``, which goes on with each call.

    Returns:
        A tensor of that shape.
    """
    mean, stddev = _number("mean", mean), _number("stddev", stddev, 0)
    edge = 0.9544997361036416  # erf(2 / sqrt 2)
    dtype, drawn = _float(dtype)
    u = _uniform01(shape, drawn, _seed(seed))
    z = m.multiply(m.erfinv(m.multiply(m.subtract(m.multiply(u, 2.0), 1.0), edge)), 2**0.5)
    return to_tensor(m.add(m.multiply(m.clip(z, -2.0, 2.0), stddev), mean), dtype)


def bernoulli(shape: Sequence[Any], p: Any = 0.5, dtype: Any = None, seed: Any = None) -> Any:
    """1 with probability p, else 0.

    Args:
        shape: dimensions: ints or expressions (``ops.shape``).
        p: a number in [0, 1], or a tensor that broadcasts.
        dtype: name of the element type; None for ``floatx``.
        seed: None, an int, or a ``SeedGenerator``, which goes on with each call.

    Returns:
        A tensor of that shape.
    """
    p = _number("p", p, 0, 1)
    return m.cast(less(_uniform01(shape, "float32", _seed(seed)), p), dtype or config.floatx())


def randint(shape: Sequence[Any], minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Ints drawn evenly from [minval, maxval).

    Args:
        shape: dimensions: ints or expressions (``ops.shape``).
        minval: the least int.
        maxval: above all of them.
        dtype: an integer type that holds the bounds.
        seed: None, an int, or a ``SeedGenerator``, which goes on with each call.

    Returns:
        A tensor of that shape.
    """
    low, high = _check.integer("minval", minval), _check.integer("maxval", maxval)
    if high <= low:
        raise ValueError(f"`maxval` must be above `minval`. Received: minval={minval}, maxval={maxval}")
    u = _uniform01(shape, "float64", _seed(seed))
    span = float(high - low)
    return m.add(m.cast(m.minimum(m.floor(m.multiply(u, span)), span - 1), dtype), low)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Class indices drawn with probabilities softmax(logits), by the Gumbel trick.

    Input shape: ``(batch, classes)``. Output shape: ``(batch, num_samples)``.

    Args:
        logits: ``(batch, classes)``.
        num_samples: drawn for each row.
        dtype: an integer type.
        seed: None, an int, or a ``SeedGenerator``, which goes on with each call.

    Returns:
        ``(batch, num_samples)``.
    """
    logits, num_samples = (
        to_tensor(logits, None if dtype_of(logits) == "float64" else "float32"),
        _check.integer("num_samples", num_samples, 0),
    )
    if logits.ndim != 2:
        raise ValueError(f"`logits` must have two axes. Received: logits.shape={tuple(logits.shape)}")
    batch, classes = dims_of(logits)
    u = _uniform01([batch, num_samples, classes], logits.dtype, _seed(seed))
    gumbel = m.negative(m.log(m.add(m.negative(m.log(m.add(u, 1e-20))), 1e-20)))
    return m.cast(reductions.argmax(m.add(s.expand_dims(logits, 1), gumbel), axis=-1), dtype)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """The slices along ``axis`` in random order.

    Args:
        x: a tensor.
        axis: which axis.
        seed: None, an int, or a ``SeedGenerator``, which goes on with each call.

    Returns:
        A tensor of x's shape.
    """
    x = to_tensor(x)
    axis = _check.axis_in(axis, x.ndim)
    order = indexing.argsort(_uniform01([dims_of(x)[axis]], "float64", _seed(seed)))
    return selection.take(x, order, axis=axis)


def dropout(inputs: Any, rate: float, noise_shape: Sequence[Any] | None = None, seed: Any = None) -> Any:
    """Zeroes elements with probability ``rate`` and scales the others by 1 / (1 - rate) (Srivastava et al. 2014).

    Args:
        inputs: a tensor of any shape.
        rate: in [0, 1].
        noise_shape: of the draws, which are repeated along its axes of size 1; None for the inputs'.
        seed: None, an int, or a ``SeedGenerator``, which goes on with each call.

    Returns:
        A tensor of the inputs' shape.
    """
    x, rate = to_float(inputs), _check.fraction("rate", rate)
    sizes = list(dims_of(x))
    if noise_shape is not None:
        fits = len(noise_shape) == x.ndim and all(
            n in (None, 1) or not isinstance(n, int) or not isinstance(d, int) or n == d
            for d, n in zip(sizes, noise_shape)
        )
        if not fits:
            raise ValueError(
                f"`noise_shape` must be 1 or the input's size on each axis. Received: noise_shape={tuple(noise_shape)} "
                f"for an input of shape {tuple(x.shape)}"
            )
        sizes = [d if n is None else n for d, n in zip(sizes, noise_shape)]
    if rate == 1:
        return creation.zeros_like(x)
    keep = greater_equal(_uniform01(sizes, "float32", _seed(seed)), rate)
    return where(keep, m.multiply(x, 1.0 / (1.0 - rate)), 0.0)
