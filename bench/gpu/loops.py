"""What a worker times: a ``Loop`` of steps on one framework, and the plan of all measurements."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

SMALL = ("tiny", "mlp", "lstm", "resnet20")
LARGE = ("resnet50", "gpt2")
TOY_SMALL = ("tiny", "mlp", "lstm")
FRAMEWORKS = ("hornbeam", "torch", "torch-compile", "torch-graph", "jax")
TOY_BATCHES = 2
TOY_BATCH = 2
TOY_LENGTH = 4


@dataclass(frozen=True)
class Loop:
    """Training steps over batches that are ready.

    Attributes:
        run: takes about so many steps, waits until they are done, and says how many there were.
        precision: what products are computed in.
    """

    run: Callable[[int], int]
    precision: str


def frameworks(workload: str) -> tuple[str, ...]:
    """Those that are timed, of those that HB_BENCH_FRAMEWORKS names: torch's whole step as a CUDA graph where launches
    count."""
    asked = os.environ.get("HB_BENCH_FRAMEWORKS", ",".join(FRAMEWORKS)).split(",")
    return tuple(f for f in FRAMEWORKS if f in asked and (f != "torch-graph" or workload in SMALL))
