"""Random numbers and the streams that they come from."""

from hornbeam.random import draws, gammas
from hornbeam.random.draws import *  # noqa: F403
from hornbeam.random.gammas import *  # noqa: F403

__all__ = [*draws.__all__]
__all__ += gammas.__all__
