"""WAV files: chunks of RIFF (IBM and Microsoft, 1991), and sounds at another rate."""

from __future__ import annotations

import math
import os
import struct
from typing import Any, BinaryIO

import numpy as np

from hornbeam.core.validation import fits_memory

__all__ = ["at_rate", "read_wav"]

_CROSSINGS, _BETA = 32, 9.0  # of the sinc function on either side, and how its window falls off: 90 dB
_FARTHEST = 256  # times a rate may be another
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE


def read_wav(path: str | os.PathLike[str]) -> tuple[Any, int]:
    """The samples of a WAV file, and how many there are a second.

    Args:
        path: the file: PCM of 8, 16, 24 or 32 bits, or floats of 32 or 64.

    Returns:
        float32 (samples, channels) in [-1, 1] for PCM, and the rate.

    Raises:
        ValueError: it is none, is damaged, or is encoded in another way.
    """
    name = os.fspath(path)
    with open(name, "rb") as f:
        try:
            return _read(f)
        except (ValueError, struct.error) as e:
            raise ValueError(f"{name} does not decode: {e}") from e


def _read(f: BinaryIO) -> tuple[Any, int]:
    head = f.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise ValueError("it is no WAV file")
    end = f.seek(0, os.SEEK_END)
    f.seek(12)
    layout = None
    while len(head := f.read(8)) == 8:
        kind, size = head[:4], struct.unpack("<I", head[4:])[0]
        start = f.tell()
        if kind == b"fmt ":
            layout = f.read(min(size, 40))
        elif kind == b"data":
            if layout is None:
                raise ValueError("its samples come before their format")
            if size > end - start and size not in (0xFFFFFFFF, 0x7FFFFFFF):  # what programs write that stream
                raise ValueError(f"it ends {size - end + start} bytes early")
            return _samples(f.read(min(size, end - start)), layout)
        f.seek(start + size + size % 2)
    raise ValueError("it has no samples")


def _samples(data: bytes, layout: bytes) -> tuple[Any, int]:
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", layout[:16])
    if code == _EXTENSIBLE and len(layout) >= 26:
        code = struct.unpack("<H", layout[24:26])[0]
    if channels == 0 or rate == 0:
        raise ValueError(f"it has {channels} channels and {rate} samples a second")
    known = code == _PCM and bits in (8, 16, 24, 32) or code == _FLOAT and bits in (32, 64)
    if not known:
        raise ValueError(f"encoding {code} of {bits} bits is not read: only PCM of 8, 16, 24, 32, and floats")
    data = data[: len(data) // (channels * bits // 8) * (channels * bits // 8)]
    x: Any
    if code == _FLOAT:
        x = np.frombuffer(data, f"<f{bits // 8}").astype("float32")
    elif bits == 8:
        x = (np.frombuffer(data, "uint8").astype("float32") - 128) / 128
    elif bits == 24:
        wide = np.zeros((len(data) // 3, 4), "uint8")
        wide[:, 1:] = np.frombuffer(data, "uint8").reshape(-1, 3)  # the upper 3 bytes of an int32
        x = wide.view("<i4")[:, 0].astype("float32") / 2**31
    else:
        x = np.frombuffer(data, f"<i{bits // 8}").astype("float32") / 2 ** (bits - 1)
    return x.reshape(-1, channels), rate


def at_rate(x: Any, old: int, new: int) -> Any:
    """A sound at another rate, without the tones that the new rate cannot hold.

    Each sample is a sum of its neighbours by a sinc function in a Kaiser window (J. Kaiser, 1974).

    Args:
        x: float32 (samples, channels).
        old: samples a second.
        new: likewise.

    Returns:
        float32 (ceil(samples * new / old), channels).

    Raises:
        ValueError: one rate is more than 256 times the other.
    """
    if old == new or not len(x):
        return x
    if not 1 / _FARTHEST <= new / old <= _FARTHEST:
        raise ValueError(f"{old} samples a second are too far from {new}")
    up, down = new // math.gcd(old, new), old // math.gcd(old, new)
    n = -(-len(x) * up // down)
    fits_memory("a sound at another rate", [n, x.shape[1]], "float32")
    narrow = min(1.0, new / old)
    reach = math.ceil(_CROSSINGS / narrow)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((reach, reach), (0, 0))), 2 * reach, axis=0)
    y, highest = np.empty((n, x.shape[1]), "float32"), np.i0(_BETA)
    for phase in range(min(up, n)):  # samples that lie alike between their neighbours share weights
        first, rest = divmod(phase * down, up)
        far = (np.arange(1 - reach, reach + 1) - rest / up) * narrow
        window = np.i0(_BETA * np.sqrt(np.clip(1 - (far / _CROSSINGS) ** 2, 0, None))) / highest
        weights = (narrow * np.sinc(far) * window).astype("float32")
        part = y[phase::up]
        np.einsum("nck,k->nc", windows[first + 1 :: down][: len(part)], weights, out=part)
    return y
