"""Every layer: outputs, masks, gradients of weights and inputs, both training flags, state, and its twin from its config."""

import numpy as np
from golden_losses import with_mask

R = np.random.RandomState(4)
FLAT = R.normal(size=(4, 6)).astype("float32")
FLAT2 = R.normal(size=(4, 6)).astype("float32")
SERIES = R.normal(size=(3, 7, 4)).astype("float32")
SERIES2 = R.normal(size=(3, 7, 4)).astype("float32")
SHORT = R.normal(size=(3, 5, 4)).astype("float32")
IMAGE = R.normal(size=(2, 7, 6, 4)).astype("float32")
VOLUME = R.normal(size=(2, 5, 4, 6, 2)).astype("float32")
IDS = np.array([[1, 4, 0, 0], [2, 0, 3, 0], [0, 0, 0, 0]], "int32")
MASK = np.arange(7) < np.array([[7], [4], [1]])
HOLES = R.uniform(size=(3, 7)) < 0.6
SHORT_MASK = np.arange(5) < np.array([[5], [2], [3]])
PADDED = np.where(MASK[..., None], SERIES, 0).astype("float32")


def seed(i, shape):
    """The i-th array of recorded values."""
    return np.random.RandomState(100 + i).normal(size=shape).astype("float32")


def _named(L):
    """Layers by name: how each is made, its inputs, and a mask for the first of them."""
    out = {}

    def add(name, make, *inputs, **options):
        assert name not in out, name
        out[name] = (make, inputs, options)

    for a in (
        "relu",
        "tanh",
        "gelu",
        "softmax",
        "elu",
        "selu",
        "swish",
        "softplus",
        "hard_sigmoid",
        "mish",
        "leaky_relu",
    ):
        add(f"Activation {a}", lambda a=a: L.Activation(a), FLAT)
    add("Dense", lambda: L.Dense(3, activation="tanh"), FLAT)
    add("Dense without bias", lambda: L.Dense(3, use_bias=False), SERIES, mask=MASK)
    add("EinsumDense", lambda: L.EinsumDense("abc,cd->abd", output_shape=(7, 5), bias_axes="d"), SERIES)
    add("Embedding", lambda: L.Embedding(6, 3), IDS)
    add("Embedding mask_zero", lambda: L.Embedding(6, 3, mask_zero=True), IDS)
    add("Masking", lambda: L.Masking(), PADDED)
    add("Masking of a value", lambda: L.Masking(0.5), np.where(MASK[..., None], SERIES, 0.5).astype("float32"))
    add("Flatten", lambda: L.Flatten(), IMAGE)
    add("Reshape", lambda: L.Reshape((2, -1)), FLAT)
    add("Permute", lambda: L.Permute((2, 3, 1)), IMAGE)
    add("RepeatVector", lambda: L.RepeatVector(3), FLAT)
    add("Identity", lambda: L.Identity(), SERIES, mask=MASK)
    add("Rescaling", lambda: L.Rescaling(0.5, 1.0), FLAT)
    add("Normalization", lambda: L.Normalization(mean=[0.5] * 6, variance=[1.0, 4.0, 0.25, 0.0, 9.0, 1.0]), FLAT)
    add("Normalization inverted", lambda: L.Normalization(None, mean=0.5, variance=2.0, invert=True), SERIES, mask=MASK)
    add("CategoryEncoding", lambda: L.CategoryEncoding(6, output_mode="count"), IDS)
    add("ActivityRegularization", lambda: L.ActivityRegularization(0.1, 0.2), FLAT)
    for rate in (L.Dropout(0.4), L.GaussianNoise(0.3), L.GaussianDropout(0.3), L.SpatialDropout1D(0.4)):
        cls, config = type(rate), rate.get_config()
        add(f"{cls.__name__} at rest", lambda cls=cls, c=config: cls.from_config(c), SERIES, random=True, mask=MASK)
    add("SpatialDropout2D at rest", lambda: L.SpatialDropout2D(0.4), IMAGE, random=True)
    add("ReLU", lambda: L.ReLU(max_value=1.0, negative_slope=0.2, threshold=0.3), FLAT)
    add("LeakyReLU", lambda: L.LeakyReLU(), FLAT)
    add("LeakyReLU slope", lambda: L.LeakyReLU(negative_slope=0.1), FLAT)
    add("ELU", lambda: L.ELU(0.7), FLAT)
    add("PReLU", lambda: L.PReLU(), SERIES)
    add("PReLU shared", lambda: L.PReLU(shared_axes=[1, 2]), IMAGE)
    add("Softmax", lambda: L.Softmax(), FLAT)
    add("Softmax axes", lambda: L.Softmax(axis=(1, 2)), IMAGE)

    for cls in ("Add", "Average", "Maximum", "Minimum", "Multiply", "Concatenate"):
        add(cls, lambda cls=cls: getattr(L, cls)(), FLAT, FLAT2, FLAT * 0.5 + 1, listed=True)
        add(f"{cls} mask", lambda cls=cls: getattr(L, cls)(), SERIES, SERIES2, listed=True, mask=MASK, second=HOLES)
    add("Add broadcast", lambda: L.Add(), SERIES, SERIES2[:, :1], listed=True)
    add("Subtract", lambda: L.Subtract(), FLAT, FLAT2, listed=True)
    add("Concatenate axis", lambda: L.Concatenate(axis=1), SERIES, SHORT, listed=True)
    add("Dot", lambda: L.Dot(axes=1), FLAT, FLAT2, listed=True)
    add("Dot normalized", lambda: L.Dot(axes=(2, 2), normalize=True), SERIES, SHORT, listed=True)

    add("BatchNormalization", lambda: L.BatchNormalization(), FLAT)
    add("BatchNormalization image", lambda: L.BatchNormalization(momentum=0.8, epsilon=0.01), IMAGE)
    add("BatchNormalization axis", lambda: L.BatchNormalization(axis=1), SERIES)
    add("BatchNormalization mask", lambda: L.BatchNormalization(), SERIES, mask=HOLES)
    add("BatchNormalization bare", lambda: L.BatchNormalization(center=False, scale=False), FLAT)
    add("LayerNormalization", lambda: L.LayerNormalization(), SERIES)
    add("LayerNormalization axes", lambda: L.LayerNormalization(axis=(1, 2), epsilon=0.01), IMAGE)
    add("LayerNormalization bare", lambda: L.LayerNormalization(center=False, scale=False), SERIES)
    add("GroupNormalization", lambda: L.GroupNormalization(2), IMAGE)
    add("GroupNormalization instance", lambda: L.GroupNormalization(-1), IMAGE)
    add("RMSNormalization", lambda: L.RMSNormalization(), SERIES)
    add("UnitNormalization", lambda: L.UnitNormalization(), SERIES)
    add("UnitNormalization axes", lambda: L.UnitNormalization(axis=(1, 2)), SERIES)

    for n, x in ((1, SERIES), (2, IMAGE), (3, VOLUME)):
        conv = getattr(L, f"Conv{n}D")
        add(f"Conv{n}D", lambda conv=conv: conv(3, 2, activation="relu"), x)
        add(f"Conv{n}D same strides", lambda conv=conv: conv(3, 3, strides=2, padding="same"), x)
        add(f"Conv{n}D dilated", lambda conv=conv: conv(2, 2, dilation_rate=2, use_bias=False), x)
        add(f"Conv{n}D groups", lambda conv=conv: conv(4, 2, groups=2, padding="same"), x)
        up = getattr(L, f"Conv{n}DTranspose")
        add(f"Conv{n}DTranspose", lambda up=up: up(3, 3, strides=2), x)
        add(f"Conv{n}DTranspose same", lambda up=up: up(3, 3, strides=2, padding="same", activation="tanh"), x)
        for kind in ("Max", "Average"):
            pool = getattr(L, f"{kind}Pooling{n}D")
            add(f"{kind}Pooling{n}D", lambda pool=pool: pool(2), x)
            add(f"{kind}Pooling{n}D same", lambda pool=pool: pool(3, strides=2, padding="same"), x)
            whole = getattr(L, f"Global{kind}Pooling{n}D")
            add(f"Global{kind}Pooling{n}D", lambda whole=whole: whole(), x)
            add(f"Global{kind}Pooling{n}D keepdims", lambda whole=whole: whole(keepdims=True), x)
        pad, crop = getattr(L, f"ZeroPadding{n}D"), getattr(L, f"Cropping{n}D")
        add(f"ZeroPadding{n}D", lambda pad=pad: pad(1), x)
        add(f"Cropping{n}D", lambda crop=crop: crop(1), x)
        uneven = (1, 2) if n == 1 else ((1, 2), (0, 1), (1, 0))[:n]
        add(f"ZeroPadding{n}D uneven", lambda pad=pad, u=uneven: pad(u), x)
        add(f"Cropping{n}D uneven", lambda crop=crop, u=uneven: crop(u), x)
        add(f"UpSampling{n}D", lambda n=n: getattr(L, f"UpSampling{n}D")(2), x)
    add("GlobalAveragePooling1D mask", lambda: L.GlobalAveragePooling1D(), SERIES, mask=HOLES)
    add("Conv1D causal", lambda: L.Conv1D(3, 3, padding="causal", dilation_rate=2), SERIES)
    add("DepthwiseConv1D", lambda: L.DepthwiseConv1D(3, depth_multiplier=2), SERIES)
    add("DepthwiseConv2D", lambda: L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2), IMAGE)
    add("SeparableConv1D", lambda: L.SeparableConv1D(5, 3, padding="same"), SERIES)
    add("SeparableConv2D", lambda: L.SeparableConv2D(5, 3, strides=2, depth_multiplier=2, activation="tanh"), IMAGE)
    add("UpSampling2D bilinear", lambda: L.UpSampling2D((2, 3), interpolation="bilinear"), IMAGE)
    for kind in ("bilinear", "nearest"):
        add(f"Resizing {kind}", lambda kind=kind: L.Resizing(5, 9, interpolation=kind), IMAGE)

    for cls in ("SimpleRNN", "LSTM", "GRU"):
        rnn = getattr(L, cls)
        add(cls, lambda rnn=rnn: rnn(3), SERIES)
        add(f"{cls} sequences mask", lambda rnn=rnn: rnn(3, return_sequences=True), SERIES, mask=HOLES)
        add(f"{cls} mask state", lambda rnn=rnn: rnn(3, return_state=True), SERIES, mask=MASK)
        add(
            f"{cls} backwards zeros",
            lambda rnn=rnn: rnn(3, go_backwards=True, return_sequences=True, zero_output_for_mask=True),
            SERIES,
            mask=HOLES,
        )
        add(f"{cls} relu without bias", lambda rnn=rnn: rnn(3, activation="relu", use_bias=False), SERIES)
        add(f"Bidirectional {cls}", lambda rnn=rnn: L.Bidirectional(rnn(2, return_sequences=True)), SERIES, mask=MASK)
    add("GRU reset before", lambda: L.GRU(3, reset_after=False), SERIES)
    add("LSTM hard", lambda: L.LSTM(3, recurrent_activation="hard_sigmoid", unit_forget_bias=False), SERIES)
    add("RNN of cells", lambda: L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_sequences=True), SERIES)
    for mode in ("sum", "mul", "ave"):
        add(f"Bidirectional {mode}", lambda mode=mode: L.Bidirectional(L.SimpleRNN(2), merge_mode=mode), SERIES)
    add("TimeDistributed", lambda: L.TimeDistributed(L.Dense(3)), SERIES, mask=MASK)

    add("Attention", lambda: L.Attention(), SHORT, SERIES, listed=True)
    add("Attention scaled", lambda: L.Attention(use_scale=True), SHORT, SERIES, SERIES2, listed=True)
    add("Attention concat", lambda: L.Attention(score_mode="concat"), SHORT, SERIES, listed=True)
    add("Attention masks", lambda: L.Attention(), SHORT, SERIES, listed=True, mask=SHORT_MASK, second=MASK)
    add("AdditiveAttention", lambda: L.AdditiveAttention(), SHORT, SERIES, listed=True)
    add("AdditiveAttention bare", lambda: L.AdditiveAttention(use_scale=False), SHORT, SERIES, listed=True)
    attend = lambda **o: L.MultiHeadAttention(2, 3, **o)  # noqa: E731
    add("MultiHeadAttention", attend, SHORT, SERIES)
    add("MultiHeadAttention widths", lambda: attend(output_shape=6, use_bias=False), SHORT, SERIES, SERIES2)
    add("MultiHeadAttention mask", attend, SHORT, SERIES, second=MASK)
    add("MultiHeadAttention masks", attend, SERIES, SERIES2, mask=MASK, second=HOLES)
    add("MultiHeadAttention causal", attend, SERIES, SERIES, call={"use_causal_mask": True})
    return out


