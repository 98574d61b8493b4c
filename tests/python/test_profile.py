"""hb.profile and ``hornbeam profile``."""

import json
import subprocess
import sys

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L


def small():
    m = hb.Sequential([hb.Input((8, 8, 3)), L.Conv2D(4, 3), L.Flatten(), L.Dense(5, activation="softmax")])
    m.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return m, np.ones((12, 8, 8, 3), "float32"), np.zeros(12, "int32")


def test_rows_name_the_work_and_state_stays(tmp_path):
    m, x, y = small()
    m.fit(x, y, verbose=0)
    before = [v.numpy().copy() for v in m.variables] + [v.numpy().copy() for v in m.optimizer.variables]
    p = hb.profile(m, x, y, batch_size=6, repeats=3)
    after = [v.numpy() for v in m.variables] + [v.numpy() for v in m.optimizer.variables]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    conv = next(r for r in p.rows if r.op == "conv")
    assert "conv2d" in conv.layer
    assert conv.flops == 2 * 6 * 6 * 6 * 4 * 27 and conv.shape == "[6,6,6,4]"
    assert conv.bytes == 4 * (6 * 8 * 8 * 3 + 27 * 4 + 4 + 6 * 6 * 6 * 4)  # x, kernel, bias, y
    assert {r.op for r in p.rows} >= {"conv", "conv_kernel_grad", "matmul", "fused"}
    assert p.seconds == pytest.approx(sum(p.by_layer().values()))
    text = str(p)
    assert "conv_kernel_grad" in text and "ms a step on one thread" in text and "GFLOP/s" in text
    p.chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert len(events) == len(p.rows) and all(e["ph"] == "X" for e in events)


def test_predictions_and_wrong_arguments():
    m, x, y = small()
    assert {r.op for r in hb.profile(m, x).rows} >= {"conv", "matmul", "softmax"}
    with pytest.raises(ValueError, match="at least one sample"):
        hb.profile(m, x[:0])
    with pytest.raises(ValueError, match="batch_size"):
        hb.profile(m, x, batch_size=0)
    with pytest.raises(ValueError, match="compile"):
        hb.profile(hb.Sequential([hb.Input((3,)), L.Dense(2)]), x[:, 0, 0], y)


def test_the_command(tmp_path):
    m, x, y = small()
    m.fit(x, y, verbose=0)
    m.save(tmp_path / "m.hornbeam")
    command = [sys.executable, "-m", "hornbeam", "profile", str(tmp_path / "m.hornbeam"), "--batch-size", "4"]
    done = subprocess.run([*command, "--trace", str(tmp_path / "t.json")], capture_output=True, text=True, check=True)
    assert "conv" in done.stdout and (tmp_path / "t.json").exists()
