"""Layers that crop, resize, mirror and warp images: what a given transformation makes of images, masks, labels and boxes."""

from unittest import mock

import numpy as np

R = np.random.RandomState(11)
IMAGES = R.uniform(0, 255, (2, 7, 6, 3)).astype("float32")
MASKS = R.randint(0, 4, (2, 7, 6, 1)).astype("int32")
LABELS = np.eye(2, 3, dtype="float32")
BOXES = np.array([[[1, 2, 4, 6], [0, 0, 2.5, 3]], [[2, 1, 5.5, 4], [3, 3, 6, 7]]], "float32")
CLASSES = np.array([[3, 1], [2, 0]], "int32")
SHAPE = IMAGES.shape
FLIPS = np.array([True, False]).reshape(2, 1, 1, 1)
COLUMN = np.array([[0.7], [1.4]], "float32")
CORNERS = np.array([[0, 0], [5, 0], [0, 6], [5, 6]], "float32")
MOVED = CORNERS * (1 + R.uniform(-0.25, 0.25, (2, 4, 2)).astype("float32"))
NOISE = R.normal(size=(2, 2, 7, 6)).astype("float32")


def rotation(*degrees):
    """What RandomRotation draws, for given angles."""
    turn = np.radians(degrees)
    c, s, (cx, cy) = np.cos(turn), np.sin(turn), (2.5, 3.0)
    rows = [c, -s, cx - cx * c + cy * s, s, c, cy - cx * s - cy * c, 0 * c, 0 * c]
    size = {"image_height": 7, "image_width": 6, "batch_size": 2}
    return {"angle": np.array(degrees, "float32"), "rotation_matrix": np.stack(rows, 1).astype("float32"), **size}


def seen(layer, given, *parts, source="xyxy"):
    """The parts of a batch after a transformation, with channels in the layer's place."""
    first = layer.data_format == "channels_first"
    if first and isinstance(given, dict) and "input_shape" in given:
        given = {**given, "input_shape": (2, 3, 7, 6)}

    def placed(x):
        return np.moveaxis(x, -1, 1) if first else x

    out = []
    if "images" in parts:
        out.append(layer.transform_images(placed(IMAGES), given, training=True))
    if "rest" in parts:
        out.append(layer.transform_images(placed(IMAGES), given, training=False))
    if "masks" in parts:
        out.append(layer.transform_segmentation_masks(placed(MASKS), given, training=True))
    if "labels" in parts:
        out.append(layer.transform_labels(LABELS, given, training=True))
    if "boxes" in parts:
        size = (2, 7, 6)
        assert layer.bounding_box_format == source, size
        boxes = {"boxes": written(BOXES, source), "labels": CLASSES.copy()}
        out.append(layer.transform_bounding_boxes(boxes, given, training=True))
    return out


def written(boxes, source):
    """Boxes in "xyxy" in another format, of images of 7 rows and 6 columns."""
    x1, y1, x2, y2 = np.split(boxes, 4, -1)
    parts = {
        "xyxy": (x1, y1, x2, y2),
        "rel_xyxy": (x1 / 6, y1 / 7, x2 / 6, y2 / 7),
        "rel_yxyx": (y1 / 7, x1 / 6, y2 / 7, x2 / 6),
        "center_xywh": ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1),
    }
    return np.concatenate(parts[source], -1).astype("float32")


def elastic(K, **options):
    """RandomElasticTransform with noise that is given; Keras draws it, along x first."""
    given = {
        "apply_transform": np.array([True, False]),
        "distortion_factor": np.float32(0.9),
        "noise": NOISE,
        "seed": 1,
    }
    layer = K.layers.RandomElasticTransform(**options)
    if K.__name__ != "keras":
        return seen(layer, given, "images", "masks", "labels")
    drawn = [NOISE[:, 0], NOISE[:, 1]] * 2
    with mock.patch("jax.random.normal", side_effect=lambda *_, **__: drawn.pop(0)):
        return seen(layer, given, "images", "masks", "labels")


