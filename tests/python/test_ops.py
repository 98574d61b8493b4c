"""Every op: forward against NumPy on every instruction set and in float64, first and second gradients against central
differences, equal bits for any number of threads, with and without each pass."""

import re

import numpy as np
import pytest
from op_cases import CASES, ELSEWHERE

import hornbeam as hb
from hornbeam import _core, ops
from hornbeam.core.tensor import emit, emit1, to_tensor
from hornbeam.core.trace import Trace
from hornbeam.core.tree import flatten

IDS = [c.name.replace(" ", "+") for c in CASES]
ISAS = _core.isa_names()


def compiled(case, arrays, **options):
    with Trace() as trace:
        xs = [trace.input(f"x{i}", a.dtype.name, a.shape) for i, a in enumerate(arrays)]
        y = to_tensor(case.call(*xs))
        trace.graph.output("y", trace.value_of(y))
    return _core.Executable(trace.graph, **options)


def in_float64(case):
    return [a.astype("float64") if a.dtype == np.float32 else a for a in case.arrays]


def test_every_op_has_a_case():
    covered = {name for c in CASES for name in c.op.split()} | ELSEWHERE
    assert sorted(set(_core.list_ops()) - covered) == []


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_forward(case, isa):
    y = compiled(case, case.arrays, isa=isa).run(case.arrays)[0]
    if case.reference is None:
        wide = [a.astype("float64") if a.dtype == np.float32 else a for a in case.arrays]
        want = compiled(case, wide).run(wide)[0]
    else:
        want = case.reference(*[a.astype("float64") if a.dtype == np.float32 else a for a in case.arrays])
    want = np.asarray(want)
    assert y.shape == want.shape
    np.testing.assert_allclose(
        y.astype("float64"),
        want.astype("float64"),
        rtol=max(case.tol, 1e-6) * 4,
        atol=case.tol * max(1, np.abs(want[np.isfinite(want)]).max(initial=0)),
    )


def scalarize(case, arrays, weights):
    """sum(weights * call(arrays)), whose gradient exercises every output element."""

    def f(*xs):
        full = list(arrays)
        for i, x in zip([i for i, a in enumerate(arrays) if a.dtype == np.float64], xs):
            full[i] = x
        return ops.sum(ops.multiply(case.call(*full), weights))

    return f


def central(f, xs, i, eps=1e-5):
    d = np.zeros_like(xs[i])
    for at in np.ndindex(*xs[i].shape):
        up, down = [x.copy() for x in xs], [x.copy() for x in xs]
        up[i][at] += eps
        down[i][at] -= eps
        d[at] = (float(f(*up)) - float(f(*down))) / (2 * eps)
    return d


DIFF = [c for c in CASES if c.grad and any(a.dtype == np.float32 for a in c.arrays)]


DIFFERENTIABLE = {c.name for c in DIFF}


@pytest.mark.parametrize("case", DIFF, ids=[c.name.replace(" ", "+") for c in DIFF])
def test_gradients(case):
    arrays = in_float64(case)
    xs = [a for a in arrays if a.dtype == np.float64]
    shape = compiled(case, arrays).run(arrays)[0].shape
    w = np.random.default_rng(5).uniform(0.5, 1.5, shape)
    f = hb.function(scalarize(case, arrays, w))
    g = hb.grad(scalarize(case, arrays, w), argnums=tuple(range(len(xs))))
    grads = [np.asarray(d) for d in g(*xs)]
    for i, d in enumerate(grads):
        if xs[i].size <= 400:
            np.testing.assert_allclose(d, central(f, xs, i), rtol=2e-5, atol=2e-6)
    # second order: the gradient of sum(cos-weighted first gradients), along one random direction
    rng = np.random.default_rng(6)
    dirs = [rng.standard_normal(x.shape) for x in xs]
    inner = hb.grad(scalarize(case, arrays, w), argnums=tuple(range(len(xs))))

    def slope(*zs):
        out = inner(*zs)
        return sum(
            (ops.sum(ops.multiply(d, np.cos(np.arange(v.size)).reshape(v.shape))) for d, v in zip(out[1:], dirs[1:])),
            ops.sum(ops.multiply(out[0], np.cos(np.arange(dirs[0].size)).reshape(dirs[0].shape))),
        )

    second = [np.asarray(d) for d in hb.grad(slope, argnums=tuple(range(len(xs))))(*xs)]
    got = sum((d * v).sum() for d, v in zip(second, dirs))
    fs = hb.function(slope)
    eps = 1e-5
    want = (
        float(fs(*[x + eps * v for x, v in zip(xs, dirs)])) - float(fs(*[x - eps * v for x, v in zip(xs, dirs)]))
    ) / (2 * eps)
    np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", DIFF, ids=[c.name.replace(" ", "+") for c in DIFF])
