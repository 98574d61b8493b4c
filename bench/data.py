"""Times pipelines that feed training: ``python bench/data.py [--out FOLDER] [--passes N] [WORKLOAD ...]``.

Each workload runs on Hornbeam and on the peers that are installed, each in a process of its own that makes its pipeline once and
then waits. The parent has one after another make one pass over the data, in turn, so that all see the same states of the machine;
figures are medians, ratios those of passes side by side. What runs is in `data_sides.py`.

- ``jpeg``: 2,000 JPEGs of 500 x 375 from a folder: decode, crop at random to 224 x 224, flip, normalise, batches of 32.
- ``cifar``: 20,000 images of 32 x 32 in memory: pad and crop, flip, rotate, contrast, batches of 128.
- ``fit``: an epoch of ResNet-20 over 2,560 such images on one thread, cropped and flipped by a data set, beside arrays as they are.
- ``text``: 100,000 reviews: a vocabulary of 20,000 words found (adapt), then ids of 200 words each in batches of 512.
- ``csv``: a million rows of 20 columns from a file to float32 batches of 4,096.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

from data_sides import SIDES

WORK = pathlib.Path(tempfile.gettempdir()) / "hornbeam_bench_data"


def make_jpegs(folder: pathlib.Path, count: int) -> None:
    """Photographs of scikit-learn, cut out at random and mixed with noise so that no two files are alike."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    numbers = np.random.default_rng(0)
    photographs = load_sample_images().images
    for i in range(count):
        whole = photographs[i % len(photographs)]
        y, x = numbers.integers(0, whole.shape[0] - 375 + 1), numbers.integers(0, whole.shape[1] - 500 + 1)
        noise = numbers.normal(0, 4, (375, 500, 3))
        image = np.clip(whole[y : y + 375, x : x + 500] + noise, 0, 255).astype("uint8")
        place = folder / f"class_{i % 2}"
        place.mkdir(exist_ok=True)
        Image.fromarray(image).save(place / f"{i:05}.jpg", quality=90)


def make_images(folder: pathlib.Path, count: int) -> None:
    """Smooth random images of CIFAR's size."""
    numbers = np.random.default_rng(1)
    coarse = numbers.integers(0, 256, (count, 8, 8, 3)).astype("uint8")
    np.save(folder / "images.npy", coarse.repeat(4, 1).repeat(4, 2))
    np.save(folder / "labels.npy", numbers.integers(0, 10, count).astype("int32"))


def make_reviews(folder: pathlib.Path, count: int) -> None:
    """Reviews of 20 to 400 words that follow Zipf's law, with capitals and punctuation."""
    numbers = np.random.default_rng(2)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    words = ["".join(numbers.choice(letters, numbers.integers(2, 11))) for _ in range(60_000)]
    share = 1.0 / np.arange(1, len(words) + 1)
    ends = np.array(["", "", "", "", "", ",", ".", "!"])
    with open(folder / "reviews.txt", "w") as f:
        for _ in range(count):
            n = int(numbers.integers(20, 400))
            chosen = numbers.choice(len(words), n, p=share / share.sum())
            marks = ends[numbers.integers(0, len(ends), n)]
            f.write(" ".join(words[w] + m for w, m in zip(chosen, marks)).capitalize() + "\n")


def make_table(folder: pathlib.Path, count: int) -> None:
    """Twenty columns of numbers, half of them whole."""
    numbers = np.random.default_rng(3)
    columns = [numbers.integers(0, 10_000, count) if i % 2 else numbers.normal(size=count).round(5) for i in range(20)]
    import pandas as pd

    pd.DataFrame({f"c{i}": c for i, c in enumerate(columns)}).to_csv(folder / "table.csv", index=False)


MAKERS = {
    "jpeg": (make_jpegs, 2_000),
    "cifar": (make_images, 20_000),
    "fit": (make_images, 2_560),
    "text": (make_reviews, 100_000),
    "csv": (make_table, 1_000_000),
}


def data_of(workload: str, scale: float) -> pathlib.Path:
    """The folder of a workload's data, made once."""
    make, count = MAKERS[workload]
    count = max(64, int(count * scale))
    folder = WORK / f"{workload}_{count}"
    if not folder.exists():
        fresh = folder.with_suffix(".new")
        fresh.mkdir(parents=True, exist_ok=True)
        make(fresh, count)
        fresh.rename(folder)
    return folder


class Side:
    """A process that has made one side's pipeline, and makes a pass when it is told to."""

    def __init__(self, workload: str, name: str, folder: pathlib.Path) -> None:
        command = [sys.executable, __file__, "--serve", f"{workload}:{name}", str(folder)]
        settings = {
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "KERAS_BACKEND": "tensorflow",
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=settings)
        self.note = self._line()

    def _line(self) -> Any:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("bench "):
                return json.loads(line[6:])
        raise RuntimeError(f"a side ended with {self.process.wait()}")

    def once(self) -> float:
        """Seconds of one pass."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self._line())

    def close(self) -> None:
        """Ends the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def serve(what: str, folder: str) -> None:
    """What a side's process does."""
    import time

    workload, name = what.split(":")
    one_pass, note = SIDES[workload][name](pathlib.Path(folder))
    print("bench " + json.dumps(note), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        one_pass()
        print(f"bench {time.perf_counter() - start}", flush=True)


def compare(workload: str, scale: float, passes: int) -> dict[str, Any]:
    """The seconds of each side's passes."""
    folder = data_of(workload, scale)
    sides: dict[str, Side] = {}
    for name in SIDES[workload]:
        try:
            sides[name] = Side(workload, name, folder)
        except RuntimeError as e:
            print(f"{workload}: {name} is left out: {e}", file=sys.stderr)
    for side in sides.values():
        side.once()  # whatever is made at first use
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(passes):
        for name, side in sides.items():
            seconds[name].append(side.once())
    for side in sides.values():
        side.close()
    return {"seconds": seconds, "notes": {name: side.note for name, side in sides.items()}}


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = ["| workload | side | seconds (median) | least and most | over Hornbeam's | |", "|---|---|---|---|---|---|"]
    for workload, result in results.items():
        own = result["seconds"].get("hornbeam")
        for name, s in result["seconds"].items():
            ratio = f"{statistics.median(a / b for a, b in zip(s, own)):.2f}" if own else ""
            lines.append(
                f"| {workload} | {name} | {statistics.median(s):.3f} | {min(s):.3f} - {max(s):.3f} | {ratio} | "
                f"{result['notes'][name]} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Runs the workloads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=list(SIDES))
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="how much of the data, for a quick look")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.workloads[0])
        return
    results = {w: compare(w, given.scale, given.passes) for w in given.workloads}
    print(table(results))
    if given.out is not None:
        machine = {"python": platform.python_version(), "cpus": os.cpu_count()}
        (given.out / "data.json").write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
