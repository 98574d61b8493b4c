"""Layers that change colours: what each makes of images, labels, boxes and masks when what it draws is given."""

import numpy as np

R = np.random.RandomState(17)
BYTES = R.randint(0, 256, (3, 7, 6, 3)).astype("uint8")
IMAGES = {
    "uint8": (BYTES, (0, 255)),
    "float": ((R.uniform(size=(3, 7, 6, 3)) * 255).astype("float32"), (0, 255)),
    "unit": (R.uniform(size=(3, 7, 6, 3)).astype("float32"), (0, 1)),
    "narrow": ((R.uniform(size=(1, 5, 4, 3)) * 180 + 20).astype("float32"), (20, 200)),
}
DARK = (R.uniform(size=(2, 9, 11, 3)) ** 3 * 90).astype("float32")
ONE_HOT = np.eye(5, dtype="float32")[[1, 4, 2]]
MASKS = R.randint(0, 4, (3, 7, 6, 1)).astype("float32")
BOXES = R.uniform(size=(3, 2, 4)).astype("float32")
PATCH = np.zeros((3, 7, 6, 3), bool)
PATCH[0, 1:4, 2:], PATCH[1, :2, :3], PATCH[2, 5, 5] = True, True, True
NOISE = (R.uniform(size=(3, 7, 6, 3)) * 255).astype("float32")


def spread(*values):
    """A number for each image."""
    return np.reshape(np.array(values, "float32"), (-1, 1, 1, 1))


def flat(*values):
    return np.array(values, "float32")


# By layer: its arguments, what is drawn for three images, and kinds of images that Keras refuses or lets overflow.
GIVEN = {
    "RandomBrightness": ((0.3,), lambda width: {"rgb_delta": spread(0.2, -0.3, 0.7) * width}, {"uint8"}),
    "RandomContrast": ((0.3,), lambda width: {"contrast_factor": spread(0.5, 1.7, 1.0)}, set()),
    "RandomSaturation": ((0.3,), lambda width: {"factor": flat(0.3, 1.8, 0.0)}, {"uint8"}),
    "RandomHue": ((0.3,), lambda width: {"factor": flat(0.3, -0.45, 0.0)}, set()),
    "RandomSharpness": ((0.3,), lambda width: {"factor": flat(0.1, 0.9, 0.5)}, set()),
    "RandomColorDegeneration": ((0.3,), lambda width: {"factor": spread(0.4, 1.0, -0.3)}, set()),
    "RandomInvert": ((0.3,), lambda width: {"apply_inversion": np.array([True, False, True])}, set()),
    "RandomPosterization": ((3,), lambda width: {"shift_factor": np.array([1, 5, 7], "uint8")}, set()),
    "Solarization": (
        (0.3, 0.3),
        lambda width: {"additions": spread(10.0, 0.0, 70.5), "thresholds": spread(128.0, 0.0, 200.25)},
        set(),
    ),
    "Equalization": ((), lambda width: None, set()),
    "AutoContrast": ((), lambda width: None, set()),
    "ContrastLimitedAdaptiveHistogramEqualization": ((), lambda width: None, set()),
}


def first(found, n):
    """Of what is drawn for three images, what belongs to the first n."""
    return found if found is None else {k: v[:n] for k, v in found.items()}


