"""MNIST: handwritten digits (Y. LeCun, C. Cortes; CC BY-SA 3.0)."""

from hornbeam.datasets._mnist import load_data

__all__ = ["load_data"]
