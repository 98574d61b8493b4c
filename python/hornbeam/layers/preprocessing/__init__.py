"""Layers that turn what lies in files and tables into numbers."""

from hornbeam.layers.preprocessing import integer_lookup, string_lookup, text_vectorization
from hornbeam.layers.preprocessing.integer_lookup import *  # noqa: F403
from hornbeam.layers.preprocessing.string_lookup import *  # noqa: F403
from hornbeam.layers.preprocessing.text_vectorization import *  # noqa: F403

__all__ = [*integer_lookup.__all__]
__all__ += string_lookup.__all__
__all__ += text_vectorization.__all__
