"""Normalization by the mean and the variance of a data set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam import config, ops
from hornbeam.core.tensor import promote, to_tensor
from hornbeam.core.validation import ints
from hornbeam.layers.preprocessing.adapting import batches_of
from hornbeam.layers.preprocessing.data_layer import DataLayer

__all__ = ["Normalization"]

_PIECE = 2**18  # elements that are in float64 at a time


class Normalization(DataLayer):
    """Shifts and scales inputs to mean 0 and variance 1: ``(x - mean) / sqrt(variance)``.

    ``adapt`` learns the mean and the variance from data; or they are given.

    Args:
        axis: an int or several: the axes that have a mean and a variance for each index; they are of known size. None for a
            single mean and variance. For inputs whose only axis is the batch's, None is what is wanted.
        mean: the means, which broadcast to the kept axes; None to adapt.
        variance: the variances, of the means' shape.
        invert: whether to turn normalized inputs into what they were instead.

    Input shape: any, the kept axes of known size. Output shape: the input's; a float in the layer's dtype. Where the
    variance is 0, the divisor is ``config.epsilon()``.

    Raises:
        ValueError: when only one of ``mean`` and ``variance`` is given, when their shapes differ, and when they have more
            axes than are kept; at ``build`` when they do not broadcast, and for axes that the input does not have.

    Example:
        >>> import numpy as np
        >>> layer = Normalization()
        >>> layer.adapt(np.array([[0.0, 7.0], [2.0, 9.0]]))
        >>> layer([[0.0, 8.0]]).numpy()
        array([[-1.,  0.]], dtype=float32)
    """

    _not_attributes = ("mean", "variance")  # which are what it computes with, once it is built

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else tuple(ints("axis", axis))
        self.invert = bool(invert)
        self.supports_masking, self.autocast = True, False
        self._moments: _Moments | None = None  # of what it adapts to
        if (mean is None) != (variance is None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. Received: "
                f"mean={mean} and variance={variance}"
            )
        self.input_mean, self.input_variance = _numbers("mean", mean), _numbers("variance", variance)
        if mean is None:
            return
        if np.shape(self.input_mean) != np.shape(self.input_variance):
            raise ValueError(
                "When setting values directly, `mean` and `variance` must have the same shape. Received: mean shape "
                f"{np.shape(mean)} and variance shape {np.shape(variance)}"
            )
        if np.ndim(self.input_mean) > len(self.axis):
            raise ValueError(
                f"The rank of `mean` must be less than or equal to the number of axes ({len(self.axis)}). Received: mean "
                f"shape {np.shape(mean)} for axis {self.axis}"
            )

    def build(self, input_shape: Any) -> None:
        """Makes the weights for the kept axes, or broadcasts the numbers given to them."""
        rank = len(input_shape)
        if any(not -rank <= a < rank for a in self.axis):
            raise ValueError(
                f"All `axis` values must be in the range [-ndim, ndim). Received inputs with ndim={rank}, while "
                f"axis={self.axis}"
            )
        self._kept = tuple(sorted({a % rank for a in self.axis}))
        unknown = [a for a in self._kept if input_shape[a] is None]
        if unknown:
            raise ValueError(
                f"All `axis` values to be kept must have a known shape. Received axis={self.axis}, "
                f"inputs.shape={tuple(input_shape)}, with unknown axis at index {unknown[0]}"
            )
        self._sizes = tuple(input_shape[a] for a in self._kept)
        self._broadcast = tuple(input_shape[a] if a in self._kept else 1 for a in range(rank))
        if self._kept:
            self._fix(input_shape, *self.axis, any_rank=max(self.axis) < 0)
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(self._sizes, "zeros", trainable=False, autocast=False, name="mean")
            self.adapt_variance = self.add_weight(self._sizes, "ones", trainable=False, autocast=False, name="variance")
            self.count = self.add_weight((), "zeros", "int32", trainable=False, name="count")  # as Keras' files have it
        else:
            self._placed("mean", self.input_mean)

    def adapt(self, data: Any) -> None:
        """Learns the mean and the variance of a data set, in one pass over it.

        Args:
            data: an array, or an iterable of batches (a list of arrays, a generator, a ``PyDataset`` or another data set),
                each of which is an array or a tuple that begins with one. The moments of the parts are merged in float64
                (Chan et al. 1983), so that neither the number of rows nor a large mean costs accuracy.

        Raises:
            ValueError: when ``mean`` and ``variance`` were given, when there are no samples, and for shapes that do not fit
                what the layer was built for.
            TypeError: for what is not numeric.
        """
        self.reset_state()
        for batch in batches_of(data):
            self.update_state(batch)
        self.finalize_state()

    def reset_state(self) -> None:
        """Begins to adapt anew. Raises ValueError where ``mean`` and ``variance`` were given."""
        if self.input_mean is not None:
            raise ValueError("`adapt` learns what was given: this layer was made with `mean` and `variance`")
        self._moments = None

    def update_state(self, data: Any) -> None:
        """Takes in one batch, an array; see ``adapt``."""
        batch = np.asarray(data)
        if batch.dtype.kind not in "fiub":
            raise TypeError(f"`adapt` needs numbers. Received: an array of dtype {batch.dtype}")
        if not self.built:
            self.build(batch.shape)
        if self._moments is None:
            self._moments = _Moments(self._sizes, tuple(i for i in range(len(self._broadcast)) if i not in self._kept))
        shape = tuple(batch.shape)
        if len(shape) != len(self._broadcast) or any(shape[a] != self._broadcast[a] for a in self._kept):
            raise ValueError(
                f"The layer was built for inputs of {len(self._broadcast)} axes and size {self._sizes} on {self._kept}, "
                f"but adapt() is being called with data with an incompatible shape, data.shape={shape}"
            )
        self._moments.add(batch)

    def finalize_state(self) -> None:
        """Sets the mean and the variance of what was taken in. Raises ValueError for no samples."""
        total, self._moments = self._moments, None
        if total is None or total.count == 0:
            raise ValueError("adapt() needs at least one sample. Received: data without any")
        self.adapt_mean.assign(total.mean)
        self.adapt_variance.assign(total.squares / total.count)

    def _placed(self, name: str, value: Any) -> Any:
        """Numbers that were given, their axes put below the last of the kept ones, as the inputs' axes."""
        shape = [1] * len(self._broadcast)
        for axis, size in zip(self._kept[::-1], np.shape(value)[::-1]):
            shape[axis] = size
        try:
            return np.broadcast_to(np.reshape(value, shape), self._broadcast)
        except ValueError as e:
            raise ValueError(
                f"`{name}` must broadcast to the kept axes, of size {self._sizes}. Received: {name} of shape {np.shape(value)}"
            ) from e

    def _statistic(self, name: str) -> Any:
        if self.input_mean is None:
            return ops.reshape(self.adapt_mean if name == "mean" else self.adapt_variance, self._broadcast)
        return to_tensor(self._placed(name, self.input_mean if name == "mean" else self.input_variance), self._width)

    @property
    def _width(self) -> str:
        """What it computes in: halves are too narrow for what is subtracted and divided."""
        return promote(self.compute_dtype, "float32")

    @property
    def mean(self) -> Any:
        """The means, of the input's number of axes; None before it is built."""
        return ops.cast(self._statistic("mean"), self.compute_dtype) if self.built else None

    @property
    def variance(self) -> Any:
        """The variances, of the input's number of axes; None before it is built."""
        return ops.cast(self._statistic("variance"), self.compute_dtype) if self.built else None

    def call(self, inputs: Any) -> Any:
        """The normalized input."""
        x = ops.cast(inputs, self._width)
        mean, variance = (ops.cast(self._statistic(name), self._width) for name in ("mean", "variance"))
        if not self._kept:  # one number for all, whatever their axes
            mean, variance = ops.reshape(mean, ()), ops.reshape(variance, ())
        deviation = ops.maximum(ops.sqrt(variance), config.epsilon())
        y = ops.add(mean, ops.multiply(x, deviation)) if self.invert else ops.divide(ops.subtract(x, mean), deviation)
        return ops.cast(y, self.compute_dtype)

    def _attributes(self, known: type) -> dict[str, Any]:
        given = {"mean": self.input_mean, "variance": self.input_variance}
        return {**super()._attributes(known), **{k: v if v is None else v.tolist() for k, v in given.items()}}


