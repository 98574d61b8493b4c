"""Layers under masks, states and odd options give what Keras gave; ``walk.py`` makes the data."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from walk import walk

import hornbeam as hb

RECORDED = json.loads(gzip.decompress((Path(__file__).parent / "recorded_walk.json.gz").read_bytes()))


@pytest.fixture(scope="module")
def answers():
    return walk(hb)


@pytest.mark.parametrize("name", RECORDED)
def test_a_layer_answers_as_keras(name, answers):
    assert len(answers[name]) == len(RECORDED[name])
    for got, (shape, values) in zip(answers[name], RECORDED[name]):
        assert list(got.shape) == shape
        np.testing.assert_allclose(got.ravel(), values, rtol=2e-4, atol=1e-5)
