"""The optimizers, each in Keras' form and with its defaults."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.optimizers.optimizer import Optimizer

_COMMON = """
        **kwargs: as for ``Optimizer`` (weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ...).
    """


class SGD(Optimizer):
    __doc__ = (
        """Gradient descent, perhaps with momentum: ``v = momentum * v - lr * g; w += v``.

    Args:
        learning_rate: a number or a schedule.
        momentum: in [0, 1).
        nesterov: whether to look ahead (Nesterov 1983)."""
        + _COMMON
    )

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **kwargs: Any) -> None:
        super().__init__(learning_rate, **kwargs)
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
    __doc__ = (
        """Divides by a moving root mean square of the gradients (Hinton 2012).

    Args:
        learning_rate: a number or a schedule.
        rho: of the moving mean.
        momentum: of the updates.
        epsilon: added to the mean square.
        centered: whether the variance is used instead."""
        + _COMMON
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
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
    __doc__ = (
        """Divides by the root of the sum of all squared gradients (Duchi et al. 2011).

    Args:
        learning_rate: a number or a schedule.
        initial_accumulator_value: what the sums begin with.
        epsilon: added to the sums."""
        + _COMMON
    )

    def __init__(
        self, learning_rate: Any = 0.001, initial_accumulator_value: float = 0.1, epsilon: float = 1e-7, **kwargs: Any
    ) -> None:
        super().__init__(learning_rate, **kwargs)
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
    __doc__ = (
        """Scales gradients by the ratio of moving means of updates and gradients (Zeiler 2012).

    Args:
        learning_rate: a number or a schedule.
        rho: of the moving means.
        epsilon: added to them."""
        + _COMMON
    )

    def __init__(self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **kwargs: Any) -> None:
        super().__init__(learning_rate, **kwargs)
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


class Adam(Optimizer):
    __doc__ = (
        """Moving means of gradients and of their squares (Kingma and Ba 2014); epsilon is added outside the bias correction.

    Args:
        learning_rate: a number or a schedule.
        beta_1: of the gradients' mean.
        beta_2: of the squares' mean.
        epsilon: added to the root.
        amsgrad: whether the largest squares so far are used (Reddi et al. 2018)."""
        + _COMMON
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad

    def build(self, variables: Any) -> None:
        """Makes both means."""
        super().build(variables)
        self._momentums, self._velocities, self._largest = [], [], []
        for v in variables:
            self._momentums.append(self.add_variable_from_reference(v, "momentum"))
            self._velocities.append(self.add_variable_from_reference(v, "velocity"))
        if self.amsgrad:
            self._largest = [self.add_variable_from_reference(v, "velocity_hat") for v in variables]

    def _before_updates(self, learning_rate: Any) -> None:
        t = ops.cast(ops.add(self.iterations, 1), "float32")
        one, two = (ops.subtract(1.0, ops.power(float(b), t)) for b in (self.beta_1, self.beta_2))
        self._alpha = ops.divide(ops.multiply(learning_rate, ops.sqrt(two)), one)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One update."""
        i = self._get_variable_index(variable)
        m, v = self._momentums[i], self._velocities[i]
        new_m = ops.add(m, ops.multiply(ops.subtract(gradient, m), 1.0 - self.beta_1))
        new_v = ops.add(v, ops.multiply(ops.subtract(ops.square(gradient), v), 1.0 - self.beta_2))
        m.assign(new_m)
        v.assign(new_v)
        if self.amsgrad:
            new_v = ops.maximum(self._largest[i], new_v)
            self._largest[i].assign(new_v)
        alpha = ops.cast(self._alpha, variable.dtype)
        self.assign_sub(variable, ops.divide(ops.multiply(new_m, alpha), ops.add(ops.sqrt(new_v), self.epsilon)))


