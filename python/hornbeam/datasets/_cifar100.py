"""CIFAR-100: small colour pictures of a hundred classes in twenty groups (A. Krizhevsky, 2009)."""

from __future__ import annotations

from hornbeam.core.validation import choice
from hornbeam.datasets._cifar import load_batches
from hornbeam.datasets._files import Pairs

__all__ = ["load_data"]

_HASH = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"


def load_data(label_mode: str = "fine") -> Pairs:
    """50,000 pictures to train on and 10,000 to test with.

    Args:
        label_mode: "fine" for the 100 classes, "coarse" for the 20 groups.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: pictures uint8 (n, 32, 32, 3), classes int64 (n, 1).
    """
    key = choice("label_mode", label_mode, ("fine", "coarse")) + "_labels"
    train, test = (
        load_batches("cifar-100-python-target", "cifar-100-python.tar.gz", _HASH, [f"cifar-100-python/{part}"], key)
        for part in ("train", "test")
    )
    return train, test
