"""Projections of weights after each update."""

from hornbeam.constraints import constraint
from hornbeam.constraints.constraint import *  # noqa: F403

__all__ = [*constraint.__all__]
