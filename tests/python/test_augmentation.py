"""Layers that crop, resize, mirror and warp images: draws, exact cases, and that masks and boxes go where images go."""

import json

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam.core.registry import deserialize_keras_object, serialize_keras_object

R = np.random.RandomState(5)
IMAGES = R.uniform(0, 255, (3, 9, 7, 2)).astype("float32")
MAKERS = {
    "RandomFlip": lambda **o: L.RandomFlip(**o),
    "RandomRotation": lambda **o: L.RandomRotation(0.3, **o),
    "RandomZoom": lambda **o: L.RandomZoom(0.4, **o),
    "RandomTranslation": lambda **o: L.RandomTranslation(0.3, (-0.2, 0.4), **o),
    "RandomShear": lambda **o: L.RandomShear(0.3, (0.1, 0.2), **o),
    "RandomPerspective": lambda **o: L.RandomPerspective(scale=0.6, **o),
    "RandomElasticTransform": lambda **o: L.RandomElasticTransform(**o),
    "RandomCrop": lambda **o: L.RandomCrop(5, 4, **o),
}
RESTING = {
    "CenterCrop": lambda **o: L.CenterCrop(5, 4, **o),
    "CenterCrop larger": lambda **o: L.CenterCrop(11, 4, **o),
    "Resizing": lambda **o: L.Resizing(6, 10, **o),
    "Resizing crop": lambda **o: L.Resizing(6, 10, crop_to_aspect_ratio=True, **o),
    "Resizing pad": lambda **o: L.Resizing(6, 10, pad_to_aspect_ratio=True, **o),
}
EVERY = {**MAKERS, **RESTING}
WITH_BOXES = sorted(EVERY.keys() - {"RandomElasticTransform", "RandomShear"})
FORMATS = (
    *("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh"),
    "rel_center_xywh",
)


def drawn(layer, samples=4000, shape=(6, 5, 1)):
    """What a layer draws for a batch, as arrays."""
    found = layer.get_random_transformation(np.zeros((samples, *shape), "float32"))
    return {name: np.asarray(value) for name, value in found.items() if hasattr(value, "dtype")}


# ---- draws ----
def test_each_sample_is_mirrored_with_even_odds():
    flips = drawn(L.RandomFlip(seed=1))["flips"]
    assert flips.shape == (4000, 1, 1, 1) and flips.dtype == bool
    assert abs(flips.mean() - 0.5) < 0.03
    assert abs((flips[1:] == flips[:-1]).mean() - 0.5) < 0.03  # one says nothing of the next


def evenly(x, low, high):
    """Whether numbers lie evenly in a range."""
    assert low <= x.min() and x.max() <= high
    np.testing.assert_allclose(
        [x.mean(), x.std()], [(low + high) / 2, (high - low) / 12**0.5], atol=0.03 * (high - low)
    )
    assert x.min() - low < 0.01 * (high - low) and high - x.max() < 0.01 * (high - low)
    assert len(np.unique(x)) > 0.9 * x.size


def test_angles_zooms_and_ways_lie_evenly_in_their_ranges():
    evenly(drawn(L.RandomRotation(0.25, seed=2))["angle"], -90, 90)
    evenly(drawn(L.RandomRotation((-0.1, 0.3), seed=2))["angle"], -36, 108)
    zooms = drawn(L.RandomZoom((-0.3, 0.1), 0.5, seed=3))
    evenly(zooms["height_zoom"], 0.7, 1.1)
    evenly(zooms["width_zoom"], 0.5, 1.5)
    assert abs(np.corrcoef(zooms["height_zoom"][:, 0], zooms["width_zoom"][:, 0])[0, 1]) < 0.05
    both = drawn(L.RandomZoom(0.3, seed=3))
    np.testing.assert_array_equal(both["height_zoom"], both["width_zoom"])
    moved = drawn(L.RandomTranslation((0.1, 0.3), 0.2, seed=4), shape=(10, 20, 1))["translations"]
    evenly(moved[:, 0], -4, 4)
    evenly(moved[:, 1], 1, 3)


