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
