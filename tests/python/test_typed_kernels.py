"""Kernels for ints, bools and float64, casts, and rows of few bytes: against NumPy, over odd sizes, kinds of operands and the
values at the ends of each dtype; float32's remainder bit by bit."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, ops
from hornbeam.core.tensor import emit1

SIZES = [0, 1, 2, 7, 15, 16, 17, 31, 33, 511, 512, 513, 1031]  # about registers and tiles
LEAST = {"int32": -(2**31), "int64": -(2**63)}
SPECIAL = {
    "float32": [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-42, -1e-42, 0.5, -0.999, 2.0**31, -(2.0**31), 2147483520.0]
    + [-2147483904.0, 2.0**63, -(2.0**63), 9.2233715e18, 255.9, 256.0, -1.0, 1e38],
    "float64": [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-310, 2147483647.5, -2147483648.5, 2.0**31, 2.0**63, -(2.0**63)]
    + [-(2.0**64), 255.9, 256.0, -1.5, 1e300],
    "int32": [0, 1, -1, 255, 256, 2**31 - 1, -(2**31), 2**24 + 1],
    "int64": [0, 1, -1, 255, 256, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63), 2**53 + 1],
    "uint8": [0, 1, 127, 128, 255],
    "bool": [False, True],
}


def numbers(dtype, n, seed=0):
    """The special values, then some between them, n in all and not always from the first on."""
    rng = np.random.default_rng(seed)
    special = np.array(SPECIAL[dtype], dtype)
    usual = rng.integers(0, 2, 64) if dtype == "bool" else rng.uniform(0 if dtype == "uint8" else -200, 200, 64)
    return np.resize(np.roll(np.concatenate([special, usual.astype(dtype)]), seed), n)


def flushed(x):
    """Denormals count as 0."""
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, x.dtype.type(0), x) if x.dtype.kind == "f" else x


def converted(x, dtype):
    """What a cast is: floats that an int does not hold are its least, and uint8 takes an int32's low bits."""
    if x.dtype == dtype:
        return x
    x = flushed(x)
    if x.dtype.kind == "f" and np.dtype(dtype).kind in "iu":
        through = "int64" if dtype == "int64" else "int32"
        least = LEAST[through]
        fits = (x >= least) & (x < -float(least))
        return np.where(fits, np.where(fits, x, 0).astype(through), least).astype(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        return flushed(x.astype(dtype))


@pytest.mark.parametrize("to", SPECIAL)
@pytest.mark.parametrize("dtype", SPECIAL)
def test_casts(dtype, to):
    cast = hb.function(lambda x: ops.cast(x, to))
    for n in SIZES:
        x = numbers(dtype, n, seed=n)
        got, want = np.asarray(cast(x)), converted(x, to)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want, err_msg=f"{n} of {dtype}")


def floored(a, b, what):
    """Python's // and %, 0 where b is 0; the least number over -1 is itself."""
    a, b = np.broadcast_arrays(a, b)
    info = np.iinfo(a.dtype)
    wrap = (int(info.max) - int(info.min)) + 1
    pairs = [(int(p), int(q)) for p, q in zip(a.ravel(), b.ravel())]
    found = [0 if q == 0 else p // q if what == "floor_divide" else p % q for p, q in pairs]
    return np.array([(v - int(info.min)) % wrap + int(info.min) for v in found], a.dtype).reshape(a.shape)


BINARY = ["add", "subtract", "multiply", "floor_divide", "mod", "maximum", "minimum"]
COMPARED = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]
SHAPES = [((n,), (n,)) for n in SIZES] + [
    ((), (519,)),
    ((1031,), ()),
    ((23, 1), (23, 45)),
    ((45,), (23, 45)),
    ((23, 45, 1), (23, 45, 3)),
    ((7, 1, 5), (1, 11, 1)),
    ((2, 3, 1, 130), (3, 4, 1)),
    ((0, 4), (1, 4)),
    ((1, 1), (1, 1)),
]


@pytest.mark.parametrize("op", BINARY + COMPARED)
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_whole_numbers(dtype, op):
    for i, (left, right) in enumerate(SHAPES):
        a, b = (numbers(dtype, int(np.prod(s)), seed=i + k).reshape(s) for k, s in enumerate((left, right)))
        got = np.asarray(hb.function(lambda x, y: emit1(op, [x, y]))(a, b))
        want = floored(a, b, op) if op in ("floor_divide", "mod") else None
        if want is None:
            with np.errstate(over="ignore"):
                want = getattr(np, op)(a, b)
        assert got.dtype == want.dtype and got.shape == want.shape
        np.testing.assert_array_equal(got, want, err_msg=f"{left} {right}")


