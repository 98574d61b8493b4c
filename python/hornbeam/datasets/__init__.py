"""Small data sets that examples use, in the cache that Keras has too: fetched once, and then read from ``~/.keras/datasets``.

Without a network, a file that is put there by hand serves; the error of ``load_data`` says which one.
"""

from hornbeam.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)

__all__ = [
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
]
