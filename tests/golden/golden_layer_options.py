"""Layers' further options: regularizers and constraints through ``fit``, and what ``golden_layers`` leaves at its default."""

import numpy as np
from golden_layers import (
    FLAT,
    IDS,
    IMAGE,
    MASK,
    PADDED,
    SERIES,
    SERIES2,
    SHORT,
    VOLUME,
    examine,
    flat,
    mask_of,
    prepare,
    seed,
)
from golden_losses import text, with_mask

PIXELS = {1: SERIES, 2: IMAGE, 3: VOLUME}
ACTIVATIONS = (
    "celu",
    "exponential",
    "hard_tanh",
    "hard_silu",
    "hard_swish",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "relu6",
    "sigmoid",
    "silu",
    "softsign",
)


def _fitted(K, make, *inputs):
    """The losses of two epochs and the weights after them: penalties and constraints show in both."""
    layer = make()
    symbols = [K.Input(x.shape[1:], dtype=x.dtype.name) for x in inputs]
    made = flat(layer(*symbols))[0]
    model = K.Model(symbols, made)
    prepare(layer)
    for i, w in enumerate(layer.trainable_weights):
        w.assign(seed(i, w.shape))  # large enough to be clipped
    model.compile(K.optimizers.SGD(0.05), "mse")
    target = seed(60, (len(inputs[0]), *made.shape[1:]))
    history = model.fit(list(inputs), target, batch_size=len(target), epochs=2, shuffle=False, verbose=0)
    return [np.asarray(history.history["loss"], "float32"), *layer.get_weights()]


def _penalized(K):
    """Layers by name with regularizers and constraints on every weight, and their inputs."""
    L, out = K.layers, {}

    def held(*parts, activity=True):
        made = {"activity_regularizer": K.regularizers.L1L2(0.01, 0.02)} if activity else {}
        for i, part in enumerate(parts):
            made[f"{part}_regularizer"] = [K.regularizers.L1(0.02), K.regularizers.L2(0.03)][i % 2]
            made[f"{part}_constraint"] = [
                K.constraints.MaxNorm(0.8),
                K.constraints.NonNeg(),
                K.constraints.MinMaxNorm(0.2, 0.9, rate=0.7),
            ][i % 3]
        return made

    out["Dense"] = lambda: L.Dense(3, **held("kernel", "bias")), FLAT
    out["EinsumDense"] = (
        lambda: L.EinsumDense("abc,cd->abd", output_shape=(7, 5), bias_axes="d", **held("kernel", "bias")),
        SERIES,
    )
    out["Embedding"] = lambda: L.Embedding(6, 3, **held("embeddings", activity=False)), IDS
    for n, x in PIXELS.items():
        for kind in ("", "Transpose"):
            cls = f"Conv{n}D{kind}"
            out[cls] = lambda cls=cls: getattr(L, cls)(3, 2, **held("kernel", "bias")), x
    for n, x in ((1, SERIES), (2, IMAGE)):
        out[f"DepthwiseConv{n}D"] = (
            lambda n=n: getattr(L, f"DepthwiseConv{n}D")(2, **held("depthwise", "bias")),
            x,
        )
        out[f"SeparableConv{n}D"] = (
            lambda n=n: getattr(L, f"SeparableConv{n}D")(3, 2, **held("depthwise", "pointwise", "bias")),
            x,
        )
    for cls in ("BatchNormalization", "LayerNormalization"):
        out[cls] = lambda cls=cls: getattr(L, cls)(**held("gamma", "beta", activity=False)), SERIES
    out["GroupNormalization"] = lambda: L.GroupNormalization(2, **held("gamma", "beta", activity=False)), IMAGE
    out["PReLU"] = lambda: L.PReLU(**held("alpha", activity=False)), FLAT
    for cls in ("LSTM", "GRU"):  # Keras forgets the activity regularizer of SimpleRNN
        out[cls] = lambda cls=cls: getattr(L, cls)(3, **held("kernel", "recurrent", "bias")), SERIES
    out["SimpleRNN"] = lambda: L.SimpleRNN(3, **held("kernel", "recurrent", "bias", activity=False)), SERIES
    out["MultiHeadAttention"] = (
        lambda: L.MultiHeadAttention(2, 3, **held("kernel", "bias", activity=False)),
        SHORT,
        SERIES,
    )
    return out


