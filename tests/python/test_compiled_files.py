"""Files of compiled models: every loss, metric, optimizer and schedule comes back, and steps are stored as they are known."""

import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core
from hornbeam import layers as L

S = hb.optimizers.schedules
R = np.random.default_rng(0)
X = R.random((8, 3), "float32")
Y = R.integers(0, 2, (8, 2)).astype("float32")


def classes(module, base, without=()):
    found = {c for c in vars(module).values() if isinstance(c, type) and issubclass(c, base)}
    keep = (c for c in found if not c.__name__.startswith("_") and c not in (base, *without))
    return sorted(keep, key=lambda c: c.__name__)


LOSSES = classes(hb.losses, hb.Loss, (hb.losses.LossFunctionWrapper,))
METRICS = classes(hb.metrics, hb.Metric, (hb.metrics.MeanMetricWrapper, hb.metrics.Mean, hb.metrics.Sum))
OPTIMIZERS = classes(hb.optimizers, hb.Optimizer)
SCHEDULES = classes(S, S.LearningRateSchedule)
ARGUMENTS = {
    "MeanIoU": (2,),
    "CosineDecay": (0.1, 10),
    "CosineDecayRestarts": (0.1, 10),
    "ExponentialDecay": (0.1, 10, 0.9),
    "InverseTimeDecay": (0.1, 10, 0.9),
    "PiecewiseConstantDecay": ([3], [0.1, 0.01]),
    "PolynomialDecay": (0.1, 10),
}


def made(cls):
    return cls(*ARGUMENTS.get(cls.__name__, ()))


def model_of(optimizer="sgd", loss="mse", metrics=None, activation="sigmoid"):
    model = hb.Sequential([hb.Input((3,)), L.Dense(2, activation)])
    model.compile(optimizer, loss, metrics=metrics)
    return model


def same_after_reload(tmp_path, model, y=Y):
    model.fit(X, y, epochs=2, shuffle=False, verbose=0)
    model.save(tmp_path / "m.hornbeam")
    twin = hb.load_model(tmp_path / "m.hornbeam")
    assert twin.get_compile_config() == model.get_compile_config()
    for m in (model, twin):
        m.fit(X, y, epochs=2, shuffle=False, verbose=0)
    assert int(twin.optimizer.iterations.numpy()) == int(model.optimizer.iterations.numpy()) == 4
    for a, b in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    logs, same = (m.evaluate(X, y, verbose=0, return_dict=True) for m in (model, twin))
    assert list(logs) == list(same)
    for name, value in logs.items():
        np.testing.assert_array_equal(same[name], value)
    return twin


@pytest.mark.parametrize("cls", LOSSES, ids=lambda c: c.__name__)
def test_every_loss(tmp_path, cls):
    y = R.integers(0, 2, (8,)) if cls is hb.losses.SparseCategoricalCrossentropy else Y
    twin = same_after_reload(tmp_path, model_of(loss=made(cls)), y)
    assert type(twin.loss) is cls


@pytest.mark.parametrize("cls", METRICS, ids=lambda c: c.__name__)
def test_every_metric(tmp_path, cls):
    sparse = cls.__name__.startswith("Sparse")
    whole = cls is hb.metrics.MeanIoU  # takes classes where all others take scores
    model = model_of(metrics=[made(cls)], loss="sparse_categorical_crossentropy" if sparse else "mse")
    y = R.integers(0, 2, (8,)) if sparse else Y
    if whole:
        model.save(tmp_path / "m.hornbeam")
        twin = hb.load_model(tmp_path / "m.hornbeam")
        assert twin.get_compile_config() == model.get_compile_config()
    else:
        twin = same_after_reload(tmp_path, model, y)
    assert type(twin._compile_args["metrics"][0]) is cls


@pytest.mark.parametrize("cls", OPTIMIZERS, ids=lambda c: c.__name__)
def test_every_optimizer(tmp_path, cls):
    options = {"use_ema": True, "clipnorm": 1.0, "weight_decay": 0.01}
    scales = cls is hb.optimizers.LossScaleOptimizer
    twin = same_after_reload(tmp_path, model_of(cls(hb.optimizers.Adam(**options)) if scales else cls(**options)))
    assert type(twin.optimizer) is cls and len(twin.optimizer.variables) > 3


