"""How near each workload's step comes to what the machine can do at most: ``python bench/limits.py``.

Writes results/limits.md from ``hb.profile`` on one thread: the step's time, the time of its multiply-adds at the measured
FMA peak (Winograd counted by the windows it saves), and where the rest goes. The ratio that a peer's time allows at most is
the peer's over that limit.
"""

from __future__ import annotations

import json
import os
import pathlib
import statistics

os.environ["HB_NUM_THREADS"] = "1"

import hornbeam as hb
import models
import workloads

RESULTS = pathlib.Path(__file__).resolve().parent / "results"


def kinds(profile: hb.profiling.Profile) -> list[tuple[str, float]]:
    """Seconds by op, largest first."""
    seconds: dict[str, float] = {}
    for row in profile.rows:
        seconds[row.op] = seconds.get(row.op, 0.0) + row.seconds
    return sorted(seconds.items(), key=lambda kind: -kind[1])


def main() -> None:
    """Profiles every workload, training and predicting."""
    measured = json.loads((RESULTS / "models.json").read_text())
    lines = [
        "| workload | ms | multiply-adds at the peak, ms | ratio they would allow | ratio reached | where the time goes |",
        "|---|---|---|---|---|---|",
    ]
    peak = hb.profiling.machine_peaks()[0]
    for name in (*workloads.NAMES, *workloads.MORE):
        for mode in ("train", "infer"):
            model, x, y, batch = workloads.make(hb, name)
            profile = hb.profile(model, x[:batch], y[:batch] if mode == "train" else None, batch_size=batch, verbose=0)
            limit = sum(row.flops for row in profile.rows) / peak * 1e3
            times = measured.get(f"{name} {mode} 1", {})
            ratio = models.best_ratio(times)
            reached = "-" if ratio is None else f"{ratio:.2f}"
            # where memory takes nearly all of the time, arithmetic is no limit to speak of
            allowed = (
                "-"
                if ratio is None or limit < 0.05 * profile.seconds * 1e3
                else f"{min(statistics.median(v) for k, v in times.items() if k != 'hornbeam') / limit:.1f}"
            )
            shares = ", ".join(f"{op} {seconds / profile.seconds:.0%}" for op, seconds in kinds(profile)[:4])
            lines.append(
                f"| {name} {mode} | {profile.seconds * 1e3:.3g} | {limit:.3g} | {allowed} | {reached} | {shares} |"
            )
    text = f"FMA peak {peak / 1e9:.0f} GFLOP/s, one thread.\n\n" + "\n".join(lines) + "\n"
    (RESULTS / "limits.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
