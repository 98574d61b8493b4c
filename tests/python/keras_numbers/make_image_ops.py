"""Writes image_ops.npz: what real Keras' image ops give for small images.

``KERAS_BACKEND=jax python make_image_ops.py`` with Keras 3 installed; the test asks Hornbeam the same.
"""

import itertools
import os

import numpy as np

FLOATS = ("float32", "float16", "bfloat16")
CLOSE = {"float32": 3e-5, "float16": 4e-3, "bfloat16": 3e-2}  # how near the answers are
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


def images(*shape, dtype="float32", seed=0):
    x = np.random.default_rng([seed, *shape]).uniform(0, 1, shape)
    return (x * 255).astype(dtype) if dtype not in FLOATS else x.astype("float32")


def affine(batch, seed=1):
    """Maps that turn, scale, shear and move, some of them far outside."""
    r = np.random.default_rng(seed)
    t = np.zeros((batch, 8), "float32")
    t[:, [0, 4]] = 1
    t[:, :6] += r.uniform(-0.5, 0.5, (batch, 6)).astype("float32")
    t[:, [2, 5]] = r.uniform(-7, 7, (batch, 2)).astype("float32")
    return t


def corners(batch, rows, columns, seed=2):
    square = np.array([[0, 0], [0, rows], [columns, 0], [columns, rows]], "float32")
    return square + np.random.default_rng(seed).uniform(-2, 2, (batch, 4, 2)).astype("float32")


