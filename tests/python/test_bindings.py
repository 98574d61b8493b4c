"""What Python values the core takes for an op's parameters, and what it says to others."""

import enum

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, ops


class Bad:
    """Its own methods fail."""

    def __index__(self):
        raise RuntimeError("my index")

    def __float__(self):
        raise RuntimeError("my float")

    def __repr__(self):
        raise RuntimeError("my repr")


class Number(enum.IntEnum):
    TWO = 2


HUGE = [2**63, -(2**63) - 1, 10**400]
WRONG = {
    "a bool": [0, 1, None, "x", 1.0, [True], np.float32(1), Bad()],
    "an int that fits 64 bits": [*HUGE, 2.0, "3", None, True, np.float32(2), [1], float("nan"), np.ones(2, int), Bad()],
    "a number": ["3", None, True, [1.0], 1j, 10**400, np.ones(2), Bad()],
    "a string": [3, None, b"x", ["x"], "\ud800", Bad()],
    "the name of a dtype": ["float33", "", 3, None, np.float32, "\ud800", Bad()],
    "a sequence of ints that fit 64 bits": [
        *HUGE, *[(1, n) for n in HUGE], (1.5,), ("a",), (None,), ((1,),), [[1, 2], [3]], "12", b"12", None, (True,),
        np.array([1.5]), {1, 2}, iter([1]), (float("nan"),), (Bad(),), Bad(), 3,
    ],
    "an array": [None, 3, [1.0], "x", np.array(["a"]), np.array([1j]), np.array([None]), Bad()],
    "a Graph": [None, 3, "x", Bad()],
    "a CustomGradient": [None, 3, "x", Bad()],
}  # fmt: skip
WRONG["a sequence of Dims and ints that fit 64 bits"] = WRONG["a sequence of ints that fit 64 bits"]
RIGHT = {
    "a bool": [True, np.bool_(False)],
    "an int that fits 64 bits": [3, 2**63 - 1, -(2**63), np.int64(3), np.uint8(3), Number.TWO, np.array(3)],
    "a number": [3, 2.5, float("nan"), float("-inf"), np.float32(2), np.int32(2), Number.TWO, np.array(2.5)],
    "a string": ["x", "caf\xe9", np.str_("x")],
    "the name of a dtype": ["float32", "bool"],
    "a sequence of ints that fit 64 bits": [(), [1, 2], (np.int32(1),), np.arange(3), (Number.TWO,), range(2)],
    "an array": [np.ones((2, 2), "float32"), np.ones((2, 3)).T, np.zeros(0, "uint8"), np.array(True)],
    "a Graph": [_core.Graph()],
    "a CustomGradient": [_core.CustomGradient("f", _core.Graph(), [])],
}
RIGHT["a sequence of Dims and ints that fit 64 bits"] = [
    *RIGHT["a sequence of ints that fit 64 bits"],
    (_core.Dim("n"), 3),
    [_core.Dim("n") * 2],
]
PARAMETERS = [(op, name, kind) for op in _core.list_ops() for name, kind in _core.op_parameters(op).items()]


def error_of(op, **attrs):
    with pytest.raises((TypeError, ValueError)) as e:
        _core.Graph().add(op, [], attrs)  # parameters are read before inputs are looked at
    return str(e.value)


@pytest.mark.parametrize("kind", sorted({kind for _, _, kind in PARAMETERS}))
def test_every_parameter_says_what_it_must_be(kind):
    for op, name in [(op, name) for op, name, k in PARAMETERS if k == kind]:
        for value in WRONG[kind]:
            text = error_of(op, **{name: value})
            if kind == "an array" and isinstance(value, np.ndarray):
                assert text.startswith("arrays must be float32,"), text
                continue
            assert text.startswith(f"[{op}] parameter `{name}` must be {kind}"), (value, text)
            assert ". Received: " in text, text
            assert len(text) < 600
        for value in RIGHT[kind]:  # it is read, and what comes after it refused
            assert error_of(op, **{name: value, "nonsense": 1}) == f"[{op}] has no parameter `nonsense`"


def test_the_received_value_is_shown():
    assert error_of("max_pool", window=(2**63, 2)).endswith("Received: (9223372036854775808, 2)")
    assert error_of("max_pool", window="ab").endswith("Received: 'ab'")
    assert error_of("softmax", axis=2**63).endswith("Received: 9223372036854775808")
    assert error_of("softmax", axis=[0] * 10000).endswith("...")
    assert error_of("softmax", nonsense=1) == "[softmax] has no parameter `nonsense`"
    assert error_of("max_pool", window=Bad()).endswith("Received: an object of type Bad")
    assert error_of("softmax", axis=Bad()).endswith("Received: an object of type Bad: my index")


def test_large_attributes_from_the_layers_down():
    x = np.ones((1, 4, 4, 1), "float32")
    for call in (
        lambda n: ops.max_pool(x, n),
        lambda n: ops.max_pool(x, 2, strides=n),
        lambda n: ops.conv(x, np.ones((1, 1, 1, 1), "float32"), strides=n),
        lambda n: ops.softmax(x, axis=n),
        lambda n: ops.roll(x, n, axis=n),
        lambda n: ops.reshape(x, (n,)),
        lambda n: ops.broadcast_to(x, (n, 4, 4, 1)),
        lambda n: hb.layers.MaxPooling2D(n)(x),
    ):
        for n in (2**63, 2**64, -(2**63) - 1, 10**30):
            with pytest.raises((ValueError, TypeError, MemoryError)) as e:
                call(n)
            assert "Unable to cast" not in str(e.value) and "C++" not in str(e.value), e.value


def test_arrays_of_any_layout_and_order():
    f = hb.function(lambda a: a + 0)
    base = np.arange(24, dtype="float32").reshape(2, 3, 4)
    unaligned = np.frombuffer(b"\0" + base.tobytes(), "uint8")[1:].view("float32").reshape(2, 3, 4)
    for a in (base, base.T, base[::-1, :, ::2], np.broadcast_to(base[:1], (2, 3, 4)), unaligned, base[:, 1:2]):
        np.testing.assert_array_equal(f(a), a)
    read_only = base.copy()
    read_only.setflags(write=False)
    np.testing.assert_array_equal(f(read_only), base)
    assert f(np.float32(2)).shape == ()
    for bad in (base.astype("complex64"), np.array(["a"]), np.array([object()])):
        with pytest.raises(TypeError):
            f(bad)
    with pytest.raises(TypeError, match="arrays must be float32, .* Received: dtype=>f4"):
        _core.Variable("v", base.astype(">f4"))
