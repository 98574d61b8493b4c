"""What the card reaches: the rate of a copy, and torch's own kernels and products on the operands of rate_cases.py."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import rate_cases
import torch
from environment import write
from torch.nn import functional as F

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
REPEATS = 10


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """The median of single runs, by the device's own events."""
    for _ in range(3):
        work()
    times: list[float] = []
    for _ in range(repeats):
        if CUDA:
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            work()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) * 1e-3)
        else:
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def kernels(toy: bool) -> dict[str, Callable[[], Any]]:
    """The kernels that memory limits, by name."""
    rows, columns = rate_cases.shape(toy)
    x, y, d = (torch.rand(rows, columns, device=DEVICE) for _ in range(3))
    gamma, beta = torch.ones(columns, device=DEVICE), torch.zeros(columns, device=DEVICE)
    leaf = x.clone().requires_grad_()
    gammas = [g.clone().requires_grad_() for g in (gamma, beta)]
    layer = F.layer_norm(leaf, (columns,), *gammas)
    batch = F.batch_norm(leaf, None, None, *gammas, training=True)
    weight = torch.nn.Parameter(x.clone())
    weight.grad = y
    adam = torch.optim.Adam([weight], fused=True)

    def gradients(out: Any) -> Callable[[], Any]:
        return lambda: torch.autograd.grad(out, [leaf, *gammas], d, retain_graph=True)

    return {
        "scale": lambda: x * 2.0,
        "gelu(x) + y": lambda: F.gelu(x) + y,
        "sum of rows": lambda: x.sum(1),
        "sum of columns": lambda: x.sum(0),
        "softmax": lambda: torch.softmax(x, 1),
        "layer norm": lambda: F.layer_norm(x, (columns,), gamma, beta),
        "gradients of layer norm": gradients(layer),
        "batch norm, training": lambda: F.batch_norm(x, None, None, gamma, beta, training=True),
        "gradients of batch norm": gradients(batch),
        "transpose": lambda: x.t().contiguous(),
        "Adam": adam.step,
    }


def copy_rate(n: int, repeats: int) -> float:
    """GB/s read and written by a copy on the device."""
    a = torch.rand(n, device=DEVICE)
    b = torch.empty_like(a)
    return 8 * n / seconds(lambda: b.copy_(a), repeats) / 1e9


def product_rate(n: int, dtype: Any, repeats: int) -> float:
    """TFLOP/s of a square product."""
    p, q = (torch.randn(n, n, device=DEVICE, dtype=dtype) for _ in range(2))
    return 2.0 * n**3 / seconds(lambda: p @ q, repeats) / 1e12


def main() -> None:
    """Times all and writes them."""
    toy = "--toy" in sys.argv
    rows, columns = rate_cases.shape(toy)
    n = rows * columns
    repeats = 2 if toy else REPEATS
    copy = copy_rate(4 * n, repeats)
    memory = {}
    for name, work in kernels(toy).items():
        memory[name] = rate_cases.MEMORY[name] * n / seconds(work, repeats) / 1e9
    products = {}
    for name, (dtype, tf32, size) in rate_cases.PRODUCTS.items():
        torch.backends.cuda.matmul.allow_tf32 = tf32
        products[name] = product_rate(rate_cases.size(size, toy), getattr(torch, dtype), repeats)
    write("rates_torch", {"copy": copy, "memory": memory, "products": products})
    print(f"copy {copy:.0f} GB/s; torch's products, TFLOP/s: { {k: round(v, 1) for k, v in products.items()} }")


if __name__ == "__main__":
    main()
