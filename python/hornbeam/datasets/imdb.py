"""IMDB: film reviews, positive or negative (A. Maas et al., 2011)."""

from hornbeam.datasets._imdb import get_word_index, load_data

__all__ = ["get_word_index", "load_data"]
