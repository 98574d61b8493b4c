"""How weights begin."""

from hornbeam.initializers import constants, draws, initializer, scaling, serialization
from hornbeam.initializers.constants import *  # noqa: F403
from hornbeam.initializers.draws import *  # noqa: F403
from hornbeam.initializers.initializer import *  # noqa: F403
from hornbeam.initializers.scaling import *  # noqa: F403
from hornbeam.initializers.serialization import *  # noqa: F403

__all__ = [*constants.__all__]
__all__ += draws.__all__
__all__ += initializer.__all__
__all__ += scaling.__all__
__all__ += serialization.__all__
