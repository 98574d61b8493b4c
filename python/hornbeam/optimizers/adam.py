"""Adam and its kin, each in Keras' form and with its defaults."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.optimizers.optimizer import Optimizer

__all__ = ["Adam", "AdamW", "Adamax", "Nadam"]


class Adam(Optimizer):
    """Moving means of gradients and of their squares (Kingma and Ba 2014), epsilon being the paper's epsilon-hat.

    ``m += (1 - beta_1) (g - m)``, ``v += (1 - beta_2) (g^2 - v)`` and, in step t,
    ``w -= learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)``.

    Args:
        learning_rate: a number, a schedule, or a function of no arguments.
        beta_1: of the gradients' mean.
        beta_2: of the squares' mean.
        epsilon: added to the root.
        amsgrad: whether the largest squares so far are used (Reddi et al. 2018).
        weight_decay, clipnorm, clipvalue, global_clipnorm: as for ``Optimizer``.
        use_ema, ema_momentum, ema_overwrite_frequency: likewise.
        loss_scale_factor, gradient_accumulation_steps, name, lazy: likewise.

    Example:
        >>> import hornbeam as hb
        >>> import numpy as np
        >>> w = hb.Variable([1.0])
        >>> _ = Adam(0.5).apply_gradients([(np.ones(1, "float32"), w)])
        >>> round(float(w.numpy()[0]), 3)
        0.5
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017).

    As ``Adam``, with ``w -= learning_rate weight_decay w`` besides.

    Args:
        learning_rate: a number, a schedule, or a function of no arguments.
        weight_decay: share of each weight subtracted per step, times the learning rate.
        beta_1: of the gradients' mean.
        beta_2: of the squares' mean.
        epsilon: added to the root.
        amsgrad: whether the largest squares so far are used.
        clipnorm, clipvalue, global_clipnorm: as for ``Optimizer``.
        use_ema, ema_momentum, ema_overwrite_frequency: likewise.
        loss_scale_factor, gradient_accumulation_steps, name, lazy: likewise.

    Raises:
        ValueError: when weight_decay is None.

    Example:
        >>> import hornbeam as hb
        >>> import numpy as np
        >>> w = hb.Variable([1.0])
        >>> _ = AdamW(0.5).apply_gradients([(np.ones(1, "float32"), w)])
        >>> round(float(w.numpy()[0]), 3)
        0.498
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        if weight_decay is None:
            raise ValueError("`weight_decay` must be a number. Received: weight_decay=None")
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
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


class Nadam(Optimizer):
    """Adam with Nesterov momentum (Dozat 2016).

    As ``Adam``, with a schedule of momenta and the next one's already in the step.

    Args:
        learning_rate: a number, a schedule, or a function of no arguments.
        beta_1: of the gradients' mean.
        beta_2: of the squares' mean.
        epsilon: added to the root.
        weight_decay, clipnorm, clipvalue, global_clipnorm: as for ``Optimizer``.
        use_ema, ema_momentum, ema_overwrite_frequency: likewise.
        loss_scale_factor, gradient_accumulation_steps, name, lazy: likewise.

    Example:
        >>> import hornbeam as hb
        >>> import numpy as np
        >>> w = hb.Variable([1.0])
        >>> _ = Nadam(0.5).apply_gradients([(np.ones(1, "float32"), w)])
        >>> round(float(w.numpy()[0]), 3)
        0.469
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
    """Adam with the maximum norm (Kingma and Ba 2014).

    ``m += (1 - beta_1) (g - m)``, ``u = max(beta_2 u, |g|)`` and, in step t,
    ``w -= learning_rate / (1 - beta_1^t) m / (u + epsilon)``.

    Args:
        learning_rate: a number, a schedule, or a function of no arguments.
        beta_1: of the gradients' mean.
        beta_2: of the maximum.
        epsilon: added to the maximum.
        weight_decay, clipnorm, clipvalue, global_clipnorm: as for ``Optimizer``.
        use_ema, ema_momentum, ema_overwrite_frequency: likewise.
        loss_scale_factor, gradient_accumulation_steps, name, lazy: likewise.

    Example:
        >>> import hornbeam as hb
        >>> import numpy as np
        >>> w = hb.Variable([1.0])
        >>> _ = Adamax(0.5).apply_gradients([(np.ones(1, "float32"), w)])
        >>> round(float(w.numpy()[0]), 3)
        0.5
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
