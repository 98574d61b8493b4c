"""Every loss: functions, reductions, weights, masks, options and dtypes."""

import warnings

import numpy as np

R = np.random.RandomState(0)
B, T, D = 5, 3, 4


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype("float32")


REAL = R.normal(size=(2, B, T, D)).astype("float32")
CLASSES = R.randint(0, D, (B, T))
ONE_HOT = np.eye(D, dtype="float32")[CLASSES]
LOGITS = R.normal(size=(B, T, D)).astype("float32") * 2
PROBABLE = _softmax(LOGITS)
YES = R.randint(0, 2, (B, T, D)).astype("float32")
LIKELY = R.uniform(0.02, 0.98, (B, T, D)).astype("float32")
COUNTS = R.poisson(2, (B, T, D)).astype("float32")
RATES = R.uniform(0.5, 4, (B, T, D)).astype("float32")
MASK = R.uniform(size=(B, T)) < 0.6
BY_SAMPLE = R.uniform(0.1, 2, B).astype("float32")
BY_STEP = R.uniform(0.1, 2, (B, T)).astype("float32")
IGNORED = np.where(R.uniform(size=(B, T)) < 0.4, -1, CLASSES)

REAL_PAIR, ONE_HOT_PAIR, YES_PAIR = (REAL[0], REAL[1]), (ONE_HOT, PROBABLE), (YES, LIKELY)
LOSSES = {  # class, function, targets and predictions, further options
    "MeanSquaredError": ("mean_squared_error", REAL_PAIR, []),
    "MeanAbsoluteError": ("mean_absolute_error", REAL_PAIR, []),
    "MeanAbsolutePercentageError": ("mean_absolute_percentage_error", REAL_PAIR, []),
    "MeanSquaredLogarithmicError": ("mean_squared_logarithmic_error", (COUNTS, RATES), []),
    "Huber": ("huber", REAL_PAIR, [{"delta": 0.3}]),
    "LogCosh": ("log_cosh", REAL_PAIR, []),
    "CosineSimilarity": ("cosine_similarity", REAL_PAIR, [{"axis": 1}]),
    "Hinge": ("hinge", (YES, REAL[1]), []),
    "SquaredHinge": ("squared_hinge", (YES * 2 - 1, REAL[1]), []),
    "CategoricalHinge": ("categorical_hinge", (ONE_HOT, REAL[1]), []),
    "KLDivergence": ("kl_divergence", (_softmax(REAL[0]), PROBABLE), []),
    "Poisson": ("poisson", (COUNTS, RATES), []),
    "BinaryCrossentropy": (
        "binary_crossentropy",
        YES_PAIR,
        [{"label_smoothing": 0.2}, {"axis": 1}],
    ),
    "BinaryFocalCrossentropy": (
        "binary_focal_crossentropy",
        YES_PAIR,
        [{"apply_class_balancing": True, "alpha": 0.3}, {"gamma": 1.5}, {"label_smoothing": 0.1}, {"axis": 1}],
    ),
    "CategoricalCrossentropy": (
        "categorical_crossentropy",
        ONE_HOT_PAIR,
        [{"label_smoothing": 0.2}],
    ),
    "CategoricalFocalCrossentropy": (
        "categorical_focal_crossentropy",
        ONE_HOT_PAIR,
        [{"alpha": 0.6}, {"gamma": 1.5}, {"label_smoothing": 0.1}],
    ),
    "SparseCategoricalCrossentropy": ("sparse_categorical_crossentropy", (CLASSES, PROBABLE), []),
    "Dice": ("dice", YES_PAIR, [{"axis": (1, 2)}, {"axis": -1}, {"axis": 0}]),
    "Tversky": (
        "tversky",
        YES_PAIR,
        [{"alpha": 0.2, "beta": 0.9}, {"axis": (1, 2), "alpha": 0.7}, {"axis": -1}],
    ),
}
FROM_LOGITS = {  # targets, options
    "BinaryCrossentropy": (YES, [{}, {"label_smoothing": 0.2}]),
    "BinaryFocalCrossentropy": (YES, [{}, {"apply_class_balancing": True}]),
    "CategoricalCrossentropy": (ONE_HOT, [{}, {"label_smoothing": 0.2}]),
    "CategoricalFocalCrossentropy": (ONE_HOT, [{}, {"gamma": 3.0}]),
    "SparseCategoricalCrossentropy": (CLASSES, [{}]),
}
BROADCASTING = [  # where Keras lets one of targets and predictions broadcast to the other
    c
    for c in LOSSES
    if c.startswith(("Mean", "Huber", "LogCosh", "Cosine", "Hinge", "Squared", "KL", "Poisson", "Dice"))
]
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def _quiet(call, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*args)


