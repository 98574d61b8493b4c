"""The base of all optimizers: clipping, weight decay, accumulation, moving averages, configs."""

from __future__ import annotations

import functools
import re
from typing import Any

from hornbeam import ops
from hornbeam.core.registry import (
    argument_names,
    register_builtin,
    serialize_keras_object,
)
from hornbeam.core.tensor import emit1, to_tensor
from hornbeam.core.trace import Traced, current_trace, eager_scope
from hornbeam.core.tree import flatten
from hornbeam.core.validation import number, positive_int
from hornbeam.core.variable import Variable
from hornbeam.core.whole import all_or_nothing, one_at_a_time
from hornbeam.optimizers.state import OptimizerState

__all__ = ["Optimizer"]


def _whole(build: Any) -> Any:
    """``build``, which leaves the optimizer as it was when it fails."""

    @functools.wraps(build)
    def run(self: Any, variables: Any) -> Any:
        with all_or_nothing(self):
            return build(self, variables)

    return run


class Optimizer(OptimizerState):
    """Base class: override ``build`` (make slots with ``add_variable_from_reference``) and ``update_step``.

    Args:
        learning_rate: a number, a schedule, or a callable without arguments.
        weight_decay: share of each weight subtracted per step, times the learning rate (decoupled).
        clipnorm: bound of each gradient's norm.
        clipvalue: bound of each gradient's elements.
        global_clipnorm: bound of the norm of all gradients together.
        use_ema: whether to keep moving averages of the weights. They begin as the weights after the first update.
        ema_momentum: of those averages.
        ema_overwrite_frequency: after how many steps the weights become the averages.
        gradient_accumulation_steps: how many steps' gradients are meaned before an update.
        loss_scale_factor: what ``scale_loss`` multiplies a loss by and ``apply`` divides its gradients by, so that
            small ones do not vanish in half precision.
        name: its name.
        lazy: whether rows of a table (``Embedding``) that a step did not look up keep weights and slots as they are.
            By default they follow the optimizer's mathematics with a gradient of zero, as in Keras: momenta decay, and
            go on moving the weights. It holds in compiled steps, for tables that are only looked up: with a
            regularizer, or gradient accumulation, all rows change.
    """

    gradients_may_be_nonfinite = False  # whether it takes care of gradients that are no numbers

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("hornbeam."):
            register_builtin(cls)
        if "build" in vars(cls):
            cls.build = _whole(vars(cls)["build"])  # type: ignore[method-assign]

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        lazy: bool = False,
    ) -> None:
        clips = [c for c in (clipnorm, clipvalue, global_clipnorm) if c is not None]
        if len(clips) > 1:
            raise ValueError(
                f"only one of `clipnorm`, `clipvalue` and `global_clipnorm` may be set. Received: clipnorm={clipnorm}, "
                f"clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
        if clips and clips[0] <= 0:
            raise ValueError(f"a clipping bound must be positive. Received: {clips[0]}")
        if not isinstance(ema_momentum, (int, float)) or not 0 <= ema_momentum <= 1:
            raise ValueError(f"`ema_momentum` must be in [0, 1]. Received: ema_momentum={ema_momentum}")
        if ema_overwrite_frequency is not None:
            positive_int("ema_overwrite_frequency", ema_overwrite_frequency)
        if loss_scale_factor is not None and number("loss_scale_factor", loss_scale_factor) <= 0:
            raise ValueError(f"`loss_scale_factor` must be positive. Received: loss_scale_factor={loss_scale_factor}")
        if gradient_accumulation_steps is not None and gradient_accumulation_steps < 2:
            raise ValueError(
                f"`gradient_accumulation_steps` must be at least 2. Received: {gradient_accumulation_steps}"
            )
        self.name, self.lazy = name or type(self).__name__.lower(), bool(lazy)
        self.weight_decay, self.clipnorm, self.clipvalue, self.global_clipnorm = (
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
        )
        self.use_ema, self.ema_momentum, self.ema_overwrite_frequency = use_ema, ema_momentum, ema_overwrite_frequency
        self.gradient_accumulation_steps, self.loss_scale_factor = gradient_accumulation_steps, loss_scale_factor
        self._excluded: tuple[list[Any], str] = ([], "")
        self._start(learning_rate)

    def build(self, variables: list[Variable]) -> None:
        """Makes the slots of these weights, and lays weights and slots out side by side."""
        self._trainable = list(variables)
        self._index = {id(v): i for i, v in enumerate(variables)}
        if self.use_ema:
            self._averages = [self.add_variable_from_reference(v, "average") for v in variables]
        if self.gradient_accumulation_steps:
            self._accumulated = [self.add_variable_from_reference(v, "gradient_accumulator") for v in variables]
        self.built = True

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Leaves weights out of weight decay; a later call replaces what an earlier one said.

        Args:
            var_list: the weights.
            var_names: patterns, searched for in the weights' names ("bias", "gamma").
        """
        self._excluded = list(var_list or []), "|".join(var_names or [])

    def scale_loss(self, loss: Any) -> Any:
        """The loss times ``loss_scale_factor``, for gradients that ``apply`` divides by it."""
        return loss if self.loss_scale_factor is None else ops.multiply(loss, self.loss_scale_factor)

    # ---- updates ----
    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Updates one weight (and its slots) from its gradient. Override it."""
        raise NotImplementedError(f"{type(self).__name__} must define update_step()")

    def assign(self, variable: Variable, value: Any) -> None:
        """Sets a variable."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Adds to a variable."""
        variable.assign(ops.add(variable, value))

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtracts from a variable."""
        variable.assign(ops.subtract(variable, value))

    def apply_gradients(self, grads_and_vars: Any) -> Any:
        """Updates weights from ``(gradient, variable)`` pairs."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads: Any, trainable_variables: list[Variable] | None = None) -> None:
        """Updates weights from their gradients (None is skipped).

        Args:
            grads: one for each weight.
            trainable_variables: the weights; None for those it was built with.
        """
        grads = flatten(grads)
        if not grads:
            return
        if trainable_variables is None:
            trainable_variables = self._trainable
        if len(grads) != len(trainable_variables):
            raise ValueError(
                f"apply() needs one gradient for each variable. Received: {len(grads)} and {len(trainable_variables)}"
            )
        if not self.built or self._copied:
            with one_at_a_time(), eager_scope(), all_or_nothing(self):
                if self._copied:
                    self._adopt(trainable_variables)
                if not self.built:
                    self.build(list(trainable_variables))
                self._finish_build()
        for v in trainable_variables:
            if id(v) not in self._index:
                raise ValueError(f"variable {v.path} was not among those the optimizer was built with")
        pairs = [(g, v) for g, v in zip(grads, trainable_variables) if g is not None]
        if not pairs:
            raise ValueError(f"no gradients for any variable: {[v.path for v in trainable_variables][:5]}")
        if self.loss_scale_factor is not None:
            pairs = [(ops.divide(g, self.loss_scale_factor), v) for g, v in pairs]
        if self.gradient_accumulation_steps:
            self._accumulate(pairs)
        else:
            self._update(pairs)
        if self.use_ema:
            self._move_averages()
        for _, v in pairs:
            if v.constraint is not None:
                v.assign(v.constraint(v.value))
        self._iterations.assign(ops.add(self._iterations, 1))

    def _accumulate(self, pairs: list[tuple[Any, Variable]]) -> None:
        n = self.gradient_accumulation_steps
        assert n is not None
        last = ops.equal(ops.mod(ops.add(self._iterations, 1), n), 0)
        total = [(ops.add(self._accumulated[self._get_variable_index(v)], g), v) for g, v in pairs]

        def update() -> Any:
            self._update([(ops.divide(g, float(n)), v) for g, v in total])
            for _, v in total:
                self._accumulated[self._get_variable_index(v)].assign(ops.zeros(v.shape, v.dtype))
            return ()

        def keep() -> Any:
            for g, v in total:
                self._accumulated[self._get_variable_index(v)].assign(g)
            return ()

        ops.cond(last, update, keep)

    def _update(self, pairs: list[tuple[Any, Variable]]) -> None:
        rate = self._current_rate()
        trace = current_trace()
        if trace is not None:
            trace.graph.scope = self.name
        grads = self._clip([self._mark_lazy(g) if self.lazy else g for g, _ in pairs])
        self._before_updates(rate)
        for g, (_, v) in zip(grads, pairs):
            if self.weight_decay and not self._is_excluded(v):
                v.assign(ops.subtract(v, ops.multiply(v, ops.multiply(rate, self.weight_decay))))
            self.update_step(to_tensor(g, v.dtype), v, to_tensor(rate, v.dtype))

    @staticmethod
    def _mark_lazy(gradient: Any) -> Any:
        """The gradient of lookups, marked as of the rows looked up alone."""
        if not isinstance(gradient, Traced):
            return gradient
        trace, value = gradient._trace, gradient._value
        if trace.graph.op_of(value) != "scatter_add":
            return gradient
        ids, rows = (trace.wrap(v) for v in trace.graph.inputs_of(value))
        return emit1("scatter_add", [ids, rows], rows=[gradient.shape[0]], lazy=True)

    def _before_updates(self, learning_rate: Any) -> None:
        """Values that all of a step's updates share; optimizers override it."""

    def _is_excluded(self, v: Variable) -> bool:
        weights, pattern = self._excluded
        return any(w is v for w in weights) or bool(pattern and re.search(pattern, v.name))

    def _clip(self, grads: list[Any]) -> list[Any]:
        if self.clipvalue is not None:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        if self.clipnorm is not None:
            return [self._scale_down(g, ops.norm(g), self.clipnorm) for g in grads]
        if self.global_clipnorm is not None:
            total = ops.sqrt(sum((ops.sum(ops.square(g)) for g in grads[1:]), ops.sum(ops.square(grads[0]))))
            total = ops.add(total, ops.subtract(total, total))  # NaN for all where one is infinite
            return [self._scale_down(g, total, self.global_clipnorm) for g in grads]
        return grads

    @staticmethod
    def _scale_down(g: Any, norm: Any, bound: float) -> Any:
        return ops.multiply(g, ops.divide(bound, ops.maximum(norm, bound)))

    def _move_averages(self) -> None:
        done = self.iterations
        begun = ops.not_equal(done, 0)
        for v in self._trainable:
            a = self._averages[self._get_variable_index(v)]
            momentum = ops.multiply(ops.cast(begun, v.dtype), self.ema_momentum)
            average = ops.add(ops.multiply(a, momentum), ops.multiply(v, ops.subtract(1.0, momentum)))
            a.assign(average)
            if self.ema_overwrite_frequency:
                now = ops.equal(ops.mod(ops.add(done, 1), self.ema_overwrite_frequency), 0)
                v.assign(ops.where(now, average, v))

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """Replaces weights by their moving averages, with ``use_ema``.

        Args:
            var_list: the weights; None for all that the optimizer was built with.
        """
        if self.use_ema and self.built:
            for v in self._trainable if var_list is None else var_list:
                v.assign(self._averages[self._get_variable_index(v)].value)

    # ---- configs ----
    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        rate = self._schedule if self._rate is None else float(self._rate.numpy())
        others = [n for n in argument_names(type(self)) if n not in ("name", "learning_rate") and hasattr(self, n)]
        return {
            "name": self.name,
            "learning_rate": serialize_keras_object(rate),
            **{n: serialize_keras_object(getattr(self, n)) for n in others},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Optimizer:
        """The optimizer a config describes."""
        return cls(**config)
