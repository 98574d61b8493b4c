"""Ops on symbolic tensors of unknown sizes: what the model gives is what the op gives; and the models travel."""

import json

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 2)).astype("float32")
CASES = {
    "split": lambda x: ops.split(x, [2, 3], axis=1),
    "split equally": lambda x: ops.split(x, 3, axis=1),
    "split the batch": lambda x: ops.split(x, 2)[1],
    "roll": lambda x: ops.roll(x, 1, axis=0),
    "roll flat": lambda x: ops.roll(x, 5),
    "repeat": lambda x: ops.repeat(x, 2, axis=0),
    "tile": lambda x: ops.tile(x, (2, 1, 3)),
    "unstack": lambda x: ops.unstack(x, axis=1),
    "top_k": lambda x: ops.top_k(ops.transpose(x, (0, 2, 1)), 3)[1],
    "tensordot": lambda x: ops.tensordot(x, np.ones((6, 2, 3), "float32"), axes=2),
    "vectorized_map": lambda x: ops.vectorized_map(lambda t: ops.sum(t * 2), x),
    "glu": lambda x: ops.glu(x, axis=1),
    "dot": lambda x: ops.dot(x, np.ones((2, 3), "float32")),
    "einsum": lambda x: ops.einsum("bij,bkj->bik", x, x),
    "diag": lambda x: ops.diag(x[:, 0, 0]),
    "diag of a matrix": lambda x: ops.diag(x[:, :, 0]),
    "tril": lambda x: ops.tril(x),
    "sort": lambda x: ops.sort(x, axis=0),
    "argsort flat": lambda x: ops.argsort(x, axis=None),
    "take": lambda x: ops.take(x, [0, -1], axis=1),
    "take flat": lambda x: ops.take(x, [0, -1], axis=None),
    "softmax": lambda x: ops.softmax(x, axis=(0, 1)),
    "layer_normalization": lambda x: ops.layer_normalization(x, axis=[1, 2]),
    "pad": lambda x: ops.pad(x, ((0, 0), (2, 1), (0, 0)), mode="reflect"),
    "pad the batch": lambda x: ops.pad(x, ((1, 2), (0, 0), (0, 0)), mode="symmetric"),
    "conv_transpose": lambda x: ops.conv_transpose(x, np.ones((3, 4, 2), "float32"), 2, "same"),
    "conv": lambda x: ops.conv(x, np.ones((3, 2, 4), "float32"), 2, "same"),
    "slice_update": lambda x: ops.slice_update(x, (0, 1, 0), x[:, :2] * 0),
    "concatenate": lambda x: ops.concatenate([x, x * 2], axis=1),
    "stack": lambda x: ops.stack([x, x], axis=-1),
    "meshgrid": lambda x: ops.meshgrid(x[:, 0, 0], np.ones(3, "float32")),
    "logsumexp": lambda x: ops.logsumexp(x, axis=0),
    "operators": lambda x: (7.0 - x) / 2.0 + (x > 0.0) * 2.0 - x**2.0,
    "arrays": lambda x: np.ones((6, 2), "float32") * x + np.arange(2, dtype="float32"),
    "methods": lambda x: [x.T, x.reshape(-1, 2), x.astype("int32"), x.squeeze(), x.mean(axis=1)],
    "where": lambda x: ops.where(x > 0, x, 0.0),
    "moments": lambda x: ops.moments(x, axes=(0, 1)),
    "scan": lambda x: ops.scan(lambda c, t: (c + t, c), ops.zeros((6, 2)), x),
    "attention": lambda x: ops.dot_product_attention(*[ops.expand_dims(x, 2)] * 3),
}
FREE = ("vectorized_map", "scan")  # which hold a function: models that do are not written


@pytest.mark.parametrize("name", CASES)
def test_unknown_sizes(name):
    for shape in ((None, 6, 2), (None, None, 2)):
        unknown = hb.Input(batch_shape=shape)
        try:
            symbol = CASES[name](unknown)
        except ValueError as e:  # parts of an axis need its size
            assert shape[1] is None and name in ("unstack", "glu", "tensordot", "split equally", "meshgrid"), e
            continue
        model = hb.Model(unknown, symbol)
        want = CASES[name](ops.convert_to_tensor(X))
        leaves = want if isinstance(want, (list, tuple)) else [want]
        again = [] if name in FREE else [type(model).from_config(json.loads(json.dumps(model.get_config())))]
        for m in (model, *again):
            got = m(X)
            for g, w, s in zip(got if isinstance(got, (list, tuple)) else [got], leaves, m.outputs):
                assert g.dtype == w.dtype and all(a in (None, b) for a, b in zip(s.shape, w.shape))
                assert len(s.shape) == w.ndim
                np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-5)


