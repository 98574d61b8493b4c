"""Functions of elements: which are compiled and which are called, what they draw, threads and processes that call them."""

import gc
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
import weakref

import numpy as np
import pytest

import hornbeam as hb
from hornbeam.data import Dataset

ONES = np.ones((4, 2), "float32")


def compiled(ds):
    """Whether a program runs the last function."""
    programs = [p for p in ds._node.function._programs.values()]
    assert programs
    return all(p is not None for p in programs)


def values(ds):
    return [np.asarray(x).tolist() for x in ds.as_numpy_iterator()]


# ---- what is compiled ----
_count = 0
_generator = np.random.default_rng(0)


class Augmentation:
    def __init__(self):
        self.draws = random.Random(3)

    def shift(self, x):
        return x + self.draws.randint(0, 1)

    __call__ = shift


def counting(x):
    global _count
    _count += 1
    return x + _count


def test_functions_of_tensors_are_compiled():
    dense = hb.layers.Dense(3)
    for f in (
        lambda x: x * 2,
        hb.ops.sin,
        lambda x: dense(x[None])[0],
        lambda x: hb.ops.cond(x[0] > 0, lambda: x, lambda: -x),
        lambda x: {"a": [x, x], "b": (1, 2.5, None)},
    ):
        ds = Dataset.from_tensor_slices(ONES).map(f)
        list(ds)
        assert compiled(ds)
    got = values(Dataset.from_tensor_slices(ONES).map(lambda x: dense(x[None])[0]))
    assert np.allclose(got, ONES @ dense.kernel.numpy())


def test_other_functions_are_called():
    np.random.seed(5)
    random.seed(5)
    held = np.random.RandomState(0)
    for f in (
        np.sin,
        counting,
        lambda x: x + np.random.randint(2),
        lambda x: x + random.randint(0, 1),
        lambda x: x + _generator.integers(2),
        lambda x: x if x[0] > 0 else -x,
        lambda x: str(x),
        lambda x: x + float(np.asarray(x)[0]),
        lambda x: hb.layers.Dense(1)(x[None]),
        lambda x: x + held.randint(2),
        Augmentation().shift,
        Augmentation(),
    ):
        ds = Dataset.from_tensor_slices(ONES).map(f)
        list(ds)
        assert not compiled(ds)


class Flips:
    """Adds one at random, by a generator of its own."""

    def __init__(self, generator):
        self.parts = {"flip": [generator]}

    def __call__(self, x):
        return x + 1.0 if self.parts["flip"][0].random() < 0.5 else x * 1.0

    def by_helper(self, x):
        return self(x)


def flips_by_default(x, generator=_generator):
    return x + 1.0 if generator.random() < 0.5 else x * 1.0


@pytest.mark.parametrize(
    "f",
    [
        Flips(np.random.default_rng(0)),
        Flips(np.random.RandomState(0)),
        Flips(random.Random(0)),
        Flips(np.random.default_rng(0)).by_helper,
        flips_by_default,
        lambda x: flips_by_default(x),
        lambda x: x + 1.0 if np.random.default_rng().random() < 0.5 else x * 1.0,
        lambda x: x + 1.0 if random.random() < 0.5 else x * 1.0,
        lambda x: x + 1.0 if os.urandom(1)[0] < 128 else x * 1.0,
        lambda x: x + 1.0 if uuid.uuid4().int % 2 else x * 1.0,
        lambda x: x + 1.0 if _generator.permuted([0, 1])[0] else x * 1.0,
    ],
)
def test_a_coin_is_flipped_for_each_element(f):
    """Two traces of it are alike half the time."""
    for make in (lambda ds: ds, lambda ds: ds.batch(7).unbatch()):
        ds = make(Dataset.from_tensor_slices(np.zeros((64, 2), "float32")).map(f))
        assert {v[0] for v in values(ds)} == {0.0, 1.0}


def test_a_clock_is_read_for_each_element():
    ds = Dataset.range(3).map(lambda x: x + time.time())  # float32 has it in steps of two minutes
    list(ds)
    assert not compiled(ds)


def test_own_seeds_and_draws_do_not_keep_a_function_from_being_compiled():
    dropout = hb.layers.Dropout(0.5)
    for f in (
        lambda x: dropout(x, training=True),
        lambda x: x + np.random.default_rng(3).random(),
        lambda x: hb.random.uniform((2,), seed=4) + x,
    ):
        ds = Dataset.from_tensor_slices(ONES).map(f)
        list(ds)
        assert compiled(ds)


