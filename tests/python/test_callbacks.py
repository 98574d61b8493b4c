"""Callbacks: which hooks are called, when and with what, as Keras 3.15.1 calls them; what they save, log and print."""

import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import callbacks as C
from hornbeam import layers as L

X = np.arange(1, 7, dtype="float32")[:, None]
Y = np.zeros_like(X)


def model(rate=0.0, **options):
    m = hb.Sequential([hb.Input((1,)), L.Dense(1, use_bias=False)])
    m.set_weights([np.ones((1, 1), "float32")])
    m.compile(hb.optimizers.SGD(rate), "mse", metrics=["mae"], **options)
    return m


class Own(C.Callback):
    """Names of its own for everything that comes by position."""

    def __init__(self):
        self.seen = []

    def on_train_begin(self, a=None):
        self.seen.append(("train", a))

    def on_train_end(self, a=None):
        self.seen.append(("train end", sorted(a)))

    def on_epoch_begin(self, e, a=None):
        self.seen.append(("epoch", e, a))

    def on_epoch_end(self, e, a=None):
        self.seen.append(("epoch end", e, sorted(a)))

    def on_train_batch_begin(self, b, logs=None):
        self.seen.append(("batch", b, logs))

    def on_train_batch_end(self, b, **more):
        self.seen.append(("batch end", b, sorted(more["logs"])))

    def on_test_begin(self, a=None):
        self.seen.append(("test", a))

    def on_test_batch_end(self, b, logs=None):
        self.seen.append(("test batch end", b, sorted(logs)))

    def on_test_end(self, a=None):
        self.seen.append(("test end", sorted(a)))

    def on_predict_begin(self, a=None):
        self.seen.append(("predict", a))

    def on_predict_batch_begin(self, b, logs=None):
        self.seen.append(("predict batch", b, logs))

    def on_predict_batch_end(self, b, logs=None):
        self.seen.append(("predict batch end", b, logs["outputs"].tolist()))

    def on_predict_end(self, a=None):
        self.seen.append(("predict end", a))


@pytest.mark.parametrize("kind", ["arrays", "generator"])
@pytest.mark.parametrize("eagerly", [False, True])
def test_hooks_in_order(kind, eagerly):
    own, m = Own(), model(run_eagerly=eagerly)
    names = ["loss", "mae"]
    if kind == "arrays":
        m.fit(X, Y, batch_size=4, verbose=0, validation_data=(X[:2], Y[:2]), callbacks=[own])
    else:
        halves = ((X[i], Y[i]) for i in (slice(4), slice(4, 6)))
        m.fit(halves, verbose=0, validation_data=iter([(X[:2], Y[:2])]), callbacks=own)
    assert own.seen == [
        ("train", {}),
        ("epoch", 0, {}),
        ("batch", 0, {}),
        ("batch end", 0, names),
        ("batch", 1, {}),
        ("batch end", 1, names),
        ("test", {}),
        ("test batch end", 0, names),
        ("test end", names),
        ("epoch end", 0, [*names, "val_loss", "val_mae"]),
        ("train end", [*names, "val_loss", "val_mae"]),
    ]
    own.seen.clear()
    x = X if kind == "arrays" else ((X[i],) for i in (slice(4), slice(4, 6)))
    out = m.predict(x, batch_size=4 if kind == "arrays" else None, verbose=0, callbacks=[own])
    assert out.tolist() == X.tolist()
    assert own.seen == [
        ("predict", {}),
        ("predict batch", 0, {}),
        ("predict batch end", 0, X[:4].tolist()),
        ("predict batch", 1, {}),
        ("predict batch end", 1, X[4:].tolist()),
        ("predict end", {}),
    ]


def test_outputs_are_those_of_all_steps_between_callbacks():
    got = []
    keep = C.LambdaCallback(
        on_predict_batch_end=lambda batch, logs: got.append((batch, logs["outputs"].ravel().tolist()))
    )
    model(steps_per_execution=2).predict(X, batch_size=2, verbose=0, callbacks=[keep])
    assert got == [(1, [1, 2, 3, 4]), (3, [5, 6])]
    i = hb.Input((1,))
    both = hb.Model(i, {"a": i * 2, "b": i * 3})
    keep = C.LambdaCallback(on_predict_batch_end=lambda batch, logs: got.append(sorted(logs["outputs"])))
    assert both.predict(X, verbose=0, callbacks=[keep])["b"].tolist() == (X * 3).tolist()
    assert got[-1] == ["a", "b"]


