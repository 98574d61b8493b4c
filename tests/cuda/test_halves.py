"""float16 and bfloat16 on a GPU, where kernels read and write them as they are, beside the CPU, which widens them."""

import numpy as np
import pytest
from op_cases import CASES

from hornbeam import _core, ops
from hornbeam.core.tensor import to_tensor
from hornbeam.core.trace import Trace

FLOATS = [c for c in CASES if any(a.dtype == np.float32 for a in c.arrays)]
SPACING = {"float16": 2.0**-10, "bfloat16": 2.0**-7}  # of numbers near 1


def graph_of(case, dtype):
    with Trace() as trace:
        xs = [trace.input(f"x{i}", a.dtype.name, a.shape) for i, a in enumerate(case.arrays)]
        y = to_tensor(case.call(*[ops.cast(x, dtype) if x.dtype == "float32" else x for x in xs]))
        trace.graph.output("y", trace.value_of(ops.cast(y, "float32") if y.dtype == dtype else y))
    return trace.graph


@pytest.mark.parametrize("dtype", list(SPACING))
@pytest.mark.parametrize("case", FLOATS, ids=lambda c: c.name.replace(" ", "+"))
def test_halves(case, dtype):
    try:
        graph = graph_of(case, dtype)
        want = _core.Executable(graph, device="cpu").run(case.arrays)[0]
    except (TypeError, ValueError) as refused:  # by both, in the same words
        with pytest.raises(type(refused)) as error:
            _core.Executable(graph_of(case, dtype), device="gpu").run(case.arrays)
        assert str(error.value) == str(refused)
        return
    gpu = _core.Executable(graph, device="gpu")
    for _ in range(2):
        got = gpu.run(case.arrays)[0]
        if want.dtype.kind != "f":
            np.testing.assert_array_equal(got, want)
        else:
            scale = np.abs(want[np.isfinite(want)]).max(initial=1e-3)
            np.testing.assert_allclose(got, want, rtol=2 * SPACING[dtype], atol=SPACING[dtype] * scale)


LONG = {
    "sum": lambda x: ops.sum(x, axis=-1),
    "mean of columns": lambda x: ops.mean(x, axis=0),
    "softmax": ops.softmax,
    "cumsum": lambda x: ops.cumsum(x, axis=-1),
    "variance": lambda x: ops.var(x, axis=-1),
    "matmul": lambda x: ops.matmul(x, ops.transpose(x)),
    "attention": lambda x: ops.dot_product_attention(*[ops.reshape(x, (1, -1, 1, 5))] * 3),
}


@pytest.mark.parametrize("dtype", list(SPACING))
@pytest.mark.parametrize("name", list(LONG))
def test_long_sums_are_float32_s(name, dtype):
    """3,005 numbers, which added up in their own dtype would stand still long before the end."""
    x = np.random.default_rng(1).uniform(0.5, 1.5, (4, 3005)).astype("float32")
    with Trace() as trace:
        y = ops.cast(LONG[name](ops.cast(trace.input("x", "float32", x.shape), dtype)), "float32")
        trace.graph.output("y", trace.value_of(y))
    want, got = (_core.Executable(trace.graph, device=d).run([x])[0] for d in ("cpu", "gpu"))
    np.testing.assert_allclose(got, want, rtol=2 * SPACING[dtype])
