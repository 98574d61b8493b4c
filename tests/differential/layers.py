"""Random programs of layers on Hornbeam and on Keras, from equal weights; what differs is shrunk and shown.

    python tests/differential/layers.py --keras /path/to/keras/python --backend torch --appeal jax --first 0 --count 200

Each side is a subprocess. Keras answers on one backend, and what differs there is asked again on another: JAX compiles each
program, which takes seconds, torch does not. ``--record FILE`` keeps Keras' answers to those programs that agree, as the
suite's data. Exit status 1 when anything differs but for a reason that ``program_judged`` knows.
"""

from __future__ import annotations

import argparse
import collections
import copy
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from program_judged import reason
from programs import program

HERE = Path(__file__).parent
Spec = dict[str, Any]
_QUICK = "--xla_backend_optimization_level=1 --xla_llvm_disable_expensive_passes=true"  # level 0 makes NaN of nothing


class Side:
    """A subprocess that answers programs."""

    def __init__(self, python: str, module: str, backend: str = "jax") -> None:
        environment = {
            **os.environ,
            "KERAS_BACKEND": backend,
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": _QUICK,
            "HB_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [python, str(HERE / "runner.py"), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def ask(self, spec: Spec) -> None:
        assert self.process.stdin is not None
        print(json.dumps(spec), file=self.process.stdin, flush=True)

    def answer(self) -> list[Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} has died: {self.process.wait()}")
        return json.loads(line)  # type: ignore[no-any-return]


def same(a: Any, b: Any, tolerance: float = 2e-3) -> bool:
    """Whether two answers agree: structures exactly, numbers to float32's digits after some training steps."""
    if isinstance(a, dict) and isinstance(b, dict):
        return set(a) == set(b) and all(same(a[k], b[k], tolerance) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        try:
            x, y = np.asarray(a, "float64"), np.asarray(b, "float64")
        except (TypeError, ValueError):
            return len(a) == len(b) and all(same(i, j, tolerance) for i, j in zip(a, b))
        return x.shape == y.shape and bool(np.allclose(x, y, rtol=tolerance, atol=tolerance / 10, equal_nan=True))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance / 10, equal_nan=True))
    return bool(a == b)


def raised(answer: Any) -> bool:
    """Whether it is an exception, not the log of a metric of that name."""
    return isinstance(answer, dict) and isinstance(answer.get("error"), str)


def differences(mine: list[Any], theirs: list[Any]) -> Iterator[tuple[str, Any, Any]]:
    """What differs; where both raise in the end they agree, whenever they do it and whatever they say."""
    failed = all(raised(log[-1][1]) for log in (mine, theirs))
    for (label, a), (other, b) in zip(mine, theirs):
        if failed and ([label, a] == mine[-1] or [other, b] == theirs[-1]):
            return
        if label != other or not same(a, b):
            yield label if label == other else f"{label} / {other}", a, b
        if label != other:
            return


def difference(mine: list[Any], theirs: list[Any]) -> tuple[str, Any, Any] | None:
    """The first thing that differs."""
    return next(differences(mine, theirs), None)


class Pair:
    """Hornbeam and Keras on a backend."""

    def __init__(self, mine: str, theirs: str, backend: str) -> None:
        self.sides = [Side(mine, "hornbeam"), Side(theirs, "keras", backend)]
        self.answers: list[Any] = []

    def compare(self, spec: Spec) -> tuple[str, Any, Any] | None:
        for side in self.sides:
            side.ask(spec)
        self.answers = [side.answer() for side in self.sides]
        return difference(*self.answers)

    def judged(self, spec: Spec) -> tuple[tuple[str, Any, Any] | None, str | None]:
        """What differs, and why it may: the first thing that has no reason, if there is one."""
        first = self.compare(spec)
        why = None
        for found in differences(*self.answers):
            why = reason(spec, found, self.answers[1], same)
            if why is None:
                return found, None
        return first, why


