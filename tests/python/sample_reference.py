"""Images at any places, the slow way: each neighbour's index is looked up in a list of what is seen from far outside."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

PADDING = {"nearest": "edge", "wrap": "wrap", "mirror": "reflect", "reflect": "symmetric"}  # NumPy's names


def sample_reference(x: Any, at: Any, linear: bool, mode: str, value: float = 0.0) -> Any:
    """What the op ``sample`` gives for coordinates that reach at most 50 elements beyond the ends."""
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
