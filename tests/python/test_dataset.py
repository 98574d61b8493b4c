"""Each transformation of data sets beside a plain Python model of it; the same elements for any number of threads, and from
any position on."""

import itertools
import json
import math

import numpy as np
import pytest

import hornbeam as hb
from hornbeam.data import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Dataset, TensorSpec


def plain(x):
    """An element as Python's numbers and lists."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, tuple):
        return tuple(plain(i) for i in x)
    return x.tolist() if isinstance(x, (np.ndarray, np.generic)) else x


def elements(ds):
    return [plain(x) for x in ds.as_numpy_iterator()]


def stream(numbers):
    """The same numbers as a data set that is not indexed."""
    return Dataset.from_generator(lambda: (np.int64(i) for i in numbers))


def groups(items, n, whole):
    out = [items[i : i + n] for i in range(0, len(items), n)]
    return [g for g in out if len(g) == n or not whole]


# What a random pipeline is made of: (changes the data set, changes the list, takes scalars, gives scalars).
STEPS = {
    "map": lambda k: (lambda d: d.map(lambda x: x * 3 + k), lambda items: [x * 3 + k for x in items]),
    "python": lambda k: (
        lambda d: d.map(lambda x: np.negative(x), num_parallel_calls=k % 4),
        lambda items: [-x for x in items],
    ),
    "filter": lambda k: (
        lambda d: d.filter(lambda x: x % (k + 2) != 0),
        lambda items: [x for x in items if x % (k + 2) != 0],
    ),
    "take": lambda k: (lambda d: d.take(3 * k), lambda items: items[: 3 * k]),
    "skip": lambda k: (lambda d: d.skip(k), lambda items: items[k:]),
    "shard": lambda k: (lambda d: d.shard(k + 1, k // 2), lambda items: items[k // 2 :: k + 1]),
    "repeat": lambda k: (lambda d: d.repeat(k % 3 + 1), lambda items: items * (k % 3 + 1)),
    "concatenate": lambda k: (lambda d: d.concatenate(Dataset.range(k)), lambda items: items + list(range(k))),
    "before": lambda k: (lambda d: stream(range(k)).concatenate(d), lambda items: list(range(k)) + items),
    "batch and unbatch": lambda k: (
        lambda d: d.batch(k + 1, drop_remainder=k % 2 == 0).unbatch(),
        lambda items: [x for g in groups(items, k + 1, k % 2 == 0) for x in g],
    ),
    "rebatch": lambda k: (
        lambda d: d.batch(k + 1).rebatch(3, drop_remainder=k % 2 == 0).unbatch(),
        lambda items: [x for g in groups(items, 3, k % 2 == 0) for x in g],
    ),
    "cache": lambda k: (lambda d: d.cache(), lambda items: items),
    "prefetch": lambda k: (lambda d: d.prefetch(k), lambda items: items),
    "enumerate": lambda k: (
        lambda d: d.enumerate(k).map(lambda i, x: i * 2 + x),
        lambda items: [2 * i + x for i, x in enumerate(items, k)],
    ),
    "zip": lambda k: (
        lambda d: Dataset.zip(d, Dataset.range(40 + k)).map(lambda x, y: x + y),
        lambda items: [x + y for x, y in zip(items, range(40 + k))],
    ),
    "flat_map": lambda k: (
        lambda d: d.flat_map(lambda x: Dataset.from_tensor_slices([x, x + 1][: k % 3])),
        lambda items: [y for x in items for y in [x, x + 1][: k % 3]],
    ),
    "window": lambda k: (
        lambda d: (
            d.window(k + 1, shift=2, stride=2, drop_remainder=k % 2 == 0).flat_map(lambda w: w.batch(9)).unbatch()
        ),
        lambda items: [x for w in windows(items, k + 1, 2, 2, k % 2 == 0) for x in w],
    ),
}


def windows(items, size, shift, stride, whole):
    out = [items[i::stride][:size] for i in range(0, len(items), shift)]
    return [w for w in out if len(w) == size or not whole]


@pytest.mark.parametrize("seed", range(60))
def test_random_pipelines(seed):
    choose = np.random.default_rng(seed)
    n = int(choose.integers(0, 25))
    ds, expected = (Dataset.range(n) if seed % 3 else stream(range(n))), list(range(n))
    names = []
    for _ in range(int(choose.integers(1, 6))):
        name, k = str(choose.choice(list(STEPS))), int(choose.integers(0, 6))
        change, model = STEPS[name](k)
        ds, expected = change(ds), model(expected)
        names.append((name, k))
        if len(expected) > 400:
            break
    assert elements(ds) == expected, names
    assert elements(ds) == expected, names  # once more
    assert ds.cardinality() in (len(expected), UNKNOWN_CARDINALITY), names
    for at in {0, 1, len(expected) // 2, len(expected)}:
        items = ds._node.read(_pass(), at)
        assert [plain(x) for x in items] == expected[at:], (names, at)


def _pass():
    from hornbeam.data.pipeline.node import Pass

    return Pass((0,))


# ---- single transformations ----
def test_structures_and_dtypes():
    x = {
        "a": np.arange(6, dtype="uint16").reshape(3, 2),
        "b": (np.array([1.5, 2.5, np.nan], "float64"), ["x", "y", "zz"]),
    }
    ds = Dataset.from_tensor_slices(x)
    assert len(ds) == 3
    assert ds.element_spec == {
        "a": TensorSpec((2,), "uint16"),
        "b": (TensorSpec((), "float64"), TensorSpec((), "string")),
    }
    first, *_, last = ds.as_numpy_iterator()
    assert plain(first) == {"a": [0, 1], "b": (1.5, "x")} and np.isnan(last["b"][0])
    batch = next(iter(ds.batch(2)))
    assert isinstance(batch["a"], hb.Tensor) and batch["a"].dtype == "uint16" and batch["a"].shape == (2, 2)
    assert batch["b"][1].dtype == "string" and batch["b"][1].numpy().tolist() == ["x", "y"]
    assert elements(Dataset.from_tensors(([1, 2], "t"))) == [([1, 2], "t")]
    assert elements(Dataset.from_tensor_slices([[1, 2], [3, 4]])) == [[1, 2], [3, 4]]


def test_arrays_are_not_copied_and_not_written_to():
    x = np.zeros((4, 2), "float32")
    batch = next(Dataset.from_tensor_slices(x).batch(3).as_numpy_iterator())
    assert np.shares_memory(batch, x) and not batch.flags.writeable

    def spoil(a):
        if isinstance(a, np.ndarray):
            a += 1
        return np.asarray(a)

    assert elements(Dataset.from_tensor_slices(x).map(spoil)) == [[1, 1]] * 4
    assert not x.any()


@pytest.mark.parametrize(
    "x,what",
    [
        (3, "axis of samples"),
        ((np.zeros(2), np.zeros(3)), "same number of samples"),
        ([[1], [2, 3]], "same shape"),
        ({}, "axis of samples"),
        (np.zeros(2, complex), "real numbers"),
        ((None, [1]), "axis of samples"),
    ],
)
def test_what_is_no_arrays(x, what):
    with pytest.raises((ValueError, TypeError), match=what):
        Dataset.from_tensor_slices(x)


def test_cardinalities():
    ds = Dataset.range(10)
    assert ds.batch(4).cardinality() == 3 and ds.batch(4, drop_remainder=True).cardinality() == 2
    assert ds.repeat().cardinality() == INFINITE_CARDINALITY == ds.repeat().batch(3).cardinality()
    assert ds.repeat().take(25).cardinality() == 25 and len(ds.repeat(3).skip(5)) == 25
    assert ds.filter(lambda x: x > 3).cardinality() == UNKNOWN_CARDINALITY
    assert ds.filter(lambda x: x > 3).take(0).cardinality() == 0
    assert Dataset.zip(ds.repeat(), ds.take(3)).cardinality() == 3
    assert ds.repeat(0).cardinality() == 0 and bool(ds.take(0))
    assert ds.repeat().concatenate(ds).cardinality() == INFINITE_CARDINALITY
    assert len(ds.window(3)) == 4 and len(ds.window(3, drop_remainder=True)) == 3
    assert len(ds.padded_batch(3)) == 4
    with pytest.raises(TypeError, match="unknown"):
        len(ds.filter(lambda x: x > 3))
    with pytest.raises(TypeError, match="infinite"):
        len(ds.repeat())


def test_element_specs():
    ds = Dataset.from_tensor_slices((np.zeros((5, 2, 3), "float32"), np.zeros(5, "int32")))
    batches = ds.shuffle(5).repeat().batch(2).prefetch(1)
    assert batches.element_spec == (TensorSpec((None, 2, 3), "float32"), TensorSpec((None,), "int32"))
    assert ds.batch(2, drop_remainder=True).element_spec[1] == TensorSpec((2,), "int32")
    assert ds.map(lambda x, y: {"s": hb.ops.sum(x)}).element_spec == {"s": TensorSpec((), "float32")}
    assert ds.batch(2).map(lambda x, y: x[:, 0]).element_spec == TensorSpec((None, 3), "float32")
    assert ds.batch(2).unbatch().element_spec == ds.element_spec
    assert ds.batch(2).rebatch(3).element_spec == batches.element_spec
    assert ds.enumerate().element_spec == (TensorSpec((), "int64"), ds.element_spec)
    signature = TensorSpec((None,), "float32")
    assert Dataset.from_generator(lambda: iter(()), output_signature=signature).element_spec == signature
    with pytest.raises(ValueError, match="no element"):
        _ = Dataset.from_generator(lambda: iter(())).element_spec


def test_interleave_takes_turns():
    """The order that tf.data's documentation shows, and one with inputs of different lengths, recorded from it."""
    ds = Dataset.range(1, 6).interleave(lambda x: Dataset.from_tensors(x).repeat(6), cycle_length=2, block_length=4)
    expected = [1] * 4 + [2] * 4 + [1] * 2 + [2] * 2 + [3] * 4 + [4] * 4 + [3] * 2 + [4] * 2 + [5] * 6
    assert elements(ds) == expected
    for parallel in (None, 2):
        ds = Dataset.range(1, 6).interleave(
            lambda x: Dataset.range(10 * x, 10 * x + x), cycle_length=3, num_parallel_calls=parallel
        )
        assert elements(ds) == INTERLEAVED
    with pytest.raises(TypeError, match="must give a Dataset"):
        elements(Dataset.range(2).interleave(lambda x: [x]))


