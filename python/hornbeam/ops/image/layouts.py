"""What the image ops share: images of either layout, one or a batch, as one batch with channels last."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core import validation as _check
from hornbeam.core.tensor import _INTEGERS, to_tensor
from hornbeam.ops import math as m
from hornbeam.ops.arrays import expand_dims, squeeze, transpose
from hornbeam.ops.elementwise import to_float

__all__ = ["Layout", "checked_images", "computed_in", "data_format_of", "in_dtype"]


def data_format_of(data_format: Any) -> str:
    """A layout's name: for None the default's."""
    if data_format is None:
        return config.image_data_format()
    return _check.choice("data_format", data_format, ("channels_last", "channels_first"))


def checked_images(images: Any, name: str = "images") -> Any:
    """``images`` as a tensor, when it is an image or a batch of them."""
    x = to_tensor(images)
    if x.ndim not in (3, 4):
        raise ValueError(
            f"Invalid {name} rank: expected rank 3 (single image) or rank 4 (batch of images). Received: "
            f"{name}.shape={tuple(x.shape)}"
        )
    return x


class Layout:
    """How images came, so that what is computed of them goes back in the same way.

    Args:
        images: a tensor, one image or a batch.
        data_format: None, "channels_last" or "channels_first".
    """

    def __init__(self, images: Any, data_format: Any = None) -> None:
        self.given = checked_images(images)
        self.channels_first = data_format_of(data_format) == "channels_first"
        self.single = self.given.ndim == 3

    @property
    def axes(self) -> tuple[int, int, int]:
        """The axes of rows, columns and channels, counted from the end."""
        return (-2, -1, -3) if self.channels_first else (-3, -2, -1)

    def batch(self) -> Any:
        """The images as ``(batch, rows, columns, channels)``."""
        x = expand_dims(self.given, 0) if self.single else self.given
        return transpose(x, [0, 2, 3, 1]) if self.channels_first else x

    def back(self, x: Any) -> Any:
        """Such a batch as the images came."""
        x = transpose(x, [0, 3, 1, 2]) if self.channels_first else x
        return squeeze(x, 0) if self.single else x


def computed_in(x: Any) -> Any:
    """``x`` in the dtype that images are interpolated in: float64 as it is, all others in float32 or ``floatx``."""
    return to_tensor(x, "float32") if x.dtype in ("float16", "bfloat16") else to_float(x)


def in_dtype(y: Any, dtype: str, away: bool = False) -> Any:
    """Floats in another dtype: ints take the nearest that they hold.

    Args:
        y: a float tensor.
        dtype: of the result.
        away: whether a half is rounded away from zero; else to the even neighbour.
    """
    if y.dtype == dtype:
        return y
    if dtype not in _INTEGERS:
        return to_tensor(y, dtype)
    low, high = _INTEGERS[dtype]
    most = np.dtype(y.dtype).type(high)
    most = most if int(most) <= high else np.nextafter(most, 0, dtype=y.dtype)  # what both dtypes hold
    y = m.multiply(m.sign(y), m.floor(m.add(m.abs(y), 0.5))) if away else m.round(y)
    return to_tensor(m.clip(y, float(low), float(most)), dtype)
