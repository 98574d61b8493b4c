"""Faults 4, 6, 11 and 12 for the functions: ops, random, initializers, regularizers, constraints, losses and metrics."""

import numpy as np
import pytest
from test_arguments import NOT_INTS, NOT_NUMBERS

import hornbeam as hb
from hornbeam import constraints, initializers, losses, metrics, ops, random, regularizers

X = np.arange(24, dtype="float32").reshape(2, 3, 4)
IMAGE, KERNEL = np.ones((1, 6, 6, 2), "float32"), np.ones((3, 3, 2, 2), "float32")
IDS = np.array([0, 2, 1], "int32")
KINDS = {
    "axis": [3, -4, 2**40, 2**63, *NOT_INTS],
    "count": [0, -1, -3, 2**63, None, *NOT_INTS],
    "not negative": [-1, -3, 2**63, None, *NOT_INTS],
    "int": [2**63, None, *NOT_INTS],
    "number": NOT_NUMBERS,
    "positive number": [-0.5, *NOT_NUMBERS],
    "fraction": [-0.1, 1.1, *NOT_NUMBERS],
    "scalar": [-0.1, *(x for x in NOT_NUMBERS if not isinstance(x, (list, np.ndarray)))],  # or several
    "sizes": [0, -1, (), (1, 2, 3, 4), 2**63, None, *NOT_INTS],
    "shape": [-1, (2, -3), (2.5, 1), "33", (True, 2), (2**63,), None],
}
LISTS = [x for x in NOT_NUMBERS if isinstance(x, (list, np.ndarray))]
NOT_FINITE = [x for x in NOT_NUMBERS if isinstance(x, float) and not np.isfinite(x)]
TAKES = {"segment_sum": [None], "pad value": NOT_FINITE, "linspace start": LISTS}  # what is no fault there
CALLS = {
    # what is asked for: (the call with one argument left open, its kind, a good value)
    "expand_dims": (lambda v: ops.expand_dims(X[0], v), "axis", 1),
    "transpose": (lambda v: ops.transpose(X, (0, 1, v)), "axis", 2),
    "swapaxes": (lambda v: ops.swapaxes(X, 0, v), "axis", 1),
    "moveaxis": (lambda v: ops.moveaxis(X, 0, v), "axis", 1),
    "concatenate": (lambda v: ops.concatenate([X, X], v), "axis", 1),
    "stack": (lambda v: ops.stack([X[0], X[1]], v), "axis", 1),
    "split axis": (lambda v: ops.split(X, 1, v)[0], "axis", 1),
    "split": (lambda v: ops.split(X, v, 2)[0], "count", 2),
    "unstack": (lambda v: ops.unstack(X, axis=v)[0], "axis", 1),
    "tile": (lambda v: ops.tile(X, v), "not negative", 2),
    "repeat": (lambda v: ops.repeat(X, v, 1), "not negative", 2),
    "repeat axis": (lambda v: ops.repeat(X, 2, v), "axis", 1),
    "flip": (lambda v: ops.flip(X, v), "axis", 1),
    "roll": (lambda v: ops.roll(X, v, 1), "int", 1),
    "roll axis": (lambda v: ops.roll(X, 1, v), "axis", 1),
    "tensordot": (lambda v: ops.tensordot(X, ops.transpose(X), v), "not negative", 1),
    "take": (lambda v: ops.take(X, [0], v), "axis", 1),
    "take_along_axis": (lambda v: ops.take_along_axis(X, np.zeros((2, 3, 4), "int32"), v), "axis", 1),
    "one_hot": (lambda v: ops.one_hot(IDS, v), "not negative", 3),
    "one_hot axis": (lambda v: ops.one_hot(IDS, 3, v), "axis", 0),
    "multi_hot": (lambda v: ops.multi_hot(IDS, v), "not negative", 3),
    "argsort": (lambda v: ops.argsort(X, v), "axis", 1),
    "sort": (lambda v: ops.sort(X, v), "axis", 1),
    "top_k": (lambda v: ops.top_k(X, v)[0], "not negative", 2),
    "in_top_k": (lambda v: ops.in_top_k(IDS, np.eye(3, dtype="float32"), v), "count", 2),
    "segment_sum": (lambda v: ops.segment_sum(np.ones(3, "float32"), IDS, v), "not negative", 3),
    "scatter": (lambda v: ops.scatter(IDS[:, None], np.ones(3, "float32"), (v,)), "not negative", 3),
    "slice_update": (lambda v: ops.slice_update(X, (0, 0, v), X[:1, :1, :1]), "not negative", 1),
    "pad": (lambda v: ops.pad(X, v), "not negative", 1),
    "pad pairs": (lambda v: ops.pad(X, [(0, 0), (v, 0), (0, 0)]), "not negative", 1),
    "pad value": (lambda v: ops.pad(X, 1, constant_values=v), "number", 1.5),
    "resize": (lambda v: ops.image.resize(IMAGE, (v, 3)), "count", 4),
    "eye": (lambda v: ops.eye(v), "not negative", 3),
    "eye columns": (lambda v: ops.eye(3, v), "not negative", 3),
    "eye k": (lambda v: ops.eye(3, k=v), "int", 1),
    "tril": (lambda v: ops.tril(X, v), "int", 1),
    "linspace": (lambda v: ops.linspace(0, 1, v), "not negative", 3),
    "linspace start": (lambda v: ops.linspace(v, 1, 3), "number", 0.5),
    "round": (lambda v: ops.round(X, v), "int", 1),
    "fori_loop": (lambda v: ops.fori_loop(0, v, lambda i, t: t + 1, ops.zeros(())), "int", 2),
    "scan": (lambda v: ops.scan(lambda c, _: (c, c), ops.zeros(()), length=v)[1], "not negative", 2),
    "zeros": (lambda v: ops.zeros(v), "shape", (2, 3)),
    "full": (lambda v: ops.full(v, 2.0), "shape", (2, 3)),
    "broadcast_to": (lambda v: ops.broadcast_to(np.float32(1), v), "shape", (2, 3)),
    "uniform": (lambda v: random.uniform(v, seed=1), "shape", (2, 3)),
    "sum": (lambda v: ops.sum(X, v), "axis", 1),
    "sum of several": (lambda v: ops.sum(X, (0, v)), "axis", 1),
    "argmax": (lambda v: ops.argmax(X, v), "axis", 1),
    "cumsum": (lambda v: ops.cumsum(X, v), "axis", 1),
    "softmax": (lambda v: ops.softmax(X, v), "axis", 1),
    "log_softmax of several": (lambda v: ops.log_softmax(X, (0, v)), "axis", 1),
    "norm": (lambda v: ops.norm(X, axis=v), "axis", 1),
    "layer_normalization": (lambda v: ops.layer_normalization(X, axis=v), "axis", 2),
    "layer_normalization epsilon": (lambda v: ops.layer_normalization(X, epsilon=v), "positive number", 1e-3),
    "batch_normalization": (lambda v: ops.batch_normalization(X, X[0, 0], X[0, 0], v), "axis", 2),
    "normalize": (lambda v: ops.normalize(X, v), "axis", 1),
    "conv strides": (lambda v: ops.conv(IMAGE, KERNEL, v), "sizes", 2),
    "conv dilation": (lambda v: ops.conv(IMAGE, KERNEL, 1, dilation_rate=v), "sizes", 2),
    "conv padding": (lambda v: ops.conv(IMAGE, KERNEL, 1, [(v, 0), (0, 0)]), "not negative", 1),
    "conv_transpose": (lambda v: ops.conv_transpose(IMAGE, KERNEL, v), "sizes", 2),
    "max_pool": (lambda v: ops.max_pool(IMAGE, v), "sizes", 2),
    "average_pool strides": (lambda v: ops.average_pool(IMAGE, 2, v if v is not None else 0), "sizes", 2),
    "random seed": (lambda v: random.uniform((2,), seed="" if v is None else v), "int", 3),
    "SeedGenerator": (lambda v: random.SeedGenerator("" if v is None else v).next(), "int", 3),
    "random.dropout": (lambda v: random.dropout(X, v, seed=1), "fraction", 0.5),
    "random.normal": (lambda v: random.normal((2,), 0.0, v, seed=1), "scalar", 0.5),
    "random.bernoulli": (lambda v: random.bernoulli((2,), v, seed=1), "scalar", 0.5),
    "random.categorical": (lambda v: random.categorical(X[0], v, seed=1), "not negative", 2),
    "random.shuffle": (lambda v: random.shuffle(X, v, seed=1), "axis", 1),
    "random.randint": (lambda v: random.randint((2,), 0, v, seed=1), "count", 5),
    "random.gamma": (lambda v: random.gamma((2,), v, seed=1), "scalar", 0.5),
    "random.beta": (lambda v: random.beta((2,), v, 1.0, seed=1), "scalar", 0.5),
    "set_random_seed": (lambda v: hb.utils.set_random_seed(v), "not negative", 5),
    "RandomNormal": (lambda v: initializers.RandomNormal(0.0, v, seed=1)((2,)), "positive number", 0.5),
    "RandomUniform": (lambda v: initializers.RandomUniform(v, 2.0, seed=1)((2,)), "number", 0.5),
    "TruncatedNormal": (lambda v: initializers.TruncatedNormal(v, seed=1)((2,)), "number", 0.5),
    "VarianceScaling": (lambda v: initializers.VarianceScaling(v, seed=1)((2, 2)), "positive number", 0.5),
    "Orthogonal": (lambda v: initializers.Orthogonal(v, seed=1)((2, 2)), "number", 0.5),
    "Identity": (lambda v: initializers.Identity(v)((2, 2)), "number", 0.5),
    "initializer seed": (lambda v: initializers.HeNormal("" if v is None else v)((2,)), "int", 3),
    "L1": (lambda v: regularizers.L1(0.01 if v is None else v)(X), "positive number", 0.5),
    "L2": (lambda v: regularizers.L2("" if v is None else v)(X), "positive number", 0.5),
    "OrthogonalRegularizer": (lambda v: regularizers.OrthogonalRegularizer(v)(X[0]), "positive number", 0.5),
    "MaxNorm": (lambda v: constraints.MaxNorm(v)(X), "positive number", 0.5),
    "MaxNorm axis": (lambda v: constraints.MaxNorm(1.0, v)(X), "axis", 1),
    "UnitNorm": (lambda v: constraints.UnitNorm(v)(X), "axis", 1),
    "MinMaxNorm": (lambda v: constraints.MinMaxNorm(v, 2.0)(X), "positive number", 0.5),
    "MinMaxNorm rate": (lambda v: constraints.MinMaxNorm(rate=v)(X), "fraction", 0.5),
    "Huber": (lambda v: losses.Huber(v)(X, X + 1), "positive number", 0.5),
    "huber": (lambda v: losses.huber(X, X + 1, v), "positive number", 0.5),
    "label_smoothing": (lambda v: losses.CategoricalCrossentropy(label_smoothing=v)(X, X + 1), "fraction", 0.5),
    "binary smoothing": (lambda v: losses.binary_crossentropy(X, X, label_smoothing=v), "fraction", 0.5),
    "gamma": (lambda v: losses.BinaryFocalCrossentropy(gamma=v)(X, X), "positive number", 0.5),
    "loss axis": (lambda v: losses.CategoricalCrossentropy(axis=v)(X, X + 1), "axis", 1),
    "cosine axis": (lambda v: losses.CosineSimilarity(v)(X, X + 1), "axis", 1),
    "Precision": (lambda v: metrics.Precision("" if v is None else v)(X > 3, X / 24), "scalar", 0.5),
    "Precision top_k": (lambda v: metrics.Precision(top_k="" if v is None else v)(X > 3, X / 24), "count", 2),
    "Recall class_id": (lambda v: metrics.Recall(class_id="" if v is None else v)(X > 3, X / 24), "not negative", 2),
    "AUC": (lambda v: metrics.AUC(v)(X > 3, X / 24), "count", 20),
    "MeanIoU": (lambda v: metrics.MeanIoU(v)(IDS, IDS), "count", 3),
    "TopK": (lambda v: metrics.TopKCategoricalAccuracy(v)(X, X), "count", 2),
    "BinaryAccuracy": (lambda v: metrics.BinaryAccuracy(threshold=v)(X > 3, X / 24), "number", 0.5),
    "num_regressors": (lambda v: metrics.R2Score(num_regressors=v)(X[0], X[0]), "not negative", 1),
}


