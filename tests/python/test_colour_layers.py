"""Layers that change colours, patches and mixtures: dtypes and shapes, what they draw, what belongs to an image, faults.

What they make of given transformations is in tests/golden.
"""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops

R = np.random.default_rng(5)
BYTES = R.integers(0, 256, (4, 6, 5, 3)).astype("uint8")
ALWAYS = {  # active in training and later
    "AutoContrast": {},
    "ContrastLimitedAdaptiveHistogramEqualization": {"tile_grid_size": (2, 3)},
}
KEEP_DTYPE = {"RandomGrayscale", "ContrastLimitedAdaptiveHistogramEqualization"}
SMALL = {
    "RandomBrightness": {"factor": 0.4},
    "RandomContrast": {"factor": 0.4},
    "RandomSaturation": {"factor": (0.2, 0.8)},
    "RandomHue": {"factor": 0.4},
    "RandomSharpness": {"factor": 1.0},
    "RandomColorDegeneration": {"factor": (0.2, 0.9)},
    "RandomGrayscale": {"factor": 0.6},
    "RandomInvert": {"factor": (0.6, 0.6)},
    "RandomPosterization": {"factor": (2, 5)},
    "Solarization": {"addition_factor": 0.2, "threshold_factor": (0.5, 0.6)},
    "RandomErasing": {"factor": (0.9, 0.9), "scale": (0.2, 0.6)},
    "RandomGaussianBlur": {"factor": (0.9, 0.9), "kernel_size": (3, 5), "sigma": (0.5, 0.9)},
    "RandomColorJitter": {
        "brightness_factor": 0.1,
        "contrast_factor": 0.2,
        "saturation_factor": (0.4, 0.6),
        "hue_factor": 0.1,
    },
    "Equalization": {"bins": 64},
    "CutMix": {},
    "MixUp": {"alpha": 0.7},
}
POLICIES = {"RandAugment": {"num_ops": 2}, "AugMix": {"num_chains": 2, "chain_depth": 1}}
ALL = {**ALWAYS, **SMALL, **POLICIES}
UNSEEDED = {*ALWAYS, "Equalization"}


def make(name, **options):
    seed = {} if name in UNSEEDED else {"seed": 11}
    return getattr(L, name)(**{**ALL[name], **seed, **options})


def array(x):
    return np.asarray(ops.cast(x, "float32") if "float" in str(x.dtype) else x)


@pytest.mark.parametrize("name", sorted(ALL))
def test_ints_are_as_good_as_floats(name):
    out = make(name)(BYTES)
    assert out.shape == BYTES.shape and out.dtype == ("uint8" if name in KEEP_DTYPE else "float32")
    floats = array(make(name)(BYTES.astype("float64")))
    if name in KEEP_DTYPE:
        floats = np.floor(floats + 1e-3)  # ints are cut
    np.testing.assert_allclose(array(out), floats, atol=1e-3)
    assert np.abs(array(out) - BYTES).max() > 1 or name == "CutMix"


