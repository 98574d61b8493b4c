"""``hb.profile``: where the time of a training step or a prediction goes, node by node."""

from __future__ import annotations

import functools
import json
import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam.callbacks.progress import say
from hornbeam.core.tree import flatten, map_structure
from hornbeam.core.validation import positive_int
from hornbeam.data.arrays import cardinality, to_arrays
from hornbeam.data.batches import pack_x_y_sample_weight, unpack_x_y_sample_weight
from hornbeam.data.pipeline.base import AUTOTUNE, workers_of
from hornbeam.data.pipeline.dataset import Dataset
from hornbeam.data.pipeline.timing import first_element
from hornbeam.training.steps import Step


@dataclass(frozen=True)
class ProfileRow:
    """One node of the program.

    Attributes:
        op: the operation.
        layer: the layer that made it, "" for the optimizer and the like.
        shape: its outputs' shapes.
        seconds: mean time of a run.
        flops: multiply-adds counted as two, 0 where the op is bound by memory.
        bytes: read and written, each operand once.
        parts: how many threads could share it.
    """

    op: str
    layer: str
    shape: str
    seconds: float
    flops: float
    bytes: float
    parts: int


@functools.lru_cache(maxsize=1)
def machine_peaks() -> tuple[float, float]:
    """This core's fused multiply-add rate in FLOP/s and its memory triad in bytes/s, measured in some 0.1 s."""
    flops, rate = _core.measure_peaks()
    return float(flops), float(rate)


@dataclass(frozen=True)
class DataProfile:
    """Where the time goes that the batches of a ``Dataset`` take.

    Attributes:
        stages: what reads, changes and gathers elements, each with its seconds a batch on one thread, in the order in
            which elements pass.
        step_seconds: a step's time on one thread.
    """

    stages: list[tuple[str, float]]
    step_seconds: float

    @property
    def seconds(self) -> float:
        """One thread's time for a batch."""
        return sum(seconds for _, seconds in self.stages)

    @property
    def workers(self) -> int:
        """How many threads make batches as quickly as steps take them."""
        return max(1, math.ceil(self.seconds / max(self.step_seconds, 1e-9)))

    def table(self) -> str:
        """The stages, and what they mean for the steps."""
        lines = [f"{'data':<50}{'ms a batch':>12}{'share':>7}"]
        lines += [f"{name[:49]:<50}{s * 1e3:>12.3f}{s / max(self.seconds, 1e-12):>7.1%}" for name, s in self.stages]
        cpus, n = workers_of(AUTOTUNE), self.workers
        feeds = f"num_parallel_calls={n} feeds it" if n <= cpus else f"more than {cpus} CPUs can make up for: it waits"
        lines.append(
            f"a batch takes {self.seconds * 1e3:.3f} ms of one thread, a step {self.step_seconds * 1e3:.3f} ms: {feeds}"
        )
        return "\n".join(lines)

    __str__ = table


