"""What ops give, the slow way: by the definition, in NumPy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from hornbeam.ops.image.kernels import weights as resampling_weights

PADDING = {"nearest": "edge", "wrap": "wrap", "mirror": "reflect", "reflect": "symmetric"}  # NumPy's names


def sample_reference(x: Any, at: Any, linear: bool, mode: str, value: float = 0.0) -> Any:
    """What the op ``sample`` gives for coordinates that reach at most 50 elements beyond the ends: each neighbour's index is
    looked up in a list of what is seen from far outside."""
    far, sizes = 50, x.shape[1:-1]
    seen = [
        np.pad(np.arange(n), far, constant_values=-1)
        if mode == "constant"
        else np.pad(np.arange(n), far, PADDING[mode])
        for n in sizes
    ]
    y = np.zeros((x.shape[0], *at.shape[2:], x.shape[-1]), "float64" if linear else x.dtype)
    for image, *place in itertools.product(*map(range, y.shape[:-1])):
        where = at[(slice(None), image if at.shape[1] > 1 else 0, *place)]
        where = where.astype("float64") if linear else np.sign(where) * np.floor(np.abs(where) + 0.5)
        low = np.floor(where).astype(int)
        for corner in itertools.product((0, 1), repeat=len(sizes) if linear else 0):
            steps = np.array(corner) if linear else np.zeros(len(sizes), int)
            weight = np.prod(np.where(steps, where - low, low + 1 - where)) if linear else 1
            ids = [s[i + far] for s, i in zip(seen, low + steps)]
            pixel = np.full(x.shape[-1], value) if min(ids) < 0 else x[(image, *ids)]
            y[(image, *place)] += (weight * pixel if linear else pixel).astype(y.dtype)
    return y


def conv_reference(x: Any, k: Any, strides: Any, lo: Any, hi: Any, dilations: Any, groups: int = 1) -> Any:
    """The definition, by loops over the window."""
    n = x.ndim - 2
    x = np.pad(x.astype("float64"), [(0, 0), *zip(lo, hi), (0, 0)])
    out = [(x.shape[1 + i] - (k.shape[i] - 1) * dilations[i] - 1) // strides[i] + 1 for i in range(n)]
    cg, og = k.shape[-2], k.shape[-1] // groups
    y = np.zeros([x.shape[0], *out, k.shape[-1]])
    for tap in np.ndindex(*k.shape[:n]):
        view = x[
            (
                slice(None),
                *(slice(t * d, t * d + (o - 1) * s + 1, s) for t, d, o, s in zip(tap, dilations, out, strides)),
            )
        ]
        for g in range(groups):
            y[..., g * og : (g + 1) * og] += view[..., g * cg : (g + 1) * cg] @ k[tap][:, g * og : (g + 1) * og].astype(
                "float64"
            )
    return y


def pool_reference(x: Any, w: int, s: int, fn: Any) -> Any:
    out = [(n - w) // s + 1 for n in x.shape[1:-1]]
    y = np.zeros((x.shape[0], *out, x.shape[-1]))
    for at in np.ndindex(*out):
        y[(slice(None), *at)] = fn(
            x[(slice(None), *(slice(a * s, a * s + w) for a in at))], axis=tuple(range(1, x.ndim - 1))
        )
    return y


def mean_reference(x: Any, w: Any, s: int, low: Any, high: Any) -> Any:
    """Sums over cells that count, by how many there are."""
    n, padding = x.ndim - 2, [(0, 0), *zip(low, high), (0, 0)]
    views = [
        np.lib.stride_tricks.sliding_window_view(np.pad(v.astype("float64"), padding), w, axis=tuple(range(1, n + 1)))
        for v in (x, np.ones_like(x))
    ]
    sums, counts = (v[(slice(None), *[slice(None, None, s)] * n)].sum(axis=tuple(range(-n, 0))) for v in views)
    return sums / np.maximum(counts, 1)


def np_softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def np_log_softmax(x: Any, axis: int = -1) -> Any:
    return np.log(np_softmax(x, axis))


def bn_reference(x: Any, g: Any, b: Any) -> Any:
    axes = tuple(range(x.ndim - 1))
    return (x - x.mean(axes)) / np.sqrt(x.var(axes) + 1e-3) * g + b


def gn_reference(x: Any, g: Any, b: Any, groups: int, axis: int) -> Any:
    sh = x.shape
    t = x.reshape(*sh[:axis], groups, sh[axis] // groups, *sh[axis + 1 :])
    over = tuple(i for i in range(1, t.ndim) if i != axis)
    y = ((t - t.mean(over, keepdims=True)) / np.sqrt(t.var(over, keepdims=True) + 1e-3)).reshape(sh)
    along = [-1 if i == axis else 1 for i in range(x.ndim)]
    return y * g.reshape(along) + b.reshape(along)


def mixing(n: int, out: int, kernel: str, antialias: bool) -> Any:
    """What resampling n elements to `out` of them multiplies by: a matrix (out, n)."""
    if kernel == "nearest":
        return np.eye(n)[(2 * np.arange(out) + 1) * n // (2 * out)]
    return resampling_weights(n, out, out / n, 0.0, kernel, antialias)


def resample_reference(x: Any, size: Any, kernel: str, antialias: bool, grad: bool = False) -> Any:
    sizes = [(o, n) if grad else (n, o) for n, o in zip(x.shape[1:3], size)]
    rows, columns = (mixing(n, o, kernel, antialias) for n, o in sizes)
    return np.einsum("on,pm,b" + ("opc->bnmc" if grad else "nmc->bopc"), rows, columns, x)
