"""Matmul and convolution in GFLOP/s and as a share of the FMA rate measured in the same run, one thread.

``python bench/kernels.py [--out bench/results]``; needs g++ for the probe. Kernels and the probe alternate, so that each
figure is a share of the peak of its own second; the median of the rounds counts.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time
from typing import Any

os.environ["HB_NUM_THREADS"] = "1"
import numpy as np  # noqa: E402

import hornbeam as hb  # noqa: E402
from hornbeam import ops  # noqa: E402

PROBE = r"""
#include <chrono>
#include <cstdio>
#if defined(__AVX512F__)
#define R "zmm"
enum { lanes = 16 };
#else
#define R "ymm"
enum { lanes = 8 };
#endif
int main() {  // twelve independent chains of fused multiply-adds in registers
  char line[8];
  while (std::fgets(line, sizeof line, stdin)) {
    auto t = std::chrono::steady_clock::now();
    const long n = 3000000;
    for (long i = 0; i < n; ++i)
#define F(k) "vfmadd231ps %%" R "15, %%" R "14, %%" R #k "\n\t"
      asm volatile(F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) ::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
                   "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");
    double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
    std::printf("%f\n", n * 12.0 * lanes * 2 / s / 1e9);
    std::fflush(stdout);
  }
}
"""


class Peak:
    """The machine's FMA rate now, in GFLOP/s."""

    def __init__(self, folder: str) -> None:
        source, binary = pathlib.Path(folder) / "peak.cpp", pathlib.Path(folder) / "peak"
        source.write_text(PROBE)
        subprocess.run(["g++", "-O2", "-march=native", str(source), "-o", str(binary)], check=True)
        self._process = subprocess.Popen([str(binary)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self) -> float:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def error(fn: Any, arrays: list[Any], **options: Any) -> float:
    """Root of the mean square of what float32 differs by from float64."""
    got = np.asarray(hb.function(fn, **options)(*arrays), "float64")
    want = np.asarray(hb.function(fn)(*(a.astype("float64") for a in arrays)))
    return float(np.sqrt(np.mean((got - want) ** 2)))


def cases() -> list[tuple[str, Any, list[Any], float]]:
    """(name, function, arrays, FLOPs)."""
    r = np.random.default_rng(0)

    def f(*shape: int) -> Any:
        return r.standard_normal(shape, "float32")

    out: list[tuple[str, Any, list[Any], float]] = []
    for m, k, n in (
        (512, 512, 512),
        (1024, 1024, 1024),
        (2048, 2048, 2048),
        (128, 784, 512),
        (32, 512, 512),
        (2048, 128, 512),
    ):
        out.append((f"matmul {m}x{k}x{n}", ops.matmul, [f(m, k), f(k, n)], 2.0 * m * k * n))
    for c, o, h in (
        (64, 64, 56),
        (128, 128, 28),
        (256, 256, 14),
        (512, 512, 7),
        (16, 16, 32),
        (32, 32, 16),
        (3, 64, 64),
    ):
        x, w = f(8, h, h, c), f(3, 3, c, o)
        flops = 2.0 * 8 * h * h * 9 * c * o
        out.append((f"conv 3x3 {c}->{o} at {h}", lambda a, b: ops.conv(a, b, padding="same"), [x, w], flops))

        def grads(a: Any, b: Any, which: int) -> Any:
            return hb.gradients(ops.sum(ops.conv(a, b, padding="same") * 1.5), [a, b][which])

        if c >= 64:
            out.append((f"conv 3x3 {c}->{o} at {h}, input gradient", lambda a, b: grads(a, b, 0), [x, w], flops))
            out.append((f"conv 3x3 {c}->{o} at {h}, kernel gradient", lambda a, b: grads(a, b, 1), [x, w], flops))
    return out


def main() -> None:
    """Measures and writes kernels.json and kernels.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=str(pathlib.Path(__file__).resolve().parent / "results"))
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        peak = Peak(folder)
        for name, fn, arrays, flops in cases():
            windows: dict[str, Any] = {"disable": ["winograd"]}
            kinds: dict[str, dict[str, Any]] = {"": windows, "winograd": {}} if "conv" in name else {"": {}}
            runs = {kind: hb.function(fn, threads=1, **options) for kind, options in kinds.items()}
            measured: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
            for run in runs.values():
                run(*arrays)
            for _ in range(args.rounds):
                for kind, run in runs.items():
                    before = peak()
                    repeats = max(1, int(0.03 / max(flops / 80e9, 1e-6)))
                    start = time.perf_counter()
                    for _ in range(repeats):
                        run(*arrays)
                    rate = flops * repeats / (time.perf_counter() - start) / 1e9
                    measured[kind].append((rate, rate / max(before, peak())))
            row: dict[str, Any] = {"kernel": name}
            for kind, pairs in measured.items():
                row[f"{kind}_gflops".lstrip("_")], row[f"{kind}_share".lstrip("_")] = map(
                    statistics.median, zip(*pairs, strict=True)
                )
            if "winograd" in kinds:
                row["error"] = error(fn, arrays) / error(fn, arrays, **windows)
            rows.append(row)
            print(row, flush=True)
        top = peak()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    info = {"isa": hb.show_config("dicts")["isa"], "peak_gflops": top, "rows": rows}
    (out / "kernels.json").write_text(json.dumps(info, indent=1))
    head = [
        f"One thread, {info['isa']}, FMA peak {top:.0f} GFLOP/s measured in the same run. Winograd's rates count the FLOPs",
        "of the windows that it saves; its error is the root mean square against float64, over that of the windows.",
        "",
        "| kernel | GFLOP/s | of peak | with Winograd | of peak | error |",
        "|---|---|---|---|---|---|",
    ]
    table = [
        f"| {r['kernel']} | {r['gflops']:.1f} | {r['share']:.0%} | "
        + (
            f"{r['winograd_gflops']:.1f} | {r['winograd_share']:.0%} | {r['error']:.2f} |"
            if "error" in r
            else "- | - | - |"
        )
        for r in rows
    ]
    (out / "kernels.md").write_text("\n".join([*head, *table]) + "\n")


if __name__ == "__main__":
    main()