def test_shears_go_one_way_or_the_other():
    shears = drawn(L.RandomShear((0.1, 0.5), (0.2, 0.3), seed=5))["shear_factor"]
    evenly(np.abs(shears[:, 0]), 0.1, 0.5)
    evenly(np.abs(shears[:, 1]), 0.2, 0.3)
    assert abs((shears[:, 0] > 0).mean() - 0.5) < 0.03
    assert (np.sign(shears[:, 0]) == np.sign(shears[:, 1])).all()


def test_corners_of_a_perspective_move_at_most_half_their_way():
    found = drawn(L.RandomPerspective(0.6, scale=0.8, seed=6), shape=(7, 11, 1))
    corners = np.array([[0, 0], [10, 0], [0, 6], [10, 6]], "float32")
    np.testing.assert_array_equal(found["start_points"], np.broadcast_to(corners, (4000, 4, 2)))
    np.testing.assert_array_equal(found["end_points"][:, 0], 0)
    evenly(found["end_points"][:, 3, 0], 6, 14)
    evenly(found["end_points"][:, 3, 1], 3.6, 8.4)
    assert abs(found["apply_perspective"].mean() - 0.3) < 0.03  # the odds lie between 0 and 0.6
    assert drawn(L.RandomPerspective((1.0, 1.0), seed=6))["apply_perspective"].all()


def test_a_crop_begins_anywhere_and_the_batch_shares_it():
    layer = L.RandomCrop(3, 4, seed=7)
    image = np.arange(6 * 9, dtype="float32").reshape(1, 6, 9, 1)
    seen = []
    for _ in range(300):
        part = np.asarray(layer(np.repeat(image, 2, 0)))
        np.testing.assert_array_equal(part[0], part[1])
        top, left = divmod(int(part[0, 0, 0, 0]), 9)
        np.testing.assert_array_equal(part[0], image[0, top : top + 3, left : left + 4])
        seen.append((top, left))
    assert {s[0] for s in seen} == set(range(4)) and {s[1] for s in seen} == set(range(6))


@pytest.mark.parametrize("name", MAKERS)
def test_a_seed_says_what_is_drawn_and_calls_go_on(name):
    one, two = (MAKERS[name](seed=3) for _ in range(2))
    first, second = np.asarray(one(IMAGES)), np.asarray(one(IMAGES))
    np.testing.assert_array_equal(two(IMAGES), first)
    many = [np.asarray(one(IMAGES)) for _ in range(5)]
    assert any((m != first).any() for m in (second, *many))


# ---- exact cases ----
@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int32"])
def test_mirrored_images_are_numpys(mode, dtype):
    axes = [axis for axis, name in ((1, "vertical"), (2, "horizontal")) if name in mode]
    x, flips = IMAGES.astype(dtype), np.array([True, False, True]).reshape(3, 1, 1, 1)
    layer = L.RandomFlip(mode)
    found = layer.transform_images(x, {"flips": flips, "input_shape": x.shape})
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, np.where(flips, np.flip(x, axes), x))
    x = x.astype("float32")
    x[0, 0, 0, 0] = np.nan
    found = layer.transform_images(x, {"flips": flips, "input_shape": x.shape})
    np.testing.assert_array_equal(found, np.where(flips, np.flip(x, axes), x))


def test_quarter_turns_are_exact():
    x = np.arange(25, dtype="float32").reshape(1, 5, 5, 1)
    for turns in (-1, 1, 2):
        found = L.RandomRotation((turns / 4, turns / 4))(x)
        np.testing.assert_allclose(found[0, ..., 0], np.rot90(x[0, ..., 0], turns), atol=1e-4)


def test_whole_steps_are_exact():
    x = np.arange(48, dtype="float32").reshape(1, 6, 8, 1)
    layer = L.RandomTranslation((0.5, 0.5), (-0.25, -0.25), fill_mode="wrap")
    np.testing.assert_allclose(layer(x), np.roll(x, (3, -2), (1, 2)), atol=1e-4)
    layer = L.RandomTranslation((0.5, 0.5), (0.0, 0.0), fill_mode="constant", fill_value=-7.0)
    np.testing.assert_allclose(layer(x)[:, :3], -7)
    np.testing.assert_allclose(layer(x)[:, 3:], x[:, :3], atol=1e-4)
    np.testing.assert_allclose(L.RandomZoom((0.0, 0.0))(x), x, atol=1e-4)
    np.testing.assert_allclose(L.RandomShear((0.0, 0.0), (0.0, 0.0))(x), x, atol=1e-4)
    np.testing.assert_allclose(L.RandomPerspective(scale=0.0)(x), x, atol=1e-4)