def _named(L):
    """Layers by name: how each is made, its inputs, and further options of ``examine``."""
    out = {}

    def add(name, make, *inputs, **options):
        assert name not in out, name
        out[name] = (make, inputs, options)

    for a in ACTIVATIONS:
        add(f"Activation {a}", lambda a=a: L.Activation(a), FLAT)
    for n, x in PIXELS.items():
        up = getattr(L, f"Conv{n}DTranspose")
        add(
            f"Conv{n}DTranspose padded",
            lambda up=up: up(2, 3, strides=2, padding="same", output_padding=1, use_bias=False),
            x,
        )
        add(f"Conv{n}DTranspose uneven", lambda up=up: up(2, 3, strides=3, output_padding=2), x)
        for kind in ("Max", "Average"):
            pool = getattr(L, f"{kind}Pooling{n}D")
            add(f"{kind}Pooling{n}D strides", lambda pool=pool: pool(3, strides=1), x)
        add(f"UpSampling{n}D sizes", lambda n=n: getattr(L, f"UpSampling{n}D")((3, 1, 2)[:n] if n > 1 else 3), x)
    add("Conv2D uneven", lambda: L.Conv2D(3, (3, 2), strides=(1, 2), padding="same", activation="gelu"), IMAGE)
    add(
        "DepthwiseConv1D bare",
        lambda: L.DepthwiseConv1D(3, padding="same", dilation_rate=2, use_bias=False, activation="relu"),
        SERIES,
    )
    add("DepthwiseConv2D bare", lambda: L.DepthwiseConv2D((3, 2), use_bias=False), IMAGE)
    add(
        "SeparableConv1D bare",
        lambda: L.SeparableConv1D(3, 2, depth_multiplier=2, use_bias=False, dilation_rate=2),
        SERIES,
    )
    add("SeparableConv2D bare", lambda: L.SeparableConv2D(3, 2, padding="same", use_bias=False), IMAGE)
    add("GroupNormalization axis", lambda: L.GroupNormalization(3, axis=2, epsilon=0.1), IMAGE)
    add("GroupNormalization bare", lambda: L.GroupNormalization(4, center=False, scale=False), IMAGE)
    add("RMSNormalization epsilon", lambda: L.RMSNormalization(epsilon=0.1), IMAGE)
    add("LayerNormalization axis", lambda: L.LayerNormalization(axis=1), SERIES)
    add("BatchNormalization slow", lambda: L.BatchNormalization(momentum=0.0, center=False), IMAGE)
    add("Dropout noise_shape at rest", lambda: L.Dropout(0.5, noise_shape=(None, 1, 4), seed=3), SERIES, random=True)
    add("Attention dropout at rest", lambda: L.Attention(dropout=0.3, seed=3), SHORT, SERIES, listed=True, random=True)
    add(
        "AdditiveAttention dropout at rest",
        lambda: L.AdditiveAttention(dropout=0.3),
        SHORT,
        SERIES,
        listed=True,
        random=True,
    )
    add(
        "MultiHeadAttention dropout at rest",
        lambda: L.MultiHeadAttention(2, 3, dropout=0.3),
        SHORT,
        SERIES,
        random=True,
    )
    add("Attention causal", lambda: L.Attention(), SERIES, SERIES2, listed=True, call={"use_causal_mask": True})
    add(
        "Attention scores",
        lambda: L.Attention(score_mode="concat", use_scale=True),
        SHORT,
        SERIES,
        listed=True,
        call={"return_attention_scores": True},
    )
    add("EinsumDense heads", lambda: L.EinsumDense("abc,cde->abde", (7, 2, 3), bias_axes="de"), SERIES)
    add("Dot axes", lambda: L.Dot(axes=(1, 1)), SERIES, SERIES2, listed=True)
    add("Permute mask", lambda: L.Permute((1, 2)), SERIES, mask=MASK)
    add("Flatten of one axis", lambda: L.Flatten(), FLAT[:, :1])
    add("Reshape unknown", lambda: L.Reshape((-1, 2)), SERIES)
    add("Masking in a series", lambda: L.Masking(0.0), PADDED, mask=MASK)
    add("TimeDistributed of a convolution", lambda: L.TimeDistributed(L.Conv1D(2, 3)), IMAGE)
    add("TimeDistributed of BatchNormalization", lambda: L.TimeDistributed(L.BatchNormalization()), SERIES)
    add("Rescaling by channel", lambda: L.Rescaling([0.5, 2.0, 1.0, -1.0], [0.0, 1.0, 2.0, 3.0]), SERIES)
    return out


