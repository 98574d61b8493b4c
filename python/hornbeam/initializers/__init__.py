"""How weights begin."""

from hornbeam.initializers import initializer
from hornbeam.initializers.initializer import *  # noqa: F403

__all__ = [*initializer.__all__]