INTERLEAVED = [10, 20, 30, 21, 31, 40, 32, 41, 50, 42, 51, 43, 52, 53, 54]


def test_padded_batches():
    ds = Dataset.from_generator(lambda: (([i] * i, "s" * i) for i in (1, 3, 0, 2)))
    assert elements(ds.padded_batch(3, padding_values=(-1, "-"))) == [
        ([[1, -1, -1], [3, 3, 3], [-1, -1, -1]], ["s", "sss", ""]),
        ([[2, 2]], ["ss"]),
    ]
    shapes = ([4], [])
    assert elements(ds.padded_batch(2, shapes, drop_remainder=True)) == [
        ([[1, 0, 0, 0], [3, 3, 3, 0]], ["s", "sss"]),
        ([[0, 0, 0, 0], [2, 2, 0, 0]], ["", "ss"]),
    ]
    with pytest.raises(ValueError, match="larger than"):
        elements(ds.padded_batch(2, ([2], [])))
    with pytest.raises(ValueError, match="structured"):
        elements(ds.padded_batch(2, [4]))


@pytest.mark.parametrize("to_boundary", [False, True])
def test_buckets(to_boundary):
    lengths = [1, 4, 2, 5, 3, 1, 2, 2]
    ds = Dataset.from_generator(lambda: ([n] * n for n in lengths)).bucket_by_length(
        lambda x: np.size(x), [3, 6], [2, 3, 1], pad_to_bucket_boundary=to_boundary
    )
    short, long = (2, 5)
    pad = lambda rows, n: [[r] * r + [0] * (n - r) for r in rows]  # noqa: E731
    expected = [pad([1, 2], short), pad([4, 5, 3], long), pad([1, 2], short), pad([2], short)]
    assert elements(ds) == expected
    with pytest.raises(ValueError, match="one more"):
        Dataset.range(3).bucket_by_sequence_length(lambda x: x, [3], [2])
    with pytest.raises(ValueError, match="shorter than the last"):
        elements(
            Dataset.range(9).bucket_by_sequence_length(
                lambda x: x, [3], [2, 2], pad_to_bucket_boundary=True, padded_shapes=[]
            )
        )


