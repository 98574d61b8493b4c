"""hb.profile and ``hornbeam profile``."""

import json
import math
import subprocess
import sys
import time

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


def slowly(x, y):
    time.sleep(0.005)
    return np.asarray(x) + 1.0, y  # which no program can do


def test_a_data_sets_stages():
    model = hb.Sequential([hb.Input((3,)), hb.layers.Dense(1)])
    model.compile("sgd", "mse")
    weights = model.get_weights()
    x = np.arange(60, dtype="float32").reshape(20, 3)
    source = hb.data.Dataset.from_tensor_slices((x, x[:, :1]))
    data = source.map(slowly, num_parallel_calls=2).batch(4).map(lambda x, y: (x * 2, y)).prefetch(2)
    nodes = list(data._node.all_nodes())
    before = [dict(vars(n)) for n in nodes]
    result = hb.profile(model, data, repeats=3, verbose=0)
    stages = dict(result.data.stages)
    assert list(stages) == ["arrays", "map(slowly)", "batched", "map(<lambda>)", "prefetched"]
    assert stages["map(slowly)"] >= 4 * 0.005 > 0.0 and all(s >= 0 for s in stages.values())
    assert result.data.seconds == pytest.approx(sum(stages.values()))
    assert result.data.workers == math.ceil(result.data.seconds / result.seconds)
    assert str(result.data) in str(result) and "map(slowly)" in str(result)
    assert {r.op for r in result.rows} >= {"matmul"}
    assert [{k: v for k, v in vars(n).items() if k != "_one_by_one"} for n in nodes] == [
        {k: v for k, v in b.items() if k != "_one_by_one"} for b in before
    ]
    for a, b in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(np.concatenate([b[0] for b in data.as_numpy_iterator()]), (x + 1) * 2)


def test_a_data_set_of_one_batch_is_profiled_too():
    model = hb.Sequential([hb.Input((3,)), hb.layers.Dense(1)])
    data = hb.data.Dataset.from_generator(lambda: iter([np.ones((2, 3), "float32")]))
    result = hb.profile(model, data, verbose=0)
    assert [name for name, _ in result.data.stages] == ["generated"] and result.data.workers >= 1


def test_what_a_data_set_cannot_be_profiled_with():
    model = hb.Sequential([hb.Input((3,)), hb.layers.Dense(1)])
    data = hb.data.Dataset.from_tensor_slices(np.ones((4, 3), "float32")).batch(2)
    with pytest.raises(ValueError, match="`y`, `sample_weight` and `batch_size` are a Dataset's"):
        hb.profile(model, data, y=np.ones(4), verbose=0)
    with pytest.raises(ValueError, match="without elements"):
        hb.profile(model, data.take(0), verbose=0)


class Noted(hb.callbacks.ProgbarLogger):
    def __init__(self):
        super().__init__()
        self.waits = []

    def note_waiting(self, kind, seconds):
        super().note_waiting(kind, seconds)
        self.waits.append((kind, seconds))


def test_the_bar_hears_how_long_steps_waited(capsys):
    model = hb.Sequential([hb.Input((3,)), hb.layers.Dense(1)])
    model.compile("sgd", "mse")

    def batches():
        for _ in range(3):
            time.sleep(0.05)
            yield np.ones((2, 3), "float32"), np.ones((2, 1), "float32")

    bar = Noted()
    model.fit(batches(), callbacks=hb.callbacks.CallbackList([bar], model=model, verbose=2, epochs=1, steps=3))
    assert [kind for kind, _ in bar.waits] == ["train"] * 3
    waits = [seconds for _, seconds in bar.waits]
    assert waits == sorted(waits) and waits[-1] > 0.05
    model.fit(np.ones((4, 3), "float32"), np.ones((4, 1), "float32"), callbacks=[bar := Noted()], verbose=0)
    assert not any(seconds for _, seconds in bar.waits)  # arrays are there
    capsys.readouterr()
    bar.on_train_begin()
    bar.set_params({"verbose": 2, "steps": 4, "epochs": 1})
    bar.on_epoch_begin(0)
    bar._start -= 2.0
    bar.note_waiting("test", 2.0)  # a validation's own
    bar.on_epoch_end(0, {"loss": 1.0})
    assert "waiting" not in capsys.readouterr().out
    bar.note_waiting("train", 1.0)
    bar.on_epoch_end(0, {"loss": 1.0})
    assert "ms/step (50% waiting for data) - loss: 1.0000" in capsys.readouterr().out
