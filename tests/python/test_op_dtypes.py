"""Dtypes of ops' results as Keras 3.15 has them; halves, narrow ints, and Python's view of tensors."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import ops

# What Keras gives for ones of each dtype, written down from it (JAX; 64 bits left out).
OPS = (
    "sum prod mean max cumsum abs square round relu exp argmax sign isnan tril diag outer add matmul divide hard_tanh "
    "relu6 count_nonzero dot sort"
).split()
GIVES = {
    "int8": "int32 int32 float32 int8 int8 int8 int8 int8 int8 float32 int32 int8 bool int8 int8 int8 int8 int32 float32 "
    "int8 float32 int32 int8 int8",
    "uint8": "uint32 uint32 float32 uint8 uint8 uint8 uint8 uint8 uint8 float32 int32 uint8 bool uint8 uint8 uint8 uint8 "
    "uint8 float32 uint8 float32 int32 uint8 uint8",
    "uint16": "uint32 uint32 float32 uint16 uint16 uint16 uint16 uint16 uint16 float32 int32 uint16 bool uint16 uint16 "
    "uint16 uint16 uint16 float32 uint16 float32 int32 uint16 uint16",
    "int32": "int32 int32 float32 int32 int32 int32 int32 int32 int32 float32 int32 int32 bool int32 int32 int32 int32 "
    "int32 float32 int32 float32 int32 int32 int32",
    # of bools, Keras refuses round and sign
    "bool": "int32 int32 float32 bool int32 bool int32 int32 int32 float32 int32 int32 bool bool bool bool bool bool "
    "float32 int32 float32 int32 bool bool",
    "float16": "float16 float16 float16 float16 float16 float16 float16 float16 float16 float16 int32 float16 bool "
    "float16 float16 float16 float16 float16 float16 float16 float16 int32 float16 float16",
    "bfloat16": "bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 int32 "
    "bfloat16 bool bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 int32 bfloat16 bfloat16",
}


@pytest.mark.parametrize("dtype", GIVES)
def test_results(dtype):
    x = ops.ones((2, 2), dtype)
    assert x.dtype == dtype
    found = {}
    for op in OPS:
        args = (x, x) if op in ("outer", "add", "matmul", "divide", "dot") else (x,)
        found[op] = getattr(ops, op)(*args).dtype
    assert found == dict(zip(OPS, GIVES[dtype].split(), strict=True))


def test_narrow_ints_wrap_and_compare():
    x = ops.convert_to_tensor(np.array([100, -100], "int8"))
    assert (x + x).tolist() == [-56, 56] and (x + x).dtype == "int8"
    assert (x * 2).dtype == "int8" and (x * 1.5).dtype == "float32"
    assert (x > 0).tolist() == [True, False]
    assert (x + np.array([200], "uint8")).dtype == "int16"
    assert ops.cast([300.7, -1.0], "uint16").tolist() == [300, 65535]
    assert ops.sum(np.full(3, 200, "uint8")).tolist() == 600
    assert ops.take(x, [1]).dtype == ops.reshape(x, (2, 1)).dtype == "int8"
    with pytest.raises(TypeError, match="variables are of a dtype that programs compute with"):
        hb.Variable([1, 2], dtype="int8")
    assert hb.function(lambda t: t + 1)(np.array([1, 2], "int8")).dtype == "int32"  # programs hold int32


def test_whole_numbers_are_exact():
    big = np.array([[16777217, 1]], "int32")
    assert ops.matmul(big, big.T).tolist() == [[33554434]]
    assert ops.einsum("ij,kj->ik", big, np.ones((1, 2), "int32")).tolist() == [[16777218]]
    assert ops.add(np.array([2**40]), 1).tolist() == [2**40 + 1]
    with pytest.raises(ValueError, match="below"):
        ops.convert_to_tensor(np.array([2**64 - 1], "uint64"))


def test_bfloat16():
    x = ops.cast([1.0, 1.00390625, 3.14159, np.nan, np.inf], "bfloat16")
    assert x.dtype == "bfloat16" and ops.cast(1.5, "bfloat16").shape == ()
    assert np.array_equal(x, [1.0, 1.0, 3.140625, np.nan, np.inf], equal_nan=True)
    assert (x * 3).dtype == "bfloat16" and ops.cast(x, "float32").dtype == "float32"
    v = hb.Variable([1.1, 2.0], dtype="bfloat16")
    assert v.dtype == v.value.dtype == "bfloat16" and v.numpy().tolist() == [1.1015625, 2.0]
    v.assign_add([1.0, 1.0])
    assert v.numpy().tolist() == [2.09375, 3.0]
    double = hb.function(lambda t: ops.cast(t + v, "float32"))
    assert double(np.array([1.0, 1.0], "float32")).tolist() == [3.09375, 4.0]
    with hb.GradientTape() as tape:
        y = ops.sum(v * v)
    assert np.allclose(tape.gradient(y, v), [4.1875, 6.0])


def test_halves_have_gradients():
    def loss(x):
        y = ops.take(ops.sort(ops.softmax(ops.broadcast_to(x, (2, 3)))), [0, 2, 2], axis=1)
        return ops.cast(ops.sum(y * y), "float32")

    x = np.array([[0.5, 1.0, -1.0]], "float32")
    want = hb.grad(loss)(x)
    for dtype in ("float16", "bfloat16"):
        d = hb.grad(lambda t, dtype=dtype: loss(ops.cast(t, dtype)))(x)
        assert np.allclose(d, want, atol=2e-2) and np.any(np.asarray(d) != np.asarray(want))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_in_networks(dtype):
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(2, 6, 6, 2)).astype("float32"), rng.normal(size=(3, 3, 2, 4)).astype("float32") * 0.2
    q = rng.normal(size=(2, 4, 2, 3)).astype("float32")
    cases = [
        lambda cast: ops.conv(cast(x), cast(k)),
        lambda cast: ops.max_pool(cast(x), 2),
        lambda cast: ops.average_pool(cast(x), 2),
        lambda cast: ops.dot_product_attention(cast(q), cast(q), cast(q)),
        lambda cast: ops.log_softmax(cast(q)),
        lambda cast: ops.layer_normalization(cast(q)),
        lambda cast: ops.categorical_crossentropy(cast(np.eye(3)[:2]), cast(q[:, 0, 0]), from_logits=True),
    ]
    for case in cases:
        half, full = case(lambda t: ops.cast(t, dtype)), case(ops.convert_to_tensor)
        assert half.dtype == dtype
        assert np.allclose(half, full, rtol=2e-2, atol=2e-2)


def test_layers_compute_in_their_own_dtype():
    x = np.ones((2, 3))
    assert hb.layers.Dense(2)(x).dtype == "float32"
    assert hb.layers.Add()([x, x]).dtype == "float32"
    assert hb.layers.Dense(2, dtype="float64")(x.astype("float32")).dtype == "float64"
    assert hb.layers.Dense(2, autocast=False, kernel_initializer="ones")(x).dtype == "float64"
    ids = np.array([[2.0**24 + 1]])
    with pytest.raises(ValueError, match="16777217"):
        hb.layers.Embedding(4, 2)(ids)


def test_tensors_as_python_values():
    x = ops.convert_to_tensor([[1.0, 2.0]])
    assert len(x) == 1 and x.T.shape == (2, 1) and x.size == 2 and x.reshape(2, 1).shape == x.reshape((2, 1)).shape
    assert x.astype("int32").dtype == "int32" and x[0, 1].item() == 2.0 and x.tolist() == [[1.0, 2.0]]
    assert bool(ops.ones((1, 1))) and not bool(ops.zeros(()))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)
    with pytest.raises(TypeError, match="unsized|len"):
        len(ops.ones(()))
    assert (x == None) is False and (x != None) is True  # noqa: E711
    assert (7 % ops.convert_to_tensor([2, 4])).tolist() == [1, 3]
    i = ops.convert_to_tensor([6, -7])
    assert (i & 3).tolist() == [2, 1] and (i | 1).tolist() == [7, -7] and (i ^ 5).tolist() == [3, -4]
    assert (~i).tolist() == [-7, 6] and (~(i > 0)).tolist() == [False, True]
    both = hb.function(lambda a: (a & 3, a | 1, a ^ 5, ~a))(i)
    assert [t.tolist() for t in both] == [[2, 1], [7, -7], [3, -4], [-7, 6]]
    v = hb.Variable("ones", shape=(2,))
    assert v.numpy().tolist() == [1.0, 1.0] and len(v) == 2
    assert float(hb.Variable(2.5)) == 2.5 and int(hb.Variable(3)) == 3
    assert np.isclose(float(hb.optimizers.Adam(0.25).learning_rate), 0.25)


def test_numpy_scalars_are_numbers():
    two, half = np.int64(2), np.float32(0.5)
    x = ops.convert_to_tensor([[1.0, -3.0]])
    assert ops.tile(x, two).shape == (1, 4) and ops.zeros((two, 3)).shape == (2, 3)
    assert ops.leaky_relu(x, half).tolist() == [[1.0, -1.5]] and ops.clip(x, -half, two).tolist() == [[1.0, -0.5]]
    assert ops.top_k(x, np.int64(1))[1].tolist() == [[0]] and ops.one_hot([1], two).tolist() == [[0.0, 1.0]]
    assert ops.linspace(half, two, np.int64(4)).tolist() == [0.5, 1.0, 1.5, 2.0]
    assert (ops.convert_to_tensor([1, 2]) + two).dtype == "int32"
    assert hb.layers.Dense(two)(x).shape == (1, 2) and hb.layers.Dropout(half)(x).shape == (1, 2)
    with pytest.raises(TypeError, match="2.5"):
        ops.zeros((2.5,))


def test_a_python_number_takes_the_dtype_of_an_outer_products_other_side():
    for dtype in ("int16", "uint8", "float16"):
        x = np.arange(3).astype(dtype)
        assert ops.outer(x, 2).dtype == ops.outer(2, x).dtype == dtype and ops.outer(2, x).tolist() == [[0, 2, 4]]
    assert ops.outer(np.arange(3), 0.5).dtype == "float32"


def test_rms_normalization_of_halves_is_computed_in_float32():
    x = np.array([[-0.091]], "float16")  # one feature: 1, and a gradient of epsilon / (x^2 + epsilon)^1.5
    d = hb.grad(lambda t: ops.sum(ops.rms_normalization(t, epsilon=1e-7)))(x)
    v = float(x[0, 0])
    assert d.dtype == "float16" and float(d[0, 0]) == pytest.approx(1e-7 / (v * v + 1e-7) ** 1.5, rel=0.02)


def test_ranges_are_exact_before_they_are_rounded():
    assert ops.linspace(-2.5, 5, 4, dtype="int32").tolist() == [-3, 0, 2, 5]
    assert ops.linspace(0, 1, 3, dtype="int32").tolist() == [0, 0, 1] and ops.linspace(
        7, 7, 1, dtype="int64"
    ).tolist() == [7]
    halves = ops.arange(-2.5, 7.5, 0.3, dtype="float16")
    assert halves.tolist() == np.arange(-2.5, 7.5, 0.3).astype("float32").astype("float16").tolist()
