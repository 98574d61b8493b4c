"""Milliseconds of a training step on Hornbeam and its peers: ``steps.py small|resnet50|gpt2 [--toy]``.

Every measurement has a process of its own. Those of a group start together, compile and warm up; then all wait but the
one whose turn it is: the frameworks take turns in short windows, so that what disturbs the machine hits all of them.
"""

from __future__ import annotations

import json
import os
import pathlib
import queue
import statistics
import subprocess
import sys
import threading
import time
from typing import Any

from environment import write
from loops import SMALL, TOY_SMALL, frameworks

HERE = pathlib.Path(__file__).resolve().parent
ROUNDS = 9
READY_SECONDS = 80  # for compiling; what takes longer is left out
TURN_RESERVE = 0.3  # seconds of a turn, kept from the part's limit
TOY_READY_SECONDS = 400  # on a small machine
TURN_SECONDS = 20


class Worker:
    """A process that waits for its turn."""

    def __init__(self, framework: str, workload: str, toy: bool) -> None:
        self.framework, self.workload = framework, workload
        self.notes: dict[str, Any] = {}
        self.ms: list[float] = []
        python = sys.executable if framework == "hornbeam" else os.environ.get("HB_PEER_PYTHON", sys.executable)
        command = [python, str(HERE / "worker.py"), framework, workload, *(["--toy"] if toy else [])]
        self.log = pathlib.Path(os.environ["HB_BENCH_PARTS"]) / f"{framework}-{workload}.txt"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log.open("w"), text=True, cwd=HERE,
            env=environment(framework, workload, toy),
        )  # fmt: skip
        self._said: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("{"):
                self._said.put(line)
        self._said.put(None)

    def hear(self, seconds: float) -> dict[str, Any] | None:
        """What it says next; None when it has ended or says nothing in time."""
        try:
            line = self._said.get(timeout=max(0.1, seconds))
        except queue.Empty:
            self.notes["problem"] = f"nothing after {seconds:.0f} s"
            return None
        if line is None:
            said = self.log.read_text().strip().splitlines()
            self.notes["problem"] = said[-1][:300] if said else "it ended"
            return None
        found: dict[str, Any] = json.loads(line)
        return found

    def turn(self) -> None:
        """Has it time a window."""
        assert self._process.stdin
        try:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        except OSError:
            pass
        found = self.hear(TURN_SECONDS)
        if found:
            self.ms.append(found["ms"])

    @property
    def alive(self) -> bool:
        """Whether it can take turns."""
        return "problem" not in self.notes

    def end(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()


def environment(framework: str, workload: str, toy: bool) -> dict[str, str]:
    """Of a worker: no framework takes all of the GPU's memory, and Hornbeam compiles its kernels afresh."""
    own = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TORCHINDUCTOR_COMPILE_THREADS": "4", "TF_CPP_MIN_LOG_LEVEL": "3"}
    if framework == "hornbeam":
        own["HB_DEVICE"] = "gpu"
        if not toy:
            own["HB_CACHE_DIR"] = str(pathlib.Path(os.environ["HB_CACHE_DIR"]) / workload)
    elif toy:
        own["JAX_PLATFORMS"] = "cpu"
    path = "" if framework != "hornbeam" else os.environ.get("PYTHONPATH", "")
    return {**os.environ, **own, "PYTHONPATH": path}


def measure(workloads: tuple[str, ...], toy: bool) -> bool:
    """Times a group and writes what it finds; whether Hornbeam took its turns."""
    workers = [Worker(f, w, toy) for w in workloads for f in frameworks(w)]
    try:
        limit = float(os.environ.get("HB_PART_SECONDS", "inf")) - ROUNDS * TURN_RESERVE * len(workers)
        end = time.perf_counter() + (TOY_READY_SECONDS if toy else min(READY_SECONDS, limit))
        for worker in workers:
            found = worker.hear(end - time.perf_counter())
            if found:
                worker.notes.update(found)
            else:
                worker.end()
            print(f"{worker.workload} {worker.framework}: {worker.notes}", flush=True)
        for workload in workloads:
            group = [w for w in workers if w.workload == workload]
            for _ in range(2 if toy else ROUNDS):
                for worker in group:
                    if worker.alive:
                        worker.turn()
            write(f"steps-{workload}", {w.framework: {**w.notes, "ms": w.ms} for w in group})
            medians = {w.framework: round(statistics.median(w.ms), 4) for w in group if w.ms}
            print(f"{workload}: ms a step {medians}", flush=True)
            for worker in group:
                worker.end()
        return all(w.alive for w in workers if w.framework == "hornbeam")
    finally:
        for worker in workers:
            worker.end()


def main() -> None:
    """Times the group that is named."""
    toy = "--toy" in sys.argv
    if sys.argv[1] != "small":
        groups: list[tuple[str, ...]] = [(sys.argv[1],)]
    else:
        groups = [(name,) for name in TOY_SMALL] if toy else [SMALL]
    done = [measure(group, toy) for group in groups]
    sys.exit(not all(done))


if __name__ == "__main__":
    main()
