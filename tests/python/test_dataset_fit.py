"""fit, evaluate and predict from data sets: which batches each epoch has, in which order, and where a training goes on."""

import json
import threading
import time
import warnings

import numpy as np
import pytest

import hornbeam as hb
from hornbeam.data import Dataset

X = np.arange(1, 8, dtype="float32")[:, None]
Y = np.zeros_like(X)


def model(**options):
    """Its loss on a batch is the mean square of the batch's numbers; it never changes."""
    m = hb.Sequential([hb.Input((1,)), hb.layers.Dense(1, use_bias=False)])
    m.set_weights([np.ones((1, 1), "float32")])
    m.compile(hb.optimizers.SGD(0.0), "mse", **options)
    return m


def trained(ds, m=None, **options):
    """A model that was trained, whose weights depend on the order of batches, and its history."""
    if m is None:
        m = hb.Sequential([hb.Input((1,)), hb.layers.Dense(1)])
        m.set_weights([np.ones((1, 1), "float32"), np.zeros(1, "float32")])
        m.compile(hb.optimizers.SGD(0.01), "mse")
    h = m.fit(ds, verbose=0, **options)
    return m, h.history.get("loss", [])


def seen_batches(ds, epochs=1, **options):
    """The numbers of each batch that a step got, by a metric of them."""
    got = []

    class Watch(hb.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            got.append(logs["loss"])

    model().fit(ds, epochs=epochs, verbose=0, callbacks=[Watch()], **options)
    return got


def pairs(n=7):
    return Dataset.from_tensor_slices((X[:n], Y[:n]))


def test_the_same_as_from_arrays():
    a, b = model(), model()
    arrays = a.fit(X, Y, batch_size=3, shuffle=False, epochs=2, verbose=0, validation_data=(X[:4], Y[:4]))
    ds = b.fit(pairs().batch(3), epochs=2, verbose=0, validation_data=pairs(4).batch(32))
    assert arrays.history == ds.history
    assert a.evaluate(X, Y, batch_size=3, verbose=0) == b.evaluate(pairs().batch(3), verbose=0)
    assert np.array_equal(a.predict(X, verbose=0), b.predict(Dataset.from_tensor_slices(X).batch(3), verbose=0))
    assert np.array_equal(a.predict(X, verbose=0), b.predict(pairs().batch(3), verbose=0))


def test_each_epoch_has_its_own_order():
    ds = pairs().shuffle(seed=3).batch(1)
    got = seen_batches(ds, epochs=2)
    again = pairs().shuffle(seed=3).batch(1)
    expected = [float(np.cumsum([x[0, 0] ** 2 for x, _ in again.as_numpy_iterator()])[-1]) / 7 for _ in range(2)]
    assert len(got) == 14 and got[6] == pytest.approx(expected[0]) and got[13] == pytest.approx(expected[1])
    assert got[:7] != got[7:]
    fixed = seen_batches(pairs().shuffle(seed=3, reshuffle_each_iteration=False).batch(1), epochs=2)
    assert fixed[:7] == fixed[7:]


@pytest.mark.parametrize("kind", ["indexed", "stream", "endless"])
def test_steps_per_epoch_go_on_without_loss(kind):
    ds = pairs().batch(1)
    ds = {"indexed": ds, "stream": ds.filter(lambda x, y: True), "endless": ds.repeat()}[kind]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        h = model().fit(ds, steps_per_epoch=3, epochs=3, verbose=0)
    squares = [i * i for i in range(1, 8)]
    third = [squares[6]] if kind != "endless" else [squares[6], squares[0], squares[1]]
    expected = [np.mean(squares[:3]), np.mean(squares[3:6]), np.mean(third)]
    assert h.history["loss"] == pytest.approx(expected)
    assert len(said) == (kind != "endless")


def test_lengths_are_known_or_learned():
    for ds, steps in ((pairs().batch(2), 4), (pairs().filter(lambda x, y: x[0] > 1).batch(2), 3)):
        m = model()
        m.fit(ds, epochs=2, verbose=0)
        assert m.history.params.get("steps") in (None, steps)
    assert model().evaluate(pairs().batch(1), steps=2, verbose=0) == pytest.approx(2.5)


def test_class_weights_and_sample_weights():
    y = np.array([0, 1, 1, 0, 1, 0, 0])[:, None]
    w = np.where(y[:, 0] == 1, 3.0, 0.5).astype("float32")
    a, _ = trained(Dataset.from_tensor_slices((X, y)).batch(3), class_weight={0: 0.5, 1: 3.0})
    b, _ = trained(Dataset.from_tensor_slices((X, y, w)).batch(3))
    assert all(np.array_equal(p, q) for p, q in zip(a.get_weights(), b.get_weights()))
    with pytest.raises(ValueError, match="cannot be given together"):
        trained(Dataset.from_tensor_slices((X, y, w)).batch(3), class_weight={0: 1.0})


def test_named_inputs_and_outputs():
    a, b = hb.Input((1,), name="a"), hb.Input((2,), name="b")
    m = hb.Model([a, b], {"out": hb.layers.Dense(1, name="out")(hb.layers.concatenate([a, b]))})
    m.compile("sgd", {"out": "mse"})
    ds = Dataset.from_tensor_slices(({"b": np.ones((6, 2), "float32"), "a": X[:6]}, {"out": Y[:6]}))
    assert np.isfinite(m.fit(ds.batch(4), verbose=0).history["loss"][0])
    assert m.predict(ds.batch(4).map(lambda x, y: x), verbose=0)["out"].shape == (6, 1)


def test_what_cannot_be_trained_on():
    with pytest.raises(ValueError, match="`y` needs `x` to be arrays"):
        model().fit(pairs().batch(2), Y, verbose=0)
    with pytest.raises(ValueError, match="gave no batches"):
        model().fit(pairs().take(0).batch(2), verbose=0)
    with pytest.raises(TypeError, match="numeric"):
        model().fit(Dataset.from_tensor_slices((["a"], [1.0])).batch(1), verbose=0)
    with pytest.raises(ValueError, match="validation_split"):
        model().fit(pairs().batch(2), validation_split=0.5, verbose=0)


def augmented():
    noise = hb.layers.GaussianNoise(0.3, seed=4)
    return pairs().shuffle(seed=6).map(lambda x, y: (noise(x, training=True), y), 2).batch(2).prefetch(2)


class Killed(Exception):
    pass


@pytest.mark.parametrize("at", [0, 1, 3, 4, 6, 7])
def test_a_training_that_was_killed_goes_on_with_the_same_bits(at):
    """Weights and position are saved behind each step; another process' data set, made anew, takes it up."""
    whole, losses = trained(augmented(), epochs=2)
    saved = {}
    ds = augmented()

    class Save(hb.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            saved.update(weights=self.model.get_weights(), position=json.dumps(ds.state()))
            if self.steps == at:
                raise Killed
            self.steps += 1

    with pytest.raises(Killed):
        trained(ds, epochs=2, callbacks=[Save()])
    position = json.loads(saved["position"])
    assert (position["epoch"], position["element"]) == divmod(at + 1, 4)
    again = augmented()
    again.restore(position)
    m, _ = trained(augmented(), epochs=0)
    m.set_weights(saved["weights"])
    if position["epoch"] < 2:
        _, rest = trained(again, m, epochs=2, initial_epoch=position["epoch"])
        assert rest[-1] == losses[-1] or position["element"]  # a loss is the mean of the steps that ran
    assert all(np.array_equal(a, b) for a, b in zip(m.get_weights(), whole.get_weights()))


def test_batches_are_made_while_steps_run():
    """The function is called for the second batch before the first step ends."""
    made, waited = threading.Event(), []

    def f(x, y):
        if np.asarray(x)[0, 0] == 2:
            made.set()
        return np.asarray(x), y

    class Wait(hb.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 0:
                waited.append(made.wait(20))

    model().fit(pairs().batch(1).map(f), verbose=0, callbacks=[Wait()])
    assert waited == [True]


def test_threads_end_with_the_training():
    def threads():
        return [t for t in threading.enumerate() if t.name.startswith("hornbeam-")]

    def fails(x, y):
        if np.asarray(x)[0, 0] == 3:
            raise OSError("unreadable")
        return np.asarray(x), y

    with pytest.raises(OSError, match="unreadable"):
        model().fit(pairs().batch(1).map(fails, 2), verbose=0, validation_data=pairs().batch(2))
    model().fit(pairs().batch(1).repeat(), steps_per_epoch=2, verbose=0)
    model().predict(pairs().batch(1).map(lambda x, y: x, 2), steps=1, verbose=0)
    until = time.monotonic() + 5
    while threads() and time.monotonic() < until:
        time.sleep(0.01)
    assert not threads()


def test_a_data_set_without_end_needs_steps():
    ds, m = pairs().batch(2).repeat(), model()
    for run, name in ((m.fit, "steps_per_epoch"), (m.evaluate, "validation_steps"), (m.predict, "steps")):
        with pytest.raises(ValueError, match=f"a data set without end needs .*`{name}`"):
            run(ds, verbose=0)
    with pytest.raises(ValueError, match="without end needs .*`validation_steps`"):
        m.fit(pairs().batch(2), validation_data=ds, verbose=0)
    assert len(m.fit(ds, steps_per_epoch=3, validation_data=ds, validation_steps=2, verbose=0).history["val_loss"]) == 1
