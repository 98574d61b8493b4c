"""New values of variables: computed behind the product that makes their gradient, written over the old ones."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, ops

OPTIMIZERS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"clipvalue": 0.01}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {"weight_decay": 0.1}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adagrad", {}),
    ("Adadelta", {}),
    ("Nadam", {}),
    ("Lion", {}),
]


def train(make, rows, inputs, outputs, **options):
    """Weights and slots of two layers after three steps."""
    rng = np.random.default_rng(0)
    first, second = (
        hb.Variable(rng.standard_normal(s).astype("float32") / 8) for s in ((inputs, outputs), (outputs, 3))
    )
    optimizer = make()

    def step(x, y):
        loss = ops.mean(ops.square(ops.matmul(ops.tanh(ops.matmul(x, first)), second) - y))
        optimizer.apply(hb.gradients(loss, [first, second]), [first, second])
        return loss

    run = hb.function(step, **options)
    for _ in range(3):
        run(rng.standard_normal((rows, inputs)).astype("float32"), rng.standard_normal((rows, 3)).astype("float32"))
    (compiled,) = run._cache.values()
    return [first.numpy(), second.numpy(), *(v.numpy() for v in optimizer.variables)], str(compiled.executable.graph)


@pytest.mark.parametrize("name,kwargs", OPTIMIZERS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(OPTIMIZERS)])
@pytest.mark.parametrize(
    "shape", [(0, 40, 70), (1, 40, 70), (37, 33, 17), (400, 20, 100), (411, 29, 65), (16, 300, 530)]
)
def test_updates_behind_a_product_give_the_same_bits(name, kwargs, shape):
    make = lambda: getattr(hb.optimizers, name)(0.01, **kwargs)  # noqa: E731
    for isa in _core.isa_names():
        want, _ = train(make, *shape, isa=isa, disable=["fuse_epilogue"])
        for options in ({"threads": 1}, {"threads": 3}, {"disable": ["in_place"]}):
            got, graph = train(make, *shape, isa=isa, **options)
            assert any("matmul" in line and "program" in line for line in graph.splitlines())
            for a, b in zip(got, want, strict=True):
                np.testing.assert_array_equal(a, b, err_msg=f"{isa} {options}")


CONVOLUTIONS = {  # name: x, kernel, options
    "winograd": ((5, 12, 13, 16), (3, 3, 16, 24), {"padding": "same"}),
    "clipped": ((9, 2, 2, 70), (3, 3, 70, 33), {"padding": "same"}),
    "one image": ((1, 4, 4, 40), (3, 3, 40, 130), {"padding": "same"}),
    "windows": ((3, 11, 9, 16), (5, 3, 16, 20), {}),
    "few filters": ((6, 20, 20, 48), (5, 5, 48, 2), {}),
    "strided": ((3, 15, 14, 6), (3, 3, 6, 40), {"strides": 2}),
    "dilated": ((3, 15, 14, 6), (3, 3, 6, 40), {"dilation_rate": 3}),
    "pointwise": ((2, 30, 30, 40), (1, 1, 40, 24), {}),
    "groups": ((2, 8, 8, 12), (3, 3, 4, 9), {}),
    "line": ((4, 300, 5), (7, 5, 33), {}),
    "a sum in pieces": ((4, 16, 16, 24), (5, 5, 24, 24), {}),
    "a volume": ((3, 12, 12, 12, 4), (3, 3, 3, 4, 16), {}),
    "nothing": ((0, 6, 6, 5), (3, 3, 5, 4), {}),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("transposed", [False, True])
def test_updates_behind_a_kernel_gradient_give_the_same_bits(name, transposed):
    shape, kernel_shape, kwargs = CONVOLUTIONS[name]
    if transposed and name in ("groups", "dilated"):
        pytest.skip("conv_transpose has no groups, and no dilation with these shapes")

    def train(make, **options):
        rng = np.random.default_rng(0)
        start = rng.standard_normal(kernel_shape).astype("f4") / 8
        kernel = hb.Variable(start.swapaxes(-1, -2) if transposed else start)
        optimizer = make()
        convolve = ops.conv_transpose if transposed else ops.conv

        def step(x):
            loss = ops.sum(ops.tanh(convolve(x, kernel, **kwargs))) * 1e-3
            optimizer.apply(hb.gradients(loss, [kernel]), [kernel])
            return loss

        run = hb.function(step, **options)
        for _ in range(3):
            run(rng.standard_normal(shape).astype("f4"))
        (compiled,) = run._cache.values()
        assert not np.array_equal(kernel.numpy(), start) or 0 in shape
        return [kernel.numpy(), *(v.numpy() for v in optimizer.variables)], str(compiled.executable.graph)

    for make in (
        lambda: hb.optimizers.SGD(0.01),
        lambda: hb.optimizers.SGD(0.01, momentum=0.9),
        lambda: hb.optimizers.Adam(0.01),
    ):
        for isa in _core.isa_names():
            want, _ = train(make, isa=isa, disable=["fuse_epilogue"])
            for options in ({"threads": 1}, {"threads": 3}, {"disable": ["in_place"]}):
                got, graph = train(make, isa=isa, **options)
                behind = any("conv_kernel_grad" in line and "program" in line for line in graph.splitlines())
                assert behind == (name != "groups")
                for a, b in zip(got, want, strict=True):
                    np.testing.assert_array_equal(a, b, err_msg=f"{isa} {options}")


@pytest.mark.parametrize("n", [1, 15, 511, 512, 513, 5000])
def test_results_may_take_over_memory_that_is_read_later(n):
    rng = np.random.default_rng(n)
    start = [rng.standard_normal(n).astype("float32") for _ in range(3)]
    a, b, c = (hb.Variable(s) for s in start)

    def step():
        a2 = a * 2.0 + b
        b2 = a2 - a * c
        c2 = ops.tanh(b2) + b * a
        a.assign(a2), b.assign(b2), c.assign(c2)
        return ops.sum(a2)

    hb.function(step)()
    x, y, z = (s.astype("float64") for s in start)
    x2 = x * 2 + y
    y2 = x2 - x * z
    for got, want in ((a, x2), (b, y2), (c, np.tanh(y2) + y * x)):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n", [1, 7, 16, 33, 513])
def test_instructions_made_of_several(n):
    """Those of optimizers, beside the same in float64, and where they look alike but are not."""
    rng = np.random.default_rng(n)
    arrays = [rng.standard_normal(n), rng.standard_normal(n), rng.standard_normal(n) ** 2]

    def step(a, b, c):
        return (
            a + (b - a) * 0.1,
            (b - a) * c + a,
            a + (ops.square(b) - a) * c,
            a + (b * c - a) * c,
            b + (b - a) * c,
            a - (b - a) * c,
            a / (ops.sqrt(c) + 0.5),
            a / (0.5 + ops.sqrt(c)) + ops.sqrt(c),
            (ops.sqrt(c) + 0.5) / a,
        )

    want = hb.function(step)(*arrays)
    for isa in _core.isa_names():
        for got, w in zip(hb.function(step, isa=isa)(*(x.astype("float32") for x in arrays)), want, strict=True):
            np.testing.assert_allclose(got, w, rtol=2e-5, atol=2e-6, err_msg=isa)


def test_nothing_is_written_when_the_last_op_fails():
    rng = np.random.default_rng(0)
    w, count, table = (
        hb.Variable(rng.standard_normal((8, 4)).astype("float32")),
        hb.Variable(0.0),
        hb.Variable(np.ones((5, 3), "float32")),
    )
    optimizer = hb.optimizers.Adam()

    def step(x, ids):
        loss = ops.sum(ops.square(ops.matmul(x, w)))
        optimizer.apply(hb.gradients(loss, [w]), [w])
        count.assign(count + 1.0)
        rows = ops.sum(ops.take(table, ids, axis=0))
        table.assign(table * 2.0)
        return loss, rows

    run, x = hb.function(step), np.ones((3, 8), "float32")
    run(x, np.int32([0, 4]))
    before = [v.numpy() for v in (w, count, table, *optimizer.variables)]
    with pytest.raises(ValueError, match=r"\[gather\] index must be in \[0, 5\); got 5"):
        run(x, np.int32([0, 5]))
    for a, v in zip(before, (w, count, table, *optimizer.variables), strict=True):
        np.testing.assert_array_equal(a, v.numpy())


def test_outputs_are_the_values_before_and_after():
    v = hb.Variable(np.arange(4, dtype="float32"))

    def step():
        old = v * 1.0
        new = v + 10.0
        v.assign(new)
        return v.value * 1.0, old, ops.sum(v.value)

    for k in range(3):
        after, before, total = hb.function(step)()
        np.testing.assert_array_equal(before, np.arange(4) + 10 * k)
        np.testing.assert_array_equal(after, np.arange(4) + 10 * (k + 1))
        assert float(total) == np.sum(np.asarray(after))


@pytest.mark.parametrize("n", [5, 40, 300])
def test_a_product_that_reads_the_variable_it_updates(n):
    rng = np.random.default_rng(n)
    start, m = rng.standard_normal((n, n)), rng.standard_normal((n, n)) / n
    for threads in (1, 3):
        w = hb.Variable(start.astype("float32"))

        def step(m, w=w):
            w.assign(ops.matmul(w, m) * w + w * 0.5)
            return ops.sum(w.value)

        hb.function(step, threads=threads)(m.astype("float32"))
        np.testing.assert_allclose(w.numpy(), start @ m * start + start * 0.5, rtol=1e-4, atol=1e-4)


def test_predictions_follow_the_weights_from_call_to_call():
    """What a program made of weights (packed, folded into convolutions) is kept between calls; every way to change a
    weight must be seen by the next one."""
    layers = hb.layers
    model = hb.Sequential(
        [
            hb.Input((9, 9, 16)),
            layers.Conv2D(16, 3, padding="same"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),  # large enough to be packed
            layers.Dense(3),
        ]
    )
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4, 9, 9, 16)).astype("f4"), rng.standard_normal((4, 3)).astype("f4")

    def fresh():
        other = hb.models.clone_model(model)
        other.set_weights(model.get_weights())
        return other.predict(x, verbose=0)

    changes = [
        lambda: None,
        lambda: model.fit(x, y, verbose=0),
        lambda: model.train_on_batch(x, y),
        lambda: model.set_weights([w * 0.5 for w in model.get_weights()]),
        lambda: model.layers[1].moving_variance.assign(model.layers[1].moving_variance.numpy() * 2),
        lambda: model.layers[3].kernel.assign_add(np.full((1296, 256), 0.01, "f4")),
    ]
    seen = []
    for change in changes:
        change()
        want = fresh()
        for _ in range(2):
            np.testing.assert_array_equal(model.predict(x, verbose=0), want)
            np.testing.assert_array_equal(model.predict_on_batch(x), want)
        assert not any(np.array_equal(want, s) for s in seen)
        seen.append(want)
