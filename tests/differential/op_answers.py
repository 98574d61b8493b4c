"""What a library answers to the calls of ``op_calls``: run as ``op_answers.py keras|hornbeam FIRST COUNT FILE``."""

from __future__ import annotations

import importlib
import pickle
import sys
import warnings

import numpy as np
from op_calls import BINARY, LOSSES, call


def arrays_of(x):
    """The arrays of a call in order."""
    if isinstance(x, np.ndarray):
        return [x]
    if isinstance(x, dict):
        x = [x[k] for k in sorted(x)]
    return [a for i in x for a in arrays_of(i)] if isinstance(x, (list, tuple)) else []


def filled(x, values):
    """The structure with its arrays replaced by the iterator's values."""
    if isinstance(x, np.ndarray):
        return next(values)
    if isinstance(x, dict):
        new = {k: filled(x[k], values) for k in sorted(x)}
        return {k: new[k] for k in x}
    return type(x)(filled(i, values) for i in x) if isinstance(x, (list, tuple)) else x


def flat(x):
    if isinstance(x, (list, tuple)):
        return [i for y in x for i in flat(y)]
    return [x]


# Ops whose arrays share an axis of samples; of the others, the first array alone is symbolic.
JOINT = {
    *BINARY,
    *LOSSES,
    "where",
    "dot_product_attention",
    "in_top_k",
    "concatenate",
    "stack",
    "hstack",
    "vstack",
    "slice_update",
}


class Library:
    """Keras (on JAX) or hornbeam, by the same calls."""

    def __init__(self, name):
        self.name, self.module = name, importlib.import_module(name)
        if name == "keras":
            self.jax = importlib.import_module("jax")

    def forget(self):
        """Gives up compiled programs, of which Keras' keep much memory."""
        if self.name == "keras":
            self.jax.clear_caches()

    def answer(self, op, args, kwargs, way):
        """Outputs as ``(dtype, shape, array)``, or the type of what was raised."""
        fn = getattr(self.module.ops, op)
        arrays = arrays_of([args, kwargs])

        def run(values):
            a, k = filled([args, kwargs], iter(values))
            return flat(fn(*a, **k))

        try:
            if way == "symbolic":
                return [self.described(t) for t in self.symbolic(run, arrays, op in JOINT)]
            return [self.described(t) for t in getattr(self, way)(run, arrays)]
        except Exception as e:  # any refusal is an answer
            return f"{type(e).__name__}: {e}"

    def eager(self, run, arrays):
        return run([self.module.ops.convert_to_tensor(a) for a in arrays])

    def symbolic(self, run, arrays, joint):
        free = arrays if joint else arrays[:1]
        if not free or any(a.ndim == 0 or a.shape[0] != free[0].shape[0] for a in free):
            return self.eager(run, arrays)
        inputs = [self.module.Input(batch_shape=(None, *a.shape[1:]), dtype=a.dtype.name) for a in free]
        outputs = run([*inputs, *map(self.module.ops.convert_to_tensor, arrays[len(free) :])])
        return flat(self.module.Model(inputs, outputs)(list(free)))

    def gradient(self, run, arrays):
        at = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
        if not at:
            return self.eager(run, arrays)
        ops = self.module.ops
        fixed = list(map(ops.convert_to_tensor, arrays))

        def total(*given):
            values = list(fixed)
            for i, v in zip(at, given):
                values[i] = v
            terms = []
            for n, y in enumerate(run(values)):
                if "float" in str(y.dtype):
                    weights = np.cos(np.arange(np.prod(y.shape, dtype=int)) + n).reshape(y.shape).astype("float32")
                    terms.append(ops.sum(ops.cast(y, "float32") * weights))
            return sum(terms) if terms else ops.sum(ops.cast(given[0], "float32")) * 0.0

        given = [arrays[i] for i in at]
        if self.name == "keras":
            return self.jax.grad(total, tuple(range(len(at))))(*map(ops.convert_to_tensor, given))
        found = self.module.grad(total, tuple(range(len(at))))(*given)
        return [ops.broadcast_to(ops.cast(d, x.dtype), x.shape) for d, x in zip(found, given)]

    def described(self, t):
        dtype = str(getattr(t, "dtype", type(t).__name__))
        array = np.asarray(self.module.ops.convert_to_numpy(t))
        return dtype, tuple(np.shape(t)), array.astype("float32") if dtype == "bfloat16" else array


def main():
    name, first, count, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    warnings.filterwarnings("ignore")
    library = Library(name)
    answers = {}
    for seed in range(first, first + count):
        answers[seed] = library.answer(*call(seed))
        if (seed - first) % 100 == 99 or seed == first + count - 1:
            library.forget()
            with open(path, "wb") as f:
                pickle.dump(answers, f)


if __name__ == "__main__":
    main()
