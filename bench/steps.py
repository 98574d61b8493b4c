"""What a step costs beside its arithmetic, and what memory training takes: ``python bench/steps.py``.

Microseconds a step of a model with next to nothing to compute, through ``fit``; seconds of a first step over a later
one; growth of the process over 10,000 steps; the largest memory of whole processes, beside whatever peers are installed.
One thread.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
os.environ["HB_NUM_THREADS"] = "1"


def resident() -> float:
    """MiB of this process that are in memory."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def fixed_costs() -> dict[str, float]:
    """Microseconds a step."""
    import numpy as np

    import hornbeam as hb

    class Hook(hb.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            pass

    steps, x = 20000, np.zeros((20000, 1), "float32")
    model = hb.Sequential([hb.Input((1,)), hb.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, x, batch_size=1, verbose=0)
    costs = {}
    for name, options in (
        ("without a progress bar", {"verbose": 0}),
        ("with a progress bar", {"verbose": 1}),
        ("with a user's batch hook", {"verbose": 0, "callbacks": [Hook()]}),
    ):
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()):
                model.fit(x, x, batch_size=1, **options)
            best = min(best, time.perf_counter() - start)
        costs[name] = best / steps * 1e6
    return costs


def first_step(name: str) -> tuple[float, float]:
    """Seconds of the first step of a compiled model, with all its planning, and of a later step."""
    import hornbeam as hb
    import workloads

    model, x, y, batch = workloads.make(hb, name)
    start = time.perf_counter()
    model.fit(x[:batch], y[:batch], batch_size=batch, verbose=0)
    first = time.perf_counter() - start
    later = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        model.fit(x[:batch], y[:batch], batch_size=batch, verbose=0)
        later = min(later, time.perf_counter() - start)
    return first, later


def growth() -> tuple[float, float]:
    """MiB in memory after 1,000 and after 10,000 more steps."""
    import hornbeam as hb
    import workloads

    model, x, y, batch = workloads.make(hb, "mlp")
    one = lambda n: model.fit(x[: 10 * batch], y[: 10 * batch], batch_size=batch, epochs=n // 10, verbose=0)  # noqa: E731
    one(1000)
    before = resident()
    one(10000)
    return before, resident()


def peak(framework: str, workload: str) -> float:
    """MiB: the largest memory of a process that trains the workload."""
    command = [
        sys.executable,
        str(HERE / "models.py"),
        "--worker",
        framework,
        workload,
        "1",
        "train",
        "--seconds",
        "0.2",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
    return json.loads(done.stdout.strip().splitlines()[-1])["peak_mib"] if done.returncode == 0 else float("nan")


def main() -> None:
    """Measures and writes steps.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=str(HERE / "results"))
    parser.add_argument("--workloads", default="mlp,lstm,transformer,resnet20")
    args = parser.parse_args()
    lines = ["| a step that computes next to nothing, through `fit` | us |", "|---|---|"]
    lines += [f"| {name} | {cost:.2f} |" for name, cost in fixed_costs().items()]
    lines += ["", "| the first step after `compile`, planning included | s | a later step, s |", "|---|---|---|"]
    for name in ("mlp", "transformer", "resnet18"):
        first, later = first_step(name)
        lines.append(f"| {name} | {first:.3f} | {later:.3f} |")
    before, after = growth()
    lines += [
        "",
        f"Memory of the process after 1,000 steps of mlp: {before:.1f} MiB; after 10,000 more: {after:.1f} MiB.",
    ]
    needs = {"torch": "torch", "keras-jax": "jax", "keras-tf": "tensorflow"}
    frameworks = ["hornbeam", *(f for f, module in needs.items() if importlib.util.find_spec(module))]
    lines += ["", "| largest memory of a training process, MiB | " + " | ".join(frameworks) + " |"]
    lines.append("|---|" + "---|" * len(frameworks))
    for workload in args.workloads.split(","):
        lines.append(f"| {workload} | " + " | ".join(f"{peak(f, workload):.0f}" for f in frameworks) + " |")
    pathlib.Path(args.out).mkdir(parents=True, exist_ok=True)
    (pathlib.Path(args.out) / "steps.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
