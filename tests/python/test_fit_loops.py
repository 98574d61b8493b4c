"""Epochs over arrays, generators and data sets: which batches each has, in which order, and what a step gets of them.

The weight is 1 and never changes, batch i holds the number i, and targets are 0: a loss is the mean square of the batches'
numbers. The batches of each epoch are those that Keras 3.15.1 takes.
"""

import threading
import time
import warnings

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam.data.array_feed import ArrayFeed

X = np.arange(1, 7, dtype="float32")[:, None]
Y = np.zeros_like(X)


def model(**options):
    m = hb.Sequential([hb.Input((1,)), L.Dense(1, use_bias=False)])
    m.set_weights([np.ones((1, 1), "float32")])
    m.compile(hb.optimizers.SGD(0.0), "mse", **options)
    return m


def batches(n):
    return (one(i) for i in range(1, n + 1))


def one(i):
    return np.full((2, 1), i, "float32"), np.zeros((2, 1), "float32")


def losses(*epochs):
    return pytest.approx([np.mean(np.square(e)) for e in epochs], rel=1e-6)


class Seen(hb.callbacks.Callback):
    """The numbers of batches, as hooks get them."""

    def __init__(self):
        super().__init__()
        self.begun, self.ended = [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.begun.append(batch)

    def on_train_batch_end(self, batch, logs=None):
        self.ended.append(batch)


@pytest.mark.parametrize(
    "n,steps,epochs,warned",
    [
        (3, None, [[1, 2, 3]], 0),
        (3, None, [[1, 2, 3], [1, 2], [1, 2]], 2),
        (5, 2, [[1, 2], [3, 4]], 0),
        (5, 2, [[1, 2], [3, 4], [5], [1, 2]], 1),
        (3, 5, [[1, 2, 3], [1, 2]], 2),
    ],
)
def test_generators(n, steps, epochs, warned):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        seen = Seen()
        h = model().fit(batches(n), steps_per_epoch=steps, epochs=len(epochs), verbose=0, callbacks=[seen])
    assert h.history["loss"] == losses(*epochs)
    assert seen.begun == seen.ended == [i for e in epochs for i in range(len(e))]
    assert [str(w.message).startswith("the input ran out of data after") for w in said] == [True] * warned


@pytest.mark.parametrize(
    "size,steps,epochs,warned",
    [
        (1, 4, [[1, 2, 3, 4], [5, 6], [1, 2, 3, 4]], 1),
        (None, 3, [[1, 2, 3, 4, 5, 6]] * 2, 0),  # batches of two
        (2, 9, [[1, 2, 3, 4, 5, 6]] * 2, 2),
        (2, None, [[1, 2, 3, 4, 5, 6]] * 2, 0),
    ],
)
@pytest.mark.parametrize("eagerly", [False, True])
def test_arrays(size, steps, epochs, warned, eagerly):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        h = model(run_eagerly=eagerly).fit(
            X, Y, batch_size=size, steps_per_epoch=steps, epochs=len(epochs), shuffle=False, verbose=0
        )
    assert h.history["loss"] == losses(*epochs)
    assert len(said) == warned


@pytest.mark.parametrize("eagerly", [False, True])
def test_shuffled_arrays_come_once_a_pass(eagerly):
    class Keeps(hb.Model):
        def __init__(self):
            super().__init__()
            self.got = []

        def train_step(self, data):
            if eagerly:
                self.got.append(np.asarray(data)[:, 0].tolist())
            return {"loss": hb.ops.sum(data)}

    x = np.arange(10, dtype="float32")[:, None]
    for shuffle in (True, "batch"):
        m = Keeps()
        m.compile("sgd", run_eagerly=eagerly)
        history = m.fit(x, batch_size=4, epochs=3, verbose=0, shuffle=shuffle).history["loss"]
        if not eagerly:  # the sum of the last batch, 8 + 9 where the order of batches stays
            assert shuffle is True or history == [17.0] * 3
            continue
        passes = [m.got[i : i + 3] for i in (0, 3, 6)]
        assert all(sorted(sum(p, [])) == list(range(10)) for p in passes)
        assert len({str(p) for p in passes}) == 3
        if shuffle == "batch":
            assert all([sorted(b) for b in p] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]] for p in passes)
    with pytest.raises(ValueError, match="`shuffle` must be True, False or 'batch'. Received: shuffle='yes'"):
        model().fit(X, Y, shuffle="yes")


