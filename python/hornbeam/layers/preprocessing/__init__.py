"""Layers that turn what a data set holds (numbers of any scale, categories, text, sound) into what a network takes."""

from hornbeam.layers.preprocessing.category_encoding import CategoryEncoding
from hornbeam.layers.preprocessing.discretization import Discretization
from hornbeam.layers.preprocessing.hashed_crossing import HashedCrossing
from hornbeam.layers.preprocessing.hashing import Hashing
from hornbeam.layers.preprocessing.integer_lookup import IntegerLookup
from hornbeam.layers.preprocessing.normalization import Normalization
from hornbeam.layers.preprocessing.spectrograms import MelSpectrogram, STFTSpectrogram
from hornbeam.layers.preprocessing.string_lookup import StringLookup
from hornbeam.layers.preprocessing.text_vectorization import TextVectorization

__all__ = [
    "CategoryEncoding",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "MelSpectrogram",
    "Normalization",
    "STFTSpectrogram",
    "StringLookup",
    "TextVectorization",
]
