"""Losses and metrics inside compiled steps do what they do on their own, for batches of any size."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import losses, metrics, ops

R = np.random.RandomState(0)
N, C = 22, 4
YES, LIKELY = R.randint(0, 2, (N, C)).astype("float32"), R.uniform(0.05, 0.95, (N, C)).astype("float32")
CLASSES = R.randint(0, C, (N, 1))
ONE_HOT = np.eye(C, dtype="float32")[CLASSES[:, 0]]
SHARES = LIKELY / LIKELY.sum(1, keepdims=True)
WEIGHTS = R.uniform(0.2, 2, N).astype("float32")
METRICS = {
    "binary": (lambda: metrics.BinaryAccuracy(threshold=0.4), YES, LIKELY),
    "categorical": (metrics.CategoricalAccuracy, ONE_HOT, SHARES),
    "sparse": (metrics.SparseCategoricalAccuracy, CLASSES, SHARES),
    "top k": (lambda: metrics.SparseTopKCategoricalAccuracy(2), CLASSES, SHARES),
    "mse": (metrics.MeanSquaredError, YES, LIKELY),
    "rmse": (metrics.RootMeanSquaredError, YES, LIKELY),
    "ignored": (lambda: metrics.SparseCategoricalCrossentropy(ignore_class=2), CLASSES, SHARES),
    "precision": (metrics.Precision, YES, LIKELY),
    "precision of the best": (lambda: metrics.Precision(top_k=2), YES, LIKELY),
    "recall of a class": (lambda: metrics.Recall(class_id=1, thresholds=[0.3]), YES, LIKELY),
    "false negatives": (metrics.FalseNegatives, YES, LIKELY),
    "auc": (metrics.AUC, YES, LIKELY),
    "pr": (lambda: metrics.AUC(curve="PR", num_thresholds=11), YES, LIKELY),
    "auc by label": (lambda: metrics.AUC(multi_label=True, label_weights=[1, 2, 3, 4]), YES, LIKELY),
    "f1": (lambda: metrics.F1Score(average="weighted", threshold=0.5), YES, LIKELY),
    "f1 of the best": (lambda: metrics.F1Score(average="micro"), ONE_HOT, SHARES),
    "iou": (lambda: metrics.MeanIoU(C, sparse_y_pred=False, ignore_class=1), CLASSES[:, 0], SHARES),
    "r2": (lambda: metrics.R2Score(num_regressors=2), YES, LIKELY),
    "r2 by variance": (lambda: metrics.R2Score(class_aggregation="variance_weighted_average"), YES, LIKELY),
}


def identity(loss, x, **kwargs):
    model = hb.Sequential([hb.Input(x.shape[1:]), L.Identity()])
    model.compile("sgd", loss, **kwargs)
    return model


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", METRICS)
def test_compiled_metrics(name, weighted):
    make, t, p = METRICS[name]
    on_its_own = make()
    for i in range(0, N, 8):
        on_its_own.update_state(t[i : i + 8], p[i : i + 8], sample_weight=WEIGHTS[i : i + 8] if weighted else None)
    model = identity(lambda y, q: ops.mean(q, axis=-1), p, **{"weighted_metrics" if weighted else "metrics": [make()]})
    logs = model.evaluate(p, t, sample_weight=WEIGHTS if weighted else None, batch_size=8, verbose=0)
    np.testing.assert_allclose(logs[1], float(on_its_own.result()), rtol=1e-5)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("loss", [losses.Dice, losses.Tversky, losses.MeanSquaredError, losses.BinaryCrossentropy])
def test_compiled_losses_under_masks_and_weights(loss, reduction):
    series = R.uniform(0.1, 0.9, (6, 5, 2)).astype("float32")
    series[1, 3:], series[4, 1:] = 0, 0
    targets = R.randint(0, 2, (6, 5, 2)).astype("float32")
    weights = R.uniform(0.2, 2, (6, 5)).astype("float32")
    model = hb.Sequential([hb.Input((5, 2)), L.Masking()])
    model.compile("sgd", loss(reduction=reduction))
    seen = np.any(series != 0, -1).astype("float32")
    each = np.asarray(loss(reduction="none")(targets, series))
    whole = each.ndim == 0  # one value for everything, which each weight weighs
    for given in ({}, {"sample_weight": weights}):
        w = seen * given.get("sample_weight", 1)
        want = (each * w).sum() / {"sum": 1, "mean_with_sample_weight": w.sum()}.get(reduction, seen.sum())
        got = model.evaluate(series, targets, batch_size=6, verbose=0, **given)
        np.testing.assert_allclose(got, want, rtol=1e-5, err_msg=f"{given.keys()} {whole}")


def test_ignored_classes_are_not_counted_in_training():
    ids = np.array([[0], [3], [3], [1], [2], [3]])
    logits = R.normal(size=(6, 4)).astype("float32")
    model = hb.Sequential([hb.Input((4,)), L.Dense(4, use_bias=False, kernel_initializer="identity")])
    model.compile(hb.optimizers.SGD(1.0), losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=3))
    got = model.fit(logits, ids, batch_size=6, verbose=0).history["loss"][0]
    share = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    kept = ids[:, 0] != 3
    np.testing.assert_allclose(got, -np.log(share[kept, ids[kept, 0]]).mean(), rtol=1e-5)
    slope = np.where(kept[:, None], share - np.eye(4)[ids[:, 0]], 0) / kept.sum()
    np.testing.assert_allclose(model.get_weights()[0], np.eye(4) - logits.T @ slope, rtol=1e-4, atol=1e-6)


def test_each_batch_alone_is_logged_by_train_and_test_on_batch():
    model = identity("mse", LIKELY, metrics=["mae"])
    for t in (YES, YES * 3, YES - 5):
        want = [((t - LIKELY) ** 2).mean(), np.abs(t - LIKELY).mean()]
        np.testing.assert_allclose(model.test_on_batch(LIKELY, t), want, rtol=1e-5)
        np.testing.assert_allclose(model.train_on_batch(LIKELY, t), want, rtol=1e-5)


def test_losses_are_computed_in_their_dtype():
    for dtype in ("float16", "float32", "float64"):
        loss = losses.MeanSquaredError(dtype=dtype)
        assert loss.dtype == dtype and loss(YES, LIKELY.astype("float64")).dtype == dtype
    assert losses.MeanSquaredError()(YES, LIKELY.astype("float64")).dtype == "float32"
    with pytest.raises(ValueError, match="Cannot convert 'text' to a dtype policy.*Received: dtype='text'"):
        losses.Huber(dtype="text")


def test_scaled_losses_scale_their_gradients_back():
    optimizer = hb.optimizers.SGD(0.1, loss_scale_factor=8.0)
    assert float(optimizer.scale_loss(hb.ops.convert_to_tensor(2.0))) == 16.0
    w = hb.Variable([1.0])
    optimizer.apply([np.float32([8.0])], [w])
    np.testing.assert_allclose(w.numpy(), [0.9], rtol=1e-6)
    for bad in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="`loss_scale_factor`"):
            hb.optimizers.SGD(0.1, loss_scale_factor=bad)


def test_wrong_options_are_named():
    for make, word in (
        (lambda: metrics.AUC(num_labels=3), "num_labels"),
        (lambda: metrics.AUC(thresholds=[0.5, 1.5]), "thresholds"),
        (lambda: metrics.AUC(curve="XY"), "curve"),
        (lambda: metrics.F1Score(threshold=0.0), "threshold"),
        (lambda: metrics.FBetaScore(beta=-1.0), "beta"),
        (lambda: hb.optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=0), "ema_overwrite_frequency"),
        (lambda: hb.optimizers.schedules.CosineDecay(0.1, 0), "decay_steps"),
        (lambda: hb.optimizers.schedules.CosineDecayRestarts(0.1, -2), "first_decay_steps"),
    ):
        with pytest.raises(ValueError, match=f"`{word}`.*Received"):
            make()
    labels = metrics.AUC(multi_label=True, num_labels=3)
    with pytest.raises(ValueError, match=r"AUC with multi_label takes \(batch, 3\)"):
        labels.update_state(YES, LIKELY)


def test_each_class_may_have_its_own_weight():
    y, p = np.array([[0, 1, 0], [1, 0, 0]], "float32"), np.array([[0.2, 0.7, 0.1], [0.5, 0.3, 0.2]], "float32")
    for alpha in ([0.2, 0.3, 0.5], np.array([0.2, 0.3, 0.5])):
        loss = hb.losses.CategoricalFocalCrossentropy(alpha=alpha)
        assert float(loss(y, p)) == pytest.approx(0.0221437924, rel=1e-6)  # Keras' on JAX
        again = hb.losses.deserialize(hb.losses.serialize(loss))
        assert again.alpha == [0.2, 0.3, 0.5] and float(again(y, p)) == float(loss(y, p))
    with pytest.raises(ValueError, match="alpha"):
        hb.losses.CategoricalFocalCrossentropy(alpha=[0.2, -1.0])
