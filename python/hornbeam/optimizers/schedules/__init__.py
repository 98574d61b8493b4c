"""Learning rates that change from step to step."""

from hornbeam.optimizers.schedules import decays
from hornbeam.optimizers.schedules.decays import *  # noqa: F403

__all__ = [*decays.__all__]
