"""Arrays in files: IDX (that of MNIST) and NumPy's."""

from __future__ import annotations

import gzip
import math
import os
from typing import Any

import numpy as np

from hornbeam.core.tree import map_structure
from hornbeam.core.validation import fits_memory

__all__ = ["read_idx", "read_npy"]

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Any) -> Any:
    """The array in an IDX file; one whose name ends in ".gz" is decompressed.

    Raises:
        ValueError: for what is none, or has fewer or more bytes than it says.
    """
    name = os.fspath(path)
    with (gzip.open if name.endswith(".gz") else open)(name, "rb") as f:
        try:
            head = f.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _DTYPES:
                raise ValueError("it does not begin as one")
            sizes = f.read(4 * head[3])
            if len(sizes) < 4 * head[3]:
                raise ValueError("it ends within its sizes")
            shape = [int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4)]
            dtype = np.dtype(_DTYPES[head[2]])
            fits_memory(name, shape, dtype.newbyteorder("=").name)
            n = math.prod(shape) * dtype.itemsize
            data = f.read(n + 1)  # one more than there may be
            if len(data) != n:
                raise ValueError(f"of shape {tuple(shape)} it has {n} bytes of numbers, and not {len(data)}")
        except (ValueError, EOFError, gzip.BadGzipFile) as e:
            raise ValueError(f"{name} is no IDX file: {e}") from e
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def read_npy(paths: Any) -> Any:
    """The arrays in NumPy's files, mapped into memory: what is not read stays on disk.

    Args:
        paths: of one file, or a tuple or dict of them.

    Raises:
        ValueError: for a file that is none, or holds Python objects.
    """

    def read(path: Any) -> Any:
        try:
            return np.load(os.fspath(path), mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as e:
            raise ValueError(f"{os.fspath(path)} is no .npy file of numbers: {e}") from e

    return map_structure(read, paths)
