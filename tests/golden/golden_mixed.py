"""Layers that compute in 16 bits with float32 weights: outputs, gradients, state; training with and without scaled losses."""

import numpy as np
from golden_layers import FLAT, IDS, IMAGE, SERIES, differentiate, flat, prepare

R = np.random.RandomState(6)
X, Y = R.normal(size=(24, 6)).astype("float32"), R.normal(size=(24, 2)).astype("float32")
SCALES = {  # how LossScaleOptimizer begins: the first of the last one's steps overflow
    "doubles": {"initial_scale": 8.0, "dynamic_growth_steps": 2},
    "stays": {},
    "is halved": {"initial_scale": 2.0**24, "dynamic_growth_steps": 3},
}


def _named(L):
    """Layers by name: how each is made with a policy, and its inputs."""
    return {
        "Dense": (lambda p: L.Dense(5, activation="gelu", dtype=p), FLAT),
        "EinsumDense": (lambda p: L.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d", dtype=p), SERIES),
        "Conv2D": (lambda p: L.Conv2D(3, 3, activation="relu", dtype=p), IMAGE),
        "DepthwiseConv2D": (lambda p: L.DepthwiseConv2D(3, dtype=p), IMAGE),
        "BatchNormalization": (lambda p: L.BatchNormalization(dtype=p), IMAGE),
        "LayerNormalization": (lambda p: L.LayerNormalization(dtype=p), SERIES),
        "LayerNormalization over two": (lambda p: L.LayerNormalization((1, 2), dtype=p), SERIES),
        "GroupNormalization": (lambda p: L.GroupNormalization(2, dtype=p), IMAGE),
        "RMSNormalization": (lambda p: L.RMSNormalization(dtype=p), SERIES),
        "UnitNormalization": (lambda p: L.UnitNormalization(dtype=p), SERIES),
        "Embedding": (lambda p: L.Embedding(6, 3, dtype=p), IDS),
        "LSTM": (lambda p: L.LSTM(3, return_sequences=True, dtype=p), SERIES),
        "GRU": (lambda p: L.GRU(3, dtype=p), SERIES),
        "Softmax": (lambda p: L.Softmax(dtype=p), FLAT),
        "Rescaling": (lambda p: L.Rescaling(0.3, 0.1, dtype=p), FLAT),
        "Rescaling by channel": (lambda p: L.Rescaling([0.3] * 6, [0.1] * 6, dtype=p), FLAT),
        "PReLU": (lambda p: L.PReLU(dtype=p), FLAT),
    }


def cases(K):
    """The calls, by name."""
    out = {}

    def examine(make, policy, x):
        layer = make(policy)
        layer(K.Input(x.shape[1:], dtype=x.dtype.name))
        prepare(layer)
        kept = layer.get_weights()
        outputs, *others = differentiate(
            K, layer, [x], lambda f, tensors, training: flat(f(*tensors, training=training))
        )
        layer.set_weights(kept)
        return [outputs, [np.asarray(a, "float32") for a in flat(others)], layer(x, training=False)]

    for name, (make, x) in _named(K.layers).items():
        for policy in ("mixed_bfloat16", "mixed_float16"):
            out[f"{policy} {name}"] = lambda make=make, policy=policy, x=x: examine(make, policy, x)

    def trained(policy, optimizer):
        before = K.config.dtype_policy()
        K.config.set_dtype_policy(policy)
        try:
            parts = [K.layers.Dense(8, activation="relu"), K.layers.BatchNormalization(), K.layers.Dense(2)]
            model = K.Sequential([K.Input((6,)), *parts])
            for i, layer in enumerate((parts[0], parts[2])):
                kernel, bias = (np.zeros(w.shape, "float32") for w in layer.weights)
                kernel += np.random.RandomState(i).normal(size=kernel.shape).astype("float32") * np.float32(0.5)
                layer.set_weights([kernel, bias])
            model.compile(optimizer, "mse", metrics=["mae"])
            history = model.fit(X, Y, batch_size=8, epochs=4, shuffle=False, verbose=0).history
            logs = [np.asarray(history[k], "float32") for k in ("loss", "mae")]
            scale = [float(np.asarray(v)) for v in _scaling(model.optimizer)]
            return [logs, scale, float(np.asarray(model.optimizer.iterations)), model.get_weights()]
        finally:
            K.config.set_dtype_policy(before)

    for policy in ("float32", "mixed_bfloat16", "mixed_float16"):
        out[f"fit {policy}"] = lambda policy=policy: trained(policy, K.optimizers.SGD(0.05, momentum=0.5))
    for name, options in SCALES.items():
        out[f"fit LossScaleOptimizer whose scale {name}"] = lambda options=options: trained(
            "mixed_float16", K.optimizers.LossScaleOptimizer(K.optimizers.SGD(0.05, momentum=0.5), **options)
        )
    return out


def _scaling(optimizer):
    """What a LossScaleOptimizer keeps."""
    return [v for n in ("step_counter", "dynamic_scale") if (v := getattr(optimizer, n, None)) is not None]
