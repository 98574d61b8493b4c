"""Other libraries' arrays, tables, data sets and loaders: the real ones where installed, else things that offer the same."""

import array

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers
from hornbeam.data import Dataset
from hornbeam.data.arrays import is_arrays, to_arrays

X = np.random.RandomState(0).normal(size=(10, 3)).astype("float32")
Y = np.random.RandomState(1).normal(size=(10, 2)).astype("float32")


def model(features=3, outputs=2):
    made = hb.Sequential([hb.Input((features,)), layers.Dense(outputs, kernel_initializer="ones")])
    made.compile("sgd", "mse")
    return made


def assert_same(found, wanted):
    assert found.dtype == wanted.dtype
    assert np.array_equal(found, wanted)


def assert_feeds(loader, batches=3, samples=10):
    """Trains, tests and predicts with batches of pairs, and comes to what the arrays give."""
    m = model()
    assert_same(m.predict(loader, verbose=0), m.predict(X, batch_size=4, verbose=0))
    assert m.evaluate(loader, verbose=0) == pytest.approx(m.evaluate(X, Y, batch_size=4, verbose=0), rel=1e-6)
    history = m.fit(loader, epochs=2, verbose=0, validation_data=loader).history
    twin = model()
    assert history["loss"] == pytest.approx(twin.fit(X, Y, 4, 2, 0, shuffle=False).history["loss"], rel=1e-5)
    assert int(m.optimizer.iterations) == 2 * batches


# ---- arrays ----
class Lent:
    """An array that only one protocol shows."""

    def __init__(self, values):
        self.lend = lambda: values


class ByDLPack(Lent):
    def __dlpack__(self, **kwargs):
        return self.lend().__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.lend().__dlpack_device__()


class ByInterface(Lent):
    @property
    def __array_interface__(self):
        return self.lend().__array_interface__


@pytest.mark.parametrize("lend", [ByDLPack, ByInterface, memoryview, lambda a: array.array("f", a[:, 0].tolist())])
def test_memory_is_shared_with_whatever_lends_it(lend):
    lent = lend(X)
    assert is_arrays(lent) and is_arrays({"a": lent})
    found = to_arrays("x", lent)
    assert found.dtype == "float32"
    if isinstance(lent, array.array):
        assert_same(found, X[:, 0])
        lent[0] = 7.0
        assert found[0] == 7.0
    else:
        assert np.shares_memory(found, X)
        m = model()
        assert_same(m.predict(lent, verbose=0), m.predict(X, verbose=0))
        assert_same(np.stack(list(Dataset.from_tensor_slices(lent).as_numpy_iterator())), X)


class Tensor:
    """PyTorch's, as far as it matters."""

    def __init__(self, values, dtype="torch.float32", grad=False):
        self.values, self.dtype, self.grad = values, dtype, grad

    def detach(self):
        return Tensor(self.values, self.dtype)

    def cpu(self):
        return self

    def float(self):
        return Tensor(self.values.astype("float32"))

    def __array__(self, dtype=None, copy=None):
        assert not self.grad and self.dtype != "torch.bfloat16"
        return self.values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, key):
        return Tensor(self.values[key], self.dtype, self.grad)


def test_tensors_that_numpy_would_not_take():
    assert np.shares_memory(to_arrays("x", Tensor(X, grad=True)), X)
    assert_same(to_arrays("x", Tensor(X, "torch.bfloat16")), X)


class Column:
    """Hugging Face's column."""

    column_name = "x"

    def __init__(self, values):
        self.values = values

    def __getitem__(self, key):
        return self.values[key]

    def __len__(self):
        return len(self.values)


@pytest.mark.parametrize("values", [X, X.tolist(), Tensor(X)])
def test_columns_that_are_read_when_sliced(values):
    column = Column(values)
    m = model()
    assert_same(m.predict(column, verbose=0), m.predict(X, verbose=0))
    m.fit(column, Column(Y), verbose=0)


# ---- tables ----
def tables(columns):
    pa, pl, pd = (pytest.importorskip(name) for name in ("pyarrow", "polars", "pandas"))
    arrow = pa.table(columns)
    return {
        "arrow": arrow,
        "record batch": pa.record_batch(columns),
        "chunked": pa.concat_tables([arrow.slice(0, 4), arrow.slice(4)]),
        "polars": pl.DataFrame(columns),
        "pandas": pd.DataFrame(columns),
    }


