"""Pooling layers, channels last."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.validation import channels_last, choice, int_tuple
from hornbeam.layers.layer import Layer

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
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
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]


class _Pool(Layer):
    rank, kind = 2, "max"

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = int_tuple("pool_size", pool_size, self.rank)
        self.strides = self.pool_size if strides is None else int_tuple("strides", strides, self.rank)
        self.padding = choice("padding", padding, ("valid", "same"))
        self.data_format = channels_last(data_format)

    def call(self, inputs: Any) -> Any:
        """The pooled input."""
        self._expect_axes(inputs, self.rank + 2)
        fn = ops.max_pool if self.kind == "max" else ops.average_pool
        return fn(inputs, self.pool_size, self.strides, self.padding)


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


class MaxPooling1D(_Pool):
    """The maximum over windows of sequences.

    Args:
        pool_size: size of the windows: an int, or one for each spatial axis.
        strides: from window to window, likewise; None for ``pool_size``.
        padding: "valid" for windows inside the input alone, "same" for ``ceil(size / stride)`` of them; padding never
            counts.
        data_format: only "channels_last".
        name: as for ``Layer``, and what follows it.

    Input shape:
        ``(batch, steps, channels)``.

    Output shape:
        ``(batch, steps, channels)``, with each spatial axis ``(size - pool_size) // strides + 1`` long for "valid".

    Raises:
        ValueError: when a size is not positive or the input has another number of axes.

    Example:
        >>> import numpy as np
        >>> MaxPooling1D()(np.ones((1, 4, 2), "float32")).shape
        (1, 2, 2)
    """

    rank = 1


class MaxPooling2D(_Pool):
    """The maximum over windows of images.

    Args:
        pool_size: size of the windows: an int, or one for each spatial axis.
        strides: from window to window, likewise; None for ``pool_size``.
        padding: "valid" for windows inside the input alone, "same" for ``ceil(size / stride)`` of them; padding never
            counts.
        data_format: only "channels_last".
        name: as for ``Layer``, and what follows it.

    Input shape:
        ``(batch, rows, columns, channels)``.

    Output shape:
        ``(batch, rows, columns, channels)``, with each spatial axis ``(size - pool_size) // strides + 1`` long for "valid".

    Raises:
        ValueError: when a size is not positive or the input has another number of axes.

    Example:
        >>> import numpy as np
        >>> MaxPooling2D()(np.ones((1, 4, 4, 2), "float32")).shape
        (1, 2, 2, 2)
    """


class MaxPooling3D(_Pool):
    """The maximum over windows of volumes.

    Args:
        pool_size: size of the windows: an int, or one for each spatial axis.
        strides: from window to window, likewise; None for ``pool_size``.
        padding: "valid" for windows inside the input alone, "same" for ``ceil(size / stride)`` of them; padding never
            counts.
        data_format: only "channels_last".
        name: as for ``Layer``, and what follows it.

    Input shape:
        ``(batch, planes, rows, columns, channels)``.

    Output shape:
        ``(batch, planes, rows, columns, channels)``, with each spatial axis ``(size - pool_size) // strides + 1`` long for "valid".

    Raises:
        ValueError: when a size is not positive or the input has another number of axes.

    Example:
        >>> import numpy as np
        >>> MaxPooling3D()(np.ones((1, 4, 4, 4, 2), "float32")).shape
        (1, 2, 2, 2, 2)
    """

    rank = 3


class AveragePooling1D(_Pool):
    """The mean over windows of sequences.

    Args:
        pool_size: size of the windows: an int, or one for each spatial axis.
        strides: from window to window, likewise; None for ``pool_size``.
        padding: "valid" for windows inside the input alone, "same" for ``ceil(size / stride)`` of them; padding never
            counts.
        data_format: only "channels_last".
        name: as for ``Layer``, and what follows it.

    Input shape:
        ``(batch, steps, channels)``.

    Output shape:
        ``(batch, steps, channels)``, with each spatial axis ``(size - pool_size) // strides + 1`` long for "valid".

    Raises:
        ValueError: when a size is not positive or the input has another number of axes.

    Example:
        >>> import numpy as np
        >>> AveragePooling1D()(np.ones((1, 4, 2), "float32")).shape
        (1, 2, 2)
    """

    rank, kind = 1, "average"


class AveragePooling2D(_Pool):
    """The mean over windows of images.

    Args:
        pool_size: size of the windows: an int, or one for each spatial axis.
        strides: from window to window, likewise; None for ``pool_size``.
        padding: "valid" for windows inside the input alone, "same" for ``ceil(size / stride)`` of them; padding never
            counts.
        data_format: only "channels_last".
        name: as for ``Layer``, and what follows it.

    Input shape:
        ``(batch, rows, columns, channels)``.

    Output shape:
        ``(batch, rows, columns, channels)``, with each spatial axis ``(size - pool_size) // strides + 1`` long for "valid".

    Raises:
        ValueError: when a size is not positive or the input has another number of axes.

    Example:
        >>> import numpy as np
        >>> AveragePooling2D()(np.ones((1, 4, 4, 2), "float32")).shape
        (1, 2, 2, 2)
    """

    kind = "average"


class AveragePooling3D(_Pool):
    """The mean over windows of volumes.

    Args:
        pool_size: size of the windows: an int, or one for each spatial axis.
        strides: from window to window, likewise; None for ``pool_size``.
        padding: "valid" for windows inside the input alone, "same" for ``ceil(size / stride)`` of them; padding never
            counts.
        data_format: only "channels_last".
        name: as for ``Layer``, and what follows it.

    Input shape:
        ``(batch, planes, rows, columns, channels)``.

    Output shape:
        ``(batch, planes, rows, columns, channels)``, with each spatial axis ``(size - pool_size) // strides + 1`` long for "valid".

    Raises:
        ValueError: when a size is not positive or the input has another number of axes.

    Example:
        >>> import numpy as np
        >>> AveragePooling3D()(np.ones((1, 4, 4, 4, 2), "float32")).shape
        (1, 2, 2, 2, 2)
    """

    rank, kind = 3, "average"


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


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
)