@pytest.mark.parametrize("cls", SCHEDULES, ids=lambda c: c.__name__)
def test_every_schedule(tmp_path, cls):
    twin = same_after_reload(tmp_path, model_of(hb.optimizers.Adam(made(cls))))
    assert type(twin.optimizer._schedule) is cls


def test_names_functions_and_the_users_own(tmp_path):
    @hb.saving.register_keras_serializable("t")
    def cubes(t, p):
        return hb.ops.mean(hb.ops.abs(t - p) ** 3, axis=-1)

    same_after_reload(tmp_path, model_of("adam", cubes, ["mae", hb.losses.log_cosh, cubes, "accuracy"]))

    def unknown(t, p):
        return hb.ops.mean(t - p, axis=-1)

    model = model_of(loss=unknown)
    model.save(tmp_path / "u")
    with pytest.raises(hb.FormatError, match="unknown function 'unknown'"):
        hb.load_model(tmp_path / "u")
    assert hb.load_model(tmp_path / "u", custom_objects={"unknown": unknown}).loss is unknown
    model_of(loss=lambda t, p: hb.ops.mean(t - p, axis=-1)).save(tmp_path / "l")
    with pytest.raises(hb.FormatError, match="compile=False"):
        hb.load_model(tmp_path / "l")
    assert not hb.load_model(tmp_path / "l", compile=False).compiled


# ---- steps ----
def functions(path):
    metadata, _, graphs = _core.read_model(str(path))
    return graphs, json.loads(metadata["signature"])


def test_unknown_dimensions_stay_unknown(tmp_path):
    i = hb.Input((None, 3), name="steps")
    model = hb.Model(i, L.Dense(2)(L.LSTM(4, return_sequences=True)(i)))
    model.compile("sgd", "mse")
    x, y = R.random((4, 5, 3), "float32"), R.random((4, 5, 2), "float32")
    model.fit(x, y, verbose=0)
    model.reset_metrics()
    model.save(tmp_path / "m")
    graphs, signature = functions(tmp_path / "m")
    assert signature["batches"]["predict"]["tuple"][0]["shape"] == ["batch", "d0", 3]
    assert signature["batches"]["train"]["tuple"][1]["shape"] == ["batch", "d0", 2]
    assert {k: g.input_names for k, g in graphs.items()} == {"predict": ["steps"], "train": ["steps", "y"]}
    for n, t in ((1, 2), (3, 9)):
        longer = R.random((n, t, 3), "float32")
        (out,) = _core.Executable(graphs["predict"]).run([longer])
        np.testing.assert_array_equal(out, model.predict(longer, verbose=0))
    (loss,) = _core.Executable(graphs["train"]).run([longer, np.zeros((3, 9, 2), "float32")])
    assert loss == pytest.approx(np.mean(out**2), rel=1e-5)
    twin = hb.load_model(tmp_path / "m")
    assert twin.predict(R.random((2, 7, 3), "float32"), verbose=0).shape == (2, 7, 2)
    twin.save(tmp_path / "again")
    assert functions(tmp_path / "again")[1]["batches"] == signature["batches"]


def test_sizes_that_depend_on_an_unknown_one(tmp_path):
    model = hb.Sequential([hb.Input((None, 3)), L.Conv1D(2, 3), L.GlobalMaxPooling1D()])
    model.compile("sgd", "mse")
    model.fit(R.random((4, 5, 3), "float32"), Y[:4], verbose=0)
    model.save(tmp_path / "m")
    graphs, signature = functions(tmp_path / "m")
    assert signature["batches"]["train"]["tuple"][0]["shape"] == ["batch", "d0", 3] and not signature["missing"]
    longer = R.random((2, 11, 3), "float32")
    (out,) = _core.Executable(graphs["predict"]).run([longer])
    np.testing.assert_array_equal(out, model.predict(longer, verbose=0))


