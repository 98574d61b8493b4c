"""Tells pictures of two kinds apart, read from a folder: ``python -m hornbeam.examples.pictures [FOLDER]``.

The folder is made of pieces of the two photographs that scikit-learn ships; a third of each photograph is for the test alone.
"""

from __future__ import annotations

import pathlib
import sys
import tempfile
from typing import Any

import numpy as np

import hornbeam as hb
from hornbeam import layers

SIZE = 48


def make_folder(folder: pathlib.Path, training: int = 160, test: int = 60) -> None:
    """Writes ``folder/training/china/0.png`` and so on."""
    from sklearn.datasets import load_sample_image

    numbers = np.random.default_rng(0)
    for name in ("china", "flower"):
        left, right = np.split(load_sample_image(f"{name}.jpg"), [420], axis=1)
        for part, count, photograph in (("training", training, left), ("test", test, right)):
            (folder / part / name).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                y, x = (int(numbers.integers(n - SIZE + 1)) for n in photograph.shape[:2])
                hb.utils.save_img(
                    folder / part / name / f"{i}.png", photograph[y : y + SIZE, x : x + SIZE], scale=False
                )


def train(folder: pathlib.Path, epochs: int = 8, verbose: Any = 0) -> tuple[hb.Sequential, float]:
    """A model trained on the folder's training pictures, and its accuracy on the test's."""
    hb.utils.set_random_seed(0)
    options: dict[str, Any] = {"image_size": (SIZE, SIZE), "label_mode": "binary", "batch_size": 16, "verbose": False}
    pictures = hb.utils.image_dataset_from_directory(folder / "training", seed=0, **options)
    others = hb.utils.image_dataset_from_directory(folder / "test", shuffle=False, **options)
    blocks: list[Any] = [layers.RandomFlip("horizontal"), layers.RandomRotation(0.05), layers.RandomContrast(0.2)]
    blocks.append(layers.Rescaling(1 / 255))
    for filters in (16, 32, 64):
        blocks += [layers.Conv2D(filters, 3, activation="relu"), layers.MaxPooling2D()]
    blocks += [layers.GlobalAveragePooling2D(), layers.Dropout(0.2), layers.Dense(1, activation="sigmoid")]
    model = hb.Sequential([hb.Input((SIZE, SIZE, 3)), *blocks])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(pictures, epochs=epochs, verbose=verbose)
    return model, model.evaluate(others, verbose=0, return_dict=True)["accuracy"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        place = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        make_folder(place)
        print(f"accuracy on pieces of the photographs' other third: {train(place, verbose='auto')[1]:.2%}")