@pytest.mark.parametrize(
    "steps,source,begun,ended,epochs",
    [
        (None, "arrays", [0, 2], [1, 3], [[1, 2, 3, 4, 5, 6]]),
        (3, "arrays", [0, 2, 0], [1, 3, 1], [[1, 2, 3, 4], [5, 6]]),
        (None, "generator", [0, 2], [1, 3], [[1, 2, 3]]),
        (3, "generator", [0, 2, 0, 2], [1, 3, 1, 3], [[1, 2, 3, 4], [5, 6, 7, 8]]),
    ],
)
@pytest.mark.filterwarnings("ignore:the input ran out")
def test_steps_per_execution(steps, source, begun, ended, epochs):
    m, seen = model(steps_per_execution=2), Seen()
    arrays = source == "arrays"
    h = m.fit(
        X if arrays else batches(9 if steps else 3),
        Y if arrays else None,
        batch_size=(1 if steps else 2) if arrays else None,
        steps_per_epoch=steps,
        epochs=len(epochs),
        shuffle=False,
        verbose=0,
        callbacks=[seen],
    )
    assert (seen.begun, seen.ended) == (begun, ended)
    assert h.history["loss"] == losses(*epochs)


def test_validation():
    def validated(**kwargs):
        return model().fit(X, Y, verbose=0, epochs=4, **kwargs).history["val_loss"]

    assert validated(validation_data=batches(20), validation_steps=3) == losses(
        [1, 2, 3], [1, 2, 4], [1, 2, 5], [1, 2, 6]
    )
    with pytest.warns(UserWarning, match="ran out of data after 2 of 3 batches"):
        assert validated(validation_data=batches(3)) == losses([1, 2, 3], *[[1, 2]] * 3)
    assert validated(validation_data=(X, Y), validation_steps=2, validation_batch_size=1) == losses(*[[1, 2]] * 4)
    assert validated(validation_data=(X, Y, X[:, 0] == 1)) == pytest.approx([1 / 6] * 4)
    assert validated(validation_data=Numbers(3)) == losses(*[[1, 2, 3]] * 4)


@pytest.mark.parametrize(
    "freq,first,epochs",
    [(2, 0, [1, 3]), (2, 1, [1, 3]), (3, 1, [2]), ([1, 3], 0, [0, 2]), ((4,), 2, [3]), ([9], 0, [])],
)
def test_validation_freq_counts_epochs_from_1_wherever_training_begins(freq, first, epochs):
    logs = []
    keep = hb.callbacks.LambdaCallback(on_epoch_end=lambda e, l: logs.append((e, "val_loss" in l)))
    model().fit(
        X, Y, verbose=0, epochs=4, initial_epoch=first, validation_data=(X, Y), validation_freq=freq, callbacks=[keep]
    )
    assert logs == [(e, e in epochs) for e in range(first, 4)]


def test_evaluate_and_predict():
    m = model(metrics=["mae"])
    assert m.evaluate(X, Y, steps=2, batch_size=2, verbose=0) == pytest.approx([7.5, 2.5])
    assert m.evaluate(X, Y, steps=2, verbose=0) == pytest.approx([91 / 6, 3.5])
    assert m.evaluate(batches(3), verbose=0) == pytest.approx([14 / 3, 2.0])
    assert m.evaluate(batches(3), steps=2, verbose=0) == pytest.approx([2.5, 1.5])
    with pytest.warns(UserWarning, match="ran out of data after 3 of 9 batches"):
        assert m.evaluate(batches(3), steps=9, verbose=0) == pytest.approx([14 / 3, 2.0])
    assert m.predict(X, steps=2, batch_size=2, verbose=0).tolist() == X[:4].tolist()
    assert m.predict(X, steps=2, verbose=0).tolist() == X.tolist()
    assert m.predict(batches(5), steps=2, verbose=0).ravel().tolist() == [1, 1, 2, 2]
    for steps in (1, 2, 3, 7):
        assert model(steps_per_execution=steps).predict(X, batch_size=1, verbose=0).tolist() == X.tolist()


