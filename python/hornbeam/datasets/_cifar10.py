"""CIFAR-10: small colour pictures of ten classes (A. Krizhevsky, 2009)."""

from __future__ import annotations

from hornbeam.datasets._cifar import load_batches
from hornbeam.datasets._files import Pairs

__all__ = ["load_data"]

_HASH = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"


def load_data() -> Pairs:
    """50,000 pictures to train on and 10,000 to test with.

    The classes: 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: pictures uint8 (n, 32, 32, 3), classes uint8 (n, 1).
    """
    files = [f"cifar-10-batches-py/{name}" for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")]
    (x, y), test = (
        load_batches("cifar-10-batches-py-target", "cifar-10-python.tar.gz", _HASH, part, "labels")
        for part in (files[:5], files[5:])
    )
    return (x, y.astype("uint8")), (test[0], test[1].astype("uint8"))