def cases(K):
    L, out = K.layers, {}
    tensor = K.ops.convert_to_tensor

    def given(transformation):
        if isinstance(transformation, dict):
            return {k: given(v) for k, v in transformation.items()}
        return transformation if transformation is None else tensor(transformation)

    for name, (arguments, drawn, without) in GIVEN.items():
        for kind, (images, ends) in IMAGES.items():
            if kind in without:
                continue

            def call(name=name, arguments=arguments, images=images, ends=ends, drawn=drawn):
                transformation = given(first(drawn(ends[1] - ends[0]), len(images)))
                return getattr(L, name)(*arguments, value_range=ends).transform_images(tensor(images), transformation)

            out[f"{name} {kind}"] = call
        if name != "AutoContrast":  # Keras' contrast of channels_first is that of each column

            def first_axis(name=name, arguments=arguments, drawn=drawn):
                images = np.moveaxis(IMAGES["float"][0], -1, 1)
                layer = getattr(L, name)(*arguments, data_format="channels_first")
                return layer.transform_images(tensor(images), given(drawn(255)))

            out[f"{name} channels_first"] = first_axis

    def jitter(kind, **factors):
        images, ends = IMAGES[kind]
        return L.RandomColorJitter(value_range=ends, **factors)(images, training=True)

    for kind in ("float", "unit"):
        out[f"RandomColorJitter {kind}"] = lambda kind=kind: jitter(
            kind, brightness_factor=(0.2, 0.2), contrast_factor=(0.0, 0.0), saturation_factor=(0.4, 0.4)
        )
    for kind in ("uint8", "float"):
        some = np.array([True, False, True]).reshape(-1, 1, 1, 1)
        out[f"RandomGrayscale {kind}"] = lambda kind=kind, some=some: L.RandomGrayscale().transform_images(
            tensor(IMAGES[kind][0]), tensor(some)
        )
        erase = {"apply_erasing": np.array([True, True, False]), "batch_masks": PATCH, "fill_value": NOISE}
        out[f"RandomErasing {kind}"] = lambda kind=kind, erase=erase: L.RandomErasing().transform_images(
            tensor(IMAGES[kind][0]), given(erase)
        )
        for sigma in ((0.8, 0.3), (1.0, 1.0)):
            blur = {"should_apply_blur": np.array([True, False, True]), "blur_factor": flat(*sigma)}
            out[f"RandomGaussianBlur {kind} {sigma}"] = lambda kind=kind, blur=blur: L.RandomGaussianBlur(
                kernel_size=(3, 5)
            ).transform_images(tensor(IMAGES[kind][0]), given(blur))
    out["RandomPosterization of equal factors"] = lambda: L.RandomPosterization((3, 3))(BYTES, training=True)
    out["RandomInvert always"] = lambda: L.RandomInvert((1.0, 1.0), value_range=(0, 200))(BYTES, training=True)
    out["RandomSaturation call"] = lambda: L.RandomSaturation((0.7, 0.7))(IMAGES["float"][0], training=True)
    out["RandomColorDegeneration call"] = lambda: L.RandomColorDegeneration((0.6, 0.6))(BYTES, training=True)

    order = np.array([2, 0, 1], "int32")
    mix = {"mix_weight": flat(0.3, 0.9, 0.5), "permutation_order": order}
    cut = {"mix_weight": spread(0.3, 0.9, 0.5), "permutation_order": order, "batch_masks": PATCH}
    labels = np.arange(6, dtype="float32").reshape(3, 2)
    for kind in ("uint8", "unit"):
        images = IMAGES[kind][0]
        out[f"MixUp {kind}"] = lambda images=images: L.MixUp().transform_images(tensor(images), given(mix))
        out[f"CutMix {kind}"] = lambda images=images: L.CutMix().transform_images(tensor(images), given(cut))
    out["MixUp labels"] = lambda: L.MixUp().transform_labels(tensor(ONE_HOT), given(mix))
    out["CutMix labels"] = lambda: L.CutMix().transform_labels(tensor(ONE_HOT), given(cut))
    out["CutMix masks"] = lambda: L.CutMix().transform_segmentation_masks(
        tensor(MASKS), given({**cut, "batch_masks": PATCH[..., :1]})
    )
    out["MixUp boxes"] = lambda: L.MixUp().transform_bounding_boxes(
        {"boxes": tensor(BOXES), "labels": tensor(labels)}, given(mix)
    )["boxes"]

    for bins in (16, 256):
        out[f"Equalization {bins} bins"] = lambda bins=bins: L.Equalization(bins=bins)(DARK, training=True)
    levels = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1)
    out["Equalization of each level"] = lambda: L.Equalization()(levels, training=True)
    out["Equalization of one level"] = lambda: L.Equalization()(np.full((2, 3, 3, 1), 77.5, "float32"), training=True)
    still = np.concatenate([np.full((2, 5, 4, 1), 3.5), DARK[:, :5, :4, 1:]], axis=-1).astype("float32")
    out["AutoContrast of one level"] = lambda: L.AutoContrast()(still)
    for grid, limit in (((2, 3), 4.0), ((3, 2), 0.0), ((4, 4), 1.5)):
        name = f"ContrastLimitedAdaptiveHistogramEqualization {grid} {limit}"
        out[name] = lambda grid=grid, limit=limit: L.ContrastLimitedAdaptiveHistogramEqualization(
            clip_limit=limit, tile_grid_size=grid
        )(DARK)

    def chosen(method, x, *indices):
        """RandAugment of strength 0, which makes changes of what is still one: nothing of it is left to chance."""
        layer = L.RandAugment(num_ops=len(indices), factor=0.0)
        transformation = layer.get_random_transformation(tensor(IMAGES["float"][0]))
        transformation["layer_idxes"] = tensor(np.array(indices, "int32"))
        return getattr(layer, method)(tensor(x), transformation)

    for indices in ((7, 9, 6), (8, 10)):  # posterization, contrast, sharpness; solarization, equalization
        out[f"RandAugment {indices}"] = lambda i=indices: chosen("transform_images", IMAGES["float"][0], *i)
    out["RandAugment masks"] = lambda: chosen("transform_segmentation_masks", MASKS, 7, 1)

    def chains(method, x):
        layer = L.AugMix(factor=0.0)
        links = [["solarization", "auto_contrast"], ["random_posterization", "random_sharpness"], []]
        images = tensor(IMAGES["float"][0])
        transformation = {
            "chain_mixing_weights": tensor(flat(0.2, 0.5, 0.3)),
            "weight_sample": tensor(np.float32(0.4)),
            "chain_transforms": [
                [
                    {"layer_name": n, "transformation": getattr(layer, n).get_random_transformation(images)}
                    for n in names
                ]
                for names in links
            ],
        }
        return getattr(layer, method)(tensor(x), transformation)

    out["AugMix"] = lambda: chains("transform_images", IMAGES["float"][0])
    out["AugMix masks"] = lambda: chains("transform_segmentation_masks", MASKS)
    out["Pipeline"] = lambda: L.Pipeline(
        [L.AutoContrast(), L.RandomBrightness((0.1, 0.1)), L.RandomColorDegeneration((0.5, 0.5))]
    )(IMAGES["float"][0], training=True)
    return out
