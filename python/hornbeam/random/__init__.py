"""Random numbers and the streams that they come from."""

from hornbeam.random import draws
from hornbeam.random.draws import *  # noqa: F403

__all__ = [*draws.__all__]
