"""Pooling layers that reduce all of an image or a series, channels last."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.validation import channels_last
from hornbeam.layers.layer import Layer

__all__ = [
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
]


class _GlobalPool(Layer):
    rank, kind = 2, "max"

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format)
        self.keepdims = keepdims

    def call(self, inputs: Any) -> Any:
        """One value a channel."""
        self._expect_axes(inputs, self.rank + 2)
        axes = list(range(1, self.rank + 1))
        return (ops.max if self.kind == "max" else ops.mean)(inputs, axis=axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(_GlobalPool):
    """The maximum of each channel over all of a sequence.

    Args:
        data_format: only "channels_last".
        keepdims: whether the spatial axes stay, with size 1.

    Input shape:
        ``(batch, steps, channels)``.

    Output shape:
        ``(batch, channels)``, or ``(batch, 1, channels)`` with ``keepdims``.

    Example:
        >>> import numpy as np
        >>> GlobalMaxPooling1D()(np.ones((2, 4, 3), "float32")).shape
        (2, 3)
    """

    rank = 1


class GlobalMaxPooling2D(_GlobalPool):
    """The maximum of each channel over all of a image.

    Args:
        data_format: only "channels_last".
        keepdims: whether the spatial axes stay, with size 1.

    Input shape:
        ``(batch, rows, columns, channels)``.

    Output shape:
        ``(batch, channels)``, or ``(batch, 1, 1, channels)`` with ``keepdims``.

    Example:
        >>> import numpy as np
        >>> GlobalMaxPooling2D()(np.ones((2, 4, 4, 3), "float32")).shape
        (2, 3)
    """


class GlobalMaxPooling3D(_GlobalPool):
    """The maximum of each channel over all of a volume.

    Args:
        data_format: only "channels_last".
        keepdims: whether the spatial axes stay, with size 1.

    Input shape:
        ``(batch, planes, rows, columns, channels)``.

    Output shape:
        ``(batch, channels)``, or ``(batch, 1, 1, 1, channels)`` with ``keepdims``.

    Example:
        >>> import numpy as np
        >>> GlobalMaxPooling3D()(np.ones((2, 4, 4, 4, 3), "float32")).shape
        (2, 3)
    """

    rank = 3


class GlobalAveragePooling1D(_GlobalPool):
    """The mean of each channel over all of a sequence over the steps that its mask keeps.

    Args:
        data_format: only "channels_last".
        keepdims: whether the spatial axes stay, with size 1.

    Input shape:
        ``(batch, steps, channels)``.

    Output shape:
        ``(batch, channels)``, or ``(batch, 1, channels)`` with ``keepdims``.

    Example:
        >>> import numpy as np
        >>> GlobalAveragePooling1D()(np.ones((2, 4, 3), "float32")).shape
        (2, 3)
    """

    rank, kind = 1, "average"

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None: the time axis is gone."""
        return None

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The mean over the steps that the mask keeps."""
        if mask is None:
            return super().call(inputs)
        w = ops.expand_dims(ops.cast(mask, inputs.dtype), -1)
        steps = ops.maximum(ops.sum(w, axis=1, keepdims=self.keepdims), 1.0)  # the mean of none is 0
        return ops.divide(ops.sum(ops.multiply(inputs, w), axis=1, keepdims=self.keepdims), steps)


class GlobalAveragePooling2D(_GlobalPool):
    """The mean of each channel over all of a image.

    Args:
        data_format: only "channels_last".
        keepdims: whether the spatial axes stay, with size 1.

    Input shape:
        ``(batch, rows, columns, channels)``.

    Output shape:
        ``(batch, channels)``, or ``(batch, 1, 1, channels)`` with ``keepdims``.

    Example:
        >>> import numpy as np
        >>> GlobalAveragePooling2D()(np.ones((2, 4, 4, 3), "float32")).shape
        (2, 3)
    """

    kind = "average"


class GlobalAveragePooling3D(_GlobalPool):
    """The mean of each channel over all of a volume.

    Args:
        data_format: only "channels_last".
        keepdims: whether the spatial axes stay, with size 1.

    Input shape:
        ``(batch, planes, rows, columns, channels)``.

    Output shape:
        ``(batch, channels)``, or ``(batch, 1, 1, 1, channels)`` with ``keepdims``.

    Example:
        >>> import numpy as np
        >>> GlobalAveragePooling3D()(np.ones((2, 4, 4, 4, 3), "float32")).shape
        (2, 3)
    """

    rank, kind = 3, "average"


GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
)