def test_a_zoom_shows_the_middle():
    x = np.arange(5, dtype="float32").reshape(1, 1, 5, 1) * np.ones((1, 5, 1, 1), "float32")
    found = np.asarray(L.RandomZoom((-0.5, -0.5), (-0.5, -0.5))(x))
    np.testing.assert_allclose(found[0, 0, :, 0], [1, 1.5, 2, 2.5, 3], atol=1e-5)


def test_what_is_bent_stays_near_and_is_smooth():
    rows = np.broadcast_to(np.arange(40, dtype="float32")[:, None, None], (2, 40, 40, 1))
    found = np.asarray(L.RandomElasticTransform((1.0, 1.0), (1.0, 1.0), seed=1)(rows))
    apart = found - rows
    assert 0.05 < np.abs(apart).max() < 15
    assert np.abs(np.diff(apart, axis=2)).max() < 0.5 * np.abs(apart).max()  # neighbours go together
    assert (found[0] != found[1]).any()
    resting = L.RandomElasticTransform(0.0)
    np.testing.assert_array_equal(resting(rows), rows)
    kept = np.asarray(L.RandomElasticTransform(value_range=(5, 20))(rows))
    assert (kept.min(), kept.max()) == (5, 20)


@pytest.mark.parametrize("size", [(5, 4), (6, 7), (9, 7)])
@pytest.mark.parametrize("first", [False, True])
def test_the_middle_is_numpys(size, first):
    top, left = (9 - size[0]) // 2, (7 - size[1]) // 2
    part = IMAGES[:, top : top + size[0], left : left + size[1]]
    if first:
        found = L.CenterCrop(*size, data_format="channels_first")(np.moveaxis(IMAGES, -1, 1))
        np.testing.assert_array_equal(found, np.moveaxis(part, -1, 1))
    else:
        np.testing.assert_array_equal(L.CenterCrop(*size)(IMAGES), part)
        np.testing.assert_array_equal(L.CenterCrop(*size)(IMAGES[0]), part[0])


def test_a_crop_at_rest_is_the_middle_at_its_size():
    layer = L.RandomCrop(5, 4)
    found = layer(IMAGES, training=False)
    assert found.shape == (3, 5, 4, 2)
    np.testing.assert_allclose(found, L.CenterCrop(5, 4)(L.Resizing(5, 4, crop_to_aspect_ratio=True)(IMAGES)))
    np.testing.assert_array_equal(L.RandomCrop(9, 7)(IMAGES, training=False), IMAGES)
    np.testing.assert_array_equal(L.RandomCrop(9, 7)(IMAGES), IMAGES)
    assert L.RandomCrop(12, 4)(IMAGES).shape == (3, 12, 4, 2)  # one axis is too short


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "float32"])
def test_resized_images_keep_their_dtype(dtype):
    layer = L.Resizing(4, 14, dtype=dtype if dtype.startswith("float") else None)
    found = layer(IMAGES.astype(dtype))
    assert found.dtype == dtype
    assert np.abs(np.asarray(found, "float32") - np.asarray(L.Resizing(4, 14)(IMAGES))).max() < 1.6


