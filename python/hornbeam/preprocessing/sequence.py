"""Sequences of numbers; see ``hornbeam.utils``."""

from hornbeam.utils.arrays import pad_sequences
from hornbeam.utils.word_pairs import make_sampling_table, skipgrams

__all__ = ["make_sampling_table", "pad_sequences", "skipgrams"]
