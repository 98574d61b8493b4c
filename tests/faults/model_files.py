"""A model file taken apart and put together again, so that a test can say exactly what is wrong with one; and a model
that is easily told from another."""

import json
import os
import subprocess
import sys
import zlib

import numpy as np

import hornbeam as hb


def split(raw):
    """The header as an object, and the data behind it."""
    n = int.from_bytes(raw[:8], "little")
    return json.loads(raw[8 : 8 + n]), raw[8 + n :]


def seal(head, data):
    """The file of a header's text (bytes) and data, with both checksums put right."""
    head = _put(head, b'"data_checksum":"', zlib.crc32(data))
    head = _put(head, b'"checksum":"', None)
    head = _put(head, b'"checksum":"', zlib.crc32(head))
    return len(head).to_bytes(8, "little") + head + data


def join(header, data):
    """The file of a header and data."""
    head = json.dumps(header, separators=(",", ":")).encode()
    return seal(head + b" " * (-(len(head) + 8) % 64), data)


def _put(head, key, value):
    at = head.find(key) + len(key)
    assert at >= len(key), key
    return head[:at] + (b"0" * 8 if value is None else b"%08x" % value) + head[at + 8 :]


def meta(raw):
    """The metadata of a file."""
    return split(raw)[0]["__metadata__"]


def with_meta(raw, **changes):
    """The same file with other metadata: each value is JSON text or an object; None removes the key."""
    header, data = split(raw)
    for key, value in changes.items():
        key = "user." + key if key in ("config", "signature", "kind") else key
        if value is None:
            del header["__metadata__"][key]
        else:
            header["__metadata__"][key] = value if isinstance(value, str) else json.dumps(value)
    return join(header, data)


def config(raw):
    """The model's config as an object."""
    return json.loads(meta(raw)["user.config"])


def functions(raw):
    """The graphs as an object."""
    return json.loads(meta(raw)["functions"])


def small(value=0.0):
    """A model whose kernel is this value."""
    m = hb.Sequential([hb.Input((3,)), hb.layers.Dense(2)])
    m.set_weights([np.full((3, 2), value, "float32"), np.zeros(2, "float32")])
    return m


def value_in(path):
    """The value that ``small`` was made with."""
    kernel = hb.load_model(path).get_weights()[0]
    assert (kernel == kernel[0, 0]).all()
    return float(kernel[0, 0])


def script(text, *args, **options):
    """Runs a program of its own."""
    subprocess.run([sys.executable, "-c", text, *map(os.fspath, args)], check=True, timeout=300, **options)
