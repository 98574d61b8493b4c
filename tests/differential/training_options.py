"""Random losses, metrics, optimizers, schedules, callbacks and things to do with a model."""

from __future__ import annotations

import random
from typing import Any

from layer_options import Spec, maybe, obj


def loss(r: random.Random, kind: str) -> Spec:
    """A loss and metrics for a kind of output."""
    table: dict[str, tuple[list[Any], list[Any]]] = {
        "number": (
            ["mse", "mae", "huber", "log_cosh", obj("Huber", delta=0.5), obj("MeanSquaredError", reduction="sum")]
            + ["cosine_similarity"],
            ["mae", "mse", obj("RootMeanSquaredError"), obj("MeanAbsoluteError", name="error"), "cosine_similarity"],
        ),
        "class": (
            ["categorical_crossentropy", obj("CategoricalCrossentropy", label_smoothing=0.1), "kl_divergence"],
            ["accuracy", "categorical_crossentropy", obj("TopKCategoricalAccuracy", k=2), obj("CategoricalAccuracy")],
        ),
        "sparse": (
            ["sparse_categorical_crossentropy", obj("SparseCategoricalCrossentropy")],
            ["accuracy", "sparse_categorical_accuracy", obj("SparseTopKCategoricalAccuracy", k=2)],
        ),
        "yes": (
            ["binary_crossentropy", obj("BinaryCrossentropy", label_smoothing=0.1), "mse", "binary_focal_crossentropy"],
            [
                "accuracy",
                obj("BinaryAccuracy", threshold=0.4),
                obj("Precision"),
                obj("Recall"),
                obj("AUC", num_thresholds=20),
            ],
        ),
    }
    losses, metrics = table[kind]
    return {
        "loss": r.choice(losses),
        "metrics": r.sample(metrics, r.randint(0, 2)),
        "weighted": r.sample(metrics, 1) if r.random() < 0.2 else [],
    }


def schedule(r: random.Random) -> Any:
    return r.choice(
        [
            obj(
                "ExponentialDecay",
                initial_learning_rate=0.05,
                decay_steps=2,
                decay_rate=0.7,
                **maybe(r, 0.5, staircase=True),
            ),
            obj("PiecewiseConstantDecay", boundaries=[1, 3], values=[0.05, 0.02, 0.01]),
            obj("CosineDecay", initial_learning_rate=0.05, decay_steps=5, **maybe(r, 0.5, alpha=0.2)),
            obj("PolynomialDecay", initial_learning_rate=0.05, decay_steps=4, **maybe(r, 0.5, power=2.0, cycle=True)),
            obj("InverseTimeDecay", initial_learning_rate=0.05, decay_steps=2, decay_rate=0.5),
        ]
    )


def optimizer(r: random.Random) -> Any:
    rate: Any = schedule(r) if r.random() < 0.2 else r.choice([0.01, 0.03])
    cls = r.choice(["SGD", "SGD", "Adam", "Adam", "RMSprop", "Adagrad", "Adamax", "Nadam", "AdamW", "Adadelta"])
    own: Spec = {
        "SGD": maybe(r, 0.4, momentum=0.8, nesterov=True),
        "Adam": {"epsilon": 0.01, **maybe(r, 0.3, amsgrad=True, beta_1=0.7)},
        "RMSprop": {"epsilon": 0.01, **maybe(r, 0.3, momentum=0.5, centered=True, rho=0.8)},
        "AdamW": {"epsilon": 0.01, **maybe(r, 0.5, weight_decay=0.1)},
    }.get(cls, {"epsilon": 0.01})
    some = maybe(r, 0.1, clipnorm=0.5, clipvalue=0.1, global_clipnorm=0.7, weight_decay=0.05, use_ema=True)
    for name in ("clipnorm", "clipvalue", "global_clipnorm"):
        if name in some:  # one of them at most
            some = {k: v for k, v in some.items() if k == name or "clip" not in k}
    if "use_ema" in some:
        some.update(maybe(r, 0.5, ema_momentum=0.6, ema_overwrite_frequency=2))
    return obj(cls, learning_rate=rate, **{**some, **own})


def compiling(r: random.Random, outputs: int) -> Spec:
    """What compile takes, but for what belongs to an output."""
    made: Spec = {"optimizer": optimizer(r)}
    if outputs > 1 and r.random() < 0.4:
        made["loss_weights"] = [round(r.uniform(0.2, 2.0), 2) for _ in range(outputs)]
    return made


def callback(r: random.Random) -> Any:
    return r.choice(
        [
            obj(
                "EarlyStopping", monitor="loss", patience=0, **maybe(r, 0.5, restore_best_weights=True, min_delta=0.01)
            ),
            obj("ReduceLROnPlateau", monitor="loss", patience=1, factor=0.5, min_delta=0.05),
        ]
    )


def action(r: random.Random, weighted: bool, outputs: int) -> Spec:
    """A step of training or evaluation."""
    do = r.choice(["fit", "fit", "fit", "evaluate", "train_on_batch", "test_on_batch"])
    made: Spec = {"do": do, "weights": weighted and outputs == 1 and r.random() < 0.7}
    if do == "fit":
        made["args"] = {"epochs": r.randint(1, 3), "batch_size": r.choice([2, 3, 4, 16])}
        made["validation"] = r.choice([None, None, "data", 0.3])
        made["callbacks"] = [callback(r)] if r.random() < 0.2 else []
        if r.random() < 0.1:
            made["args"]["initial_epoch"] = 1
        if made["validation"] and r.random() < 0.2:
            made["args"]["validation_freq"] = r.choice([2, [1, 3]])
        if r.random() < 0.1:
            made["args"]["steps_per_epoch"] = 2
    elif do == "evaluate":
        made["args"] = {"batch_size": r.choice([2, 4, 16])}
    return made