NAMES = ("arrow", "record batch", "chunked", "polars", "pandas")


@pytest.mark.parametrize("kind", NAMES)
def test_tables_are_numbers_by_column(kind):
    table = tables({name: X[:, i] for i, name in enumerate("abc")})[kind]
    targets = tables({name: Y[:, i] for i, name in enumerate("de")})[kind]
    assert_same(to_arrays("x", table), X)
    m, twin = model(), model()
    assert_same(m.predict(table, verbose=0), twin.predict(X, verbose=0))
    found = m.fit(table, targets, epochs=2, verbose=0, shuffle=False, validation_split=0.2).history
    assert found == twin.fit(X, Y, epochs=2, verbose=0, shuffle=False, validation_split=0.2).history


@pytest.mark.parametrize("kind", NAMES)
def test_columns_of_several_dtypes(kind):
    table = tables({"whole": np.arange(10), "half": np.arange(10) / 2, "even": np.arange(10) % 2 == 0})[kind]
    wanted = np.stack([np.arange(10), np.arange(10) / 2, np.arange(10) % 2 == 0], 1).astype("float32")
    assert_same(to_arrays("x", table), wanted)
    rows = list(Dataset.from_source(table).as_numpy_iterator())
    assert len(rows) == 10
    assert rows[3] == {"whole": 3, "half": 1.5, "even": False}
    assert rows[3]["even"].dtype == "bool" and rows[3]["whole"].dtype == "int64"


@pytest.mark.parametrize("kind", NAMES)
def test_one_column_shares_its_memory(kind):
    pa = pytest.importorskip("pyarrow")
    table = tables({"a": X[:, 0].copy()})[kind]
    column = table["a"]
    found = to_arrays("x", column)
    assert_same(found, X[:, :1])
    if kind != "chunked":
        assert np.shares_memory(found, np.asarray(column))
        assert np.shares_memory(to_arrays("x", table), np.asarray(column))
    assert_same(to_arrays("x", pa.array(X[:, 0])), X[:, :1])
    m = model(1)
    assert m.predict(column, verbose=0).shape == (10, 2)


def test_a_table_of_rows_in_memory_shares_it():
    table = pytest.importorskip("pandas").DataFrame(X.copy(), columns=list("abc"))
    wanted = table.to_numpy()
    assert np.shares_memory(to_arrays("x", table), wanted) == wanted.flags.c_contiguous


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("values", [["a", "b"], [1, None]])
def test_what_is_missing_or_no_number_is_named(kind, values):
    table = tables({"fine": [1, 2], "not so": values})[kind]
    if kind == "pandas" and values[1] is None:
        table = table.astype({"not so": "Int64"})
    for x in (table, table["not so"]):
        with pytest.raises(TypeError, match=r"`x` must be numeric.*(column|missing)"):
            to_arrays("x", x)
    with pytest.raises(TypeError, match="'not so'"):
        to_arrays("x", table)


@pytest.mark.parametrize("kind", NAMES)
def test_empty_tables(kind):
    assert to_arrays("x", tables({"a": np.zeros(0, "float32"), "b": np.zeros(0, "float32")})[kind]).shape == (0, 2)


