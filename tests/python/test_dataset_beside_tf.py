"""Transformations of data sets beside tf.data's, where TensorFlow is installed: elements, their order, specs, cardinalities."""

import itertools

import numpy as np
import pytest

import hornbeam as hb

tf = pytest.importorskip("tensorflow")
BOTH = (tf.data.Dataset, hb.data.Dataset)


def plain(x):
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, tuple):
        return tuple(plain(i) for i in x)
    if isinstance(x, np.ndarray) and x.dtype.kind == "O":
        return [plain(i) for i in x.ravel().tolist()]
    return x.decode() if isinstance(x, bytes) else x.tolist() if hasattr(x, "tolist") else x


def compare(make, *args):
    a, b = ([plain(x) for x in make(D, *args).as_numpy_iterator()] for D in BOTH)
    assert a == b, args


def test_windows():
    def make(D, n, size, shift, stride, whole):
        return D.range(n).window(size, shift, stride, whole).flat_map(lambda w: w.batch(size))

    for args in itertools.product((0, 1, 5, 9), (1, 2, 4), (1, 2, 5), (1, 2, 3), (False, True)):
        compare(make, *args)


def test_interleave():
    def make(D, n, cycle, block):
        return D.range(n).interleave(
            lambda x: D.range(10 * x, 10 * x + x % 3 + 1), cycle_length=cycle, block_length=block
        )

    for args in itertools.product((0, 1, 4, 7), (1, 2, 3, 5), (1, 2, 3)):
        compare(make, *args)


def test_rebatch():
    def make(D, n, first, size, whole):
        return D.range(n).batch(first).rebatch(size, drop_remainder=whole)

    for args in itertools.product((0, 1, 7, 12), (1, 3, 5), (1, 2, 4, 20), (False, True)):
        compare(make, *args)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("to_boundary", [False, True])
def test_buckets(to_boundary, whole):
    spec = {tf.data.Dataset: tf.TensorSpec((None,), tf.int32), hb.data.Dataset: hb.data.TensorSpec((None,), "int32")}

    def make(D):
        lengths = [3, 1, 9, 2, 2, 7, 5, 1, 4, 4, 8]
        ds = D.from_generator(lambda: (np.full(k, k, "int32") for k in lengths), output_signature=spec[D])
        return ds.bucket_by_sequence_length(
            lambda x: (tf.shape if D is BOTH[0] else hb.ops.shape)(x)[0],
            [3, 6, 10],
            [2, 2, 3, 1],
            padding_values=-1,
            pad_to_bucket_boundary=to_boundary,
            drop_remainder=whole,
        )

    compare(make)


@pytest.mark.parametrize(
    "make",
    [
        lambda D: D.range(10).shard(3, 1),
        lambda D: D.range(5).repeat(2).skip(3).take(4),
        lambda D: D.zip((D.range(3), D.range(5).batch(2))),
        lambda D: D.range(3).enumerate(start=5),
        lambda D: D.from_tensor_slices({"a": [1, 2], "b": (["x", "y"], [[1.0], [2.0]])}),
        lambda D: D.from_tensors(([1, 2], "q")),
        lambda D: D.range(3).concatenate(D.range(2)).batch(2, drop_remainder=True),
        lambda D: D.range(3).concatenate(D.range(2)).batch(2),
    ],
)
def test_specs_and_cardinalities(make):
    compare(make)
    theirs, ours = (make(D) for D in BOTH)
    spec = tf.nest.map_structure(lambda s: (tuple(s.shape), s.dtype.name), theirs.element_spec)
    assert spec == tf.nest.map_structure(lambda s: (s.shape, s.dtype), ours.element_spec)
    assert int(theirs.cardinality()) == ours.cardinality()
