"""Configs in files: whatever they say, a model is made, or a FormatError comes that says why - and memory stays small."""

import copy
import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from model_files import config, join, split, with_meta

import hornbeam as hb
from hornbeam import layers as L


def mlp():
    return hb.Sequential(
        [
            hb.Input((3,)),
            L.Dense(
                4, "relu", kernel_regularizer=hb.regularizers.L2(0.1), kernel_initializer=hb.initializers.HeNormal()
            ),
            L.BatchNormalization(),
            L.Dropout(0.2),
            L.Dense(2, kernel_constraint=hb.constraints.MaxNorm(2.0)),
        ]
    )


def conv():
    return hb.Sequential(
        [
            hb.Input((6, 6, 1)),
            L.ZeroPadding2D(1),
            L.Conv2D(2, 3, padding="same", activation="gelu"),
            L.MaxPooling2D(2),
            L.Resizing(4, 4),
            L.Flatten(),
            L.Dense(2),
        ]
    )


def two_inputs():
    a, b = hb.Input((3,), name="a"), hb.Input((3,), name="b")
    shared = L.Dense(4)
    return hb.Model([a, b], L.Dense(2)(L.Concatenate()([shared(a), shared(b), a * 2.0 + np.ones(3, "float32")])))


def lstm():
    return hb.Sequential([hb.Input((4,), dtype="int32"), L.Embedding(5, 3, mask_zero=True), L.LSTM(3), L.Dense(2)])


def nested():
    x = hb.Input((4, 3))
    inner = hb.Sequential([hb.Input((4, 6)), L.LayerNormalization(), L.TimeDistributed(L.Dense(3))])
    return hb.Model(x, L.GlobalAveragePooling1D()(inner(L.Bidirectional(L.GRU(3, return_sequences=True))(x))))


def attention():
    x = hb.Input((4, 6))
    return hb.Model(x, L.Dense(2)(L.MultiHeadAttention(2, 3, dropout=0.1)(x, x)))


MODELS = {f.__name__: f for f in (mlp, conv, two_inputs, lstm, nested, attention)}
VALUES = [
    None, True, -1, 0, 1, 7, 2**31, 2**62, 2**63, 10**40, -(2**70), 0.5, float("nan"), float("inf"), 1e300, "", "x",
    "relu", "os.system", "\ud800", [], [None], [1, 2, 3, 4, 5], [[]], {}, {"class_name": "Dense"},
    {"class_name": "Dense", "config": {"units": 3}}, {"class_name": [], "config": {}}, {"class_name": "function", "config": "relu"},
    {"class_name": "__keras_tensor__", "config": {}},
]  # fmt: skip


def saved(tmp_path, model):
    """A file of the model without its graphs, which reading would check each time."""
    model.compile(hb.optimizers.Adam(hb.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)), "mse", metrics=["mae"])
    model.save(tmp_path / "m.hornbeam")
    return with_meta((tmp_path / "m.hornbeam").read_bytes(), functions="{}")


def places(x, way=()):
    """The way to every value in a config."""
    if way:
        yield way
    items = x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ()
    for key, value in items:
        yield from places(value, (*way, key))


def changed(body, way, value):
    """The config with another value there; without that value where it is Ellipsis."""
    new = copy.deepcopy(body)
    x = new
    for key in way[:-1]:
        x = x[key]
    if value is ...:
        del x[way[-1]]
    else:
        x[way[-1]] = value
    return new


def outcome(path, raw, body):
    """None when a model is made, else the error; what is neither that nor a FormatError fails."""
    path.write_bytes(with_meta(raw, config=json.dumps(body)))
    try:
        hb.load_model(path)
    except hb.FormatError as e:
        assert len(str(e)) < 2500
        return e
    except Exception as e:
        pytest.fail(f"{type(e).__name__} for {json.dumps(body)}: {e}")


@pytest.mark.parametrize("name", MODELS)
def test_fault_36_every_value_of_a_config_changed(tmp_path, name):
    raw = saved(tmp_path, MODELS[name]())
    body, path = config(raw), tmp_path / "bad.hornbeam"
    assert outcome(path, raw, body) is None
    values = itertools.cycle(VALUES)
    found = {True: 0, False: 0}
    for way in places(body):
        for value in (..., *itertools.islice(values, 4)):
            found[outcome(path, raw, changed(body, way, value)) is None] += 1
    assert min(found.values()) > 10, found


