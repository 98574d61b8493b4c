"""Every test starts from the same seed and automatic names, on the CPU."""

import os

os.environ.setdefault("HB_NUM_THREADS", "1")
os.environ.setdefault("HB_DEVICE", "cpu")  # where a GPU is, too: tests/cuda names it

import pytest  # noqa: E402

import hornbeam as hb  # noqa: E402


@pytest.fixture(autouse=True)
def fresh():
    hb.utils.clear_session(free_memory=False)  # collecting takes 0.1 s a test
    hb.utils.set_random_seed(1234)
