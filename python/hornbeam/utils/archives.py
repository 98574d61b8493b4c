"""Archives of files: tar and zip, unpacked so that nothing outside the folder is touched."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import re
import stat
import warnings
from collections.abc import Callable, Generator
from typing import IO, Any

__all__ = ["extract_archive"]

# What an honest archive stays below, and what is meant to fill the disk or memory does not.
MAX_MEMBERS = 4_000_000
MAX_RATIO = 200  # bytes of files per byte of the archive; above MIN_BYTES alone
MIN_BYTES = 2**30
MAX_DEPTH = 200  # folders within each other: far more could not even be removed again
MAX_HEADER = 2**22  # bytes that tarfile may ask for at once: names and attributes

_PIECE = 2**20
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ": "lzma"}  # not every Python has all of them


class _Bounded:
    """A file for `tarfile`, which would read a header of any size that the archive says into memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def read(self, size: int) -> bytes:
        if size > MAX_HEADER:
            raise ValueError(f"a header of {size} bytes")
        return self._file.read(size)


_Member = tuple[
    str, "Callable[[], IO[bytes]] | None", str
]  # name, how to open a file (None: a folder), "" or what it is


def _tar_members(path: str) -> Generator[_Member, None, None] | None:
    """What a tar holds, compressed or not, in order; None where it is none."""
    import tarfile

    with open(path, "rb") as f:
        start = f.read(8)
    module = next((m for magic, m in _COMPRESSED.items() if start.startswith(magic)), "io")
    file = importlib.import_module(module).open(path, "rb")
    try:
        archive = tarfile.TarFile(fileobj=_Bounded(file))  # type: ignore[arg-type]
    except tarfile.ReadError as e:
        file.close()
        if isinstance(e.__cause__, EOFError):
            raise
        return None
    except BaseException:
        file.close()
        raise

    def walk() -> Generator[_Member, None, None]:
        with file, archive:
            yield "", None, ""
            for info in archive:
                if info.isdir():
                    yield info.name, None, ""
                elif info.isreg():
                    yield info.name, lambda info=info: archive.extractfile(info), ""  # type: ignore[misc]
                else:
                    yield info.name, None, "a link" if info.issym() or info.islnk() else "a device"
                archive.members.clear()  # type: ignore[attr-defined]  # else a million names stay in memory
            for _ in range(64):  # the checksum of what is compressed is at its end
                if not file.read(_PIECE):
                    return
            raise ValueError("there is much behind its last member")

    members = walk()
    next(members)  # from here on, closing it closes the file
    return members


def _zip_members(path: str) -> Generator[_Member, None, None] | None:
    """What a zip holds; None where it is none."""
    import zipfile

    if not zipfile.is_zipfile(path):
        return None

    def walk() -> Generator[_Member, None, None]:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                if info.is_dir():
                    yield info.filename, None, ""
                elif kind in (0, stat.S_IFREG):
                    yield info.filename, lambda info=info: archive.open(info), ""  # type: ignore[misc]
                else:
                    yield info.filename, None, "a link" if kind == stat.S_IFLNK else "a device"

    return walk()


_FORMATS = {"tar": _tar_members, "zip": _zip_members}


def extract_archive(file_path: Any, path: Any = ".", archive_format: Any = "auto") -> bool:
    """Unpacks a tar (plain, gzip, bzip2 or xz) or a zip into a folder: all of it, or nothing.

    Only folders and regular files are made. Links and devices are left out with a warning; a name that leads out of
    the folder, and an archive that unpacks to far more than an honest one would, is an error, and nothing stays behind.

    Args:
        file_path: the archive.
        path: the folder, made where it is not there. Files of it that the archive has too are replaced.
        archive_format: "tar", "zip", "auto" for either, a list of these, or None, which matches nothing.

    Returns:
        Whether the file is an archive of such a format.

    Raises:
        ValueError: the archive is damaged, leads outside, or is a bomb.
    """
    formats = ["tar", "zip"] if archive_format == "auto" else archive_format or []
    formats = [formats] if isinstance(formats, str) else list(formats)
    for name in formats:
        if name not in _FORMATS:
            raise NotImplementedError(
                f"`archive_format` must be 'auto', 'tar', 'zip' or None. Received: archive_format={archive_format!r}"
            )
    source, target = os.fspath(file_path), os.path.abspath(os.fspath(path))
    if not os.path.exists(source):
        raise FileNotFoundError(f"there is no archive {source}")
    for name in formats:
        try:
            members = _FORMATS[name](source)
        except Exception as e:
            raise _said(source, e) from e
        if members is not None:
            _unpack(source, members, target)
            return True
    return False


