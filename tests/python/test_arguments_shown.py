"""No argument of a public constructor is swallowed: another value than the default shows in the config, or is refused by
name; and what a config says comes back from it."""

import inspect
import json

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam.core.registry import argument_names
from hornbeam.saving import deserialize_keras_object, serialize_keras_object

I, R, C = hb.initializers, hb.regularizers, hb.constraints
S = hb.optimizers.schedules

# What constructors cannot do without.
NEEDED = {
    "Activation": {"activation": "relu"},
    "Bidirectional": {"layer": lambda: L.LSTM(2)},
    "CategoryEncoding": {"num_tokens": 4},
    "Discretization": {"num_bins": 4},
    "Dot": {"axes": 1},
    "EinsumDense": {"equation": "abc,cd->abd", "output_shape": (None, 3)},
    "Embedding": {"input_dim": 7, "output_dim": 3},
    "GroupNormalization": {"groups": 2},
    "HashedCrossing": {"num_bins": 5},
    "Hashing": {"num_bins": 5},
    "InputLayer": {"shape": (3,)},
    "Lambda": {"function": lambda: hb.ops.square},
    "LambdaCallback": {"on_epoch_end": lambda: print},
    "LearningRateScheduler": {"schedule": lambda: round},
    "LossFunctionWrapper": {"fn": lambda: hb.losses.huber},
    "MeanIoU": {"num_classes": 3},
    "MeanMetricWrapper": {"fn": lambda: hb.losses.huber},
    "ModelCheckpoint": {"filepath": "m"},
    "CSVLogger": {"filename": "log.csv"},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 3},
    "Permute": {"dims": (2, 1)},
    "RNN": {"cell": lambda: L.GRUCell(4)},
    "RepeatVector": {"n": 3},
    "Rescaling": {"scale": 2.0},
    "Reshape": {"target_shape": (2, 2)},
    **{n: {"height": 4, "width": 5} for n in ("CenterCrop", "RandomCrop", "Resizing")},
    "MaxNumBoundingBoxes": {"max_number": 4},
    "RandomRotation": {"factor": 0.2},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.1},
    "RandomZoom": {"height_factor": 0.2},
    "Pipeline": {"layers": lambda: [L.Rescaling(2.0)]},
    "RandomPosterization": {"factor": 3},
    "StackedRNNCells": {"cells": lambda: [L.LSTMCell(2)]},
    "TimeDistributed": {"layer": lambda: L.Dense(2)},
    "Wrapper": {"layer": lambda: L.Dense(2)},
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 10},
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9},
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9},
    "PiecewiseConstantDecay": {"boundaries": [3], "values": [0.1, 0.01]},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "LossScaleOptimizer": {"inner_optimizer": lambda: hb.optimizers.SGD()},
    "Optimizer": {"learning_rate": 0.1},
    **{n: {"units": 4} for n in ("Dense", "GRU", "LSTM", "SimpleRNN", "GRUCell", "LSTMCell", "SimpleRNNCell")},
    **{n: {"rate": 0.5} for n in ("Dropout", "GaussianDropout", "SpatialDropout1D", "SpatialDropout2D")},
    **{"GaussianNoise": {"stddev": 0.5}},
    **{f"Random{n}": {"factor": 0.25} for n in ("Brightness", "Contrast", "Saturation", "Hue", "Sharpness")},
    "RandomColorDegeneration": {"factor": 0.25},
    **{f"Cropping{n}D": {"cropping": 1} for n in (1, 2, 3)},
    **{f"{k}{n}D": {"filters": 4, "kernel_size": 2} for k in ("Conv", "SeparableConv") for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": {"filters": 4, "kernel_size": 2, "strides": 2} for n in (1, 2, 3)},
    **{f"DepthwiseConv{n}D": {"kernel_size": 2} for n in (1, 2)},
}

