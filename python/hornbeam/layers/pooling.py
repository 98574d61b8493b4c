"""Pooling layers with windows, channels last."""

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


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
