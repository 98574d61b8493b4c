"""Faults 4, 5, 6 and 12: every argument of every layer is honoured or refused when the layer is made, never swallowed."""

import inspect

import layer_cases as cases
import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam.layers.augmentation.image_layer import BaseImagePreprocessingLayer

NAN, INF = float("nan"), float("inf")
NOT_INTS = [2.5, np.float32(2), True, np.True_, "3", NAN, INF, [2.5], ["3"], np.array(2.5), 1j]
NOT_NUMBERS = [True, np.True_, "0.5", NAN, INF, -INF, [0.5], np.array([0.5, 0.5]), 1j, None, 10**400]
# What a kind of argument refuses.
REFUSED = {
    "count": [0, -1, -3, 2**63, 2**70, None, *NOT_INTS],
    "sizes": [0, -1, (1, 0, 1, 0), (), (2, 2, 2, 2), 2**63, None, *NOT_INTS],
    "strides": [0, -1, (), (2, 2, 2, 2), 2**63, *NOT_INTS],
    "amounts": [-1, (), ((1, 2, 3),), (1, 1, 1, 1, 1), 2**63, None, *NOT_INTS],
    "axis": [2**63, None, *NOT_INTS],
    "shape": [(2, -2), (-1, -1), (2**63,), None, *NOT_INTS],
    "seed": [2**63, *NOT_INTS],
    "fraction": [-0.1, -1, 1.5, 2**63, *NOT_NUMBERS],
    "not negative": [-0.1, -3, *NOT_NUMBERS],
    "number": NOT_NUMBERS,
    "number or array": [x for x in NOT_NUMBERS if not isinstance(x, (list, np.ndarray))],
    "count or 0": [-1, -3, 2**63, None, *NOT_INTS],
    "count or -1": [0, -3, 2**63, None, *NOT_INTS],
    "padding": ["sam", "", None, 1, ("valid",)],
    "data_format": ["channels_first", "channels", 1, True],
    "layout": ["channels", 1, True],
    "choice": ["nothing of this name", 1],
    "salt": [-1, "x", (1,), (1, 2, 3), (-1, 2), 2**63, *NOT_INTS],
    "only None": [0, 1, "x", True],
    "only False": [True, 1, "x"],
}
# Counts that may be left out, and what stands for that.
OPTIONAL = {"strides", "value_dim", "output_padding", "noise_shape", "shared_axes", "max_value", "seed", "input_length"}
OPTIONAL |= {"bounding_box_format"}
OPTIONAL |= {"max_tokens", "mask_token", "oov_token"}
OPTIONAL |= {"sequence_length", "frame_step", "fft_length", "max_freq", "window", "scaling"}
KINDS = {
    "filters": "count",
    "units": "count",
    "groups": "count",
    "depth_multiplier": "count",
    "input_dim": "count",
    "output_dim": "count",
    "num_heads": "count",
    "key_dim": "count",
    "value_dim": "count",
    "n": "count",
    "height": "count",
    "width": "count",
    "input_length": "count",
    "bins": "count",
    "num_chains": "count",
    "num_ops": "count or 0",
    "chain_depth": "count or 0",
    "max_number": "count",
    "num_bins": "count",
    "num_tokens": "count",
    "output_mode": "choice",
    "salt": "salt",
    "sparse": "only False",
    "kernel_size": "sizes",
    "tile_grid_size": "sizes",
    "pool_size": "sizes",
    "size": "sizes",
    "strides": "strides",
    "dilation_rate": "sizes",
    "output_padding": "amounts",
    "cropping": "amounts",
    "axis": "axis",
    "axes": "axis",
    "shared_axes": "axis",
    "dims": "axis",
    "target_shape": "shape",
    "output_shape": "count",
    "noise_shape": "shape",
    "rate": "fraction",
    "dropout": "fraction",
    "recurrent_dropout": "fraction",
    "momentum": "fraction",
    "epsilon": "not negative",
    "stddev": "not negative",
    "l1": "not negative",
    "l2": "not negative",
    "max_value": "not negative",
    "negative_slope": "not negative",
    "threshold": "not negative",
    "alpha": "number",
    "mask_value": "number",
    "offset": "number",
    "clip_limit": "number",
    "seed": "seed",
    "padding": "padding",
    "data_format": "data_format",
    "interpolation": "choice",
    "bounding_box_format": "choice",
    "mode": "choice",
    "score_mode": "choice",
    **dict.fromkeys(("fft_length", "sequence_stride", "sequence_length", "num_mel_bins"), "count"),
    **dict.fromkeys(("frame_length", "sampling_rate"), "count"),
    **dict.fromkeys(("max_freq", "top_db", "mag_exp", "min_power", "ref_power"), "number"),
    "frame_step": "count",
    "min_freq": "not negative",
    **dict.fromkeys(("window", "scaling"), "choice"),
    "merge_mode": "choice",
    "max_tokens": "count",
    "mask_token": "seed",
    "oov_token": "seed",
    "oov_method": "choice",
    "attention_axes": "only None",
    "time_major": "only False",
}
EXCEPT = {  # arguments of one name that mean something else in one class; None: nothing to refuse
    ("ZeroPadding1D", "padding"): "amounts",
    ("ZeroPadding2D", "padding"): "amounts",
    ("ZeroPadding3D", "padding"): "amounts",
    ("Rescaling", "scale"): "number or array",
    ("Rescaling", "offset"): "number or array",
    ("GroupNormalization", "groups"): "count or -1",
    ("Discretization", "num_bins"): None,  # with boundaries there must be none
    ("Hashing", "mask_value"): None,
    ("Normalization", "axis"): None,  # None is a value of its own
    ("STFTSpectrogram", "data_format"): "choice",
    ("SpatialDropout1D", "noise_shape"): None,
    ("SpatialDropout2D", "noise_shape"): None,
    ("Bidirectional", "weights"): None,
    ("Lambda", "output_shape"): None,
}
FREE = {  # flags, functions, objects and text, each with a check of its own elsewhere
    *("activation", "recurrent_activation", "use_bias", "unit_forget_bias", "reset_after", "center", "scale"),
    *("synchronized", "use_scale", "normalize", "keepdims", "mask_zero", "weights", "function", "mask", "arguments"),
    *("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask", "cell"),
    # tests/python/test_augmentation.py
    *("factor", "height_factor", "width_factor", "x_factor", "y_factor", "value_range"),
    # tests/python/test_colour_layers.py
    *("bounding_box_format", "brightness_factor", "contrast_factor", "saturation_factor"),
    *("hue_factor", "addition_factor", "threshold_factor", "sigma", "layers", "all_ops"),
    *("bin_boundaries", "mean", "variance"),  # tests/python/test_features.py
    *("num_oov_indices", "vocabulary", "vocabulary_dtype", "idf_weights", "invert", "pad_to_max_tokens"),
    *("layer", "backward_layer", "equation", "bias_axes", "power_to_db", "periodic", "expand_dims"),
    # what Keras has and this has not: refused but for the default (tests/python/test_arguments_shown.py)
    *("antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "fill_mode", "fill_value", "use_cudnn", "use_gate"),
    *("flash_attention", "sliding_window", "renorm", "renorm_clipping", "renorm_momentum", "lora_rank", "lora_alpha"),
    *("gptq_unpacked_column_size", "quantization_config"),
    *(
        f"{part}_{kind}"
        for part in (
            *("kernel", "bias", "recurrent", "depthwise", "pointwise", "alpha", "beta", "gamma", "embeddings"),
            *("moving_mean", "moving_variance", "activity"),
        )
        for kind in ("initializer", "regularizer", "constraint")
    ),
}


def kind_of(name, parameter):
    if (name, parameter) in EXCEPT:
        return EXCEPT[name, parameter]
    if parameter == "data_format" and issubclass(cases.class_of(name), BaseImagePreprocessingLayer):
        return "layout"  # these take either
    return KINDS.get(parameter)


PROBES = [
    (name, parameter)
    for name in sorted(cases.CASES)
    for parameter in cases.parameters(name)
    if kind_of(name, parameter)
]


def test_fault_12_every_layer_and_argument_is_known_here():
    classes = cases.public_layers()
    assert {cases.class_of(n).__name__ for n in cases.CASES} | cases.APART == set(classes)
    unknown = [
        (name, p)
        for name in cases.CASES
        for p in cases.parameters(name)
        if p not in KINDS and p not in FREE and (name, p) not in EXCEPT
    ]
    assert not unknown, "say in KINDS what these refuse, or in FREE that they refuse nothing"


@pytest.mark.parametrize("name,parameter", PROBES)
def test_fault_12_bad_arguments_are_refused_when_the_layer_is_made(name, parameter):
    for bad in REFUSED[kind_of(name, parameter)]:
        optional = bad is None and parameter in OPTIONAL | {"l1", "l2", "output_shape", "merge_mode"}
        if optional or (name == "UpSampling1D" and isinstance(bad, tuple)):
            continue
        with pytest.raises((ValueError, TypeError)) as caught:
            cases.make(name, **{parameter: bad})
        text = str(caught.value)
        assert f"`{parameter}`" in text and "Received" in text, (bad, text)


@pytest.mark.parametrize("name,parameter", PROBES)
def test_fault_12_numpy_numbers_are_as_good_as_pythons(name, parameter):
    given = cases.CASES[name][0].get(parameter)
    if given is None:
        given = (
            next(
                p.default
                for c in cases.public_layers()[name].__mro__
                if "__init__" in vars(c)
                for p in inspect.signature(c.__init__).parameters.values()
                if p.name == parameter
            )
            if parameter not in ("dropout", "recurrent_dropout", "seed")
            else None
        )
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        return
    wide = [np.int64(given), np.int32(given), np.array(given)] if isinstance(given, int) else [np.float64(given)]
    results = []
    for value in [given, *wide]:
        hb.utils.set_random_seed(3)
        layer = cases.make(name, **{parameter: value})
        results.append(np.asarray(cases.call(layer, cases.inputs(name, 2))))
        layer.from_config(layer.get_config())
    for r in results[1:]:
        np.testing.assert_array_equal(r, results[0])
    if isinstance(given, float):
        cases.make(name, **{parameter: np.float32(given)})


AXIS_LAYERS = [(n, p) for n, p in PROBES if kind_of(n, p) == "axis" and p != "dims"]


@pytest.mark.parametrize("name,parameter", AXIS_LAYERS)
def test_fault_12_axes_that_the_input_does_not_have(name, parameter):
    for bad in (7, -7, 2**40):
        with pytest.raises(ValueError, match=rf"axis|{parameter}"):
            cases.call(cases.make(name, **{parameter: bad}), cases.inputs(name, 2))


@pytest.mark.parametrize(
    "cls",
    [c for c in ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv1D", "MaxPooling3D")]
    + ["AveragePooling1D"],
)
@pytest.mark.parametrize("strides", [0, -1])
def test_fault_04_strides_below_one(cls, strides):
    with pytest.raises(ValueError, match=rf"`strides` must be >= 1. Received: strides={strides}"):
        cases.make(cls, strides=strides)


@pytest.mark.parametrize("cls", ["Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "DepthwiseConv1D", "SeparableConv2D"])
def test_fault_04_dilations_and_paddings(cls):
    for bad in (0, -2):
        with pytest.raises(ValueError, match=rf"`dilation_rate` must be >= 1. Received: dilation_rate={bad}"):
            cases.make(cls, dilation_rate=bad)
    with pytest.raises(ValueError, match="`padding` must be one of 'valid', 'same'"):
        cases.make(cls, padding=-1)
    if cls.startswith("Conv1DT") or "2D" in cls or "3D" in cls:  # only sequences have a past
        with pytest.raises(ValueError, match="`padding` must be one of"):
            cases.make(cls, padding="causal")


def test_fault_04_output_padding_is_less_than_a_stride():
    for bad in (2, 3, (1, 2)):
        with pytest.raises(ValueError, match=r"`output_padding` must be less than `strides`. Received"):
            L.Conv2DTranspose(3, 2, strides=2, output_padding=bad)
        with pytest.raises(ValueError, match=r"`output_padding` must be less than `strides`. Received"):
            hb.ops.conv_transpose(np.ones((1, 4, 4, 2)), np.ones((2, 2, 3, 2)), 2, output_padding=bad)
    for value, size in ((0, 8), (1, 9)):
        assert L.Conv1DTranspose(3, 2, strides=2, output_padding=value)(np.ones((1, 4, 2))).shape == (1, size, 3)


@pytest.mark.parametrize("cls", [L.Conv1D, L.Conv2D, L.Conv3D])
def test_fault_05_groups_divide_filters_and_channels(cls):
    with pytest.raises(ValueError, match=r"`filters` must be divisible by `groups`. Received: filters=4, groups=3"):
        cls(4, 1, groups=3)
    x = np.ones((1, *[3] * cls.rank, 3), "float32")
    for inputs in (x, hb.Input(x.shape[1:])):
        with pytest.raises(ValueError, match=r"the 3 input channels of layer .* must be divisible by groups=2"):
            cls(4, 1, groups=2)(inputs)


def test_fault_05_groups_of_the_op():
    x = np.ones((1, 4, 4, 6), "float32")
    assert hb.ops.conv(x, np.ones((1, 1, 3, 4), "float32")).shape == (1, 4, 4, 4)
    with pytest.raises(ValueError, match=r"\[conv\] output channels must be divisible by groups=3"):
        hb.ops.conv(x, np.ones((1, 1, 2, 4), "float32"))
    with pytest.raises(ValueError, match=r"\[conv\] input channels must be groups x kernel channels"):
        hb.ops.conv(x, np.ones((1, 1, 4, 4), "float32"))
    with pytest.raises(ValueError, match=r"`kernel` must be \(window..., channels, multiplier\)"):
        hb.ops.depthwise_conv(x, np.ones((1, 1, 3, 2), "float32"))


@pytest.mark.parametrize("kind", ["Max", "Average"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_fault_06_pool_windows_below_one(kind, rank):
    x = np.ones((1, *[4] * rank, 2), "float32")
    op = hb.ops.max_pool if kind == "Max" else hb.ops.average_pool
    for bad in (0, -1, (2,) * (rank - 1) + (0,)):
        with pytest.raises(ValueError, match="`pool_size` must be >= 1. Received"):
            getattr(L, f"{kind}Pooling{rank}D")(bad)
        with pytest.raises(ValueError, match="`pool_size` must be >= 1. Received"):
            op(x, bad)
