"""Writes folders.json: what Keras 3.15.1 (on TensorFlow) makes of folders of pictures and of texts as ints.

``python make_folders.py`` with both installed; test_directories.py and test_datasets_cache.py compare Hornbeam with it. The
files are made here, for both sides, of NumPy's and Pillow's.
"""

import json
import os
import pathlib
import sys
import tempfile

import numpy as np
from PIL import Image

INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
ORDERS = (  # arguments of image_dataset_from_directory, and which files they give
    {"shuffle": False},
    {"shuffle": True, "seed": 1337},
    {"shuffle": True, "seed": 3, "validation_split": 0.3, "subset": "training"},
    {"shuffle": True, "seed": 3, "validation_split": 0.3, "subset": "validation"},
    {"shuffle": False, "validation_split": 0.25, "subset": "validation"},
    {"shuffle": False, "class_names": ["zebra", "ant"]},
    {"shuffle": True, "seed": 1, "labels": list(range(10))},
    {"shuffle": True, "seed": 2, "labels": None},
)
WORDS = (
    {},
    {"num_words": 9},
    {"num_words": 9, "skip_top": 5, "seed": 7},
    {"maxlen": 6, "start_char": None},
    {"oov_char": None, "num_words": 10, "index_from": 0},
    {"start_char": None, "index_from": 0, "skip_top": 2},
)


def smooth(rows, columns, channels):
    """A picture without noise: what JPEG keeps."""
    y, x = np.mgrid[:rows, :columns]
    waves = [128 + 100 * np.sin(0.11 * (k + 1) * x + 0.23 * y + k) for k in range(channels)]
    return np.stack(waves, -1).astype("uint8")


def write_pictures(root):
    """One picture of each kind."""
    rng = np.random.RandomState(0)
    root = pathlib.Path(root)
    colours, gray = rng.randint(0, 256, (13, 10, 3), "uint8"), rng.randint(0, 256, (9, 17), "uint8")
    Image.fromarray(colours).save(root / "colours.png")
    Image.fromarray(gray).save(root / "gray.png")
    Image.fromarray(rng.randint(0, 256, (6, 8, 4), "uint8")).save(root / "rgba.png")
    Image.fromarray(rng.randint(0, 2**16, (6, 8), "uint16")).save(root / "deep.png")
    Image.fromarray(gray).convert("P").save(root / "palette.png")
    Image.fromarray(colours).save(root / "colours.bmp")
    frames = [Image.fromarray(gray), Image.fromarray(255 - gray)]
    frames[0].save(root / "moving.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(smooth(40, 33, 3)).save(root / "smooth.jpg", quality=92, subsampling=0)
    Image.fromarray(smooth(21, 50, 3)[..., 0]).save(root / "gray.jpeg", quality=92)


def write_tree(root):
    """Ten pictures of three classes at several depths, among files of other kinds."""
    root = pathlib.Path(root)
    places = ["ant/b.png", "ant/A.png", "ant/deep/x.png", "ant/deep2/a.JPG", "bee/1.bmp", "bee/10.bmp", "bee/2.bmp"]
    places += ["zebra/z.gif", "zebra/a/a/a.jpeg", "zebra/a.png"]
    for i, place in enumerate(places):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        form = {"jpg": "jpeg"}.get(place.split(".")[-1].lower(), place.split(".")[-1].lower())
        Image.fromarray(np.full((2, 2, 3), 20 * i, "uint8")).save(root / place, format=form)
    (root / ".hidden").mkdir()
    (root / "ant/notes.txt").write_text("no picture")


def write_words(folder):
    """imdb.npz and reuters.npz with a few rows."""
    rng = np.random.RandomState(5)

    def rows(n):
        out = np.empty(n, object)
        out[:] = [rng.randint(1, 12, rng.randint(2, 9)).tolist() for _ in range(n)]
        return out

    folder = pathlib.Path(folder)
    np.savez(
        folder / "imdb.npz", x_train=rows(7), y_train=rng.randint(0, 2, 7), x_test=rows(6), y_test=rng.randint(0, 2, 6)
    )
    np.savez(folder / "reuters.npz", x=rows(11), y=rng.randint(0, 46, 11))


def main():
    """Asks Keras."""
    os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
    import keras
    import keras.src.datasets.imdb as imdb
    import keras.src.datasets.reuters as reuters
    import tensorflow as tf

    load = keras.utils.image_dataset_from_directory
    found = {"orders": [], "pictures": {}, "interpolations": {}, "ratios": {}, "imdb": [], "reuters": []}
    with tempfile.TemporaryDirectory() as root:
        write_tree(root)
        for arguments in ORDERS:
            ds = load(root, image_size=(2, 2), verbose=False, **arguments)
            pairs = [] if arguments.get("labels", 1) is None else [int(y) for _, y in ds.unbatch()]
            paths = [os.path.relpath(p, root) for p in ds.file_paths]
            found["orders"].append({"paths": paths, "class_names": ds.class_names, "labels": sorted(pairs)})
    with tempfile.TemporaryDirectory() as root:
        write_pictures(root)

        def one(name, **arguments):
            with tempfile.TemporaryDirectory() as alone:
                source = os.path.join(root, name)
                if name.endswith("g") and "jp" in name:
                    # Keras' data sets decode JPEG by a quick transform, by up to 7 beside all other decoders: here the
                    # accurate one of TensorFlow's
                    x = tf.io.decode_jpeg(tf.io.read_file(source), 3, dct_method="INTEGER_ACCURATE")
                    Image.fromarray(x.numpy()).save(os.path.join(alone, "x.png"))
                else:
                    os.symlink(source, os.path.join(alone, name))
                ds = load(alone, labels=None, image_size=(5, 7), batch_size=None, verbose=False, **arguments)
                return np.round(next(iter(ds)).numpy().astype("float64"), 3).ravel().tolist()

        for name in sorted(os.listdir(root)):
            found["pictures"][name] = {"rgb": one(name), "grayscale": None}
            if name.endswith("png"):
                found["pictures"][name]["grayscale"] = one(name, color_mode="grayscale")
        found["pictures"]["rgba.png"]["rgba"] = one("rgba.png", color_mode="rgba")
        for method in INTERPOLATIONS:
            found["interpolations"][method] = one("colours.png", interpolation=method)
        found["ratios"]["crop"] = [one(n, crop_to_aspect_ratio=True) for n in ("colours.png", "gray.png")]
    with tempfile.TemporaryDirectory() as folder:
        write_words(folder)
        for module in (imdb, reuters):
            name = module.__name__.split(".")[-1]
            module.get_file = lambda *_, name=name, **__: os.path.join(folder, name + ".npz")
            for arguments in WORDS:
                parts = module.load_data(**arguments)
                found[name].append([[list(map(list, x)), np.asarray(y).tolist()] for x, y in parts])
    plain = json.dumps(found, default=int, separators=(",", ":"))
    pathlib.Path(__file__).with_name("folders.json").write_text(plain + "\n")


if __name__ == "__main__":
    sys.exit(main())
