"""Programs of fixed seeds give what Keras gave; ``layers.py --record`` makes the data."""

import gzip
import json
from pathlib import Path

import pytest
from runner import run

import hornbeam as hb
from layers import difference, digest

RECORDED = json.loads(gzip.decompress((Path(__file__).parent / "recorded_layers.json.gz").read_bytes()))


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: str(case["program"]["seed"]))
def test_a_program_answers_as_keras(case):
    answers = [[label, digest(value)] for label, value in run(hb, case["program"])]
    assert difference(answers, case["answers"]) is None
    assert len(answers) == len(case["answers"])