def test_what_is_captured_is_that_of_the_trace_and_variables_are_read():
    a, v = np.zeros(2, "float32"), hb.Variable(np.zeros(2, "float32"))
    ds = Dataset.range(1).map(lambda i: (hb.ops.sum(a), hb.ops.sum(v + 0.0)))
    assert [tuple(map(float, x)) for x in ds] == [(0.0, 0.0)]
    a += 1
    v.assign(np.ones(2))
    assert [tuple(map(float, x)) for x in ds] == [(0.0, 2.0)]


def test_tracing_leaves_random_states_alone():
    np.random.seed(5)
    random.seed(5)
    expected = np.random.rand(4), random.random()
    np.random.seed(5)
    random.seed(5)
    got = values(Dataset.range(4).map(lambda x: np.random.rand()))
    assert np.allclose(got, expected[0]) and random.random() == expected[1]


def test_assigning_variables_is_refused():
    v = hb.Variable(0.0, name="total")

    def assign(x):
        v.assign_add(1.0)
        return x

    with pytest.raises(ValueError, match="may not assign variables.*total") as e:
        list(Dataset.range(3).map(assign))
    assert "of element 0" in "".join(getattr(e.value, "__notes__", [str(e.value)]))


def test_the_same_results_compiled_called_and_in_batches():
    choose = np.random.default_rng(0)
    x, y = choose.normal(size=(7, 3)).astype("float32"), choose.integers(0, 9, (7,), "int16")

    def f(a, b):
        return {"a": hb.ops.exp(a) / 3, "b": [b, b + 1]}

    expected = [f(a, b) for a, b in zip(x, y)]
    for workers in (None, 2):
        ds = Dataset.from_tensor_slices((x, y)).map(f, workers)
        for got, e in zip(ds.as_numpy_iterator(), expected):
            assert np.array_equal(got["a"], e["a"].numpy()) and got["b"].tolist() == [
                np.asarray(i).item() for i in e["b"]
            ]
        batches = list(ds.batch(3).as_numpy_iterator())
        assert [b["a"].shape for b in batches] == [(3, 3), (3, 3), (1, 3)]
        assert np.array_equal(np.concatenate([b["a"] for b in batches]), np.stack([e["a"].numpy() for e in expected]))


def test_elements_of_many_shapes_share_a_program():
    sizes = [2, 5, 3, 2, 7, 11, 13]
    ds = Dataset.from_generator(lambda: (np.full((n, 3), n, "float32") for n in sizes)).map(lambda x: hb.ops.sum(x, 0))
    assert values(ds) == [[float(n * n)] * 3 for n in sizes]
    assert compiled(ds) and len(ds._node.function._programs) == 2
    made = []

    def sized(x):
        made.append(x.shape)
        return hb.ops.reshape(x, (x.shape[0] * 3,))

    ds = Dataset.from_generator(lambda: (np.full((n, 3), n, "float32") for n in sizes)).map(sized)
    assert [len(v) for v in values(ds)] == [3 * n for n in sizes] and compiled(ds)


def test_batches_share_a_program_whichever_comes_first():
    layer = hb.layers.Dense(3)  # built by its first call
    for skipped in (0, 2):
        ds = Dataset.from_tensor_slices(np.ones((7, 2), "float32")).batch(3).skip(skipped).map(lambda x: layer(x))
        got = values(ds)
        assert [len(v) for v in got] == [3, 3, 1][skipped:] and compiled(ds)
        assert len(ds._node.function._programs) == 1
    ds = Dataset.from_tensor_slices((np.ones((7, 2), "float32"), np.zeros(7))).batch(3).map(lambda x, y: x[..., 0] + y)
    assert [len(v) for v in values(ds)] == [3, 3, 1] and compiled(ds)


def test_images_of_many_sizes_become_one_batch():
    sizes = [(4, 6), (8, 2), (4, 4)]
    files = Dataset.from_tensor_slices(np.arange(3))
    ds = files.map(lambda i: np.full((*sizes[int(i)], 1), int(i), "float32")).map(lambda x: hb.ops.mean(x, (0, 1)))
    assert values(ds.batch(3)) == [[[0.0], [1.0], [2.0]]]


def test_strings_go_to_python():
    ds = Dataset.from_tensor_slices((["a", "bb"], [1, 2])).map(lambda s, n: (s * int(n), len(s)))
    assert list(ds.as_numpy_iterator()) == [("a", 1), ("bbbb", 2)]


def test_narrow_and_odd_dtypes():
    for dtype in ("uint8", "int8", "uint16", "int64", "float16", "float64", "bool"):
        x = np.arange(6).astype(dtype)
        got = list(Dataset.from_tensor_slices(x).as_numpy_iterator())
        assert [g.dtype for g in got] == [x.dtype] * 6
        assert np.array_equal(np.array(values(Dataset.from_tensor_slices(x).map(lambda v: v))), x)


