"""Files from elsewhere, kept in a cache: ``get_file``."""

from __future__ import annotations

import contextlib
import os
import urllib.parse
import warnings
from typing import Any

from hornbeam.callbacks.progress import is_terminal, say
from hornbeam.core.validation import choice
from hornbeam.utils.archives import extract_archive
from hornbeam.utils.progress import Progbar

__all__ = ["get_file", "hash_file", "validate_file"]

_PIECE = 2**16
_TIMEOUT = 60  # seconds without a byte


def get_file(
    fname: Any = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: Any = None,
    force_download: bool = False,
) -> str:
    """The path of a file that is fetched from a URL unless the cache has it.

    What is fetched takes its name only when it is complete and its hash is right. A file in the cache whose hash
    differs is fetched anew; where that fails, it is used as it is, with a warning.

    Args:
        fname: the file's name in the cache; with ``extract`` and without a dot the folder's name. None: the name in ``origin``.
        origin: the URL: ``http``, ``https`` or ``file``.
        untar: as ``extract``, for tars alone.
        md5_hash: the file's MD5; ``file_hash`` takes both kinds.
        file_hash: the file's SHA-256 or MD5 in hexadecimal digits.
        cache_subdir: the folder within the cache; an absolute path stands for itself.
        hash_algorithm: "md5", "sha256", or "auto", which goes by the number of digits.
        extract: whether to unpack a tar or zip, see ``archive_format``.
        archive_format: "auto", "tar", "zip", a list of them, or None.
        cache_dir: the cache, by default ``$KERAS_HOME`` or ``~/.keras``, which Keras uses too.
        force_download: whether to fetch it even if the cache has it.

    Returns:
        The path of the file, or of the folder that it was unpacked to.

    Raises:
        OSError: the file cannot be fetched; the message says where to put it by hand.
        ValueError: its hash is wrong, or the archive is damaged or unsafe.
    """
    if origin is None:
        raise ValueError('Please specify the "origin" argument (URL of the file to download). Received: origin=None')
    hash_algorithm = choice("hash_algorithm", hash_algorithm, ("auto", "md5", "sha256"))
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    name, folder_name = _names(fname, origin, extract or untar)
    folder = _cache_folder(cache_dir, cache_subdir, name, folder_name)
    target = os.path.join(folder, name)
    unpacked = os.path.join(folder, folder_name) if folder_name else None

    fetched = False
    if unpacked and not force_download and os.path.isdir(unpacked) and not os.path.exists(target):
        return unpacked  # put there by hand, or the archive was deleted
    if force_download or not os.path.exists(target):
        fetched = True
        _fetch(origin, target, file_hash, hash_algorithm)
    elif file_hash is not None and not validate_file(target, file_hash, hash_algorithm):
        say(f"The {_algorithm(hash_algorithm, file_hash)} hash of {target} is not {file_hash}: fetching it anew.")
        try:
            _fetch(origin, target, file_hash, hash_algorithm)
            fetched = True
        except OSError as e:
            warnings.warn(f"{target} is used although its hash is not {file_hash}: {e}", stacklevel=2)
    if unpacked is None:
        return target
    if (fetched or not os.path.isdir(unpacked)) and not extract_archive(
        target, unpacked, "tar" if untar else archive_format
    ):
        warnings.warn(f"{target} is not unpacked: it is no archive of format {archive_format!r}", stacklevel=2)
    return unpacked


def _names(fname: Any, origin: str, unpack: bool) -> tuple[str, str | None]:
    """The names of the file and of the folder that it is unpacked to, as Keras gives them."""
    name = "" if fname is None else os.fspath(fname)
    given = bool(name)
    if not given:
        name = os.path.basename(urllib.parse.urlsplit(origin).path)
        if not name:
            raise ValueError(f"`origin` names no file; `fname` must name it. Received: origin={origin!r}")
    if "/" in name or os.sep in name or name in (".", ".."):
        raise ValueError(f"`fname` must be a name; `cache_dir` says where the file is kept. Received: fname={name!r}")
    if not unpack:
        return name, None
    if given and "." in name:
        return name, name[: name.find(".")] + "_extracted"
    return name + "_archive", name


def _cache_folder(cache_dir: Any, subdir: str, *names: str | None) -> str:
    """The folder that has the file, else one that can be written to."""
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    folder = os.path.join(os.path.expanduser(home if cache_dir is None else os.fspath(cache_dir)), subdir)
    if any(name and os.path.exists(os.path.join(folder, name)) for name in names):
        return folder
    with contextlib.suppress(OSError):
        os.makedirs(folder, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    import tempfile

    folder = os.path.join(tempfile.gettempdir(), ".keras", subdir)
    os.makedirs(folder, exist_ok=True)
    return folder


def _fetch(origin: str, target: str, file_hash: str | None, algorithm: str) -> None:
    """Downloads to a name beside the target, checks, and then takes the target's place."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import urlopen

    say(f"Downloading data from {origin}")
    part = f"{target}.part-{os.urandom(4).hex()}"
    try:
        with open(part, "xb") as out:
            try:
                with urlopen(origin, timeout=_TIMEOUT) as response:
                    _copy(response, out)
            except (OSError, ValueError, HTTPException) as e:  # ValueError: no URL; HTTPException: no answer of HTTP's
                reason = f"{e.code} -- {e.msg}" if isinstance(e, HTTPError) else getattr(e, "reason", e)
                raise OSError(
                    f"URL fetch failure on {origin}: {' '.join(str(reason).split())}. Without a network, put that file at {target}"
                ) from e
        if file_hash is not None and not validate_file(part, file_hash, algorithm):
            raise ValueError(
                f"Incomplete or corrupted file detected. The {_algorithm(algorithm, file_hash)} hash of {origin} "
                f"does not match the provided value of {file_hash}."
            )
        os.replace(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(part)
        raise


def _copy(response: Any, out: Any) -> None:
    length = response.headers.get("Content-Length")
    total = int(length) if length and length.isdecimal() else None
    bar, done = Progbar(total, interval=0.1 if is_terminal() else 10), 0
    while piece := response.read(_PIECE):
        out.write(piece)
        done += len(piece)
        bar.update(done, finalize=done == total)
    if total is None:
        bar.update(done, finalize=True)
    elif done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes")


def _algorithm(algorithm: str, file_hash: str) -> str:
    return ("sha256" if len(file_hash) == 64 else "md5") if algorithm == "auto" else algorithm


def hash_file(fpath: Any, algorithm: str = "sha256", chunk_size: int = _PIECE) -> str:
    """The hash of a file.

    Args:
        fpath: the file.
        algorithm: "sha256" or "md5".
        chunk_size: bytes to read at a time.
    """
    import hashlib

    found = hashlib.sha256() if algorithm == "sha256" else hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as f:
        while piece := f.read(chunk_size):
            found.update(piece)
    return found.hexdigest()


def validate_file(fpath: Any, file_hash: str, algorithm: str = "auto", chunk_size: int = _PIECE) -> bool:
    """Whether a file has a hash.

    Args:
        fpath: the file.
        file_hash: in hexadecimal digits.
        algorithm: "sha256", "md5", or "auto" for what the number of digits says.
        chunk_size: bytes to read at a time.
    """
    return hash_file(fpath, _algorithm(algorithm, file_hash), chunk_size) == str(file_hash).lower()
