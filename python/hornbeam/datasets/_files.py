"""Where the files come from, and archives of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hornbeam.datasets._pickles import read_pickle
from hornbeam.utils.downloads import get_file

if TYPE_CHECKING:
    import zipfile

Pairs = tuple[tuple[Any, Any], tuple[Any, Any]]  # (x_train, y_train), (x_test, y_test)
STORE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def stored(fname: Any, name: str, file_hash: str | None, cache_subdir: str = "datasets") -> str:
    """The path of a file of that store.

    Args:
        fname: its name in the cache.
        name: its name in the store.
        file_hash: see ``get_file``.
        cache_subdir: the folder within the cache.
    """
    return get_file(fname, STORE + name, file_hash=file_hash, cache_subdir=cache_subdir)


def load_npz(path: str, *names: str) -> list[Any]:
    """Arrays of a `.npz`, those of objects (lists of ints) included; nothing in the file is run.

    Args:
        path: the file.
        names: which arrays.
    """
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            return [_load_npy(archive, name) for name in names]
    except (KeyError, zipfile.BadZipFile, EOFError) as e:
        raise ValueError(f"{path} is not the archive of arrays that it should be: {e}") from e


def _load_npy(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name + ".npy") as f:
        version = np.lib.format.read_magic(f)
        read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
        if read(f)[2].hasobject:
            found = read_pickle(f)
            if not isinstance(found, np.ndarray):
                raise ValueError(f"{name} is no array")
            return found
    with archive.open(name + ".npy") as f:
        return np.lib.format.read_array(f, allow_pickle=False)
