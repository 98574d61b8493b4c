"""Fault 18: a loss or a metric never broadcasts its targets, weights or masks against the predictions in silence. Where the
numbers of axes differ by one, a last axis of 1 comes or goes, as in Keras; where Keras broadcasts targets and predictions, a
warning names both shapes; everything else is refused."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import losses, metrics

RNG = np.random.default_rng(0)
T, P = RNG.integers(0, 2, (8, 1)).astype("float32"), RNG.uniform(0.1, 0.9, (8, 1)).astype("float32")
PAIRED = {  # losses of targets and predictions of one shape
    "mean_squared_error": losses.MeanSquaredError,
    "mean_absolute_error": losses.MeanAbsoluteError,
    "mean_absolute_percentage_error": losses.MeanAbsolutePercentageError,
    "mean_squared_logarithmic_error": losses.MeanSquaredLogarithmicError,
    "huber": losses.Huber,
    "log_cosh": losses.LogCosh,
    "hinge": losses.Hinge,
    "squared_hinge": losses.SquaredHinge,
    "categorical_hinge": losses.CategoricalHinge,
    "kl_divergence": losses.KLDivergence,
    "poisson": losses.Poisson,
    "cosine_similarity": losses.CosineSimilarity,
    "binary_crossentropy": losses.BinaryCrossentropy,
    "binary_focal_crossentropy": losses.BinaryFocalCrossentropy,
    "categorical_crossentropy": losses.CategoricalCrossentropy,
    "categorical_focal_crossentropy": losses.CategoricalFocalCrossentropy,
    "dice": losses.Dice,
    "tversky": losses.Tversky,
}
STRICT = ("binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy")  # in Keras, too
WRONG = [((8,), (8, 3)), ((4, 3), (8, 3)), ((8, 3), (8, 2))]
BROADCAST = [
    ((8, 1), (8, 3)),
    ((8, 3), (8, 1)),
    ((1, 3), (8, 3)),
    ((8, 3), (1, 3)),
    ((8, 3, 1), (8, 1)),
    ((3,), (8, 3)),
]
BROADCAST += [((8, 3, 1, 1), (8, 3)), ((), (8, 3))]


def test_fault_18_every_loss_is_here():
    classes = {c for c in vars(losses).values() if isinstance(c, type) and issubclass(c, losses.Loss)}
    base = {losses.Loss, losses.LossFunctionWrapper, losses.SparseCategoricalCrossentropy}
    assert classes - base == set(PAIRED.values())


@pytest.mark.parametrize("name", PAIRED)
def test_fault_18_losses_do_not_broadcast(name):
    loss, function = PAIRED[name](), getattr(losses, name)
    for t, p in WRONG + (BROADCAST if name in STRICT else []):
        for call in (loss, function, hb.function(loss)):
            with pytest.raises(ValueError, match=rf"\[{name}\] y_true and y_pred must have one shape. Received"):
                call(np.full(t, 0.5, "float32"), np.full(p, 0.5, "float32"))


@pytest.mark.parametrize("name", [n for n in PAIRED if n not in STRICT])
def test_fault_18_losses_that_broadcast_say_so(name):
    loss, function = PAIRED[name](), getattr(losses, name)
    for t, p in BROADCAST[: -1 if name == "cosine_similarity" else None]:  # a number has no direction
        y, q = RNG.uniform(0.1, 0.9, t).astype("float32"), RNG.uniform(0.1, 0.9, p).astype("float32")
        line = rf"\[{name}\] y_true and y_pred have different shapes: .*y_true.shape=\(.*\), y_pred.shape=\("
        pair = (y[..., 0], q) if y.ndim == 3 else (y, q)
        for call in (loss, function, hb.function(loss)):
            with pytest.warns(UserWarning, match=line):
                got = np.asarray(call(y, q))
        if name not in ("dice", "tversky", "cosine_similarity", "categorical_focal_crossentropy"):  # those sum first
            want = loss(*(np.ascontiguousarray(a) for a in np.broadcast_arrays(*pair)))
            np.testing.assert_allclose(got, np.asarray(want), rtol=1e-5)


@pytest.mark.parametrize("name", PAIRED)
def test_fault_18_columns_and_vectors_agree(name):
    loss = PAIRED[name]()
    want = float(loss(T, P))
    assert float(loss(T[:, 0], P)) == want  # (8,) beside (8, 1): a column, as Keras has it
    assert float(loss(T, P[:, 0])) == want
    assert float(loss(T[..., None], P)) == want
    if name not in ("dice", "tversky"):
        weight = np.arange(8, dtype="float32")
        each = np.asarray(PAIRED[name](reduction="none")(T, P))
        assert each.shape == (8,)
        for w in (weight, weight[:, None]):
            np.testing.assert_allclose(float(loss(T, P[:, 0], sample_weight=w)), (each * weight).mean(), rtol=1e-6)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize(
    "t,p",
    [
        ((8, 3), (8, 3)),
        ((8, 2), (8, 3)),
        ((4,), (8, 3)),
        ((1,), (8, 3)),
        ((), (8, 3)),
        ((8, 5), (8, 5, 3, 2)),
        ((8,), (8,)),
    ],
)
def test_fault_18_sparse_targets_do_not_broadcast(t, p, from_logits):
    with pytest.raises(ValueError, match="`target` must have `output`.s axes"):
        losses.SparseCategoricalCrossentropy(from_logits)(np.zeros(t, "int32"), np.full(p, 0.3, "float32"))
    with pytest.raises(ValueError, match=r"y_true must have y_pred's axes but the last|target|labels"):
        metrics.sparse_categorical_accuracy(np.zeros(t, "int32"), np.full(p, 0.3, "float32"))


@pytest.mark.parametrize("weight", [(3,), (8, 8), (1, 8), (4,), (8, 3), (8, 1, 8), (0,)])
def test_fault_18_weights_do_not_broadcast(weight):
    w = np.ones(weight, "float32")
    for loss in (losses.MeanSquaredError(), losses.MeanSquaredError(reduction="mean_with_sample_weight")):
        with pytest.raises(ValueError, match=r"sample_weight must fit the values it weighs, of shape \(8,\). Received"):
            loss(T, P, sample_weight=w)
    for metric in (metrics.MeanSquaredError(), metrics.BinaryAccuracy(), metrics.Mean()):
        with pytest.raises(ValueError, match="sample_weight must fit the values it weighs"):
            metric.update_state(*([T[:, 0]] if type(metric) is metrics.Mean else [T, P]), sample_weight=w)
    for metric in (metrics.AUC(5), metrics.Precision(), metrics.F1Score(), metrics.MeanIoU(2), metrics.R2Score()):
        if weight == (8, 1, 8) or (weight in ((3,), (8, 8), (4,), (0,), (1, 8), (8, 3))):
            with pytest.raises(ValueError, match="sample_weight must fit the values it weighs"):
                metric.update_state(T, T if isinstance(metric, metrics.MeanIoU) else P, sample_weight=w)


def test_fault_18_weights_that_fit():
    each = (T - P)[:, 0] ** 2
    w = np.arange(8, dtype="float32")
    for weight, factor in ((w, w), (w[:, None], w), (np.float32(2), 2), (np.ones(1, "float32") * 3, 3)):
        got = losses.MeanSquaredError()(T, P, sample_weight=weight)
        np.testing.assert_allclose(float(got), (each * factor).mean(), rtol=1e-6)
    series = RNG.normal(size=(8, 5, 2)).astype("float32")
    for weight in (w, np.ones((8, 5), "float32")):
        losses.MeanSquaredError()(series, series * 0, sample_weight=weight)
    with pytest.raises(ValueError, match="sample_weight must fit"):
        losses.MeanSquaredError()(series, series * 0, sample_weight=np.ones((8, 4), "float32"))


@pytest.mark.parametrize(
    "metric",
    [metrics.Accuracy, metrics.BinaryAccuracy, metrics.CategoricalAccuracy, metrics.TopKCategoricalAccuracy]
    + [metrics.AUC, metrics.Precision, metrics.Recall, metrics.TruePositives, metrics.F1Score, metrics.R2Score]
    + [metrics.RootMeanSquaredError, metrics.MeanSquaredError, metrics.CosineSimilarity, metrics.KLDivergence],
)
def test_fault_18_metrics_do_not_broadcast(metric):
    loose = metric in (metrics.Accuracy, metrics.BinaryAccuracy, metrics.RootMeanSquaredError, metrics.MeanSquaredError)
    loose |= metric is metrics.KLDivergence
    for t, p in BROADCAST:
        if not loose:
            break
        y, q = RNG.uniform(0.1, 0.9, t).astype("float32"), RNG.uniform(0.1, 0.9, p).astype("float32")
        m, twin = metric(), metric()
        with pytest.warns(UserWarning, match="y_true and y_pred have different shapes: one is broadcast to the other"):
            m.update_state(y, q)
        pair = np.broadcast_arrays(y[..., 0] if y.ndim == 3 else y, q)
        twin.update_state(*(np.ascontiguousarray(a) for a in pair))
        np.testing.assert_allclose(float(m.result()), float(twin.result()), rtol=1e-5)
    for t, p in WRONG + ([] if loose or metric is metrics.CosineSimilarity else BROADCAST):
        if metric is metrics.TopKCategoricalAccuracy and len(t) == 0:
            continue
        m = metric()
        with pytest.raises(ValueError, match="y_true and y_pred must have one shape. Received"):
            m.update_state(np.ones(t, "float32"), np.ones(p, "float32"))


def test_fault_18_in_training():
    for units, y in ((2, (8, 3)), (2, (8,)), (3, (8, 2))):
        model = hb.Sequential([hb.Input((4,)), L.Dense(units)])
        model.compile("sgd", "mse", metrics=["mae"])
        kept = model.get_weights()
        for call in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match=r"\[mean_squared_error\] y_true and y_pred must have one shape"):
                call(np.ones((8, 4)), np.ones(y), verbose=0)
        for a, b in zip(kept, model.get_weights()):
            np.testing.assert_array_equal(a, b)
    for units, y in ((2, (8, 1)), (1, (8, 2))):
        model = hb.Sequential([hb.Input((4,)), L.Dense(units)])
        model.compile("sgd", "mse")
        with pytest.warns(UserWarning, match=rf"y_true.shape=\(None, {y[1]}\), y_pred.shape=\(None, {units}\)"):
            got = model.evaluate(np.ones((8, 4)), np.full(y, 3.0), verbose=0)
        np.testing.assert_allclose(got, np.mean((model.predict(np.ones((8, 4)), verbose=0) - 3) ** 2), rtol=1e-5)
    model = hb.Sequential([hb.Input((4,)), L.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = RNG.normal(size=(8, 4)), RNG.normal(size=8)
    column = model.evaluate(x, y[:, None], verbose=0)
    assert model.evaluate(x, y, verbose=0) == column
    p = model.predict(x, verbose=0)
    np.testing.assert_allclose(column, [((p[:, 0] - y) ** 2).mean(), np.abs(p[:, 0] - y).mean()], rtol=1e-5)
    with pytest.raises(ValueError, match="sample_weight must fit"):
        model.fit(x, y, sample_weight=np.ones((8, 8)), verbose=0)
