"""The base of all losses, and reductions with sample weights and masks."""

from __future__ import annotations

from typing import Any

from hornbeam import config, ops
from hornbeam._names import to_snake_case
from hornbeam._tensor import dims_of, to_tensor
from hornbeam._tree import map_structure
from hornbeam._validation import choice, unsupported
from hornbeam.ops.math import shape_product
from hornbeam.saving.registry import deserialize_keras_object, register_builtin, serialize_keras_object

_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")


def same_rank(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Removes or adds a last axis of 1 where the ranks differ by one, as Keras does: vectors become columns."""
    a, b = len(y_true.shape), len(y_pred.shape)
    if a == b + 1 and y_true.shape[-1] == 1:
        return (y_true, ops.expand_dims(y_pred, -1)) if b == 1 else (ops.squeeze(y_true, -1), y_pred)
    if b == a + 1 and y_pred.shape[-1] == 1:
        return (ops.expand_dims(y_true, -1), y_pred) if a == 1 else (y_true, ops.squeeze(y_pred, -1))
    return y_true, y_pred


def check_shapes(name: str, y_true: Any, y_pred: Any) -> None:
    """Raises ValueError unless the shapes agree: a loss never broadcasts its targets."""
    a, b = tuple(y_true.shape), tuple(y_pred.shape)
    if len(a) != len(b) or any(x != y for x, y in zip(a, b) if x is not None and y is not None):
        raise ValueError(
            f"[{name}] y_true and y_pred must have one shape. Received: y_true.shape={a}, y_pred.shape={b}"
        )


def reduce_weighted(
    values: Any, sample_weight: Any = None, mask: Any = None, reduction: str | None = "sum_over_batch_size"
) -> Any:
    """The per-sample values times their weights, reduced. A mask counts only its true entries in the mean."""
    if mask is not None:
        mask = fit_weight("the mask", to_tensor(mask, values.dtype), values)
        if reduction in ("sum_over_batch_size", "mean"):
            total = to_tensor(shape_product(dims_of(mask)), mask.dtype)
            valid = ops.sum(mask)
            mask = ops.multiply(mask, ops.divide(total, ops.add(valid, config.epsilon())))
        sample_weight = (
            mask
            if sample_weight is None
            else ops.multiply(fit_weight("sample_weight", to_tensor(sample_weight, values.dtype), values), mask)
        )
    if sample_weight is not None:
        weight = fit_weight("sample_weight", to_tensor(sample_weight, values.dtype), values)
        values = ops.multiply(values, weight)
    if reduction in (None, "none") or values.ndim == 0:
        return values
    total = ops.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        n = ops.sum(ops.multiply(weight, ops.ones_like(values)))
        return ops.where(ops.equal(n, 0.0), 0.0, ops.divide(total, ops.where(ops.equal(n, 0.0), 1.0, n)))
    count = to_tensor(shape_product(dims_of(values)), values.dtype)
    return ops.divide(total, ops.maximum(count, 1.0))


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


class Loss:
    """Base class: override ``call(y_true, y_pred)``, which returns one value a sample (or finer).

    Args:
        name: its name.
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or "none".
        dtype: only None: it is the predictions'.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("hornbeam."):
            register_builtin(cls)

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        self.name = name or to_snake_case(type(self).__name__)
        unsupported("dtype", dtype, None)
        self.reduction = choice("reduction", "none" if reduction is None else reduction, _REDUCTIONS)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        mask = getattr(y_pred, "_keras_mask", None)
        y_true, y_pred = (map_structure(to_tensor, y) for y in (y_true, y_pred))
        return reduce_weighted(self.call(y_true, y_pred), sample_weight, mask, self.reduction)

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