def cases(K):
    """The calls, by name."""
    out = {
        name: lambda make=make, inputs=inputs, options=options: examine(K, make, inputs, **options)
        for name, (make, inputs, options) in _named(K.layers).items()
    }
    for name, (make, *inputs) in _penalized(K).items():
        out[f"fit {name}"] = lambda make=make, inputs=inputs: _fitted(K, make, *inputs)

    @K.saving.register_keras_serializable("golden")
    def mixed(x, by=1.0, mask=None, training=False):
        x = x * by + (1.0 if training else 0.0)
        return x if mask is None else K.ops.where(K.ops.expand_dims(mask, -1), x, -1.0)

    @K.saving.register_keras_serializable("golden")
    def shifted(inputs, mask=None):
        return None if mask is None else K.ops.logical_not(mask)

    for name, o in {"Lambda": {}, "Lambda arguments": {"arguments": {"by": 3.0}}}.items():
        out[name] = lambda o=o: examine(K, lambda: K.layers.Lambda(mixed, **o), [SERIES], mask=MASK)

    def masked():  # no twin: in Keras a mask's function does not come back from a config
        y = K.layers.Lambda(mixed, mask=shifted)(with_mask(K, SERIES, MASK))
        return [y, K.ops.cast(mask_of(K, y), "float32")]

    out["Lambda mask"] = masked
    # to twice and half the sizes: weights are exact, and ties are too
    whole = (IMAGE * 40 + 128).clip(0, 255).astype("uint8")
    for kind in ("bilinear", "nearest"):
        out[f"Resizing whole {kind}"] = lambda kind=kind: K.layers.Resizing(14, 3, interpolation=kind)(
            K.ops.convert_to_tensor(whole)
        )
    for dtype in ("float16", "bfloat16"):
        out[f"Resizing {dtype}"] = lambda dtype=dtype: K.layers.Resizing(14, 3, dtype=dtype)(K.ops.cast(IMAGE, dtype))

    functions = {
        "threshold": {"threshold": 0.3, "default_value": -2.0},
        "relu": {"negative_slope": 0.3, "max_value": 0.8, "threshold": 0.2},
        "gelu": {"approximate": True},
        "leaky_relu": {"negative_slope": 0.4},
        "elu": {"alpha": 0.6},
        "celu": {"alpha": 0.6},
        "softmax": {"axis": 0},
        "log_softmax": {"axis": 0},
        "glu": {"axis": 0},
    }
    for name, o in functions.items():
        out[f"{name}({text(o)})"] = lambda name=name, o=o: getattr(K.activations, name)(
            K.ops.convert_to_tensor(FLAT), **o
        )

    def looked_up():
        table = seed(61, (6, 3))
        layer = K.layers.Embedding(6, 3, weights=[table], mask_zero=True)
        return [layer(IDS), layer.compute_mask(K.ops.convert_to_tensor(IDS))]

    out["Embedding weights"] = looked_up

    def attended():
        layer = K.layers.MultiHeadAttention(2, 3, output_shape=6)
        layer.build(SHORT.shape, SERIES.shape)
        prepare(layer)
        return layer(K.ops.convert_to_tensor(SHORT), K.ops.convert_to_tensor(SERIES), return_attention_scores=True)

    out["MultiHeadAttention scores"] = attended

    def shown():
        layer = K.layers.Softmax(axis=1)
        return layer(K.ops.convert_to_tensor(SHORT), mask=K.ops.convert_to_tensor(SHORT > 0))

    out["Softmax mask"] = shown
    out["GlobalMaxPooling1D of a mask"] = lambda: K.layers.GlobalMaxPooling1D()(with_mask(K, SERIES, MASK))
    return out