def test_sampling():
    many = [Dataset.range(1000 * i, 1000 * i + 600) for i in range(3)]
    ds = Dataset.sample_from_datasets(many, [0.5, 0.3, 0.2], seed=3)
    got = elements(ds)
    assert sorted(got) == [x for d in many for x in elements(d)] and len(ds) == 1800
    for i in range(3):
        assert [x for x in got if x // 1000 == i] == elements(many[i])
    assert 440 < sum(x < 1000 for x in got[:1000]) < 560
    assert elements(ds) != got  # another pass draws anew
    assert elements(Dataset.sample_from_datasets(many, [0.5, 0.3, 0.2], seed=3)) == got
    stopped = elements(Dataset.sample_from_datasets(many, [1, 0, 0], stop_on_empty_dataset=True))
    assert stopped == elements(many[0])
    with pytest.raises(ValueError, match="one weight"):
        Dataset.sample_from_datasets(many, [1.0])


def test_windows_of_pairs_are_pairs_of_data_sets():
    ds = Dataset.from_tensor_slices((np.arange(5), np.arange(5) * 10)).window(2)
    got = [(elements(a), elements(b)) for a, b in ds]
    assert got == [([0, 1], [0, 10]), ([2, 3], [20, 30]), ([4], [40])]
    zipped = ds.flat_map(lambda a, b: Dataset.zip(a.batch(2), b.batch(2)))
    assert elements(zipped) == [([0, 1], [0, 10]), ([2, 3], [20, 30]), ([4], [40])]


def test_reduce_and_apply():
    ds = Dataset.range(1, 5)
    assert int(ds.reduce(np.int64(1), lambda a, x: a * x)) == 24
    assert elements(ds.apply(lambda d: d.take(2))) == [1, 2]


def test_generators_are_held_to_a_signature():
    make = lambda: iter([([1, 2], "a"), ([3], "b")])  # noqa: E731
    signature = (TensorSpec((None,), "float32"), TensorSpec((), str))
    assert elements(Dataset.from_generator(make, output_signature=signature)) == [([1.0, 2.0], "a"), ([3.0], "b")]
    assert elements(Dataset.from_generator(make, output_types=("int64", "string"), output_shapes=([None], [])))[0][
        0
    ] == [1, 2]
    assert elements(Dataset.from_generator(lambda n: range(n), args=(3,))) == [0, 1, 2]
    assert len(Dataset.from_generator([4, 5])) == 2
    with pytest.raises(ValueError, match="element 1 must be"):
        elements(Dataset.from_generator(make, output_signature=(TensorSpec((2,)), TensorSpec((), str))))
    with pytest.raises(TypeError, match="structured"):
        elements(Dataset.from_generator(make, output_signature=TensorSpec((2,))))
    with pytest.raises(TypeError, match="function that gives an iterator"):
        Dataset.from_generator(make())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda d: d.batch(0),
        lambda d: d.batch(2.5),
        lambda d: d.shuffle(0),
        lambda d: d.shuffle(3, seed="a"),
        lambda d: d.take(-2),
        lambda d: d.repeat(1.5),
        lambda d: d.shard(2, 2),
        lambda d: d.map(3),
        lambda d: d.map(abs, num_parallel_calls=-2),
        lambda d: d.concatenate([1]),
        lambda d: Dataset.zip(d, [1]),
        lambda d: Dataset.zip(),
        lambda d: d.interleave(abs, cycle_length=0),
        lambda d: d.window(0),
        lambda d: d.prefetch(-3),
        lambda d: Dataset.range(),
        lambda d: Dataset.range(1.5),
        lambda d: Dataset.from_generator(range, output_shapes=[]),
    ],
)
def test_wrong_arguments(wrong):
    with pytest.raises((TypeError, ValueError)):
        wrong(Dataset.range(3))


