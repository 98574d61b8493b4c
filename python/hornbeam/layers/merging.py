"""Layers that join several inputs, and their function forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam import ops
from hornbeam.core.tensor import dims_of
from hornbeam.core.validation import axis_in, integer, ints
from hornbeam.layers.layer import Layer
from hornbeam.ops.arrays import shape_product

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


class _Merge(Layer):
    least = 1

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True where any input's mask is; None when an input has none."""
        if mask is None or any(m is None for m in _masks(inputs, mask)):
            return None
        return _fold(ops.logical_or, mask)

    def call(self, inputs: Any) -> Any:
        """The joined inputs."""
        if not isinstance(inputs, (list, tuple)) or len(inputs) < self.least:
            raise ValueError(f"layer {self.name!r} needs a list of at least {self.least} inputs. Received: {inputs!r}")
        rank = max(x.ndim for x in inputs)
        out = []
        for x in inputs:  # missing axes go after the batch's, as in Keras
            while x.ndim < rank:
                x = ops.expand_dims(x, 1)
            out.append(x)
        return self._merge(out)

    def _merge(self, xs: list[Any]) -> Any:
        raise NotImplementedError


def _masks(inputs: Any, mask: Any) -> Any:
    """The masks when there is one, or None, for each of the inputs."""
    for name, value in (("mask", mask), ("inputs", inputs)):
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"`{name}` should be a list. Received: {name}={value!r}")
    if len(mask) != len(inputs):
        raise ValueError(
            f"`inputs` and `mask` should have the same length. Received: {len(inputs)} inputs and {len(mask)} masks"
        )
    return mask


def _fold(fn: Any, xs: list[Any]) -> Any:
    y = xs[0]
    for x in xs[1:]:
        y = fn(y, x)
    return y


class Add(_Merge):
    """The sum of the inputs."""

    def _merge(self, xs: list[Any]) -> Any:
        return _fold(ops.add, xs)


class Subtract(_Merge):
    """The first of two inputs minus the second."""

    least = 2

    def _merge(self, xs: list[Any]) -> Any:
        if len(xs) != 2:
            raise ValueError(f"Subtract takes two inputs. Received: {len(xs)}")
        return ops.subtract(xs[0], xs[1])


class Multiply(_Merge):
    """The product of the inputs; masked elements count as 1, and give 0 where all are masked."""

    def _merge(self, xs: list[Any]) -> Any:
        masks = [_spread_mask(x) for x in xs]
        y = _fold(ops.multiply, [x if m is None else ops.where(m, x, 1) for x, m in zip(xs, masks)])
        return y if any(m is None for m in masks) else ops.where(_fold(ops.logical_or, masks), y, 0)


class Average(_Merge):
    """The mean of the inputs."""

    def _merge(self, xs: list[Any]) -> Any:
        return ops.multiply(_fold(ops.add, xs), 1.0 / len(xs))


class _Extreme(_Merge):
    _of_two: Callable[[Any, Any], Any]

    def _merge(self, xs: list[Any]) -> Any:
        """Input by input: where one is masked, the other counts."""
        y, keep = xs[0], _spread_mask(xs[0])
        for x in xs[1:]:
            mine = _spread_mask(x)
            x = x if mine is None else ops.where(mine, x, y)
            y = y if keep is None else ops.where(keep, y, x)
            keep = None if mine is None or keep is None else ops.logical_or(keep, mine)
            y = self._of_two(y, x)
        return y


def _spread_mask(x: Any) -> Any:
    """The mask that a tensor carries, of its own shape."""
    mask = getattr(x, "_keras_mask", None)
    return None if mask is None else ops.broadcast_to(ops.expand_dims(mask, -1), dims_of(x))


class Maximum(_Extreme):
    """The largest of the inputs; a masked input does not count where another does."""

    _of_two = staticmethod(ops.maximum)


class Minimum(_Extreme):
    """The smallest of the inputs; a masked input does not count where another does."""

    _of_two = staticmethod(ops.minimum)


