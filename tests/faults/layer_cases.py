"""One working example of every layer: keyword arguments, and the shape (or shapes) and dtype of its input."""

import inspect

import numpy as np

import hornbeam as hb
from hornbeam import layers as L

CASES = {}


def case(name, shape, dtype="float32", **kwargs):
    CASES[name] = (kwargs, shape, dtype)


case("Activation", (4,), activation="relu")
case("ActivityRegularization", (4,), l1=0.01)
case("AdditiveAttention", [(3, 4), (5, 4)])
case("Attention", [(3, 4), (5, 4)])
case("BatchNormalization", (4,))
case("Bidirectional", (5, 3), layer=lambda: L.LSTM(2))
case("CategoryEncoding", (4,), "int32", num_tokens=7)
case("Dense", (4,), units=3)
case("Discretization", (4,), bin_boundaries=[-0.5, 0.0, 1.0])
case("Dot", [(4,), (4,)], axes=1)
case("Dropout", (4,), rate=0.5)
case("ELU", (4,))
case("EinsumDense", (5, 4), equation="abc,cd->abd", output_shape=(None, 3))
case("Embedding", (4,), "int32", input_dim=7, output_dim=3)
case("Flatten", (4, 2))
case("GaussianDropout", (4,), rate=0.5)
case("GaussianNoise", (4,), stddev=0.5)
case("GroupNormalization", (4,), groups=2)
case("HashedCrossing", [(1,), (1,)], "int32", num_bins=5)
case("Hashing", (4,), "int32", num_bins=5)
case("Identity", (4,))
case("IntegerLookup", (4,), "int32", vocabulary=[3, 1, 6])
case("Lambda", (4,), function=lambda: lambda x: x * 2)
case("LayerNormalization", (4,))
case("LeakyReLU", (4,))
case("Masking", (3, 4))
case("MelSpectrogram", (40,), fft_length=16, sequence_stride=8, num_mel_bins=4)
case("MultiHeadAttention", [(3, 4), (5, 4)], num_heads=2, key_dim=3)
case("Normalization", (4,), axis=-1)
case("PReLU", (4,))
case("Permute", (4, 2), dims=(2, 1))
case("RMSNormalization", (4,))
case("RNN", (5, 3), cell=lambda: L.GRUCell(4))
case("ReLU", (4,))
case("RepeatVector", (4,), n=3)
case("Rescaling", (4,), scale=2.0)
case("Reshape", (4,), target_shape=(2, 2))
for _name in ("CenterCrop", "RandomCrop", "Resizing"):
    case(_name, (8, 8, 3), height=4, width=4)
for _name in ("RandomElasticTransform", "RandomFlip", "RandomPerspective", "RandomShear"):
    case(_name, (8, 8, 3))
case("MaxNumBoundingBoxes", (8, 8, 3), max_number=4)
case("RandomRotation", (8, 8, 3), factor=0.2)
case("RandomTranslation", (8, 8, 3), height_factor=0.2, width_factor=0.1)
case("RandomZoom", (8, 8, 3), height_factor=0.2)
case("STFTSpectrogram", (40, 2), frame_length=8)
case("Softmax", (4,))
case("TimeDistributed", (5, 3), layer=lambda: L.Dense(2))
case("UnitNormalization", (4,))
for _name in ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract", "Concatenate"):
    case(_name, [(4,), (4,)])
for _name in ("GRU", "LSTM", "SimpleRNN"):
    case(_name, (5, 3), units=4)
for _rank, _shape in ((1, (8, 3)), (2, (8, 8, 3)), (3, (6, 6, 6, 3))):
    for _name in (
        "AveragePooling",
        "MaxPooling",
        "GlobalAveragePooling",
        "GlobalMaxPooling",
        "ZeroPadding",
        "UpSampling",
    ):
        case(f"{_name}{_rank}D", _shape)
    case(f"Cropping{_rank}D", _shape, cropping=1)
    case(f"Conv{_rank}D", _shape, filters=4, kernel_size=2)
    case(f"Conv{_rank}DTranspose", _shape, filters=4, kernel_size=2, strides=2)