def test_batches_that_do_not_fit():
    ds = Dataset.from_generator(lambda: iter([[1, 2], [3]]))
    with pytest.raises(ValueError, match="padded_batch"):
        elements(ds.batch(2))
    with pytest.raises(ValueError, match="same structure"):
        elements(Dataset.from_generator(lambda: iter([(1, 2), 3])).batch(2))
    with pytest.raises(ValueError, match="first axis"):
        elements(Dataset.range(3).unbatch())


# ---- order ----
@pytest.mark.parametrize("make", [Dataset.range, lambda n: stream(range(n))], ids=["indexed", "stream"])
def test_shuffles(make):
    ds = make(50).shuffle(20, seed=7)
    one, two = elements(ds), elements(ds)
    assert sorted(one) == sorted(two) == list(range(50)) and one != two != list(range(50))
    again = make(50).shuffle(20, seed=7)
    assert [elements(again), elements(again)] == [one, two]
    kept = make(50).shuffle(20, seed=7, reshuffle_each_iteration=False)
    assert elements(kept) == elements(kept)
    assert elements(make(50).shuffle(1)) == list(range(50))
    repeated = elements(make(50).shuffle(20, seed=7).repeat(2))
    assert sorted(repeated[:50]) == list(range(50)) and repeated[:50] != repeated[50:]


