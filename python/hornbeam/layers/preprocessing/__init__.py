"""Layers that turn what a data set holds (numbers of any scale, categories, text, sound) into what a network takes."""

from hornbeam.layers.preprocessing import spectrograms
from hornbeam.layers.preprocessing.spectrograms import *  # noqa: F403

__all__ = [*spectrograms.__all__]
