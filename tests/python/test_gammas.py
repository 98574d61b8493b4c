"""Gamma and beta numbers: moments, the same bits in programs, parameters that are tensors, and very small ones."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers, ops, random
from hornbeam.random.gammas import dirichlet


@pytest.mark.parametrize("alpha", [0.05, 0.7, 1.0, 2.5, 40.0])
def test_gamma_has_its_moments(alpha):
    x = np.asarray(random.gamma((200, 100), alpha, "float64", seed=3))
    assert x.dtype == "float64" and x.shape == (200, 100) and (x >= 0).all()
    assert abs(x.mean() / alpha - 1) < 4 / (alpha * x.size) ** 0.5
    assert abs(x.var() / alpha - 1) < 0.1 if alpha > 0.5 else abs(x.var() / alpha - 1) < 0.3
    third = ((x - x.mean()) ** 3).mean() / x.std() ** 3
    assert abs(third * alpha**0.5 / 2 - 1) < 0.25


@pytest.mark.parametrize("a,b", [(0.2, 0.2), (1.0, 1.0), (2.0, 5.0), (30.0, 0.5), (1e-6, 1e-6)])
def test_beta_has_its_moments(a, b):
    x = np.asarray(random.beta((20000,), a, b, seed=4))
    assert x.dtype == "float32" and (x >= 0).all() and (x <= 1).all()
    assert abs(x.mean() - a / (a + b)) < 0.015
    assert abs(x.var() - a * b / ((a + b) ** 2 * (a + b + 1))) < 0.01


def test_parameters_for_each_number():
    alpha = ops.convert_to_tensor(np.float32([0.5, 2.0, 8.0]))
    x = np.asarray(random.gamma((5000, 3), alpha, seed=1))
    np.testing.assert_allclose(x.mean(0), [0.5, 2.0, 8.0], rtol=0.06)
    y = np.asarray(random.beta((5000, 3), alpha, [2.0], seed=1))
    np.testing.assert_allclose(y.mean(0), [0.2, 0.5, 0.8], rtol=0.06)


def test_seeds_and_dtypes():
    a, b = (np.asarray(random.beta((7,), 0.5, 0.5, seed=s)) for s in (1, 2))
    np.testing.assert_array_equal(a, random.beta((7,), 0.5, 0.5, seed=1))
    assert (a != b).all()
    stream = random.SeedGenerator(1)
    first, second = (np.asarray(random.gamma((7,), 0.5, seed=stream)) for _ in range(2))
    assert (first != second).all()
    assert random.gamma((2,), 1.0, "float16", seed=1).dtype == "float16"
    assert random.gamma((0, 3), 1.0, seed=1).shape == (0, 3)


def test_dirichlet():
    x = np.array([np.asarray(dirichlet(4, 1.0, seed=s)) for s in range(300)])
    np.testing.assert_allclose(x.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(x.mean(0), 0.25, atol=0.05)
    assert np.isfinite(np.asarray(dirichlet(3, 1e-4, seed=1))).all()


@pytest.mark.parametrize("call", [lambda v: random.gamma((2,), v), lambda v: random.beta((2,), 1.0, v)])
@pytest.mark.parametrize("bad", [0, -1.0, float("nan"), "1", None, np.array([1.0, -1.0]), ["1.0"], [True]])
def test_parameters_are_above_0(call, bad):
    with pytest.raises((ValueError, TypeError), match="`(alpha|beta)`"):
        call(bad)


def test_in_a_program():
    class Draws(layers.Layer):
        def __init__(self):
            super().__init__()
            self.stream = random.SeedGenerator(6)

        def call(self, x):
            return random.beta(ops.shape(x), 0.4, 0.6, seed=self.stream)

    entry = hb.Input((5,))
    model = hb.Model(entry, Draws()(entry))
    x = np.zeros((3, 5), "float32")
    np.testing.assert_allclose(
        model.predict(x, verbose=0), random.beta((3, 5), 0.4, 0.6, seed=random.SeedGenerator(6)), rtol=1e-5
    )
