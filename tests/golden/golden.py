"""Numbers recorded from real Keras: how they are stored, loaded and compared.

A family is a module ``golden_<family>.py`` with ``cases(K)``: what to call, by name, in public names that both ``keras``
and ``hornbeam`` have. ``make.py`` runs each with Keras and stores what came; the tests run the same calls with hornbeam.
"""

import importlib
import io
import json
import pathlib

import ml_dtypes
import numpy as np

FOLDER = pathlib.Path(__file__).parent
FAMILIES = sorted(f.stem.removeprefix("golden_") for f in FOLDER.glob("golden_*.py"))


def cases(family, K):
    """The family's calls, by name, for the module ``K``."""
    return importlib.import_module(f"golden_{family}").cases(K)


def arrays(result):
    """What a call returned, as a flat list of arrays."""
    if isinstance(result, dict):
        return [a for k in sorted(result) for a in arrays(result[k])]
    if isinstance(result, (list, tuple)):
        return [a for r in result for a in arrays(r)]
    a = np.asarray(result)
    return [a.astype(ml_dtypes.bfloat16) if str(getattr(result, "dtype", "")) == "bfloat16" else a]


def store(family, results):
    """Writes the family's file: an index of names, dtypes and shapes, and all values in one float32 vector."""
    index = [[name, [[str(a.dtype), list(a.shape)] for a in found]] for name, found in results.items()]
    flat = [np.asarray(a, "float32").ravel() for found in results.values() for a in found]
    held = io.BytesIO()
    text = np.frombuffer(json.dumps(index, separators=(",", ":")).encode(), "uint8")
    np.savez_compressed(held, index=text, values=np.concatenate(flat))
    (FOLDER / f"{family}.npz").write_bytes(held.getvalue())


def load(family):
    """The family's results: by name, a list of (dtype, array). None of them, where nothing was recorded yet."""
    if not (FOLDER / f"{family}.npz").exists():
        return {}
    with np.load(FOLDER / f"{family}.npz") as f:
        index, values = json.loads(f["index"].tobytes()), f["values"]
    out, at = {}, 0
    for name, parts in index:
        out[name] = []
        for dtype, shape in parts:
            n = int(np.prod(shape, dtype=int))
            out[name].append((dtype, values[at : at + n].reshape(shape)))
            at += n
    assert at == values.size
    return out


def compare(found, recorded, rtol=2e-5, atol=2e-6):
    """Raises AssertionError unless the arrays have the recorded dtypes, shapes and values."""
    assert len(found) == len(recorded), f"{len(found)} arrays, {len(recorded)} in Keras"
    for i, (a, (dtype, want)) in enumerate(zip(found, recorded)):
        assert a.shape == want.shape, f"array {i} has shape {a.shape}, {want.shape} in Keras"
        assert str(a.dtype) == dtype, f"array {i} is of {a.dtype}, of {dtype} in Keras"
        wide = {"float16": (2e-3, 2e-3), "bfloat16": (2e-2, 2e-3)}.get(dtype, (rtol, atol))
        np.testing.assert_allclose(np.asarray(a, "float64"), want, *wide, err_msg=f"array {i}")