class Profile:
    """The rows of a profiled step; as text, a table.

    Attributes:
        rows: one ``ProfileRow`` a node, in the order they run.
        seconds: the whole step's time, on one thread.
        arena_bytes: working memory of the step.
        live_bytes: the least working memory any plan could use.
        data: where the time of the batches goes, None where they came as arrays.
    """

    data: DataProfile | None = None

    def __init__(self, rows: list[ProfileRow], stats: dict[str, Any]) -> None:
        self.rows = rows
        self.seconds = sum(r.seconds for r in rows)
        self.arena_bytes, self.live_bytes = int(stats["arena_bytes"]), int(stats["live_bytes"])

    def by_layer(self) -> dict[str, float]:
        """Seconds of each layer, the longest first."""
        total: dict[str, float] = {}
        for r in self.rows:
            total[r.layer] = total.get(r.layer, 0.0) + r.seconds
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    def table(self, limit: int | None = 30) -> str:
        """The longest ``limit`` nodes (None: all) with their rates and shares of this machine's peaks."""
        flops_peak, bytes_peak = machine_peaks()
        head = f"{'op':<26}{'layer':<24}{'output':<26}{'ms':>9}{'share':>7}{'GFLOP/s':>9}{'GB/s':>7}{'peak':>6}{'parts':>6}"
        lines = [head, "-" * len(head)]
        rows = sorted(self.rows, key=lambda r: -r.seconds)
        for r in rows[:limit]:
            s = max(r.seconds, 1e-12)
            peak = max(r.flops / s / flops_peak, 0.0 if r.flops else r.bytes / s / bytes_peak)
            lines.append(
                f"{r.op[:25]:<26}{r.layer[:23]:<24}{r.shape[:25]:<26}{r.seconds * 1e3:>9.4f}{r.seconds / self.seconds:>7.1%}"
                f"{r.flops / s / 1e9:>9.1f}{r.bytes / s / 1e9:>7.1f}{peak:>6.0%}{r.parts:>6}"
            )
        if limit is not None and len(rows) > limit:
            rest = sum(r.seconds for r in rows[limit:])
            lines.append(f"{len(rows) - limit} more nodes: {rest * 1e3:.4f} ms")
        lines.append(
            f"{self.seconds * 1e3:.3f} ms a step on one thread; working memory {self.arena_bytes / 2**20:.2f} MiB "
            f"({self.arena_bytes / max(1, self.live_bytes):.2f} x the least possible); "
            f"peaks {flops_peak / 1e9:.0f} GFLOP/s, {bytes_peak / 1e9:.1f} GB/s"
        )
        if self.data is not None:
            lines += ["", self.data.table()]
        return "\n".join(lines)

    __str__ = table

    def __repr__(self) -> str:
        return f"<Profile of {len(self.rows)} nodes, {self.seconds * 1e3:.3f} ms>"

    def chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes the step as a trace for chrome://tracing or Perfetto.

        Args:
            path: the JSON file to write.
        """
        at, events = 0.0, []
        for r in self.rows:
            args = {"layer": r.layer, "shape": r.shape, "flops": r.flops, "bytes": r.bytes, "parts": r.parts}
            events.append(
                {"name": r.op, "ph": "X", "ts": at * 1e6, "dur": r.seconds * 1e6, "pid": 0, "tid": 0, "args": args}
            )
            at += r.seconds
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"traceEvents": events, "displayTimeUnit": "ms"}, f)


def profile(
    model: Any,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    repeats: int = 10,
    verbose: int = 1,
) -> Profile:
    """Times each node of a model's training step, or of its prediction, and prints the table.

    The step runs on one thread and leaves the weights, the optimizer's and the metrics' states as they were.

    Args:
        model: a built or compiled model.
        x: arrays, the first batch of which is used; or a ``Dataset`` of batches, of which the first ``repeats`` are timed,
            too, stage by stage on one thread.
        y: targets for the training step; None times the prediction, but where a ``Dataset`` gives targets.
        sample_weight: weights of the samples.
        batch_size: samples a step, None for all that are given, at most 32.
        repeats: runs to take the mean of.
        verbose: 0 for silence.

    Returns:
        A ``Profile``, with the ``rows`` of the table.

    Raises:
        ValueError: with targets for a model that is not compiled, without samples, or with ``y``, ``sample_weight`` or
            ``batch_size`` beside a ``Dataset``.

    Example:
        >>> import hornbeam as hb
        >>> model = hb.Sequential([hb.Input((4,)), hb.layers.Dense(3)])
        >>> p = profile(model, np.zeros((8, 4), "float32"), verbose=0)
        >>> [r.op for r in p.rows]
        ['matmul']
    """
    repeats = positive_int("repeats", repeats)
    stages = None
    if isinstance(x, Dataset):
        if any(v is not None for v in (y, sample_weight, batch_size)):
            raise ValueError("`y`, `sample_weight` and `batch_size` are a Dataset's own to say. Received: one of them")
        batch, stages = first_element(x._node, repeats)
        if batch is None:
            raise ValueError("profile() needs at least one batch. Received: a Dataset without elements")
        x, y, sample_weight = unpack_x_y_sample_weight(batch)
        batch_size = cardinality(model._to_arrays(x))
    arrays = [model._to_arrays(x), to_arrays("y", y), to_arrays("sample_weight", sample_weight)]
    n = cardinality(*arrays)
    if n == 0:
        raise ValueError("profile() needs at least one sample. Received: an empty x")
    size = min(n, 32) if batch_size is None else min(n, positive_int("batch_size", batch_size))
    arrays = [map_structure(lambda a: None if a is None else np.ascontiguousarray(a[:size]), a) for a in arrays]
    if y is not None:
        model._require_compiled()
    kind, batch = ("train", arrays) if y is not None else ("predict", arrays[:1])
    packed = model._encoded(pack_x_y_sample_weight(*batch))
    step = Step(model, kind).program(packed)
    inputs = [a for a in flatten(packed) if a is not None]
    state = step.graph.variables
    before = [v.numpy().copy() for v in state]
    try:
        step.executable.profile(inputs, 1)
        rows = step.executable.profile(inputs, repeats)
    finally:
        for v, value in zip(state, before):
            v.assign(value)
    result = Profile([ProfileRow(*r) for r in rows], step.executable.stats([list(a.shape) for a in inputs]))
    if stages is not None:
        result.data = DataProfile(stages, result.seconds)
    if verbose:
        say(str(result))
    return result
