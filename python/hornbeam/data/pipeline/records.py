"""Elements as bytes and back. What is read is data alone: numbers, text, and how they are nested."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

__all__ = ["decode", "encode"]


def encode(element: Any) -> bytes:
    """An element as bytes: the length of a header in 4 bytes, the header as JSON, the numbers of its arrays."""
    parts: list[bytes] = []
    header = json.dumps(_describe(element, parts)).encode()
    return b"".join([len(header).to_bytes(4, "little"), header, *parts])


def _describe(x: Any, parts: list[bytes]) -> Any:
    if isinstance(x, tuple):
        return ["tuple", [_describe(i, parts) for i in x]]
    if isinstance(x, dict):
        if not all(isinstance(k, str) for k in x):
            raise TypeError(f"elements in a file have strings for keys. Received: {list(x)!r:.200}")
        return ["dict", {k: _describe(v, parts) for k, v in x.items()}]
    if x is None or isinstance(x, str):
        return ["value", x]
    if isinstance(x, bytes):
        return ["bytes", x.decode("latin-1")]
    a = np.asarray(x)
    if a.dtype.kind in "USO":
        return ["text", list(a.shape), [_describe(i, parts)[:2] for i in a.reshape(-1).tolist()]]
    parts.append(a.tobytes())
    return ["array", a.dtype.str, list(a.shape)]


def decode(record: bytes) -> Any:
    """The element that was encoded.

    Raises:
        ValueError: for bytes that are none.
    """
    try:
        size = int.from_bytes(record[:4], "little")
        element, end = _build(json.loads(record[4 : 4 + size]), record, 4 + size)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as e:
        raise ValueError(f"a record is damaged: {e}") from e
    if end != len(record):
        raise ValueError("a record is damaged: it has bytes that belong to nothing")
    return element


def _build(said: Any, record: bytes, at: int) -> tuple[Any, int]:
    """What a description says, and where the bytes of what follows begin."""
    kind, *rest = said
    if kind == "tuple":
        items = []
        for i in rest[0]:
            item, at = _build(i, record, at)
            items.append(item)
        return tuple(items), at
    if kind == "dict":
        made = {}
        for k, i in rest[0].items():
            made[k], at = _build(i, record, at)
        return made, at
    if kind == "value":
        return rest[0], at
    if kind == "bytes":
        return rest[0].encode("latin-1"), at
    if kind == "text":
        out = np.empty(len(rest[1]), object)
        out[:] = [_build(i, record, at)[0] for i in rest[1]]
        return out.reshape([int(d) for d in rest[0]]), at
    if kind != "array":
        raise ValueError(f"there is no part of kind {kind!r}")
    dtype, shape = np.dtype(rest[0]), [int(d) for d in rest[1]]
    if dtype.kind not in "fiub" or min(shape, default=0) < 0:
        raise ValueError(f"there are no arrays of dtype {dtype} and shape {shape}")
    n = int(np.prod(shape, dtype=object))
    a = np.frombuffer(record, dtype, n, at).reshape(shape)
    return (a if shape else a[()]), at + n * dtype.itemsize
