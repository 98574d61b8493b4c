"""Activation functions by name, and ``get``."""

from hornbeam.activations import functions
from hornbeam.activations.functions import *  # noqa: F403

__all__ = [*functions.__all__]
