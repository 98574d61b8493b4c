"""What a GradientTape sees, and what it does not: the same op by op and in a compiled function, by closed forms."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import ops

CASES = {}


def case(*want):
    """A function of a variable w = 2 and a tensor x = 3, and the numbers (or None) it returns."""

    def add(fn):
        CASES[fn.__name__] = (fn, want)
        return fn

    return add


@case(6)
def computed_before_is_constant(w, x):
    h = w * x
    with hb.GradientTape() as tape:
        y = h * w
    return tape.gradient(y, w)


@case(2)
def read_before_is_constant(w, x):
    before = ops.convert_to_tensor(w)
    with hb.GradientTape() as tape:
        y = before * w
    return tape.gradient(y, w)


@case(3, 2)
def watched_from_before(w, x):
    h = w * 1.0
    with hb.GradientTape() as tape:
        tape.watch([h, x])
        y = h * x
    return tape.gradient(y, [h, x])


@case(None, None)
def computed_after(w, x):
    with hb.GradientTape() as tape:
        y = w * x
    return tape.gradient(y * 2.0, [w, x])


@case(None)
def unwatched(w, x):
    with hb.GradientTape() as tape:
        y = x * w
    return tape.gradient(y, x)


@case(0, 0)
def unconnected_zeros(w, x):
    with hb.GradientTape() as tape:
        tape.watch(x)
        y = ops.ones(()) * 1.0
    return tape.gradient(y, [w, x], unconnected_gradients="zero")


@case(3)
def watched_late(w, x):
    with hb.GradientTape(watch_accessed_variables=False) as tape:
        y = x * 2.0
        tape.watch(x)
        z = x * 3.0
        y = y + z
    return tape.gradient(y, x)


@case(6)
def after_assign(w, x):
    w.assign(3.0)
    with hb.GradientTape() as tape:
        y = w * w
    return tape.gradient(y, w)


@case(6)
def assigned_inside(w, x):
    with hb.GradientTape() as tape:
        w.assign(3.0)
        y = w * w
    return tape.gradient(y, w)


@case(10, 4)
def both_sides_of_an_assign(w, x):
    with hb.GradientTape(persistent=True) as tape:
        first = w * w
        w.assign(3.0)
        y = first + w * w
    return tape.gradient(y, w), tape.gradient(first, w)


@case(5)
def assigned_from_itself(w, x):
    with hb.GradientTape() as tape:
        w.assign(w * 4.0)
        y = w * 5.0
    return tape.gradient(y, w)


@case(20, None)
def intermediate(w, x):
    with hb.GradientTape(persistent=True) as tape:
        h = w * 5.0
        y = h * h
    return tape.gradient(y, h), tape.gradient(h, y)


@case(4)
def value_then_the_variable(w, x):
    with hb.GradientTape() as tape:
        y = ops.square(ops.convert_to_tensor(w))
    return tape.gradient(y, w)


@case(12, 12, 2)
def second_and_third(w, x):
    with hb.GradientTape(persistent=True) as outer:
        with hb.GradientTape() as inner:
            y = w**3
        d = inner.gradient(y, w)
        e = d / 6.0  # w^2/2
    return d, outer.gradient(d, w), outer.gradient(e, w)


@case(3)
def inner_constant_is_the_outers(w, x):
    with hb.GradientTape() as outer:
        outer.watch(x)
        a = x * w  # made before the inner tape: its constant, not the outer's
        with hb.GradientTape() as inner:
            y = w * a
        d = inner.gradient(y, w)  # x w
    return outer.gradient(d, w)


@case(12)
def persistent_differentiates_its_own_gradient(w, x):
    with hb.GradientTape(persistent=True) as tape:
        y = w**3
        d = tape.gradient(y, w)
    return tape.gradient(d, w)


@case(3)
def stopped(w, x):
    with hb.GradientTape() as tape:
        a = w * x
        with tape.stop_recording():
            b = w * 7.0
            c = ops.convert_to_tensor(w)
        y = a + b + c
    return tape.gradient(y, w)


@case(7, 3)
def stopped_for_one(w, x):
    with hb.GradientTape() as outer:
        with hb.GradientTape() as inner:
            y = w * x
            with inner.stop_recording():
                z = w * 4.0
            y = y + z
        d = inner.gradient(y, w)
    return outer.gradient(y, w), d


@case(3)
def entered_again(w, x):
    tape = hb.GradientTape()
    with tape:
        y = w * x
    z = w * 100.0
    with tape:
        y = y + z
    return tape.gradient(y, w)


@case(3)
def forgotten(w, x):
    with hb.GradientTape() as tape:
        a = w * 10.0
        tape.reset()
        y = a + w * x
    return tape.gradient(y, w)


@case(None, 6)
def no_variables(w, x):
    with hb.GradientTape(watch_accessed_variables=False) as tape:
        a = w * w
        tape.watch(w)
        b = w * x * w / 2.0
    return tape.gradient(a, w), tape_gradient_of(b, w)


def tape_gradient_of(b, w):
    with hb.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(w)
        y = w * w * 1.5
    return tape.gradient(y, w)


@case(7.0)
def weights_of_targets(w, x):
    with hb.GradientTape() as tape:
        y = [w * 2.0, w * 3.0]
    return tape.gradient(y, w, output_gradients=[ops.convert_to_tensor(2.0), None])


@case(5)
def targets_off_the_tape_count_nothing(w, x):
    h = w * 9.0
    with hb.GradientTape() as tape:
        y = w * 5.0
    return tape.gradient([y, h], w)


@case(1)
def itself(w, x):
    with hb.GradientTape() as tape:
        tape.watch(x)
        w * x
    return tape.gradient(x, x)


@case(18)
def closed_over(w, x):
    h = x * w
    return hb.grad(lambda t: t * h * x)(x)  # h and x are constants in there


@case(1)
def grad_in_grad_of_the_same_number(w, x):
    return hb.grad(lambda a: a * hb.grad(lambda b: a + b)(a))(x)


@case(0.512)
def grad_under_a_tape(w, x):
    with hb.GradientTape() as tape:
        tape.watch(x)
        y = hb.grad(lambda t: t**3 * (0.512 / 18.0))(x)  # 3 t^2 c
    return tape.gradient(y, x)


@case(2, 0, 3)
def grad_of_what_does_not_matter(w, x):
    value, (dx, dy) = hb.value_and_grad(lambda a, b: a * 2.0 - 3.0, argnums=(0, 1))(x, x)
    return dx, dy, value


@case(4)
def cond_and_assign(w, x):
    def yes():
        w.assign(w * 2.0)  # 4
        return x * 1.0

    with hb.GradientTape() as tape:
        ops.cond(x > 0.0, yes, lambda: x * 2.0)
        y = w * w / 2.0
    return tape.gradient(y, w)


@case(70)
def loop(w, x):
    with hb.GradientTape() as tape:
        last, _ = ops.scan(lambda c, _: (c * w + w * 2.0, None), x, None, length=3)  # 5 w^3 + 2 w^2 + 2 w
    return tape.gradient(last, w)


@case(3)
def tape_inside_a_body(w, x):
    def body(c, _):
        h = w * c  # before the tape
        with hb.GradientTape() as tape:
            y = w * x + h
        return c + tape.gradient(y, w), None

    last, _ = ops.scan(body, ops.convert_to_tensor(0.0), None, length=1)
    return last


@case(8)
def made_by_a_custom_rule(w, x):
    @hb.custom_gradient
    def square(a):
        return a * a, lambda dy: dy * a * 4.0

    with hb.GradientTape() as tape:
        y = square(w)
    return tape.gradient(y, w)


@case(4)
def custom_rule_twice(w, x):
    @hb.custom_gradient
    def square(a):
        return a * a, lambda dy: dy * a * 4.0

    with hb.GradientTape() as outer:
        with hb.GradientTape() as inner:
            y = square(w)
        d = inner.gradient(y, w)
    return outer.gradient(d, w)


@case(96)
def custom_rule_in_a_loop(w, x):
    @hb.custom_gradient
    def square(a):
        return a * a, lambda dy: dy * a * w * 1.0  # not 2 a: seen to be used

    with hb.GradientTape() as tape:
        tape.watch(x)
        y, _ = ops.scan(lambda c, _: (square(c) / 3.0, None), x, None, length=2)  # 3, then 3
        y = y * 24.0
    return tape.gradient(y, x)


@case(24)
def custom_rule_in_a_branch(w, x):
    @hb.custom_gradient
    def square(a):
        return a * a, lambda dy: dy * a * 4.0 * w

    with hb.GradientTape() as tape:
        tape.watch(x)
        y = ops.cond(x > 0.0, lambda: square(x), lambda: x)
    return tape.gradient(y, x)


@case(15, 3)
def custom_rule_with_two_outputs(w, x):
    @hb.custom_gradient
    def both(a, b):
        return (a * b, a + b), lambda d1, d2: (d1 * b + d2, None)

    with hb.GradientTape() as tape:
        tape.watch(x)
        y, z = both(x, ops.convert_to_tensor(3.0))
        y = y * 4.0 + z * 3.0
    return tape.gradient(y, x), z / 2.0


@case(4, 13)
def lists(w, x):
    with hb.GradientTape() as tape:
        y = ops.sum(ops.multiply([[w, 1.0], [w * 3.0, 2]], [[1.0, 5.0], [1.0, 1.0]]))
    return tape.gradient(y, w), ops.sum(ops.convert_to_tensor([w, w * 3.0, 5]))


@case(7, 19)
def lists_after_an_assign(w, x):
    w.assign(w + 5.0)
    return ops.max([w, 1.0]), ops.sum(ops.add([w, x], [4.0, 5.0]))


@case(None)
def frozen(w, x):
    w.trainable = False
    with hb.GradientTape() as tape:
        y = w * x
    return tape.gradient(y, w)


@case(3, None)
def two_apart(w, x):
    with hb.GradientTape() as first:
        y = w * x
    with hb.GradientTape() as second:
        z = y * 2.0
    return first.gradient(y, w), second.gradient(z, w)


def results(fn, compiled):
    w, x = hb.Variable(np.float32(2)), ops.convert_to_tensor(np.float32(3))
    given = (lambda x: fn(w, x)) if not compiled else hb.function(lambda x: fn(w, x))
    out = given(x)
    return [None if t is None else float(np.asarray(t)) for t in (out if isinstance(out, (tuple, list)) else [out])]


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", CASES)
def test_gradient(name, compiled):
    fn, want = CASES[name]
    assert results(fn, compiled) == [None if x is None else pytest.approx(x, rel=1e-6) for x in want]


# ---- what only one of the two has ----
def test_eager_tapes_see_compiled_functions():
    w, x = hb.Variable(np.float32(2)), ops.convert_to_tensor(np.float32(3))
    h = hb.function(lambda x: {"y": w * w * x, "n": None})
    for _ in range(2):
        with hb.GradientTape() as tape:
            tape.watch(x)
            y = h(x)["y"] * 2.0
        assert [float(d) for d in tape.gradient(y, [w, x])] == [24, 8]
    with hb.GradientTape() as tape:
        tape.watch(x)
        y = h(x)["y"]
    assert float(tape.gradient(y, x)) == 4
    with hb.GradientTape() as outer:  # twice
        with hb.GradientTape() as inner:
            y = h(x)["y"]
        d = inner.gradient(y, w)
    assert float(outer.gradient(d, w)) == 6
    with hb.GradientTape() as tape, tape.stop_recording():
        y = h(x)["y"]
    assert tape.gradient(y, w) is None


def test_eager_tapes_see_what_compiled_functions_assign():
    w = hb.Variable(np.float32(2))

    @hb.function
    def f():
        before = w * w
        w.assign(w * 3.0)
        return before + w * 5.0

    with hb.GradientTape() as tape:
        y = f() + w * 7.0  # 2 w + 5 + 7, the assignment being no path
    assert float(y) == 4 + 30 + 42
    assert float(tape.gradient(y, w)) == 16


def test_eager_tapes_see_tensors_that_functions_close_over():
    x = ops.convert_to_tensor(np.float32(3))
    with hb.GradientTape() as tape:
        tape.watch(x)
        h = x * 2.0
        y = hb.function(lambda z: z * h)(x)
    assert float(tape.gradient(y, x)) == 12


def test_eager_tapes_see_custom_rules_inside_functions():
    @hb.custom_gradient
    def square(a):
        return a * a, lambda dy: dy * a * 4.0

    x = ops.convert_to_tensor(np.float32(3))
    f = hb.function(lambda x: square(x * 2.0))
    with hb.GradientTape() as outer:
        outer.watch(x)
        with hb.GradientTape() as inner:
            inner.watch(x)
            y = f(x) + f(x * 2.0)
        d = inner.gradient(y, x)  # (2x + 4x 2) 4 2
    assert (float(d), float(outer.gradient(d, x))) == (4 * 2 * 6 + 4 * 4 * 12, 4 * 4 + 4 * 16)


def test_custom_rules_that_do_not_fit():
    x = np.float32(3)
    for rule, message in (
        (lambda dy: (dy, dy), 'gradient of "wrong" must return 1 values.*Received: 2'),
        (lambda dy: ops.reshape(dy, (1,)), 'of "wrong" must have its input\'s shape'),
        (lambda dy: hb.Variable(1.0).assign(dy), "must not assign"),
    ):

        def wrong(a, rule=rule):
            return a * 1.0, rule

        with pytest.raises(ValueError, match=message):
            hb.grad(hb.custom_gradient(wrong))(x)


def test_functions_with_random_numbers_and_state_under_a_tape():
    seed = hb.random.SeedGenerator(1)
    x = ops.convert_to_tensor(np.ones(5, "float32"))
    f = hb.function(lambda x: x * hb.random.uniform((5,), seed=seed))
    for _ in range(2):
        with hb.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        np.testing.assert_array_equal(tape.gradient(y, x), y)


def test_argument_that_does_not_matter():
    d = hb.grad(lambda a, b: ops.sum(a), argnums=(0, 1))(np.ones((2, 3), "float32"), np.ones((4,), "float32"))
    np.testing.assert_array_equal(d[0], np.ones((2, 3)))
    np.testing.assert_array_equal(d[1], np.zeros(4))
    (d,) = hb.value_and_grad(lambda a: {"s": ops.sum(a["x"])}["s"])({"x": np.ones(2, "float32"), "y": np.ones((1, 2))})[
        1:
    ]
    assert d["y"].shape == (1, 2) and d["y"].dtype == "float64" and not np.asarray(d["y"]).any()


def test_gradients_by_value_at_python_branches():
    relu = hb.grad(lambda x: x * 2.0 if x > 0 else x * 0.0)
    assert [float(relu(np.float32(v))) for v in (-1, 1)] == [0, 2]


def test_gradients_of_variables():
    w, v = hb.Variable(np.float32(2)), hb.Variable(np.float32(5), trainable=False)
    for run in (lambda f: f, hb.function):
        f = hb.value_and_grad(lambda x: (w * v * x, x + 1.0), variables=[w, v], has_aux=True)
        (value, aux), d = run(f)(np.float32(3))
        assert [float(t) for t in (value, aux, *d)] == [30, 4, 15, 6]


def test_masks_under_a_tape():
    w = hb.Variable(np.arange(6, dtype="float32").reshape(3, 2))
    for mask in ([True, False, True], np.array([[True, False], [False, True], [True, True]]), np.zeros(3, bool)):
        with hb.GradientTape() as tape:
            y = ops.convert_to_tensor(w)[mask]
            z = ops.sum(y * y)
        np.testing.assert_array_equal(y, w.numpy()[np.array(mask)])
        d = np.zeros((3, 2))
        d[np.array(mask)] = 2 * w.numpy()[np.array(mask)]
        np.testing.assert_array_equal(tape.gradient(z, w), d)


def test_once_unless_persistent():
    w = hb.Variable(np.float32(2))
    with hb.GradientTape() as tape:
        y = w * w
        assert float(tape.gradient(y, w)) == 4
        z = y * w  # no longer recorded
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, w)
    with tape:
        z = w * 3.0
    assert float(tape.gradient(z, w)) == 3
    with hb.GradientTape(persistent=True) as tape:
        y = w * w
    assert [float(tape.gradient(y, w)) for _ in range(2)] == [4, 4]
    assert tape.watched_variables() == (w,)


def test_misuse():
    w = hb.Variable(np.float32(2))
    tape = hb.GradientTape()
    for call in (lambda: tape.watch(w), lambda: tape.gradient(w, w), lambda: tape.stop_recording().__enter__()):
        with pytest.raises(ValueError, match="tape"):
            call()
    with tape:
        with pytest.raises(ValueError, match="recording already"), tape:
            pass
        with pytest.raises(TypeError, match="Received: ndarray"):
            tape.watch(np.ones(2))
        y = w * w
    with pytest.raises(ValueError, match="Received: unconnected_gradients='zeros'"):
        tape.gradient(y, w, unconnected_gradients="zeros")
    with pytest.raises(ValueError, match="structure. Received: 2 for 1"):
        tape.gradient(y, w, output_gradients=[None, None])
    with hb.GradientTape(persistent=True) as tape:
        y = w * w
    with pytest.raises(ValueError, match="in the function that entered the tape"):
        hb.function(lambda: tape.gradient(y, w))()

    def stops(x):
        with hb.GradientTape() as tape:

            def body(c, _):
                with tape.stop_recording():
                    return c * w, None

            return tape.gradient(ops.scan(body, x, None, length=2)[0], w)

    with pytest.raises(ValueError, match="ops.scan"):
        hb.function(stops)(np.float32(1))


def test_nothing_stays_open():
    from hornbeam.core.state import state

    w = hb.Variable(np.float32(2))
    with pytest.raises(ZeroDivisionError), hb.GradientTape() as outer, hb.GradientTape() as inner:
        with inner.stop_recording():
            1 / 0  # noqa: B018
    assert not state.tapes and state.trace is None
    with outer:
        y = w * 3.0
    assert float(outer.gradient(y, w)) == 3


def test_layers_under_nested_tapes_beside_central_differences():
    r = np.random.default_rng(0)
    model = hb.Sequential([hb.Input((3,)), hb.layers.Dense(4, activation="tanh"), hb.layers.Dense(1)])
    x = r.normal(size=(2, 3)).astype("float32")
    v = r.normal(size=(2, 3)).astype("float32")

    def slope(x):
        x = ops.convert_to_tensor(x)
        with hb.GradientTape() as tape:
            tape.watch(x)
            y = ops.sum(model(x))
        return tape.gradient(y, x)

    def curved(x):
        with hb.GradientTape() as tape:
            tape.watch(x)
            s = ops.sum(slope(x) * v)
        return tape.gradient(s, x)

    eps = 1e-2
    want = (np.asarray(slope(x + eps * v)) - np.asarray(slope(x - eps * v))) / (2 * eps)
    for f in (curved, hb.function(curved)):
        np.testing.assert_allclose(f(ops.convert_to_tensor(x)), want, rtol=2e-2, atol=2e-3)
