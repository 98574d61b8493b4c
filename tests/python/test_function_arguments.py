"""hb.function: what makes another program, and what is put into the same one."""

import gc
import weakref
from functools import partial

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import ops


def test_arrays_by_keyword_are_inputs():
    big = np.arange(4000, dtype="float32")
    other = big.copy()
    other[2000] = -1  # in the middle, where a repr shows dots
    f = hb.function(lambda x, y, z=None: x + y + (0.0 if z is None else z["a"]))
    for y in (big, other, ops.convert_to_tensor(other)):
        np.testing.assert_array_equal(f(big, y=y), big + np.asarray(y))
    assert len(f._cache) == 1
    np.testing.assert_array_equal(f(big, y=other, z={"a": big}), big + other + big)
    np.testing.assert_array_equal(f(big, z={"a": other}, y=other), big + other + other)
    assert len(f._cache) == 2


def test_static_arguments():
    made = []

    @hb.function
    def f(x, how, flag=True, *, power=1):
        made.append((how, flag, power))
        y = x**power if flag else x * 0.0
        return y if how is None else getattr(ops, how)(y) if isinstance(how, str) else how(y)

    x = np.float32([1, 4])
    for _ in range(2):
        np.testing.assert_allclose(f(x, None), x)
        np.testing.assert_allclose(f(x, "sqrt"), [1, 2])
        np.testing.assert_allclose(f(x, ops.sqrt, power=2), x)
        np.testing.assert_allclose(f(x, None, False), [0, 0])
        np.testing.assert_allclose(f(x, how=None, flag=True, power=2), x**2)
        np.testing.assert_allclose(f(x, how=None, power=2.0), x**2)
    assert len(made) == 6


def test_numbers_by_keyword_are_told_apart():
    f = hb.function(lambda x, s=1: x / s)
    assert [float(f(np.float32(1), s=s)) for s in (1, True, 0.0, -0.0, 4.0)] == [1, 1, np.inf, -np.inf, 0.25]


def test_numbers_by_position_are_inputs():
    f = hb.function(lambda x, s: x * s)
    assert [float(f(np.float32(2), s)) for s in (1.5, 2.5, 3)] == [3, 5, 6]
    assert len(f._cache) == 2  # float32 and int32


def test_methods():
    class Scale:
        def __init__(self, s):
            self.s = hb.Variable(np.float32(s))

        @hb.function
        def __call__(self, x, add=None):
            return self.s * x + (0.0 if add is None else add)

        def plain(self, x):
            return self.s * x

    a, b = Scale(2), Scale(3)
    assert [float(s(np.float32(5))) for s in (a, b, a)] == [10, 15, 10]
    assert float(a(np.float32(5), add=np.float32(1))) == 11
    f = hb.function(lambda g, x: g(x))
    assert [float(f(s.plain, np.float32(5))) for s in (a, b, a, b)] == [10, 15, 10, 15]
    assert len(f._cache) == 2
    gone = weakref.ref(b)
    del b
    gc.collect()
    assert gone() is None


def test_variables_are_themselves():
    v, w = hb.Variable(np.float32(1)), hb.Variable(np.float32(10))

    @hb.function
    def f(v, x):
        v.assign_add(x)
        return v * 2.0

    assert [float(f(v, np.float32(1))), float(f(v, np.float32(1))), float(f(w, np.float32(1)))] == [4, 6, 22]
    assert (float(v.numpy()), float(w.numpy())) == (3, 11)


def test_static_arguments_must_be_hashable():
    with pytest.raises(TypeError, match="hashable.*Received: set"):
        hb.function(lambda x, s: x)(np.float32(1), {1})


def test_the_training_flag_makes_another_program():
    drop = hb.layers.Dropout(0.5)
    f = hb.function(lambda x: drop(x))

    class Outer(hb.layers.Layer):
        def call(self, x, training=False):
            return f(x)

    layer, x = Outer(), np.ones((1, 100), "float32")
    assert (np.asarray(layer(x, training=True)) == 0).any()
    assert (np.asarray(layer(x, training=False)) == 1).all()
    assert (np.asarray(layer(x, training=True)) == 0).any()
    assert (np.asarray(f(x)) == 1).all()


def test_options_and_partials():
    f = partial(hb.function(lambda x, n, k=2: x * n * k, threads=1), n=3)
    assert float(f(np.float32(2))) == 12
    assert float(f(np.float32(2), k=np.float32(5))) == 30