# ---- draws ----
def test_draws_are_functions_of_pass_element_and_draw():
    g = hb.random.SeedGenerator(3)

    def two(x):
        return hb.random.uniform((2,), seed=g), hb.random.normal((), seed=g)

    def called(x):
        float(np.asarray(x))
        return two(x)

    before = g.state.numpy().tolist()
    ds, other = Dataset.range(50).map(two), Dataset.range(50).map(called)
    one, again = ([[np.asarray(p).tolist() for p in x] for x in ds.as_numpy_iterator()] for _ in range(2))
    assert compiled(ds) and g.state.numpy().tolist() == before
    assert [[np.asarray(p).tolist() for p in x] for x in other.as_numpy_iterator()] == one and not compiled(other)
    numbers = [n for x in (*one, *again) for n in x[0]]
    assert len(set(numbers)) == len(numbers) == 200
    assert abs(np.mean(numbers) - 0.5) < 0.08
    batches = list(Dataset.range(50).map(two).batch(8).as_numpy_iterator())
    assert np.concatenate([b[0] for b in batches]).tolist() == [x[0] for x in one]


def test_draws_in_branches_and_loops():
    g = hb.random.SeedGenerator(3)
    branch = Dataset.range(6).map(
        lambda i: hb.ops.cond(i > 2, lambda: hb.random.uniform((), seed=g), lambda: 0.0 * hb.random.uniform((), seed=g))
    )
    got = values(branch)
    assert compiled(branch) and got[:3] == [0.0] * 3 and len(set(got[3:])) == 3
    loop = Dataset.range(3).map(
        lambda i: hb.ops.fori_loop(
            0,
            4,
            lambda k, total: hb.ops.concatenate([total[1:], hb.random.uniform((1,), seed=g)]),
            np.zeros(4, "float32"),
        )
    )
    numbers = np.array(values(loop)).ravel()
    assert len(set(numbers)) == 12  # each turn draws anew: it is called, for a program's body has one seed


def test_building_layers_inside_draws_from_elsewhere():
    dense = hb.layers.Dense(4, kernel_initializer=hb.initializers.RandomNormal(seed=3))
    expected = hb.layers.Dense(4, kernel_initializer=hb.initializers.RandomNormal(seed=3))
    expected.build((None, 2))
    list(Dataset.from_tensor_slices(ONES).map(lambda x: dense(x[None])))
    assert np.array_equal(dense.kernel.numpy(), expected.kernel.numpy())


# ---- errors ----
def bad(x):
    if x == 3:
        raise KeyError("three")
    return np.asarray(x)


@pytest.mark.parametrize("workers", [None, 1, 3])
@pytest.mark.parametrize(
    "make", [Dataset.range, lambda n: Dataset.from_generator(lambda: range(n))], ids=["indexed", "stream"]
)
@pytest.mark.parametrize(
    "after", [lambda d: d, lambda d: d.batch(2), lambda d: d.prefetch(2), lambda d: d.batch(1).prefetch(1)]
)
def test_exceptions_say_where(workers, make, after):
    it = after(make(6).map(bad, workers)).as_numpy_iterator()
    next(it)
    with pytest.raises(KeyError, match="three") as e:
        list(it)
    assert any(f.name == "bad" for f in e.traceback)
    if sys.version_info >= (3, 11):
        assert e.value.__notes__ == ["in `map(bad)`, of element 3"]
    assert list(it) == []
    del e
    assert no_threads()


def no_threads():
    """Whether none of data sets' threads is left, soon."""
    gc.collect()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if not [t for t in threading.enumerate() if t.name.startswith("hornbeam-")]:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(
    "make",
    [
        lambda: Dataset.range(10**9).map(np.abs, 3).batch(2),
        lambda: Dataset.range(10**9).prefetch(3),
        lambda: Dataset.range(10**9).filter(lambda x: x % 2 == 0).map(np.abs, 2).prefetch(2),
        lambda: Dataset.range(9).interleave(lambda i: Dataset.range(10**9), num_parallel_calls=2),
        lambda: Dataset.zip(
            Dataset.range(10**6).map(np.abs, 2), Dataset.range(10**6).prefetch(1).filter(lambda x: True).prefetch(1)
        ),
    ],
)
def test_no_thread_outlives_its_iterator(make):
    ds = make()
    it = iter(ds)
    next(it)
    assert [t for t in threading.enumerate() if t.name.startswith("hornbeam-")]
    gone = weakref.ref(it)
    del it
    assert no_threads() and gone() is None
    it = iter(ds)
    next(it)
    it.close()
    assert no_threads() and list(it) == []


