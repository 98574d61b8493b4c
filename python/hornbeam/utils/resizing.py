"""Pictures at another size, in their proportions."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core.validation import choice
from hornbeam.ops.image import resize
from hornbeam.utils.images import layout

__all__ = ["smart_resize"]


def smart_resize(x: Any, size: Any, interpolation: str = "bilinear", data_format: str = "channels_last") -> Any:
    """A picture at another size: the largest part in its middle that has the size's proportions, resized.

    Args:
        x: (rows, columns, channels), or a batch of them.
        size: (rows, columns).
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        data_format: "channels_last" or "channels_first".

    Returns:
        An array where ``x`` is one, else a tensor.
    """
    interpolation = choice("interpolation", interpolation, ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"))
    y = resize(x, size, interpolation, crop_to_aspect_ratio=True, data_format=layout(data_format))
    return np.asarray(y) if isinstance(x, np.ndarray) else y
