"""What a GPU computes, beside the CPU: ``checks.py ops`` (every op case, where pytest is missing), ``streams`` (random
numbers, bit for bit) and ``digits`` (a network trained on real digits, on both)."""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import os
import pathlib
import sys
import time
from typing import Any

os.environ.setdefault("HB_NUM_THREADS", "1")
import numpy as np  # noqa: E402
from environment import write  # noqa: E402

import hornbeam as hb  # noqa: E402
from hornbeam import _core, ops  # noqa: E402
from hornbeam.core.tensor import to_tensor  # noqa: E402
from hornbeam.core.trace import Trace  # noqa: E402

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "tests/python"))
import op_cases  # noqa: E402

TOY_CASES = 12
BATCH = 32


def graph_of(case: Any) -> Any:
    """A case and, where it has them, its gradients."""
    with Trace() as trace:
        xs = [trace.input(f"x{i}", a.dtype.name, a.shape) for i, a in enumerate(case.arrays)]
        y = to_tensor(case.call(*xs))
        floats = [x for x in xs if x.dtype.startswith("float")]
        grads = hb.gradients(ops.sum(y), floats) if case.grad and floats and y.dtype.startswith("float") else []
        for i, v in enumerate([y, *grads]):
            if v is not None:
                trace.graph.output(f"y{i}", trace.value_of(v))
    return trace.graph


def difference(got: Any, want: Any) -> float:
    """The largest difference, over the largest finite number that is wanted or 1; infinite where an integer differs, or
    a NaN or an infinity is elsewhere."""
    if got.dtype != want.dtype or got.shape != want.shape:
        return float("inf")
    if want.dtype.kind != "f":
        return 0.0 if np.array_equal(got, want) else float("inf")
    finite = np.isfinite(want)
    if not np.array_equal(got[~finite], want[~finite], equal_nan=True) or not np.isfinite(got[finite]).all():
        return float("inf")
    scale = max(1.0, float(np.abs(want[finite]).max(initial=0)))
    return float(np.abs(got[finite].astype("float64") - want[finite].astype("float64")).max(initial=0)) / scale


def check(name: str, runs: int = 3) -> tuple[str, float, str]:
    """(name, difference, what went wrong) of a case; the second run on a GPU captures its graph, the third replays
    it."""
    case = next(c for c in op_cases.CASES if c.name == name)
    try:
        hb.utils.set_random_seed(1234)
        graph = graph_of(case)
        want = _core.Executable(graph, device="cpu").run(case.arrays)
        gpu = _core.Executable(graph, device="gpu")
        worst = max(difference(g, w) for _ in range(runs) for g, w in zip(gpu.run(case.arrays), want, strict=True))
    except Exception as e:  # the others are still of interest
        return name, float("inf"), f"{type(e).__name__}: {e}"
    limit = max(1e-5, 8 * case.tol)
    return name, worst, "" if worst <= limit else f"differs by {worst:.3g}"


def check_ops(toy: bool, only: list[str]) -> bool:
    """Every case, or some, over several processes."""
    names = only or [c.name for c in op_cases.CASES]
    if toy:
        names = names[:: max(1, len(names) // TOY_CASES)]
    workers = 1 if toy or only else min(8, os.cpu_count() or 1)
    with concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        done = [check(n) for n in names] if workers == 1 else list(pool.map(check, names, chunksize=8))
    failures = {name: problem for name, _, problem in done if problem}
    worst = sorted(((d, name) for name, d, problem in done if not problem), reverse=True)[:5]
    write("op_cases", {"cases": len(done), "failures": failures, "worst": {name: d for d, name in worst}})
    for name, problem in failures.items():
        print(f"{name}: {problem}")
    print(f"{len(done) - len(failures)} of {len(done)} op cases agree with the CPU")
    return not failures


STREAMS = {
    "uniform": lambda n: hb.random.uniform((n,), seed=7),
    "uniform float64": lambda n: hb.random.uniform((n,), dtype="float64", seed=7),
    "randint": lambda n: hb.random.randint((n,), 0, 1000, seed=7),
    "dropout": lambda n: hb.random.dropout(np.ones(n, "float32"), 0.3, seed=7),
    "shuffle": lambda n: hb.random.shuffle(np.arange(n), seed=7),
    "categorical": lambda n: hb.random.categorical(np.zeros((1, 50), "float32"), n, seed=7),
    "normal": lambda n: hb.random.normal((n,), seed=7),
}
ROUNDED = ("normal",)  # computed from the stream with functions that may round otherwise


def drawn_on(device: str, draw: Any) -> list[Any]:
    """A few, many, and an odd number of random numbers."""
    hb.config.set_device(device)
    return [np.asarray(draw(n)) for n in (1, 1000, 4099)]


def check_streams(toy: bool) -> bool:
    """Random numbers on both devices."""
    results: dict[str, str] = {}
    for name, draw in STREAMS.items():
        try:
            want, got = (drawn_on(device, draw) for device in ("cpu", "gpu"))
            worst = max(map(difference, got, want))
            equal = all(np.array_equal(g, w) for g, w in zip(got, want, strict=True))
            results[name] = "equal bits" if equal else f"differs by {worst:.3g}"
            if not equal and (name not in ROUNDED or worst > 1e-5):
                results[name] += ", which it must not"
        except Exception as e:
            results[name] = f"{type(e).__name__}: {e}, which it must not"
        print(f"random {name}: {results[name]}")
    hb.config.set_device(None)
    write("streams", results)
    return not any("must not" in said for said in results.values())


def check_digits(toy: bool) -> bool:
    """Trains the example of the digits on both devices."""
    try:
        from hornbeam.examples import digits

        digits.load()
    except ImportError as e:
        print(f"digits: left out: {e}")
        return True
    results: dict[str, dict[str, float]] = {}
    for device in ("gpu", "cpu"):
        hb.config.set_device(device)
        start = time.perf_counter()
        if toy:
            results[device] = toy_digits(digits)
        else:
            results[device] = {"accuracy": digits.train(seed=0)[2]}
        results[device]["seconds"] = time.perf_counter() - start
        print(f"digits on the {device}: {results[device]}")
    hb.config.set_device(None)
    write("digits", results)
    key = "loss" if toy else "accuracy"
    return abs(results["gpu"][key] - results["cpu"][key]) < (1e-3 if toy else 0.02)


def toy_digits(digits: Any) -> dict[str, float]:
    """A step of it."""
    hb.utils.set_random_seed(0)
    x, y, _, _ = digits.load()
    model = digits.build()
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(x[:BATCH], y[:BATCH], batch_size=BATCH // 2, epochs=1, verbose=0)
    return {"loss": float(history.history["loss"][0])}


def main() -> None:
    """Runs the parts that are named; fails when one does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="+", choices=["ops", "streams", "digits"])
    parser.add_argument("--toy", action="store_true")
    parser.add_argument("--only", default="", help="names of op cases, separated by commas")
    args = parser.parse_args()
    only = [name for name in args.only.split(",") if name]
    good = True
    for part in args.parts:
        if part == "ops":
            good &= check_ops(args.toy, only)
        else:
            good &= {"streams": check_streams, "digits": check_digits}[part](args.toy)
    sys.exit(not good)


if __name__ == "__main__":
    main()
