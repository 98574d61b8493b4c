"""``bench/layers.py``: the grid beside torch runs, compares values, and writes what it measured."""

import importlib.util
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
ONLY = r"Dense: 32x16|PReLU: 128x100 \(train|embedding: nothing"


@pytest.mark.parametrize("alone", [True, False])
def test_two_cells_are_measured(tmp_path, alone):
    if not alone and importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    short = ["--passes", "2", "--seconds", "0.002", "--out", str(tmp_path), *["--alone"] * alone]
    done = subprocess.run(
        [sys.executable, str(BENCH / "layers.py"), "--only", ONLY, *short], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr + done.stdout
    rows = json.loads((tmp_path / "layers.json").read_text())["rows"]
    assert [(r["family"], r["mode"]) for r in rows] == [("Dense", "forward"), ("Dense", "train"), ("PReLU", "train")]
    sides = ["hornbeam"] if alone else ["hornbeam", "torch"]
    for row in rows:
        assert [*row["seconds"]] == sides
        assert all(len(s) == 2 and min(s) > 0 for s in row["seconds"].values()), row
    assert ("| all | train | 2 |" in (tmp_path / "layers.md").read_text()) is not alone


def test_cells_have_names_of_their_own_and_differences_are_found(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    spec = importlib.util.spec_from_file_location("bench_layers", BENCH / "layers.py")  # other tests have a "layers"
    layers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(layers)
    keys = [cell.key for cell in layers.CELLS]
    assert len(set(keys)) == len(keys) >= 250
    cell = next(c for c in layers.CELLS if c.key == "Dense: 32x16 -> 16")
    y = np.random.default_rng(0).standard_normal((32, 16))
    ours = [layers.digest(y)]
    assert layers.difference(cell, ours, [layers.digest(y + 1e-6)]) == ""
    assert "output 0 by" in layers.difference(cell, ours, [layers.digest(y + 0.01)])
    assert "output 0 by" in layers.difference(cell, ours, [layers.digest(y * np.nan)])
    assert "shapes" in layers.difference(cell, ours, [layers.digest(y[:, :8])])
    assert "shapes" in layers.difference(cell, ours, [])
