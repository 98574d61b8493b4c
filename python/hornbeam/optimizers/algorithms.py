"""Gradient descent and its kin, each in Keras' form and with its defaults; ``adam`` holds Adam's."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.optimizers.optimizer import Optimizer

__all__ = ["Adadelta", "Adagrad", "Lion", "RMSprop", "SGD"]


class SGD(Optimizer):
    """Gradient descent, perhaps with momentum.

    ``w -= learning_rate g``; with momentum ``v = momentum v - learning_rate g`` and ``w += v``, or, looking ahead
    (Nesterov 1983), ``w += momentum v - learning_rate g``.

    Args:
        learning_rate: a number, a schedule, or a function of no arguments.
        momentum: in [0, 1).
        nesterov: whether to look ahead (Nesterov 1983).
        weight_decay, clipnorm, clipvalue, global_clipnorm: as for ``Optimizer``.
        use_ema, ema_momentum, ema_overwrite_frequency: likewise.
        loss_scale_factor, gradient_accumulation_steps, name, lazy: likewise.

    Raises:
        ValueError: when momentum is not in [0, 1].

    Example:
        >>> import hornbeam as hb
        >>> import numpy as np
        >>> w = hb.Variable([1.0])
        >>> _ = SGD(0.5).apply_gradients([(np.ones(1, "float32"), w)])
        >>> round(float(w.numpy()[0]), 3)
        0.5
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            lazy,
        )
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be in [0, 1]. Received: momentum={momentum}")
        self.momentum, self.nesterov = momentum, nesterov

    def build(self, variables: Any) -> None:
        """Makes the momenta."""
        super().build(variables)
        self.momentums = [self.add_variable_from_reference(v, "momentum") for v in variables] if self.momentum else []

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One update."""
        step = ops.multiply(gradient, learning_rate)
        if not self.momentum:
            self.assign_sub(variable, step)
            return
        m = self.momentums[self._get_variable_index(variable)]
        v = ops.subtract(ops.multiply(m, self.momentum), step)
        m.assign(v)
        self.assign_add(variable, ops.subtract(ops.multiply(v, self.momentum), step) if self.nesterov else v)


class RMSprop(Optimizer):
    """Divides by a moving root mean square of the gradients (Hinton 2012).

    ``v = rho v + (1 - rho) g^2`` and ``w -= learning_rate g / sqrt(v + epsilon)``.

    Args:
        learning_rate: a number, a schedule, or a function of no arguments.
        rho: of the moving mean.
        momentum: of the updates.
        epsilon: added to the mean square.
        centered: whether the variance is used instead.
        weight_decay, clipnorm, clipvalue, global_clipnorm: as for ``Optimizer``.
        use_ema, ema_momentum, ema_overwrite_frequency: likewise.
        loss_scale_factor, gradient_accumulation_steps, name, lazy: likewise.

    Example:
        >>> import hornbeam as hb
        >>> import numpy as np
        >>> w = hb.Variable([1.0])
        >>> _ = RMSprop(0.5).apply_gradients([(np.ones(1, "float32"), w)])
        >>> round(float(w.numpy()[0]), 3)
        -0.581
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
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
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            lazy,
        )
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered

    def build(self, variables: Any) -> None:
        """Makes the moving means."""
        super().build(variables)
        self._velocities = [self.add_variable_from_reference(v, "velocity") for v in variables]
        self._momentums = [self.add_variable_from_reference(v, "momentum") for v in variables] if self.momentum else []
        self._means = (
            [self.add_variable_from_reference(v, "average_gradient") for v in variables] if self.centered else []
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One update."""
        i = self._get_variable_index(variable)
        v = ops.add(ops.multiply(self._velocities[i], self.rho), ops.multiply(ops.square(gradient), 1.0 - self.rho))
        self._velocities[i].assign(v)
        below = ops.add(v, self.epsilon)
        if self.centered:
            mean = ops.add(ops.multiply(self._means[i], self.rho), ops.multiply(gradient, 1.0 - self.rho))
            self._means[i].assign(mean)
            below = ops.add(ops.subtract(v, ops.square(mean)), self.epsilon)
        step = ops.multiply(ops.multiply(gradient, learning_rate), ops.rsqrt(below))
        if self.momentum:
            step = ops.add(ops.multiply(self._momentums[i], self.momentum), step)
            self._momentums[i].assign(step)
        self.assign_sub(variable, step)


class Adagrad(Optimizer):
    """Divides by the root of the sum of all squared gradients (Duchi et al. 2011).

    ``a += g^2`` and ``w -= learning_rate g / sqrt(a + epsilon)``.

    Args:
        learning_rate: a number, a schedule, or a function of no arguments.
        initial_accumulator_value: what the sums begin with.
        epsilon: added to the sums.
        weight_decay, clipnorm, clipvalue, global_clipnorm: as for ``Optimizer``.
        use_ema, ema_momentum, ema_overwrite_frequency: likewise.
        loss_scale_factor, gradient_accumulation_steps, name, lazy: likewise.

    Example:
        >>> import hornbeam as hb
        >>> import numpy as np
        >>> w = hb.Variable([1.0])
        >>> _ = Adagrad(0.5).apply_gradients([(np.ones(1, "float32"), w)])
        >>> round(float(w.numpy()[0]), 3)
        0.523
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
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
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            lazy,
        )
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def build(self, variables: Any) -> None:
        """Makes the sums."""
        super().build(variables)
        self._accumulators = [
            self.add_variable_from_reference(v, "accumulator", self.initial_accumulator_value) for v in variables
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One update."""
        a = self._accumulators[self._get_variable_index(variable)]
        total = ops.add(a, ops.square(gradient))
        a.assign(total)
        self.assign_sub(
            variable, ops.multiply(ops.multiply(gradient, learning_rate), ops.rsqrt(ops.add(total, self.epsilon)))
        )


class Adadelta(Optimizer):
    """Scales gradients by the ratio of moving means of updates and gradients (Zeiler 2012).

    ``a = rho a + (1 - rho) g^2``, ``u = sqrt((d + epsilon) / (a + epsilon)) g``, ``d = rho d + (1 - rho) u^2`` and
    ``w -= learning_rate u``.

    Args:
        learning_rate: a number, a schedule, or a function of no arguments.
        rho: of the moving means.
        epsilon: added to them.
        weight_decay, clipnorm, clipvalue, global_clipnorm: as for ``Optimizer``.
        use_ema, ema_momentum, ema_overwrite_frequency: likewise.
        loss_scale_factor, gradient_accumulation_steps, name, lazy: likewise.

    Example:
        >>> import hornbeam as hb
        >>> import numpy as np
        >>> w = hb.Variable([1.0])
        >>> _ = Adadelta(0.5).apply_gradients([(np.ones(1, "float32"), w)])
        >>> round(float(w.numpy()[0]), 3)
        0.999
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
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
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            lazy,
        )
        self.rho, self.epsilon = rho, epsilon

    def build(self, variables: Any) -> None:
        """Makes the moving means."""
        super().build(variables)
        self._grads = [self.add_variable_from_reference(v, "accumulated_grad") for v in variables]
        self._deltas = [self.add_variable_from_reference(v, "accumulated_delta_var") for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One update."""
        i, rho, eps = self._get_variable_index(variable), self.rho, self.epsilon
        g = ops.add(ops.multiply(self._grads[i], rho), ops.multiply(ops.square(gradient), 1.0 - rho))
        delta = ops.multiply(
            ops.multiply(ops.sqrt(ops.add(self._deltas[i], eps)), ops.rsqrt(ops.add(g, eps))), gradient
        )
        self._deltas[i].assign(ops.add(ops.multiply(self._deltas[i], rho), ops.multiply(ops.square(delta), 1.0 - rho)))
        self._grads[i].assign(g)
        self.assign_sub(variable, ops.multiply(delta, learning_rate))


class Lion(Optimizer):
    """The sign of an interpolated momentum (Chen et al. 2023).

    ``w -= learning_rate sign(beta_1 m + (1 - beta_1) g)`` and ``m = beta_2 m + (1 - beta_2) g``.

    Args:
        learning_rate: a number, a schedule, or a function of no arguments.
        beta_1: of the interpolation.
        beta_2: of the momentum.
        weight_decay, clipnorm, clipvalue, global_clipnorm: as for ``Optimizer``.
        use_ema, ema_momentum, ema_overwrite_frequency: likewise.
        loss_scale_factor, gradient_accumulation_steps, name, lazy: likewise.

    Example:
        >>> import hornbeam as hb
        >>> import numpy as np
        >>> w = hb.Variable([1.0])
        >>> _ = Lion(0.5).apply_gradients([(np.ones(1, "float32"), w)])
        >>> round(float(w.numpy()[0]), 3)
        0.5
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            lazy,
        )
        self.beta_1, self.beta_2 = beta_1, beta_2

    def build(self, variables: Any) -> None:
        """Makes the momenta."""
        super().build(variables)
        self._momentums = [self.add_variable_from_reference(v, "momentum") for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One update."""
        m = self._momentums[self._get_variable_index(variable)]
        step = ops.sign(ops.add(ops.multiply(m, self.beta_1), ops.multiply(gradient, 1.0 - self.beta_1)))
        self.assign_sub(variable, ops.multiply(step, learning_rate))
        m.assign(ops.add(ops.multiply(m, self.beta_2), ops.multiply(gradient, 1.0 - self.beta_2)))
