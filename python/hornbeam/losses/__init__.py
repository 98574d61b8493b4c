"""Losses: classes, functions and ``get``."""

from hornbeam.losses import distance_functions, distances, loss, probabilities, probability_functions, serialization
from hornbeam.losses.distance_functions import *  # noqa: F403
from hornbeam.losses.distances import *  # noqa: F403
from hornbeam.losses.loss import *  # noqa: F403
from hornbeam.losses.probabilities import *  # noqa: F403
from hornbeam.losses.probability_functions import *  # noqa: F403
from hornbeam.losses.serialization import *  # noqa: F403

__all__ = [*distance_functions.__all__]
__all__ += distances.__all__
__all__ += loss.__all__
__all__ += probabilities.__all__
__all__ += probability_functions.__all__
__all__ += serialization.__all__