# Another value for arguments of a name, where the default's kind does not say one; "Class.argument" for one class alone.
OTHER = {
    "AUC.thresholds": [0.25, 0.5],
    "AUC.num_labels": 3,
    "AUC.label_weights": [0.25, 0.5],
    "activation": "elu",
    "activity_regularizer": lambda: R.L2(0.3),
    "attention_axes": (1,),
    "average": "macro",
    "axes": 2,
    "axis": 1,
    "backward_layer": lambda: L.LSTM(2, go_backwards=True, use_bias=False),
    "baseline": 0.25,
    "batch_shape": (None, 5),
    "batch_size": 4,
    "bias_axes": "d",
    "bin_boundaries": [0.0, 1.0],
    "boundaries": [4],
    "bounding_box_format": "xyxy",
    "cell": lambda: L.LSTMCell(3),
    "cells": lambda: [L.GRUCell(3)],
    "class_aggregation": "variance_weighted_average",
    "class_id": 1,
    "cropping": 2,
    "curve": "PR",
    "data_format": "channels_first",
    "dims": (1, 2),
    "distribution": "uniform",
    "dtype": "float64",
    "HashedCrossing.dtype": "int32",
    "Hashing.dtype": "int32",
    "equation": "abc,cde->abde",
    "filename": "other.csv",
    "filters": 5,
    "filepath": "other",
    "fn": lambda: hb.losses.log_cosh,
    "function": lambda: hb.ops.exp,
    "ignore_class": 1,
    "initial_value_threshold": 0.5,
    "interpolation": "bilinear",
    **{f"Random{n}.interpolation": "nearest" for n in ("ElasticTransform", "Perspective", "Rotation", "Shear")},
    **{f"{n}.interpolation": "nearest" for n in ("RandomTranslation", "RandomZoom", "Resizing")},
    "kernel_size": 3,
    "layer": lambda: L.GRU(3),
    "TimeDistributed.layer": lambda: L.Dense(5),
    "learning_rate": 0.25,
    "mask": lambda: hb.ops.abs,
    "mask_value": 4.0,
    "Normalization.mean": 0.5,
    "Normalization.variance": 0.5,
    "max_value": 3.0,
    "merge_mode": "sum",
    "mode": "fan_out",
    "RandomFlip.mode": "vertical",
    "EarlyStopping.mode": "max",
    "ModelCheckpoint.mode": "max",
    "ReduceLROnPlateau.mode": "max",
    "OrthogonalRegularizer.mode": "columns",
    "STFTSpectrogram.mode": "psd",
    "monitor": "loss",
    "name": "other",
    "noise_shape": (None, 1),
    "num_classes": 4,
    "output_mode": "one_hot",
    "output_padding": 0,
    "output_shape": (None, 4),
    "Lambda.output_shape": (4,),
    "MultiHeadAttention.output_shape": 5,
    "padding": "same",
    **{f"ZeroPadding{n}D.padding": 2 for n in (1, 2, 3)},
    "pool_size": 3,
    "recurrent_activation": "tanh",
    "reduction": "sum",
    "salt": 3,
    "save_freq": 5,
    "schedule": lambda: abs,
    "score_mode": "concat",
    "seed": 7,
    "separator": ";",
    "shape": (4,),
    "shared_axes": [1],
    "size": 3,
    "strides": 3,
    "summation_method": "minoring",
    "target_shape": (4, 1),
    "threshold": 0.25,
    "thresholds": 0.25,
    "top_k": 2,
    "arguments": lambda: {"approximate": True},
    "value_dim": 5,
    "value_range": (0, 1),
    "values": [0.2, 0.02],
    "width_factor": (0.1, 0.2),
    "warmup_target": 0.5,
    "weights": lambda: np.ones((7, 3), "float32"),
    "clipnorm": 0.5,
    "clipvalue": 0.5,
    "global_clipnorm": 0.5,
    "weight_decay": 0.25,
    "ema_overwrite_frequency": 3,
    "gradient_accumulation_steps": 3,
    "loss_scale_factor": 2.0,
    "inner_optimizer": lambda: hb.optimizers.Lion(),
    "input_length": 4,
    "dilation_rate": 2,
    "depth_multiplier": 2,
    "input_axes": [0],
    "output_axes": [1],
    **dict.fromkeys(("lora_rank", "lora_alpha", "gptq_unpacked_column_size", "sliding_window"), 2),
    **dict.fromkeys(("quantization_config", "renorm_clipping"), lambda: {"rmax": 2.0}),
    **dict.fromkeys(("sparse", "ragged", "flash_attention", "use_cudnn"), True),
    "RandomPosterization.factor": (2, 4),
    **{f"{n}.factor": 0.25 for n in ("RandomGrayscale", "RandAugment")},
    **dict.fromkeys(("brightness_factor", "contrast_factor", "saturation_factor", "hue_factor"), 0.25),
    "RandomErasing.scale": (0.125, 0.25),
    "RandomErasing.fill_value": 3.0,
    "RandomGaussianBlur.kernel_size": 5,
    "sigma": 0.25,
    "tile_grid_size": (2, 3),
    **{f"{policy}.interpolation": "nearest" for policy in ("RandAugment", "AugMix")},
    "layers": lambda: [L.Dense(2)],
    "factor": 0.5,
    "fill_mode": "nearest",
    "window": "hamming",
    "scaling": "spectrum",
    "side": "imag",
    "max_freq": 3000.0,
    "sequence_length": 512,
    **{"frame_step": 64, "fft_length": 1024},
    "input_tensor": lambda: hb.Input((3,)),
    "max_tokens": 50,
    "num_oov_indices": 3,
    "invert": True,
    "mask_token": "[MASK]",
    "IntegerLookup.mask_token": 7,
    "oov_token": "[OOV]",
    "vocabulary": lambda: ["a", "b"],
    "IntegerLookup.vocabulary": lambda: [4, 2],
    "vocabulary_dtype": "int32",
    "idf_weights": [0.5],
    "oov_method": "farmhash",
    "encoding": "latin-1",
    "standardize": "lower",
    "split": "character",
    "ngrams": (1, 3),
    "output_sequence_length": 6,
}
# Arguments that configs do not say, with what shows them.
BY_RESULT = {
    ("Embedding", "weights"): lambda layer: layer(np.arange(3)).numpy()[0, 0] == 1,
    ("Layer", "autocast"): lambda layer: layer.autocast is False,
    ("Loss", "dtype"): lambda loss: loss.dtype == "float64",
}