@pytest.mark.parametrize("bad", [0, -1, 2.5, True, "2"])
def test_counts_that_are_none(bad):
    m = model()
    for name, call in {
        "steps": lambda: m.evaluate(X, Y, steps=bad, verbose=0),
        "steps ": lambda: m.predict(X, steps=bad, verbose=0),
        "steps  ": lambda: m.evaluate(batches(3), steps=bad, verbose=0),
        "batch_size": lambda: m.evaluate(X, Y, batch_size=bad, verbose=0),
        "steps_per_epoch": lambda: m.fit(X, Y, steps_per_epoch=bad, verbose=0),
        "steps_per_epoch ": lambda: m.fit(batches(3), steps_per_epoch=bad, verbose=0),
        "validation_steps": lambda: m.fit(X, Y, validation_data=(X, Y), validation_steps=bad, verbose=0),
        "validation_freq": lambda: m.fit(X, Y, validation_data=(X, Y), validation_freq=bad, verbose=0),
        "validation_freq ": lambda: m.fit(X, Y, validation_data=(X, Y), validation_freq=[bad], verbose=0),
        "steps_per_execution": lambda: model(steps_per_execution=bad),
    }.items():
        with pytest.raises((ValueError, TypeError), match=f"`{name.strip()}` must be a positive int"):
            call()


def test_losses_of_single_batches_are_their_own():
    m = model(metrics=["mae"])
    assert m.train_on_batch(X, Y) == pytest.approx([91 / 6, 3.5])
    assert m.train_on_batch(X[:2], Y[:2]) == pytest.approx([2.5, 1.5])
    assert m.test_on_batch(X[:1], Y[:1]) == pytest.approx([1.0, 1.0])
    assert m.test_on_batch(X[1:2], Y[:1], return_dict=True) == pytest.approx({"loss": 4.0, "mae": 2.0})


def test_results_come_in_the_order_of_the_metrics():
    m = model(metrics=["mse", "mae"])
    assert m.evaluate(X, Y, verbose=0) == m.train_on_batch(X, Y) == pytest.approx([91 / 6, 91 / 6, 3.5])


class Numbers(hb.utils.PyDataset):
    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n, self.calls = n, []

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        self.calls.append(i)
        return one(i + 1)

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_data_sets(workers):
    d = Numbers(3, workers=workers)
    assert model().fit(d, epochs=2, verbose=0, shuffle=False).history["loss"] == losses([1, 2, 3], [1, 2, 3])
    if workers < 2:
        assert d.calls == ["begin", 0, 1, 2, "end"] * 2
    d = Numbers(5, workers=workers)
    with pytest.warns(UserWarning, match="ran out of data after 1 of 2 batches"):
        h = model().fit(d, epochs=3, steps_per_epoch=2, verbose=0, shuffle=False)
    assert h.history["loss"] == losses([1, 2], [3, 4], [5])
    if workers < 2:
        assert d.calls == ["begin", 0, 1, "end", "begin", 2, 3, "end", "begin", 4, "end"]
    assert model().predict(Numbers(3, workers=workers), verbose=0).ravel().tolist() == [1, 1, 2, 2, 3, 3]