def _numbers(name: str, value: Any) -> Any:
    if value is None:
        return None
    try:
        array = np.asarray(value, "float64")
    except (TypeError, ValueError) as e:
        raise TypeError(f"`{name}` must be a number or an array of them. Received: {name}={value!r}") from e
    if not np.isfinite(array).all() or (name == "variance" and (array < 0).any()):
        what = "finite and at least 0" if name == "variance" else "finite"
        raise ValueError(f"`{name}` must be {what}. Received: {name}={value}")
    return array


class _Moments:
    """The mean, and the sum of squared distances from it, of all that was added.

    Args:
        shape: of each.
        axes: those that they are taken over; without any, each array is one sample.
    """

    def __init__(self, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
        self.axes, self.count = axes, 0
        self.mean, self.squares = np.zeros(shape), np.zeros(shape)

    def add(self, array: Any) -> None:
        """Takes in one more array."""
        for piece in self._pieces(array):
            x = np.asarray(piece, "float64")
            n = math.prod(x.shape[a] for a in self.axes)
            if n == 0:
                continue
            with np.errstate(invalid="ignore", over="ignore"):  # what is not finite makes what is not finite
                centre = x.mean(self.axes, keepdims=True) if self.axes else x
                squares = np.square(x - centre).sum(self.axes)
                step = centre.reshape(self.mean.shape) - self.mean
                self.count += n
                self.mean = self.mean + step * (n / self.count)
                self.squares = self.squares + squares + np.square(step) * (n * ((self.count - n) / self.count))

    def _pieces(self, array: Any) -> Iterator[Any]:
        if 0 not in self.axes:
            return iter([array])
        rows = max(1, _PIECE * len(array) // max(1, array.size))
        return (array[i : i + rows] for i in range(0, len(array), rows))
