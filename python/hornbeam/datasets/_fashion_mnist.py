"""Fashion-MNIST: articles of clothing (H. Xiao, K. Rasul, R. Vollgraf, 2017; MIT licence)."""

from __future__ import annotations

import os
import zlib
from typing import Any

import numpy as np

from hornbeam.datasets._files import Pairs, stored

__all__ = ["load_data"]


def load_data() -> Pairs:
    """60,000 pictures to train on and 10,000 to test with.

    The classes: 0 T-shirt/top, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag, 9 ankle boot.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: pictures uint8 (n, 28, 28), classes uint8 (n,).
    """
    train, test = (
        (_read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28), _read(f"{part}-labels-idx1-ubyte.gz", 8))
        for part in ("train", "t10k")
    )
    return train, test


def _read(name: str, header: int) -> Any:
    import gzip

    path = stored(name, name, None, os.path.join("datasets", "fashion-mnist"))
    try:
        with gzip.open(path, "rb") as f:
            return np.frombuffer(f.read(), np.uint8, offset=header)
    except (OSError, EOFError, zlib.error, ValueError) as e:
        raise ValueError(f"{path} is damaged: {e}. Remove it, and it is fetched anew") from e