@pytest.mark.parametrize("name", CALLS)
def test_fault_12_bad_arguments_of_functions(name):
    call, kind, good = CALLS[name]
    whole = kind in ("axis", "int", "count", "not negative", "sizes")
    for bad in KINDS[kind]:
        none_is_all = bad is None and kind in ("axis", "count") and "axis" not in name
        if none_is_all or (bad is None and name in ("eye columns", "L1", "layer_normalization epsilon", "pad value")):
            continue
        if isinstance(bad, list) and kind in ("axis", "not negative", "int") and all(isinstance(i, int) for i in bad):
            continue
        if name in TAKES and any(bad is t for t in TAKES[name]):
            continue
        with pytest.raises((ValueError, TypeError)):
            call(bad)
    want = call(good)
    for same in [np.int64(good), np.int32(good), np.array(good)] if whole else []:
        got = call(same)
        if want is not None:
            np.testing.assert_array_equal(np.asarray(got), np.asarray(want))
    for same in [np.float64(good)] if isinstance(good, float) else []:
        np.testing.assert_array_equal(np.asarray(call(same)), np.asarray(want))


def test_fault_12_arguments_that_exclude_each_other():
    with pytest.raises(ValueError, match="`maxval` must be above `minval`. Received: minval=3, maxval=3"):
        random.randint((2,), 3, 3)
    with pytest.raises(ValueError, match="`min_value` must be at most `max_value`"):
        constraints.MinMaxNorm(2.0, 1.0)
    with pytest.raises(ValueError, match="`step` must not be 0"):
        ops.arange(0, 5, 0)
    with pytest.raises(ValueError, match="at least one tensor"):
        ops.concatenate([])
    with pytest.raises(ValueError, match="at least one tensor"):
        ops.stack([])
    with pytest.raises(ValueError, match="`num` must be the size of axis 0, 2. Received: num=1"):
        ops.unstack(X, 1)
    with pytest.raises(ValueError, match="`indexing` must be one of 'xy', 'ij'"):
        ops.meshgrid(IDS, indexing="yx")
    with pytest.raises(ValueError, match="diag takes a vector or a matrix"):
        ops.diag(X)
    with pytest.raises(ValueError, match="`alpha` must not be 0"):
        ops.celu(X, 0)
    with pytest.raises(ValueError, match="one leading size"):
        ops.scan(lambda c, x: (c, x[0]), ops.zeros(()), (np.ones(3), np.ones(4)))
    with pytest.raises(ValueError, match="one leading size"):
        ops.scan(lambda c, x: (c, x), ops.zeros(()), np.ones(3), length=4)
    with pytest.raises(ValueError, match="`pad_width` needs a pair for each of 3 axes"):
        ops.pad(X, (1, 2, 3))
    with pytest.raises(ValueError, match="`noise_shape` must be 1 or the input's size"):
        random.dropout(X, 0.5, (2, 3))
    with pytest.raises(ValueError, match="`noise_shape` must be 1 or the input's size"):
        random.dropout(np.ones((2, 1)), 0.5, (2, 4))
    with pytest.raises(ValueError, match="Cannot convert 'float63' to a dtype policy"):
        losses.MeanSquaredError(dtype="float63")
    with pytest.raises(ValueError, match="`dtype` must be None or 'float32'"):
        metrics.AUC(dtype="float64")


