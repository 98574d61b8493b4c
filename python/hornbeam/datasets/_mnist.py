"""MNIST: handwritten digits (Y. LeCun, C. Cortes; CC BY-SA 3.0)."""

from __future__ import annotations

from typing import Any

from hornbeam.datasets._files import Pairs, load_npz, stored

__all__ = ["load_data"]

_HASH = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_data(path: Any = "mnist.npz") -> Pairs:
    """60,000 pictures to train on and 10,000 to test with, of the digits 0 to 9.

    Args:
        path: the file's name in the cache.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: pictures uint8 (n, 28, 28), digits uint8 (n,).
    """
    x, y, x_test, y_test = load_npz(stored(path, "mnist.npz", _HASH), "x_train", "y_train", "x_test", "y_test")
    return (x, y), (x_test, y_test)
