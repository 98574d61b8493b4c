"""Fashion-MNIST: articles of clothing (H. Xiao, K. Rasul, R. Vollgraf, 2017; MIT licence)."""

from hornbeam.datasets._fashion_mnist import load_data

__all__ = ["load_data"]