def test_a_buffer_holds_no_more_than_it_says():
    """Element number i comes at place i - size + 1 at the earliest."""
    got = elements(stream(range(200)).shuffle(10, seed=1))
    assert all(place > x - 10 for place, x in enumerate(got)) and got != sorted(got)


def test_seeds_come_from_the_global_one():
    hb.utils.set_random_seed(3)
    a = elements(Dataset.range(30).shuffle())
    b = elements(Dataset.range(30).shuffle())
    hb.utils.set_random_seed(3)
    assert elements(Dataset.range(30).shuffle()) == a != b


def test_a_shuffle_is_even():
    """Each number at each place equally often: chi-square, 24 degrees of freedom, far below 1 in 10^6."""
    counts = np.zeros((5, 5))
    ds = Dataset.range(5).shuffle(seed=11)
    for _ in range(2000):
        for place, x in enumerate(elements(ds)):
            counts[place, x] += 1
    assert np.square(counts - 400).sum() / 400 < 80


def pipelines():
    """Pipelines with all that is drawn: shuffles, random layers, samples."""
    noise = hb.layers.GaussianNoise(1.0, seed=5)
    x = np.arange(60, dtype="float32").reshape(20, 3)
    pairs = Dataset.from_tensor_slices((x, np.arange(20)))

    def noisy(a, b):
        return noise(a, training=True), b

    def numpy_noise(a, b):
        return np.asarray(a) + np.asarray(hb.random.uniform((3,), seed=noise.seed_generator)), b

    for workers in (None, 1, 3):
        yield "indexed", pairs.shuffle(seed=2).map(noisy, workers).batch(3)
        yield "op by op", pairs.shuffle(seed=2).map(numpy_noise, workers).batch(3)
        yield "repeated", pairs.shuffle(seed=2).repeat(2).batch(6).map(noisy, workers).prefetch(2)
        yield "stream", pairs.filter(lambda a, b: b % 3 != 0).shuffle(5, seed=2).map(noisy, workers).batch(2)
        yield (
            "sampled",
            Dataset.sample_from_datasets([pairs.map(noisy, workers), pairs.shuffle(seed=1)], seed=4)
            .batch(4)
            .prefetch(1),
        )
        yield (
            "interleaved",
            Dataset.range(4).interleave(
                lambda i: pairs.map(noisy).shard(4, int(i)).shuffle(3, seed=9), num_parallel_calls=workers
            ),
        )


