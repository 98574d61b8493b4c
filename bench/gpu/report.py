"""Gathers what the parts of bench/gpu.sh found into gpu-CARD.json and .md: in $OUT, and, but for ``--toy``, in
bench/results. ``--show`` prints the table."""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import sys
import xml.etree.ElementTree
from typing import Any

from environment import slug
from loops import FRAMEWORKS, LARGE, SMALL

SHORT = {"float32": "", "tf32": " (tf32)", "mixed_bfloat16": " (bf16)"}
RESULTS = pathlib.Path(__file__).resolve().parents[1] / "results"
Found = dict[str, Any]


def gather() -> Found:
    """All parts' results by name."""
    folder = pathlib.Path(os.environ["HB_BENCH_PARTS"])
    found = {f.stem: json.loads(f.read_text()) for f in sorted(folder.glob("*.json"))}
    if (folder / "pytest.xml").exists():
        found["pytest"] = pytest_results(folder / "pytest.xml")
    return found


def pytest_results(path: pathlib.Path) -> Found:
    """Counts and the names of what failed, from JUnit's format."""
    cases = list(xml.etree.ElementTree.parse(path).iter("testcase"))
    failed = [c.get("name", "") for c in cases if c.find("failure") is not None or c.find("error") is not None]
    skipped = sum(c.find("skipped") is not None for c in cases)
    return {"tests": len(cases), "skipped": skipped, "failed": failed}


def head(found: Found) -> list[str]:
    """The machine."""
    e = found.get("environment", {})
    versions = ", ".join(f"{n} {v}" for n, v in e.get("versions", {}).items())
    said = [e.get("name", "unknown GPU"), e.get("memory"), f"driver {e.get('driver') or '?'}", f"{e.get('cpus')} CPUs"]
    return [f"{', '.join(filter(None, said))}. {versions}.", ""]


def checks(found: Found) -> list[str]:
    """What was compared with the CPU, and what the sanitizers said."""
    lines = []
    if "pytest" in found:
        p = found["pytest"]
        lines.append(f"- tests/cuda: {p['tests']} tests, {p['skipped']} skipped, {len(p['failed'])} failed")
        lines += [f"  - {name}" for name in p["failed"][:20]]
    if "op_cases" in found:
        p = found["op_cases"]
        lines.append(f"- op cases beside the CPU: {p['cases'] - len(p['failures'])} of {p['cases']} agree")
        lines += [f"  - {name}: {problem}" for name, problem in list(p["failures"].items())[:20]]
    if "streams" in found:
        lines.append(
            "- random numbers beside the CPU's: " + ", ".join(f"{k}: {v}" for k, v in found["streams"].items())
        )
    for device, said in found.get("digits", {}).items():
        lines.append(f"- digits on the {device}: " + ", ".join(f"{k} {v:.4g}" for k, v in said.items()))
    for tool in ("memcheck", "racecheck"):
        if tool in found:
            p = found[tool]
            lines.append(f"- {tool}: {p['cases']} of {p['of']} op cases run, {len(p['errors'])} groups with errors")
            lines += [f"  - {problem}" for problem in p["errors"][:10]]
    return ["## Checks", "", *(lines or ["none ran"]), ""]


def best_ratio(row: Found) -> float | None:
    """The median over the rounds of the best peer's time over Hornbeam's."""
    timed = {f: r["ms"] for f, r in row.items() if r["ms"]}
    peers = [f for f in timed if f != "hornbeam"]
    if not peers or "hornbeam" not in timed:
        return None
    rounds = range(min(map(len, timed.values())))
    return float(statistics.median(min(timed[f][i] for f in peers) / timed["hornbeam"][i] for i in rounds))