def test_data_sets_are_shuffled_for_training_alone():
    d = Numbers(40)
    m = model()
    m.fit(d, epochs=2, verbose=0)
    first, second = d.calls[1:41], d.calls[43:83]
    assert sorted(first) == sorted(second) == list(range(40))
    assert first != second and first != sorted(first) and second != sorted(second)
    again = Numbers(40)
    hb.utils.set_random_seed(1234)
    m.fit(again, epochs=1, verbose=0)
    d.calls.clear()
    hb.utils.set_random_seed(1234)
    m.fit(d, epochs=1, verbose=0)
    assert again.calls == d.calls
    d.calls.clear()
    m.evaluate(d, verbose=0)
    m.predict(d, verbose=0)
    assert d.calls == ["begin", *range(40), "end"] * 2


def test_endless_data_sets_and_those_that_do_not_call_super():
    class Endless(hb.utils.PyDataset):
        num_batches = None

        def __init__(self):
            pass

        def __getitem__(self, i):
            return one(i + 1)

    h = model().fit(Endless(), steps_per_epoch=2, epochs=3, verbose=0)
    assert h.history["loss"] == losses([1, 2], [3, 4], [5, 6])
    with pytest.raises(ValueError, match="`max_queue_size` must be a positive int. Received: max_queue_size=0"):
        Numbers(3, max_queue_size=0)
    with pytest.warns(UserWarning, match="threads of this process"):
        Numbers(3, use_multiprocessing=True)
    with pytest.raises(ValueError, match="gave no batches: its length is 0"):
        model().fit(Numbers(0), verbose=0)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("size", [1, 3])
