"""Times every layer and family of ops beside torch: ``python bench/layers.py [--only REGEX] [--out bench/results]``.

Each side is a process that makes one cell of the grid (``layer_cells``) after another; the parent has both run it in turn, so that
they see the same states of the machine, and compares their values. A pass's figure is its fastest run, a ratio that of passes side
by side, torch's time over Hornbeam's: above 1, Hornbeam is ahead. On one thread times are those of the CPU, so that others on the
machine count as little as they can. ``layer_sides.py`` says what a run is.
"""

from __future__ import annotations

import argparse
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

import numpy as np

from layer_cells import CELLS
from layer_cells.cell import Cell
from layer_sides import SIDES

SAMPLES = 64  # values of an output that are compared
BLOCK = 100e-6  # seconds that are told from the clock's own


class Side:
    """A process that has one framework."""

    def __init__(self, name: str, threads: int) -> None:
        self.name, n = name, str(threads)
        settings = {**os.environ, "OMP_NUM_THREADS": n, "MKL_NUM_THREADS": n, "HB_NUM_THREADS": n}
        command = [sys.executable, __file__, "--serve", name, "--threads", n]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=settings)

    def ask(self, **question: Any) -> Any:
        """The answer to a question."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("bench "):
                return json.loads(line[6:])
        return {"error": f"{self.name} ended with {self.process.wait()}"}

    def close(self) -> None:
        """Ends the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def serve(name: str, threads: int) -> None:
    """What a side's process does: it answers questions, one a line."""
    side, ways = SIDES[name](threads), []
    cells = {cell.key: cell for cell in CELLS}
    clock = time.process_time if threads == 1 else time.perf_counter
    for line in sys.stdin:
        question = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            if "cell" in question:
                ways = []  # frees the last one's memory
                ways, shapes, outputs = side.prepare(cells[question["cell"]], question["mode"], question["shapes"])
                answer = {"shapes": shapes, "digest": [digest(y) for y in outputs()]}
            else:
                answer = {"seconds": min(fastest(run, question["seconds"] / len(ways), clock) for run in ways)}
        except Exception as e:
            answer = {"error": f"{name}: {type(e).__name__}: {e}"}
        print("bench " + json.dumps(answer), flush=True)


def fastest(run: Callable[[], Any], seconds: float, clock: Callable[[], float]) -> float:
    """The least time of a run among all that fit, and at least two; short ones are timed several together."""
    best, count, together, end = float("inf"), 0, 1, time.perf_counter() + seconds
    while count < 2 or time.perf_counter() < end:
        start = clock()
        for _ in range(together):
            run()
        taken = clock() - start
        if taken > 0:  # a coarse clock may not have moved
            best, count = min(best, taken / together), count + 1
        if count == 1 and best < BLOCK:
            together, best = int(BLOCK / max(best, 1e-7)) + 1, float("inf")
    return best


def digest(y: Any) -> dict[str, Any]:
    """An output's shape, its size, and some of its values."""
    flat = np.asarray(y, "float64").ravel()
    some = flat[np.linspace(0, flat.size - 1, min(flat.size, SAMPLES)).astype(int)]
    return {"shape": list(y.shape), "scale": float(np.sqrt(np.mean(flat**2))), "values": some.tolist()}


def difference(cell: Cell, ours: Any, theirs: Any) -> str:
    """What is not the same on both sides, if anything."""
    if [d["shape"] for d in ours] != [d["shape"] for d in theirs]:
        return f"shapes {[d['shape'] for d in ours]} and {[d['shape'] for d in theirs]}"
    for i, (a, b) in enumerate(zip(ours, theirs)):
        worst = max((abs(x - y) for x, y in zip(a["values"], b["values"])), default=0.0)
        if cell.check is not None and not worst <= cell.check * max(a["scale"], b["scale"], 1e-6):
            return f"output {i} by {worst:.3g} of {a['scale']:.3g}"
    return ""