@pytest.mark.parametrize("name", MODELS)
def test_fault_36_what_was_changed_is_said(tmp_path, name):
    raw = saved(tmp_path, MODELS[name]())
    body = config(raw)
    for way in places(body):
        if way[-1] in ("units", "filters", "output_dim", "num_heads") and "layers" in way:
            for value, match in (
                (2**50, f"{way[-1]}|allows for"),
                (-1, way[-1]),
                (0, way[-1]),
                (2.5, way[-1]),
                ("3", way[-1]),
                (..., way[-1]),
                (True, way[-1]),
            ):
                e = outcome(tmp_path / "bad.hornbeam", raw, changed(body, way, value))
                assert e is not None and any(part in str(e) for part in match.split("|")), (way, value, e)
        if way[-1] == "class_name":
            for value in ("os.system", "Popen", "NoSuchLayer", "system", "__import__"):
                e = outcome(tmp_path / "bad.hornbeam", raw, changed(body, way, value))
                assert f"unknown class {value!r}" in str(e) and "custom_objects" in str(e)


def test_fault_36_calls_in_any_order_and_calls_that_wait_for_ever(tmp_path):
    x = y = hb.Input((3,))
    for i in range(200):
        y = L.Dense(3, name=f"d{i}")(y)
    m = hb.Model(x, y)
    raw = saved(tmp_path, m)
    body = config(raw)
    layers = body["model"]["config"]["layers"]
    layers.reverse()
    (tmp_path / "m").write_bytes(with_meta(raw, config=body))
    data = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(hb.load_model(tmp_path / "m").predict(data, verbose=0), m.predict(data, verbose=0))
    layers[3]["inbound_nodes"], layers[4]["inbound_nodes"] = layers[4]["inbound_nodes"], layers[3]["inbound_nodes"]
    assert "calls do not form a graph" in str(outcome(tmp_path / "m", raw, body))


def test_fault_36_functions_are_not_called_to_make_layers(tmp_path):
    called = []

    def harmless(**kwargs):
        called.append(kwargs)
        return L.Dense(2)

    raw = saved(tmp_path, mlp())
    body = config(raw)
    body["model"]["config"]["layers"][-1] = {"class_name": "harmless", "config": {"x": 1}}
    (tmp_path / "bad").write_bytes(with_meta(raw, config=body))
    with pytest.raises(hb.FormatError, match="'harmless' is not a class"):
        hb.load_model(tmp_path / "bad", custom_objects={"harmless": harmless})
    assert not called


def test_fault_36_errors_of_custom_objects_are_the_cause(tmp_path):
    class Odd(L.Layer):
        def call(self, x):
            return x + 1.0

    hb.Sequential([hb.Input((4,)), Odd()]).save(tmp_path / "m")

    class Broken(L.Layer):
        def __init__(self, **kwargs):
            raise FileNotFoundError(2, "vocabulary.txt")

    with pytest.raises(hb.FormatError, match=r"FileNotFoundError.*vocabulary\.txt") as e:
        hb.load_model(tmp_path / "m", custom_objects={"Odd": Broken})
    assert isinstance(e.value.__cause__, FileNotFoundError)


def test_fault_36_other_parts_of_the_metadata(tmp_path):
    raw = saved(tmp_path, mlp())
    body = config(raw)
    for bad in (
        7,
        None,
        [],
        {},
        "x",
        {"model": body["model"]["config"]["layers"][1]},
        {"compile": {}},
        {**body, "compile": 7},
    ):
        assert outcome(tmp_path / "bad", raw, bad)
    for key in ("config", "signature"):
        for bad in ("{", "7", "[]", "{}", '{"model_variables":"3"}', '{"model_variables":true}', '{"model_variables":-1}',
                    '{"model_variables":99}', '{"model_variables":2}', '{"model_variables":1e3}', "{" * 10**5, "nul"):  # fmt: skip
            (tmp_path / "bad").write_bytes(with_meta(raw, **{key: bad}))
            with pytest.raises(hb.FormatError, match="bad: "):
                hb.load_model(tmp_path / "bad")
    (tmp_path / "bad").write_bytes(with_meta(raw, signature=None))
    with pytest.raises(hb.FormatError, match="signature"):
        hb.load_model(tmp_path / "bad")
    mlp().save_weights(tmp_path / "w")
    with pytest.raises(hb.FormatError, match=r"save_weights\(\)"):
        hb.load_model(tmp_path / "w")


MEMORY = """
import resource, sys, hornbeam as hb
hb.load_model(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    try:
        hb.load_model(path)
    except hb.FormatError as e:
        assert "allows for" in str(e), e
        continue
    sys.exit(path + " was loaded")
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
assert grown < 60, f"{grown} MiB"
"""


