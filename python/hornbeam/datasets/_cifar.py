"""What CIFAR-10 and CIFAR-100 share: batches of pictures, pickled."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from hornbeam.datasets._pickles import read_pickle
from hornbeam.utils.downloads import get_file

_SOURCE = "https://www.cs.toronto.edu/~kriz/"


def load_batches(folder: str, archive: str, file_hash: str, names: list[str], key: str) -> tuple[Any, Any]:
    """Pictures and labels of some batches.

    Args:
        folder: its name in the cache.
        archive: its name where it comes from.
        file_hash: the archive's.
        names: of the batches, with the folder inside the archive.
        key: what labels are called.
    """
    place = get_file(folder, _SOURCE + archive, file_hash=file_hash, extract=True)
    pictures, labels = [], []
    for name in names:
        with open(os.path.join(place, *name.split("/")), "rb") as f:
            batch = read_pickle(f)
        try:
            pictures.append(np.asarray(batch[b"data"], "uint8").reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
            labels.append(np.asarray(batch[key.encode()], "int64"))
        except (KeyError, TypeError, ValueError) as e:
            raise ValueError(f"{f.name} is not the batch that it should be: {e!r}") from e
        if len(pictures[-1]) != len(labels[-1]):
            raise ValueError(f"{f.name} has {len(pictures[-1])} pictures and {len(labels[-1])} labels")
    return np.concatenate(pictures), np.concatenate(labels).reshape(-1, 1)