def test_flags_end_passes():
    def stop(name, at):
        def hook(batch, logs):
            if batch == at:
                setattr(stopper.model, name, True)

        return hook

    m = model()
    stopper = C.LambdaCallback(on_train_batch_end=stop("stop_training", 1))
    h = m.fit(X, Y, batch_size=1, shuffle=False, epochs=5, verbose=0, callbacks=[stopper])
    assert h.history["loss"] == [2.5]
    stopper = C.LambdaCallback(on_test_batch_end=stop("stop_evaluating", 1))
    assert m.evaluate(X, Y, batch_size=1, verbose=0, callbacks=[stopper])[0] == 2.5
    stopper = C.LambdaCallback(on_predict_batch_end=stop("stop_predicting", 2))
    assert m.predict(X, batch_size=1, verbose=0, callbacks=[stopper]).tolist() == X[:3].tolist()
    assert m.evaluate(X, Y, verbose=0)[0] == pytest.approx(91 / 6) and m.predict(X, verbose=0).shape == (6, 1)


def test_older_names_are_called_unless_the_newer_ones_are_overridden():
    class Old(C.Callback):
        def __init__(self):
            super().__init__()
            self.seen = []

        def on_batch_end(self, batch, logs=None):
            self.seen.append(("old", batch))

    class Both(Old):
        def on_train_batch_end(self, batch, logs=None):
            self.seen.append(("new", batch))

    old, both = Old(), Both()
    model().fit(X, Y, batch_size=3, verbose=0, callbacks=[old, both])
    assert old.seen == [("old", 0), ("old", 1)] and both.seen == [("new", 0), ("new", 1)]


def test_a_list_of_callbacks_of_ones_own():
    seen = []
    m = model()
    several = C.CallbackList(
        [C.LambdaCallback(on_epoch_end=lambda e, l: seen.append(l))],
        add_history=True,
        model=m,
        epochs=2,
        verbose=0,
        steps=1,
    )
    m.fit(X, Y, epochs=2, verbose=1, callbacks=several)
    assert seen == [{"loss": pytest.approx(91 / 6), "mae": 3.5}] * 2
    assert m.history.history["mae"] == [3.5, 3.5] and m.history.params == {"epochs": 2, "verbose": 0, "steps": 1}
    assert not any(isinstance(c, C.ProgbarLogger) for c in several.callbacks)
    alone = C.CallbackList(C.LambdaCallback(on_epoch_end=lambda e, l: seen.append(e)))
    m.fit(X, Y, verbose=0, callbacks=alone)
    assert seen[-1] == 0 and alone.model is m
    for bad in (["a"], [C.History], 3):
        with pytest.raises(TypeError, match="`callbacks` must be Callback objects. Received: "):
            C.CallbackList(bad)
    loop = C.CallbackList([], add_history=True, model=m)
    loop.on_train_begin()
    loop.on_epoch_end(0, {"loss": hb.ops.convert_to_tensor(2.0), "b": np.int64(3), "inner": {"a": 1}})
    assert m.history.history == {"a": [1.0], "b": [3.0], "loss": [2.0]}
    assert all(type(v[0]) is float for v in m.history.history.values())


def test_history():
    keep, m = C.History(), model()

    class Adds(C.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = epoch * 10.0

    h = m.fit(X, Y, epochs=2, verbose=0, callbacks=[Adds(), keep])
    assert h is keep and m.history is keep and h.epoch == [0, 1] and h.history["mine"] == [0.0, 10.0]
    m.fit(X, Y, epochs=3, initial_epoch=2, verbose=0, callbacks=[Adds(), keep])
    assert keep.epoch == [2] and keep.history["mine"] == [0.0, 10.0, 20.0]
    assert json.loads(json.dumps(keep.history)) == keep.history
    assert keep.params == {"verbose": 0, "epochs": 3, "steps": 1}


def test_learning_rates_are_in_the_history():
    for schedule in (
        lambda e: 0.1 / (e + 1),
        lambda e, rate: 0.1 / (e + 1),
        lambda e, rate=9: np.float32(0.1) / (e + 1),
    ):
        h = model().fit(X, Y, epochs=3, verbose=0, callbacks=[C.LearningRateScheduler(schedule)])
        assert h.history["learning_rate"] == pytest.approx([0.1, 0.05, 0.1 / 3])
    for bad in (None, "0.1", True, [0.1]):
        with pytest.raises(ValueError, match="the output of the schedule should be a float"):
            model().fit(X, Y, verbose=0, callbacks=[C.LearningRateScheduler({0: bad}.get)])
    plateau = C.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_lr=0.3)
    h = model_that_stays().fit(X, Y, epochs=5, verbose=0, callbacks=[plateau])
    assert h.history["learning_rate"] == pytest.approx([1.0, 1.0, 0.5, 0.3, 0.3])


