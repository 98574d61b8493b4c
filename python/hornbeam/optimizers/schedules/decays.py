"""Learning-rate schedules: functions of the step, traced into the training step."""

from __future__ import annotations

import math
from typing import Any

from hornbeam import ops
from hornbeam.core.registry import (
    argument_names,
    deserialize_keras_object,
    register_builtin,
    serialize_keras_object,
)
from hornbeam.core.validation import number

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule:
    """Base class: override ``__call__(step)`` and ``get_config``. Constructor arguments are kept as attributes."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("hornbeam."):
            register_builtin(cls)

    def __call__(self, step: Any) -> Any:
        """The learning rate at a step."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments.

        Raises:
            NotImplementedError: when an argument is not kept as an attribute of its name.
        """
        names = argument_names(type(self))
        missing = [n for n in names if not hasattr(self, n)]
        if missing:
            raise NotImplementedError(f"{type(self).__name__} must define get_config(): it keeps no {missing}")
        return {n: getattr(self, n) for n in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """The schedule a config describes."""
        return cls(**config)


def _steps(name: str, value: Any) -> Any:
    if number(name, value) <= 0:
        raise ValueError(f"`{name}` must be positive. Received: {name}={value}")
    return value


class ExponentialDecay(LearningRateSchedule):
    """``initial * decay_rate ^ (step / decay_steps)``.

    Args:
        initial_learning_rate: at step 0.
        decay_steps: how long one factor takes.
        decay_rate: the factor.
        staircase: whether it falls in steps.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate, self.decay_steps, self.decay_rate, self.staircase, self.name = (
            initial_learning_rate,
            _steps("decay_steps", decay_steps),
            decay_rate,
            staircase,
            name,
        )

    def __call__(self, step: Any) -> Any:
        p = ops.divide(ops.cast(step, "float32"), float(self.decay_steps))
        p = ops.floor(p) if self.staircase else p
        return ops.multiply(ops.power(float(self.decay_rate), p), self.initial_learning_rate)


class InverseTimeDecay(LearningRateSchedule):
    """``initial / (1 + decay_rate * step / decay_steps)``.

    Args:
        initial_learning_rate: at step 0.
        decay_steps: the unit of time.
        decay_rate: how fast it falls.
        staircase: whether it falls in steps.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.initial_learning_rate, self.decay_steps, self.decay_rate, self.staircase, self.name = (
            initial_learning_rate,
            _steps("decay_steps", decay_steps),
            decay_rate,
            staircase,
            name,
        )

    def __call__(self, step: Any) -> Any:
        p = ops.divide(ops.cast(step, "float32"), float(self.decay_steps))
        p = ops.floor(p) if self.staircase else p
        return ops.divide(self.initial_learning_rate, ops.add(ops.multiply(p, self.decay_rate), 1.0))


class PiecewiseConstantDecay(LearningRateSchedule):
    """One value up to each boundary.

    Args:
        boundaries: increasing steps.
        values: one more than boundaries.
    """

    def __init__(self, boundaries: Any, values: Any, name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"`values` must have one more element than `boundaries`. Received: {len(values)} and {len(boundaries)}"
            )
        self.boundaries, self.values, self.name = list(boundaries), list(values), name

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        rate: Any = ops.add(ops.multiply(step, 0.0), float(self.values[-1]))
        for b, v in zip(reversed(self.boundaries), reversed(self.values[:-1])):
            rate = ops.where(ops.less_equal(step, float(b)), float(v), rate)
        return rate


class PolynomialDecay(LearningRateSchedule):
    """Falls to ``end_learning_rate`` along a power of time.

    Args:
        initial_learning_rate: at step 0.
        decay_steps: when it ends.
        end_learning_rate: the last value.
        power: of the remaining time.
        cycle: whether it starts over.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate, self.decay_steps, self.end_learning_rate = (
            initial_learning_rate,
            _steps("decay_steps", decay_steps),
            end_learning_rate,
        )
        self.power, self.cycle, self.name = power, cycle, name

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        length: Any = float(self.decay_steps)
        if self.cycle:
            length = ops.multiply(ops.maximum(ops.ceil(ops.divide(step, length)), 1.0), length)
        left = ops.subtract(1.0, ops.divide(ops.minimum(step, length), length))
        left = left if self.power == 1.0 else ops.power(left, float(self.power))
        return ops.add(ops.multiply(left, self.initial_learning_rate - self.end_learning_rate), self.end_learning_rate)


class CosineDecay(LearningRateSchedule):
    """Falls along half a cosine (Loshchilov and Hutter 2016), perhaps after a linear warm-up.

    Args:
        initial_learning_rate: at the start.
        decay_steps: how long it falls.
        alpha: the last value, as a share of the first.
        warmup_target: where the warm-up leads; None for no warm-up.
        warmup_steps: how long it takes.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate, self.decay_steps, self.alpha, self.name = (
            initial_learning_rate,
            _steps("decay_steps", decay_steps),
            alpha,
            name,
        )
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        top = self.initial_learning_rate if self.warmup_target is None else self.warmup_target
        start = float(self.warmup_steps) if self.warmup_target is not None else 0.0
        done = ops.divide(ops.clip(ops.subtract(step, start), 0.0, float(self.decay_steps)), float(self.decay_steps))
        wave = ops.multiply(ops.add(ops.cos(ops.multiply(done, math.pi)), 1.0), 0.5)
        rate = ops.multiply(ops.add(ops.multiply(wave, 1.0 - self.alpha), self.alpha), top)
        if self.warmup_target is None or self.warmup_steps == 0:
            return rate
        rise = ops.add(
            ops.multiply(ops.divide(step, start), top - self.initial_learning_rate), self.initial_learning_rate
        )
        return ops.where(ops.less(step, start), rise, rate)


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay that starts over, longer and lower each time (Loshchilov and Hutter 2016).

    Args:
        initial_learning_rate: at the start.
        first_decay_steps: length of the first fall.
        t_mul: each fall is this much longer.
        m_mul: each start is this much lower.
        alpha: the last value, as a share of the first.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _steps("first_decay_steps", first_decay_steps)
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: Any) -> Any:
        done = ops.divide(ops.cast(step, "float32"), float(self.first_decay_steps))
        if self.t_mul == 1.0:
            n = ops.floor(done)
            done = ops.subtract(done, n)
        else:
            n = ops.floor(
                ops.divide(ops.log(ops.subtract(1.0, ops.multiply(done, 1.0 - self.t_mul))), math.log(self.t_mul))
            )
            length = ops.power(float(self.t_mul), n)
            before = ops.divide(ops.subtract(1.0, length), 1.0 - self.t_mul)
            done = ops.divide(ops.subtract(done, before), length)
        wave = ops.multiply(ops.add(ops.cos(ops.multiply(done, math.pi)), 1.0), 0.5)
        wave = ops.multiply(wave, ops.power(float(self.m_mul), n)) if self.m_mul != 1.0 else wave
        return ops.multiply(ops.add(ops.multiply(wave, 1.0 - self.alpha), self.alpha), self.initial_learning_rate)


def serialize(learning_rate_schedule: Any) -> Any:
    """Its config."""
    return serialize_keras_object(learning_rate_schedule)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """The schedule a config describes."""
    return deserialize_keras_object(config, custom_objects)
