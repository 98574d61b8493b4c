"""Initializers that draw nothing: the same numbers each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam.core.registry import register_builtin, serialize_keras_object
from hornbeam.core.validation import choice, number
from hornbeam.initializers.initializer import Initializer, _dtype, _sizes
from hornbeam.ops.windows import WINDOWS, window_values

__all__ = [
    "Constant",
    "Identity",
    "IdentityInitializer",
    "Ones",
    "STFT",
    "STFTInitializer",
    "Zeros",
    "constant",
    "identity",
    "ones",
    "stft",
    "zeros",
]


@register_builtin
class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        shape = _sizes(shape)
        return np.zeros(shape, _dtype(dtype))


@register_builtin
class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        shape = _sizes(shape)
        return np.ones(shape, _dtype(dtype))


@register_builtin
class Constant(Initializer):
    """One value everywhere.

    Args:
        value: the number.
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = value if np.ndim(value) or isinstance(value, (bool, np.bool_)) else number("value", value)

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        shape = _sizes(shape)
        return np.broadcast_to(np.asarray(self.value, _dtype(dtype)), shape).copy()

    def get_config(self) -> dict[str, Any]:
        return {"value": serialize_keras_object(self.value)}


@register_builtin
class Identity(Initializer):
    """``gain`` times the identity matrix (two axes).

    Args:
        gain: the factor.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = number("gain", gain)

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        shape = _sizes(shape)
        if len(shape) != 2:
            raise ValueError(f"Identity needs a shape of two axes. Received: shape={shape}")
        return (self.gain * np.eye(shape[0], shape[1])).astype(_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


@register_builtin
class STFT(Initializer):
    """Kernels of a convolution that computes Fourier transforms of windowed frames: cosines or negative sines.

    Args:
        side: "real" or "imag": which part of the transform.
        window: the name of a window as SciPy has it ("hann", "hamming", "blackman", ..), the values of one, or None.
        scaling: by what windowed kernels are divided: "density" (the square root of the sum of the window's squares),
            "spectrum" (the sum of its sizes) or None.
        periodic: whether a window given by its name is one period of a periodic function; else it is symmetric.

    The shape is ``(frame length, 1, bins)``, the bins those of a transform of ``2 * (bins - 1)`` points.
    """

    def __init__(
        self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False
    ) -> None:
        self.side = choice("side", side, ("real", "imag"))
        self.window = choice("window", window, WINDOWS) if isinstance(window, str) else window
        if self.window is not None and not isinstance(window, str) and np.ndim(window) != 1:
            raise ValueError(f"`window` must be a name, an array of one axis or None. Received: window={window!r}")
        self.scaling = scaling if scaling is None else choice("scaling", scaling, ("density", "spectrum"))
        self.periodic = bool(periodic)

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        sizes = _sizes(shape)
        if len(sizes) != 3 or sizes[1] != 1:
            raise ValueError(f"STFT needs a shape (frame length, 1, bins). Received: shape={sizes}")
        length, _, bins = sizes
        turns = np.outer(np.arange(length), np.arange(bins)) / max(2 * (bins - 1), 1)
        kernel = np.cos(2 * np.pi * turns) if self.side == "real" else -np.sin(2 * np.pi * turns)
        if self.window is not None:
            kernel *= self._factors(length)[:, None]
        return kernel[:, None, :].astype(_dtype(dtype))

    def _factors(self, length: int) -> Any:
        """The window, scaled."""
        named = isinstance(self.window, str)
        window = window_values(self.window, length, self.periodic) if named else np.asarray(self.window, "float64")
        if window.shape != (length,):
            raise ValueError(
                f"The shape of `window` must be equal to [frame_length]. Received: window shape={window.shape}, "
                f"frame_length={length}"
            )
        if self.scaling == "density":
            return window / np.sqrt(np.sum(np.square(window)))
        return window if self.scaling is None else window / np.sum(np.abs(window))

    def get_config(self) -> dict[str, Any]:
        window = self.window if isinstance(self.window, str) else serialize_keras_object(self.window)
        return {"side": self.side, "window": window, "scaling": self.scaling, "periodic": self.periodic}


zeros, ones, constant, identity, stft = Zeros, Ones, Constant, Identity, STFT
IdentityInitializer, STFTInitializer = Identity, STFT