@pytest.mark.parametrize("op", ["neg", "abs", "sign", "square"])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_whole_numbers_one_at_a_time(dtype, op):
    for n in SIZES:
        x = numbers(dtype, n, seed=n)
        with np.errstate(over="ignore"):
            want = {"neg": np.negative}.get(op, getattr(np, op, None))(x)
        np.testing.assert_array_equal(np.asarray(hb.function(lambda t: emit1(op, [t]))(x)), want)


@pytest.mark.parametrize("op", ["add", "multiply", "divide", "maximum", "less", "exp", "isfinite"])
def test_doubles(op):
    for i, (left, right) in enumerate(SHAPES):
        a, b = (np.linspace(-3, 3 + k, int(np.prod(s))).reshape(s) + 0.01 for k, s in enumerate((left, right)))
        args = [a] if op in ("exp", "isfinite") else [a, b]
        got = np.asarray(hb.function(lambda *xs: emit1(op, list(xs)))(*args))
        np.testing.assert_allclose(got, getattr(np, op)(*args), rtol=1e-15, err_msg=f"{i}")


@pytest.mark.parametrize("columns", [1, 2, 3, 7, 8, 9])
@pytest.mark.parametrize("isa", _core.isa_names())
def test_channels_that_meet_what_has_none(isa, columns):
    """Rows of few floats in float32 programs, whose tiles begin and end within them."""
    rng = np.random.default_rng(columns)
    full = (5, 13, 11, columns)
    shapes = [(5, 1, 1, columns), (5, 13, 11, 1), (5, 13, 1, columns), (1, 13, 1, columns), (5, 1, 11, 1), (13, 1, 1)]
    for shape in shapes:
        a, b, c = (rng.integers(-99, 99, s).astype("float32") for s in (full, shape, (columns,)))
        run = hb.function(lambda x, y, z: (x + y) * z, isa=isa)
        np.testing.assert_array_equal(np.asarray(run(a, b, c)), (a + b) * c, err_msg=f"{shape}")
        one, other = (rng.integers(-99, 99, s).astype("float32") for s in (shape, (1, 1, 11, columns)))
        np.testing.assert_array_equal(np.asarray(hb.function(ops.subtract, isa=isa)(one, other)), one - other)
    none = hb.function(ops.add, isa=isa)(np.zeros((0, 4, 3), "float32"), np.zeros((4, 1), "float32"))
    assert np.asarray(none).shape == (0, 4, 3)


@pytest.mark.parametrize("dtype", [*SPECIAL, "float16"])
def test_where(dtype):
    choose = hb.function(lambda c, a, b: emit1("where", [c, a, b]))
    shapes = [((n,), (n,), (n,)) for n in SIZES]
    shapes += [((33, 1), (33, 40), ()), ((33, 40), (40,), (33, 1)), ((), (519,), (519,)), ((9, 7, 1), (9, 7, 3), (3,))]
    for i, (on, left, right) in enumerate(shapes):
        c = numbers("bool", int(np.prod(on)), seed=i).reshape(on)
        a, b = (
            numbers("float32" if dtype == "float16" else dtype, int(np.prod(s)), seed=i + k).reshape(s)
            for k, s in ((1, left), (2, right))
        )
        if dtype == "float16":
            a, b = (np.clip(np.nan_to_num(x), -9, 9).astype("float16") for x in (a, b))
        got = np.asarray(choose(c, a, b))
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, np.where(c, a, b))


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "int64"])
@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5, 6, 8, 16, 17])
def test_rows(columns, dtype):
    rng = np.random.default_rng(columns)
    table = rng.integers(0, 200, (37, columns)).astype(dtype)
    other = rng.integers(0, 200, (37, 3)).astype(dtype)
    for kind in ("int32", "int64"):
        ids = rng.integers(0, 37, (5, 13)).astype(kind)
        np.testing.assert_array_equal(hb.function(lambda t, i: emit1("gather", [t, i]))(table, ids), table[ids])
        places = rng.integers(0, columns, (37, 2)).astype(kind)
        along = hb.function(lambda t, i: ops.take_along_axis(t, i, 1))
        np.testing.assert_array_equal(along(table, places), np.take_along_axis(table, places, 1))
        places = rng.integers(0, 37, (4, columns)).astype(kind)
        along = hb.function(lambda t, i: ops.take_along_axis(t, i, 0))
        np.testing.assert_array_equal(along(table, places), np.take_along_axis(table, places, 0))
    both = hb.function(lambda *xs: ops.concatenate(list(xs), 1))
    np.testing.assert_array_equal(both(table, other, table), np.concatenate([table, other, table], 1))
    nothing = np.zeros((0,), "int32")
    assert np.asarray(hb.function(lambda t, i: emit1("gather", [t, i]))(table, nothing)).shape == (0, columns)