def bits(x):
    return json.dumps(plain(x))


def test_the_same_bits_for_any_number_of_threads():
    seen = {}
    for name, ds in pipelines():
        passes = [[bits(x) for x in ds.as_numpy_iterator()] for _ in range(2)]
        assert passes[0] != passes[1]
        assert seen.setdefault(name, passes) == passes, name


def test_positions_resume_with_the_same_bits():
    made = dict(pipelines())
    for name, ds in made.items():
        full = [[bits(x) for x in ds.as_numpy_iterator()] for _ in range(2)]
        n = len(full[1])
        for at in (0, 1, n // 2, n - 1, n):
            first = dict(pipelines())[name]
            list(first.as_numpy_iterator())
            state = first.state()
            it = first.as_numpy_iterator()
            for _ in range(at):
                next(it)
            state = json.loads(json.dumps(first.state()))
            if at in (0, n):
                list(it)
            del it
            again = dict(pipelines())[name]
            again.restore(state)
            assert again.state() == state
            rest = [bits(x) for x in again.as_numpy_iterator()]
            if at < n:
                assert rest == full[1][at:], (name, at)
            assert first.state()["epoch"] == (2 if at in (0, n) else 1)


def test_seeds_that_were_drawn_are_part_of_a_position():
    def make():
        drop = hb.layers.Dropout(0.5)
        return Dataset.from_tensor_slices(np.ones((9, 8), "float32")).shuffle().map(lambda x: drop(x, training=True))

    first = make()
    it = first.as_numpy_iterator()
    next(it)
    state = first.state()
    rest = [bits(x) for x in it]
    again, other = make(), make()
    again.restore(state)
    assert [bits(x) for x in again.as_numpy_iterator()] == rest
    assert [bits(x) for x in other.as_numpy_iterator()][1:] != rest


def test_what_is_no_state():
    ds = Dataset.range(5).shuffle(seed=1)
    good = ds.state()
    for bad in (
        None,
        {},
        {**good, "version": 2},
        {**good, "epoch": -1},
        {**good, "seeds": []},
        {**good, "element": "a"},
    ):
        with pytest.raises(ValueError, match="`state` must be"):
            ds.restore(bad)
    for seeds in ([[], []], [[1], [1]], [[], [1, 2]]):
        with pytest.raises(ValueError, match="`state` must be"):
            ds.restore({**good, "seeds": seeds})
    assert ds.state() == good


def test_a_position_far_ahead_costs_nothing():
    ds = Dataset.range(10**15).map(lambda x: x + 1).batch(1000)
    ds.restore({"version": 1, "epoch": 3, "element": 10**11, "seeds": [[], [], []]})
    assert next(ds.as_numpy_iterator())[0] == 10**14 + 1
    it = Dataset.range(10).repeat().skip(10**9).as_numpy_iterator()
    assert list(itertools.islice(it, 3)) == [0, 1, 2]
    assert math.isinf(Dataset.range(10).repeat()._node.length)