def cases(K):
    """The calls, by name."""
    L, out = K.layers, {}
    everything = ("images", "rest", "masks", "labels", "boxes")

    def add(name, cls, args, given, parts=everything, source="xyxy", **options):
        def call():
            return seen(cls(*args, bounding_box_format=source, **options), given, *parts, source=source)

        assert name not in out, name
        out[name] = call

    formats = ("rel_xyxy", "rel_yxyx", "center_xywh")
    flips = {"flips": FLIPS, "input_shape": SHAPE}
    zooms = {"height_zoom": COLUMN, "width_zoom": COLUMN[::-1] * 0.9, "input_shape": SHAPE}
    moves = {"translations": np.array([[1.3, -2.0], [-0.4, 3.0]], "float32"), "input_shape": SHAPE}
    shears = {"shear_factor": np.array([[0.3, 0.1], [-0.2, -0.4]], "float32"), "input_shape": SHAPE}
    turns = rotation(30.0, -100.0)
    for mode in ("horizontal", "vertical", "horizontal_and_vertical"):
        add(f"RandomFlip {mode}", L.RandomFlip, (mode,), flips)
    warps = (
        ("RandomRotation", (0.2,), turns),
        ("RandomZoom", (0.5,), zooms),
        ("RandomTranslation", (0.5, 0.5), moves),
        ("RandomShear", (0.4, 0.4), shears),
    )
    for name, args, given in warps:
        cls = getattr(L, name)
        add(name, cls, args, given)
        for mode in ("constant", "nearest", "wrap"):
            add(f"{name} {mode}", cls, args, given, ("images", "masks"), fill_mode=mode, fill_value=9.0)
        add(f"{name} nearest pixels", cls, args, given, ("images",), interpolation="nearest", fill_mode="constant")
        add(f"{name} first", cls, args, given, ("images",), data_format="channels_first")
    for name, args, given in (("RandomFlip", (), flips), *warps[1:]):
        for source in formats:
            add(f"{name} {source}", getattr(L, name), args, given, ("boxes",), source=source)
    add("RandomFlip first", L.RandomFlip, (), flips, data_format="channels_first")

    sized = {"input_shape": SHAPE}
    for height, width in ((4, 3), (5, 6), (7, 6), (9, 4), (10, 11)):
        for source in ("xyxy", *formats):
            parts = everything if source == "xyxy" else ("boxes",)
            name = f"CenterCrop {height} {width} {source}"
            add(name, L.CenterCrop, (height, width), sized, parts, source)
    add("CenterCrop first", L.CenterCrop, (4, 3), sized, everything, data_format="channels_first")
    for height, width, place in ((4, 3, (2, 1)), (6, 5, (0, 1)), (9, 4, (0, 2)), (7, 6, (0, 0)), (3, 8, (2, 0))):
        parts = ("images", "masks", "labels")
        add(f"RandomCrop {height} {width}", L.RandomCrop, (height, width), place, parts)
    add("RandomCrop first", L.RandomCrop, (4, 3), (2, 1), ("images",), data_format="channels_first")

    for kind in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"):
        for ratio in ({}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True, "fill_value": 7.0}):
            for smooth in (False, True):
                name = " ".join(["Resizing", kind, *list(ratio)[:1], *["antialias"] * smooth])
                options = {"interpolation": kind, "antialias": smooth, **ratio}
                parts = ("images", "masks", "labels", *["boxes"] * (kind == "bilinear"))
                add(name, L.Resizing, (5, 9), (7, 6), parts, **options)
    for source in formats:
        for ratio in ({}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}):
            name = " ".join(["Resizing", source, *ratio])
            add(name, L.Resizing, (5, 9), (7, 6), ("boxes",), source, **ratio)
    add("Resizing first", L.Resizing, (5, 9), (7, 6), ("images", "masks"), data_format="channels_first")

    tilts = {"start_points": np.stack([CORNERS] * 2), "end_points": MOVED, "input_shape": SHAPE}
    for chosen in ((True, True), (True, False)):
        given = {**tilts, "apply_perspective": np.array(chosen)}
        add(f"RandomPerspective {chosen}", L.RandomPerspective, (), given, fill_value=5.0)
    options = {"interpolation": "nearest", "data_format": "channels_first"}
    add("RandomPerspective nearest first", L.RandomPerspective, (), given, ("images",), **options)
    for mode in ("reflect", "mirror", "wrap", "constant", "nearest"):
        out[f"RandomElasticTransform {mode}"] = lambda mode=mode: elastic(K, fill_mode=mode, value_range=(20, 240))
    out["RandomElasticTransform nearest first"] = lambda: elastic(
        K, interpolation="nearest", data_format="channels_first", fill_value=9.0
    )
    for number in (1, 2, 5):
        add(f"MaxNumBoundingBoxes {number}", L.MaxNumBoundingBoxes, (number,), None)

    def utilities():
        boxes = K.utils.bounding_boxes
        turned = [np.array([10.0, -80.0], "float32"), np.array([0.1, 0.0], "float32"), np.array([0.0, -0.2], "float32")]
        shape = [np.array([1.2, 0.8], "float32"), np.array([5.0, 0.0], "float32"), np.array([0.0, -9.0], "float32")]
        return {
            "affine": lambda: boxes.affine_transform(BOXES, *turned, *shape, 7, 6, 0.4, 0.6),
            "clip": lambda: boxes.clip_to_image_size({"boxes": BOXES - 2, "labels": CLASSES}, 3, 2),
            "crop": lambda: boxes.crop(BOXES, 1, 2, 3, 2),
            "pad": lambda: boxes.pad(BOXES, 1, 2),
            "iou": lambda: boxes.compute_iou(BOXES, BOXES[0] + 0.5, "xyxy"),
            "iou masked": lambda: boxes.compute_iou(BOXES - 3, BOXES - 2.5, "yxyx", use_masking=True, mask_val=-2),
            "iou relative": lambda: boxes.compute_iou(BOXES[0] / 9, BOXES[1] / 9, "rel_xywh", image_shape=(50, 30, 3)),
            "ciou": lambda: boxes.compute_ciou(BOXES, BOXES[::-1] * 1.1, "center_xywh"),
            "encode": lambda: boxes.encode_box_to_deltas(
                BOXES[0], BOXES, "xyxy", "xyxy", variance=[0.1, 0.1, 0.2, 0.2], image_shape=(7, 6, 3)
            ),
            "decode": lambda: boxes.decode_deltas_to_boxes(
                BOXES[0], BOXES / 9, "xyxy", "rel_yxyx", "center_xywh", [0.1, 0.1, 0.2, 0.2], (7, 6, 3)
            ),
        }

    out.update({f"bounding_boxes {name}": call for name, call in utilities().items()})
    return out
