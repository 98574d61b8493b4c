"""Metrics: classes, functions and ``get``."""

from hornbeam.losses import distance_functions as _distance_functions
from hornbeam.losses import probability_functions as _probability_functions
from hornbeam.losses.distance_functions import *  # noqa: F403
from hornbeam.losses.probability_functions import *  # noqa: F403
from hornbeam.metrics import accuracies, auc, classes, confusion, metric, probabilities, regression, serialization
from hornbeam.metrics.accuracies import *  # noqa: F403
from hornbeam.metrics.auc import *  # noqa: F403
from hornbeam.metrics.classes import *  # noqa: F403
from hornbeam.metrics.confusion import *  # noqa: F403
from hornbeam.metrics.metric import *  # noqa: F403
from hornbeam.metrics.probabilities import *  # noqa: F403
from hornbeam.metrics.regression import *  # noqa: F403
from hornbeam.metrics.serialization import *  # noqa: F403

__all__ = [*_distance_functions.__all__]
__all__ += _probability_functions.__all__
__all__ += accuracies.__all__
__all__ += auc.__all__
__all__ += classes.__all__
__all__ += confusion.__all__
__all__ += metric.__all__
__all__ += probabilities.__all__
__all__ += regression.__all__
__all__ += serialization.__all__