def test_float32_gradients(case, isa):
    """The float32 kernels of the gradients against the same gradients in float64, which test_gradients checks."""

    def gradients(arrays, kind):
        w = np.random.default_rng(5).uniform(0.5, 1.5, compiled(case, arrays).run(arrays)[0].shape).astype(kind)
        with Trace() as trace:
            xs = [trace.input(f"x{i}", a.dtype.name, a.shape) for i, a in enumerate(arrays)]
            y = ops.sum(ops.multiply(case.call(*xs), w))
            floats = [x for x in xs if x.dtype.startswith("float")]
            for i, d in enumerate(hb.gradients(y, floats)):
                if d is not None:
                    trace.graph.output(f"d{i}", trace.value_of(d))
        return _core.Executable(trace.graph, isa=isa).run(arrays)

    got, want = gradients(case.arrays, "float32"), gradients(in_float64(case), "float64")
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-4, atol=2e-5 * max(1, np.abs(w).max(initial=0)))


def with_gradients(case, arrays):
    """A graph of the case and, where it has them, its gradients."""
    with Trace() as trace:
        xs = [trace.input(f"x{i}", a.dtype.name, a.shape) for i, a in enumerate(arrays)]
        y = to_tensor(case.call(*xs))
        floats = [x for x in xs if x.dtype.startswith("float")]
        differentiable = case.name in DIFFERENTIABLE and y.dtype.startswith("float")
        grads = hb.gradients(ops.sum(y), floats) if differentiable else []
        for i, v in enumerate([y, *grads]):
            if v is not None:
                trace.graph.output(f"y{i}", trace.value_of(v))
    return trace.graph


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_saved_graph_runs_the_same(case, tmp_path):
    graph = with_gradients(case, case.arrays)
    _core.write_model(str(tmp_path / "g"), {}, [], {"f": graph})
    loaded = _core.read_model(str(tmp_path / "g"))[2]["f"]
    before, after = (_core.Executable(g, threads=t).run(case.arrays) for g, t in ((graph, 1), (loaded, 3)))
    for a, b in zip(before, after, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def spoilt(arrays):
    """The arrays with one of them out of shape or of another dtype."""
    for i, a in enumerate(arrays):
        for bad in (
            a.reshape(-1)[:1].reshape(()),
            a[None],
            np.concatenate([a, a[..., :1]], -1) if a.ndim and a.shape[-1] else a,
            a[:0] if a.ndim else a,
            a.astype("bool"),
            a.astype("int32"),
            a.astype("float64"),
        ):
            yield [*arrays[:i], bad, *arrays[i + 1 :]]


NAMED = re.compile(r"\[\w+\]|`\w+`|einsum term|Received: ")  # an op, an argument or a value, which the message is about
OWN = ("floor_divide-1", "mod-1", "argsort-1")  # their references hold for the case's own arrays alone


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_wrong_inputs_give_the_references_result_or_raise_by_name(case):
    for arrays in spoilt(case.arrays):
        try:
            got = _core.Executable(with_gradients(case, arrays), threads=1).run(arrays)[0]
        except (ValueError, TypeError) as e:
            assert NAMED.search(str(e)), e
            continue
        except IndexError as e:  # Python's own, from indexing a shape in the case
            assert "range" in str(e)
            continue
        kinds = [a.dtype.kind == b.dtype.kind for a, b in zip(arrays, case.arrays, strict=True)]
        if case.reference is None or case.name in OWN or not all(kinds) or not all(a.size for a in arrays):
            continue  # integers and what is empty have rules of their own
        try:
            want = case.reference(*[a.astype("float64") if a.dtype == np.float32 else a for a in arrays])
        except (ValueError, TypeError, IndexError):  # NumPy's own limits
            continue
        want = np.asarray(want, "float64")
        assert got.shape == want.shape
        scale = max(1, np.abs(want[np.isfinite(want)]).max(initial=0))
        np.testing.assert_allclose(
            got.astype("float64"), want, rtol=max(case.tol, 1e-6) * 4, atol=case.tol * scale, err_msg=case.name
        )


def _cell(name, a, gates):
    kernel = np.random.default_rng(2).standard_normal((37, gates * 37)).astype("float32") * 0.2
    start = np.zeros((45, 37), "float32")
    more = [start] if name == "lstm" else [np.ones(3 * 37, "float32")]
    return emit("recurrent", [ops.reshape(a, [45, 6, gates * 37]), kernel, start, *more], cell=name)[0]


BIG = [
    ("matmul", lambda a: ops.matmul(a, ops.transpose(a)), (300, 170)),
    ("sum", lambda a: ops.sum(a, axis=0), (4000, 33)),
    ("softmax", ops.softmax, (900, 77)),
    ("chain", lambda a: ops.tanh(a * 2 + 1) * a, (700, 301)),
    ("mean", lambda a: ops.mean(a), (100000,)),
    ("var", lambda a: ops.var(a, axis=1), (300, 700)),
    (
        "conv",
        lambda a: ops.conv(ops.reshape(a, [4, 30, 30, 20]), np.ones((3, 3, 20, 24), "float32") * 0.01, padding="same"),
        (4 * 900, 20),
    ),
    (
        "attention",
        lambda a: ops.dot_product_attention(*ops.split(ops.reshape(a, [3, 130, 4, 3 * 24]), 3, axis=-1)),
        (390, 288),
    ),
    ("lstm", lambda a: _cell("lstm", a, 4), (45 * 6, 4 * 37)),
    ("gru", lambda a: _cell("gru", a, 3), (45 * 6, 3 * 37)),
    ("gather", lambda a: ops.take(a, np.arange(5000) % 99, axis=0), (100, 64)),
    ("larger", lambda a: ops.image.resize(ops.reshape(a, [2, 60, 30, 5]), (97, 64), "bicubic"), (120, 150)),
    ("smaller", lambda a: ops.image.resize(ops.reshape(a, [2, 160, 90, 3]), (61, 40), antialias=True), (320, 270)),
    ("turned", lambda a: ops.transpose(a), (701, 300)),
]


@pytest.mark.parametrize("name,fn,shape", BIG, ids=[b[0] for b in BIG])
def test_same_bits_for_any_number_of_threads(name, fn, shape):
    x = np.random.default_rng(1).standard_normal(shape).astype("float32")

    def step(a):
        w = hb.gradients(ops.sum(ops.square(fn(a))), a)
        return fn(a), w

    results = []
    for threads in (1, 2, 3, 4, 8):
        f = hb.function(step, threads=threads)
        results.append([np.asarray(t) for t in flatten(f(x))])
    for r in results[1:]:
        for a, b in zip(results[0], r):
            np.testing.assert_array_equal(a.view("uint32"), b.view("uint32"))


@pytest.mark.parametrize("name", _core.pass_names())
def test_passes_keep_the_result(name):
    x = np.random.default_rng(2).standard_normal((64, 40)).astype("float32")
    w = np.random.default_rng(3).standard_normal((40, 24)).astype("float32")

    def step(x, w):
        h = ops.relu(ops.matmul(x, w) + 1.0) * 1.0
        y = ops.softmax(ops.transpose(ops.transpose(h)) + ops.sin(h) * ops.sin(h))
        return y, hb.gradients(ops.sum(y * y), w)

    on = [np.asarray(t) for t in hb.function(step)(x, w)]
    off = [np.asarray(t) for t in hb.function(step, disable=[name])(x, w)]
    for a, b in zip(on, off):
        if name in ("dead_code", "cse", "in_place", "winograd"):
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 255, 256, 257, 1031])
def test_tails(n):
    x = np.linspace(0.1, 3, n).astype("float32")
    for isa in ISAS:
        y = hb.function(lambda a: ops.exp(a) + ops.sum(a) * 0.5, isa=isa)(x)
        np.testing.assert_allclose(np.asarray(y), np.exp(x) + x.sum() * 0.5, rtol=2e-6)


