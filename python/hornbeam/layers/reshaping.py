"""Layers that rearrange, pad, crop or repeat."""

from __future__ import annotations

import math
from typing import Any

from hornbeam import ops
from hornbeam.core.tensor import dims_of
from hornbeam.core.validation import channels_last, choice, int_tuple, integer, ints, positive_int
from hornbeam.layers.layer import Layer
from hornbeam.ops.arrays import shape_product
from hornbeam.ops.image.resizing import enlarged

__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Flatten",
    "Permute",
    "RepeatVector",
    "Reshape",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]


class Flatten(Layer):
    """``(batch, ...)`` as ``(batch, features)``.

    Args:
        data_format: only "channels_last".
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format)

    def call(self, inputs: Any) -> Any:
        """The flattened input."""
        dims = dims_of(inputs)
        return ops.reshape(inputs, [dims[0], shape_product(dims[1:])])


class Reshape(Layer):
    """Another shape for each sample.

    Args:
        target_shape: dimensions without the batch's, one may be -1.
    """

    def __init__(self, target_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(integer("target_shape", n, -1) for n in ints("target_shape", target_shape))
        if self.target_shape.count(-1) > 1:
            raise ValueError(f"`target_shape` may hold one -1. Received: target_shape={target_shape}")

    def call(self, inputs: Any) -> Any:
        """The reshaped input; itself, with its mask, where it has that shape. Raises ValueError when a sample's size is
        another."""
        self._check_size(tuple(inputs.shape[1:]))
        own = dims_of(inputs)[1:]
        if len(own) == len(self.target_shape) and all(n in (-1, d) for n, d in zip(self.target_shape, own)):
            return inputs
        return ops.reshape(inputs, [dims_of(inputs)[0], *self.target_shape])

    def _check_size(self, sample: tuple[Any, ...]) -> None:
        if None in sample:
            return
        size, known = math.prod(sample), math.prod(n for n in self.target_shape if n != -1)
        fits = size == known if -1 not in self.target_shape else known == 0 or size % known == 0
        if not fits:
            raise ValueError(
                f"a sample of shape {sample} has {size} elements, which do not fill `target_shape`. "
                f"Received: target_shape={self.target_shape}"
            )


class Permute(Layer):
    """The axes of each sample in another order.

    Args:
        dims: a permutation of 1, 2, ...
    """

    def __init__(self, dims: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(ints("dims", dims))
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"`dims` must be a permutation of 1..{len(self.dims)}. Received: dims={self.dims}")

    def call(self, inputs: Any) -> Any:
        """The permuted input."""
        return ops.transpose(inputs, [0, *self.dims])


class RepeatVector(Layer):
    """``(batch, features)`` repeated as ``(batch, n, features)``.

    Args:
        n: how often.
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = positive_int("n", n)

    def call(self, inputs: Any) -> Any:
        """The repeated input."""
        self._expect_axes(inputs, 2)
        dims = dims_of(inputs)
        return ops.broadcast_to(ops.expand_dims(inputs, 1), [dims[0], self.n, *dims[1:]])


def _pairs(name: str, value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    items = list(value) if isinstance(value, (tuple, list)) else [value] * rank
    if rank == 1 and len(items) == 2 and not any(isinstance(v, (tuple, list)) for v in items):
        items = [items]
    if len(items) != rank:
        raise ValueError(
            f"`{name}` must be an int, or an int or a pair for each of {rank} axes. Received: {name}={value!r}"
        )
    return tuple(int_tuple(name, v, 2, 0) for v in items)  # type: ignore[misc]


class _Padding(Layer):
    rank = 2

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format)
        self.padding = _pairs("padding", padding, self.rank)

    def call(self, inputs: Any) -> Any:
        """The padded input."""
        self._expect_axes(inputs, self.rank + 2)
        return ops.pad(inputs, [(0, 0), *self.padding, (0, 0)])


class ZeroPadding1D(_Padding):
    """Zeros before and after each sequence.

    Args:
        padding: an int or a pair.
    """

    rank = 1


class ZeroPadding2D(_Padding):
    """Zeros around each image.

    Args:
        padding: an int, or an int or a pair for each axis.
    """


class ZeroPadding3D(_Padding):
    """Zeros around each volume.

    Args:
        padding: an int, or an int or a pair for each axis.
    """

    rank = 3


class _Cropping(Layer):
    rank = 2

    def __init__(self, cropping: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format)
        self.cropping = _pairs("cropping", cropping, self.rank)

    def call(self, inputs: Any) -> Any:
        """The cropped input; itself, with its mask, where nothing is cut."""
        dims = dims_of(inputs)
        self._expect_axes(inputs, self.rank + 2)
        if not any(map(any, self.cropping)):
            return inputs
        for d, c in zip(dims[1:], self.cropping):
            if isinstance(d, int) and d <= sum(c):
                raise ValueError(
                    f"`cropping` must leave something of each axis. Received: cropping={self.cropping} for an input of "
                    f"shape {tuple(inputs.shape)}"
                )
        begin = [0, *(c[0] for c in self.cropping), 0]
        size = [dims[0], *(d - c[0] - c[1] for d, c in zip(dims[1:], self.cropping)), dims[-1]]
        return ops.slice(inputs, begin, size)


class Cropping1D(_Cropping):
    """Cuts steps off each sequence.

    Args:
        cropping: an int or a pair.
    """

    rank = 1


class Cropping2D(_Cropping):
    """Cuts rows and columns off each image.

    Args:
        cropping: an int, or an int or a pair for each axis; nothing is cut by default, as by Keras'.
        data_format: only "channels_last".
    """

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Cuts the borders off each volume.

    Args:
        cropping: an int, or an int or a pair for each axis.
    """

    rank = 3


class UpSampling1D(Layer):
    """Repeats each step.

    Args:
        size: how often.
    """

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = positive_int("size", size)

    def call(self, inputs: Any) -> Any:
        """The longer sequence."""
        self._expect_axes(inputs, 3)
        return enlarged(inputs, [self.size])


class UpSampling2D(Layer):
    """Enlarges images.

    Args:
        size: an int or (rows, columns).
        data_format: only "channels_last".
        interpolation: "nearest" or "bilinear".
    """

    def __init__(
        self, size: Any = 2, data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format)
        self.size = int_tuple("size", size, 2)
        self.interpolation = choice("interpolation", interpolation, ("nearest", "bilinear"))

    def call(self, inputs: Any) -> Any:
        """The larger images."""
        self._expect_axes(inputs, 4)
        if self.interpolation == "nearest":
            return enlarged(inputs, self.size)
        if None in inputs.shape[1:3]:
            raise ValueError(f"layer {self.name!r} needs images of known size. Received: input shape={inputs.shape}")
        size = inputs.shape[1] * self.size[0], inputs.shape[2] * self.size[1]
        return ops.image.resize(inputs, size, "bilinear", data_format="channels_last")


class UpSampling3D(Layer):
    """Enlarges volumes by repetition.

    Args:
        size: an int or one for each axis.
        data_format: only "channels_last".
    """

    def __init__(self, size: Any = 2, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format)
        self.size = int_tuple("size", size, 3)

    def call(self, inputs: Any) -> Any:
        """The larger volumes."""
        self._expect_axes(inputs, 5)
        return enlarged(inputs, self.size)