def test_a_model_that_never_ran_stores_what_it_can(tmp_path):
    model = model_of()
    model.save(tmp_path / "m")
    graphs, signature = functions(tmp_path / "m")
    assert list(graphs) == ["predict"] and "sample=(x, y)" in signature["missing"]["train"]
    with pytest.warns(UserWarning, match=r"no program to train.*sample=\(x, y\)"):
        model.export(tmp_path / "e")
    model.save(tmp_path / "m", sample=(X, Y))
    graphs, signature = functions(tmp_path / "m")
    assert sorted(graphs) == ["predict", "train"] and not signature["missing"]
    (loss,) = _core.Executable(graphs["train"]).run([X, Y])
    assert loss == pytest.approx(np.mean((model.predict(X, verbose=0) - Y) ** 2), rel=1e-5)
    with pytest.raises(ValueError, match="sample|shape"):
        model.save(tmp_path / "m", sample=(X, np.concatenate([Y, Y], -1)))

    class Calls(hb.Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Calls()
    model(X)  # outside any step
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.export(tmp_path / "e")
    (out,) = _core.Executable(functions(tmp_path / "e")[0]["predict"]).run([X[:5]])
    np.testing.assert_array_equal(out, model.predict(X[:5], verbose=0))


def test_loading_and_saving_keeps_every_step(tmp_path):
    i, j = hb.Input((3,), name="left"), hb.Input((2,), name="right")
    model = hb.Model({"left": i, "right": j}, {"a": L.Dense(2, name="a")(i), "b": L.Dense(1, name="b")(j)})
    model.compile("adam", {"a": "mse", "b": "mae"}, metrics={"a": ["mae"]})
    x = {"left": X, "right": Y}
    y = {"a": Y, "b": Y[:, :1]}
    model.fit(x, y, sample_weight={"a": np.ones(8), "b": np.ones(8)}, verbose=0)
    model.save(tmp_path / "m")
    graphs, signature = functions(tmp_path / "m")
    names = ["left", "right", "y_a", "y_b", "sample_weight_a", "sample_weight_b"]
    assert graphs["train"].input_names == names and graphs["predict"].input_names == names[:2]
    for n in range(2):
        hb.load_model(tmp_path / "m").save(tmp_path / "m")
        again, same = functions(tmp_path / "m")
        assert same == signature and again["train"].input_names == names, n
    twin = hb.load_model(tmp_path / "m")
    for m in (model, twin):
        m.fit(x, y, verbose=0)
    for a, b in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    hb.load_model(tmp_path / "m", compile=False).save(tmp_path / "n")
    assert list(functions(tmp_path / "n")[0]) == ["predict"]


def test_signatures_that_are_none_are_refused(tmp_path):
    from hornbeam.training.signatures import decode

    for bad in (7, [], {}, {"dict": 7}, {"shape": 3}, {"dtype": "float32", "shape": []}, {"dtype": "x", "shape": [1]},
                {"dtype": "float32", "shape": [-1]}, {"dtype": "float32", "shape": ["a b"]}, {"tuple": [7]}):  # fmt: skip
        with pytest.raises((ValueError, TypeError)):
            decode(bad)
    model_of().save(tmp_path / "m")
    metadata, variables, _ = _core.read_model(str(tmp_path / "m"))
    for bad in (7, [], {"train": 7}, {"predict": {"shape": [], "dtype": "float32"}}):
        signature = {**json.loads(metadata["signature"]), "batches": bad}
        _core.write_model(str(tmp_path / "b").encode(), {**metadata, "signature": json.dumps(signature)}, variables, {})
        with pytest.raises(hb.FormatError, match="b: its config does not describe"):
            hb.load_model(tmp_path / "b")


# ---- names of files ----
def test_other_formats_are_not_written_under_their_names(tmp_path):
    model = model_of()
    for name in ("m.h5", "m.weights.h5", "m.keras", "m.hdf5", "m.onnx", "m.pt", "m.hornbeam.gz", "m.v2"):
        for save in (model.save, model.save_weights, model.export):
            if save == model.save_weights and name == "m.weights.h5":
                continue  # which is HDF5 then
            with pytest.raises(ValueError, match=r"must end in '\.hornbeam'.*" + name):
                save(tmp_path / name)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="zipped"):
        model.save(tmp_path / "m", zipped=False)


