"""What follows a product or a batch normalization elementwise, computed where its result is, beside the CPU."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, ops
from hornbeam.core.tensor import emit
from hornbeam.core.trace import Trace

SPACING = {"float32": 2.0**-16, "float16": 2.0**-10, "bfloat16": 2.0**-7}  # of numbers near 1, with some rounding
PRODUCTS = {  # factors, and what is added: a bias or a residual
    "bias": ((70, 33), (33, 17), (17,)),
    "wide": ((64, 40), (40, 512), (512,)),
    "one row": ((1, 9), (9, 70), (70,)),
    "one column": ((70, 9), (9, 1), (1,)),
    "one number": ((1, 9), (9, 1), (1,)),
    "long sums": ((20, 3000), (3000, 30), (30,)),
    "no terms": ((5, 0), (0, 3), (3,)),
    "one matrix for many": ((3, 5, 9), (9, 4), (4,)),
    "many matrices": ((3, 5, 9), (3, 9, 4), (4,)),
    "residual": ((70, 33), (33, 17), (70, 17)),
    "number by row": ((70, 33), (33, 17), (70, 1)),
    "one for all": ((70, 33), (33, 17), ()),
}
GROUPS = {
    "add": lambda y, b: [y + b],
    "add relu": lambda y, b: [ops.relu(y + b)],
    "relu": lambda y, b: [ops.relu(y)],
    "relu add": lambda y, b: [ops.relu(y) + b],
    "gelu": lambda y, b: [ops.gelu(y + b, approximate=False)],
    "two": lambda y, b: (lambda z: [z, ops.tanh(z)])(y + b),
    "scaled": lambda y, b: [(y * y + b) * b],
}


def drawn(shapes):
    rng = np.random.default_rng(3)
    return [np.asarray(rng.uniform(-1, 1, s), "float32") for s in shapes]


def graph_of(call, arrays, dtype):
    """Results are moved before they are read, so that a group's own are of the dtype."""
    with Trace() as trace:
        xs = [ops.cast(trace.input(f"x{i}", "float32", a.shape), dtype) for i, a in enumerate(arrays)]
        for i, y in enumerate(call(*xs)):
            trace.graph.output(f"y{i}", trace.value_of(ops.cast(ops.flip(y, 0), "float32")))
    return trace.graph


def joined(executable, op):
    return sum(f"{op}(" in line and "program=" in line for line in str(executable.graph).splitlines())


def check(call, arrays, dtype, op, groups=1):
    graph = graph_of(call, arrays, dtype)
    want = _core.Executable(graph, device="cpu").run(arrays)
    gpu = _core.Executable(graph, device="gpu")
    assert joined(gpu, op) == groups
    runs = [gpu.run(arrays) for _ in range(3)]  # the last ones are captured
    for got, again, w in zip(runs[0], runs[2], want, strict=True):
        np.testing.assert_array_equal(got, again)
        scale = max(1, np.abs(w).max(initial=0))
        np.testing.assert_allclose(got, w, rtol=0, atol=2 * SPACING[dtype] * scale)


def some(shapes):
    """All groups and dtypes of the first shape, some of the others: each is a kernel."""
    first, *others = shapes
    cases = [(first, group, dtype) for group in GROUPS for dtype in SPACING]
    cases += [(shape, group, "float32") for shape in others for group in ("add relu", "two")]
    return cases + [(shape, "scaled", "float16") for shape in others]


@pytest.mark.parametrize("shapes, group, dtype", some(PRODUCTS))
def test_behind_a_product(shapes, group, dtype):
    check(lambda a, w, b: GROUPS[group](ops.matmul(a, w), b), drawn(PRODUCTS[shapes]), dtype, "matmul")


@pytest.mark.parametrize("shape, group, dtype", some([(33, 64), (12, 7, 5, 19), (1, 5), (2, 300, 8)]))
def test_behind_a_batch_normalization(shape, group, dtype):
    def call(x, gamma, beta, other):
        y, mean, variance = emit("batch_norm", [x, gamma, beta], epsilon=1e-3)
        return [*GROUPS[group](y, other), mean, variance]

    check(call, drawn([shape, shape[-1:], shape[-1:], shape]), dtype, "batch_norm")


@pytest.mark.parametrize("dtype", list(SPACING))
def test_what_the_op_itself_reads_may_be_added(dtype):
    (square, other, gamma) = drawn([(48, 48), (48, 48), (48,)])
    check(lambda x, w: [ops.matmul(x, w) + x], [square, other], dtype, "matmul")
    check(lambda x, w: [ops.relu(ops.matmul(w, x) + x)], [square, other], dtype, "matmul")
    check(lambda x, g: [emit("batch_norm", [x, g, g], epsilon=1e-3)[0] + x], [square, gamma], dtype, "batch_norm")


def test_slices_that_begin_anywhere():
    xs, w, b = drawn([(5, 3, 7), (7, 7), (7,)])

    def step(carry, x):
        y = ops.relu(ops.matmul(x, w) + b) + carry
        return y, y

    run = lambda device: hb.function(lambda x: ops.scan(step, np.zeros((3, 7), "float32"), x)[1], device=device)(xs)  # noqa: E731
    np.testing.assert_allclose(run("gpu"), run("cpu"), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_other_numbers_are_not_joined(dtype):
    arrays = drawn([(7, 5), (5, 6), (6,)])
    graph = graph_of(lambda a, w, b: [ops.relu(ops.matmul(a, w) + b)], [4 * a for a in arrays], dtype)
    want, got = (_core.Executable(graph, device=d).run([4 * a for a in arrays])[0] for d in ("cpu", "gpu"))
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_a_number_that_is_none_does_not_become_zero():
    a, w, b = drawn([(30, 70), (70, 40), (40,)])
    a[3, 5] = np.nan
    got = hb.function(lambda x: ops.relu(ops.matmul(x, w) + b), device="gpu")(a)
    assert (np.isnan(np.asarray(got)).any(1) == (np.arange(30) == 3)).all()


def test_updates_stay_one_launch():
    """Those of weights are not put behind the products that make their gradients."""
    model = hb.Sequential([hb.Input((6,)), *[hb.layers.Dense(6, activation="relu") for _ in range(4)]])
    model.compile("sgd", "mse", device="gpu")
    x = np.ones((8, 6), "float32")
    before = model.evaluate(x, x, verbose=0)
    model.fit(x, x, batch_size=8, epochs=5, verbose=0)
    assert model.evaluate(x, x, verbose=0) < before
