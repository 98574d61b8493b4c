"""Layers that turn what a data set holds (numbers of any scale, categories, text, sound) into what a network takes."""

from hornbeam.layers.preprocessing import (
    category_encoding,
    discretization,
    hashed_crossing,
    hashing,
    integer_lookup,
    normalization,
    spectrograms,
    string_lookup,
    text_vectorization,
)
from hornbeam.layers.preprocessing.category_encoding import *  # noqa: F403
from hornbeam.layers.preprocessing.discretization import *  # noqa: F403
from hornbeam.layers.preprocessing.hashed_crossing import *  # noqa: F403
from hornbeam.layers.preprocessing.hashing import *  # noqa: F403
from hornbeam.layers.preprocessing.integer_lookup import *  # noqa: F403
from hornbeam.layers.preprocessing.normalization import *  # noqa: F403
from hornbeam.layers.preprocessing.spectrograms import *  # noqa: F403
from hornbeam.layers.preprocessing.string_lookup import *  # noqa: F403
from hornbeam.layers.preprocessing.text_vectorization import *  # noqa: F403

__all__ = [*category_encoding.__all__]
__all__ += discretization.__all__
__all__ += hashed_crossing.__all__
__all__ += hashing.__all__
__all__ += integer_lookup.__all__
__all__ += normalization.__all__
__all__ += spectrograms.__all__
__all__ += string_lookup.__all__
__all__ += text_vectorization.__all__
