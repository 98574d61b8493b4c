"""Trains a convolutional network on real handwritten digits: ``python -m hornbeam.examples.digits [--out DIR]``.

The 1,797 8x8 images that scikit-learn ships; a stratified fifth is held out. Writes the model, the training curve and the
confusion matrix.
"""

from __future__ import annotations

import argparse
import pathlib
import time
from typing import Any

import numpy as np

import hornbeam as hb
from hornbeam import layers


def load() -> tuple[Any, Any, Any, Any]:
    """Images in [0, 1] ``(n, 8, 8, 1)`` and labels, for training and for testing, in a fixed stratified order."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    x = (digits.images / 16.0).astype("float32")[..., None]
    y = digits.target.astype("int32")
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
    return x_train, y_train, x_test, y_test


def build() -> hb.Sequential:
    """Two convolutions with batch normalization, pooling, and two dense layers."""
    return hb.Sequential(
        [
            hb.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Conv2D(64, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.25),
            layers.Dense(10, activation="softmax"),
        ]
    )


def train(seed: int, epochs: int = 20, verbose: Any = 0) -> tuple[hb.Sequential, dict[str, list[float]], float]:
    """A trained model, its history and its accuracy on the held-out fifth."""
    hb.utils.set_random_seed(seed)
    x_train, y_train, x_test, y_test = load()
    model = build()
    schedule = hb.optimizers.schedules.CosineDecay(2e-3, epochs * 21)
    model.compile(optimizer=hb.optimizers.Adam(schedule), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, batch_size=64, epochs=epochs, validation_split=0.1, verbose=verbose)
    accuracy = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
    return model, history.history, accuracy


def plot(history: dict[str, list[float]], confusion: Any, out: pathlib.Path) -> None:
    """Writes both pictures."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5))
    for axis, key in zip(axes, ("loss", "accuracy")):
        axis.plot(history[key], label="training")
        axis.plot(history["val_" + key], label="validation")
        axis.set_xlabel("epoch")
        axis.set_title(key)
        axis.legend()
    figure.tight_layout()
    figure.savefig(out / "training_curve.png", dpi=110)
    plt.close(figure)
    figure, axis = plt.subplots(figsize=(4.5, 4.5))
    axis.imshow(confusion, cmap="Blues")
    for i in range(10):
        for j in range(10):
            axis.text(j, i, str(int(confusion[i, j])), ha="center", va="center", fontsize=8)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    axis.set_xticks(range(10))
    axis.set_yticks(range(10))
    figure.tight_layout()
    figure.savefig(out / "confusion_matrix.png", dpi=110)
    plt.close(figure)


def main() -> None:
    """Trains, evaluates, writes, and says where."""
    parser = argparse.ArgumentParser(prog="python -m hornbeam.examples.digits")
    parser.add_argument("--out", default="digits", help="folder for the results")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    model, history, accuracy = train(args.seed, args.epochs, verbose="auto")
    seconds = time.perf_counter() - start
    _, _, x_test, y_test = load()
    predicted = model.predict(x_test, verbose=0).argmax(-1)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (y_test, predicted), 1)
    model.save(out / "digits.hornbeam")
    plot(history, confusion, out)
    print(f"accuracy on the {len(y_test)} held-out digits: {accuracy:.2%}, trained in {seconds:.1f} s")
    for name in ("digits.hornbeam", "training_curve.png", "confusion_matrix.png"):
        print(f"wrote {(out / name).resolve()}")


if __name__ == "__main__":
    main()
