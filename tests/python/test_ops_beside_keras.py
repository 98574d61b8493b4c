"""Ops answer random calls as Keras did when it was asked (tests/differential/ops.py recorded it)."""

import pathlib
import sys
import warnings

import pytest

HERE = pathlib.Path(__file__).resolve().parents[1] / "differential"
sys.path.insert(0, str(HERE))
import op_answers  # noqa: E402
import op_calls  # noqa: E402
import ops as tester  # noqa: E402

THEIRS = tester.recorded(HERE / "op_answers.json.gz")
LIBRARY = op_answers.Library("hornbeam")


@pytest.mark.parametrize("seed", THEIRS)
def test_calls_are_answered_as_by_keras(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = LIBRARY.answer(*op_calls.call(seed))
    what = tester.difference(seed, ours, THEIRS[seed])
    assert what is None or tester.judged(seed, ours, THEIRS[seed]), f"{op_calls.call(seed)}: {what}"


def test_the_comparison_sees_what_differs():
    seed = next(s for s, a in THEIRS.items() if not isinstance(a, str) and a and a[0][0] == "float32" and a[0][2].size)
    dtype, shape, array = THEIRS[seed][0]
    assert tester.difference(seed, THEIRS[seed], THEIRS[seed]) is None
    assert "values" in tester.difference(seed, [(dtype, shape, array + 1), *THEIRS[seed][1:]], THEIRS[seed])
    assert "dtype" in tester.difference(seed, [("int32", shape, array), *THEIRS[seed][1:]], THEIRS[seed])
    assert "shape" in tester.difference(seed, [(dtype, (7, *shape), array), *THEIRS[seed][1:]], THEIRS[seed])
    assert "we raise" in tester.difference(seed, "ValueError", THEIRS[seed])