@pytest.mark.parametrize("op", ["gather", "take_along_axis"])
@pytest.mark.parametrize("columns", [1, 3, 5])
@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_rows_that_are_not_there(kind, columns, op):
    table = np.ones((4, columns), "uint8")
    shape, attributes = ((2,), {}) if op == "gather" else ((2, columns), {"axis": 0})
    run = hb.function(lambda t, i: emit1(op, [t, i], **attributes))
    for bad in (4, -1, np.iinfo(kind).max, np.iinfo(kind).min):
        with pytest.raises(ValueError, match=r"index must be in \[0, 4\)"):
            run(table, np.full(shape, bad, kind))


@pytest.mark.parametrize("isa", _core.isa_names())
def test_remainders_to_the_bit(isa):
    rng = np.random.default_rng(3)
    tiny, large = np.float32(2.0**-102), np.float32(2.0**22)
    ends = [0.0, -0.0, 1.0, -1.0, tiny, -tiny, np.nextafter(tiny, np.float32(0)), 1e-38, 1e-42, 3.4e38, np.inf, -np.inf]
    ends += [np.nan, large, large - 1, large + 1, 360.0, -360.0, 0.1, 7.0, np.nextafter(np.float32(7), np.float32(0))]
    pairs = np.array([(a, b) for a in ends for b in ends], "float32")
    near = np.float32(0.1) * np.arange(-600, 600, dtype="float32")  # quotients that round up to a whole number
    scales = np.exp2(rng.uniform(-60, 60, (2, 20000))) * rng.uniform(-1, 1, (2, 20000))
    close = rng.uniform(-1e4, 1e4, 20000).astype("float32")
    a = np.concatenate([pairs[:, 0], near, scales[0].astype("float32"), close])
    b = np.concatenate([pairs[:, 1], np.full_like(near, 0.1), scales[1].astype("float32"), np.roll(close, 1) / 100])
    mod, twin = (hb.function(lambda x, y: emit1("mod", [x, y]), isa=name) for name in (isa, "scalar"))
    got = np.asarray(mod(a, b))
    nan = np.isnan(got)
    alike = np.asarray(twin(a, b))  # denormals and all: this one calls libm
    assert np.array_equal(nan, np.isnan(alike)) and np.array_equal(got[~nan].view("int32"), alike[~nan].view("int32"))
    with np.errstate(invalid="ignore"):
        r = np.fmod(a, b)
        want = np.where((r != 0) & ((r < 0) != (b < 0)), r + b, r)
    usual = ~nan & (flushed(a) == a) & (flushed(b) == b) & (flushed(r) == r) & (flushed(want) == want)
    assert usual.sum() > 40000 and np.array_equal(got[usual].view("int32"), want[usual].view("int32"))
    assert np.array_equal(nan, np.isnan(want) | (flushed(b) == 0))
    for n in (1, 3, 7, 9, 15, 17, 513):  # the rest of a register, one operand for all
        np.testing.assert_array_equal(np.asarray(mod(a[-n:], np.float32(7.5))), np.mod(a[-n:], np.float32(7.5)))


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "int64"])
@pytest.mark.parametrize("n", [1, 3, 7, 8, 31, 32, 33, 65])
def test_axes_that_change_places(dtype, n):
    """By tiles where both are long."""
    for m in (1, 4, 9, 32, 70):
        x = np.arange(3 * n * 2 * m).astype(dtype).reshape(3, n, 2, m)
        for perm in ((0, 1, 3, 2), (3, 0, 2, 1), (0, 3, 2, 1), (2, 3, 1, 0), (1, 2, 0, 3)):
            got = np.asarray(hb.function(lambda x, p=perm: ops.transpose(x, p))(x))
            np.testing.assert_array_equal(got, x.transpose(perm), err_msg=f"{m} {perm}")
        for name, got, want in (
            ("flip", ops.flip(x, 1), x[:, ::-1]),
            ("flip last", ops.flip(x, 3), x[..., ::-1]),
            ("repeat", ops.repeat(x, 3, axis=3), x.repeat(3, 3)),
            (
                "broadcast",
                ops.broadcast_to(x[..., :1], (3, n, 2, 3 * m)),
                np.broadcast_to(x[..., :1], (3, n, 2, 3 * m)),
            ),
            ("rows", ops.broadcast_to(x[:, :1], x.shape), np.broadcast_to(x[:, :1], x.shape)),
            ("join", ops.concatenate([x, x[..., :1], x], -1), np.concatenate([x, x[..., :1], x], -1)),
            ("roll", ops.roll(x, 2, 3), np.roll(x, 2, 3)),
            ("rows by id", ops.take(x, np.arange(n)[::-1].copy(), 1), x[:, ::-1]),
            ("every other", ops.convert_to_tensor(x)[..., ::2], x[..., ::2]),
            ("pad", ops.pad(x, [(0, 1), (2, 0), (0, 0), (1, 3)]), np.pad(x, [(0, 1), (2, 0), (0, 0), (1, 3)])),
            ("pad images", ops.pad(x, [(0, 0), (1, 2), (3, 1), (0, 0)]), np.pad(x, [(0, 0), (1, 2), (3, 1), (0, 0)])),
        ):
            np.testing.assert_array_equal(np.asarray(got), want, err_msg=f"{name} {m}")