def smaller(spec: Spec) -> Iterator[Spec]:
    """Programs with one thing less."""

    def without(*path: Any) -> Spec:
        made = copy.deepcopy(spec)
        at: Any = made
        for key in path[:-1]:
            at = at[key]
        del at[path[-1]]
        return made

    for i in reversed(range(len(spec["actions"]))):
        yield without("actions", i)
    base = len(spec["inputs"])
    for i in reversed(range(len(spec["nodes"]))):
        made = copy.deepcopy(spec)
        node = made["nodes"][i]
        feeds = [list(made["inputs"][j]["shape"]) if j < base else made["nodes"][j - base]["shape"] for j in node["in"]]
        if any("ref" in n and n["ref"] == i for n in made["nodes"]) or node["shape"] not in feeds:
            continue
        target = node["in"][feeds.index(node["shape"])]
        del made["nodes"][i]
        move = lambda j: target if j == base + i else j - (j > base + i)  # noqa: B023, E731
        for n in made["nodes"]:
            n["in"] = [move(j) for j in n["in"]]
            if n.get("ref", -1) > i:
                n["ref"] -= 1
        made["outputs"] = [move(j) for j in made["outputs"]]
        yield made
    for i, node in enumerate(spec["nodes"]):
        for name in node.get("layer", {}).get("args", {}):
            yield without("nodes", i, "layer", "args", name)
        for name in node.get("layer", {}).get("args", {}).get("layer", {}).get("args", {}):
            yield without("nodes", i, "layer", "args", "layer", "args", name)
        inner = len(node.get("layer", {}).get("layers", []))
        for j in range(inner if inner > 1 else 0):
            yield without("nodes", i, "layer", "layers", j)
    for i, head in enumerate(spec["heads"]):
        for name in ("metrics", "weighted"):
            for j in range(len(head[name])):
                yield without("heads", i, name, j)
    for i, done in enumerate(spec["actions"]):
        for name in done.get("args", {}):
            yield without("actions", i, "args", name)
        for name in ("validation", "callbacks", "weights"):
            if done.get(name):
                made = copy.deepcopy(spec)
                made["actions"][i][name] = [] if name == "callbacks" else None
                yield made
    for name in spec["compile"]["optimizer"]["args"]:
        yield without("compile", "optimizer", "args", name)
    if "loss_weights" in spec["compile"]:
        yield without("compile", "loss_weights")


def shrink(pair: Pair, spec: Spec, label: str, most: int = 60) -> Spec:
    """The smallest program found that differs in the same kind of thing."""
    kind = label.split()[-1] if label[0].isdigit() else label.split()[0]
    again = True
    while again and most > 0:
        again = False
        for candidate in smaller(spec):
            most -= 1
            found = pair.compare(candidate)
            if found is not None and kind in found[0]:
                spec, again = candidate, True
                break
            if most <= 0:
                break
    return spec


def digest(x: Any) -> Any:
    """An answer in a few numbers: its shape and three projections."""
    if isinstance(x, dict):
        return {k: v if k == "error" else digest(v) for k, v in x.items()}
    if isinstance(x, list):
        try:
            a = np.asarray(x, "float64")
        except (TypeError, ValueError):
            return [digest(v) for v in x]
        if a.size > 4:
            i = np.arange(a.size)
            flat = a.ravel()
            return {
                "shape": list(a.shape),
                "of": [float(f"{v:.6g}") for v in (flat.mean(), (flat * np.sin(i)).mean(), np.abs(flat).max())],
            }
        return [float(f"{v:.6g}") for v in a.ravel()]
    return float(f"{x:.6g}") if isinstance(x, float) else x


def save(path: str, kept: list[Spec]) -> None:
    with gzip.GzipFile(path, "wb", mtime=0) as f:
        f.write(json.dumps(kept).encode())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keras", required=True, help="a Python that has Keras")
    parser.add_argument("--python", default=sys.executable, help="a Python that has Hornbeam")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--record", help="a file for Keras' answers to programs that agree")
    parser.add_argument("--how", choices=["whole", "short", "forward"], default="whole", help="what programs do")
    parser.add_argument("--backend", default="jax", help="Keras' backend; torch compiles nothing")
    parser.add_argument("--appeal", help="a backend that is asked again where that one differs")
    parser.add_argument("--no-shrink", action="store_true")
    args = parser.parse_args()
    seeds = range(args.first, args.first + args.count)
    courts = [Pair(args.python, args.keras, b) for b in (args.backend, args.appeal) if b]
    bad, judged = 0, collections.Counter[str]()
    kept: list[Spec] = []
    for seed in seeds:
        spec = program(seed, args.how)
        for pair in courts:
            found, why = pair.judged(spec)
            if found is None or why:
                break
        if found is None:
            kept.append({"program": spec, "answers": [[label, digest(v)] for label, v in pair.answers[1]]})
            if args.record:
                save(args.record, kept)
            continue
        if why:
            judged[why] += 1
            continue
        bad += 1
        if not args.no_shrink:
            spec = shrink(pair, spec, found[0])
            found = pair.compare(spec) or found
        print(
            f"seed {seed}: {found[0]}\n  {json.dumps(spec)}\n  hornbeam {str(found[1])[:300]}\n  keras    {str(found[2])[:300]}",
            flush=True,
        )
    print(f"{len(seeds)} programs, {bad} differ; judged: {dict(judged)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
