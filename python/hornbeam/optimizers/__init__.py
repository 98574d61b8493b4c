"""Optimizers, their schedules and ``get``."""

from hornbeam.optimizers import adam, algorithms, loss_scale, optimizer, schedules, serialization
from hornbeam.optimizers.adam import *  # noqa: F403
from hornbeam.optimizers.algorithms import *  # noqa: F403
from hornbeam.optimizers.loss_scale import *  # noqa: F403
from hornbeam.optimizers.optimizer import *  # noqa: F403
from hornbeam.optimizers.serialization import *  # noqa: F403

__all__ = ["schedules"]
__all__ += adam.__all__
__all__ += algorithms.__all__
__all__ += loss_scale.__all__
__all__ += optimizer.__all__
__all__ += serialization.__all__