# ---- loaders ----
class Loader:
    """As PyTorch's: lists, in an order of its own each time."""

    def __init__(self, samples=10, size=4, sized=True):
        self.samples, self.size, self.passes, self.sized = samples, size, 0, sized

    def __len__(self):
        if not self.sized:
            raise TypeError("object of type 'Stream' has no len()")
        return -(-self.samples // self.size)

    def __iter__(self):
        self.passes += 1
        for i in range(0, self.samples, self.size):
            yield [Tensor(X[i : i + self.size], grad=True), Tensor(Y[i : i + self.size])]


@pytest.mark.parametrize("sized", [True, False])
def test_a_loader_is_iterated_over_anew_each_epoch(sized):
    loader = Loader(sized=sized)
    assert_feeds(loader)
    assert loader.passes == 2 + 4


@pytest.mark.parametrize("sized", [True, False])
def test_a_loader_as_a_source(sized):
    loader = Loader(sized=sized)
    data = Dataset.from_source(loader)
    assert data.cardinality() == (3 if sized else hb.data.UNKNOWN_CARDINALITY)
    assert_feeds(data)
    rows = list(data.unbatch().as_numpy_iterator())
    assert len(rows) == 10
    assert_same(np.stack([x for x, _ in rows]), X)


class Samples:
    """A data set that is indexed, as PyTorch's and grain's: no ``__iter__``."""

    def __init__(self, give=lambda i: (X[i], Tensor(Y[i]))):
        self.give, self.asked = give, []

    def __len__(self):
        return 10

    def __getitem__(self, i):
        assert type(i) is int
        self.asked.append(i)
        return self.give(i)


class AskedForSeveral(Samples):
    def __getitems__(self, ids):
        return [self[i] for i in ids]


@pytest.mark.parametrize("cls", [Samples, AskedForSeveral])
def test_samples_by_number(cls):
    source = cls()
    assert_feeds(Dataset.from_source(source).batch(4))
    source.asked.clear()
    first = [x for x, _ in Dataset.from_source(source).shuffle(seed=3).as_numpy_iterator()]
    assert sorted(source.asked) == list(range(10)) and source.asked != list(range(10))
    assert_same(np.stack(first), X[source.asked])
    source.asked.clear()
    list(Dataset.from_source(source).skip(8))
    assert source.asked == [8, 9]


def test_samples_of_lists_and_dicts():
    source = Samples(lambda i: {"picture": X[i].tolist(), "parts": [X[i], "text"], "label": i})
    first = next(iter(Dataset.from_source(source).as_numpy_iterator()))
    assert_same(first["picture"], X[0])
    assert isinstance(first["parts"], tuple) and first["parts"][1] == "text"
    assert first["label"] == 0 and first["label"].dtype == "int32"


def test_samples_are_not_taken_for_batches():
    m = model()
    hugging_face = type("Dataset", (), {"features": {}, "with_format": None, "__iter__": lambda self: iter(())})()
    for source in (Samples(), hugging_face):
        for call in (m.fit, m.evaluate, m.predict):
            with pytest.raises(TypeError, match=r"gives samples.*from_source\(x\)\.batch"):
                call(source, verbose=0)


def test_what_is_no_source():
    for source, message in (((i for i in range(3)), "generator"), (3, "int"), ({"a": X}, "from_tensor_slices")):
        with pytest.raises(TypeError, match=message):
            Dataset.from_source(source)


# ---- the real ones ----
def test_pytorch():
    torch = pytest.importorskip("torch")
    from torch.utils.data import DataLoader, TensorDataset

    x = torch.tensor(X)
    assert np.shares_memory(to_arrays("x", x), x.numpy())
    assert_same(to_arrays("x", x.bfloat16()), x.bfloat16().float().numpy())
    samples = TensorDataset(x, torch.tensor(Y))
    for workers in (0, 2):
        assert_feeds(DataLoader(samples, batch_size=4, num_workers=workers))
    assert_feeds(Dataset.from_source(samples).batch(4))
    assert_feeds(Dataset.from_source(DataLoader(samples, batch_size=4)))

    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(zip(X, Y))

    assert_feeds(DataLoader(Stream(), batch_size=4))
    orders = [model().predict(DataLoader(samples, batch_size=4, shuffle=True), verbose=0) for _ in range(2)]
    assert not np.array_equal(*orders)


def test_tensorflow():
    tf = pytest.importorskip("tensorflow")
    x = tf.constant(X)
    assert np.shares_memory(to_arrays("x", x), np.asarray(x))
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)
    assert_feeds(data)
    assert_feeds(Dataset.from_source(data))
    assert_feeds(data.filter(lambda x, y: True))
    history = model().fit(data.repeat(), steps_per_epoch=2, epochs=3, verbose=0).history
    assert len(history["loss"]) == 3


def test_hugging_face():
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"x": X, "y": Y})
    pairs = lambda e: (e["x"], e["y"])  # noqa: E731
    for form in (data, data.with_format("numpy")):
        m = model()
        assert_same(m.predict(form["x"], verbose=0), m.predict(X, verbose=0))
        assert_feeds(Dataset.from_source(form).map(pairs).batch(4))
        assert_feeds(Dataset.from_source(form.to_iterable_dataset()).map(pairs).batch(4))
    with pytest.raises(TypeError, match="gives samples"):
        model().fit(data, verbose=0)


def test_grain():
    grain = pytest.importorskip("grain")
    data = grain.MapDataset.source(list(zip(X, Y)))
    for batches in (data.batch(4), data.to_iter_dataset().batch(4)):
        assert_feeds(batches)
        assert_feeds(Dataset.from_source(batches))
    assert_feeds(Dataset.from_source(data).batch(4))
