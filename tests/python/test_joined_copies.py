"""Copies that passes spare: concatenations read ranges of their inputs, gradients of slices are joined instead of added up."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, ops


def rnd(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def both(step, *xs):
    """The results with passes, which must be those without, and the ops that are left of the step."""
    on, off = hb.function(step), hb.function(step, disable=["algebra"])
    got, want = on(*xs), off(*xs)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    return [np.asarray(t) for t in got], str(next(iter(on._cache.values())).executable.graph)


@pytest.mark.parametrize(("shift", "axis"), [(3, 1), (-2, 2), (1, 0), (5, 1), ((2, -3), (1, 2))])
def test_a_roll_is_one_copy_each_way(shift, axis):
    x, w = rnd(4, 7, 9), rnd(4, 7, 9, seed=1)

    def step(x, w):
        y = ops.roll(x, shift, axis)
        return y, hb.gradients(y, [x], w)[0]

    (y, dx), graph = both(step, x, w)
    np.testing.assert_array_equal(y, np.roll(x, shift, axis))
    np.testing.assert_array_equal(dx, np.roll(w, [-s for s in shift] if isinstance(shift, tuple) else -shift, axis))
    assert "slice" not in graph and graph.count("concat") == 2 * np.size(shift)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_gradients_of_a_split_are_joined(axis, order):
    x = rnd(6, 9, 3)

    def step(x):
        parts = ops.split(x, 3, axis)
        y = sum(ops.sum(ops.sin(parts[k]) * (k + 1)) for k in order)
        return (hb.gradients(y, [x])[0],)

    (dx,), graph = both(step, x)
    weight = np.arange(1, 4).repeat(x.shape[axis] // 3).reshape([-1 if a == axis % 3 else 1 for a in range(3)])
    np.testing.assert_allclose(dx, np.cos(x) * weight, rtol=1e-5, atol=1e-6)
    assert "slice_grad" not in graph and "concat" in graph


def test_gradients_of_slices_that_overlap_or_leave_a_gap():
    x = rnd(5, 12)
    for cuts in (
        [(0, 5), (4, 12)],
        [(0, 5), (6, 12)],
        [(0, 12), (3, 4)],
        [(0, 6), (0, 6), (6, 12)],
        [(2, 12)],
        [(0, 7), (7, 12), (0, 12)],
    ):

        def step(x, cuts=cuts):
            y = sum(ops.sum(ops.square(x[:, a:b]) * (i + 1)) for i, (a, b) in enumerate(cuts))
            return (hb.gradients(y, [x])[0],)

        on, off = hb.function(step), hb.function(step, disable=["algebra"])
        want = sum(2 * (i + 1) * x * ((np.arange(12) >= a) & (np.arange(12) < b)) for i, (a, b) in enumerate(cuts))
        np.testing.assert_allclose(np.asarray(on(x)[0]), want, rtol=1e-5)
        np.testing.assert_allclose(np.asarray(off(x)[0]), want, rtol=1e-5)


@pytest.mark.parametrize("at", [0, 2, 6])
def test_a_slices_gradient_is_added_where_it_belongs(at):
    x, w = rnd(3, 7, 4), rnd(4, 5, seed=1)

    def step(x, w):
        y = ops.sum(ops.square(ops.matmul(x, w))) + ops.sum(ops.square(x[:, at]))
        return (hb.gradients(y, [x])[0],)

    (dx,), graph = both(step, x, w)
    want = 2 * x @ w @ w.T
    want[:, at] += 2 * x[:, at]
    np.testing.assert_allclose(dx, want, rtol=1e-4, atol=1e-5)
    assert "slice_grad" not in graph


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
@pytest.mark.parametrize("widths", [((0, 0), (1, 2), (3, 0)), ((2, 2), (6, 5), (1, 1)), ((0, 3), (13, 7), (0, 0))])
def test_mirrored_padding(mode, widths):
    x = rnd(4, 7, 9)
    y = np.pad(x, widths, mode=mode)
    w = rnd(*y.shape, seed=1)

    def step(x, w):
        y = ops.pad(x, widths, mode)
        return y, hb.gradients(y, [x], w)[0]

    places = np.pad(np.arange(x.size).reshape(x.shape), widths, mode=mode)
    dx = np.zeros(x.size)
    np.add.at(dx, places.ravel(), w.ravel().astype(float))
    for options in ({}, {"disable": ["algebra"]}, {"threads": 3}):
        got = hb.function(step, **options)(x, w)
        np.testing.assert_array_equal(np.asarray(got[0]), y)
        np.testing.assert_allclose(np.asarray(got[1]).ravel(), dx, rtol=1e-4, atol=1e-5)


def test_windows_that_move_on_whatever_the_length():
    inputs = hb.Input((None, 4))
    model = hb.Model(inputs, ops.concatenate([inputs[:, 1:], inputs[:, :1], inputs[:, -1:]], 1))
    for n in (1, 2, 5, 8):
        x = rnd(3, n, 4)
        np.testing.assert_array_equal(model.predict_on_batch(x), np.concatenate([x[:, 1:], x[:, :1], x[:, -1:]], 1))


@pytest.mark.parametrize(
    "ranges",
    [
        {"begin": [3, 0], "end": [2, 5]},
        {"begin": [0], "end": [2]},
        {"begin": [0, 0], "end": [2]},
        {"begin": [0, 0], "end": [5, 6]},
    ],
)
def test_ranges_outside_an_input_are_refused(ranges):
    graph = _core.Graph()
    x = graph.add("iota", [], {"shape": [2, 5], "axis": 1})[0]
    with pytest.raises(ValueError, match="range"):
        graph.add("concat", [x, x], {"axis": 1, **ranges})
