"""Penalties on weights and outputs."""

from hornbeam.regularizers import regularizer
from hornbeam.regularizers.regularizer import *  # noqa: F403

__all__ = [*regularizer.__all__]