def cases():
    """Name: (function, images as (array, dtype), further arguments, keywords)."""
    made = {}

    def case(function, x, dtype, *args, **kwargs):
        made[f"{function} {len(made)}"] = (function, x, dtype, args, kwargs)

    for kind, antialias in itertools.product(INTERPOLATIONS, (False, True)):
        for size in ((3, 4), (11, 13), (9, 2), (5, 7), (1, 1), (10, 14)):
            case("resize", images(2, 5, 7, 3), "float32", size, kind, antialias)
        case("resize", images(2, 9, 4, 1, dtype="uint8"), "uint8", (4, 7), kind, antialias)
        case("resize", images(6, 3, 2), "float16", (5, 5), kind, antialias)
        case("resize", images(2, 3, 4, 9), "float32", (7, 5), kind, antialias, data_format="channels_first")
    case("resize", images(1, 5, 6, 2, dtype="int32") - 100, "int32", (7, 9), "bicubic")
    case("resize", images(1, 5, 6, 2, dtype="uint8"), "uint8", (8, 8), "lanczos3")
    for ratio, x, size in itertools.product(
        ("crop_to_aspect_ratio", "pad_to_aspect_ratio"),
        (images(2, 5, 12, 3), images(13, 4, 1), images(1, 6, 6, 2)),
        ((4, 4), (3, 8), (7, 2)),
    ):
        case("resize", x, "float32", size, "bilinear", **{ratio: True}, fill_value=0.25)
    case("resize", images(2, 3, 5, 12), "float32", (4, 4), pad_to_aspect_ratio=True, data_format="channels_first")
    case(
        "resize", images(2, 5, 12, 3, dtype="uint8"), "uint8", (4, 4), "nearest", pad_to_aspect_ratio=True, fill_value=7
    )
    case("resize", images(2, 5, 12, 3, dtype="uint8"), "uint8", (4, 4), pad_to_aspect_ratio=True, fill_value=7.5)
    for kind, mode in itertools.product(("nearest", "bilinear"), MODES):
        case("affine_transform", images(3, 6, 7, 2), "float32", affine(3), kind, mode, 0.5)
        case("affine_transform", images(3, 6, 7, 2, dtype="uint8"), "uint8", affine(3), kind, mode, 9)
        case("affine_transform", images(5, 8, 3), "float16", affine(1)[0], kind, mode)
        case("affine_transform", images(2, 2, 5, 4), "float32", affine(2), kind, mode, data_format="channels_first")
    case("affine_transform", images(2, 1, 1, 2), "float32", affine(2), "bilinear", "reflect")
    case("pad_images", images(2, 3, 4, 2), "float32", 1, 2, 3, 0)
    case("pad_images", images(3, 4, 2, dtype="uint8"), "uint8", 1, 2, target_height=6, target_width=7)
    case("pad_images", images(2, 3, 4), "float32", None, 1, 2, 1, 5, data_format="channels_first")
    case("crop_images", images(2, 6, 7, 2), "float32", 1, 2, 3, 0)
    case("crop_images", images(6, 7, 2, dtype="uint8"), "uint8", 1, 2, target_height=3, target_width=4)
    case("crop_images", images(2, 6, 7), "float32", None, 1, 2, 1, 3, data_format="channels_first")
    for function in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb"):
        for dtype in FLOATS:
            case(function, images(2, 5, 7, 3), dtype)
        case(function, images(3, 5, 7), "float32", data_format="channels_first")
        case(function, np.round(images(8, 8, 3) * 2) / 2, "float32")  # many that are equal
        case(function, images(4, 4, 3) * 3 - 1, "float32")  # beyond what colours are
    case("rgb_to_grayscale", images(2, 5, 7, 3, dtype="uint8"), "uint8")
    case("rgb_to_grayscale", images(5, 7, 1), "float32")
    for order, mode in itertools.product((0, 1), MODES):
        places = np.random.default_rng(3).uniform(-9, 14, (3, 4, 5)).astype("float32")
        case("map_coordinates", images(4, 3, 6), "float32", places, order, mode, 0.5)
        case("map_coordinates", images(4, 3, 6, dtype="int32") - 99, "int32", places, order, mode, 5)
        case("map_coordinates", images(7), "float32", np.arange(-9, 15, 0.5, "float32")[None], order, mode)
    for kind in ("nearest", "bilinear"):
        case("perspective_transform", images(2, 6, 8, 3), "float32", corners(2, 6, 8), corners(2, 6, 8, 4), kind, 0.5)
        case(
            "perspective_transform",
            images(2, 6, 8, 1, dtype="uint8"),
            "uint8",
            *(corners(2, 6, 8, i) for i in (2, 4)),
            kind,
        )
        case("perspective_transform", images(6, 5, 3), "float32", corners(1, 6, 5)[0], corners(1, 6, 5, 4)[0], kind)
        case(
            "perspective_transform",
            images(2, 1, 6, 5),
            "float32",
            corners(2, 6, 5),
            corners(2, 6, 5, 4),
            kind,
            data_format="channels_first",
        )
    for size, sigma in (((3, 3), (1.0, 1.0)), ((5, 3), (0.5, 2.0)), ((4, 2), (1.5, 0.7)), ((1, 7), (1.0, 3.0))):
        for layout, shape in (
            ("channels_last", (2, 9, 6, 3)),
            ("channels_first", (2, 3, 9, 6)),
            ("channels_last", (9, 6, 2)),
        ):
            case("gaussian_blur", images(*shape), "float32", size, sigma, layout)
    case("gaussian_blur", images(2, 9, 6, 3), "float16", data_format="channels_last")
    for method, antialias in itertools.product(("linear", "cubic", "lanczos3", "lanczos5"), (False, True)):
        for scale, moved in (((2.0, 1.5), (0.5, -3.0)), ((0.4, 0.7), (1.5, 2.0))):
            scale, moved = np.array(scale, "float32"), np.array(moved, "float32")
            case(
                "scale_and_translate",
                images(2, 6, 7, 2),
                "float32",
                (2, 9, 8, 2),
                scale,
                moved,
                (1, 2),
                method,
                antialias,
            )
    for layout, shape in (("channels_last", (2, 6, 7, 3)), ("channels_first", (2, 3, 6, 7))):
        case("sobel_edges", images(*shape), "float32", layout)
        case(
            "ssim",
            images(*(2 * d for d in shape)),
            "float32",
            images(*(2 * d for d in shape), seed=5),
            data_format=layout,
        )
    case("ssim", images(15, 16, 2) * 255, "float32", images(15, 16, 2, seed=5) * 255, 255.0, 5, 1.0, 0.02, 0.05)
    for size, strides, padding in ((3, None, "valid"), ((2, 3), 1, "same"), ((3, 2), (2, 1), "valid"), (2, 3, "same")):
        case("extract_patches", images(2, 7, 8, 3), "float32", size, strides, 1, padding)
        case("extract_patches", images(7, 8, 2), "float32", size, strides, 1, padding)
        case("extract_patches", images(2, 3, 7, 8), "float32", size, strides, 1, padding, "channels_first")
    case("extract_patches", images(2, 9, 8, 3), "float32", (3, 2), 1, 2, "valid")
    case("extract_patches", images(2, 5, 6, 7, 2), "float32", (2, 3, 2))
    for size, strides, padding in ((2, None, "valid"), ((2, 3, 1), 1, "same"), ((3, 2, 2), (2, 1, 2), "valid")):
        case("extract_patches_3d", images(2, 5, 6, 7, 2), "float32", size, strides, 1, padding)
        case("extract_patches_3d", images(2, 5, 6, 7), "float32", size, strides, 1, padding, "channels_first")
    return made


def main():
    import keras

    found = {}
    for name, (function, x, dtype, args, kwargs) in cases().items():
        y = getattr(keras.ops.image, function)(keras.ops.convert_to_tensor(x, dtype), *args, **kwargs)
        assert str(keras.backend.standardize_dtype(y.dtype)) == dtype, name
        found[name] = np.asarray(keras.ops.cast(y, "float32") if dtype in FLOATS else y)
    np.savez_compressed(os.path.join(os.path.dirname(__file__), os.environ.get("OUT", "image_ops.npz")), **found)


if __name__ == "__main__":
    main()
