"""Files: what is saved comes back and goes on training - in Python and in a native program, bit for bit."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L

R = np.random.default_rng(0)


def small():
    return hb.Sequential(
        [
            hb.Input((4,)),
            L.Dense(8, activation="tanh"),
            L.BatchNormalization(),
            L.Dropout(0.2),
            L.Dense(3, activation="softmax"),
        ]
    )


def data(n=64):
    return R.standard_normal((n, 4)).astype("float32"), R.integers(0, 3, n).astype("int32")


def test_save_load_and_go_on_as_if_nothing_happened(tmp_path):
    x, y = data()
    m = small()
    m.compile(hb.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    m.fit(x, y, epochs=2, verbose=0)
    m.save(tmp_path / "m.hornbeam")
    twin = hb.load_model(tmp_path / "m.hornbeam")
    np.testing.assert_array_equal(m.predict(x, verbose=0), twin.predict(x, verbose=0))
    assert int(twin.optimizer.iterations.numpy()) == int(m.optimizer.iterations.numpy()) == 4
    for model in (m, twin):  # the same bits: weights, slots and the dropout's stream were all saved
        hb.utils.set_random_seed(5)
        model.fit(x, y, epochs=2, verbose=0)
    for a, b in zip(m.get_weights(), twin.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_functional_wrapped_and_shared_layers_round_trip(tmp_path):
    i = hb.Input((6, 3))
    shared = L.Dense(4)
    a, b = shared(i), shared(L.ReLU()(i))
    t = L.Bidirectional(L.LSTM(5, dropout=0.1))(L.Add()([a, b]) * 2.0)
    m = hb.Model(i, [L.Dense(2)(t), hb.ops.mean(t, axis=1)])
    m.save(tmp_path / "f.hornbeam")
    twin = hb.load_model(tmp_path / "f.hornbeam")
    x = R.standard_normal((5, 6, 3)).astype("float32")
    for p, q in zip(m.predict(x, verbose=0), twin.predict(x, verbose=0)):
        np.testing.assert_array_equal(p, q)
    clone = hb.models.clone_model(m)
    assert len(clone.weights) == len(m.weights) and not np.array_equal(clone.get_weights()[0], m.get_weights()[0])


def test_weights_alone(tmp_path):
    m, other = small(), small()
    m.save_weights(tmp_path / "w.hornbeam")
    other.load_weights(tmp_path / "w.hornbeam")
    for a, b in zip(m.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(a, b)
    wrong = hb.Sequential([hb.Input((4,)), L.Dense(9), L.BatchNormalization(), L.Dense(3)])
    kept = wrong.get_weights()
    with pytest.raises(ValueError, match="shape"):
        wrong.load_weights(tmp_path / "w.hornbeam")
    for a, b in zip(kept, wrong.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_exported_files_hold_no_config(tmp_path):
    m = small()
    m.export(tmp_path / "e.hornbeam")
    with pytest.raises(hb.FormatError, match="export"):
        hb.load_model(tmp_path / "e.hornbeam")
    other = small()
    other.load_weights(tmp_path / "e.hornbeam")
    for a, b in zip(m.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_lambda_travels_as_graph_but_not_as_config(tmp_path):
    m = hb.Sequential([hb.Input((4,)), L.Lambda(lambda t: t * 3.0)])
    m.save(tmp_path / "l.hornbeam")
    with pytest.raises(hb.FormatError, match="a Lambda layer cannot be rebuilt from a config"):
        hb.load_model(tmp_path / "l.hornbeam")


def test_own_functions_are_found_again_and_no_others(tmp_path):
    path = str(tmp_path / "m.hornbeam")
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")
    for f in (hb.ops.silu, hb.ops.tanh, hb.activations.gelu, hb.activations.relu):
        m = hb.Sequential([hb.Input((3,)), hb.layers.Dense(2, activation=f)])
        m.compile("sgd", hb.losses.mean_absolute_error, metrics=[hb.metrics.mean_squared_error])
        m.fit(x, y, verbose=0)
        hb.saving.save_model(m, path)
        again = hb.models.load_model(path)
        assert again.layers[-1].activation is f
        np.testing.assert_array_equal(m.predict(x, verbose=0), again.predict(x, verbose=0))
        assert m.evaluate(x, y, verbose=0) == again.evaluate(x, y, verbose=0)
    for module, name in (
        ("os", "system"),
        ("hornbeam.saving.model_file", "load_model"),
        ("hornbeam.ops.comparison", "np"),
    ):
        with pytest.raises(ValueError, match="unknown function"):
            hb.saving.deserialize_keras_object({"module": module, "class_name": "function", "config": name})


def test_unknown_classes_are_never_imported(tmp_path):
    class Odd(L.Layer):
        def call(self, x):
            return x + 1.0

    m = hb.Sequential([hb.Input((4,)), Odd()])
    m.save(tmp_path / "o.hornbeam")
    with pytest.raises(ValueError, match="unknown class 'Odd'"):
        hb.load_model(tmp_path / "o.hornbeam")
    twin = hb.load_model(tmp_path / "o.hornbeam", custom_objects={"Odd": Odd})
    np.testing.assert_array_equal(twin.predict(np.zeros((1, 4), "float32"), verbose=0), np.ones((1, 4)))


@pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake")
def test_a_native_program_predicts_and_trains_on(tmp_path):
    from hornbeam.examples.digits import build, load

    xt, yt, xv, yv = load()
    m = build()
    m.compile(hb.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    m.fit(xt, yt, epochs=2, batch_size=64, verbose=0)
    m.save(tmp_path / "digits.hornbeam")
    cmake_dir = subprocess.run(
        [sys.executable, "-m", "hornbeam", "--cmake-dir"], check=True, capture_output=True, text=True
    ).stdout.strip()
    if not os.path.isdir(cmake_dir):
        pytest.skip("hornbeam is not installed from a wheel")
    root = os.path.join(os.path.dirname(__file__), "..", "..", "cpp", "examples")
    for name in ("embed_infer", "embed_train"):
        build_dir = tmp_path / name
        subprocess.run(
            ["cmake", "-S", os.path.join(root, name), "-B", build_dir, f"-Dhornbeam_DIR={cmake_dir}"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        subprocess.run(["cmake", "--build", build_dir], check=True, stdout=subprocess.DEVNULL)
    xv[:50].tofile(tmp_path / "x.f32")
    out = subprocess.run(
        [tmp_path / "embed_infer/embed_infer", tmp_path / "digits.hornbeam", tmp_path / "x.f32", "50"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    native = np.array([[float.fromhex(v) for v in line.split()] for line in out.splitlines()], "float32")
    np.testing.assert_array_equal(native.view("uint32"), m.predict(xv[:50], verbose=0, batch_size=50).view("uint32"))
    xt.tofile(tmp_path / "xt.f32")
    yt.tofile(tmp_path / "yt.i32")
    out = subprocess.run(
        [
            tmp_path / "embed_train/embed_train",
            tmp_path / "digits.hornbeam",
            tmp_path / "xt.f32",
            tmp_path / "yt.i32",
            str(len(xt)),
            tmp_path / "on.hornbeam",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    losses = [float(line.split("loss=")[1].split()[0]) for line in out.splitlines() if "loss=" in line]
    assert len(losses) == 2 and losses[1] < losses[0]
    further = hb.load_model(tmp_path / "on.hornbeam")
    before = m.evaluate(xv, yv, verbose=0, return_dict=True)["loss"]
    assert further.evaluate(xv, yv, verbose=0, return_dict=True)["loss"] < before
    assert float(np.asarray(further.optimizer.learning_rate)) == pytest.approx(5e-4)
    xt[len(xt) // 2, 3, 4] = np.nan  # Python's default trains on; the native one does not
    xt.tofile(tmp_path / "xt.f32")
    files = [tmp_path / n for n in ("digits.hornbeam", "xt.f32", "yt.i32")]
    bad = subprocess.run(
        [tmp_path / "embed_train/embed_train", *files, str(len(xt)), tmp_path / "nan.hornbeam"],
        capture_output=True,
        text=True,
    )
    assert bad.returncode == 1 and "the loss must be finite" in bad.stderr and "in epoch 1 of 2" in bad.stderr
    assert not (tmp_path / "nan.hornbeam").exists()
    bad = subprocess.run(
        [tmp_path / "embed_infer/embed_infer", tmp_path / "x.f32", tmp_path / "x.f32", "1"],
        capture_output=True,
        text=True,
    )
    assert bad.returncode == 1 and "model file" in bad.stderr
