"""Milliseconds a step of fit and predict, on Hornbeam and its peers, interleaved: ``python bench/models.py``.

Each measurement runs in a process of its own, pinned to the threads it may use; passes go round all frameworks, so that a
slow minute of the machine hits everybody. Writes models.json and models.md.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
WARM_SECONDS = 1.5  # of several threads: a shared host may take a second to give an idle CPU back


def worker(framework: str, workload: str, threads: int, infer: bool, seconds: float) -> None:
    """Times one workload on one framework and prints milliseconds a step."""
    n = str(threads)
    os.environ.update(
        OMP_NUM_THREADS=n,
        MKL_NUM_THREADS=n,
        HB_NUM_THREADS=n,
        TF_NUM_INTRAOP_THREADS=n,
        TF_NUM_INTEROP_THREADS="1",
        TF_CPP_MIN_LOG_LEVEL="3",
        JAX_PLATFORMS="cpu",
        XLA_FLAGS=f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'} intra_op_parallelism_threads={n}",
    )
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(range(threads)))
    if framework in ("torch", "torch-compile", "onnxruntime"):
        import torch_peer

        run, steps = torch_peer.make(framework, workload, threads, infer)
    else:
        run, steps = keras_api(framework, workload, threads, infer)

    start = time.perf_counter()
    run()
    first = time.perf_counter() - start
    run()
    while threads > 1 and time.perf_counter() - start < WARM_SECONDS:
        run()
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) / steps * 1e3)
    peak = re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text())
    print(json.dumps({"ms": min(times), "first_s": first, "peak_mib": int(peak[1]) / 1024 if peak else None}))


def keras_api(framework: str, workload: str, threads: int, infer: bool) -> tuple[Callable[[], Any], int]:
    """One pass through fit or predict on a module with Keras' API, and its number of steps."""
    if framework.startswith("keras-"):
        os.environ["KERAS_BACKEND"] = {"tf": "tensorflow"}.get(framework[6:], framework[6:])
        K: Any = importlib.import_module("keras")
        if framework == "keras-torch":
            importlib.import_module("torch").set_num_threads(threads)
    else:
        K = importlib.import_module(framework)
    import workloads

    model, x, y, batch = workloads.make(K, workload)

    def run() -> None:
        if infer:
            model.predict(x, batch_size=batch, verbose=0)
        else:
            model.fit(x, y, batch_size=batch, epochs=1, verbose=0)

    return run, -(-len(x) // batch)


def main() -> None:
    """Runs all passes and writes the tables."""
    from workloads import NAMES

    parser = argparse.ArgumentParser()
    parser.add_argument("--frameworks", default="hornbeam,torch,torch-compile,keras-jax,keras-tf,onnxruntime")
    parser.add_argument("--workloads", default=",".join(NAMES))
    parser.add_argument("--threads", default="1")
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--out", default=str(HERE / "results"))
    parser.add_argument("--add", action="store_true", help="to the figures that --out holds")
    parser.add_argument("--worker", nargs=4)
    args = parser.parse_args()
    if args.worker:
        framework, workload, threads, mode = args.worker
        return worker(framework, workload, int(threads), mode == "infer", args.seconds)
    needs = {"torch-compile": "torch", "keras-torch": "torch", "keras-jax": "jax", "keras-tf": "tensorflow"}
    frameworks = [f for f in args.frameworks.split(",") if importlib.util.find_spec(needs.get(f, f))]
    jobs = [
        (w, t, m)
        for w in args.workloads.split(",")
        for t in map(int, args.threads.split(","))
        for m in ("train", "infer")
    ]
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    results: dict[str, dict[str, list[float]]] = {}
    if args.add:
        results = json.loads((out / "models.json").read_text())
    for n in range(args.passes):
        for w, t, m in jobs:
            for f in frameworks:
                if f == "onnxruntime" and m == "train":
                    continue
                command = [sys.executable, __file__, "--worker", f, w, str(t), m, "--seconds", str(args.seconds)]
                done = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
                if done.returncode == 0:
                    ms = json.loads(done.stdout.strip().splitlines()[-1])["ms"]
                    results.setdefault(f"{w} {m} {t}", {}).setdefault(f, []).append(ms)
                    print(f"pass {n + 1} {w} {m} {t} thread(s) {f}: {ms:.4g} ms", flush=True)
                else:
                    print(f"{w} {m} {f}: {done.stderr.strip().splitlines()[-1:]}", flush=True)
        (out / "models.json").write_text(json.dumps(results, indent=1))
    report(results, out)


def best_ratio(row: dict[str, list[float]]) -> float | None:
    """The median over passes of the best peer's time over Hornbeam's; None where one of them was not timed."""
    peers = [f for f in row if f != "hornbeam"]
    if not peers or "hornbeam" not in row:
        return None
    passes = range(min(map(len, row.values())))
    return statistics.median(min(row[f][i] for f in peers) / row["hornbeam"][i] for i in passes)


def report(results: dict[str, dict[str, list[float]]], out: pathlib.Path) -> None:
    """Medians, half the spread, and the median of the passes' ratios, as a table and a picture."""
    known = ["hornbeam", "torch", "torch-compile", "keras-torch", "keras-jax", "keras-tf", "onnxruntime"]
    frameworks = [f for f in known if any(f in row for row in results.values())]
    lines = [
        "| workload | " + " | ".join(frameworks) + " | best peer / hornbeam |",
        "|---|" + "---|" * (len(frameworks) + 1),
    ]
    for key, row in results.items():
        median = {f: statistics.median(v) for f, v in row.items()}
        spread = {f: (max(v) - min(v)) / 2 / median[f] for f, v in row.items()}
        ratio = best_ratio(row)
        cells = [f"{median[f]:.3g} +-{spread[f]:.0%}" if f in row else "-" for f in frameworks]
        lines.append(f"| {key} | " + " | ".join(cells) + (" | - |" if ratio is None else f" | {ratio:.2f} |"))
    (out / "models.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    draw(results, frameworks, out / "models.png")


def draw(results: dict[str, dict[str, list[float]]], frameworks: list[str], path: pathlib.Path) -> None:
    """Bars of each peer's time over Hornbeam's, a group for each workload; above 1, Hornbeam is ahead."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    keys = [k for k, row in results.items() if "hornbeam" in row]
    peers = [f for f in frameworks if f != "hornbeam"]
    figure, axes = plt.subplots(figsize=(max(6, len(keys)), 4.5))
    width = 0.8 / max(1, len(peers))
    for j, f in enumerate(peers):
        places = [i + (j - (len(peers) - 1) / 2) * width for i, k in enumerate(keys) if f in results[k]]
        ratios = [
            statistics.median(results[k][f]) / statistics.median(results[k]["hornbeam"])
            for k in keys
            if f in results[k]
        ]
        axes.bar(places, ratios, width, label=f)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_xticks(range(len(keys)), keys, rotation=45, ha="right")
    axes.set_ylabel("time / Hornbeam's")
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
