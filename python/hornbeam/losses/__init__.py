"""Losses: classes, functions and ``get``."""

from hornbeam.losses import distances, functions, loss, probabilities, serialization
from hornbeam.losses.distances import *  # noqa: F403
from hornbeam.losses.functions import *  # noqa: F403
from hornbeam.losses.loss import *  # noqa: F403
from hornbeam.losses.probabilities import *  # noqa: F403
from hornbeam.losses.serialization import *  # noqa: F403

__all__ = [*distances.__all__]
__all__ += functions.__all__
__all__ += loss.__all__
__all__ += probabilities.__all__
__all__ += serialization.__all__