def test_generators_are_closed():
    closed = []

    def numbers():
        try:
            yield from range(10**9)
        finally:
            closed.append(threading.current_thread().name)

    for ds in (
        Dataset.from_generator(numbers),
        Dataset.from_generator(numbers).map(np.abs, 2),
        Dataset.from_generator(numbers).prefetch(2),
        Dataset.from_generator(numbers).shuffle(3).batch(2).take(1),
        Dataset.zip(Dataset.from_generator(numbers), Dataset.range(3)),
        Dataset.from_generator(numbers).repeat(),
        Dataset.from_generator(numbers).cache(),
        Dataset.range(2).interleave(lambda i: Dataset.from_generator(numbers)),
    ):
        closed.clear()
        it = iter(ds)
        next(it)
        del it
        assert no_threads() and closed


@pytest.mark.parametrize("ahead,workers", [(0, None), (3, None), (0, 2), (2, 3)])
def test_no_more_is_read_ahead_than_was_said(ahead, workers):
    read = []

    def numbers():
        for i in range(1000):
            read.append(i)
            yield i

    def seen(x):
        read.append(int(x))
        return np.asarray(x)

    for ds in (
        Dataset.from_generator(numbers).prefetch(ahead),
        Dataset.range(1000).map(seen, workers).prefetch(ahead),
    ):
        read.clear()
        it = iter(ds)
        next(it)
        time.sleep(0.15)
        assert len(read) <= 1 + ahead + (workers or 1) + 2  # tracing tries an element twice
        it.close()


def test_elements_are_made_while_others_are_taken():
    """Three threads meet: each waits for the others inside the function."""
    barrier = threading.Barrier(3, timeout=20)

    def meet(x):
        barrier.wait()
        return np.asarray(x)

    for make in (Dataset.range, lambda n: Dataset.from_generator(lambda: range(n))):
        ds = make(9).map(float).map(lambda x: meet(x) if x >= 0 else x, 3)
        assert values(ds) == list(range(9))


# ---- processes ----
def slow_square(x):
    return np.asarray(x) ** 2 + 0 * os.getpid()


def pid(x):
    return np.int64(os.getpid() + 0 * int(x))


def raises(x):
    if x == 2:
        raise ValueError("two")
    return np.asarray(x)


def dies(x):
    if x == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return np.asarray(x)


def draws(x):
    return np.asarray(hb.random.uniform((2,), seed=1)) + np.asarray(hb.random.normal((2,)))


def test_processes():
    assert values(Dataset.range(5).map(slow_square, processes=2)) == [0, 1, 4, 9, 16]
    pids = values(Dataset.range(4).map(pid, processes=1))
    assert os.getpid() not in pids and len(set(pids)) == 1
    with pytest.raises(ValueError, match="two") as e:
        values(Dataset.range(5).map(raises, processes=1))
    assert "raises" in str(e.value.__cause__)  # the traceback over there
    with pytest.raises(TypeError, match="pickle takes"):
        values(Dataset.range(5).map(lambda x: x, processes=1))


def test_a_process_that_dies_is_an_error():
    with pytest.raises(RuntimeError, match="a process that maps elements died"):
        values(Dataset.range(5).map(dies, processes=2).batch(2))
    assert no_threads()


# ---- programs of their own ----
def run(code, **options):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells have jobs behind them ignore it
        **options,
    )


@pytest.mark.parametrize(
    "how", ["map(work, 2)", "map(work, 2).prefetch(2)", "map(work).filter(lambda x: True).prefetch(1)", "map(work)"]
)
def test_ctrl_c_ends_a_pass_within_a_second(how):
    child = run(
        f"""
        import time, numpy as np, hornbeam as hb
        def work(x):
            print("at work", flush=True)
            time.sleep(float(x) * 0 + 0.3)
            return np.asarray(x)
        for x in hb.data.Dataset.range(10**6).{how}:
            pass
        """
    )
    assert child.stdout.readline() == "at work\n"
    time.sleep(0.5)
    begun = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert "KeyboardInterrupt" in said and child.returncode != 0
    assert time.monotonic() - begun < 30  # a second on an idle machine; not minutes on any