class Concatenate(_Merge):
    """The inputs joined along ``axis``.

    Args:
        axis: counted with the batch's.
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = integer("axis", axis)

    def call(self, inputs: Any) -> Any:
        """The joined inputs."""
        if not isinstance(inputs, (list, tuple)) or not inputs:
            raise ValueError(f"layer {self.name!r} needs a list of inputs. Received: {inputs!r}")
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The masks joined as the inputs are, true where one of the features is; None when no input has one."""
        if mask is None or all(m is None for m in _masks(inputs, mask)):
            return None
        whole = []
        for x, m in zip(inputs, mask):
            ones = ops.ones_like(x, dtype="bool")
            m = m if m is None or m.ndim == x.ndim else ops.expand_dims(m, -1)
            whole.append(ones if m is None else ops.logical_and(m, ones))
        return ops.any(ops.concatenate(whole, axis=self.axis), axis=-1)


class Dot(Layer):
    """The products of two inputs summed over an axis of each.

    Args:
        axes: an int or a pair.
        normalize: whether to normalize along the axes first (cosine similarity).
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = ints("axes", axes)
        if len(pair) not in (1, 2):
            raise ValueError(f"`axes` must be an int or a pair. Received: axes={axes}")
        self.axes, self.normalize = (pair[0], pair[-1]), normalize
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None."""
        return None

    def call(self, inputs: Any) -> Any:
        """The dot products, ``(batch, ...)`` with at least one further axis."""
        if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
            raise ValueError(f"layer {self.name!r} takes a list of two inputs. Received: {inputs!r}")
        a, b = inputs
        i, j = axis_in(self.axes[0], a.ndim, "axes"), axis_in(self.axes[1], b.ndim, "axes")
        if 0 in (i, j):
            raise ValueError(f"`axes` must not name the batch's axis. Received: axes={self.axes}")
        if self.normalize:
            a, b = ops.normalize(a, i), ops.normalize(b, j)
        a, b = ops.moveaxis(a, i, -1), ops.moveaxis(b, j, 1)
        n, *rows, k = dims_of(a)
        columns = list(dims_of(b)[2:])
        y = ops.matmul(
            ops.reshape(a, [n, shape_product(rows), k]), ops.reshape(b, [n, dims_of(b)[1], shape_product(columns)])
        )
        return ops.reshape(y, [n, *(rows + columns or [1])])


def add(inputs: Any, **kwargs: Any) -> Any:
    """The sum of the inputs.

    Args:
        inputs: tensors whose shapes broadcast.
        **kwargs: as for the layer.

    Returns:
        One tensor.
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """The first input minus the second.

    Args:
        inputs: two tensors whose shapes broadcast.
        **kwargs: as for the layer.

    Returns:
        One tensor.
    """
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """The product of the inputs.

    Args:
        inputs: tensors whose shapes broadcast.
        **kwargs: as for the layer.

    Returns:
        One tensor.
    """
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """The mean of the inputs.

    Args:
        inputs: tensors whose shapes broadcast.
        **kwargs: as for the layer.

    Returns:
        One tensor.
    """
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """The largest of the inputs.

    Args:
        inputs: tensors whose shapes broadcast.
        **kwargs: as for the layer.

    Returns:
        One tensor.
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """The smallest of the inputs.

    Args:
        inputs: tensors whose shapes broadcast.
        **kwargs: as for the layer.

    Returns:
        One tensor.
    """
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """The inputs joined along ``axis``.

    Args:
        inputs: tensors of one number of axes.
        axis: along which they are joined.
        **kwargs: as for the layer.

    Returns:
        One tensor.
    """
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """The dot products of two inputs.

    Args:
        inputs: two tensors.
        axes: whose products are summed: an int or one for each.
        **kwargs: as for the layer.

    Returns:
        One tensor.
    """
    return Dot(axes, **kwargs)(inputs)