def model_that_stays():
    """A loss that does not fall, whatever the rate: its gradient is 0."""
    m = model()
    m.compile(hb.optimizers.SGD(1.0), lambda y, p: hb.ops.mean(p * 0.0 + 1.0))
    return m


def test_checkpoints_name_epochs_batches_and_logs(tmp_path):
    m = model()
    path = os.path.join(tmp_path, "new", "{epoch:02d}-{batch:02d}-{mae:.1f}.hornbeam")
    m.fit(X, Y, batch_size=1, epochs=2, shuffle=False, verbose=0, callbacks=[C.ModelCheckpoint(path, save_freq=4)])
    assert sorted(os.listdir(tmp_path / "new")) == ["01-04-2.5.hornbeam", "02-02-1.5.hornbeam", "02-06-3.5.hornbeam"]
    path = str(tmp_path / "{epoch}-{val_loss:.2f}.hornbeam")
    m.fit(X, Y, epochs=2, verbose=0, validation_data=(X[:1], Y[:1]), callbacks=[C.ModelCheckpoint(path)])
    assert sorted(p for p in os.listdir(tmp_path) if p != "new") == ["1-1.00.hornbeam", "2-1.00.hornbeam"]
    for name in ("{batch}", "{acc}"):
        with pytest.raises(KeyError, match=f"{name[1:-1]}.*which is not among the logs"):
            m.fit(X, Y, verbose=0, callbacks=[C.ModelCheckpoint(str(tmp_path / name) + ".hornbeam")])
    m = model(steps_per_execution=2)
    path = str(tmp_path / "s-{batch}.hornbeam")
    m.fit(X, Y, batch_size=1, verbose=0, callbacks=[C.ModelCheckpoint(path, save_freq=3)])
    assert sorted(p for p in os.listdir(tmp_path) if p[0] == "s") == ["s-4.hornbeam"]