def test_a_million_samples_in_flat_memory():
    child = run(
        """
        import resource, numpy as np, hornbeam as hb
        def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        def make(n):
            numbers = lambda: (np.full(64, i % 7, "float32") for i in range(n))
            return hb.data.Dataset.from_generator(numbers).shuffle(1000, seed=1).batch(500).map(lambda x: x * 2, 2).prefetch(2)
        total = sum(float(b.sum()) for b in make(20000).as_numpy_iterator())
        before = peak()
        total = sum(float(b[:, 0].sum()) for b in make(1000000).as_numpy_iterator())
        ds = hb.data.Dataset.range(1000000).map(lambda x: x + 1).shuffle(seed=1).batch(1000)
        assert total == 2.0 * sum(i % 7 for i in range(1000000)), total
        assert sum(int(b.sum()) for b in ds.as_numpy_iterator()) == 1000000 * 1000001 // 2
        print(peak() - before)
        """
    )
    out, said = child.communicate(timeout=600)
    assert child.returncode == 0, said
    assert float(out) < 40  # MiB; the samples have 244


PROCESSES = """
import sys, time, numpy as np
def work(x):
    if x == 1:
        import os, signal
        {act}
    return np.asarray(x)
if __name__ == "__main__":
    import hornbeam as hb
    items = iter(hb.data.Dataset.range(9).map(work, processes=2))
    next(items)
    print("begun", flush=True)
    {then}
"""


@pytest.mark.parametrize("act", ["time.sleep(900)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_program_exits_whatever_its_processes_are_about(act, tmp_path):
    (tmp_path / "main.py").write_text(PROCESSES.format(act=act, then="time.sleep(2)"))
    child = subprocess.Popen([sys.executable, str(tmp_path / "main.py")], stdout=subprocess.PIPE, text=True)
    try:
        assert child.communicate(timeout=120)[0] == "begun\n" and child.returncode == 0
    finally:
        child.kill()


def children_of(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):  # a child is that of the thread that began it
        with open(f"/proc/{pid}/task/{task}/children") as f:
            found += f.read().split()
    return found


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="looks into /proc")
def test_processes_end_with_a_program_that_is_killed(tmp_path):
    (tmp_path / "main.py").write_text(PROCESSES.format(act="time.sleep(900)", then="next(items)"))
    child = subprocess.Popen([sys.executable, str(tmp_path / "main.py")], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "begun\n"
    inner = children_of(child.pid)
    assert len(inner) >= 2
    child.kill()
    child.communicate()
    until = time.monotonic() + 60
    while any(os.path.exists(f"/proc/{p}") for p in inner) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [p for p in inner if os.path.exists(f"/proc/{p}")]


# ---- iterators and threads ----
def test_threads_share_an_iterator():
    items, got, failed = iter(Dataset.range(300).map(lambda x: np.asarray(x), 2)), [], []

    def read():
        try:
            got.extend(int(x) for x in items)
        except BaseException as e:  # noqa: BLE001
            failed.append(e)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(got) == list(range(300)) and not failed


def test_an_iterator_is_closed_from_another_thread():
    waits = threading.Event()

    def give():
        yield 0
        waits.set()
        time.sleep(0.3)
        yield 1
        yield 2

    ds = Dataset.from_generator(give)
    items = iter(ds)

    def close():
        waits.wait()
        items.close()

    thread = threading.Thread(target=close)
    thread.start()
    assert [int(x) for x in items] in ([0, 1], [0])
    thread.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_pass_does_not_go_on_in_a_fork():
    """Its threads are not there: an error, and not a hang. A new pass is as good as any."""
    ds = Dataset.range(9).map(lambda x: np.asarray(x), 2)
    items = iter(ds)
    next(items)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            next(items)
            said = "it went on"
        except RuntimeError as e:
            said = f"{e}, {[int(x) for x in ds]}"
        finally:
            os.write(write, said.encode())
            os._exit(0)
    os.close(write)
    with open(read) as f:
        said = f.read()
    os.waitpid(child, 0)
    assert "begun before a fork" in said and said.endswith(str(list(range(9))))
    assert [int(x) for x in items] == list(range(1, 9))


def test_keys_differ():
    from hornbeam.data.pipeline.node import key_of

    keys = [(5,), (5, 0), (5, 0, 0), (5, 7, 3), (5 + (7 << 32), 3), (0, 5), (-5,), (5, 1 << 32), (5, 0, 1)]
    assert len({key_of(*k) for k in keys}) == len(keys)


def test_a_pass_that_was_closed_or_failed_stays_where_it_was():
    ds = Dataset.range(5)
    items = iter(ds)
    next(items)
    items.close()
    assert list(items) == []
    assert (ds.state()["epoch"], ds.state()["element"]) == (0, 1)
    ds = Dataset.range(5).map(raises)
    items = iter(ds)
    with pytest.raises(ValueError, match="two"):
        list(items)
    assert list(items) == []
    assert (ds.state()["epoch"], ds.state()["element"]) == (0, 2)