def as_bits(x):
    return np.asarray(x).view("uint16")


@pytest.mark.parametrize("isa", _core.isa_names())
def test_every_float16_and_those_between(isa):
    halves = np.arange(2**16, dtype="uint16").view("float16")
    wide = np.asarray(hb.function(lambda x: ops.cast(x, "float32"), isa=isa)(halves))
    np.testing.assert_array_equal(wide, halves.astype("float32"))
    narrow = hb.function(lambda x: ops.cast(x, "float16"), isa=isa)
    whole = ~np.isnan(wide)
    assert np.array_equal(as_bits(narrow(wide))[whole], halves.view("uint16")[whole])
    assert np.isnan(np.asarray(narrow(wide))[~whole]).all()
    ends = np.sort(np.unique(halves[np.isfinite(halves)]).astype("float32"))
    middle = (ends[1:] + ends[:-1]) / 2  # ties, and what is next to them
    x = np.concatenate(
        [middle, *(np.nextafter(middle, np.float32(to)) for to in (-np.inf, np.inf)), [65519.0, 65520.0, 1e38]]
    )
    for sign in (1, -1):
        with np.errstate(over="ignore"):
            want = (sign * x).astype("float16")
        assert np.array_equal(as_bits(narrow((sign * x).astype("float32"))), want.view("uint16"))
    for n in SIZES:
        assert np.array_equal(as_bits(narrow(wide[100 : 100 + n])), halves[100 : 100 + n].view("uint16"))


@pytest.mark.parametrize("isa", _core.isa_names())
def test_bfloat16_rounds_to_even(isa):
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2**32, 40000, "uint64").astype("uint32")
    bits[:20000] = (bits[:20000] & 0xFFFF0000) | np.resize([0x7FFF, 0x8000, 0x8001, 0], 20000).astype("uint32")
    x = bits.view("float32")
    there = hb.function(lambda x: ops.cast(ops.cast(x, "bfloat16"), "float32"), isa=isa, disable=["algebra"])
    rounded = ((bits.astype("uint64") + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16).astype("uint32").view("float32")
    nan = np.isnan(x)
    got = np.asarray(there(x))
    assert np.isnan(got[nan]).all() and np.array_equal(got[~nan].view("uint32"), rounded[~nan].view("uint32"))
    for n in SIZES:
        assert np.array_equal(np.asarray(there(x[:n]))[~nan[:n]], rounded[:n][~nan[:n]])
    assert as_bits(hb.function(lambda x: ops.cast(ops.cast(x, "bfloat16"), "float16"), isa=isa)(x[:33])).shape == (33,)


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
@pytest.mark.parametrize("dtype", list(SPECIAL))
def test_halves_from_and_to_others(half, dtype):
    x = numbers(dtype, 1031)
    floats = converted(x, "float32")
    by_floats = hb.function(lambda x: ops.cast(ops.cast(x, half), "float32"))(floats)
    there = hb.function(lambda x: ops.cast(ops.cast(x, half), "float32"))(x)
    np.testing.assert_array_equal(np.asarray(there), np.asarray(by_floats))
    back = np.asarray(hb.function(lambda x: ops.cast(ops.cast(x, half), dtype))(x))
    want = np.asarray(hb.function(lambda x: ops.cast(x, dtype))(np.asarray(by_floats)))
    np.testing.assert_array_equal(back, want)
