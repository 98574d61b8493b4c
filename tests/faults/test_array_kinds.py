"""Faults 19 to 22: what kinds of arrays are taken, as what numbers, and which are refused."""

import layer_cases as cases
import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops

RNG = np.random.default_rng(0)
X = RNG.integers(0, 3, (8, 4)).astype("float32")  # whole numbers: the same in every dtype
Y = np.array([0, 1, 2, 0, 1, 2, 0, 1], "int32")


def net():
    model = hb.Sequential([hb.Input((4,)), L.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


class Frame:
    """What a data frame is to us: something with ``__array__``."""

    def __init__(self, values, error=None):
        self.values, self.error = values, error
        self.shape, self.ndim = np.shape(values), np.ndim(values)

    def __array__(self, dtype=None, copy=None):
        if self.error:
            raise self.error
        return np.asarray(self.values, dtype)

    def __len__(self):
        return len(self.values)


NOT_NUMBERS = {
    "text": np.array([["a"] * 4] * 8),
    "bytes": np.array([[b"a"] * 4] * 8),
    "objects": np.array([[None] * 4] * 8, object),
    "objects that are numbers": X.astype(object),
    "records": np.zeros((8, 4), [("a", "f4"), ("b", "i4")]),
    "void": np.zeros((8, 4), "V4"),
    "dates": np.zeros((8, 4), "datetime64[s]"),
    "spans": np.zeros((8, 4), "timedelta64[s]"),
    "a frame of text": Frame([["a"] * 4] * 8),
}
COMPLEX = {"complex64": X.astype("complex64"), "complex128": X.astype("complex128"), "list": [[1j] * 4] * 8}


def uses(model, x):
    """Every way in for data."""
    return (
        lambda: model.predict(x, verbose=0),
        lambda: model.predict_on_batch(x),
        lambda: model.fit(x, Y, verbose=0),
        lambda: model.evaluate(x, Y, verbose=0),
        lambda: model.train_on_batch(x, Y),
        lambda: model.test_on_batch(x, Y),
        lambda: model.fit(iter([(x, Y)]), steps_per_epoch=1, verbose=0),
    )


@pytest.mark.parametrize("name", NOT_NUMBERS)
def test_fault_19_arrays_that_are_not_numbers(name):
    bad, model = NOT_NUMBERS[name], net()
    kept = model.get_weights()
    for call in (*uses(model, bad), lambda: model.fit(X, np.asarray(bad)[:, 0], verbose=0)):
        with pytest.raises(TypeError, match="`[xy]` must be numeric. Received: an array of dtype"):
            call()
    for call in (lambda: model(bad), lambda: ops.add(bad, 1), lambda: ops.convert_to_tensor(bad), lambda: ops.sum(bad)):
        with pytest.raises(TypeError, match="arrays must be of a real numeric dtype or bool. Received: dtype="):
            call()
    with pytest.raises((TypeError, ValueError)):
        model.set_weights([bad, bad])
    for a, b in zip(kept, model.get_weights()):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", COMPLEX)
def test_fault_20_complex_numbers(name):
    bad, model = COMPLEX[name], net()
    for call in (*uses(model, np.asarray(bad)), lambda: model.fit(X, np.asarray(bad)[:, 0], verbose=0)):
        with pytest.raises(TypeError, match="`[xy]` must be real. Received: an array of dtype complex"):
            call()
    for call in (
        lambda: model(bad),
        lambda: ops.add(bad, 1),
        lambda: ops.matmul(X, np.asarray(bad).T),
        lambda: hb.Variable(bad),
    ):
        with pytest.raises(TypeError, match="arrays must be of a real numeric dtype or bool. Received: dtype=complex"):
            call()
    for dtype in ("complex64", "str", "object", "float128", "no such"):
        for call in (
            lambda d=dtype: ops.cast(X, d),
            lambda d=dtype: hb.Input((3,), dtype=d),
        ):
            with pytest.raises(TypeError, match="`dtype` must be one of"):
                call()
        with pytest.raises(ValueError, match=f"Cannot convert '{dtype}' to a dtype policy"):
            L.Dense(2, dtype=dtype)


def layouts(x):
    """The same numbers, differently laid out in memory."""
    other = x.dtype.newbyteorder(">")
    wide = np.zeros((x.shape[0] * 2, *x.shape[1:]), x.dtype)
    wide[::2] = x
    shifted = np.frombuffer(b"\0" + x.tobytes(), x.dtype, offset=1, count=x.size).reshape(x.shape)
    frozen = x.copy()
    frozen.flags.writeable = False
    return {
        "big-endian": x.astype(other),
        "Fortran order": np.asfortranarray(x),
        "negative strides": x[::-1].copy()[::-1],
        "negative strides of columns": np.ascontiguousarray(x[:, ::-1])[:, ::-1],
        "every other row": wide[::2],
        "unaligned": shifted,
        "read-only": frozen,
        "a subclass": x.view(type("Mine", (np.ndarray,), {})),
        "a memory map's kind": np.lib.stride_tricks.as_strided(x.copy(), x.shape, x.strides),
        "nothing masked": np.ma.array(x, mask=False),
        "a list": x.tolist(),
        "a frame": Frame(x),
        "a tensor": ops.convert_to_tensor(x),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8", "float16"])
def test_fault_21_layouts(dtype):
    x, model = X.astype(dtype), net()
    want = model.predict(X, verbose=0)
    for name, same in layouts(x).items():
        given = np.array(same, copy=True)
        called = model(np.asarray(same) if isinstance(same, list) else same)  # there a list is a structure of tensors
        several = model.predict(same, batch_size=3, verbose=0)
        for got in (model.predict(same, verbose=0), model.predict_on_batch(same), called, several):
            np.testing.assert_array_equal(got, want, err_msg=name)
        np.testing.assert_array_equal(ops.add(same, 1), X + 1, err_msg=name)
        if not isinstance(same, list):
            np.testing.assert_array_equal(hb.function(lambda a: a * 2)(same), X * 2, err_msg=name)
        np.testing.assert_array_equal(ops.take(same, [1, 0], axis=0), X[[1, 0]], err_msg=name)
        model.train_on_batch(same, Y)
        np.testing.assert_array_equal(given, np.asarray(same), err_msg=name)  # nobody wrote to it
        model = net()
        model.set_weights([np.ones((4, 3)), np.zeros(3)])
        want = model.predict(X, verbose=0)


def test_fault_21_strides_of_zero_and_weights():
    model = net()
    one = np.broadcast_to(np.float32(2), (8, 4))
    np.testing.assert_array_equal(model.predict(one, verbose=0), model.predict(one.copy(), verbose=0))
    model.fit(one, np.broadcast_to(np.int32(1), (8,)), sample_weight=np.broadcast_to(0.5, (8,)), verbose=0)
    kernel = RNG.normal(size=(4, 3)).astype("float32")
    for name, same in layouts(kernel).items():
        model.set_weights([same, np.zeros(3, ">f8")])
        np.testing.assert_array_equal(model.get_weights()[0], kernel, err_msg=name)
        v = hb.Variable(np.zeros((4, 3), "float32"))
        v.assign(same)
        np.testing.assert_array_equal(v.numpy(), kernel, err_msg=name)
        np.testing.assert_array_equal(hb.Variable(same, dtype="float32").numpy(), kernel, err_msg=name)
    model.set_weights([np.broadcast_to(np.float32(1), (4, 3)), np.zeros(3)])
    model.fit(X, Y, verbose=0)  # the weights' memory is their own
    kept = model.get_weights()
    kept[0][:] = 7
    assert not np.array_equal(model.get_weights()[0], kept[0])


def test_fault_21_masked_values_and_arrays_that_raise():
    model = net()
    masked = np.ma.array(X, mask=X == 1)
    for call in (*uses(model, masked), lambda: model(masked), lambda: ops.add(masked, 1)):
        with pytest.raises(ValueError, match=r"masked values must be filled first: x.filled\(value\)"):
            call()
    model.predict(masked.filled(0), verbose=0)
    for error in (RuntimeError("mine"), ValueError("mine"), MemoryError("mine")):
        for call in (
            *uses(model, Frame(X, error)),
            lambda e=error: model(Frame(X, e)),
            lambda e=error: ops.add(Frame(X, e), 1),
        ):
            with pytest.raises(type(error), match="mine"):
                call()
    with pytest.raises(ValueError):
        model.predict([[1.0, 2.0, 3.0, 4.0], [1.0]], verbose=0)
    with pytest.raises(ValueError, match="`x` must have an axis of samples. Received: a scalar"):
        model.predict(np.float32(3), verbose=0)


DTYPES = [
    "float16",
    "float32",
    "float64",
    "bool",
    "uint8",
    "int8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
]


@pytest.mark.parametrize("dtype", [*DTYPES, "longdouble"])
def test_fault_22_every_dtype_is_cast_and_never_reinterpreted(dtype):
    x = (X > 0 if dtype == "bool" else X).astype(dtype)
    model = net()
    want = model.predict(x.astype("float32"), verbose=0)
    for call in (model.predict, lambda a, verbose: model(a), lambda a, verbose: model.predict_on_batch(a)):
        np.testing.assert_array_equal(call(x, verbose=0), want)
    a, b = net(), net()
    b.set_weights(a.get_weights())
    for m, data in ((a, x), (b, x.astype("float32"))):
        m.fit(
            data,
            Y.astype("float32" if dtype == "longdouble" else dtype if dtype != "bool" else "int32"),
            shuffle=False,
            verbose=0,
        )
    for u, v in zip(a.get_weights(), b.get_weights()):
        np.testing.assert_array_equal(u, v)


@pytest.mark.parametrize("name", sorted(n for n in cases.CASES if cases.CASES[n][2] == "float32"))
@pytest.mark.parametrize("dtype", ["int32", "float64", "bool"])
def test_fault_22_every_layer_computes_in_its_own_dtype_inside_a_model(name, dtype):
    hb.utils.set_random_seed(3)
    model, arrays = cases.model_of(name), cases.inputs(name, 2)
    other = [np.round(a * 2).astype(dtype) for a in arrays]
    want = model.predict(cases.feed([o.astype("float32") for o in other]), verbose=0)
    got = model.predict(cases.feed(other), verbose=0)
    assert got.dtype == want.dtype == (np.int32 if name == "Discretization" else np.float32)  # which counts bins
    np.testing.assert_array_equal(got, want)


CASTS = {  # what NumPy makes of them, but for what it leaves open
    "float32": [
        0.0,
        -0.0,
        1.5,
        -1.5,
        3e9,
        -3e9,
        1e38,
        1e30,
        np.nan,
        np.inf,
        -np.inf,
        255.0,
        256.0,
        -1.0,
        0.9,
        2**31,
        2**24 + 2,
    ],
    "float64": [
        0.0,
        -0.0,
        1e300,
        -1e300,
        1e-300,
        np.nan,
        np.inf,
        2.0**31 - 1,
        2.0**31,
        2.0**63,
        -(2.0**63),
        2.0**53 + 2,
    ],
    "int32": [0, 1, -1, 255, 256, 2**31 - 1, -(2**31)],
    "int64": [0, 1, -1, 255, 256, 2**31, 2**32 + 1, 2**63 - 1, -(2**63), 2**53 + 1],
    "uint8": [0, 1, 127, 128, 255],
    "bool": [False, True],
}


@pytest.mark.parametrize("source", CASTS)
@pytest.mark.parametrize("to", ["float16", "float32", "float64", "int32", "int64", "uint8", "bool"])
def test_fault_22_the_cast_table(source, to):
    x = np.array(CASTS[source], source)
    with np.errstate(all="ignore"):
        want = x.astype(to)
    if source.startswith("float") and to in ("int32", "int64"):
        wide = np.array([int(v) if np.isfinite(v) else 2**70 for v in x.tolist()], object)
        low = np.iinfo(to).min
        want = np.array([v if low <= v <= np.iinfo(to).max else low for v in wide], to)
    if source.startswith("float") and to == "uint8":
        low = [int(v) & 255 if np.isfinite(v) and -(2**31) <= v < 2**31 else 0 for v in x.tolist()]
        want = np.array(low, to)
    got = np.asarray(hb.function(lambda a: ops.cast(a, to))(x))
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(
        np.signbit(got) if to.startswith("float") else got, np.signbit(want) if to.startswith("float") else want
    )
    np.testing.assert_array_equal(ops.cast(ops.convert_to_tensor(x), to), want)