@pytest.mark.parametrize("name", sorted(ALL))
def test_inference_leaves_images_alone(name):
    layer = make(name)
    for x in (BYTES, BYTES[1].astype("float32"), BYTES[:0]):
        y = layer(x, training=False)
        assert y.shape == x.shape
        if name not in ALWAYS:
            np.testing.assert_array_equal(array(y), x)
    if name not in UNSEEDED:  # nor does it draw
        assert layer.generator.state.numpy()[1] == 0


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_program_computes_what_the_eager_layer_does(name):
    entry = hb.Input((None, None, 3))  # for any size, too
    model = hb.Model(entry, make(name)(entry, training=True))
    x = BYTES.astype("float32")
    eager = make(name)
    for images in (x, x[:1], x[:2, :5, 1:]):  # new draws each time
        found = model.predict(images, verbose=0, batch_size=len(images))
        np.testing.assert_allclose(found, array(eager(images)), rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("name", sorted({**ALWAYS, **SMALL}))
def test_single_images_empty_batches_and_small_ones(name):
    layer = make(name)
    assert layer(BYTES[0]).shape == BYTES.shape[1:]
    for shape in ((0, 6, 5, 3), (1, 1, 1, 3), (2, 1, 7, 3)):
        y = array(layer(np.full(shape, 9.0, "float32")))
        assert y.shape == shape and np.isfinite(y).all()


@pytest.mark.parametrize("name", sorted({**ALWAYS, **SMALL}))
def test_channels_first_is_channels_last_turned(name):
    first = make(name, data_format="channels_first")
    turned = np.moveaxis(BYTES.astype("float32"), -1, 1)
    if name == "RandomErasing":  # noise of another shape is other noise
        first, last = (make(name, fill_value=7.0, data_format=f) for f in ("channels_first", "channels_last"))
    else:
        last = make(name)
    found = np.moveaxis(array(first(turned)), 1, -1)
    np.testing.assert_allclose(found, array(last(BYTES.astype("float32"))), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("name", sorted({**ALWAYS, **SMALL}))
def test_halves(name):
    layer = make(name, dtype="mixed_float16")
    y = layer(BYTES.astype("float32") / 2)
    assert y.dtype == "float16" and np.isfinite(array(y)).all()


@pytest.mark.parametrize("name", sorted({*ALL} - {"MixUp", "CutMix"}))
def test_labels_masks_and_boxes_stay(name):
    data = {
        "images": BYTES,
        "labels": np.eye(4, dtype="float32"),
        "segmentation_masks": R.integers(0, 3, (4, 6, 5, 1)).astype("int32"),
        "bounding_boxes": {"boxes": R.uniform(0, 5, (4, 2, 4)).astype("float32"), "labels": np.zeros((4, 2))},
    }
    out = make(name, bounding_box_format="xyxy")(data)
    np.testing.assert_array_equal(out["labels"], data["labels"])
    if name not in POLICIES:
        np.testing.assert_array_equal(out["segmentation_masks"], data["segmentation_masks"])
    if name != "RandAugment":
        np.testing.assert_array_equal(out["bounding_boxes"]["boxes"], data["bounding_boxes"]["boxes"])
    assert out["images"].shape == BYTES.shape and "images" in data and data["images"] is BYTES


# ---- what is drawn ----
MANY = np.zeros((4000, 1, 1, 3), "float32")


def drawn(layer, images=MANY):
    return {k: array(v) for k, v in layer.get_random_transformation(images).items()}


def even(x, low, high):
    """Whether numbers are drawn evenly from a range: all within it, mean and deviation as they are then."""
    assert x.min() >= low - 1e-6 and x.max() <= high + 1e-6
    width = high - low
    assert abs(x.mean() - (low + high) / 2) < 0.03 * width and abs(x.std() - width / 12**0.5) < 0.03 * width


def test_ranges_of_factors():
    even(drawn(L.RandomBrightness(0.2, seed=1))["rgb_delta"], -51, 51)
    even(drawn(L.RandomBrightness((0.1, 0.3), (0, 1), seed=1))["rgb_delta"], 0.1, 0.3)
    even(drawn(L.RandomContrast((0.2, 0.6), seed=1))["contrast_factor"], 0.8, 1.6)
    even(drawn(L.RandomSharpness(0.4, seed=1))["factor"], 0.0, 0.4)
    even(drawn(L.RandomColorDegeneration((0.2, 0.4), seed=1))["factor"], 0.2, 0.4)
    f = drawn(L.RandomSaturation((0.1, 0.8), seed=1))["factor"]
    even(f / (1 + f), 0.1, 0.8)
    hue = drawn(L.RandomHue((0.2, 0.6), seed=1))["factor"]
    even(np.abs(hue), 0.1, 0.3)
    assert abs((hue > 0).mean() - 0.5) < 0.03
    found = drawn(L.Solarization((0.1, 0.5), 0.25, seed=1))
    even(found["additions"], 0.1, 127.5)
    even(found["thresholds"], 0, 63.75)
    sigma = drawn(L.RandomGaussianBlur(sigma=(0.2, 0.7), seed=1))["blur_factor"]
    assert sigma.shape == (2,) and (sigma >= 0.2).all() and (sigma <= 0.7001).all()
    bits = 8 - drawn(L.RandomPosterization((3, 6), seed=1))["shift_factor"]
    assert sorted(set(bits)) == [3, 4, 5] and (np.bincount(bits.astype(int))[3:] > 1200).all()


def test_probabilities():
    for layer, key in (
        (L.RandomInvert((0.3, 0.3), seed=2), "apply_inversion"),
        (L.RandomGaussianBlur((0.3, 0.3), seed=2), "should_apply_blur"),
        (L.RandomErasing((0.3, 0.3), seed=2), "apply_erasing"),
    ):
        assert abs(drawn(layer)[key].mean() - 0.3) < 0.03
    assert abs(drawn(L.RandomInvert(0.6, seed=2))["apply_inversion"].mean() - 0.3) < 0.03  # of (0, 0.6) half
    assert abs(np.mean(L.RandomGrayscale(0.8, seed=2).get_random_transformation(MANY)) - 0.8) < 0.03


def test_patches_lie_anywhere_and_have_their_size():
    images = np.zeros((600, 20, 30, 3), "float32")
    inside = drawn(L.RandomErasing(scale=(0.25, 0.25), seed=3), images)["batch_masks"][..., 0]
    assert inside.shape == (600, 20, 30)
    rows, columns = inside.any(2).sum(1), inside.any(1).sum(1)
    assert set(rows) == {10} and set(columns) == {15}  # half of each
    np.testing.assert_array_equal(inside.sum((1, 2)), rows * columns)
    middle = inside.mean(0)[1:, 1:]  # a patch begins after its beginning's fraction: hardly ever at pixel 0
    assert middle[9, 14] > 0.9 and middle[0, 0] < 0.1 and np.abs(middle - middle[::-1, ::-1]).max() < 0.12
    drawn_parts = drawn(L.CutMix(seed=4), images)
    area = 1 - drawn_parts["batch_masks"].mean((1, 2, 3))
    weight = drawn_parts["mix_weight"].ravel()
    assert np.abs(area - weight).max() < 0.09 and np.abs((area - weight).mean()) < 0.04  # whole pixels
    np.testing.assert_array_equal(np.sort(drawn_parts["permutation_order"]), np.arange(600))


def test_mix_up_draws_from_beta():
    for alpha in (0.2, 1.0, 5.0):
        found = drawn(L.MixUp(alpha, seed=5))
        w = found["mix_weight"]
        assert abs(w.mean() - 0.5) < 0.03 and abs(w.var() - 1 / (4 * (2 * alpha + 1))) < 0.01
        order = found["permutation_order"].astype(int)
        np.testing.assert_array_equal(np.sort(order), np.arange(4000))
        assert (order == np.arange(4000)).sum() < 10


def test_seeds():
    one, two = (L.RandomHue(0.4, seed=9) for _ in range(2))
    first = drawn(one)["factor"]
    np.testing.assert_array_equal(first, drawn(two)["factor"])
    assert (drawn(one)["factor"] != first).any()
    for other in (hb.random.SeedGenerator(9), 9):
        np.testing.assert_array_equal(first, one.get_random_transformation(MANY, seed=other)["factor"])
    half = L.RandomInvert(1.0).get_random_transformation(MANY, seed=9)["apply_inversion"]
    assert abs(np.mean(half) - 0.5) < 0.03  # two draws, not one twice


def test_policies_choose_evenly():
    layer = L.RandAugment(num_ops=3, seed=1)
    counts = np.zeros(11)
    for _ in range(40):
        found = np.asarray(layer.get_random_transformation(BYTES[:1])["layer_idxes"])
        assert found.shape == (3,)
        counts += np.bincount(found, minlength=11)
    assert (counts > 0).all() and counts.max() < 30
    mix = L.AugMix(num_chains=4, chain_depth=1, alpha=0.5, all_ops=False, seed=1)
    found = mix.get_random_transformation(BYTES[:1])
    weights = np.asarray(found["chain_mixing_weights"])
    assert weights.shape == (4,) and abs(weights.sum() - 1) < 1e-5 and (weights >= 0).all()
    assert [[int(link["layer_idx"]) <= 7 for link in chain] for chain in found["chain_transforms"]] == [[True]] * 4


# ---- what belongs to an image ----
def test_mixtures_of_labels_and_masks():
    labels, masks = np.eye(4, dtype="float32"), R.integers(0, 5, (4, 6, 5, 1)).astype("int32")
    layer = L.MixUp(seed=1)
    t = drawn(layer, BYTES)
    w, order = t["mix_weight"], t["permutation_order"].astype(int)
    found = layer.transform_segmentation_masks(masks, t)
    v = w[:, None, None, None]
    np.testing.assert_allclose(found, v * masks + (1 - v) * masks[order], rtol=1e-5)
    np.testing.assert_allclose(
        layer.transform_labels(labels, t), w[:, None] * labels + (1 - w[:, None]) * labels[order]
    )
    numbers = np.arange(4)  # ints, one a sample
    np.testing.assert_allclose(layer.transform_labels(numbers, t), w * numbers + (1 - w) * numbers[order], rtol=1e-6)
    boxes = {"boxes": R.uniform(size=(4, 2, 4)).astype("float32"), "labels": np.arange(8).reshape(4, 2)}
    both = layer.transform_bounding_boxes(boxes, t)
    np.testing.assert_array_equal(both["boxes"], np.concatenate([boxes["boxes"], boxes["boxes"][order]], 1))
    np.testing.assert_array_equal(both["labels"], np.concatenate([boxes["labels"], boxes["labels"][order]], 1))
    np.testing.assert_array_equal(layer.transform_labels(labels, None, training=False), labels)

    cut = L.CutMix(seed=1)
    out = cut({"images": BYTES, "segmentation_masks": BYTES[..., :1], "labels": labels})
    np.testing.assert_array_equal(np.asarray(out["images"])[..., :1], out["segmentation_masks"])
    assert out["segmentation_masks"].shape == (4, 6, 5, 1)
    np.testing.assert_allclose(np.asarray(out["labels"]).sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(array(cut(BYTES[0])), BYTES[0])
    with pytest.raises(NotImplementedError, match="CutMix"):
        cut.transform_bounding_boxes(boxes, None)


def test_rand_augment_moves_masks_and_boxes_with_images():
    layer = L.RandAugment(seed=2, bounding_box_format="xyxy")
    t = layer.get_random_transformation(BYTES)
    boxes = {"boxes": np.tile(np.float32([1, 1, 4, 5]), (4, 1, 1)), "labels": np.zeros((4, 1))}
    for names in (("random_translation", "random_rotation"), ("random_rotation", "random_contrast")):
        t["layer_idxes"] = np.array([layer._names.index(n) for n in names], "int32")
        images, masks, moved = BYTES.astype("float32"), BYTES[..., :1], boxes
        for name in names:
            part, how = getattr(layer, name), t["transforms"][name]
            images, masks = part.transform_images(images, how), part.transform_segmentation_masks(masks, how)
            moved = part.transform_bounding_boxes(moved, how)
        np.testing.assert_allclose(layer.transform_images(BYTES, t), images, rtol=1e-5, atol=1e-3)
        found = layer.transform_segmentation_masks(BYTES[..., :1], t)
        assert found.dtype == "uint8"
        np.testing.assert_array_equal(found, array(masks))
        np.testing.assert_allclose(layer.transform_bounding_boxes(boxes, t)["boxes"], moved["boxes"], rtol=1e-5)
    assert L.RandAugment(num_ops=0)(BYTES).numpy().tolist() == BYTES.tolist()


def test_aug_mix_blends_its_chains():
    layer = L.AugMix(num_chains=2, chain_depth=2, seed=2)
    t = layer.get_random_transformation(BYTES)
    index = layer._names.index
    links = [["solarization", "random_contrast"], [None, "random_translation"]]
    for chain, names in zip(t["chain_transforms"], links):
        for link, name in zip(chain, names):
            link["layer_idx"] = len(layer._names) if name is None else index(name)
    x = BYTES.astype("float32")
    w, kept = np.asarray(t["chain_mixing_weights"]), float(t["weight_sample"])
    total = np.zeros_like(x)
    for i, (chain, names) in enumerate(zip(t["chain_transforms"], links)):
        y = x
        for link, name in zip(chain, names):
            y = y if name is None else getattr(layer, name).transform_images(y, link["transforms"][name])
        total += w[i] * np.asarray(y)
    want = np.clip(kept * x + (1 - kept) * total, 0, 255)
    np.testing.assert_allclose(layer.transform_images(BYTES, t), want, rtol=1e-4, atol=1e-2)


# ---- closed forms, and what is out of the ordinary ----
def test_extremes():
    x = BYTES.astype("float32")
    np.testing.assert_array_equal(L.RandomBrightness((1.0, 1.0))(BYTES), np.full(x.shape, 255))
    np.testing.assert_array_equal(L.RandomBrightness((-1.0, -1.0))(BYTES), np.zeros(x.shape))
    np.testing.assert_allclose(L.RandomContrast((0.0, 0.0))(x), x, atol=1e-3)
    np.testing.assert_allclose(L.RandomSharpness((0.5, 0.5))(x), x, atol=1e-3)
    np.testing.assert_allclose(L.RandomSaturation((0.5, 0.5))(x), x, atol=1e-2)
    np.testing.assert_allclose(L.RandomHue((0.0, 0.0))(x), x, atol=1e-2)
    np.testing.assert_array_equal(L.RandomInvert((1.0, 1.0))(BYTES), 255 - x)
    np.testing.assert_array_equal(L.RandomInvert((0.0, 0.0))(BYTES), x)
    np.testing.assert_array_equal(L.RandomPosterization((3, 3))(BYTES), BYTES & 0b11100000)
    erased = np.asarray(L.RandomErasing((1.0, 1.0), (1.0, 1.0), (1.0, 300.0, 7.0))(BYTES))
    assert (erased == np.float32([1, 255, 7])).all()  # clipped to the range
    np.testing.assert_array_equal(L.RandomErasing((0.0, 0.0))(BYTES), x)


def test_equalization_counts_what_there_is():
    x = np.repeat(np.arange(4, dtype="float32"), [1, 2, 3, 4]).reshape(1, 2, 5, 1)
    want = np.round(np.float32([0, 2, 5, 9]) * 255 / 9)
    np.testing.assert_array_equal(np.asarray(L.Equalization()(x)).ravel(), np.repeat(want, [1, 2, 3, 4]))
    found = L.Equalization()(np.where(x == 3, np.nan, x).astype("float32"))  # NaN counts as the least value
    assert not np.isnan(found).any()


def test_values_that_are_not_finite():
    x = BYTES[:1].astype("float32")
    x[0, 2, 3, 1] = np.nan
    found = np.asarray(L.AutoContrast()(x))
    np.testing.assert_array_equal(found[..., 1], x[..., 1])
    assert found[..., 0].min() == 0 and found[..., 0].max() == 255
    assert not np.isnan(L.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=2)(x)).any()


def test_pipeline():
    flag = []

    class Seen(L.Layer):
        def call(self, x, training=False, mask=None):
            flag.append((training, mask is not None))
            return x

    line = L.Pipeline([Seen(), L.Rescaling(2.0), L.Dense(3, kernel_initializer="ones")], name="line")
    x = np.float32([[1, 2]])
    np.testing.assert_array_equal(line(x), [[6, 6, 6]])
    line(x, training=False, mask=np.array([True]))
    assert flag == [(True, False), (False, True)] and len(line.weights) == 2
    built = L.Pipeline([L.Dense(3), L.Dense(2)])
    built.build((None, 4))
    assert [w.shape for w in built.weights] == [(4, 3), (3,), (3, 2), (2,)]
    plain = L.Pipeline([L.AutoContrast(), L.RandomBrightness(0.1, seed=1)])
    twin = L.Pipeline.from_config(plain.get_config())
    np.testing.assert_array_equal(plain(BYTES), twin(BYTES))
    assert [type(layer).__name__ for layer in twin.layers] == ["AutoContrast", "RandomBrightness"]
    data = plain({"images": BYTES, "labels": np.eye(4)})
    assert data["images"].shape == BYTES.shape
    for bad in ({"name": "x"}, {"layers": None}):
        with pytest.raises(ValueError, match="layers"):
            L.Pipeline.from_config(bad)
    with pytest.raises(ValueError, match="`layers`"):
        L.Pipeline([ops.abs])


def test_a_saved_model_goes_on(tmp_path):
    def model():
        return hb.Sequential(
            [
                hb.Input((6, 5, 3)),
                L.Pipeline([L.AutoContrast(), L.RandomColorJitter((0, 255), 0.1, 0.1, 0.1, 0.1, seed=1)]),
                L.RandomErasing(seed=2),
                L.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=2),
                L.MixUp(seed=3),
                L.Flatten(),
                L.Dense(2, kernel_initializer="ones"),
            ]
        )

    a = model()
    a.compile(hb.optimizers.SGD(1e-7), "mse")
    y = np.zeros((4, 2), "float32")
    a.fit(BYTES, y, verbose=0)
    a.save(tmp_path / "m.hornbeam")
    b = hb.models.load_model(tmp_path / "m.hornbeam")
    np.testing.assert_array_equal(a.predict(BYTES, verbose=0), b.predict(BYTES, verbose=0))
    losses = [m.fit(BYTES, y, verbose=0, epochs=2, shuffle=False).history["loss"] for m in (a, b)]
    assert losses[0] == losses[1] and losses[0][0] != losses[0][1]  # the draws go on, too


def test_a_policy_draws_anew_in_each_step():
    model = hb.Sequential([hb.Input((6, 5, 3)), L.RandAugment(seed=1), L.Flatten()])
    layer = model.layers[0]
    entry = hb.Input((6, 5, 3))
    seen = hb.Model(entry, layer(entry, training=True))
    x = BYTES.astype("float32")
    found = {seen.predict(x, verbose=0).tobytes() for _ in range(8)}
    assert len(found) > 5


FACTORS = sorted({n for n in SMALL if "factor" in SMALL[n]} - {"RandomGrayscale", "RandomPosterization"})


@pytest.mark.parametrize("name", [*FACTORS, "RandAugment", "AugMix", "CutMix"])
@pytest.mark.parametrize("bad", ["0.1", [0.1], (0.1, 0.2, 0.3), 1.5, {}])
def test_factors_are_refused(name, bad):
    with pytest.raises(ValueError, match="`factor` argument should be a number"):
        getattr(L, name)(factor=bad)


@pytest.mark.parametrize("name", sorted({*ALL} - {"RandomGrayscale", "MixUp", "CutMix"}))
@pytest.mark.parametrize("bad", ["range", [10], (1, 2, 3), (1, 1), ("a", "b"), 3])
def test_value_ranges_are_refused(name, bad):
    with pytest.raises(ValueError, match="`value_range` argument should be a list of two numbers.*Received"):
        getattr(L, name)(**{**ALL[name], "value_range": bad})


@pytest.mark.parametrize("name", sorted({*ALL} - {*ALWAYS, "Equalization"}))
def test_images_have_three_axes_or_four(name):
    for shape in ((5, 3), (1, 2, 5, 5, 3)):
        with pytest.raises(ValueError, match="rank 3 or 4"):
            make(name)(np.zeros(shape, "float32"))


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: L.RandomGrayscale(1.1), "`factor`.*1.1"),
        (lambda: L.RandomPosterization(2.5), "`factor`.*2.5"),
        (lambda: L.RandomPosterization((1, 9)), "`factor`"),
        (lambda: L.RandomPosterization(0), "`factor` argument should be a number"),
        (lambda: L.RandomErasing(fill_value="red"), "`fill_value`.*red"),
        (lambda: L.RandomErasing(fill_value=(1, 2)), "`fill_value`"),
        (lambda: L.RandomErasing(scale=2.0), "`scale`"),
        (lambda: L.RandomGaussianBlur(kernel_size=4), "`kernel_size` must be an odd number"),
        (lambda: L.RandomGaussianBlur(sigma=(0.1, 0.2, 0.3)), "`sigma`"),
        (lambda: L.Solarization(1.5), "`addition_factor`.*1.5"),
        (lambda: L.Solarization(0, (0.2, -0.1)), "`threshold_factor`"),
        (lambda: L.MixUp(0), "`alpha`"),
        (lambda: L.AugMix(alpha=0), "`alpha`"),
        (lambda: L.RandomHue(0.1)(np.zeros((2, 4, 4, 2), "float32")), "channels"),
        (lambda: L.RandomColorDegeneration(0.1).compute_output_shape((2, 4, 4, 2)), "3 channels.*2 channels"),
    ],
)
def test_other_faults(call, message):
    with pytest.raises(ValueError, match=message):
        call()
