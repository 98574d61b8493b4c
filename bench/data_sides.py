"""The pipelines that `data.py` times: for each workload and framework a function that makes a pass over the data and returns
``(one_pass, note)``. Frameworks are imported by the function that uses them."""

from __future__ import annotations

import os
import pathlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Made = tuple[Callable[[], None], str]
CPUS = os.cpu_count() or 1
MEAN, DEVIATION = (123.7, 116.3, 103.5), (58.4, 57.1, 57.4)  # of ImageNet, in 0..255


def drain(batches: Any) -> None:
    """Takes all batches, and has a look at each."""
    for batch in batches:
        first = batch[0] if isinstance(batch, (tuple, list)) else batch
        assert len(first)


def fastest(make: Callable[[int], Callable[[], None]], workers: list[int], short: Callable[[int], None]) -> Made:
    """The number of workers that makes a pass fastest, found by one try each."""
    seconds = {}
    for n in workers:
        one = make(n)
        one()
        start = time.perf_counter()
        one()
        seconds[n] = time.perf_counter() - start
    best = min(seconds, key=lambda n: seconds[n])
    return make(best), f"{best} workers"


# ---- jpeg ----
def jpeg_hornbeam(folder: pathlib.Path) -> Made:
    import hornbeam as hb

    crop = hb.layers.RandomCrop(224, 224, dtype="uint8")
    normalize = hb.layers.Normalization(mean=MEAN, variance=[d * d for d in DEVIATION])
    flip = hb.layers.RandomFlip("horizontal", dtype="uint8")

    def load(path: str) -> Any:
        return hb.utils.img_to_array(hb.utils.load_img(path), dtype="uint8")

    files = hb.data.Dataset.list_files(str(folder / "*" / "*.jpg"), shuffle=True, seed=0)
    parts = files.map(load, num_parallel_calls=hb.data.AUTOTUNE).map(lambda x: crop(x, training=True)).batch(32)
    batches = parts.map(lambda x: normalize(flip(x, training=True))).prefetch(4)
    return lambda: drain(batches), "Pillow, layers; pictures are cropped before they are gathered"


def jpeg_torch(folder: pathlib.Path) -> Made:
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    files = sorted(folder.glob("*/*.jpg"))
    steps = [v2.PILToTensor(), v2.RandomCrop(224), v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32)]
    transform = v2.Compose([*steps, v2.Normalize(MEAN, DEVIATION)])

    class Files(Dataset[Any]):
        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, i: int) -> Any:
            return transform(Image.open(files[i]).convert("RGB"))

    def make(workers: int) -> Callable[[], None]:
        loader = DataLoader(Files(), 32, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
        return lambda: drain(loader)

    return fastest(make, [0, 1, 2, 4], drain)


def jpeg_tensorflow(folder: pathlib.Path) -> Made:
    import tensorflow as tf

    def load(path: Any) -> Any:
        image = tf.io.decode_jpeg(tf.io.read_file(path), 3)
        image = tf.image.random_flip_left_right(tf.image.random_crop(image, (224, 224, 3)))
        return (tf.cast(image, tf.float32) - MEAN) / DEVIATION

    files = tf.data.Dataset.list_files(str(folder / "*" / "*.jpg"), shuffle=True)
    batches = files.map(load, tf.data.AUTOTUNE).batch(32).prefetch(tf.data.AUTOTUNE)
    return lambda: drain(batches), "tf.image, AUTOTUNE"


# ---- cifar ----
def cifar_hornbeam(folder: pathlib.Path) -> Made:
    import hornbeam as hb

    x, y = np.load(folder / "images.npy"), np.load(folder / "labels.npy")
    layers = hb.layers
    augment = hb.Sequential(
        [
            hb.Input((32, 32, 3), dtype="uint8"),
            layers.ZeroPadding2D(4),
            layers.RandomCrop(32, 32),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.05),
            layers.RandomContrast(0.3),
        ]
    )
    batches = hb.data.Dataset.from_tensor_slices((x, y)).shuffle(seed=0).batch(128)
    batches = batches.map(lambda x, y: (augment(x, training=True), y), num_parallel_calls=hb.data.AUTOTUNE).prefetch(4)
    return lambda: drain(batches), "layers on batches, each image its own"