def flat(result):
    """A nest of lists as one list."""
    return [r for x in result for r in flat(x)] if isinstance(result, (list, tuple)) else [result]


def _loss(K, outputs):
    total = 0.0
    for i, y in enumerate(outputs):
        total = total + K.ops.sum(y * np.cos(np.arange(np.prod(y.shape)) + i).reshape(y.shape).astype("float32"))
    return total


def mask_of(K, y):
    """The mask that a tensor carries, or None."""
    return K.src.backend.get_keras_mask(y) if K.__name__ == "keras" else getattr(y, "_keras_mask", None)


def prepare(layer):
    """Recorded values in place of the drawn ones; what is not trained (variances) stays positive."""
    trained = {id(v) for v in layer.trainable_weights}
    values = [seed(i, w.shape) * 0.5 for i, w in enumerate(layer.weights)]
    layer.set_weights([v if id(w) in trained else np.abs(v) + 0.5 for v, w in zip(values, layer.weights)])


def differentiate(K, layer, inputs, apply):
    """Outputs of a training call, and gradients of their weighted sum by weights and float inputs."""
    floats = [i for i, x in enumerate(inputs) if x.dtype.kind == "f"]
    if K.__name__ != "keras":
        tensors, weights = [K.ops.convert_to_tensor(x) for x in inputs], layer.trainable_weights
        with K.GradientTape() as tape:
            for i in floats:
                tape.watch(tensors[i])
            outputs = apply(layer, tensors, True)
            loss = _loss(K, outputs)
        found = tape.gradient(loss, [*weights, *(tensors[i] for i in floats)])
        return [outputs, [np.asarray(g) for g in found], [v.numpy() for v in layer.non_trainable_weights]]
    import jax

    kept = layer.non_trainable_weights

    def run(weights, given):
        tensors = list(inputs)
        for i, x in zip(floats, given):
            tensors[i] = x
        with K.StatelessScope(state_mapping=list(zip(layer.trainable_weights, weights))) as scope:
            outputs = apply(layer, [K.ops.convert_to_tensor(x) for x in tensors], True)
            loss = _loss(K, outputs)
        state = [scope.get_current_value(v) for v in kept]
        return loss, (outputs, [v.value if s is None else s for s, v in zip(state, kept)])

    weights = [v.value for v in layer.trainable_weights]
    run = jax.jit(jax.value_and_grad(run, argnums=(0, 1), has_aux=True))
    (_, (outputs, state)), grads = run(weights, [inputs[i] for i in floats])
    return [outputs, flat(list(grads)), state]


