"""CIFAR-10: small colour pictures of ten classes (A. Krizhevsky, 2009)."""

from hornbeam.datasets._cifar10 import load_data

__all__ = ["load_data"]
