"""Sequences of numbers; see ``hornbeam.utils``."""

from hornbeam.utils.arrays import pad_sequences

__all__ = ["pad_sequences"]