def test_variables_find_their_values_by_name(tmp_path):
    """Whatever order the layers of a later version are in."""
    i = hb.Input((3,))
    model = hb.Model(i, L.Concatenate()([L.Dense(2, name="a")(i), L.Dense(2, name="b")(i)]))
    model.compile("adam", "mse")
    model.fit(X, np.concatenate([Y, Y], -1), verbose=0)
    model.save(tmp_path / "m")
    metadata, variables, graphs = _core.read_model(str(tmp_path / "m"))
    n = json.loads(metadata["signature"])["model_variables"]
    _core.write_model(str(tmp_path / "r").encode(), metadata, [*variables[:n][::-1], *variables[n:][::-1]], {})
    twin = hb.load_model(tmp_path / "r")
    for a, b in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(twin.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


# ---- files of other processes and versions ----
FRESH = """
import sys, numpy as np, hornbeam as hb
model = hb.load_model(sys.argv[1])
assert np.array_equal(model.predict(np.ones((2, 4), "float32"), verbose=0), np.load(sys.argv[2]))
"""


def test_a_process_that_has_made_no_model_yet_loads_one(tmp_path):
    i = hb.Input((4,))
    model = hb.Model(i, L.Dense(2)(hb.ops.tanh(i * 2.0 - 1.0)))
    model.save(tmp_path / "m.hornbeam")
    np.save(tmp_path / "y.npy", model.predict(np.ones((2, 4), "float32"), verbose=0))
    subprocess.run([sys.executable, "-c", FRESH, tmp_path / "m.hornbeam", tmp_path / "y.npy"], check=True, timeout=300)


def test_configs_that_say_no_modules_and_no_builds():
    """What the version before configs in Keras' form wrote, of 20 kinds of layers, compiled and trained for a step."""
    path = os.path.join(os.path.dirname(__file__), "old_files", "configs.hornbeam")
    model = hb.load_model(path)
    _, variables, _ = _core.read_model(path)
    stored = {n: v.numpy() for n, v in variables}
    own = {v.path: v.numpy() for v in model.variables if v.name != "seed_generator_state"}
    assert len(own) > 30
    both = next(x for x in model.layers if isinstance(x, L.Bidirectional))  # whose cells have other names now
    cells = {both.forward_layer.cell.name: "lstm_cell", both.backward_layer.cell.name: "lstm_cell_1"}

    def was(path):
        for now, then in cells.items():
            path = path.replace(f"{now}/", f"<{then}>/").replace(f"/{now}_", f"/<{then}>_")
        return path.replace("<", "").replace(">", "")

    for name, value in own.items():
        np.testing.assert_array_equal(value, stored[was(name)])
    assert int(model.optimizer.iterations.numpy()) == 1 and isinstance(model.optimizer._schedule, S.CosineDecay)
    for v in model.optimizer.variables:
        np.testing.assert_array_equal(v.numpy(), stored[f"optimizer/{was(v.path)}"])
    assert model.get_compile_config()["loss"][1] == "mse" and model.loss[0] is hb.losses.mean_absolute_error
    metrics = model.get_compile_config()["metrics"]
    assert metrics[0][0] == "mae"
    assert metrics[0][1]["module"] == "hornbeam.metrics" and metrics[0][1]["class_name"] == "MeanAbsoluteError"
    x = [np.random.default_rng(0).standard_normal((4, 6, 3)).astype("float32"), np.arange(24).reshape(4, 6) % 5]
    assert [p.shape for p in model.predict(x, verbose=0)] == [(4, 2), (4, 3)]


def test_automatic_names_of_inner_layers_do_not_say_whose_weights_they_are(tmp_path):
    """A file's two cells have each other's names where the model is made in another order."""
    x = hb.Input((5, 3))
    second = L.LSTM(4, name="second")
    second.build((None, 5, 4))  # its cell is named first
    first = L.LSTM(4, return_sequences=True, name="first")
    model = hb.Model(x, L.Dense(2)(second(L.Dense(4)(first(L.Dense(4)(x))))))
    model.compile("adam", "mse")
    data = np.random.default_rng(0).normal(size=(6, 5, 3)).astype("float32")
    model.fit(data, np.ones((6, 2), "float32"), verbose=0)
    path = tmp_path / "m.hornbeam"
    model.save(path)
    want = model.predict(data, verbose=0)
    state = [v.numpy() for v in model.optimizer.variables]
    hb.utils.clear_session()
    loaded = hb.load_model(path)
    np.testing.assert_array_equal(loaded.predict(data, verbose=0), want)
    for a, b in zip(loaded.optimizer.variables, state):
        np.testing.assert_array_equal(a.numpy(), b)
