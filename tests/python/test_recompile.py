"""Losses and metrics of what is compiled: again, after loading, one inside another; their names and order, as Keras 3.15."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops

X = np.arange(32).reshape(8, 4).astype("float32") / 32
Y = np.ones((8, 1), "float32")
P = X.sum(1, keepdims=True)  # what a Dense of ones predicts
MSE, MAE = float(((P - Y) ** 2).mean()), float(np.abs(P - Y).mean())


def still():
    return hb.optimizers.SGD(0.0)


def ones(name=None):
    return L.Dense(1, kernel_initializer="ones", name=name)


def model():
    return hb.Sequential([hb.Input((4,)), ones()])


def close(got, want):
    assert list(got) == list(want)
    for k, v in want.items():
        np.testing.assert_allclose(got[k], v, rtol=1e-5, err_msg=k)


def test_losses_of_each_compile():
    m = model()
    m.compile(still(), "mse", metrics=["mae"])
    close(m.fit(X, Y, verbose=0, validation_data=(X, Y)).history,
          {"loss": [MSE], "mae": [MAE], "val_loss": [MSE], "val_mae": [MAE]})  # fmt: skip
    m.compile(still(), "mae", metrics=["mse"])
    close(m.fit(X, Y, verbose=0).history, {"loss": [MAE], "mse": [MSE]})
    np.testing.assert_allclose(m.evaluate(X, Y, verbose=0), [MAE, MSE], rtol=1e-5)
    np.testing.assert_allclose(m.train_on_batch(X, Y), [MAE, MSE], rtol=1e-5)
    np.testing.assert_allclose(m.test_on_batch(X, Y), [MAE, MSE], rtol=1e-5)
    m.compile(still(), "mse")  # nothing of the compile before is left
    close(m.fit(X, Y, verbose=0).history, {"loss": [MSE]})
    m.compile(still())
    with pytest.raises(ValueError, match="no loss to compute"):
        m.fit(X, Y, verbose=0)


def test_frozen_and_compiled_again():
    m = hb.Sequential([hb.Input((4,)), ones("a"), ones("b")])
    m.compile(hb.optimizers.SGD(0.1), "mse")
    m.fit(X, Y, verbose=0)
    m.layers[0].trainable = False
    m.compile(hb.optimizers.SGD(0.1), "mse")
    before = m.get_weights()
    loss = m.evaluate(X, Y, verbose=0)
    assert m.fit(X, Y, verbose=0).history["loss"][0] == pytest.approx(loss)
    after = m.get_weights()
    assert [np.array_equal(a, b) for a, b in zip(before, after)] == [True, True, False, False]


def test_loaded_and_compiled(tmp_path):
    m = model()
    m.compile(hb.optimizers.Adam(0.01), "mse", metrics=["mae"])
    m.fit(X, Y, verbose=0)
    m.save(tmp_path / "m.hornbeam")
    again = hb.models.load_model(tmp_path / "m.hornbeam")
    assert again.evaluate(X, Y, verbose=0) == m.evaluate(X, Y, verbose=0)
    want = float(np.abs(m.predict(X, verbose=0) - Y).mean())
    for _ in range(2):
        again.compile(still(), "mae")
        assert again.evaluate(X, Y, verbose=0) == pytest.approx(want, rel=1e-5)
        close(again.fit(X, Y, verbose=0).history, {"loss": [want]})


def test_a_compiled_model_inside_another():
    inner = model()
    inner.compile("sgd", "mae", metrics=["mae"], weighted_metrics=["mse"])
    inner.evaluate(X, Y, verbose=0)
    outer = hb.Sequential([hb.Input((4,)), inner, L.Activation("linear")])
    outer.compile(still(), "mse", metrics=["mae"])
    close(outer.fit(X, Y, verbose=0).history, {"loss": [MSE], "mae": [MAE]})
    assert [m.name for m in outer.metrics] == ["loss", "compile_metrics"]
    assert inner.evaluate(X, Y, verbose=0, return_dict=True).keys() == {"loss", "mae", "mse"}

    class Layer(L.Layer):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def call(self, x):
            return self.inner(x)

    deep = hb.Sequential([hb.Input((4,)), Layer()])
    deep.compile(still(), "mse")
    close(deep.fit(X, Y, verbose=0).history, {"loss": [MSE]})


Z = float((np.zeros((8, 1)) - Y).mean() ** 2)


@pytest.mark.parametrize("options, names, values", [
    ({"loss": ["mse", "mae"], "metrics": [["mae"], ["mse", "mae"]]},
     ["loss", "p_loss", "p_mae", "q_loss", "q_mae", "q_mse"], [MSE + 1, MSE, 1, MAE, 1, 1]),
    ({"loss": {"p": "mse", "q": "mae"}, "loss_weights": {"p": 2.0, "q": 0.5}, "metrics": {"q": "mse"}},
     ["loss", "p_loss", "q_loss", "q_mse"], [2 * MSE + 0.5, MSE, 1, 1]),
    ({"loss": {"q": "mse", "p": "mae"}, "metrics": [["mae"], ["mse"]], "weighted_metrics": [["mae"], ["mae"]]},
     ["loss", "p_loss", "p_mae", "p_weighted_mae", "q_loss", "q_mae", "q_mse"], [MAE + 1, MAE, 1, MAE, MAE, 1, 1]),
    ({"loss": ["mse", None]}, ["loss"], [MSE]),
    ({"loss": "mse", "loss_weights": [1.0, 3.0], "metrics": [None, ["mae"]]},
     ["loss", "p_loss", "q_loss", "q_mae"], [MSE + 3, MSE, 1, 1]),
])  # fmt: skip
def test_several_outputs(options, names, values):
    i = hb.Input((4,))
    m = hb.Model(i, [ones("p")(i), L.Dense(1, name="q", kernel_initializer="zeros")(i)])
    for _ in range(2):
        m.compile(still(), **options)
        assert sorted(m.fit(X, [Y, Y], verbose=0).history) == names
        # the loss, the outputs' losses, then metrics by name: those of Keras' list
        np.testing.assert_allclose(
            m.evaluate(X, [Y, Y], verbose=0), values if len(values) > 1 else values[0], rtol=1e-5
        )
        np.testing.assert_allclose(m.train_on_batch(X, [Y, Y]), values if len(values) > 1 else values[0], rtol=1e-5)


def test_a_factor_for_each_output():
    i = hb.Input((4,))
    m = hb.Model(i, [ones("p")(i), ones("q")(i)])
    m.compile(still(), "mse", loss_weights=0.5)
    with pytest.raises(ValueError, match="needs one factor for each of the 2 outputs. Received: loss_weights=0.5"):
        m.fit(X, [Y, Y], verbose=0)
    m = model()
    m.compile(still(), "mse", loss_weights=0.5)
    assert m.evaluate(X, Y, verbose=0) == pytest.approx(MSE / 2, rel=1e-5)


def test_outputs_without_names_and_dicts():
    class Two(hb.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = ones(), L.Dense(1, kernel_initializer="zeros")

        def call(self, x):
            return [self.a(x), self.b(x)]

    m = Two()
    m.compile(still(), ["mse", "mae"], metrics=[["mse"], ["mse"]])
    close(m.fit(X, [Y, Y], verbose=0).history,
          {"loss": [MSE + 1], "mae_loss": [1], "mse": [MSE], "mse_1": [1], "mse_loss": [MSE]})  # fmt: skip

    class Named(Two):
        def call(self, x):
            return {"q": self.a(x), "p": self.b(x)}

    m = Named()
    m.compile(still(), {"q": "mse", "p": "mae"}, metrics={"q": ["mae"]})
    y = {"q": Y, "p": Y}
    close(m.fit(X, y, verbose=0).history, {"loss": [MSE + 1], "p_loss": [1], "q_loss": [MSE], "q_mae": [MAE]})
    np.testing.assert_allclose(m.evaluate(X, y, verbose=0), [MSE + 1, MSE, 1, MAE], rtol=1e-5)


@pytest.mark.parametrize("options, names, values", [
    ({"metrics": ["mse", "mae"]}, ["loss", "mae", "mse"], [MSE, MSE, MAE]),
    ({"metrics": ["MSE", "acc"]}, ["MSE", "acc", "loss"], [MSE, MSE, 0.875]),
    ({"metrics": ["MeanSquaredError", "AUC"]}, ["AUC", "MeanSquaredError", "loss"], [MSE, MSE, 0]),
    ({"metrics": ["mae", "mae", hb.metrics.MeanAbsoluteError()], "weighted_metrics": ["mae", "mse", "mse"]},
     ["loss", "mae", "mae_1", "mean_absolute_error", "mse", "weighted_mae", "weighted_mse"],
     [MSE, MAE, MAE, MAE, MAE, MSE, MSE, MAE, MAE, MSE]),
    ({"metrics": [hb.metrics.MeanSquaredError(name="z"), "mae"], "weighted_metrics": ["mae", "mse"]},
     ["loss", "mae", "mse", "weighted_mae", "z"], [MSE, MSE, MAE, MAE, MSE, MAE]),
    ({"metrics": [lambda a, b: ops.mean(a - b)]}, ["lambda", "loss"], [MSE, float((Y - P).mean())]),
    ({"metrics": [["mae", "mse"]]}, ["loss", "mae", "mse"], [MSE, MAE, MSE]),
    ({"metrics": [hb.losses.mean_squared_error]}, ["loss", "mean_squared_error"], [MSE, MSE]),
    ({"weighted_metrics": ["mse", "mae"]}, ["loss", "mae", "mse"], [MSE, MSE, MAE]),
])  # fmt: skip
def test_names_of_metrics(options, names, values):
    m = model()
    m.compile(still(), "mse", **options)
    logs = m.fit(X, Y, verbose=0).history
    assert list(logs) == names
    np.testing.assert_allclose(m.evaluate(X, Y, verbose=0), values, rtol=1e-5, atol=1e-6)
    by_name = m.evaluate(X, Y, verbose=0, return_dict=True)
    for name, value in logs.items():
        np.testing.assert_allclose(value[0], by_name[name], rtol=1e-5)


@pytest.mark.parametrize("loss", ["crossentropy", "ce"])
def test_crossentropy_by_shape(loss):
    def value(units, y):
        m = hb.Sequential([hb.Input((4,)), L.Dense(units, activation="sigmoid", kernel_initializer="ones")])
        m.compile(still(), loss)
        return m.evaluate(X, y, verbose=0)

    p = 1 / (1 + np.exp(-P))
    assert value(1, Y) == pytest.approx(float(-np.log(p).mean()), rel=1e-4)
    same = pytest.approx(np.log(3), rel=1e-4)  # three equal outputs
    assert value(3, np.zeros(8, "int32")) == same and value(3, np.eye(3, dtype="float32")[np.zeros(8, int)]) == same


def test_metrics_at_the_first_trace():
    class Guide(hb.Model):
        def __init__(self):
            super().__init__()
            self.d = ones()

        def call(self, x):
            return self.d(x)

        def train_step(self, data):
            x, y = data[:2]
            p = self(x)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(ops.mean(p))
                else:
                    metric.update_state(y, p)
            return {m.name: m.result() for m in self.metrics}

    m = Guide()
    m.compile(still(), "mse", metrics=["mae", hb.metrics.MeanSquaredError(name="z")])
    want = {"loss": [float(P.mean())] * 2, "mae": [MAE] * 2, "z": [MSE] * 2}
    close(m.fit(X, Y, epochs=2, batch_size=4, verbose=0).history, want)
    np.testing.assert_allclose(m.train_on_batch(X, Y), [float(P.mean()), MAE, MSE], rtol=1e-5)


def test_metrics_of_the_user_are_kept_and_start_over():
    mine = hb.metrics.MeanAbsoluteError(name="mine")
    m = model()
    for _ in range(2):
        m.compile(still(), "mse", metrics=[mine])
        close(m.fit(X, Y, epochs=2, verbose=0).history, {"loss": [MSE] * 2, "mine": [MAE] * 2})
    assert float(mine.result()) == pytest.approx(MAE, rel=1e-5)
    m.reset_metrics()
    assert float(mine.result()) == 0


def test_sample_weights_of_one_and_several_outputs():
    w = np.arange(8, dtype="float32")
    weighted = float(np.average(np.abs(P - Y)[:, 0], weights=w))
    i = hb.Input((4,))
    m = hb.Model(i, [ones("p")(i), ones("q")(i)])
    m.compile(still(), "mse", metrics=[["mae"], None], weighted_metrics=[["mae"], ["mae"]])
    logs = m.evaluate(X, [Y, Y], sample_weight=[w, np.ones(8, "float32")], verbose=0, return_dict=True)
    for name, value in (("p_mae", MAE), ("p_weighted_mae", weighted), ("q_mae", MAE)):
        assert logs[name] == pytest.approx(value, rel=1e-5)
    assert logs["p_loss"] == pytest.approx(float((w * ((P - Y) ** 2)[:, 0]).mean()), rel=1e-5)
