"""Loss scaling, so that small gradients do not vanish in float16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam import ops
from hornbeam.core.registry import deserialize_keras_object, serialize_keras_object
from hornbeam.core.trace import current_trace
from hornbeam.core.tree import flatten
from hornbeam.core.validation import number, positive_int
from hornbeam.core.variable import Variable
from hornbeam.optimizers.optimizer import Optimizer

__all__ = ["LossScaleOptimizer"]

_INNER_DEFAULTS = {  # arguments of optimizers, which configs of older versions of Keras hold
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


class LossScaleOptimizer(Optimizer):
    """Has another optimizer update weights from the gradients of a scaled loss, which it divides by the scale
    (Micikevicius et al. 2018). The scale doubles after so many steps in a row whose gradients are finite. A step where one
    is not changes no weight and nothing that the other optimizer keeps, and halves the scale.

    Args:
        inner_optimizer: the other optimizer. Its ``loss_scale_factor`` becomes None.
        initial_scale: how the scale begins.
        dynamic_growth_steps: the number of steps before the scale doubles.
        name: its name.
        **kwargs: only ``dynamic=True``, and defaults of arguments that the other optimizer takes.

    Example:
        >>> import hornbeam as hb
        >>> optimizer = LossScaleOptimizer(hb.optimizers.SGD(0.5), initial_scale=4.0)
        >>> weight = hb.Variable([1.0])
        >>> optimizer.apply([hb.ops.array([4.0])], [weight])
        >>> weight.numpy().tolist()
        [0.5]
    """

    gradients_may_be_nonfinite = True

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        _check_others(kwargs)
        if not isinstance(inner_optimizer, Optimizer) or isinstance(inner_optimizer, LossScaleOptimizer):
            raise TypeError(
                f"`inner_optimizer` must be an optimizer that scales no losses. Received: inner_optimizer={inner_optimizer!r}"
            )
        if number("initial_scale", initial_scale) <= 0:
            raise ValueError(f"`initial_scale` must be positive. Received: initial_scale={initial_scale}")
        self.inner_optimizer = inner_optimizer
        super().__init__(0.0, name=name or "loss_scale_optimizer")
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = positive_int("dynamic_growth_steps", dynamic_growth_steps)
        self.step_counter = Variable(np.zeros((), "int32"), trainable=False, name="step_counter")
        self.dynamic_scale = Variable(np.float32(initial_scale), trainable=False, name="dynamic_scale")
        for v in (self.step_counter, self.dynamic_scale):
            v._path = f"{self.name}/{v.name}"
        inner_optimizer.loss_scale_factor = None  # or gradients would be divided twice

    def _start(self, learning_rate: Any) -> None:
        """Nothing: iterations, the learning rate and the slots are the inner optimizer's."""

    # ---- what is the inner optimizer's ----
    @property
    def built(self) -> bool:  # type: ignore[override]
        """Whether the inner optimizer has its slots."""
        return self.inner_optimizer.built

    @property
    def _rate(self) -> Any:  # type: ignore[override]
        return self.inner_optimizer._rate

    @property
    def _iterations(self) -> Variable:  # type: ignore[override]
        return self.inner_optimizer._iterations

    @property
    def iterations(self) -> Any:
        """The inner optimizer's."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def variables(self) -> list[Variable]:
        """The number of steps since the scale changed, the scale, then the inner optimizer's."""
        return [self.step_counter, self.dynamic_scale, *self.inner_optimizer.variables]

    def build(self, variables: list[Variable]) -> None:
        """Makes the inner optimizer's slots."""
        self.inner_optimizer.build(variables)

    def _finish_build(self) -> None:
        self.inner_optimizer._finish_build()

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """As the inner optimizer's."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """As the inner optimizer's."""
        self.inner_optimizer.finalize_variable_values(var_list)

    # ---- updates ----
    def scale_loss(self, loss: Any) -> Any:
        """The loss times the scale, for gradients that ``apply`` divides by it."""
        return ops.multiply(loss, self.dynamic_scale)

    def apply(self, grads: Any, trainable_variables: list[Variable] | None = None) -> None:
        """Updates weights from the gradients of a scaled loss (None is skipped).

        Args:
            grads: one for each weight.
            trainable_variables: the weights; None for those it was built with.
        """
        grads = flatten(grads)
        finite = ops.all(ops.stack([ops.all(ops.isfinite(g)) for g in grads if g is not None] or [True]))
        unscaled = [None if g is None else ops.divide(g, self.dynamic_scale) for g in grads]
        _run_where(finite, lambda: self.inner_optimizer.apply(unscaled, trainable_variables))
        grown = ops.logical_and(finite, ops.equal(self.step_counter, self.dynamic_growth_steps - 1))
        counted = ops.logical_and(finite, ops.logical_not(grown))
        self.step_counter.assign(ops.where(counted, ops.add(self.step_counter, 1), 0))
        factor = ops.where(counted, 1.0, ops.where(grown, 2.0, 0.5))
        self.dynamic_scale.assign(ops.multiply(self.dynamic_scale, factor))

    # ---- configs and copies ----
    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Optimizer:
        """The optimizer a config describes."""
        inner = deserialize_keras_object(config["inner_optimizer"], custom_objects)
        return cls(**{**config, "inner_optimizer": inner})

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def _check_others(given: dict[str, Any]) -> None:
    """Raises for arguments that there are not, and for those that are the inner optimizer's."""
    if not given.pop("dynamic", True):
        raise ValueError("a fixed scale is an optimizer's own: set `loss_scale_factor` there. Received: dynamic=False")
    for name in [n for n in given if n in _INNER_DEFAULTS]:
        value = given.pop(name)
        if value != _INNER_DEFAULTS[name]:
            raise ValueError(f"set `{name}` on the `inner_optimizer`. Received: {name}={value!r}")
    if given:
        raise ValueError(f"LossScaleOptimizer does not support arguments: `{'`, `'.join(given)}`")


def _run_where(condition: Any, update: Callable[[], None]) -> None:
    """Runs ``update``, whose assignments hold where the condition, a bool tensor, is true.

    In a trace it selects between each variable's values, which is part of the sweep that computes the new one: the branches
    of ``ops.cond`` would copy them all."""
    trace = current_trace()
    if trace is None:
        if condition:
            update()
        return
    before = dict(trace.assigned)
    update()
    for key, (variable, new) in list(trace.assigned.items()):
        old = before.get(key, trace.reads[key])[1]
        if new != old:
            trace.assign(variable, ops.where(condition, trace.wrap(new), trace.wrap(old)))