def test_fault_12_what_python_ints_an_integer_tensor_takes():
    small = np.array([1, 2], "int32")
    for call in (
        lambda: small + hb.Variable(small) * 2**40,
        lambda: ops.add(small, 2**31),
        lambda: ops.not_equal(small, 2**40),
    ):
        with pytest.raises(ValueError, match=r"int32 holds ints in \[-2147483648, 2147483647\]. Received"):
            call()
    with pytest.raises(ValueError, match=r"uint8 holds ints in \[0, 255\]. Received: -1"):
        ops.add(np.array([1], "uint8"), -1)
    assert ops.add(np.array([1], "int64"), 2**40).numpy().tolist() == [2**40 + 1]
    assert ops.arange(2**31, 2**31 + 2).numpy().tolist() == [2**31, 2**31 + 1]
    with pytest.raises(ValueError, match=r"below 2\*\*63"):
        ops.convert_to_tensor(np.array([2**63], "uint64"))


def test_fault_11_dimensions_that_cannot_be():
    for shape in ((-1, -1), (7,), (-2, 3), (4, -1)):
        with pytest.raises(ValueError, match=r"\[reshape\]"):
            ops.reshape(np.ones(6), shape)
    with pytest.raises(ValueError, match=r"\[reshape\] -1 is ambiguous beside a 0"):
        ops.reshape(np.ones(0), (0, -1))
    for make in (ops.zeros, ops.ones, lambda s: ops.full(s, 3), lambda s: ops.broadcast_to(1.0, s)):
        with pytest.raises(ValueError, match="`shape` must be an int >= 0. Received: shape=-1"):
            make((2, -1))
    with pytest.raises(ValueError, match="`shape` must be an int >= 0. Received: shape=-3"):
        hb.Input((-3,))
    with pytest.raises(ValueError, match="`batch_size` must be an int >= 0. Received: batch_size=-1"):
        hb.Input((3,), batch_size=-1)
    with pytest.raises(TypeError, match="`shape` must be a tuple of ints and Nones. Received: shape='3'"):
        hb.Input("3")
    with pytest.raises(ValueError, match="`target_shape` may hold one -1"):
        hb.layers.Reshape((-1, -1))
    assert ops.reshape(np.ones((0, 3)), (0, 7)).shape == (0, 7)