def test_extreme_values():
    x = np.array([-np.inf, -200, -1e-30, 0.0, 1e-30, 89.5, 200, np.inf, np.nan], "float32")
    with np.errstate(all="ignore"):
        for fn, ref in [
            (ops.exp, np.exp),
            (ops.tanh, np.tanh),
            (ops.relu, lambda v: np.where(v < 0, 0, v)),
            (ops.log1p, np.log1p),
            (ops.softplus, lambda v: np.logaddexp(0, v)),
        ]:
            want = ref(x.astype("float64")).astype("float32")
            for isa in ISAS:
                np.testing.assert_allclose(np.asarray(hb.function(fn, isa=isa)(x)), want, rtol=1e-5, atol=1e-30)
    np.testing.assert_array_equal(np.asarray(ops.softmax(np.full((2, 5), -np.inf, "float32"))), np.zeros((2, 5)))


ERRORS = [
    (
        lambda: ops.matmul(np.ones((32, 100)), np.ones((128, 10))),
        ValueError,
        r"\[matmul\] inner dimensions must match; got a=f64\[32,100\], b=f64\[128,10\]",
    ),
    (lambda: ops.add(np.ones(3), np.ones(4)), ValueError, r"\[add\].*broadcast"),
    (lambda: ops.reshape(np.ones(6), [-1, -1]), ValueError, r"\[reshape\] only one dimension may be -1"),
    (lambda: ops.reshape(np.ones(6), [4, -1]), ValueError, r"\[reshape\] the size is not divisible"),
    (
        lambda: ops.concatenate([np.ones((2, 3)), np.ones((3, 3))], 1),
        ValueError,
        r"\[concat\] dimensions other than axis 1",
    ),
    (
        lambda: ops.conv(np.ones((1, 2, 2, 1), "float32"), np.ones((3, 3, 1, 1), "float32")),
        ValueError,
        r"\[conv\] the dilated kernel \(3\) is larger",
    ),
    (lambda: ops.max(np.zeros((3, 0)), axis=1), ValueError, r"\[max\] an empty axis"),
    (
        lambda: ops.take(np.ones((3, 2)), [0, 5], axis=0),
        ValueError,
        r"\[gather\] index must be in \[0, 3\); got 5 at row 1",
    ),
    (lambda: ops.sum(np.ones(3), axis=2), ValueError, r"\[sum\] axis must be in \[-1, 1\); axis=2"),
    (lambda: ops.convert_to_tensor(np.array(["a"])), TypeError, "real numeric"),
    (lambda: ops.convert_to_tensor(np.array([1j])), TypeError, "real numeric"),
]


