"""What a worker times: a ``Loop`` of steps on one framework, and the plan of all measurements."""

from __future__ import annotations

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
        run: takes so many steps and waits until they are done.
        precision: what products are computed in.
    """

    run: Callable[[int], None]
    precision: str


def frameworks(workload: str) -> tuple[str, ...]:
    """Those that are timed: torch's whole step as a CUDA graph where launches count."""
    return FRAMEWORKS if workload in SMALL else tuple(f for f in FRAMEWORKS if f != "torch-graph")
