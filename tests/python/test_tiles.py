"""Elementwise groups tile by tile: operands that repeat over stretches of a space, and instructions made of several."""

from __future__ import annotations

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, ops

ISAS = _core.isa_names()


def numbers(*shape, seed=0):
    """Normal numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


@pytest.mark.parametrize(
    "shape,other",
    [
        ((7, 768), (7, 1)),  # a row's factor, in rows of more than a tile
        ((5, 257), (5, 1)),
        ((3, 5, 521), (3, 1, 1)),
        ((3, 5, 521), (3, 1, 521)),  # a channel's gate, longer than a tile
        ((4, 9, 9, 96), (4, 1, 1, 96)),  # and shorter
        ((4, 9, 9, 7), (1, 9, 1, 7)),
        ((2, 3, 4, 5, 77), (2, 1, 4, 1, 77)),
        ((3, 1000), (1000,)),
        ((3, 512), (512,)),
        ((3, 513), (513,)),
        ((1031, 3), (3,)),
        ((6, 1024), (6, 1)),
        ((0, 600), (0, 1)),
    ],
)
@pytest.mark.parametrize("isa", ISAS)
def test_operands_that_repeat(shape, other, isa):
    x, y, z = numbers(*shape), numbers(*other, seed=1), numbers(shape[-1], seed=2)
    for threads in (1, 3):
        one, two = hb.function(lambda a, b, c: [a * b, (a - b) * c + b], isa=isa, threads=threads)(x, y, z)
        np.testing.assert_array_equal(np.asarray(one), x * y)
        np.testing.assert_allclose(np.asarray(two), (x - y) * z + y, rtol=1e-5, atol=1e-5)


CORNERS = np.array(
    [np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 6, 7, -3, 8388609, -1e10, 3e38], "float32"
)
MERGED = {
    "clip": (lambda x: ops.clip(x, -1.0, 2.0), lambda x: np.minimum(np.maximum(x, np.float32(-1)), np.float32(2))),
    "relu6": (ops.relu6, lambda x: np.minimum(np.where(x < 0, np.float32(0), x), np.float32(6))),
    "leaky_relu": (
        lambda x: ops.leaky_relu(x, 0.25),
        lambda x: np.where(x > 0, x, x * np.float32(0.25)),
    ),
    "slopes": (
        lambda x: ops.relu(x) - ops.relu(-x) * 0.25,
        lambda x: np.where(x < 0, np.float32(0), x) - np.float32(0.25) * np.where(-x < 0, np.float32(0), -x),
    ),
    "both kept": (  # a result that others read, too, is no part of another
        lambda x: ops.relu(x) + ops.clip(ops.relu(x), -1.0, 2.0),
        lambda x: np.where(x < 0, np.float32(0), x) + np.minimum(np.where(x < 0, np.float32(0), x), np.float32(2)),
    ),
    "floor": (ops.floor, np.floor),
    "ceil": (ops.ceil, np.ceil),
    "round": (ops.round, np.round),
    "maximum of NaN": (lambda x: ops.maximum(x, float("nan")), lambda x: x * np.float32("nan")),
}


@pytest.mark.parametrize("name", MERGED)
@pytest.mark.parametrize("isa", ISAS)
def test_instructions_at_their_corners(name, isa):
    ours, want = MERGED[name]
    for n in (1, 3, 16, 17, 531):
        x = np.resize(CORNERS, n)
        x[16:] = numbers(max(n - 16, 0)) * 3
        with np.errstate(invalid="ignore"):
            expected = want(x)
        y = np.asarray(hb.function(ours, isa=isa)(x))
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(np.signbit(y[~np.isnan(y)]), np.signbit(expected[~np.isnan(y)]))


@pytest.mark.parametrize("isa", ISAS)
def test_squares_where_others_have_two_factors(isa):
    x, y = numbers(700), numbers(700, seed=1)
    below = np.minimum(x, 0)
    for ours, want in (
        (lambda a, b: ops.square(b - a) + a, (y - x) ** 2 + x),
        (lambda a, b: ops.square(b * b - a) + a, (y * y - x) ** 2 + x),
        (lambda a, b: ops.relu(a) - ops.square(ops.relu(-a)), np.maximum(x, 0) - below * below),
    ):
        np.testing.assert_allclose(np.asarray(hb.function(ours, isa=isa)(x, y)), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("isa", ISAS)
def test_far_tails_vanish(isa):
    x = np.array([-200, -120, -95, -88, -30, 30, 88, 95, 200], "float32")
    sigmoid, gelu = hb.function(lambda a: [ops.sigmoid(a), ops.gelu(a, approximate=False)], isa=isa)(x)
    exact = 1 / (1 + np.exp(-x.astype("float64")))
    np.testing.assert_allclose(np.asarray(sigmoid), exact, rtol=1e-6, atol=1.2e-38)  # some machines flush to zero
    np.testing.assert_array_equal(np.asarray(gelu), np.maximum(x, 0))
    x = np.array([-3e38, -1e30, -1e10, 1e10, 1e30, 3e38], "float32")
    slope = hb.function(lambda a: hb.gradients(ops.gelu(a, approximate=False), [a])[0], isa=isa)(x)
    np.testing.assert_array_equal(np.asarray(slope), x > 0)
