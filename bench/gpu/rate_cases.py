"""What kernels are timed on: the same names and sizes for Hornbeam (rates.py) and torch (rates_torch.py)."""

from __future__ import annotations

ROWS, COLUMNS = 65536, 1024  # 256 MiB in float32: five times an H200's second-level cache
TOY_ROWS, TOY_COLUMNS = 8, 32

# Bytes that move for each element of float32 at the least: every operand read once, every result written once.
MEMORY = {
    "scale": 8,
    "gelu(x) + y": 12,
    "sum of rows": 4,
    "sum of columns": 4,
    "softmax": 8,
    "layer norm": 8,
    "gradients of layer norm": 12,
    "batch norm, training": 12,
    "gradients of batch norm": 20,
    "transpose": 8,
    "Adam": 28,
}

# Square products: (dtype, whether factors may be rounded to tf32, size).
PRODUCTS = {
    "float32 4096": ("float32", False, 4096),
    "tf32 8192": ("float32", True, 8192),
    "bfloat16 4096": ("bfloat16", False, 4096),
    "bfloat16 8192": ("bfloat16", False, 8192),
}


def shape(toy: bool) -> tuple[int, int]:
    """Of the operands of the kernels that memory limits."""
    return (TOY_ROWS, TOY_COLUMNS) if toy else (ROWS, COLUMNS)


def size(n: int, toy: bool) -> int:
    """Of a product's factors."""
    return n // 256 if toy else n
