"""The base of all losses, and reductions with sample weights and masks."""

from __future__ import annotations

import warnings
from typing import Any

from hornbeam import dtype_policies, ops
from hornbeam._dtypes import floatx
from hornbeam.core.names import to_snake_case
from hornbeam.core.registry import deserialize_keras_object, register_builtin, serialize_keras_object
from hornbeam.core.tensor import dims_of, to_tensor
from hornbeam.core.tree import map_structure
from hornbeam.core.validation import choice
from hornbeam.ops.arrays import shape_product

__all__ = ["Loss", "LossFunctionWrapper"]

_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")


def same_rank(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Removes or adds a last axis of 1 where the ranks differ by one, as Keras does: vectors become columns."""
    a, b = len(y_true.shape), len(y_pred.shape)
    if a == b + 1 and y_true.shape[-1] == 1:
        return (y_true, ops.expand_dims(y_pred, -1)) if b == 1 else (ops.squeeze(y_true, -1), y_pred)
    if b == a + 1 and y_pred.shape[-1] == 1:
        return (ops.expand_dims(y_true, -1), y_pred) if a == 1 else (y_true, ops.squeeze(y_pred, -1))
    return y_true, y_pred


def _differ(a: Any, b: Any) -> bool:
    return a is not None and b is not None and a != b


def check_shapes(name: str, y_true: Any, y_pred: Any) -> None:
    """Raises ValueError unless the shapes agree."""
    a, b = tuple(y_true.shape), tuple(y_pred.shape)
    if len(a) != len(b) or any(_differ(x, y) for x, y in zip(a, b)):
        raise ValueError(
            f"[{name}] y_true and y_pred must have one shape. Received: y_true.shape={a}, y_pred.shape={b}"
        )


def check_broadcast(name: str, y_true: Any, y_pred: Any) -> None:
    """Warns where one of the shapes broadcasts to the other, as Keras lets it. Raises ValueError where none does."""
    a, b = tuple(y_true.shape), tuple(y_pred.shape)
    shorter = min(len(a), len(b))
    ends = [(x, y) for x, y in zip(a[len(a) - shorter :], b[len(b) - shorter :]) if x != y]
    if len(a) == len(b):
        ends = [(x, y) for x, y in ends if _differ(x, y)]  # else an unknown size stands beside one of another axis
    if any(1 not in pair for pair in ends):
        check_shapes(name, y_true, y_pred)
    if len(a) != len(b) or ends:
        warnings.warn(
            f"[{name}] y_true and y_pred have different shapes: one is broadcast to the other. "
            f"Received: y_true.shape={a}, y_pred.shape={b}",
            stacklevel=2,
        )


def divide_no_nan(a: Any, b: Any) -> Any:
    """a / b, 0 where b is 0."""
    zero = ops.equal(b, 0.0)
    return ops.where(zero, 0.0, ops.divide(a, ops.where(zero, 1.0, b)))


def fit_weight(name: str, weight: Any, values: Any) -> Any:
    """The weight with the values' number of axes. Raises ValueError unless each of its axes is the values' or 1."""
    given = tuple(weight.shape)
    while weight.ndim > values.ndim and weight.shape[-1] == 1:
        weight = ops.squeeze(weight, -1)
    while weight.ndim < values.ndim:
        weight = ops.expand_dims(weight, -1)
    fits = weight.ndim == values.ndim and all(
        w in (1, None, v) or v is None for w, v in zip(weight.shape, values.shape)
    )
    if not fits:
        raise ValueError(
            f"{name} must fit the values it weighs, of shape {tuple(values.shape)}. Received: shape={given}"
        )
    return weight


def masked_weight(sample_weight: Any, mask: Any, values: Any, reduction: str = "sum") -> Any:
    """Weights, mask or both as one tensor of the values' dtype, None without either.

    Args:
        sample_weight: the weights, or None.
        mask: true where a value counts, or None.
        values: what is weighed. A single value may have many weights.
        reduction: of the loss; where it is a mean, only what the mask lets through is counted.
    """
    weight = None if sample_weight is None else to_tensor(sample_weight, values.dtype)
    if mask is None:
        return weight
    shown = to_tensor(mask, values.dtype)
    if reduction in ("sum_over_batch_size", "mean"):
        total = to_tensor(shape_product(dims_of(shown)), shown.dtype)
        shown = ops.multiply(shown, divide_no_nan(total, ops.sum(shown)))
    if values.ndim:
        shown = fit_weight("the mask", shown, values)
    if weight is None:
        return shown
    return ops.multiply(fit_weight("sample_weight", weight, values if values.ndim else shown), shown)


def reduce_weighted(
    values: Any, sample_weight: Any = None, mask: Any = None, reduction: str | None = "sum_over_batch_size"
) -> Any:
    """The per-sample values times their weights, reduced. A mask counts only its true entries in the mean."""
    weight = masked_weight(sample_weight, mask, values, reduction or "none")
    if weight is not None:
        weight, values = same_rank(weight, values)
        weight = fit_weight("sample_weight", weight, values) if values.ndim else weight
        values = ops.multiply(values, weight)
    if reduction in (None, "none") or values.ndim == 0:
        return values
    total = ops.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weight is not None:
        return divide_no_nan(total, ops.sum(weight))
    count = to_tensor(shape_product(dims_of(values)), values.dtype)
    return ops.divide(total, ops.maximum(count, 1.0))


def mask_of(x: Any) -> Any:
    """The mask that a tensor carries, or None."""
    return getattr(x, "_keras_mask", None)


class Loss:
    """Base class: override ``call(y_true, y_pred)``, which returns one value a sample (or finer).

    Args:
        name: its name.
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or "none".
        dtype: in which it is computed, or a policy that says so: targets, predictions and weights are cast to it; None for
            ``floatx()``.
    """

    _targets_are_ids = False  # ids are compared, never computed with: they stay as they are

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("hornbeam."):
            register_builtin(cls)

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        self.name = name or to_snake_case(type(self).__name__)
        self._dtype = dtype_policies.get(dtype or floatx()).compute_dtype
        self.reduction = choice("reduction", "none" if reduction is None else reduction, _REDUCTIONS)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        mask = mask_of(y_pred)
        y_true = map_structure(to_tensor if self._targets_are_ids else self._cast, y_true)
        values = self.call(y_true, map_structure(self._cast, y_pred))
        if (own := mask_of(values)) is not None:
            mask = own if mask is None else ops.logical_and(mask, own)
        return self._cast(reduce_weighted(self._cast(values), sample_weight, mask, self.reduction))

    def _cast(self, x: Any) -> Any:
        return to_tensor(x, self._dtype)

    @property
    def dtype(self) -> str:
        """In which it is computed."""
        return self._dtype

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The values before reduction."""
        raise NotImplementedError(f"{type(self).__name__} must define call()")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """The loss a config describes."""
        return cls(**config)


class LossFunctionWrapper(Loss):
    """A loss made of a function ``fn(y_true, y_pred, **kwargs)``.

    Args:
        fn: the function.
        reduction: how values are reduced.
        name: its name.
        **kwargs: passed to the function.
    """

    def __init__(
        self,
        fn: Any,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", "loss"), reduction, dtype)
        self.fn, self._fn_kwargs = fn, kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The function of the squeezed arguments."""
        y_true, y_pred = same_rank(y_true, y_pred) if hasattr(y_pred, "shape") else (y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **self._fn_kwargs}
        return {**config, "fn": serialize_keras_object(self.fn)} if type(self) is LossFunctionWrapper else config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """The loss a config describes."""
        return cls(**{k: deserialize_keras_object(v) for k, v in config.items()})
