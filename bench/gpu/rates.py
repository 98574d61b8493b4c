"""Hornbeam's kernels against the rate of a copy, and its products: the times of ``hb.profile``'s events, summed over
the kernels that a case takes. The operands are variables, which stay on the device."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

os.environ["HB_DEVICE"] = "gpu"
import numpy as np  # noqa: E402
import rate_cases  # noqa: E402
from environment import write  # noqa: E402

import hornbeam as hb  # noqa: E402
from hornbeam import ops  # noqa: E402
from hornbeam.core.function import Compiled  # noqa: E402

REPEATS = 10
MOVES = ("copy", "check")  # of the runtime's own, after the kernels


def seconds(
    work: Callable[[], Any], results: list[hb.Variable], repeats: int, only: str = ""
) -> tuple[float, list[str]]:
    """Of the kernels of a program that keeps what ``work`` gives in variables, and their names; of one op, where it is
    named."""

    def program() -> Any:
        for variable, value in zip(results, work(), strict=True):
            variable.assign(value)
        return 0.0

    executable = Compiled(program, [], []).executable
    executable.profile([], 1)
    rows = [(r[0], r[3]) for r in executable.profile([], repeats) if (r[0] == only if only else r[0] not in MOVES)]
    return sum(s for _, s in rows), [op for op, _ in rows]


def kernels(toy: bool) -> dict[str, tuple[Callable[[], Any], list[hb.Variable], str]]:
    """By name: what is computed, where it goes, and the op that counts ("" for all that it takes)."""
    rows, columns = rate_cases.shape(toy)
    r = np.random.default_rng(0)

    def full() -> hb.Variable:
        return hb.Variable(r.random((rows, columns), "float32"))

    def vector(n: int) -> hb.Variable:
        return hb.Variable(np.ones(n, "float32"))

    x, y, d, to = full(), full(), full(), full()
    transposed = hb.Variable(np.zeros((columns, rows), "float32"))
    by_row, by_column = vector(rows), vector(columns)
    layer_norm, batch_norm = hb.layers.LayerNormalization(), hb.layers.BatchNormalization()
    for layer in (layer_norm, batch_norm):
        layer.build((rows, columns))
    adam = hb.optimizers.Adam(1e-3)
    adam.build([to])

    def gradients(layer: Any) -> tuple[Callable[[], Any], list[hb.Variable]]:
        def work() -> Any:
            with hb.GradientTape() as tape:
                total = ops.sum(layer(x, training=True) * d)
            return tape.gradient(total, [x, layer.gamma, layer.beta])

        return work, [to, vector(columns), vector(columns)]

    def step() -> Any:
        adam.apply([y], [to])
        return []

    return {
        "scale": (lambda: [x * 2.0], [to], ""),
        "gelu(x) + y": (lambda: [ops.gelu(x) + y], [to], ""),
        "sum of rows": (lambda: [ops.sum(x, axis=1)], [by_row], ""),
        "sum of columns": (lambda: [ops.sum(x, axis=0)], [by_column], ""),
        "softmax": (lambda: [ops.softmax(x)], [to], ""),
        "layer norm": (lambda: [layer_norm(x)], [to], "layer_norm"),
        "gradients of layer norm": (*gradients(layer_norm), "layer_norm_grad"),
        "batch norm, training": (lambda: [batch_norm(x, training=True)], [to], "batch_norm"),
        "gradients of batch norm": (*gradients(batch_norm), "batch_norm_grad"),
        "transpose": (lambda: [ops.transpose(x)], [transposed], ""),
        "Adam": (step, [], ""),
    }


def product(dtype: str, tf32: bool, n: int, repeats: int) -> float:
    """TFLOP/s of a square product."""
    r = np.random.default_rng(0)
    a, b = (hb.Variable(r.standard_normal((n, n), "float32"), dtype=dtype) for _ in range(2))
    to = hb.Variable(np.zeros((n, n), "float32"), dtype=dtype)
    hb.config.enable_tf32(tf32)
    try:
        taken, _ = seconds(lambda: [ops.matmul(a, b)], [to], repeats)
    finally:
        hb.config.enable_tf32(False)
    return 2.0 * n**3 / taken / 1e12


def attempt(name: str, what: Callable[[], Any]) -> Any:
    """A figure, or why there is none."""
    try:
        found = what()
    except Exception as e:  # the others are still of interest
        found = {"problem": f"{type(e).__name__}: {e}"}
    print(f"{name}: {found}", flush=True)
    return found


def main() -> None:
    """Times all and writes them."""
    toy = "--toy" in sys.argv
    rows, columns = rate_cases.shape(toy)
    repeats = 1 if toy else REPEATS
    found: dict[str, Any] = {"memory": {}, "products": {}}
    for name, (work, results, only) in kernels(toy).items():

        def figure(name: str = name, work: Any = work, results: Any = results, only: str = only) -> Any:
            taken, used = seconds(work, results, repeats, only)
            return {"gbps": rate_cases.MEMORY[name] * rows * columns / taken / 1e9, "kernels": used}

        found["memory"][name] = attempt(name, figure)
    write("rates", found)
    for name, (dtype, tf32, n) in rate_cases.PRODUCTS.items():

        def rate(dtype: str = dtype, tf32: bool = tf32, n: int = n) -> Any:
            return {"tflops": product(dtype, tf32, rate_cases.size(n, toy), repeats)}

        found["products"][name] = attempt(f"product {name}", rate)
        write("rates", found)
    sys.exit(any("problem" in figure for kind in found.values() for figure in kind.values()))


if __name__ == "__main__":
    main()