for _rank, _shape in ((1, (8, 3)), (2, (8, 8, 3))):
    case(f"DepthwiseConv{_rank}D", _shape, kernel_size=2)
    case(f"SeparableConv{_rank}D", _shape, filters=4, kernel_size=2)
    case(f"SpatialDropout{_rank}D", _shape, rate=0.5)

for _name in (
    *(
        "RandomBrightness",
        "RandomContrast",
        "RandomSaturation",
        "RandomHue",
        "RandomSharpness",
        "RandomColorDegeneration",
    ),
    *("RandomGrayscale", "RandomInvert", "RandomErasing", "RandomGaussianBlur", "CutMix", "RandAugment", "AugMix"),
):
    case(_name, (8, 8, 3), factor=0.5)
for _name in ("Solarization", "Equalization", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "MixUp"):
    case(_name, (8, 8, 3))
case("RandomColorJitter", (8, 8, 3), brightness_factor=0.5, contrast_factor=0.5, saturation_factor=0.5, hue_factor=0.5)
case("RandomPosterization", (8, 8, 3), factor=3)
case("Pipeline", (4,), layers=lambda: [L.Rescaling(2.0), L.Dense(3)])

# The base classes, the entry of a model, the parts of recurrent layers, which run inside them, and what takes strings.
APART = {"Layer", "InputLayer", "Wrapper", "GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"}
APART |= {"StringLookup", "TextVectorization"}


def public_layers():
    """Every layer class, once, by its own name."""
    return {c.__name__: c for c in vars(L).values() if isinstance(c, type) and issubclass(c, L.Layer)}


def class_of(name):
    return public_layers().get(name) or getattr(L, name)


def make(name, **changes):
    kwargs = {
        k: v() if callable(v) and k in ("layer", "layers", "cell", "function") else v for k, v in CASES[name][0].items()
    }
    return getattr(L, name)(**{**kwargs, **changes})


def shapes_of(name):
    shape = CASES[name][1]
    return shape if isinstance(shape, list) else [shape]


def inputs(name, samples, seed=0):
    """Arrays for the layer: ids below 7, or numbers."""
    rng, dtype = np.random.default_rng(seed), CASES[name][2]
    shapes = [(samples, *s) for s in shapes_of(name)]
    return [
        rng.integers(0, 7, s).astype(dtype) if dtype == "int32" else rng.normal(size=s).astype(dtype) for s in shapes
    ]


def call(layer, arrays, **kwargs):
    """Multi-head attention takes its inputs one by one, other layers with several take a list."""
    if len(arrays) > 1 and not isinstance(layer, L.MultiHeadAttention):
        return layer(list(arrays), **kwargs)
    return layer(*arrays, **kwargs)


def model_of(name, **changes):
    layer = make(name, **changes)
    entry = [hb.Input(s, dtype=CASES[name][2]) for s in shapes_of(name)]
    return hb.Model(entry if len(entry) > 1 else entry[0], call(layer, entry))


def feed(arrays):
    return arrays if len(arrays) > 1 else arrays[0]


def parameters(name):
    """The constructor's arguments, with those that it hands on, but the ones that every layer has."""
    cls, found = class_of(name), {}
    chain = [c.__init__ for c in cls.__mro__ if "__init__" in vars(c) and c is not L.Layer and issubclass(c, L.Layer)]
    cell = getattr(cls, "cell_class", None)
    for init in chain + ([c.__init__ for c in cell.__mro__ if "__init__" in vars(c)] if cell else []):
        for p in inspect.signature(init).parameters.values():
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name != "self":
                found.setdefault(p.name, p)
        if not any(p.kind is p.VAR_KEYWORD for p in inspect.signature(init).parameters.values()):
            break
    base = inspect.signature(L.Layer.__init__).parameters
    return [n for n in found if n not in base and _takes(name, n)]


def _takes(name, parameter):
    """False for what a base class takes and this one settles itself."""
    try:
        make(name, **{parameter: None})
    except TypeError as e:
        return "multiple values" not in str(e) and "unexpected keyword" not in str(e)
    except ValueError:
        pass
    return True