# ---- together ----
@pytest.mark.parametrize("name", EVERY)
def test_masks_go_where_images_go(name):
    o = {} if name == "RandomFlip" or "Crop" in name or name == "Resizing" else {"interpolation": "nearest"}
    layer = EVERY[name](**o) if "Resizing" not in name else EVERY[name](interpolation="nearest")
    if name == "CenterCrop larger":
        return  # which mixes pixels of masks, as Keras does
    ids = R.randint(0, 200, IMAGES.shape).astype("int32")
    given = {"images": ids.astype("float32"), "segmentation_masks": ids, "labels": np.eye(3), "name": np.arange(3)}
    found = layer(given)
    np.testing.assert_array_equal(found["images"], np.asarray(found["segmentation_masks"], "float32"))
    np.testing.assert_array_equal(found["labels"], np.eye(3))
    np.testing.assert_array_equal(found["name"], np.arange(3))
    assert given["images"].shape == IMAGES.shape and given["segmentation_masks"] is ids


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("name", WITH_BOXES)
def test_boxes_go_where_images_go(name, source):
    """What is painted in a box lies in the box afterwards, and reaches its sides."""
    hb.utils.set_random_seed(FORMATS.index(source))
    boxes, size, n = hb.utils.bounding_boxes, (31, 44), 4
    painted = np.zeros((n, *size, 1), "float32")
    corners = np.array([[[12, 8, 33, 22]], [[15, 10, 29, 20]], [[10, 9, 30, 24]], [[14, 7, 31, 21]]], "float32")
    for image, (x1, y1, x2, y2) in zip(painted, corners[:, 0].astype(int)):
        image[y1:y2, x1:x2] = 1
    makers = {
        "CenterCrop": lambda **o: L.CenterCrop(25, 36, **o),
        "CenterCrop larger": lambda **o: L.CenterCrop(40, 30, **o),
        "RandomCrop": lambda **o: L.RandomCrop(25, 36, **o),
        "Resizing": lambda **o: L.Resizing(50, 40, **o),
        "Resizing crop": lambda **o: L.Resizing(50, 60, crop_to_aspect_ratio=True, **o),
        "Resizing pad": lambda **o: L.Resizing(50, 40, pad_to_aspect_ratio=True, **o),
        "RandomRotation": lambda **o: L.RandomRotation(0.1, "constant", **o),
        "RandomZoom": lambda **o: L.RandomZoom(0.2, fill_mode="constant", **o),
        "RandomTranslation": lambda **o: L.RandomTranslation(0.2, 0.2, "constant", **o),
        "RandomPerspective": lambda **o: L.RandomPerspective(scale=0.3, **o),
        "RandomFlip": lambda **o: L.RandomFlip(**o),
    }
    layer = makers[name](bounding_box_format=source)
    given = boxes.convert_format(corners, "xyxy", source, *size)
    labels = np.arange(n)[:, None]
    found = layer({"images": painted, "bounding_boxes": {"boxes": given, "labels": labels}})
    after = np.asarray(found["images"])[..., 0]
    where = np.asarray(boxes.convert_format(found["bounding_boxes"]["boxes"], source, "xyxy", *after.shape[1:]))[:, 0]
    np.testing.assert_array_equal(found["bounding_boxes"]["labels"], labels)
    for image, (x1, y1, x2, y2) in zip(after, where):
        ys, xs = np.nonzero(image > 0.5)
        seen = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        np.testing.assert_allclose([x1, y1, x2, y2], seen, atol=1.8)


@pytest.mark.parametrize("name", EVERY)
def test_one_sample_is_a_batch_of_one(name):
    boxes = name in WITH_BOXES
    one, batch = (
        EVERY[name](bounding_box_format="rel_yxyx", **({"seed": 3} if name in MAKERS else {})) for _ in range(2)
    )
    data = {"images": IMAGES[0].astype("uint8"), "labels": np.array(2.0), "segmentation_masks": IMAGES[0, ..., :1]}
    if boxes:
        data["bounding_boxes"] = {"boxes": np.array([[0.1, 0.2, 0.6, 0.9]]), "labels": np.array([3])}
    several = hb.core.tree.map_structure(lambda x: np.asarray(x)[None], data)
    found, wanted = one(data), batch(several)
    for a, b in zip(hb.core.tree.flatten(found), hb.core.tree.flatten(wanted)):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b[0])


@pytest.mark.parametrize("name", EVERY)
def test_channels_may_come_first(name):
    seed = {"seed": 4} if name in MAKERS else {}
    last = EVERY[name](data_format="channels_last", **seed)(IMAGES)
    first = EVERY[name](data_format="channels_first", **seed)(np.moveaxis(IMAGES, -1, 1))
    np.testing.assert_allclose(np.moveaxis(np.asarray(first), 1, -1), last, atol=2e-3)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("samples", [0, 1])
def test_batches_of_none_and_of_one(name, samples):
    found = EVERY[name]()({"images": IMAGES[:samples].astype("uint8"), "labels": np.zeros((samples, 2))})
    assert found["images"].shape[0] == samples and np.asarray(found["images"]).shape == found["images"].shape
    assert found["labels"].shape == (samples, 2)


