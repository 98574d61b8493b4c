"""Every metric: several updates, weights, masks, options, state and what a reset leaves."""

import numpy as np
from golden_losses import text, with_mask

R = np.random.RandomState(1)
SIZES = (7, 4, 2)  # batches of different sizes, so that a mean of means is not the mean
N, C, T = sum(SIZES), 5, 3


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype("float32")


REAL = R.normal(size=(2, N, C)).astype("float32")
YES = R.randint(0, 2, (N, C)).astype("float32")
LIKELY = np.round(R.uniform(size=(N, C)), 2).astype("float32")
LOGITS = (R.normal(size=(N, C)) * 2).astype("float32")
CLASSES = R.randint(0, C, N)
FOUND = np.where(R.uniform(size=N) < 0.6, CLASSES, R.randint(0, C, N))
ONE_HOT = np.eye(C, dtype="float32")[CLASSES]
PROBABLE = _softmax(LOGITS)
SERIES_CLASSES = R.randint(0, C, (N, T))
SERIES = _softmax(R.normal(size=(N, T, C)) * 2)
SERIES_MASK = R.uniform(size=(N, T)) < 0.6
SERIES_WEIGHTS = R.uniform(0.2, 2, (N, T)).astype("float32")
COUNTS = R.poisson(2, (N, C)).astype("float32")
RATES = R.uniform(0.5, 4, (N, C)).astype("float32")
WEIGHTS = R.uniform(0.2, 2, N).astype("float32")
WHOLE = R.randint(1, 4, N)