def classes(module, base):
    found = {c for c in vars(module).values() if isinstance(c, type) and issubclass(c, base)}
    return sorted((c for c in found if not c.__name__.startswith("_") and c is not base), key=lambda c: c.__name__)


GROUPS = {
    "layers": classes(L, L.Layer),
    "losses": classes(hb.losses, hb.Loss),
    "metrics": classes(hb.metrics, hb.Metric),
    "optimizers": classes(hb.optimizers, hb.Optimizer),
    "schedules": classes(S, S.LearningRateSchedule),
    "initializers": classes(I, I.Initializer),
    "regularizers": classes(R, R.Regularizer),
    "constraints": classes(C, C.Constraint),
}
ALL = [c for group in GROUPS.values() for c in group]


def value_of(x):
    return x() if inspect.isfunction(x) and x.__name__ == "<lambda>" else x


def make(cls, **given):
    return cls(**{**{k: value_of(v) for k, v in NEEDED.get(cls.__name__, {}).items()}, **given})


def defaults(cls):
    found = {}
    for c in cls.__mro__[:-1]:
        if "__init__" in vars(c):
            for p in inspect.signature(vars(c)["__init__"]).parameters.values():
                found.setdefault(p.name, p.default)
    return found


def other_value(cls, name, default):
    """Another value than the default, or than the one that the case needs."""
    default = value_of(NEEDED.get(cls.__name__, {}).get(name, default))
    for key in (f"{cls.__name__}.{name}", name):
        if key in OTHER:
            return value_of(OTHER[key])
    for end, value in (("initializer", I.Constant(0.3)), ("regularizer", R.L2(0.3)), ("constraint", C.MaxNorm(1.5))):
        if name.endswith(end):
            return value
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default + 1
    if isinstance(default, float):
        return default / 2 if default else 0.25
    raise AssertionError(f"no other value for {cls.__name__}({name}={default!r}) is known here: add one to OTHER")


def arguments(cls):
    if not issubclass(cls, L.Layer):
        return argument_names(cls)
    return (*argument_names(cls, L.Layer), "name", "trainable", "dtype", "activity_regularizer", "autocast")


@pytest.mark.parametrize("cls", ALL, ids=lambda c: f"{c.__module__.split('.')[1]}.{c.__name__}")
def test_every_argument_shows(cls):
    plain = serialize_keras_object(make(cls))["config"]
    known = defaults(cls)
    for name in arguments(cls):
        value = other_value(cls, name, known[name])
        try:
            made = make(cls, **{name: value})
        except (TypeError, ValueError) as e:
            assert name in str(e) or "multiple values" in str(e), f"{cls.__name__}({name}={value!r}): {e}"
            continue
        seen = next((BY_RESULT[c.__name__, name] for c in cls.__mro__ if (c.__name__, name) in BY_RESULT), None)
        if seen is not None:
            assert seen(made)
            continue
        config = serialize_keras_object(made)["config"]
        other = {k: v for k, v in config.items() if k != "name" or name == "name"}
        assert other != {k: v for k, v in plain.items() if k in other}, (
            f"{cls.__name__}({name}={value!r}) does not show"
        )
        stored = json.loads(json.dumps(serialize_keras_object(made)))
        again = json.loads(json.dumps(serialize_keras_object(deserialize_keras_object(stored))))
        assert again == stored, f"{cls.__name__}({name}={value!r})"


@pytest.mark.parametrize(
    "cls",
    [c for c in ALL if c not in (hb.losses.LossFunctionWrapper, hb.metrics.MeanMetricWrapper)],  # their functions' own
    ids=lambda c: f"{c.__module__.split('.')[1]}.{c.__name__}",
)
def test_no_unknown_argument_is_taken(cls):
    with pytest.raises((TypeError, ValueError), match="no_such_argument|takes no arguments"):
        make(cls, no_such_argument=1)


CALLBACKS = [c for c in classes(hb.callbacks, hb.callbacks.Callback) if c is not hb.callbacks.CallbackList]


@pytest.mark.parametrize("cls", CALLBACKS, ids=lambda c: c.__name__)
def test_every_argument_of_a_callback_is_kept(cls):
    known = defaults(cls)
    names = [n for n in argument_names(cls) if n != "hooks"]
    plain = vars(make(cls))
    for name in names:
        value = sorted if name.startswith("on_") else other_value(cls, name, known[name])
        try:
            kept = vars(make(cls, **{name: value}))
        except (TypeError, ValueError) as e:
            assert name in str(e)
            continue
        assert {k for k in kept if kept[k] != plain.get(k)}, f"{cls.__name__}({name}={value!r}) does not show"