def with_mask(K, x, mask):
    """``x`` as a tensor that carries a mask."""
    x, mask = K.ops.convert_to_tensor(x), K.ops.convert_to_tensor(mask)
    if K.__name__ == "keras":
        K.src.backend.set_keras_mask(x, mask)
    else:
        x._keras_mask = mask
    return x


def low(K, dtype, *arrays):
    """The arrays as tensors, floats in this dtype."""
    return [K.ops.cast(a, dtype) if a.dtype.kind == "f" else K.ops.convert_to_tensor(a) for a in arrays]


def text(options):
    """A name's part for these options."""
    return ",".join(f"{k}={v}" for k, v in options.items())


def cases(K):
    """The calls, by name."""
    out = {}

    def add(name, call, *args, **kwargs):
        assert name not in out, name
        out[name] = lambda: call(*args, **kwargs)

    for cls, (function, (t, p), options) in LOSSES.items():
        L, f = getattr(K.losses, cls), getattr(K.losses, function)
        whole = cls in ("Dice", "Tversky")
        for o in [{}, *options]:
            add(f"{function}({text(o)})", f, t, p, **o)
            add(f"{cls}({text(o)})", L(**o), t, p)
        if t is not CLASSES:  # Keras asks for the targets' shape there
            add(f"{function} of lists", f, t.tolist(), p.tolist())
        for r in REDUCTIONS:
            add(f"{cls} {r}", L(reduction=r), t, p)
            add(f"{cls} {r} scalar", L(reduction=r), t, p, sample_weight=0.5)
            add(f"{cls} {r} (n,1)", L(reduction=r), t, p, sample_weight=BY_SAMPLE[:, None])
            add(f"{cls} {r} (n,t)", L(reduction=r), t, p, sample_weight=BY_STEP)
            add(f"{cls} {r} (n,t,1)", L(reduction=r), t, p, sample_weight=BY_STEP[..., None])
            add(f"{cls} {r} mask", lambda L=L, r=r, t=t, p=p: L(reduction=r)(t, with_mask(K, p, MASK)))
            add(
                f"{cls} {r} mask and weights",
                lambda L=L, r=r, t=t, p=p: L(reduction=r)(t, with_mask(K, p, MASK), sample_weight=BY_STEP),
            )
        add(f"{cls} all masked", lambda L=L, t=t, p=p: L()(t, with_mask(K, p, MASK & False)))
        add(f"{cls} weights of zero", L(reduction="mean_with_sample_weight"), t, p, sample_weight=BY_STEP * 0)
        flat = t[:, 0], p[:, 0]
        add(f"{cls} (n,d) (n,)", L(), *flat, sample_weight=BY_SAMPLE)
        for w in (BY_SAMPLE[:, None], BY_SAMPLE[:1], 2.0):
            add(f"{cls} (n,d) none {np.shape(w)}", L(reduction="none"), *flat, sample_weight=w)
        add(f"{cls} (n,d) none (n,)", L(reduction="none"), *flat, sample_weight=BY_SAMPLE)
        if not whole and cls != "SparseCategoricalCrossentropy":
            add(f"{cls} (n,) and (n,1)", L(), t[:, 0, 0], p[:, 0, :1])
            add(f"{cls} (n,1) and (n,)", L(reduction="none"), t[:, 0, :1], p[:, 0, 0])
        if cls in BROADCASTING:
            for a, b in ((t[:, 0, :1], p[:, 0]), (t[:, 0], p[:, 0, :1]), (t[:1, 0], p[:, 0])):
                add(f"{cls} {a.shape} and {b.shape}", _quiet, L(reduction="none"), a, b)
        add(f"{cls} float16", L(dtype="float16"), t[:, 0], p[:, 0])
        for dtype in ("float16", "bfloat16"):
            add(f"{cls} of {dtype}", lambda L=L, t=t, p=p, dtype=dtype: L()(*low(K, dtype, t, p)))
            add(f"{function} of {dtype}", lambda f=f, t=t, p=p, dtype=dtype: f(*low(K, dtype, t, p)))
        add(f"{cls} of float64", L(), t.astype("float64"), p.astype("float64"))
        add(f"{cls} of uint8", L(), (t > 0).astype("uint8") if t.dtype.kind == "f" else t.astype("uint8"), p)
    for cls, (t, options) in FROM_LOGITS.items():
        for o in options:
            add(f"{cls}(from_logits,{text(o)})", getattr(K.losses, cls)(from_logits=True, **o), t, LOGITS)
    sparse = K.losses.SparseCategoricalCrossentropy
    add("sparse (n,t,1)", sparse(), CLASSES[..., None], PROBABLE)
    for r in REDUCTIONS:
        for given in ({}, {"sample_weight": BY_STEP}):
            add(
                f"ignore_class {r} {text(dict.fromkeys(given))}",
                sparse(ignore_class=-1, reduction=r),
                IGNORED,
                PROBABLE,
                **given,
            )
        add(
            f"ignore_class {r} flat",
            sparse(ignore_class=2, reduction=r, from_logits=True),
            CLASSES[:, :1],
            LOGITS[:, 0],
        )
        add(
            f"ignore_class {r} mask",
            lambda r=r: sparse(ignore_class=-1, reduction=r)(IGNORED, with_mask(K, PROBABLE, MASK)),
        )
    add("ignore_class function", K.losses.sparse_categorical_crossentropy, IGNORED, PROBABLE, ignore_class=-1)
    for o in ({}, {"ignore_class": 2}, {"from_logits": True}):  # Keras' check of shapes wants as many classes as steps
        square = CLASSES % T, LIKELY[..., :T]
        add(f"sparse axis=1 {text(o)}", sparse(axis=1, reduction="none", **o), *square)
    add("categorical axis=1", K.losses.CategoricalCrossentropy(axis=1), YES, LIKELY)
    add("categorical axis=1 smoothed", K.losses.CategoricalCrossentropy(axis=1, label_smoothing=0.3), YES, LIKELY)
    add("categorical focal axis=1", K.losses.CategoricalFocalCrossentropy(axis=1), YES, LIKELY)
    for x in (0.0, 1.0):  # the ends of what a sigmoid or softmax gives
        ends = np.array([[x, 1 - x]], "float32")
        for cls in ("BinaryCrossentropy", "CategoricalCrossentropy", "KLDivergence", "BinaryFocalCrossentropy"):
            add(f"{cls} at {x}", getattr(K.losses, cls)(), np.array([[1.0, 0.0]], "float32"), ends)
    add("cosine of zeros", K.losses.CosineSimilarity(), REAL[0, 0], REAL[1, 0] * 0)

    class Own(K.losses.Loss):
        def call(self, y_true, y_pred):
            return K.ops.mean((1 - y_true) * y_pred + y_true, axis=-1)

    add("own loss of uint8", Own(), YES[:, 0].astype("uint8") * 3, LIKELY[:, 0])
    add("own loss summed", Own(reduction="sum"), YES, LIKELY, sample_weight=BY_STEP)
    return out
