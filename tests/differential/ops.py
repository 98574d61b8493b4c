"""Random op calls beside real Keras: ``ops.py KERAS_PYTHON [FIRST] [COUNT]`` prints what differs, one line a call.

Both libraries answer the calls of the same seeds, each in a process of its own; Keras' Python is any that can import it.
``ops.py record KERAS_PYTHON FIRST COUNT FILE`` writes Keras' answers as the data of ``tests/python/test_ops_beside_keras.py``.
"""

from __future__ import annotations

import base64
import collections
import gzip
import json
import os
import pickle
import subprocess
import sys
import tempfile

import numpy as np
from op_calls import call

HERE = os.path.dirname(os.path.abspath(__file__))
# Keras on JAX holds no 64 bits unless asked; programs hold no unsigned ints of 32.
SAME = {"int64": "int32", "float64": "float32", "uint32": "int32", "uint64": "int32"}
TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2}


def answers(python, name, first, count):
    """A library's answers by seed."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "answers")
        environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
        program = os.path.join(HERE, "op_answers.py")
        subprocess.run([python, program, name, str(first), str(count), path], check=True, env=environment)
        with open(path, "rb") as f:
            return pickle.load(f)


def _halves(args, kwargs):
    return "float16" in repr([getattr(a, "dtype", a) for a in _leaves([args, kwargs])])


def _leaves(x):
    if isinstance(x, dict):
        x = list(x.values())
    return [i for y in x for i in _leaves(y)] if isinstance(x, (list, tuple)) else [x]


def close(got, want, dtype, coarse):
    """Whether two arrays agree: to the digits of their dtype, and of float16 where that was computed with."""
    g, w = got.astype("float64"), want.astype("float64")
    rtol = TOLERANCE["float16"] if coarse else TOLERANCE.get(dtype, 2e-5)
    with np.errstate(invalid="ignore", over="ignore"):
        tiny = (np.abs(g) < 1e-37) & (np.abs(w) < 1e-37)  # below what both keep
        return bool(np.all(np.isclose(g, w, rtol=rtol, atol=rtol, equal_nan=True) | tiny))


def difference(seed, got, want):
    """What differs between our answer and Keras', or None."""
    op, args, kwargs, way = call(seed)
    if isinstance(want, str) or isinstance(got, str):
        if isinstance(want, str) and isinstance(got, str):
            return None
        return f"we raise {got}" if isinstance(got, str) else f"Keras raises {want}"
    if len(got) != len(want):
        return f"{len(got)} results, not {len(want)}"
    for (gd, gs, ga), (wd, ws, wa) in zip(got, want):
        if gs != ws:
            return f"shape {gs}, not {ws}"
        if SAME.get(gd, gd) != SAME.get(wd, wd):
            return f"dtype {gd}, not {wd}"
        if not close(ga, wa, wd, _halves(args, kwargs)):
            return f"values {ga.ravel()[:6].tolist()}, not {wa.ravel()[:6].tolist()}"
    return None


def judged(seed, got, want):
    """Why a difference stays, or None."""
    from op_judged import reason

    return reason(*call(seed), got, want)


def main():
    if sys.argv[1] == "record":
        python, first, count, path = sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
        record(answers(python, "keras", first, count), path)
        return
    first, count = (int(i) for i in (*sys.argv[2:4], *("0", "2000")[len(sys.argv) - 2 :]))
    theirs = answers(sys.argv[1], "keras", first, count)
    ours = answers(sys.executable, "hornbeam", first, count)
    found = report(ours, theirs)
    sys.exit(1 if found else 0)


def report(ours, theirs):
    """Prints the differences; how many there are beside the judged ones."""
    found, kept = 0, collections.Counter()
    for seed in theirs:
        what = difference(seed, ours[seed], theirs[seed])
        if what is None:
            continue
        why = judged(seed, ours[seed], theirs[seed])
        if why:
            kept[why] += 1
            continue
        found += 1
        op, args, kwargs, way = call(seed)
        shown = [f"{a.dtype}{a.shape}" if isinstance(a, np.ndarray) else repr(a) for a in args]
        print(f"{seed} {op}({', '.join(shown)}, {kwargs}) {way}: {what}"[:400])
    print(f"{len(theirs)} calls, {found} differences; judged: {dict(kept)}")
    return found


def record(theirs, path):
    """Keras' answers as a small file: JSON, the arrays' bytes as text."""
    data = {}
    for seed, answer in theirs.items():
        if isinstance(answer, str):
            data[seed] = answer.split(":")[0]
        else:
            data[seed] = [[d, a.dtype.name, s, base64.b64encode(a.tobytes()).decode()] for d, s, a in answer]
    with gzip.GzipFile(path, "wb", mtime=0) as f:
        f.write(json.dumps(data).encode())


def recorded(path):
    """What ``record`` wrote."""
    with gzip.open(path) as f:
        data = json.load(f)

    def array(held, shape, text):
        return np.frombuffer(base64.b64decode(text), held).reshape(shape)

    return {
        int(seed): a if isinstance(a, str) else [(d, tuple(s), array(held, s, text)) for d, held, s, text in a]
        for seed, a in data.items()
    }


if __name__ == "__main__":
    main()
