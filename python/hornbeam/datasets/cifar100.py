"""CIFAR-100: small colour pictures of a hundred classes in twenty groups (A. Krizhevsky, 2009)."""

from hornbeam.datasets._cifar100 import load_data

__all__ = ["load_data"]