def _unpack(source: str, members: Generator[_Member, None, None], target: str) -> None:
    import shutil
    import tempfile

    parent = os.path.dirname(target)
    os.makedirs(parent, exist_ok=True)
    beside = tempfile.mkdtemp(prefix=os.path.basename(target)[:100] + ".part-", dir=parent)
    staged = os.path.join(beside, "files")
    try:
        os.mkdir(staged)
        with contextlib.closing(members):
            left_out = _write(source, members, staged)
        try:
            os.rename(staged, target)
        except OSError:
            if not os.path.isdir(target):
                raise
            _move_into(staged, target)
    except Exception as e:
        raise _said(source, e) from e
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    if left_out:
        more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
        warnings.warn(f"left out of {source}: {', '.join(left_out[:3])}{more}", stacklevel=3)


def _said(source: str, error: Exception) -> Exception:
    """The error itself, or what a damaged archive's comes to."""
    import tarfile
    import zipfile
    import zlib

    known = isinstance(error, (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error))
    known = known or type(error) in (RuntimeError, NotImplementedError)  # zipfile's: a password, an unknown compression
    if (
        known
        or type(error).__name__ in ("LZMAError", "BadGzipFile")
        or (type(error) is OSError and error.errno is None)
    ):
        return ValueError(f"the archive {source} is damaged: {error}")  # bz2 raises an OSError without a number
    return error


def _write(source: str, members: Generator[_Member, None, None], folder: str) -> list[str]:
    """Writes the members; says which were left out."""
    import shutil

    free, size = shutil.disk_usage(folder).free, os.path.getsize(source)
    limit, count, written = max(MIN_BYTES, MAX_RATIO * size), 0, 0
    left_out = []
    for name, opened, special in members:
        count += 1
        if count > MAX_MEMBERS:
            raise ValueError(f"the archive {source} has more than {MAX_MEMBERS} members")
        if special:
            left_out.append(f"{name!r} ({special})")
            continue
        parts = _parts(source, name)
        place = os.path.join(folder, *parts)
        try:
            os.makedirs(place if opened is None else os.path.join(folder, *parts[:-1]), exist_ok=True)
            if opened is None:
                continue
            out = open(place, "wb")  # noqa: SIM115 - closed below
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as e:
            raise ValueError(f"the archive {source} has {name!r} both as a file and as a folder") from e
        with out, opened() as data:
            while piece := data.read(_PIECE):
                written += len(piece)
                if written > limit:
                    raise ValueError(f"the archive {source} of {size} bytes unpacks to more than {limit} bytes")
                if written > free:
                    raise OSError(
                        errno.ENOSPC,
                        f"the archive {source} unpacks to more than the {free} bytes that the disk has free",
                    )
                out.write(piece)
    return left_out


def _parts(source: str, name: str) -> list[str]:
    """A member's name as parts of a path below the folder. A backslash separates them on some machines."""
    text = name.replace("\\", "/")
    parts = [p for p in text.split("/") if p not in ("", ".")]
    if text.startswith("/") or re.match("[A-Za-z]:", text) or ".." in parts or "\0" in text:
        raise ValueError(f"the archive {source} has a member that leads out of its folder: {name!r}")
    if len(parts) > MAX_DEPTH:
        raise ValueError(f"the archive {source} has a member below more than {MAX_DEPTH} folders: {name[:100]!r}..")
    return parts


def _move_into(staged: str, target: str) -> None:
    """Moves files into a folder that is there, which keeps what else it has."""
    for here, _, files in os.walk(staged):
        there = os.path.join(target, os.path.relpath(here, staged))
        os.makedirs(there, exist_ok=True)
        for name in files:
            os.replace(os.path.join(here, name), os.path.join(there, name))