def cifar_torch(folder: pathlib.Path) -> Made:
    import torch
    from torch.utils.data import DataLoader, Dataset
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    images = torch.from_numpy(np.load(folder / "images.npy")).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(np.load(folder / "labels.npy"))
    crop = [v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip()]
    bilinear = v2.InterpolationMode.BILINEAR
    transform = v2.Compose([*crop, v2.RandomRotation(18, interpolation=bilinear), v2.ColorJitter(contrast=0.3)])

    class Images(Dataset[Any]):
        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, i: int) -> Any:
            return transform(images[i]).float(), labels[i]

    def make(workers: int) -> Callable[[], None]:
        loader = DataLoader(Images(), 128, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
        return lambda: drain(loader)

    return fastest(make, [0, 1, 2, 4], drain)


def cifar_keras(folder: pathlib.Path) -> Made:
    import keras
    import tensorflow as tf

    x, y = np.load(folder / "images.npy"), np.load(folder / "labels.npy")
    layers = keras.layers
    augment = keras.Sequential(
        [
            keras.Input((32, 32, 3), dtype="uint8"),
            layers.ZeroPadding2D(4),
            layers.RandomCrop(32, 32),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.05),
            layers.RandomContrast(0.3),
        ]
    )
    batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(128)
    batches = batches.map(lambda x, y: (augment(x, training=True), y), tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    return lambda: drain(batches), "Keras on TensorFlow, AUTOTUNE"


# ---- text ----
def reviews(folder: pathlib.Path) -> list[str]:
    """All reviews."""
    return (folder / "reviews.txt").read_text().splitlines()


def text_hornbeam(folder: pathlib.Path) -> Made:
    import hornbeam as hb

    lines = np.array(reviews(folder), object)

    def one_pass() -> None:
        layer = hb.layers.TextVectorization(20_000, output_sequence_length=200)
        layer.adapt(lines, batch_size=512)
        for i in range(0, len(lines), 512):
            layer(lines[i : i + 512])

    return one_pass, "arrays of strings"


def text_keras(folder: pathlib.Path) -> Made:
    import keras
    import tensorflow as tf

    lines = tf.constant(reviews(folder))

    def one_pass() -> None:
        layer = keras.layers.TextVectorization(20_000, output_sequence_length=200)
        batches = tf.data.Dataset.from_tensor_slices(lines).batch(512)
        layer.adapt(batches)
        drain(batches.map(layer, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE))

    return one_pass, "Keras on TensorFlow, tf.data with AUTOTUNE"


# ---- csv ----
def csv_hornbeam(folder: pathlib.Path) -> Made:
    import hornbeam as hb

    path = str(folder / "table.csv")
    return lambda: drain(hb.data.Dataset.from_csv(path).batch(4096)), "Dataset.from_csv"


def csv_polars(folder: pathlib.Path) -> Made:
    import polars as pl

    def one_pass() -> None:
        whole = pl.read_csv(folder / "table.csv").to_numpy().astype("float32")
        drain(whole[i : i + 4096] for i in range(0, len(whole), 4096))

    return one_pass, "read_csv, to_numpy"


def csv_pyarrow(folder: pathlib.Path) -> Made:
    import pyarrow.csv

    def one_pass() -> None:
        whole = pyarrow.csv.read_csv(folder / "table.csv")
        for batch in whole.to_batches(4096):
            assert len(np.stack([c.to_numpy(zero_copy_only=False).astype("float32") for c in batch.columns], 1))

    return one_pass, "read_csv, batches"


# ---- fit ----
def fit_side(folder: pathlib.Path, augmented: bool) -> Made:
    """ResNet-20 on one thread, for an epoch; the other CPUs are free to make batches."""
    import hornbeam as hb
    from workloads import make

    x, y = np.load(folder / "images.npy").astype("float32") / 255, np.load(folder / "labels.npy")
    model = make(hb, "resnet20")[0]
    model.compile("adam", "sparse_categorical_crossentropy", threads=1)
    if not augmented:
        return lambda: model.fit(x, y, batch_size=64, verbose=0), "arrays"
    flips = hb.Sequential(
        [hb.layers.ZeroPadding2D(4), hb.layers.RandomCrop(32, 32), hb.layers.RandomFlip("horizontal")]
    )
    batches = hb.data.Dataset.from_tensor_slices((x, y)).shuffle(seed=0).batch(64)
    batches = batches.map(lambda x, y: (flips(x, training=True), y), num_parallel_calls=1).prefetch(4)
    return lambda: model.fit(batches, verbose=0), "crop and flip in a Dataset, one worker"


def fit_hornbeam(folder: pathlib.Path) -> Made:
    return fit_side(folder, augmented=True)


def fit_arrays(folder: pathlib.Path) -> Made:
    return fit_side(folder, augmented=False)


SIDES: dict[str, dict[str, Callable[[pathlib.Path], Made]]] = {
    "jpeg": {"hornbeam": jpeg_hornbeam, "torch": jpeg_torch, "tensorflow": jpeg_tensorflow},
    "cifar": {"hornbeam": cifar_hornbeam, "torch": cifar_torch, "keras": cifar_keras},
    "text": {"hornbeam": text_hornbeam, "keras": text_keras},
    "fit": {"hornbeam": fit_hornbeam, "hornbeam, arrays": fit_arrays},
    "csv": {"hornbeam": csv_hornbeam, "polars": csv_polars, "pyarrow": csv_pyarrow},
}
