"""Every op on a GPU: its values, and those of its gradients, beside the CPU's."""

import numpy as np
import pytest
from op_cases import CASES
from test_ops import DIFFERENTIABLE, IDS, in_float64, with_gradients

from hornbeam import _core

RANDOM = ("random_uniform",)


def compare(case, arrays, rtol, atol):
    graph = with_gradients(case, arrays)
    want = _core.Executable(graph, device="cpu").run(arrays)
    gpu = _core.Executable(graph, device="gpu")
    for run in ("at once", "captured", "again"):
        got = gpu.run(arrays)
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            assert g.dtype == w.dtype and g.shape == w.shape
            if g.dtype.kind != "f":
                np.testing.assert_array_equal(g, w, err_msg=run)
            else:
                scale = max(1, np.abs(w[np.isfinite(w)]).max(initial=0))
                np.testing.assert_allclose(g, w, rtol=rtol, atol=atol * scale, err_msg=run)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_float32(case):
    compare(case, case.arrays, max(1e-5, 8 * case.tol), max(2e-6, 4 * case.tol))


@pytest.mark.parametrize("case", [c for c in CASES if c.name in DIFFERENTIABLE], ids=lambda c: c.name.replace(" ", "+"))
def test_float64(case):
    compare(case, in_float64(case), 1e-9, 1e-11)
