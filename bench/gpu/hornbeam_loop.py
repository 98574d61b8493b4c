"""Hornbeam's steps through ``fit``, from arrays in the host's memory."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import large
import numpy as np
from loops import LARGE, TOY_BATCH, TOY_BATCHES, TOY_LENGTH, Loop

import hornbeam as hb

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
STEPS = 200  # of an epoch, at least: what an epoch costs is little beside them


def make(workload: str, toy: bool) -> Loop:
    """The loop of a workload."""
    if workload in LARGE:
        model, x, y, batch, precision = large.make(hb, workload, toy)
    else:
        model, x, y, batch, precision = small(workload, toy)

    def run(steps: int) -> int:
        n = min(len(x), steps * batch)
        epochs = round(steps * batch / n)
        model.fit(x[:n], y[:n], batch_size=batch, epochs=epochs, verbose=0, shuffle=False)
        return epochs * n // batch

    return Loop(run, precision)


def small(workload: str, toy: bool) -> tuple[Any, Any, Any, int, str]:
    """One of bench/workloads.py, with more batches, or with a few small ones."""
    import workloads

    model, x, y, batch = workloads.make(hb, workload)
    if toy:
        batch = TOY_BATCH
        x, y = x[: batch * TOY_BATCHES], y[: batch * TOY_BATCHES]
        if workload == "lstm":
            x, y = x[:, :TOY_LENGTH], y[:, :TOY_LENGTH]
            model = shorter(model)
        return model, x, y, batch, "float32"
    times = -(-STEPS * batch // len(x))
    return model, np.concatenate([x] * times), np.concatenate([y] * times), batch, "float32"


def shorter(model: Any) -> Any:
    """The same layers over fewer steps of time."""
    m = hb.Sequential([hb.Input((TOY_LENGTH,), dtype="int32"), *model.layers])
    m.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return m