def test_one_call_is_one_layer(tmp_path):
    i = hb.Input((6, 2))
    x = ops.tile(i[:, 1:3], (1, 2, 1))
    model = hb.Model(i, hb.layers.Dense(2)(x))
    assert [x.name.split("_")[0] for x in model._graph.operations] == ["input", "get", "tile", "dense"]
    model.save(tmp_path / "m.hornbeam")
    np.testing.assert_array_equal(hb.load_model(tmp_path / "m.hornbeam")(X), model(X))


def test_padding_same_with_a_stride_of_unknown_sizes():
    i = hb.Input((None, None, 3))
    y = hb.layers.Conv2D(4, 3, 2, padding="same")(i)
    z = hb.layers.MaxPooling2D(2, padding="same")(i)
    model = hb.Model(i, [y, z])
    for size in ((7, 8, 3), (2, 5, 3), (1, 1, 3)):
        x = RNG.normal(size=(2, *size)).astype("float32")
        known = hb.Input(size)
        fixed = hb.Model(known, [model.layers[1](known), model.layers[2](known)])
        for got, want in zip(model(x), fixed(x)):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_slices_of_a_length_that_is_not_known(size):
    i = hb.Input((None,))
    model = hb.Model(i, [i[:, :5], i[:, 2:], i[:, -3:], i[:, :-2], i[:, ::-2], i[:, 1:4:2]])
    x = np.arange(2.0 * size, dtype="float32").reshape(2, size)
    want = [x[:, :5], x[:, 2:], x[:, -3:], x[:, :-2], x[:, ::-2], x[:, 1:4:2]]
    for got, w in zip(model(x), want):
        assert np.array_equal(got, w), (got, w)


def test_counts_of_the_running_graph():
    f = hb.function(
        lambda x: (ops.tile(ops.ones((1, 2)), [ops.shape(x)[0], 1]), ops.linspace(0.0, 1.0, ops.shape(x)[0]))
    )
    tiled, spaced = f(np.zeros((3, 1), "float32"))
    assert tiled.shape == (3, 2) and spaced.tolist() == [0.0, 0.5, 1.0]
    i = hb.Input((4,))
    model = hb.Model(
        i, hb.layers.Lambda(lambda x: x + ops.repeat(ops.linspace(0.0, 2.0, 3)[:1], ops.shape(x)[0])[:, None])(i)
    )
    assert np.array_equal(model(np.ones((5, 4), "float32")), np.ones((5, 4)))


def test_traced_numbers_as_arguments():
    x = np.array([[1.0, 2.0, 3.0]], "float32")
    two = np.array(2)
    assert hb.function(lambda x, n: ops.roll(x, n, axis=1))(x, two).tolist() == [[2.0, 3.0, 1.0]]
    assert hb.function(lambda x, n: ops.fori_loop(0, n, lambda i, c: c * 2.0, x))(x, two).tolist() == [[4.0, 8.0, 12.0]]
    assert hb.function(lambda x: ops.linspace(x[0, 0], x[0, 2], 3))(x).tolist() == [1.0, 2.0, 3.0]
    assert hb.function(lambda x: ops.pad(x, ((0, 0), (1, 0)), constant_values=x[0, 1]))(x).tolist() == [[2, 1, 2, 3]]


def test_reshape_of_another_size_fails_at_once():
    for size, target in (((8,), (7,)), ((2, 3), (4,)), ((7,), (2, -1))):
        with pytest.raises(ValueError, match="do not fill `target_shape`"):
            hb.layers.Reshape(target)(hb.Input(size))
        with pytest.raises(ValueError, match="do not fill `target_shape`"):
            hb.layers.Reshape(target)(np.ones((3, *size)))
    assert hb.layers.Reshape((-1, 2))(hb.Input((4, 3))).shape == (None, 6, 2)
    assert hb.layers.Reshape((-1, 3))(hb.Input((None, 4))).shape == (None, None, 3)