@pytest.mark.parametrize("call,kind,message", ERRORS)
def test_errors_name_the_op_and_the_values(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("window", [1, 3])
def test_convolutions_of_no_channels_are_zero(window, strides):
    x, k = np.zeros((2, 7, 6, 0), "float32"), np.zeros((window, window, 0, 5), "float32")
    y = ops.conv(x, k, strides=strides, padding="same")
    assert y.shape == (2, -(-7 // strides), 6 // strides, 5) and not np.any(y)
    assert not np.any(ops.conv_transpose(x, np.zeros((window, window, 5, 0), "float32"), strides=strides))


def test_awkward_arrays():
    base = np.arange(24, dtype="float32").reshape(4, 6)
    for a in (base[::-1], base[:, ::2], base.T, np.broadcast_to(np.float32(3), (2, 3)), base.astype(">f4")):
        np.testing.assert_array_equal(np.asarray(ops.add(a, 1.0)), np.asarray(a, "float32") + 1)
    base.setflags(write=False)
    np.testing.assert_array_equal(np.asarray(ops.negative(base)), -base)


def philox(key, counter, index):
    """Philox4x32-10 (Salmon et al. 2011), four words of a counter."""
    low, high = (lambda v: v & 0xFFFFFFFF), (lambda v: v >> 32)
    c, k = [low(index), high(index), low(counter), high(counter)], [low(key), high(key)]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [high(b) ^ c[1] ^ k[0], low(b), high(a) ^ c[3] ^ k[1], low(a)]
        k = [low(k[0] + 0x9E3779B9), low(k[1] + 0xBB67AE85)]
    return c


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("n", [1, 3, 4, 31, 32, 33, 70001])
def test_uniform_numbers_are_philox(n, isa):
    key, counter, stream = 12345678901, 42, 3
    draw = hb.function(lambda s: emit1("random_uniform", [s], shape=[n], dtype="float32", stream=stream), isa=isa)
    words = [w for i in range(-(-n // 4)) for w in philox(key, counter ^ (stream << 48), i)][:n]
    got = np.asarray(draw(np.array([key, counter], "int64")))
    np.testing.assert_array_equal(got, ((np.array(words) >> 8) * 2.0**-24).astype("float32"))


@pytest.mark.parametrize("rank", [2, 3])
def test_cross_entropies_of_saturated_outputs_learn(rank):
    """A sigmoid's or softmax' output is taken back to its logits: no digit and no gradient is lost where it is 0 or 1."""
    shape = (5, 3)[:rank] + (4,)[: rank - 1]
    x = np.linspace(-200, 200, int(np.prod(shape)), dtype="float32").reshape(shape)
    targets = (np.arange(x.size) % 3 == 0).reshape(shape).astype("float32")
    labels = np.arange(x.size // shape[-1], dtype="int32").reshape(shape[:-1]) % shape[-1]
    one_hot = np.eye(shape[-1], dtype="float32")[labels]
    wide = x.astype("float64")
    logp = wide - wide.max(-1, keepdims=True)
    logp -= np.log(np.exp(logp).sum(-1, keepdims=True))
    yes = 1 / (1 + np.exp(-wide))
    rows = [
        (
            lambda x: ops.binary_crossentropy(targets, ops.sigmoid(x)),
            np.logaddexp(0, wide) - wide * targets,
            yes - targets,
        ),
        (
            lambda x: ops.categorical_crossentropy(one_hot, ops.softmax(x)),
            -(one_hot * logp).sum(-1),
            np.exp(logp) - one_hot,
        ),
        (
            lambda x: ops.sparse_categorical_crossentropy(labels, ops.softmax(x)),
            -(one_hot * logp).sum(-1),
            np.exp(logp) - one_hot,
        ),
    ]
    for loss, value, gradient in rows:

        def step(x, loss=loss):
            y = loss(x)
            return y, hb.gradients(ops.sum(y), [x])[0]

        got, slope = hb.function(step)(x)
        np.testing.assert_allclose(got, value, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(slope, gradient, atol=1e-5)


def test_cross_entropies_of_given_probabilities_are_clipped():
    p = np.array([[0.0, 1.0]], "float32")
    assert np.allclose(ops.binary_crossentropy(np.array([[1.0, 1.0]], "float32"), p), [[16.118, 0.0]], atol=1e-3)
    assert np.allclose(ops.sparse_categorical_crossentropy(np.array([0]), p), [16.118], atol=1e-3)
    assert np.allclose(ops.categorical_crossentropy(np.array([[1.0, 0.0]], "float32"), p), [16.118], atol=1e-3)


def test_numpys_functions_take_tensors_and_variables():
    a = np.arange(6, dtype="int32").reshape(2, 3)
    for x in (ops.convert_to_tensor(a), hb.Variable(a)):
        for name in ("sum", "mean", "max", "min", "any", "all", "argmax", "argmin", "std", "prod", "cumsum", "median"):
            for options in ({}, {"axis": 1}):
                got, want = getattr(np, name)(x, **options), getattr(np, name)(a, **options)
                np.testing.assert_allclose(np.asarray(got), want, rtol=1e-6, err_msg=name)
        assert np.mean(x, dtype="float64").dtype == "float64"
        assert np.sum(x, axis=0, keepdims=True).shape == (1, 3)
    with pytest.raises(TypeError, match="`out` must be None"):
        np.sum(ops.convert_to_tensor(a), out=np.zeros((), "int32"))
