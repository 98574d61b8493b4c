"""Windows: factors that let a frame of a signal fade in and out.

The formulas are those of Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform"
(1978); the sums of cosines with small side lobes are Nuttall's, "Some windows with very good sidelobe behavior" (1981).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core import validation as _check
from hornbeam.core.tensor import Tensor, to_tensor, variable_value

__all__ = ["bartlett", "blackman", "hamming", "hanning", "kaiser"]

# Each is the sum of these factors times cosines of 0, 1, 2, .. periods, with alternating signs.
_COSINES = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}
# Functions of the distance from the middle, which is 1 at the first and the last point.
_SHAPES: dict[str, Callable[[Any], Any]] = {
    "bartlett": lambda d: 1 - d,
    "barthann": lambda d: 0.62 - 0.24 * d + 0.38 * np.cos(np.pi * d),
    "bohman": lambda d: (1 - d) * np.cos(np.pi * d) + np.sin(np.pi * d) / np.pi,
    "lanczos": np.sinc,
    "tukey": lambda d: 0.5 - 0.5 * np.cos(2 * np.pi * np.minimum(1 - d, 0.5)),
}
WINDOWS = (*_COSINES, *_SHAPES, "cosine")


def window_values(name: str, length: int, periodic: bool) -> Any:
    """A window as a float64 array.

    Args:
        name: one of ``WINDOWS``, as SciPy's ``get_window`` calls them.
        length: the number of points.
        periodic: whether the window is one period of a periodic function, whose first point is not repeated at the end.
    """
    name = _check.choice("window", name, WINDOWS)
    if length <= 1:
        return np.ones(length)
    points = length + 1 if periodic else length
    x = np.arange(length)
    if name == "cosine":
        return np.sin(np.pi / points * (x + 0.5))
    if name in _COSINES:
        signs = (-1.0) ** np.arange(len(_COSINES[name]))
        waves = np.cos(2 * np.pi / (points - 1) * np.outer(x, np.arange(len(signs))))
        return waves @ (signs * _COSINES[name])
    return np.maximum(_SHAPES[name](np.abs(2 * x / (points - 1) - 1)), 0.0)


def _points(x: Any) -> int:
    x = variable_value(x)
    return _check.integer("x", x.numpy()[()] if isinstance(x, Tensor) else x, 0)


def bartlett(x: Any) -> Any:
    """Bartlett's window, a triangle that is 0 at both ends.

    Args:
        x: how many points: an int, or an eager scalar tensor of one.

    Returns:
        A tensor ``(x,)`` of ``floatx``.

    Example:
        >>> bartlett(5).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return to_tensor(np.bartlett(_points(x)), config.floatx())


def blackman(x: Any) -> Any:
    """Blackman's window: ``0.42 - 0.5 cos(2 pi n / (x - 1)) + 0.08 cos(4 pi n / (x - 1))``.

    Args:
        x: how many points: an int, or an eager scalar tensor of one.

    Returns:
        A tensor ``(x,)`` of ``floatx``.
    """
    return to_tensor(np.blackman(_points(x)), config.floatx())


def hamming(x: Any) -> Any:
    """Hamming's window: ``0.54 - 0.46 cos(2 pi n / (x - 1))``.

    Args:
        x: how many points: an int, or an eager scalar tensor of one.

    Returns:
        A tensor ``(x,)`` of ``floatx``.
    """
    return to_tensor(np.hamming(_points(x)), config.floatx())


def hanning(x: Any) -> Any:
    """Von Hann's window: ``0.5 - 0.5 cos(2 pi n / (x - 1))``.

    Args:
        x: how many points: an int, or an eager scalar tensor of one.

    Returns:
        A tensor ``(x,)`` of ``floatx``.

    Example:
        >>> hanning(5).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return to_tensor(np.hanning(_points(x)), config.floatx())


def kaiser(x: Any, beta: float) -> Any:
    """Kaiser's window: ``i0(beta sqrt(1 - t**2)) / i0(beta)`` with t from -1 to 1.

    Args:
        x: how many points: an int, or an eager scalar tensor of one.
        beta: how steeply it falls: a number; 0 gives ones.

    Returns:
        A tensor ``(x,)`` of ``floatx``.
    """
    return to_tensor(np.kaiser(_points(x), _check.number("beta", beta)), config.floatx())
