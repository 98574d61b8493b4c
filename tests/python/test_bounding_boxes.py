"""``hb.utils.bounding_boxes`` against NumPy and closed forms; golden numbers of Keras' are in tests/golden."""

import inspect
import itertools

import numpy as np
import pytest

import hornbeam as hb

B = hb.utils.bounding_boxes
H, W = 40, 50
XYXY = np.array([[[10, 20, 30, 36], [0, 0, 50, 40]], [[1, 2, 2, 4], [5, 5, 5, 5]]], "float32")
X1, Y1, X2, Y2 = np.split(XYXY, 4, -1)
WRITTEN = {  # the same boxes in each format
    "xyxy": [X1, Y1, X2, Y2],
    "yxyx": [Y1, X1, Y2, X2],
    "xywh": [X1, Y1, X2 - X1, Y2 - Y1],
    "center_xywh": [(X1 + X2) / 2, (Y1 + Y2) / 2, X2 - X1, Y2 - Y1],
    "center_yxhw": [(Y1 + Y2) / 2, (X1 + X2) / 2, Y2 - Y1, X2 - X1],
    "rel_xyxy": [X1 / W, Y1 / H, X2 / W, Y2 / H],
    "rel_yxyx": [Y1 / H, X1 / W, Y2 / H, X2 / W],
    "rel_xywh": [X1 / W, Y1 / H, (X2 - X1) / W, (Y2 - Y1) / H],
    "rel_center_xywh": [(X1 + X2) / 2 / W, (Y1 + Y2) / 2 / H, (X2 - X1) / W, (Y2 - Y1) / H],
}


@pytest.mark.parametrize("source,target", list(itertools.product(WRITTEN, WRITTEN)))
def test_formats(source, target):
    given, wanted = (np.concatenate(WRITTEN[name], -1) for name in (source, target))
    found = B.convert_format(given, source, target.upper(), height=H, width=W)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)
    one = B.convert_format(given[0, 0], source, target, H, W, dtype="float64")
    assert one.dtype == "float64" and one.shape == (4,)
    held = {"boxes": given, "labels": 3}
    named = B.convert_format(held, source, target, H, W)
    np.testing.assert_array_equal(named["boxes"], found)
    assert named["labels"] == 3 and held["boxes"] is given


def test_formats_of_ints_in_programs_and_of_images_of_several_sizes():
    ints = XYXY.astype("int32")
    np.testing.assert_allclose(B.convert_format(ints, "xyxy", "xywh"), np.concatenate(WRITTEN["xywh"], -1))
    sizes = np.array([[[40.0]], [[20.0]]], "float32")
    found = B.convert_format(XYXY, "xyxy", "rel_yxyx", sizes, 2 * sizes)
    np.testing.assert_allclose(found[1], B.convert_format(XYXY[1], "xyxy", "rel_yxyx", 20, 40))
    compiled = hb.function(lambda x: B.convert_format(x, "center_yxhw", "rel_xyxy", H, W))
    for n in (2, 1, 0):
        np.testing.assert_allclose(compiled(XYXY[:n]), B.convert_format(XYXY[:n], "center_yxhw", "rel_xyxy", H, W))


def test_boxes_are_cut_to_the_image_and_labels_say_what_is_left():
    boxes = np.array([[[-5, 10, 20, 60], [50, 0, 70, 5], [3, 3, 3, 9]]], "float32")
    found = B.clip_to_image_size({"boxes": boxes, "labels": np.array([[4, 5, 6]]), "more": 1}, H, W)
    np.testing.assert_array_equal(found["boxes"], [[[0, 10, 20, 40], [50, 0, 50, 5], [3, 3, 3, 9]]])
    np.testing.assert_array_equal(found["labels"], [[4, -1, -1]])
    assert found["more"] == 1
    relative = B.clip_to_image_size({"boxes": boxes / [W, H, W, H]}, bounding_box_format="rel_xyxy")
    np.testing.assert_allclose(relative["boxes"], np.asarray(found["boxes"]) / [W, H, W, H], rtol=1e-6)
    assert "labels" not in relative
    hot = B.clip_to_image_size({"boxes": boxes, "labels": np.eye(3)[None]}, H, W)["labels"]
    np.testing.assert_array_equal(hot, [[[1, 0, 0], [-1, -1, -1], [-1, -1, -1]]])
    whole = B.clip_to_image_size({"boxes": boxes.astype("int32"), "labels": np.array([[4, 5, 6]])}, H, W)
    assert whole["boxes"].dtype == "int32"
    np.testing.assert_array_equal(whole["boxes"], found["boxes"])


def test_crops_and_borders():
    np.testing.assert_array_equal(B.crop(XYXY, 5, 8, 12, 20), np.clip(XYXY - [8, 5, 8, 5], 0, [20, 12, 20, 12]))
    np.testing.assert_array_equal(B.pad(XYXY, 5, 8), XYXY + [8, 5, 8, 5])


def test_turned_boxes_hold_their_corners():
    angle = np.array([30.0, -75.0], "float32")
    found = np.asarray(B.affine_transform(XYXY, angle, 0.0, 0.0, 1.0, 0.0, 0.0, H, W))
    center = np.array([(W - 1) / 2, (H - 1) / 2])
    for i, degrees in enumerate(np.radians(angle)):
        c, s = np.cos(degrees), np.sin(degrees)
        for before, after in zip(XYXY[i], found[i]):
            corners = np.array([(x, y) for x in before[::2] for y in before[1::2]]) - center
            turned = corners @ np.array([[c, -s], [s, c]]) + center
            np.testing.assert_allclose(after, [*turned.min(0), *turned.max(0)], atol=1e-3)
    one = B.affine_transform(XYXY[1], angle[1], 0.0, 0.0, 1.0, 0.0, 0.0, H, W)
    np.testing.assert_allclose(one, found[1], atol=1e-4)