def test_fault_36_a_small_file_takes_little_memory(tmp_path):
    bad = []
    cases = (
        ("mlp", "units", 2**25),
        ("mlp", "units", 2**22),
        ("mlp", "units", 2**60),
        ("conv", "filters", 2**24),
        ("conv", "kernel_size", [2**13, 2**13]),
        ("conv", "height", 2**30),
        ("lstm", "input_dim", 2**30),
        ("lstm", "units", 2**15),
        ("nested", "units", 2**15),
        ("attention", "num_heads", 2**30),
    )
    for i, (name, key, value) in enumerate(cases):
        raw = saved(tmp_path, MODELS[name]())
        body = config(raw)
        way = next(w for w in places(body) if w[-1] == key)
        bad.append(tmp_path / f"{i}.hornbeam")
        bad[-1].write_bytes(with_meta(raw, config=changed(body, way, value)))
    for metric in (
        {"class_name": "AUC", "config": {"num_thresholds": 2**31}},
        {"class_name": "MeanIoU", "config": {"num_classes": 2**15}},
    ):
        raw = saved(tmp_path, mlp())
        body = config(raw)
        body["compile"]["metrics"] = [metric]
        bad.append(tmp_path / f"{metric['class_name']}.hornbeam")
        bad[-1].write_bytes(with_meta(raw, config=body))
    raw = saved(tmp_path, mlp())  # many layers, each of which alone would do
    body = config(raw)
    layers = body["model"]["config"]["layers"]
    wide = {"class_name": "Dense", "config": {"units": 1000}}
    layers[-1:] = [{**wide, "config": {"units": 1000, "name": f"d{i}"}} for i in range(100)]
    bad.append(tmp_path / "many.hornbeam")
    bad[-1].write_bytes(with_meta(raw, config=body))
    assert max(os.path.getsize(b) for b in bad) < 100_000
    subprocess.run([sys.executable, "-c", MEMORY, tmp_path / "m.hornbeam", *bad], check=True, timeout=300)


def test_what_a_file_holds_can_always_be_loaded(tmp_path):
    """Weights beside which all else is small, weights of other dtypes, and state that no file holds."""
    big = hb.Sequential([hb.Input((1000,)), L.Dense(3000), L.Dense(3000), L.Dense(1)])
    big.compile("adam", "mse", metrics=[hb.metrics.AUC(), hb.metrics.MeanIoU(500)])
    big.save(tmp_path / "big")
    for a, b in zip(hb.load_model(tmp_path / "big").get_weights(), big.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for dtype in ("float64", "float16"):
        m = hb.Sequential([hb.Input((3,), dtype=dtype), L.Dense(2, dtype=dtype)])
        m.save(tmp_path / dtype)
        twin = hb.load_model(tmp_path / dtype)
        assert twin.weights[0].dtype == dtype
        np.testing.assert_array_equal(twin.get_weights()[0], m.get_weights()[0])


def test_fault_37_weights_that_do_not_fit_are_all_listed(tmp_path):
    m = mlp()
    m.save(tmp_path / "m")
    m.save_weights(tmp_path / "w")
    raw = (tmp_path / "m").read_bytes()
    body = config(raw)
    body["model"]["config"]["layers"][1]["config"]["units"] = 5
    body["model"]["config"]["layers"][-1]["config"]["units"] = 3
    e = outcome(tmp_path / "bad", raw, body)
    for part in ("dense/kernel has shape (3, 5) here and (3, 4) in the file", "dense_1/bias has shape (3,) here and (2,)",
                 "batch_normalization/gamma has shape (5,)"):  # fmt: skip
        assert part in str(e)
    body["model"]["config"]["layers"].pop()
    assert "holds 9 weights where its config makes 7" in str(outcome(tmp_path / "bad", raw, body))
    body = config(raw)
    body["model"]["config"]["layers"][-1]["config"]["dtype"] = "float64"
    assert outcome(tmp_path / "bad", raw, body) is None  # floats are cast
    header, data = split(raw)
    for name in ("dense/kernel", "dense/bias"):
        header[name]["dtype"] = "I32"
    (tmp_path / "ints").write_bytes(with_meta(join(header, data), functions="{}"))
    with pytest.raises(hb.FormatError, match="dense/kernel has dtype float32 here and int32 in the file"):
        hb.load_model(tmp_path / "ints")

    other = hb.Sequential([hb.Input((3,)), L.Dense(5), L.BatchNormalization(), L.Dropout(0.2), L.Dense(2)])
    fewer = hb.Sequential([hb.Input((3,)), L.Dense(4)])
    for model, match in (
        (other, r"kernel has shape \(3, 5\).*gamma has shape"),
        (fewer, r"holds \d weights. The model has 2"),
    ):
        kept = model.get_weights()
        for path in (tmp_path / "m", tmp_path / "w"):
            with pytest.raises(ValueError, match=match):
                model.load_weights(path)
            for a, b in zip(kept, model.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
    fewer.load_weights(tmp_path / "w", skip_mismatch=True)
    np.testing.assert_array_equal(fewer.get_weights()[0], m.get_weights()[0])