class AdamW(Adam):
    __doc__ = (
        """Adam with decoupled weight decay (Loshchilov and Hutter 2017).

    Args:
        learning_rate: a number or a schedule.
        weight_decay: share of each weight subtracted per step, times the learning rate.
        beta_1: of the gradients' mean.
        beta_2: of the squares' mean.
        epsilon: added to the root.
        amsgrad: whether the largest squares so far are used."""
        + _COMMON
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        if weight_decay is None:
            raise ValueError("`weight_decay` must be a number. Received: weight_decay=None")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs)


class Nadam(Optimizer):
    __doc__ = (
        """Adam with Nesterov momentum (Dozat 2016).

    Args:
        learning_rate: a number or a schedule.
        beta_1: of the gradients' mean.
        beta_2: of the squares' mean.
        epsilon: added to the root."""
        + _COMMON
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: Any) -> None:
        """Makes both means and the product of the momenta."""
        super().build(variables)
        self._momentums = [self.add_variable_from_reference(v, "momentum") for v in variables]
        self._velocities = [self.add_variable_from_reference(v, "velocity") for v in variables]
        self._product = self.add_variable((), "ones", name="u_product")

    def _before_updates(self, learning_rate: Any) -> None:
        t = ops.cast(ops.add(self.iterations, 1), "float32")
        decay = [
            ops.multiply(ops.subtract(1.0, ops.multiply(ops.power(0.96, ops.add(t, k)), 0.5)), self.beta_1)
            for k in (0.0, 1.0)
        ]
        self._u, self._u_next = decay
        self._u_product = ops.multiply(self._product, self._u)
        self._product.assign(self._u_product)
        self._two = ops.subtract(1.0, ops.power(float(self.beta_2), t))

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One update."""
        i = self._get_variable_index(variable)
        m = ops.add(self._momentums[i], ops.multiply(ops.subtract(gradient, self._momentums[i]), 1.0 - self.beta_1))
        v = ops.add(
            self._velocities[i],
            ops.multiply(ops.subtract(ops.square(gradient), self._velocities[i]), 1.0 - self.beta_2),
        )
        self._momentums[i].assign(m)
        self._velocities[i].assign(v)
        ahead = ops.divide(self._u_next, ops.subtract(1.0, ops.multiply(self._u_product, self._u_next)))
        now = ops.divide(ops.subtract(1.0, self._u), ops.subtract(1.0, self._u_product))
        step = ops.multiply(ops.add(ops.multiply(m, ahead), ops.multiply(gradient, now)), learning_rate)
        self.assign_sub(variable, ops.divide(step, ops.add(ops.sqrt(ops.divide(v, self._two)), self.epsilon)))


class Adamax(Optimizer):
    __doc__ = (
        """Adam with the maximum norm (Kingma and Ba 2014).

    Args:
        learning_rate: a number or a schedule.
        beta_1: of the gradients' mean.
        beta_2: of the maximum.
        epsilon: added to the maximum."""
        + _COMMON
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: Any) -> None:
        """Makes the mean and the maximum."""
        super().build(variables)
        self._m = [self.add_variable_from_reference(v, "momentum") for v in variables]
        self._u = [self.add_variable_from_reference(v, "norm") for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One update."""
        i = self._get_variable_index(variable)
        t = ops.cast(ops.add(self.iterations, 1), variable.dtype)
        m = ops.add(self._m[i], ops.multiply(ops.subtract(gradient, self._m[i]), 1.0 - self.beta_1))
        u = ops.maximum(ops.multiply(self._u[i], self.beta_2), ops.abs(gradient))
        self._m[i].assign(m)
        self._u[i].assign(u)
        rate = ops.divide(learning_rate, ops.subtract(1.0, ops.power(float(self.beta_1), t)))
        self.assign_sub(variable, ops.divide(ops.multiply(m, rate), ops.add(u, self.epsilon)))


class Lion(Optimizer):
    __doc__ = (
        """The sign of an interpolated momentum (Chen et al. 2023).

    Args:
        learning_rate: a number or a schedule.
        beta_1: of the interpolation.
        beta_2: of the momentum."""
        + _COMMON
    )

    def __init__(self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **kwargs: Any) -> None:
        super().__init__(learning_rate, **kwargs)
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
