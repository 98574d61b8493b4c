"""What the plans of the workloads' training steps cost: nodes, items, working memory beside the least possible, time.

``python bench/plans.py`` writes results/plans.md.
"""

from __future__ import annotations

import pathlib

import hornbeam as hb
import workloads
from hornbeam.training.steps import Step


def main() -> None:
    """Plans each workload's training step."""
    lines = ["| workload | nodes | items | arena MiB | arena / live bytes | plan ms |", "|---|---|---|---|---|---|"]
    for name in workloads.NAMES:
        model, x, y, batch = workloads.make(hb, name)
        step = Step(model, "train").program((x[:batch], y[:batch], None)).executable
        s = step.stats([list(x[:batch].shape), list(y[:batch].shape)])
        ratio = s["arena_bytes"] / max(1, s["live_bytes"])
        lines.append(
            f"| {name} | {step.graph.size} | {s['items']} | {s['arena_bytes'] / 2**20:.2f} | {ratio:.3f} | {s['plan_seconds'] * 1e3:.2f} |"
        )
    text = "\n".join(lines) + "\n"
    (pathlib.Path(__file__).resolve().parent / "results" / "plans.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