# ---- calls ----
@pytest.mark.parametrize("name", EVERY)
def test_rest_changes_nothing_but_the_dtype(name):
    layer = EVERY[name]()
    ints = IMAGES.astype("uint8")
    found = layer(ints, training=False)
    if name in RESTING or name == "RandomCrop":
        assert found.dtype == ("uint8" if "Resizing" in name else "float32")
        return
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, ints)
    boxes = {"boxes": np.array([[[1, 2, 3, 4]]] * 3), "labels": np.array([[1]] * 3)}
    layer.bounding_box_format = "xywh"
    found = layer({"images": ints, "bounding_boxes": boxes, "segmentation_masks": ints}, training=False)
    np.testing.assert_array_equal(found["bounding_boxes"]["boxes"], boxes["boxes"])
    np.testing.assert_array_equal(found["segmentation_masks"], ints)


@pytest.mark.parametrize("name", EVERY)
def test_compiled_for_any_batch(name):
    seed = {"seed": 5} if name in MAKERS else {}
    layer, twin = (EVERY[name](**seed) for _ in range(2))
    compiled = hb.function(lambda x: layer(x, training=True))
    for n in (3, 2):
        np.testing.assert_allclose(compiled(IMAGES[:n]), twin(IMAGES[:n], training=True), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("functional", [False, True])
def test_at_the_head_of_a_model(tmp_path, name, functional):
    x = IMAGES / 255
    layer = EVERY[name]()
    rest = [L.Flatten(), L.Dense(1, kernel_initializer="ones")]
    if functional:
        entry = y = hb.Input((9, 7, 2))
        for part in (layer, *rest):
            y = part(y)
        model = hb.Model(entry, y)
    else:
        model = hb.Sequential([hb.Input((9, 7, 2)), layer, *rest])
    still = np.asarray(layer(x, training=False)).reshape(3, -1).sum(1, keepdims=True)
    np.testing.assert_allclose(model.predict(x, verbose=0), still, rtol=1e-4)
    np.testing.assert_allclose(model.predict(x[:2], verbose=0), still[:2], rtol=1e-4)
    model.compile(hb.optimizers.SGD(0.0), "mse")
    history = model.fit(x, np.zeros((3, 1)), batch_size=2, epochs=4, verbose=0).history["loss"]
    rest_loss = model.evaluate(x, np.zeros((3, 1)), verbose=0)
    assert rest_loss == pytest.approx(float(np.mean(still**2)), rel=1e-4)
    if name in MAKERS and name != "RandomFlip":  # which moves no sum
        assert len(set(history)) > 1
    elif name != "RandomFlip":
        np.testing.assert_allclose(history, rest_loss, rtol=1e-4)
    model.save(tmp_path / "m.hornbeam")
    again = hb.saving.load_model(tmp_path / "m.hornbeam")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    again.fit(x, np.zeros((3, 1)), verbose=0)


@pytest.mark.parametrize("name", sorted(EVERY.keys() - {"RandomCrop", "CenterCrop larger"}))
def test_images_of_any_size(name):
    """A saved graph whose images have no known size, with the numbers of one that knows it."""
    seed = {"seed": 6} if name in MAKERS else {}
    layer, twin = (EVERY[name](**seed) for _ in range(2))
    entry = hb.Input((None, None, 2))
    model = hb.Model(entry, layer(entry))
    for size in ((9, 7), (6, 8)):
        x = R.uniform(0, 255, (2, *size, 2)).astype("float32")
        np.testing.assert_allclose(model(x, training=True), twin(x, training=True), rtol=1e-5, atol=1e-3)
        np.testing.assert_allclose(model.predict(x, verbose=0), twin(x, training=False), rtol=1e-5, atol=1e-3)


def test_images_of_unknown_size_that_are_too_small_are_enlarged():
    entry = hb.Input((None, None, 2))
    model = hb.Model(entry, L.CenterCrop(5, 4)(entry))
    for size in ((4, 20), (20, 3), (9, 7)):
        x = R.uniform(0, 255, (2, *size, 2)).astype("float32")
        np.testing.assert_allclose(model.predict(x, verbose=0), L.CenterCrop(5, 4)(x), rtol=1e-5, atol=1e-3)


def test_a_model_of_dicts():
    entry = {
        "images": hb.Input((9, 7, 2)),
        "bounding_boxes": {"boxes": hb.Input((4, 4)), "labels": hb.Input((4,), dtype="int32")},
    }
    y = L.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")(entry)
    y = L.RandomTranslation((0.0, 0.0), (0.5, 0.5), bounding_box_format="xyxy")(y)
    model = hb.Model(entry, [y["images"], y["bounding_boxes"]["boxes"], y["bounding_boxes"]["labels"]])
    boxes = np.tile(np.array([[1.0, 2, 3, 4], [5, 0, 7, 2], [0, 0, 1, 1], [2, 2, 3, 3]], "float32"), (3, 1, 1))
    given = {"images": IMAGES, "bounding_boxes": {"boxes": boxes, "labels": np.tile(np.arange(4), (3, 1))}}
    _, moved, labels = model(given, training=True)
    np.testing.assert_allclose(moved[0], [[4.5, 2, 6.5, 4], [7, 0, 7, 2], [3.5, 0, 4.5, 1]])
    np.testing.assert_array_equal(labels, [[0, -1, 2]] * 3)  # one has left the image
    np.testing.assert_array_equal(model(given, training=False)[1], boxes[:, :3])


def test_outside_of_training_images_are_changed_unless_told():
    x = np.arange(6, dtype="float32").reshape(1, 1, 6, 1)
    layer = L.RandomTranslation((0.0, 0.0), (0.5, 0.5), fill_mode="wrap")
    moved = np.roll(x, 3, 2)
    np.testing.assert_allclose(layer(x), moved, atol=1e-5)
    np.testing.assert_allclose(layer(x, training=False), x)
    model = hb.Sequential([hb.Input((1, 6, 1)), layer, L.Dropout(0.9)])
    np.testing.assert_allclose(model(x), moved, atol=1e-5)  # and layers after it are at rest
    np.testing.assert_allclose(model(x, training=False), x)
    np.testing.assert_allclose(model.predict(x, verbose=0), x)


def test_gradients_reach_the_images():
    x = hb.ops.convert_to_tensor(IMAGES[:, :4, :5])
    for name in sorted(EVERY.keys() - {"CenterCrop larger"}):
        layer = EVERY[name]() if "Crop" not in name else type(EVERY[name]())(2, 3)
        with hb.GradientTape() as tape:
            tape.watch(x)
            y = hb.ops.sum(layer(x, training=True))
        found = np.asarray(tape.gradient(y, x))
        assert found.shape == x.shape and np.isfinite(found).all() and np.abs(found).sum() > 0, name


@pytest.mark.parametrize("name", EVERY)
def test_configs_come_back(name):
    layer = EVERY[name](bounding_box_format="rel_xyxy", data_format="channels_first")
    stored = json.loads(json.dumps(serialize_keras_object(layer)))
    twin = deserialize_keras_object(stored)
    assert json.loads(json.dumps(serialize_keras_object(twin))) == stored
    assert twin.get_config() == layer.get_config()
    assert twin.data_format == "channels_first" and twin.bounding_box_format == "rel_xyxy"


def test_time_distributed_images():
    x = np.stack([IMAGES, IMAGES + 1], 1)
    found = L.TimeDistributed(L.Resizing(4, 5))(x)
    np.testing.assert_allclose(found[:, 1], L.Resizing(4, 5)(IMAGES + 1), rtol=1e-6)


# ---- boxes alone ----
def test_the_number_of_boxes():
    boxes = np.arange(24, dtype="float32").reshape(2, 3, 4)
    data = {"images": IMAGES[:2], "bounding_boxes": {"boxes": boxes, "labels": np.array([[1, 2, 3], [4, 5, 6]])}}
    few = L.MaxNumBoundingBoxes(2, bounding_box_format="xyxy")(data)["bounding_boxes"]
    np.testing.assert_array_equal(few["boxes"], boxes[:, :2])
    np.testing.assert_array_equal(few["labels"], [[1, 2], [4, 5]])
    many = L.MaxNumBoundingBoxes(5, fill_value=-3, bounding_box_format="xyxy")(data)["bounding_boxes"]
    np.testing.assert_array_equal(many["boxes"][:, 3:], np.full((2, 2, 4), -3.0))
    np.testing.assert_array_equal(many["labels"], [[1, 2, 3, -3, -3], [4, 5, 6, -3, -3]])


# ---- mistakes ----
@pytest.mark.parametrize(
    "make,text",
    [
        (lambda: L.RandomRotation(1.5), r"`factor` argument should be a number .*\[-1, 1\]"),
        (lambda: L.RandomRotation("x"), "`factor` argument"),
        (lambda: L.RandomRotation((0.1, 0.2, 0.3)), "`factor` argument"),
        (lambda: L.RandomRotation(float("nan")), "`factor` argument"),
        (lambda: L.RandomRotation(0.1, fill_mode="mirrors"), "`fill_mode` must be one of"),
        (lambda: L.RandomRotation(0.1, fill_value=float("inf")), "`fill_value` must be a finite number"),
        (lambda: L.RandomZoom(-1.0), r"`height_factor` argument .*\(-1.0, 1.0\]"),
        (lambda: L.RandomZoom(0.5, (0.2, 1.2)), "`width_factor` argument"),
        (lambda: L.RandomTranslation(0.5, -1.1), "`width_factor` argument"),
        (lambda: L.RandomTranslation({"a": 1}, 0), "`height_factor` argument"),
        (lambda: L.RandomShear(-0.1), "`x_factor` argument"),
        (lambda: L.RandomShear(0.1, (0.1, float("nan"))), "`y_factor` argument"),
        (lambda: L.RandomPerspective(1.1), "`factor` argument"),
        (lambda: L.RandomPerspective(scale=-0.1), "`scale` must be"),
        (lambda: L.RandomElasticTransform(scale=(2, 3)), "`scale` argument"),
        (lambda: L.RandomElasticTransform(interpolation="bicubic"), "`interpolation` must be one of"),
        (lambda: L.RandomElasticTransform(value_range=(255, 0)), "`value_range` must be"),
        (lambda: L.RandomElasticTransform(value_range=3), "`value_range` must be"),
        (lambda: L.RandomFlip("sideways"), "`mode` must be one of"),
        (lambda: L.RandomFlip(factor=0.5), "does not take a `factor` argument"),
        (lambda: L.RandomFlip(bounding_box_format="xxyy"), "`bounding_box_format` must be one of"),
        (lambda: L.RandomFlip(data_format="last"), "`data_format` must be"),
        (lambda: L.Resizing(4, 4, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "Only one of"),
        (lambda: L.Resizing(4, 4, "area"), "`interpolation` must be one of"),
        (lambda: L.RandomFlip()(np.zeros((2, 3))), "rank 3 .* or 4"),
        (lambda: L.RandomFlip()({"images": np.zeros((2, 3))}), "rank 3 .* or 4"),
        (lambda: L.RandomCrop(2, 2)(hb.Input((None, 4, 3))), "fully defined height and width"),
        (lambda: L.MaxNumBoundingBoxes(0), "`max_number` must be"),
    ],
)
def test_mistakes_are_named(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_boxes_that_are_none():
    images = np.zeros((2, 4, 4, 1))
    boxes = {"boxes": np.zeros((2, 1, 4)), "labels": np.zeros((2, 1))}
    with pytest.raises(ValueError, match="didn't specify a bounding box format"):
        L.RandomFlip()({"images": images, "bounding_boxes": boxes})
    layer = L.RandomFlip(bounding_box_format="xyxy")
    with pytest.raises(ValueError, match="keys 'boxes' and 'labels'"):
        layer({"images": images, "bounding_boxes": {"boxes": boxes["boxes"]}})
    with pytest.raises(ValueError, match="of one axis less"):
        layer({"images": images, "bounding_boxes": {"boxes": boxes["boxes"], "labels": np.zeros(2)}})
    with pytest.raises(ValueError, match="last dimension of 4"):
        layer({"images": images, "bounding_boxes": {"boxes": np.zeros((2, 1, 3)), "labels": np.zeros((2, 1))}})
    with pytest.raises(NotImplementedError, match="does not change bounding boxes"):
        L.RandomElasticTransform(bounding_box_format="xyxy")({"images": images, "bounding_boxes": boxes})