PAIRS = {
    "real": (REAL[0], REAL[1]),
    "yes": (YES, LIKELY),
    "column": (YES[:, :1], LIKELY[:, :1]),
    "flat": (YES[:, 0], LIKELY[:, 0]),
    "logits": (YES, LOGITS),
    "one_hot": (ONE_HOT, PROBABLE),
    "classes": (CLASSES, PROBABLE),
    "classes_column": (CLASSES[:, None], PROBABLE),
    "ids": (CLASSES.astype("float32"), FOUND.astype("float32")),
    "counts": (COUNTS, RATES),
    "distributions": (_softmax(REAL[0]), PROBABLE),
    "signs": (YES * 2 - 1, REAL[0]),
}
MEANS = {  # class: kinds of data, options
    "Accuracy": (["ids"], [{}]),
    "BinaryAccuracy": (["yes", "column", "flat", "logits"], [{}, {"threshold": 0.3}, {"threshold": 0.0}]),
    "CategoricalAccuracy": (["one_hot"], [{}]),
    "SparseCategoricalAccuracy": (["classes", "classes_column"], [{}]),
    "TopKCategoricalAccuracy": (["one_hot"], [{"k": 1}, {"k": 2}]),
    "SparseTopKCategoricalAccuracy": (["classes"], [{"k": 1}, {"k": 3}]),
    "MeanSquaredError": (["real", "column"], [{}]),
    "MeanAbsoluteError": (["real"], [{}]),
    "MeanAbsolutePercentageError": (["real"], [{}]),
    "MeanSquaredLogarithmicError": (["counts"], [{}]),
    "RootMeanSquaredError": (["real", "flat"], [{}]),
    "CosineSimilarity": (["real"], [{}, {"axis": 1}]),
    "LogCoshError": (["real"], [{}]),
    "Hinge": (["yes", "signs"], [{}]),
    "SquaredHinge": (["signs"], [{}]),
    "CategoricalHinge": (["one_hot"], [{}]),
    "KLDivergence": (["distributions"], [{}]),
    "Poisson": (["counts"], [{}]),
    "BinaryCrossentropy": (["yes"], [{}, {"label_smoothing": 0.2}]),
    "CategoricalCrossentropy": (["one_hot"], [{}, {"label_smoothing": 0.2}]),
    "SparseCategoricalCrossentropy": (["classes", "classes_column"], [{}, {"ignore_class": 2}]),
}
THRESHOLDS = [{}, {"thresholds": 0.3}, {"thresholds": [0.4]}, {"thresholds": [0.2, 0.7]}, {"thresholds": [0, 0.5, 1]}]
COUNTED = {
    **{c: THRESHOLDS for c in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")},
    **{
        c: [*THRESHOLDS, {"top_k": 2}, {"class_id": 1}, {"top_k": 3, "class_id": 2}, {"top_k": 2, "thresholds": 0.6}]
        for c in ("Precision", "Recall")
    },
}
AREAS = [
    {"curve": c, "summation_method": s, "num_thresholds": n}
    for c in ("ROC", "PR", "PRGAIN")
    for s in ("interpolation", "minoring", "majoring")
    for n in (5, 200)
]
AREAS += [{"thresholds": [0.3, 0.6, 0.35]}, {"thresholds": [0.5]}, {"num_thresholds": 2}, {"curve": "pr"}]
SCORES = [{"average": a, "threshold": t} for a in (None, "micro", "macro", "weighted") for t in (None, 0.3, 1.0)]


def _parts(*arrays):
    at = np.cumsum((0, *SIZES))
    return [[None if a is None else a[i:j] for a in arrays] for i, j in zip(at, at[1:])]


def _state(m):
    return [np.asarray(v.value if hasattr(v, "value") else v) for v in m.variables]


def _run(m, t, p, w=None, states=True):
    """Results after each update, the state, and the result of one more batch after a reset."""
    out = []
    for a, b, c in _parts(t, p, w):
        m.update_state(a, b, sample_weight=c)
        out.append(m.result())
    out += _state(m) if states else []
    m.reset_state()
    m.update_state(a, b, sample_weight=c)
    return [*out, m.result()]


def cases(K):
    """The calls, by name."""
    M, out = K.metrics, {}

    def add(name, make, t, p, w=None, states=True):
        assert name not in out, name
        out[name] = lambda: _run(make(), t, p, w, states)

    for cls, (kinds, options) in MEANS.items():
        for kind in kinds:
            t, p = PAIRS[kind]
            for o in options:
                name = f"{cls}({text(o)}) {kind}"
                add(name, lambda cls=cls, o=o: getattr(M, cls)(**o), t, p)
                if o != {"axis": 1}:
                    add(f"{name} weights", lambda cls=cls, o=o: getattr(M, cls)(**o), t, p, WEIGHTS)
                    add(f"{name} weights (n,1)", lambda cls=cls, o=o: getattr(M, cls)(**o), t, p, WEIGHTS[:, None])
        for o in ({}, {"sample_weight": SERIES_WEIGHTS}):
            if cls not in ("Accuracy", "SparseCategoricalAccuracy") and "Top" not in cls and "Sparse" not in cls:
                series = np.eye(C, dtype="float32")[SERIES_CLASSES]

                def masked(cls=cls, o=o, series=series):
                    m = getattr(M, cls)()
                    m.update_state(series, with_mask(K, SERIES, SERIES_MASK), **o)
                    return [m.result(), *_state(m)]

                out[f"{cls} mask {text(dict.fromkeys(o))}"] = masked
    for o in ({}, {"sample_weight": SERIES_WEIGHTS}):
        for cls, options in (("SparseCategoricalAccuracy", {}), ("SparseTopKCategoricalAccuracy", {"k": 2})):

            def sparse(cls=cls, options=options, o=o):
                m = getattr(M, cls)(**options)
                m.update_state(SERIES_CLASSES, with_mask(K, SERIES, SERIES_MASK), **o)
                return m.result()

            out[f"{cls} mask {text(dict.fromkeys(o))}"] = sparse
    for cls in ("BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"):
        t = {"B": YES, "C": ONE_HOT, "S": CLASSES}[cls[0]]
        add(f"{cls}(from_logits)", lambda cls=cls: getattr(M, cls)(from_logits=True), t, LOGITS, WEIGHTS)
    for kind in ("Mean", "Sum"):
        for name, values, w in (
            ("plain", REAL[0], None),
            ("weighted", REAL[0], WEIGHTS),
            ("weighted (n,1)", REAL[0], WEIGHTS[:, None]),
            ("weighted (n,t)", REAL[0], np.abs(REAL[1])),
            ("vector", REAL[0, :, 0], WEIGHTS),
        ):

            def reduced(kind=kind, values=values, w=w):
                m, found = getattr(M, kind)(), []
                for a, b in _parts(values, w):
                    m.update_state(a, sample_weight=b)
                    found.append(m.result())
                return [*found, *_state(m)]

            out[f"{kind} {name}"] = reduced

        def single(kind=kind):
            m = getattr(M, kind)()
            m.update_state(3.0)
            m.update_state(5.0, sample_weight=4)
            m.update_state([1.0, 2.0], sample_weight=2.0)
            return [m.result(), *_state(m)]

        out[f"{kind} of single values"] = single
    for cls, options in COUNTED.items():
        for o in options:
            name = f"{cls}({text(o)})"
            for kind in ("yes", "one_hot") if "top_k" in o or "class_id" in o else ("yes", "column", "flat"):
                t, p = PAIRS[kind]
                add(f"{name} {kind}", lambda cls=cls, o=o: getattr(M, cls)(**o), t, p)
                add(f"{name} {kind} weights", lambda cls=cls, o=o: getattr(M, cls)(**o), t, p, WEIGHTS)
            if kind == "flat":
                add(f"{name} (n,c)", lambda cls=cls, o=o: getattr(M, cls)(**o), YES, LIKELY, RATES)
    for o in AREAS:
        for kind in ("yes", "flat"):
            t, p = PAIRS[kind]
            add(f"AUC({text(o)}) {kind}", lambda o=o: M.AUC(**o), t, p)
            add(f"AUC({text(o)}) {kind} weights", lambda o=o: M.AUC(**o), t, p, WEIGHTS, kind == "flat")
    for curve in ("ROC", "PR"):
        for o in (
            {"multi_label": True},
            {"multi_label": True, "num_labels": C},
            {"multi_label": True, "label_weights": [1.0, 2.0, 0.5, 0.0, 3.0]},
            {"multi_label": True, "thresholds": [0.3, 0.6]},
            {"label_weights": [1.0, 2.0, 0.5, 0.0, 3.0]},
        ):
            add(f"AUC({curve},{text(o)})", lambda o=o, c=curve: M.AUC(num_thresholds=7, curve=c, **o), YES, LIKELY)
        add(f"AUC({curve}) from logits", lambda c=curve: M.AUC(curve=c, from_logits=True), YES, LOGITS, WEIGHTS)
        add(f"AUC({curve}) one class", lambda c=curve: M.AUC(curve=c), YES * 0 + 1, LIKELY)
        add(f"AUC({curve}) no positives", lambda c=curve: M.AUC(curve=c), YES * 0, LIKELY)
        add(f"AUC({curve}) wide", lambda c=curve: M.AUC(curve=c, num_thresholds=9), YES, LOGITS)
    for o in SCORES:
        for kind in ("one_hot", "yes", "column"):
            add(f"F1Score({text(o)}) {kind}", lambda o=o: M.F1Score(**o), *PAIRS[kind])
            add(f"F1Score({text(o)}) {kind} weights", lambda o=o: M.F1Score(**o), *PAIRS[kind], WEIGHTS)
        add(f"FBetaScore({text(o)})", lambda o=o: M.FBetaScore(beta=2.0, **o), ONE_HOT, PROBABLE)
        add(f"F1Score({text(o)}) zeros", lambda o=o: M.F1Score(**o), ONE_HOT, PROBABLE * 0)
    for o in ({}, {"ignore_class": 1}):
        # Keras keeps ints there unless it is told otherwise
        add(f"MeanIoU({text(o)})", lambda o=o: M.MeanIoU(C, dtype="float32", **o), CLASSES, FOUND)
        add(f"MeanIoU({text(o)}) weights", lambda o=o: M.MeanIoU(C, dtype="float32", **o), CLASSES, FOUND, WEIGHTS)
        add(f"MeanIoU({text(o)}) whole weights", lambda o=o: M.MeanIoU(C, **o), CLASSES, FOUND, WHOLE, False)
    add(
        "MeanIoU void",
        lambda: M.MeanIoU(C, ignore_class=255),
        np.where(YES[:, 0] > 0, CLASSES, 255),
        FOUND,
        None,
        False,
    )
    add("MeanIoU scores", lambda: M.MeanIoU(C, sparse_y_pred=False), CLASSES, PROBABLE, None, False)
    add("MeanIoU one-hot", lambda: M.MeanIoU(C, sparse_y_true=False), ONE_HOT, FOUND, None, False)
    for a in (None, "uniform_average", "variance_weighted_average"):
        for n in (0, 2):
            o = {"class_aggregation": a, "num_regressors": n}
            add(f"R2Score({text(o)})", lambda o=o: M.R2Score(**o), *PAIRS["real"])
            add(f"R2Score({text(o)}) weights", lambda o=o: M.R2Score(**o), *PAIRS["real"], WEIGHTS)
            add(f"R2Score({text(o)}) column", lambda o=o: M.R2Score(**o), *PAIRS["column"], WEIGHTS[:, None])
    out["sorted ids"] = lambda: _run(
        M.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True), CLASSES, np.argsort(-PROBABLE, -1)
    )

    def own():
        m = M.MeanMetricWrapper(lambda t, p, k: K.ops.abs(t - p) * k, name="own", k=2.0)
        return _run(m, *PAIRS["real"], WEIGHTS)

    out["MeanMetricWrapper"] = own
    lists = {
        "binary_accuracy": ([[1], [0], [1]], [[0.6], [0.7], [0.2]]),
        "categorical_accuracy": ([[0, 1], [1, 0]], [[0.3, 0.7], [0.2, 0.8]]),
        "sparse_categorical_accuracy": ([1, 0], [[0.3, 0.7], [0.2, 0.8]]),
        "top_k_categorical_accuracy": ([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]),
        "sparse_top_k_categorical_accuracy": ([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]),
    }
    for name, given in lists.items():
        k = {"k": 2} if "top_k" in name else {}
        out[f"{name} of lists"] = lambda name=name, given=given, k=k: getattr(M, name)(*given, **k)
        arrays = [np.asarray(x) for x in given]
        out[f"{name} of arrays"] = lambda name=name, given=arrays, k=k: getattr(M, name)(*given, **k)
    for name in ("sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy"):
        out[f"{name} of a column"] = lambda name=name: getattr(M, name)(
            [[1], [0]], [[0.3, 0.7], [0.2, 0.8]], **({"k": 1} if "top_k" in name else {})
        )
        out[f"{name} of series"] = lambda name=name: getattr(M, name)(SERIES_CLASSES, SERIES)

    def across():
        m = M.MeanIoU(C, sparse_y_pred=False, axis=0)
        m.update_state(CLASSES, PROBABLE.T)
        return m.result()

    out["MeanIoU axis"] = across
    series = np.eye(C, dtype="float32")[SERIES_CLASSES].transpose(0, 2, 1), SERIES.transpose(0, 2, 1)
    add("CategoricalCrossentropy axis", lambda: M.CategoricalCrossentropy(axis=1), *series)
    add("MeanSquaredError flat", M.MeanSquaredError, *PAIRS["flat"])
    out["binary_accuracy of flat"] = lambda: M.binary_accuracy(YES[:, 0], LIKELY[:, 0], threshold=0.4)
    out["binary_accuracy of both"] = lambda: M.binary_accuracy(YES[:, 0], LIKELY[:, :1])
    return out