def test_no_more_than_the_queue_holds_is_read_ahead(workers, size):
    d, most = Numbers(20, workers=workers, max_queue_size=size), []

    class Slow(hb.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            wanted = min(20, batch + size)
            for _ in range(200):
                if len(d.calls) - 1 >= wanted:
                    break
                time.sleep(0.005)
            time.sleep(0.02)
            most.append(len(d.calls) - 1 - (batch + 1))  # without "begin", and what was taken

    model().fit(d, verbose=0, callbacks=[Slow()])
    assert max(most) <= size and (size == 1 or max(most) >= size - 1)


def test_endless_generators_are_read_ahead_on_a_thread_and_no_further_than_needed():
    readers = []

    def endless():
        for i in range(1, 10**6):
            readers.append(threading.current_thread().name)
            yield one(i)

    source = endless()
    h = model().fit(source, steps_per_epoch=3, epochs=2, verbose=0)
    assert h.history["loss"] == losses([1, 2, 3], [4, 5, 6])
    assert len(readers) == 6 and set(readers[2:]) == {"hornbeam-prefetch"}
    assert next(source)[0][0, 0] == 7
    assert not [t for t in threading.enumerate() if t.name == "hornbeam-prefetch"]


def test_errors_of_a_source_come_out_and_its_thread_ends():
    def fails():
        for i in range(1, 5):
            yield one(i)
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        model().fit(fails(), verbose=0)

    class Fails(Numbers):
        def __getitem__(self, i):
            if i == 3:
                raise RuntimeError("mine")
            return super().__getitem__(i)

    for workers in (1, 2):
        with pytest.raises(RuntimeError, match="mine"):
            model().fit(Fails(9, workers=workers), verbose=0, shuffle=False)
    for _ in range(100):
        if not [t for t in threading.enumerate() if t.name.startswith("hornbeam-prefetch")]:
            break
        time.sleep(0.02)
    assert not [t for t in threading.enumerate() if t.name.startswith("hornbeam-prefetch")]


def structure(data):
    if isinstance(data, dict):
        return {k: structure(v) for k, v in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(structure(v) for v in data)
    return None if data is None else "T"


class Step(hb.Model):
    def __init__(self):
        super().__init__()
        self.dense, self.got = L.Dense(1), None

    def call(self, x):
        return self.dense(x[0] if isinstance(x, (list, tuple)) else x["a"] if isinstance(x, dict) else x)

    def train_step(self, data):
        self.got = structure(data)
        return {"loss": hb.ops.zeros(())}

    test_step = train_step

    def predict_step(self, data):
        self.got = structure(data)
        return super().predict_step(data)


PACKED = {
    "x": (lambda m: m.fit(X, verbose=0), "T"),
    "x, y": (lambda m: m.fit(X, Y, verbose=0), ("T", "T")),
    "x, y, w": (lambda m: m.fit(X, Y, sample_weight=X[:, 0], verbose=0), ("T", "T", "T")),
    "class weights": (lambda m: m.fit(X, Y, class_weight={0: 1.0}, verbose=0), ("T", "T", "T")),
    "[x]": (lambda m: m.fit([X], verbose=0), (["T"],)),
    "(x,)": (lambda m: m.fit((X,), verbose=0), (("T",),)),
    "dict": (lambda m: m.fit({"a": X}, verbose=0), {"a": "T"}),
    "one weight, two targets": (
        lambda m: m.fit(X, [Y, Y], sample_weight=X[:, 0], verbose=0),
        ("T", ["T", "T"], ["T", "T"]),
    ),
    "train_on_batch": (lambda m: m.train_on_batch(X, Y), ("T", "T", None)),
    "train_on_batch of x": (lambda m: m.train_on_batch(X), ("T", None, None)),
    "evaluate": (lambda m: m.evaluate(X, Y, verbose=0), ("T", "T")),
    "evaluate x": (lambda m: m.evaluate(X, verbose=0), "T"),
    "predict": (lambda m: m.predict(X, verbose=0), "T"),
    "predict [x]": (lambda m: m.predict([X], verbose=0), (["T"],)),
    "predict dict": (lambda m: m.predict({"a": X}, verbose=0), {"a": "T"}),
    "predict_on_batch": (lambda m: m.predict_on_batch(X), ("T",)),
    "generator": (lambda m: m.fit(batches(2), verbose=0), ("T", "T")),
    "generator of (x,)": (lambda m: m.fit(((x,) for x, _ in batches(2)), verbose=0), ("T",)),
    "data set": (lambda m: m.fit(Numbers(2), verbose=0), ("T", "T")),
    "validation": (lambda m: m.fit(X, verbose=0, validation_data=(X, Y)), ("T", "T")),
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("eagerly", [False, True])
def test_a_step_gets_what_keras_packs(name, eagerly):
    call, want = PACKED[name]
    m = Step()
    m.compile("sgd", run_eagerly=eagerly)
    m(X)
    call(m)
    assert m.got == want


@pytest.mark.parametrize("kind", ["positional", "keywords", "other names", "any"])
def test_overrides_of_compute_loss_with_and_without_training(kind):
    class Own(hb.Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(1, kernel_initializer="ones")

        def call(self, x):
            return self.dense(x)

        if kind == "positional":

            def compute_loss(self, x, y, y_pred, sample_weight):
                return hb.ops.mean(y_pred)

        elif kind == "keywords":

            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
                return hb.ops.mean(y_pred)

        elif kind == "other names":

            def compute_loss(self, a, b, c, d, training=True):
                return hb.ops.mean(c) * (1.0 if training else 2.0)

        else:

            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **more):
                return super().compute_loss(x, y, y_pred, sample_weight, **more)

    m = Own()
    m.compile(hb.optimizers.SGD(0.0), "mse")
    train, test = {
        "positional": (3.5, 3.5),
        "keywords": (3.5, 3.5),
        "other names": (3.5, 7.0),
        "any": (91 / 6, 91 / 6),
    }[kind]
    h = m.fit(X, Y, verbose=0, validation_data=(X, Y)).history
    assert h == {"loss": [pytest.approx(train)], "val_loss": [pytest.approx(test)]}


def test_heads_with_masks_and_weights_together():
    ids = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [1, 1, 2, 3], [2, 3, 1, 0]])
    i = hb.Input((4,), dtype="int32")
    t = L.Embedding(4, 1, mask_zero=True)(i)
    steps = L.Dense(1, use_bias=False, kernel_initializer="ones", name="steps")(t)
    whole = L.Dense(1, use_bias=False, kernel_initializer="ones", name="whole")(L.GlobalAveragePooling1D()(t))
    m = hb.Model(i, {"steps": steps, "whole": whole})
    table = np.float32([[5.0], [1.0], [2.0], [3.0]])
    m.layers[1].set_weights([table])
    rng = np.random.default_rng(0)
    w = {"steps": rng.random((4, 4)).astype("float32"), "whole": rng.random(4).astype("float32")}
    y = {"steps": np.zeros((4, 4, 1), "float32"), "whole": np.zeros((4, 1), "float32")}
    m.compile(
        hb.optimizers.SGD(0.0),
        "mse",
        loss_weights={"whole": 0.5},
        weighted_metrics={"steps": ["mae"], "whole": ["mae"]},
    )
    logs = m.fit(ids, y, sample_weight=w, batch_size=4, verbose=0).history
    p, mask = table[ids, 0], (ids != 0).astype("float64")
    mean = (p * mask).sum(1) / mask.sum(1)
    by_mask = mask * mask.size / mask.sum()  # Keras': the weights of a masked loss still mean over what is left
    want = {
        "steps_loss": (p**2 * w["steps"] * by_mask).mean(),
        "whole_loss": (mean**2 * w["whole"]).mean(),
        "steps_mae": (p * w["steps"] * mask).sum() / (w["steps"] * mask).sum(),
        "whole_mae": (mean * w["whole"]).sum() / w["whole"].sum(),
    }
    want["loss"] = want["steps_loss"] + 0.5 * want["whole_loss"]
    assert {k: v[0] for k, v in logs.items()} == pytest.approx(want, rel=1e-5)
    again = m.evaluate(ids, y, sample_weight=w, verbose=0, return_dict=True)
    assert again == pytest.approx(want, rel=1e-5)


def test_messages():
    m = model()
    for call in (lambda: m.fit(X, verbose=0), lambda: m.evaluate(X, verbose=0), lambda: m.train_on_batch(X)):
        with pytest.raises(ValueError, match="the loss needs targets beside the inputs. Received: y=None"):
            call()
    with pytest.raises(ValueError, match="fit needs inputs. Received: x=None"):
        m.fit()
    for name in ("y", "sample_weight"):
        with pytest.raises(ValueError, match=f"`{name}` needs `x` to be arrays; other sources give it with each batch"):
            m.fit(batches(3), verbose=0, **{name: Y})
    with pytest.raises(ValueError, match="`x` must be arrays, or lists that nest evenly"):
        m.predict([[1.0], [1.0, 2.0]], verbose=0)
    assert m.predict([[1.0], [2.0]], verbose=0).tolist() == [[1.0], [2.0]]
    for layer in (m, m.layers[-1]):
        with pytest.raises(ValueError, match="takes tensors and arrays. Received: nested lists of numbers"):
            layer([[1.0], [2.0]])
    with pytest.raises(TypeError, match="Dense got an unexpected keyword argument 'activaton'"):
        L.Dense(3, activaton="relu")
    with pytest.raises(TypeError, match="Model got an unexpected keyword argument 'input'"):
        hb.Model(input=hb.Input((3,)))
    with pytest.raises(ValueError, match="`verbose` must be 'auto', 0, 1 or 2. Received: verbose='loud'"):
        m.fit(X, Y, verbose="loud")
    with pytest.raises(ValueError, match="cannot be given together"):
        m.fit(iter([(X, Y, X[:, 0])]), class_weight={0: 1.0}, verbose=0)


@pytest.mark.parametrize("bad", ["msee", 3, {"class_name": "Msee", "config": {}}])
def test_losses_and_metrics_that_there_are_not_fail_in_compile(bad):
    for options in (
        {"loss": bad},
        {"loss": [bad]},
        {"metrics": [bad]},
        {"metrics": [["mae", bad]]},
        {"weighted_metrics": {"dense": [bad]}},
    ):
        m = model()
        with pytest.raises(ValueError, match="unknown|must be a name, a config or an object"):
            m.compile(**{"optimizer": "sgd", "loss": "mse", **options})
        assert m.evaluate(X, Y, verbose=0) == pytest.approx(91 / 6)  # it is compiled as it was


class Column:
    """A series of pandas, as far as it matters."""

    def __init__(self, values, dtype, name="a"):
        self.values, self.dtype, self.name, self.iloc = np.asarray(values, dtype), dtype, name, None
        self.ndim, self.shape = 1, (len(values),)

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return self.values


class Table:
    """A data frame of pandas, as far as it matters."""

    def __init__(self, *columns):
        self.columns, self.iloc = columns, self
        self.ndim, self.shape = 2, (len(columns[0]), len(columns))

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        return self.columns[key[1]]

    def __array__(self, dtype=None, copy=None):
        return np.stack([np.asarray(c.values, object) for c in self.columns], 1)


def tables():
    """Tables with the numbers in them, of stand-ins and, where it is installed, of pandas."""
    yes = [True, False, True]
    found = [
        (Table(Column(yes, bool), Column([1, 2, 3], "int64")), [[1, 1], [0, 2], [1, 3]]),
        (Table(Column(yes, bool), Column([0.5, 1.5, 2.5], "float64")), [[1, 0.5], [0, 1.5], [1, 2.5]]),
        (Table(Column([1, 2.5, True], object), Column(yes, bool)), [[1, 1], [2.5, 0], [1, 1]]),
        (Column([1, 2, 3], "int8"), [[1], [2], [3]]),
    ]
    try:
        import pandas as pd
    except ImportError:
        return found
    nullable = {"a": pd.array([1, 2, 3], dtype="Int64"), "b": pd.array(yes, dtype="boolean")}
    return [
        *found,
        (pd.DataFrame({"a": yes, "b": [1, 2, 3]}), [[1, 1], [0, 2], [1, 3]]),
        (pd.DataFrame({"a": yes, "b": [0.5, 1.5, 2.5]}, index=[7, 3, 5]), [[1, 0.5], [0, 1.5], [1, 2.5]]),
        (pd.DataFrame(nullable), [[1, 1], [2, 0], [3, 1]]),
        (pd.Series([1.0, 2.0, 3.0]), [[1], [2], [3]]),
    ]


@pytest.mark.parametrize("table,want", tables())
def test_tables(table, want):
    d = len(want[0])
    m = hb.Sequential([hb.Input((d,)), L.Dense(d, use_bias=False)])
    m.set_weights([np.eye(d, dtype="float32")])
    m.compile("sgd", "mse")
    assert m.predict(table, verbose=0).tolist() == want
    assert m.evaluate(table, table, verbose=0) == 0.0
    assert m.fit(table, np.asarray(want), verbose=0, validation_split=0.4).history == {"loss": [0.0], "val_loss": [0.0]}


def test_tables_that_are_not_numbers():
    for column in (Column(["x", "y"], object, "city"), Column([1.0, None], object, "city")):
        with pytest.raises(
            TypeError, match="`x` must be numeric, without missing values. Received: .* in column 'city'"
        ):
            model().predict(Table(column), verbose=0)
    with pytest.raises(TypeError, match="`x` must be numeric. Received: column 'day' of dtype"):
        model().predict(Table(Column(["2020-01-01"], "datetime64[s]", "day")), verbose=0)


def test_the_core_alone_shuffles_where_it_runs_the_batches(monkeypatch):
    """A permutation of millions of samples takes a while, which Ctrl-C cannot end."""

    def permutation(self):
        raise AssertionError("nobody needs it")

    monkeypatch.setattr(ArrayFeed, "_permutation", permutation)
    model = hb.Sequential([hb.Input((1,)), hb.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((9, 1), "float32"), np.ones((9, 1), "float32"), batch_size=2, epochs=2, verbose=0)
    for shuffle, eagerly in (("batch", False), (True, True)):
        model.compile("sgd", "mse", run_eagerly=eagerly)
        with pytest.raises(AssertionError, match="nobody needs it"):
            model.fit(np.ones((9, 1), "float32"), np.ones((9, 1), "float32"), shuffle=shuffle, verbose=0)