def steps(found: Found) -> list[str]:
    """Milliseconds a step, and seconds of the first."""
    rows = {name: found[f"steps-{name}"] for name in (*SMALL, *LARGE) if f"steps-{name}" in found}
    if not rows:
        return []
    used = [f for f in FRAMEWORKS if any(f in row for row in rows.values())]
    bar = "|---|" + "---|" * len(used)
    lines = [
        "## Training steps",
        "",
        "Milliseconds a step, the median of interleaved windows with half their spread. Hornbeam's `fit` copies each",
        "batch from the host; the peers' batches lie on the device. Products are in float32, and not rounded to tf32, but",
        "where it is said.",
        "",
        "| workload | " + " | ".join(used) + " | best peer / hornbeam |",
        bar + "---|",
    ]
    problems, firsts = [], []
    for name, row in rows.items():
        cells = []
        for f in used:
            r = row.get(f, {"ms": []})
            if not r["ms"]:
                cells.append("-")
                continue
            median = statistics.median(r["ms"])
            spread = (max(r["ms"]) - min(r["ms"])) / 2 / median
            cells.append(f"{median:.3g} +-{spread:.0%}" + SHORT[r["precision"]])
        ratio = best_ratio(row)
        lines.append(f"| {name} | " + " | ".join(cells) + (" | - |" if ratio is None else f" | {ratio:.2f} |"))
        firsts.append(
            f"| {name} | "
            + " | ".join(f"{row[f]['first_s']:.2f}" if "first_s" in row.get(f, {}) else "-" for f in used)
            + " |"
        )
        problems += [f"- {name}, {f}: {r['problem']}" for f, r in row.items() if "problem" in r]
    lines += [
        "",
        "Seconds of the first step, with all compiling, from empty caches; the processes of a group start together.",
        "(That of torch-graph: the first replay, after the capture.)",
        "",
        "| workload | " + " | ".join(used) + " |",
        bar,
        *firsts,
        "",
    ]
    return lines + ([*problems, ""] if problems else [])


def rates(found: Found) -> list[str]:
    """Kernels beside the copy, products beside torch's."""
    torch, own = found.get("rates_torch", {}), found.get("rates", {})
    copy = torch.get("copy")
    lines = ["## Kernels", "", f"A copy moves {copy:.0f} GB/s." if copy else "No copy was timed.", ""]
    lines += ["| kernel | GB/s | of the copy | torch, GB/s |", "|---|---|---|---|"]
    for name in own.get("memory", {}) or torch.get("memory", {}):
        said = own.get("memory", {}).get(name, {})
        got, peer = said.get("gbps"), torch.get("memory", {}).get(name)
        share = f"{got / copy:.0%}" if got and copy else "-"
        lines.append(f"| {name} | {text(got)} | {share} | {text(peer)} |")
    lines += ["", "| product | TFLOP/s | torch, TFLOP/s |", "|---|---|---|"]
    for name, peer in torch.get("products", {}).items():
        lines.append(f"| {name} | {text(own.get('products', {}).get(name, {}).get('tflops'))} | {text(peer)} |")
    problems = [f"- {n}: {r['problem']}" for kind in own.values() for n, r in kind.items() if "problem" in r]
    return [*lines, "", *problems, *([""] if problems else [])]


def text(rate: float | None) -> str:
    """A rate in a cell."""
    return "-" if rate is None else f"{rate:.3g}" if rate < 1000 else f"{rate:.0f}"


def profiles(found: Found) -> list[str]:
    """Where the steps of the large models spend their time."""
    lines = []
    for name, p in found.get("profiles", {}).items():
        if "problem" in p:
            lines.append(f"- {name}: {p['problem']}")
            continue
        shares = ", ".join(f"{op} {s / p['seconds']:.1%}" for op, s in list(p["by_op"].items())[:12])
        lines.append(f"- {name} ({p['precision']}), kernel by kernel {p['seconds'] * 1e3:.4g} ms: {shares}")
    return ["## Profiles", "", *lines, ""] if lines else []


def main() -> None:
    """Writes both files."""
    found = gather()
    lines = [*head(found), *checks(found), *steps(found), *rates(found), *profiles(found)]
    name = f"gpu-{slug(found.get('environment', {}).get('name', 'unknown'))}"
    for folder in [pathlib.Path(os.environ["OUT"]), *([] if "--toy" in sys.argv else [RESULTS])]:
        (folder / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
        (folder / f"{name}.md").write_text("\n".join(lines).rstrip() + "\n")
    if "--show" in sys.argv:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
