"""Every call recorded from real Keras gives the same dtypes, shapes and values here."""

import golden
import pytest

import hornbeam as hb

RECORDED = {family: golden.load(family) for family in golden.FAMILIES}
CASES = {family: golden.cases(family, hb) for family in golden.FAMILIES}
TOLERANCE = {
    "layers": (1e-4, 1e-5),
    "metrics": (2e-5, 1e-5),
    "initializers": (0.03, 0.03),
    "optimizers": (2e-4, 2e-5),
}  # (rtol, atol): of random numbers, and of long computations


@pytest.mark.parametrize("family", golden.FAMILIES)
def test_every_case_is_recorded(family):
    assert list(CASES[family]) == list(RECORDED[family])


@pytest.mark.parametrize("family,name", [(f, n) for f in golden.FAMILIES for n in RECORDED[f]])
def test_as_keras(family, name):
    golden.compare(golden.arrays(CASES[family][name]()), RECORDED[family][name], *TOLERANCE.get(family, ()))
