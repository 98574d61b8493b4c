"""HDF5 files of arrays in groups, as far as ``.weights.h5`` needs them: version 0 of the superblock, groups as symbol
tables, contiguous little-endian arrays of numbers (HDF5 File Format Specification 3.0). Attributes are passed over."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_NONE = 2**64 - 1  # no address
_LEAF, _FIRST = 4, 16  # half the entries of a symbol table's node, and least half the children of a tree's
_DEPTH = 64  # groups inside each other
_FLOATS = {2: (15, 10, 5, 0, 10, 15), 4: (31, 23, 8, 0, 23, 127), 8: (63, 52, 11, 0, 52, 1023)}


# ---- writing ----
class _Writer:
    def __init__(self, most: int) -> None:
        self.out = bytearray(96)  # the superblock, filled in at the end
        self.children = max(_FIRST, -(-most // (4 * _LEAF)))  # half of a tree node's, so that one node does

    def put(self, data: bytes) -> int:
        """Appends data at a multiple of 8 and returns its address."""
        self.out += bytes(-len(self.out) % 8)
        at = len(self.out)
        self.out += data
        return at

    def header(self, *messages: tuple[int, bytes]) -> int:
        """An object header."""
        padded = [(kind, body + bytes(-len(body) % 8)) for kind, body in messages]
        body = b"".join(struct.pack("<HHB3x", kind, len(b), 0) + b for kind, b in padded)
        return self.put(struct.pack("<BxHII4x", 1, len(padded), 1, len(body)) + body)

    def array(self, a: Any) -> int:
        """A dataset."""
        a = np.asarray(a, order="C")
        a = a.astype(a.dtype.newbyteorder("<"), copy=False)
        data = self.put(a.tobytes()) if a.size else _NONE
        space = struct.pack("<BBB5x", 1, a.ndim, 0) + struct.pack(f"<{a.ndim}Q", *a.shape)
        layout = struct.pack("<BBQQ", 3, 1, data, a.nbytes)
        fill = struct.pack("<BBBB", 2, 2, 2, 0)
        return self.header((1, space), (3, _type_message(a.dtype)), (5, fill), (8, layout))

    def group(self, tree: dict[str, Any]) -> tuple[int, int, int]:
        """A group: the addresses of its header, its tree of entries and its heap of names."""
        heap, names, entries = bytearray(8), [], []
        for name in sorted(tree, key=str.encode):
            names.append(len(heap))
            text = name.encode() + b"\0"
            heap += text + bytes(-len(text) % 8)
            value = tree[name]
            if isinstance(value, dict):
                header, below, its_names = self.group(value)
                entries.append(struct.pack("<QQIIQQ", names[-1], header, 1, 0, below, its_names))
            else:
                entries.append(struct.pack("<QQII16x", names[-1], self.array(value), 0, 0))
        at = self.put(bytes(heap))
        heap_at = self.put(struct.pack("<4sB3xQQQ", b"HEAP", 0, len(heap), 1, at))
        size = 2 * _LEAF
        nodes, keys = [], [0]
        for i in range(0, len(entries), size):
            part = entries[i : i + size]
            node = struct.pack("<4sBxH", b"SNOD", 1, len(part)) + b"".join(part)
            nodes.append(self.put(node + bytes(8 + size * 40 - len(node))))
            keys.append(names[i + len(part) - 1])
        body = struct.pack("<4sBBHQQ", b"TREE", 0, 0, len(nodes), _NONE, _NONE) + struct.pack("<Q", keys[0])
        body += b"".join(struct.pack("<QQ", node, key) for node, key in zip(nodes, keys[1:]))
        tree_at = self.put(body + bytes(24 + 8 * (4 * self.children + 1) - len(body)))
        return self.header((17, struct.pack("<QQ", tree_at, heap_at))), tree_at, heap_at


def _type_message(dtype: np.dtype[Any]) -> bytes:
    size = dtype.itemsize
    if dtype.kind == "f":
        sign, *rest = _FLOATS[size]
        exponent_at, exponent, mantissa_at, mantissa, bias = rest
        fields = struct.pack("<HHBBBBI", 0, 8 * size, exponent_at, exponent, mantissa_at, mantissa, bias)
        return struct.pack("<BBBBI", 0x11, 0x20, sign, 0, size) + fields
    if dtype.kind in "iub":
        return struct.pack("<BBBBI", 0x10, 8 if dtype.kind == "i" else 0, 0, 0, size) + struct.pack("<HH", 0, 8 * size)
    raise TypeError(f"arrays of numbers can be written. Received: dtype={dtype}")


def dump(tree: dict[str, Any]) -> bytes:
    """The file of arrays by name, dicts of them being groups."""
    writer = _Writer(_largest(tree))
    header, below, names = writer.group(tree)
    root = struct.pack("<QQIIQQ", 0, header, 1, 0, below, names)
    start = struct.pack("<8s8BHHI", SIGNATURE, 0, 0, 0, 0, 0, 8, 8, 0, _LEAF, writer.children, 0)
    writer.out[:96] = start + struct.pack("<QQQQ", 0, _NONE, len(writer.out), _NONE) + root
    return bytes(writer.out)


def _largest(tree: dict[str, Any]) -> int:
    return max([len(tree), *(_largest(v) for v in tree.values() if isinstance(v, dict))])


# ---- reading ----
class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = len(data)  # steps: no file takes more than it has bytes

    def unpack(self, form: str, at: int) -> tuple[Any, ...]:
        """Values at an address."""
        self.left -= 1
        if self.left < 0 or at < 0:
            raise ValueError("it leads round in circles")
        return struct.unpack_from("<" + form, self.data, at)

    def messages(self, at: int) -> list[tuple[int, int]]:
        """The kinds and places of an object header's messages."""
        version, count, _, size = self.unpack("BxHII", at)
        if version != 1:
            raise ValueError(f"an object header of version {version}")
        found: list[tuple[int, int]] = []
        blocks = [(at + 16, size)]
        while blocks:
            place, room = blocks.pop(0)
            end = place + room
            while place + 8 <= end and len(found) < count:
                kind, length = self.unpack("HH", place)
                if kind == 16:
                    blocks.append(self.unpack("QQ", place + 8))
                found.append((kind, place + 8))
                place += 8 + length
        return found

    def object(self, at: int, depth: int = 0) -> Any:
        """The array, or the dict of a group."""
        parts = dict(reversed(self.messages(at)))
        if depth > _DEPTH:
            raise ValueError(f"more than {_DEPTH} groups inside each other")
        if 17 in parts:
            tree, heap = self.unpack("QQ", parts[17])
            (names,) = self.unpack("8x8x8xQ", heap)
            out: dict[str, Any] = {}
            self.entries(tree, names, out, depth)
            return out
        if not {1, 3, 8} <= parts.keys():
            raise ValueError("an object that is neither a group nor an array")
        return self.array(parts[1], parts[3], parts[8])

    def entries(self, node: int, names: int, out: dict[str, Any], depth: int) -> None:
        """Takes in what a tree of entries leads to."""
        kind, _, level, count = self.unpack("4sBBH", node)
        if kind != b"TREE":
            raise ValueError("a tree of entries without its signature")
        for i in range(count):
            (child,) = self.unpack("Q", node + 32 + 16 * i)
            if level > 0:
                if depth > _DEPTH:
                    raise ValueError("a tree that is too deep")
                self.entries(child, names, out, depth + 1)
                continue
            signature, entries = self.unpack("4s2xH", child)
            if signature != b"SNOD":
                raise ValueError("a node of entries without its signature")
            for j in range(entries):
                name, header = self.unpack("QQ", child + 8 + 40 * j)
                start = names + name
                text = self.data[start : self.data.index(b"\0", start)].decode()
                out[text] = self.object(header, depth + 1)

    def array(self, space: int, kind: int, layout: int) -> Any:
        """An array, which refers to the file's bytes."""
        version, rank = self.unpack("BB", space)
        if version not in (1, 2):
            raise ValueError(f"a dataspace of version {version}")
        shape = self.unpack(f"{rank}Q", space + (8 if version == 1 else 4))
        dtype = self.dtype(kind)
        version, way = self.unpack("BB", layout)
        if version != 3 or way not in (0, 1):
            raise ValueError("an array that is stored in chunks")
        start, size = self.unpack("QQ", layout + 2) if way == 1 else (layout + 4, self.unpack("H", layout + 2)[0])
        count = 1
        for n in shape:
            count *= n
        if count and (start + size > len(self.data) or count * dtype.itemsize > size):
            raise ValueError("an array that does not fit into the file")
        return np.frombuffer(self.data, dtype, count, start if count else 0).reshape(shape)

    def dtype(self, at: int) -> np.dtype[Any]:
        """A number's type."""
        kind, bits, _, _, size = self.unpack("BBBBI", at)
        letter = {0: "i" if bits & 8 else "u", 1: "f"}.get(kind & 15)
        if letter is None or bits & 1 or size not in (1, 2, 4, 8) or (letter == "f" and size == 1):
            raise ValueError("an array that does not hold little-endian numbers")
        return np.dtype(f"<{letter}{size}")


def load(data: bytes) -> dict[str, Any]:
    """The arrays by name, dicts of them being groups; they refer to the file's bytes.

    Raises:
        ValueError: for what is damaged, or what this reader does not know.
    """
    if data[:8] != SIGNATURE or len(data) < 96:
        raise ValueError("it is no HDF5 file")
    reader = _Reader(data)
    try:
        version, offsets, lengths = reader.unpack("8xB4xBB", 0)
        if (version, offsets, lengths) != (0, 8, 8):
            raise ValueError(f"a superblock of version {version}")
        found = reader.object(reader.unpack("Q", 64)[0])
    except (struct.error, IndexError, UnicodeDecodeError, OverflowError, RecursionError) as e:
        raise ValueError(f"it is damaged ({e})") from e
    if not isinstance(found, dict):
        raise ValueError("its root is no group")
    return found


def flat(tree: dict[str, Any], path: str = "") -> dict[str, Any]:
    """The arrays by path."""
    out: dict[str, Any] = {}
    for name, value in tree.items():
        out.update(flat(value, f"{path}{name}/") if isinstance(value, dict) else {f"{path}{name}": value})
    return out