def examine(K, make, inputs, mask=None, second=None, listed=False, random=False, call=None):
    """Shapes, a training call with its gradients and state, and a call at rest of the twin, as one list of arrays."""

    def apply(layer, tensors, training):
        tensors = list(tensors)
        for i, m in ((0, mask), (1, second)):
            if m is not None:
                tensors[i] = with_mask(K, tensors[i], m)
        outputs = flat(
            layer(tensors, training=training) if listed else layer(*tensors, training=training, **(call or {}))
        )
        masks = [mask_of(K, y) for y in outputs]
        return [*outputs, *(K.ops.cast(m, "float32") for m in masks if m is not None)]

    layer = make()
    symbols = [K.Input(x.shape[1:], dtype=x.dtype.name) for x in inputs]
    shapes = [
        np.asarray([-1 if d is None else d for d in y.shape], "float32")
        for y in flat(layer(symbols) if listed else layer(*symbols, **(call or {})))
    ]
    prepare(layer)
    kept = layer.get_weights()
    found = [] if random else differentiate(K, layer, list(inputs), apply)
    twin = type(layer).from_config(layer.get_config())
    twin(symbols) if listed else twin(*symbols, **(call or {}))
    twin.set_weights(kept)
    at_rest = apply(twin, [K.ops.convert_to_tensor(x) for x in inputs], False)
    penalty = sum((np.asarray(p, "float32") for p in twin.losses), np.float32(0))
    return [np.asarray(a, "float32") for a in flat([shapes, found, at_rest, penalty])]


def cases(K):
    """The calls, by name."""
    return {
        name: lambda make=make, inputs=inputs, options=options: examine(K, make, inputs, **options)
        for name, (make, inputs, options) in _named(K.layers).items()
    }