def _iou(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(w, 0) * max(h, 0)
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return shared / (sum(areas) - shared + 1e-7)


@pytest.mark.parametrize("source", WRITTEN)
def test_intersections_over_unions(source):
    other = XYXY[::-1] + [1, 2, 4, 3]
    given = [B.convert_format(x, "xyxy", source, H, W) for x in (XYXY, other)]
    shape = (H, W, 3) if source.startswith("rel") else None
    wanted = np.array([[[_iou(a, b) for b in bs] for a in as_] for as_, bs in zip(XYXY, other)])
    np.testing.assert_allclose(B.compute_iou(*given, source, image_shape=shape), wanted, atol=1e-4)
    np.testing.assert_allclose(B.compute_iou(given[0][0], given[1], source, image_shape=shape)[0], wanted[0], atol=1e-4)
    np.testing.assert_allclose(B.compute_iou(given[0], given[1][1], source, image_shape=shape)[1], wanted[1], atol=1e-4)


def test_masked_pairs():
    boxes = np.array([[0, 0, 4, 4], [-3, -3, -1, -1], [-1, -1, -1, -1]], "float32")
    found = B.compute_iou(boxes, boxes[None], "xyxy", use_masking=True, mask_val=-2)
    np.testing.assert_allclose(found, [[[1, -2, -2], [-2, -2, -2], [-2, -2, -2]]], atol=1e-6)


def test_complete_intersections_over_unions():
    same = B.compute_ciou(XYXY[0], XYXY[0], "xyxy")
    np.testing.assert_allclose(same, 1, atol=1e-5)
    a, b = np.array([0, 0, 4, 2.0]), np.array([6, 0, 10, 2.0])  # apart, of one shape
    np.testing.assert_allclose(B.compute_ciou(a, b, "xyxy"), -36 / 104, rtol=1e-5)
    relative = B.compute_ciou(a / 10, b / 10, "rel_xyxy", image_shape=(10, 10, 3))
    np.testing.assert_allclose(relative, -36 / 104, rtol=1e-5)


@pytest.mark.parametrize("encoding", ["center_xywh", "center_yxhw"])
@pytest.mark.parametrize("variance", [None, [0.1, 0.2, 0.3, 0.4]])
def test_deltas_come_back(encoding, variance):
    anchors = np.array([[5, 5, 30, 30], [10, 0, 20, 40]], "float32")
    boxes = XYXY + [0, 0, 1, 1]
    deltas = B.encode_box_to_deltas(anchors, boxes, "xyxy", "xyxy", encoding, variance)
    assert deltas.shape == boxes.shape
    moved = (boxes[..., :2] + boxes[..., 2:] - anchors[:, :2] - anchors[:, 2:]) / 2 / (anchors[:, 2:] - anchors[:, :2])
    moved = moved if encoding == "center_xywh" else moved[..., ::-1]
    scale = np.ones(4) if variance is None else np.array(variance)
    np.testing.assert_allclose(np.asarray(deltas)[..., :2] * scale[:2], moved, rtol=1e-4, atol=1e-5)
    back = B.decode_deltas_to_boxes(anchors, deltas, "xyxy", "xyxy", encoding, variance)
    np.testing.assert_allclose(back, boxes, rtol=1e-4, atol=1e-3)
    levels = B.decode_deltas_to_boxes({1: anchors}, {1: deltas}, "xyxy", "rel_xyxy", encoding, variance, (H, W, 3))
    np.testing.assert_allclose(levels[1] * np.array([W, H, W, H], "float32"), boxes, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    "call,text",
    [
        (lambda: B.convert_format(XYXY, "xxyy", "xyxy"), "Invalid source or target format"),
        (lambda: B.convert_format(XYXY, "xyxy", 3), "Invalid source or target format"),
        (lambda: B.convert_format(XYXY, "xyxy", "rel_xyxy"), "must receive `height` and `width`"),
        (lambda: B.convert_format(XYXY[..., :3], "xyxy", "xywh"), "last dimension of 4"),
        (lambda: B.convert_format(3.0, "xyxy", "xywh"), "last dimension of 4"),
        (lambda: B.clip_to_image_size({"boxes": XYXY}), "`height` and `width` must be set"),
        (lambda: B.compute_iou(XYXY[0, 0], XYXY, "xyxy"), "expects boxes of 2 axes"),
        (lambda: B.compute_iou(XYXY, XYXY, "rel_xyxy"), "`image_shape` argument must be provided"),
        (lambda: B.compute_ciou(XYXY, XYXY, "rel_xyxy"), "`image_shape` argument must be provided"),
        (lambda: B.encode_box_to_deltas(XYXY[0], XYXY, "xyxy", "xyxy", "xyxy"), "`encoding_format` must be"),
        (lambda: B.decode_deltas_to_boxes(XYXY[0], XYXY, "xyxy", "xyxy", "xywh"), "`encoded_format` must be"),
        (lambda: B.encode_box_to_deltas(XYXY[0], XYXY, "xyxy", "xyxy", variance=[1.0]), "`variance` must be length 4"),
    ],
)
def test_mistakes_are_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()


@pytest.mark.parametrize("name", ["affine_transform", "clip_to_image_size", "crop", "pad"])
def test_other_formats_are_refused(name):
    function = getattr(B, name)
    count = sum(p.default is p.empty for p in inspect.signature(function).parameters.values())
    given = [{"boxes": XYXY} if name.startswith("clip") else XYXY, *[1] * (count - 1)]
    with pytest.raises(NotImplementedError, match="`bounding_box_format` must be 'xyxy'"):
        function(*given, bounding_box_format="xywh")
