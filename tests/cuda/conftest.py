"""Tests of the GPU backend, on whatever HB_CUDA_PATH names: the fake device of tests/fake_cuda, or, without it, a real one."""

import sys
from pathlib import Path

import pytest

from hornbeam import _core

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))


def pytest_sessionstart(session):
    problem = _core.gpu_problem()
    if problem:
        pytest.exit(f"these tests need a GPU, or HB_CUDA_PATH with the fake one (see CONTRIBUTING.md): {problem}", 1)
