"""scan, while_loop, cond: values, gradients, captured values, assigned variables; random streams; tapes."""

import pathlib
import re

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import ops


def test_scan_matches_a_loop_for_any_length():
    w = hb.Variable(np.float32([[0.5, -0.3], [0.2, 0.9]]))

    def run(xs):
        last, ys = ops.scan(lambda h, x: (ops.tanh(ops.matmul(h, w) + x),) * 2, ops.zeros((3, 2)), xs)
        return last, ys, hb.gradients(ops.sum(ops.square(ys)), [w.value, xs])

    f = hb.function(run)
    for steps in (1, 2, 7):
        xs = np.random.default_rng(steps).standard_normal((steps, 3, 2)).astype("float32")
        last, ys, (dw, dx) = f(xs)
        h, want = np.zeros((3, 2)), []
        for x in xs:
            h = np.tanh(h @ w.numpy() + x)
            want.append(h)
        np.testing.assert_allclose(ys, np.stack(want), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(last, want[-1], rtol=1e-5, atol=1e-6)
        with hb.GradientTape() as tape:  # the same loop, op by op
            hh, total = ops.zeros((3, 2)), 0.0
            for x in xs:
                hh = ops.tanh(ops.matmul(hh, w) + x)
                total = total + ops.sum(ops.square(hh))
        np.testing.assert_allclose(dw, tape.gradient(total, w), rtol=1e-4, atol=1e-5)
        assert dx.shape == xs.shape


def test_scan_reverse_second_order_and_length_zero():
    def f(x):
        last, _ = ops.scan(
            lambda c, v: (c * v + ops.sin(c), None), ops.convert_to_tensor(0.7, "float64"), x, reverse=True
        )
        return last

    x = np.array([0.3, 1.1, -0.4])
    c = 0.7
    for v in x[::-1]:
        c = c * v + np.sin(c)
    assert float(hb.function(f)(x)) == pytest.approx(c)
    g = hb.grad(lambda z: ops.sum(hb.grad(f)(z)))
    eps = 1e-5
    fd = [
        (np.asarray(hb.grad(f)(x + eps * e)).sum() - np.asarray(hb.grad(f)(x - eps * e)).sum()) / (2 * eps)
        for e in np.eye(3)
    ]
    np.testing.assert_allclose(g(x), fd, rtol=1e-5)
    assert float(hb.function(f)(x[:0])) == pytest.approx(0.7)


def test_scan_carries_assigned_variables():
    count, seed = hb.Variable(np.float32(0)), hb.random.SeedGenerator(3)

    def body(c, _):
        count.assign_add(2.0)
        return c + count.value, hb.random.uniform((2,), seed=seed)

    total, draws = hb.function(lambda: ops.scan(body, ops.convert_to_tensor(0.0), None, length=4))()
    assert float(total) == 2 + 4 + 6 + 8 and float(count.numpy()) == 8
    assert len({tuple(r) for r in np.asarray(draws)}) == 4 and seed.state.numpy()[1] == 4


def test_while_loop():
    f = hb.function(
        lambda n: ops.while_loop(
            lambda i, s: i < n, lambda i, s: (i + 1, s + i), (ops.convert_to_tensor(0), ops.convert_to_tensor(0))
        )
    )
    for n in (0, 1, 5, 6):
        assert int(f(np.int32(n))[1]) == sum(range(n))
    bounded = hb.grad(lambda x: ops.while_loop(lambda v: v < 10.0, lambda v: v * x, (x,), maximum_iterations=20)[0])
    assert float(bounded(np.float32(2))) == pytest.approx(4 * 2**3)  # x^4
    free = hb.grad(lambda x: ops.while_loop(lambda v: v < 10.0, lambda v: v * x, (x,))[0])
    assert float(free(np.float32(2))) == pytest.approx(4 * 2**3)  # op by op any loop has one
    with pytest.raises(ValueError, match="while_loop.*maximum_iterations"):
        hb.function(free)(np.float32(2))


def test_cond_and_its_gradient():
    v = hb.Variable(np.float32(0))

    def f(p, x):
        def yes():
            v.assign_add(1.0)
            return x * x

        y = ops.cond(p, yes, lambda: x * 3.0)
        return y, hb.gradients(y, x)

    run = hb.function(f)
    assert [float(t) for t in run(np.array(True), np.float32(4))] == [16, 8]
    assert [float(t) for t in run(np.array(False), np.float32(4))] == [12, 3]
    assert float(v.numpy()) == 1


def test_unknown_batch_and_time():
    m = hb.Sequential(
        [hb.Input((None, 3)), hb.layers.LSTM(4, return_sequences=True), hb.layers.TimeDistributed(hb.layers.Dense(2))]
    )
    assert m.output_shape == (None, None, 2)
    m.compile("sgd", "mse")
    for b, t in ((2, 5), (3, 7)):
        x = np.random.default_rng(0).standard_normal((b, t, 3)).astype("float32")
        assert m.predict(x, verbose=0).shape == (b, t, 2)
        assert np.isfinite(m.train_on_batch(x, np.zeros((b, t, 2), "float32")))


def test_python_control_flow_on_traced_values_is_refused():
    with pytest.raises(TypeError, match=r"bool\(\) was called on a traced value.*test_control.py.*ops.cond"):
        hb.function(lambda x: x if x > 0 else -x)(np.float32(1))
    with pytest.raises(TypeError, match="float"):
        hb.function(lambda x: ops.exp(float(x)))(np.float32(1))


@pytest.mark.parametrize("folder", ["hornbeam", "a hornbeam/hornbeam/python/hornbeam"])
def test_the_users_line_is_named_in_any_folder(tmp_path, folder):
    package = pathlib.Path(hb.__file__).parent
    for file in (tmp_path / folder / "mine.py", package / "examples" / "mine.py"):
        names = {}
        exec(compile("\ndef branch(x):\n    return x if x > 0 else -x\n", str(file), "exec"), names)
        with pytest.raises(TypeError, match=re.escape(f"{file}:3")):
            hb.function(names["branch"])(np.float32(1))
    exec(compile("def inside(x, f):\n    return f(x)\n", str(package / "ops" / "mine.py"), "exec"), names)
    with pytest.raises(TypeError, match=re.escape(__file__)):  # the package's own frames are passed over
        hb.function(lambda x: names["inside"](x, bool))(np.float32(1))


def test_custom_gradient():
    @hb.custom_gradient
    def clipped(x):
        return x * 2.0, lambda dy: ops.clip(dy, -1.0, 1.0)

    assert float(hb.grad(lambda x: clipped(x) * 5.0)(np.float32(3))) == 1.0
    with hb.GradientTape() as tape:
        x = ops.convert_to_tensor(3.0)
        tape.watch(x)
        y = clipped(x) * 5.0
    assert float(tape.gradient(y, x)) == 1.0


def test_nested_tapes_give_second_derivatives():
    x = hb.Variable(np.float32(3))
    with hb.GradientTape() as outer:
        with hb.GradientTape() as inner:
            y = x * x * x
        d = inner.gradient(y, x)
    assert float(d) == 27
    assert float(outer.gradient(d, x)) == pytest.approx(18)


def test_ops_without_gradient_say_so():
    f = hb.function(hb.grad(lambda x: ops.sum(ops.while_loop(lambda v: ops.sum(v) < 3.0, lambda v: v + x, (x,))[0])))
    with pytest.raises(hb.GradientError, match="while_loop"):
        f(np.float32([1.0]))


def test_random_streams():
    a, b = hb.random.uniform((1000,), seed=5), hb.random.uniform((1000,), seed=5)
    np.testing.assert_array_equal(a, b)
    g = hb.random.SeedGenerator(1)
    assert not np.array_equal(hb.random.normal((8,), seed=g), hb.random.normal((8,), seed=g))
    n = np.asarray(hb.random.normal((200000,), 1.0, 2.0, seed=2))
    assert abs(n.mean() - 1) < 0.02 and abs(n.std() - 2) < 0.02
    t = np.asarray(hb.random.truncated_normal((50000,), seed=3))
    assert np.abs(t).max() <= 2 and abs(t.std() - 0.8796) < 0.01
    u = np.asarray(hb.random.uniform((100000,), seed=4))
    assert u.min() >= 0 and u.max() < 1 and abs(u.mean() - 0.5) < 0.005
    i = np.asarray(hb.random.randint((20000,), 0, 5, seed=4))
    assert sorted(set(i.tolist())) == [0, 1, 2, 3, 4]
    c = np.asarray(hb.random.categorical(np.log([[0.1, 0.9]]).astype("float32"), 5000, seed=6))
    assert abs(c.mean() - 0.9) < 0.03
    assert sorted(np.asarray(hb.random.shuffle(np.arange(20), seed=1)).tolist()) == list(range(20))
    f = hb.function(lambda: hb.random.uniform((70000,), seed=9))
    np.testing.assert_array_equal(f(), hb.function(lambda: hb.random.uniform((70000,), seed=9), threads=3)())
