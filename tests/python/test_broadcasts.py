"""Operands that are broadcast in groups of elementwise ops: every choice of axes, every dtype that a group reads."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import ops

# Odd, and larger than a tile (512) where all axes are there; rows of 2, 3, 7 and 33 elements.
SPACES = [
    (3, 5, 7, 33),
    (5, 9, 11, 3),
    (6, 4, 31, 2),
    (2, 1, 700, 1),
    (1, 3, 1, 519),
    (0, 3, 2, 5),
    (1, 1, 1, 1),
    (600, 1, 1, 7),
]
DTYPES = ["float32", "float64", "int32", "int64", "uint8", "bool"]


def whole(shape: tuple[int, ...], dtype: str, seed: int) -> Any:
    """Small numbers, whose sums and products are exact in float32."""
    return np.random.default_rng(seed).integers(0, 2 if dtype == "bool" else 9, shape).astype(dtype)


def parts(space: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shapes that are broadcast to it, without leading ones half of the time."""
    shapes = []
    for i, keep in enumerate(itertools.product((True, False), repeat=len(space))):
        shape = tuple(n if k else 1 for n, k in zip(space, keep, strict=True))
        while i % 2 and shape and shape[0] == 1:
            shape = shape[1:]
        shapes.append(shape)
    return shapes


def compiled(fn: Any, *arrays: Any, **options: Any) -> Any:
    return np.asarray(hb.function(fn, **options)(*arrays))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("space", SPACES, ids=str)
def test_every_choice_of_axes(space, dtype):
    x = whole(space, "float32", 0) - 4
    for i, shape in enumerate(parts(space)):
        a, b = whole(shape, dtype, i), whole(parts(space)[-1 - i], "float32", i)
        want = (x - a.astype("float32")) * 2 + b
        got = compiled(lambda x, a, b: (x - ops.cast(a, "float32")) * 2 + b, x, a, b)
        np.testing.assert_array_equal(got, want, err_msg=f"{shape}")
        if dtype == "bool":
            np.testing.assert_array_equal(compiled(lambda x, a: ops.where(a, x, 0.0), x, a), np.where(a, x, 0))


@pytest.mark.parametrize("shape", [(33,), (7, 1), (5, 1, 1), (3, 1, 1, 33), (3, 5, 1, 1)], ids=str)
def test_threads_make_no_difference(shape):
    x, a = (np.random.default_rng(i).standard_normal((s), "float32") for i, s in enumerate([(3, 5, 7, 33), shape]))
    x = np.concatenate([x] * 40, 1) if len(shape) < 4 and shape != (5, 1, 1) else x
    got = [compiled(lambda x, a: ops.tanh(x - a) * a, x, a, threads=n) for n in (1, 2, 5)]
    assert got[0].tobytes() == got[1].tobytes() == got[2].tobytes()


def test_a_result_in_an_operands_memory_spares_what_is_read_again():
    x = whole((37, 41), "float32", 1)
    for part in (
        lambda y: y[:1],
        lambda y: y[:, :1],
        lambda y: y[3:4, 2:3],
        lambda y: ops.reshape(y, (41, 37))[:1, :1],
    ):

        def fn(x, part=part):
            y = x * 2.0
            return ops.exp(ops.sum(y) * 0.0) * (y - part(y)) + ops.max(y, axis=0)

        y = x * 2
        small = (
            y.reshape(41, 37)[:1, :1] if part(y).shape == (1, 1) and part(y)[0, 0] == y[0, 0] else np.asarray(part(y))
        )
        np.testing.assert_array_equal(compiled(fn, x), y - small + y.max(0))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("exponent", [2, 3, 4, 0.5, -0.5, -1, -2, 1.5])
def test_constant_powers(exponent, dtype):
    if dtype[0] != "f" and exponent not in (2, 3, 4):
        pytest.skip("ints have whole powers")
    x = (np.arange(41) % 12 + 1).astype(dtype)
    with np.errstate(over="ignore"):
        want = x ** np.asarray(exponent, dtype)
    fn = hb.function(lambda t: ops.power(t, np.asarray(exponent, dtype)))
    np.testing.assert_allclose(np.asarray(fn(x)), want, rtol=1e-6)
    left = "power" in str(next(iter(fn._cache.values())).executable.graph)
    assert dtype == "float32" or left == (exponent == 1.5)  # a group does not show its instructions


def test_logic_on_bools():
    for n in (0, 1, 7, 8, 9, 31, 513, 70001):
        a, b = (whole((n,), "bool", i) for i in range(2))
        got = compiled(lambda a, b: ops.logical_or(ops.logical_and(a, ops.logical_not(b)), ops.logical_xor(a, b)), a, b)
        assert got.dtype == bool
        np.testing.assert_array_equal(got, (a & ~b) | (a ^ b))
        x = np.arange(n, dtype="float32")
        got = compiled(lambda x, a, b: ops.where(ops.logical_and(ops.logical_or(a, b), x > 3), x, -x), x, a, b)
        np.testing.assert_array_equal(got, np.where((a | b) & (x > 3), x, -x))