def measure(cell: Cell, mode: str, sides: dict[str, Side], passes: int, seconds: float) -> dict[str, Any]:
    """The seconds of each side's passes, and what is wrong with the cell."""
    row: dict[str, Any] = {"family": cell.family, "cell": cell.name, "mode": mode, "seconds": {}}
    shapes: Any = None
    digests: dict[str, Any] = {}
    for name, side in sides.items():
        answer = side.ask(cell=cell.key, mode=mode, shapes=shapes)
        if "error" in answer:
            return {**row, "error": answer["error"]}
        shapes, digests[name] = answer["shapes"], answer["digest"]
    first, *others = digests
    for other in others:
        if wrong := difference(cell, digests[first], digests[other]):
            return {**row, "error": f"{first} and {other} differ: {wrong}"}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for n in range(passes):
        for name in [*sides][:: 1 if n % 2 else -1]:  # who comes second may find the caches cold
            times[name].append(sides[name].ask(seconds=seconds / passes)["seconds"])
    return {**row, "seconds": times}


def ratios(row: dict[str, Any]) -> list[float]:
    """The fastest peer's time over Hornbeam's, pass by pass."""
    own = row["seconds"].get("hornbeam", [])
    peers = [s for name, s in row["seconds"].items() if name != "hornbeam"]
    return [min(p) / o for o, *p in zip(own, *peers)] if peers else []


def line(row: dict[str, Any]) -> str:
    """A row of the table of cells."""
    head = f"| {row['family']} | {row['cell']} | {row['mode']} | "
    if "error" in row:
        return head + f"{row['error']} | | | |"
    own = [f"{statistics.median(s) * 1e6:.1f}" for s in row["seconds"].values()]
    r = ratios(row)
    if not r:
        return head + f"{own[0]} | | | |"
    return head + f"{own[0]} | {statistics.median(r):.2f} | {min(r):.2f} | {max(r):.2f} |"


def report(rows: list[dict[str, Any]], machine: dict[str, Any]) -> str:
    """Medians by family, what is slower than the peer, and all cells, as Markdown."""
    timed = [row for row in rows if ratios(row)]
    median = {id(row): statistics.median(ratios(row)) for row in timed}
    text = [f"{key}: {value}" for key, value in machine.items()]
    text += [
        "",
        "Ratios are the peer's time over Hornbeam's.",
        "",
        "| family | mode | cells | below 1 | least | median |",
    ]
    text.append("|---|---|---|---|---|---|")
    groups: dict[tuple[str, str], list[float]] = {}
    for row in timed:
        for family in (row["family"], "all"):
            groups.setdefault((family, row["mode"]), []).append(median[id(row)])
    for (family, mode), r in sorted(groups.items()):
        below = sum(x < 1 for x in r)
        text.append(f"| {family} | {mode} | {len(r)} | {below} | {min(r):.2f} | {statistics.median(r):.2f} |")
    head = ["| family | cell | mode | us | ratio | least | most |", "|---|---|---|---|---|---|---|"]
    slow = sorted((row for row in timed if median[id(row)] < 1), key=lambda row: median[id(row)])
    text += ["", "Below 1:", "", *head, *map(line, slow), "", "All:", "", *head, *map(line, rows)]
    return "\n".join(text) + "\n"


def main() -> None:
    """Measures the grid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cells whose 'family: name (mode)' the expression matches")
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.15, help="of runs, a side and cell, all passes together")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="beside torch.compile too; the faster one counts")
    parser.add_argument("--alone", action="store_true", help="without peers")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        return serve(given.serve, given.threads)
    names = ["hornbeam"]
    if not given.alone:
        names += ["torch"] + ["torch-compile"] * given.compile
    sides = {name: Side(name, given.threads) for name in names}
    rows = []
    for cell in CELLS:
        for mode in cell.modes:
            if not re.search(given.only, f"{cell.key} ({mode})"):
                continue
            rows.append(measure(cell, mode, sides, given.passes, given.seconds))
            print(line(rows[-1]), flush=True)
            for name, side in sides.items():
                if side.process.poll() is not None:
                    sides[name] = Side(name, given.threads)
    for side in sides.values():
        side.close()
    machine = {"threads": given.threads, "peers": ", ".join(names[1:]) or "none", "CPU": cpu()}
    print(report(rows, machine))
    if given.out is not None:
        (given.out / "layers.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
        (given.out / "layers.md").write_text(report(rows, machine))
    if any("error" in row for row in rows):
        sys.exit(1)


def cpu() -> str:
    """The processor's name."""
    try:
        found = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else "unknown"


if __name__ == "__main__":
    main()