def test_the_best_is_saved_and_without_the_figure_all(tmp_path, capsys):
    saved = []
    m = model()
    m.save = saved.append
    rates = iter([3.0, 2.0, 2.5, 1.0])

    class Figure(C.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["figure"] = next(rates)

    keep = C.ModelCheckpoint(str(tmp_path / "{epoch}.hornbeam"), "figure", 1, save_best_only=True, mode="min")
    m.fit(X, Y, epochs=4, verbose=0, callbacks=[Figure(), keep])
    assert [os.path.basename(p) for p in saved] == ["1.hornbeam", "2.hornbeam", "4.hornbeam"] and keep.best == 1.0
    out = capsys.readouterr().out
    assert "Epoch 1: figure improved from None to 3.00000, saving model to" in out
    assert (
        "Epoch 3: figure did not improve from 2.00000\nEpoch 4: figure improved from 2.00000 to 1.00000, saving" in out
    )
    saved.clear()
    with pytest.warns(UserWarning, match="'figure' is not among the logs"):
        m.fit(X, Y, epochs=2, verbose=0, callbacks=[keep])
    assert len(saved) == 2
    with pytest.raises(ValueError, match="cannot tell whether 'val_los' should rise or fall"):
        m.fit(X, Y, verbose=0, callbacks=[C.EarlyStopping("val_los")])
    with pytest.warns(UserWarning, match="`mode` must be 'auto', 'min' or 'max'"):
        assert C.EarlyStopping(mode="lowest").mode == "auto"


def test_csv_files(tmp_path):
    path = tmp_path / "log.csv"
    m = model()
    m.fit(X, Y, epochs=2, verbose=0, validation_data=(X[:1], Y[:1]), validation_freq=2, callbacks=[C.CSVLogger(path)])
    m.fit(X, Y, epochs=1, verbose=0, callbacks=[C.CSVLogger(path, append=True)])
    rows = list(csv.reader(path.read_text().splitlines()))
    assert rows[0] == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [r[0] for r in rows[1:]] == ["0", "1", "0"]
    assert [r[3:] for r in rows[1:]] == [["NA", "NA"], ["1.0", "1.0"], ["NA", "NA"]]
    assert float(rows[1][1]) == pytest.approx(91 / 6) and rows[1][2] == "3.5"


def test_lambda_callbacks():
    seen = []
    by_position = C.LambdaCallback(
        lambda e, l: seen.append(("begin", e)), lambda e, l: seen.append(("end", e, l["mae"]))
    )
    by_name = C.LambdaCallback(
        on_train_begin=lambda l: seen.append("train"),
        on_train_end=lambda l: seen.append("train end"),
        on_train_batch_end=lambda batch, logs: seen.append(batch),
        on_test_end=None,
    )
    model().fit(X, Y, verbose=0, callbacks=[by_position, by_name])
    assert seen == ["train", ("begin", 0), 0, ("end", 0, 3.5), "train end"]
    for name in ("on_lunch", "set_model"):
        with pytest.raises(ValueError, match=f"LambdaCallback has no hook '{name}'"):
            C.LambdaCallback(**{name: print})


@pytest.mark.parametrize("source", ["arrays", "generator", "eagerly", "own step"])
def test_a_loss_that_is_no_number_ends_training(source, capsys):
    y = Y.copy()
    y[3] = np.nan

    class Mine(hb.Sequential):
        def train_step(self, data):
            return {"loss": hb.ops.mean(data[1])}

    def fit(callback):
        m = (
            Mine([hb.Input((1,)), L.Dense(1)])
            if source == "own step"
            else model(rate=0.01, run_eagerly=source == "eagerly")
        )
        if source == "own step":
            m.compile("sgd", "mse")
        ended = []
        watch = [callback, C.LambdaCallback(on_train_end=lambda l: ended.append(l))]
        kwargs = {"epochs": 3, "verbose": 0, "callbacks": watch}
        try:
            if source == "generator":
                h = m.fit(((X[i : i + 2], y[i : i + 2]) for i in (0, 2, 4)), **kwargs)
            else:
                h = m.fit(X, y, batch_size=2, shuffle=False, **kwargs)
        finally:
            weights = m.get_weights()[0]
        return h.history["loss"], ended, weights

    loss, ended, weights = fit(C.TerminateOnNaN())
    assert len(loss) == 1 and np.isnan(loss[0]) and len(ended) == 1
    assert "Batch 1: Invalid loss, terminating training" in capsys.readouterr().out
    if source != "own step":  # a step on the first two samples, and none on the others
        assert weights[0, 0] == pytest.approx(1 - 0.01 * np.mean(2 * X[:2] ** 2), rel=1e-5)
    with pytest.raises(RuntimeError, match="the loss of batch 1 is not finite: nan"):
        fit(C.TerminateOnNaN(raise_error=True))


@pytest.mark.parametrize("verbose", [1, 2])
def test_the_bar_in_ascii(verbose, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    m = model()
    m.fit(X, Y, epochs=2, batch_size=3, verbose=verbose)
    m.evaluate(X, Y, verbose=verbose)
    m.predict(X, verbose=verbose)
    sys.stdout.flush()
    text = raw.getvalue().decode("ascii")
    assert (
        text.count("2/2") >= 2 and "mae: 3.5000" in text and "Epoch 2/2" in text and ("====" in text) == (verbose == 1)
    )


@pytest.mark.parametrize("how", ["closed", "none", "full"])
def test_training_goes_on_without_an_output(how, monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    stream = {"closed": io.StringIO(), "none": None, "full": Full()}[how]
    if how == "closed":
        stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    m = model()
    keep = [C.EarlyStopping("loss", verbose=1), C.LearningRateScheduler(lambda e: 0.0, verbose=1)]
    h = m.fit(X, Y, epochs=2, callbacks=keep)
    m.evaluate(X, Y)
    m.predict(X)
    monkeypatch.undo()
    assert h.history["mae"] == [3.5, 3.5]


def test_what_a_script_prints(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np, hornbeam as hb\n"
        "m = hb.Sequential([hb.Input((2,)), hb.layers.Dense(3)])\n"
        "m.compile('sgd', 'mse')\n"
        "x, y = np.ones((4, 2)), np.ones((4, 3))\n"
        "m.fit(x, y, epochs=1)\n"
        "print('next')\n"
        "m.predict(x, batch_size=2)\n"
        "print('next')\n"
        "p = hb.profile(m, x, y)\n"
        "print('next')\n"
        "hb.profile(m, x, verbose=0)\n"
    )
    env = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    out = subprocess.run([sys.executable, str(script)], capture_output=True, check=True, env=env).stdout.decode()
    fit, predict, profile, silent = out.split("next\n")
    assert "1/1" in fit and "loss: " in fit and "2/2" in predict and "loss" not in predict
    assert "matmul" in profile and "ms a step on one thread" in profile and silent == ""
