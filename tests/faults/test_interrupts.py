"""Ctrl-C, signals, and exceptions of the user's own in the middle of things."""

import signal
import threading
import traceback

import numpy as np
import pytest
import scripts

import hornbeam as hb
from hornbeam import layers as L

X, Y = np.ones((8, 4), "float32"), np.zeros(8, "int32")


def net(units=3, d=4):
    m = hb.Sequential([hb.Input((d,)), L.Dense(units, activation="softmax")])
    m.compile("sgd", "sparse_categorical_crossentropy")
    return m


def test_fault_47_ctrl_c_between_steps(tmp_path):
    scripts.run_interrupted(
        """
        x, y, m = np.ones((20000, 4), "float32"), np.zeros(20000, "int32"), net()
        m.fit(x[:64], y[:64], verbose=0)
        until_interrupted(lambda: m.fit(x, y, epochs=100000, batch_size=32, verbose=0))
        assert np.isfinite(m.get_weights()[0]).all()
        m.fit(x[:64], y[:64], verbose=0)
        """,
        tmp_path,
    )


def test_fault_47_ctrl_c_between_steps_that_a_callback_sees_together(tmp_path):
    scripts.run_interrupted(
        """
        x, y, m = np.ones((2000000, 4), "float32"), np.zeros(2000000, "int32"), net(steps_per_execution=10**9)
        class Hook(hb.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                pass
        until_interrupted(lambda: m.fit(x, y, epochs=1000, batch_size=1, verbose=0, callbacks=[Hook()]))
        m.fit(x[:64], y[:64], verbose=0)
        """,
        tmp_path,
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_fault_47_ctrl_c_within_a_product(tmp_path, threads):
    scripts.run_interrupted(
        f"""
        f = hb.function(lambda a: ops.sum(ops.matmul(a, a)), threads={threads})
        long, short = np.ones((12000, 12000), "float32"), np.ones((9, 9), "float32")
        until_interrupted(lambda: f(long))
        assert float(f(short)) == 729
        """,
        tmp_path,
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_fault_47_ctrl_c_within_a_loop_without_end(tmp_path, threads):
    scripts.run_interrupted(
        f"""
        total = hb.Variable(np.float32(0))
        def step(x):
            (last,) = ops.while_loop(lambda i: i > 0, lambda i: (i * 1.0,), (x,))
            total.assign_add(1.0)
            return last
        f = hb.function(step, threads={threads})
        assert float(f(np.float32(-1))) == -1 and float(total.numpy()) == 1
        until_interrupted(lambda: f(np.float32(1)))
        assert float(total.numpy()) == 1
        assert float(f(np.float32(-2))) == -2 and float(total.numpy()) == 2
        """,
        tmp_path,
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_fault_47_ctrl_c_within_a_training_step(threads):
    """Forward, backward, or while weights are written: they are those of the last step that was finished."""
    scripts.run(
        f"""
        def model():
            hb.utils.set_random_seed(1)
            m = hb.Sequential([hb.Input((2500,)), L.Dense(2500)])
            m.compile(hb.optimizers.Adam(1e-4), "mse", threads={threads})
            return m
        def step(m, rows):
            start = time.time()
            m.fit(x[:rows], y[:rows], batch_size=rows, verbose=0)
            return time.time() - start
        x, y = np.ones((40000, 2500), "float32"), np.ones((40000, 2500), "float32")
        m = model()
        step(m, 500)
        rows = min(40000, int(500 * 1.5 / step(m, 500)))  # a step takes some 1.5 s
        def state():
            return [v.numpy() for v in (*m.variables, *m.optimizer.variables)]
        unfinished = tries = 0
        while unfinished < 2:  # a loaded machine's steps are as long as they are: some end before their signal
            took, tries = step(m, rows), tries + 1
            assert tries < 20
            before, finished = state(), int(m.optimizer.iterations.numpy())
            threading.Timer((0.8, 0.3, 0.6, 0.1)[tries % 4] * took, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                step(m, rows)
                time.sleep(60)  # it was quicker this time
                raise SystemExit("it was not interrupted")
            except KeyboardInterrupt:
                pass
            if int(m.optimizer.iterations.numpy()) == finished:
                unfinished += 1
                for a, b in zip(state(), before):
                    np.testing.assert_array_equal(a, b)
        again = model()
        for i in range(int(m.optimizer.iterations.numpy())):
            step(again, 500 if i < 2 else rows)
        for a, b in zip(m.get_weights(), again.get_weights()):
            np.testing.assert_array_equal(a, b)
        """,
        seconds=240,
    )


def test_fault_47_ctrl_c_while_samples_are_shuffled(tmp_path):
    scripts.run_interrupted(
        """
        step = hb.function(lambda a: ops.sum(ops.cast(a, "float32")))
        x = np.ones(1, "uint8")
        step(x)
        (compiled,) = step._cache.values()
        loop = _core.BatchLoop(compiled.executable, [np.ones(80_000_000, "uint8")], 1)
        until_interrupted(lambda: loop.shuffle(1, 0))
        """,
        tmp_path,
    )


def test_fault_47_ctrl_c_while_a_generator_is_blocked(tmp_path):
    scripts.run_interrupted(
        """
        def blocked():
            yield np.ones((8, 4), "float32"), np.zeros(8, "int32")
            time.sleep(1000)
        m = net()
        until_interrupted(lambda: m.fit(blocked(), verbose=0))
        m.fit(np.ones((8, 4), "float32"), np.zeros(8, "int32"), verbose=0)
        """,
        tmp_path,
    )


@pytest.mark.parametrize("workers", [1, 3])
def test_fault_47_ctrl_c_while_a_data_sets_workers_are_blocked(tmp_path, workers):
    scripts.run_interrupted(
        f"""
        class Blocked(hb.utils.PyDataset):
            def __len__(self):
                return 100
            def __getitem__(self, index):
                if index > 2:
                    time.sleep(1000)  # which the program does not wait for when it ends
                return np.ones((8, 4), "float32"), np.zeros(8, "int32")
        m = net()
        until_interrupted(lambda: m.fit(Blocked(workers={workers}), shuffle=False, verbose=0))
        """,
        tmp_path,
    )


def test_fault_47_ctrl_c_in_predict_and_load(tmp_path):
    scripts.run_interrupted(
        """
        m, x = net(), np.ones((64, 4), "float32")
        m.save(os.environ["SENT"] + ".hornbeam")
        want = m.predict(x, verbose=0)
        def work():
            while True:
                loaded = hb.models.load_model(os.environ["SENT"] + ".hornbeam")
                np.testing.assert_array_equal(loaded.predict(x, verbose=0), want)
        until_interrupted(work)
        until = hb.models.load_model(os.environ["SENT"] + ".hornbeam")
        np.testing.assert_array_equal(until.predict(x, verbose=0), want)
        """,
        tmp_path,
    )


def test_fault_47_a_second_ctrl_c(tmp_path):
    scripts.run_interrupted(
        """
        f = hb.function(lambda x: ops.while_loop(lambda i: i > 0, lambda i: (i * 1.0,), (x,))[0])
        print("ready", flush=True)
        for _ in range(2):
            try:
                f(np.float32(1))
            except KeyboardInterrupt:
                pass
        assert float(f(np.float32(-2))) == -2
        """,
        tmp_path,
        (signal.SIGINT, signal.SIGINT),
    )


def test_fault_47_sigterm_with_a_checkpoint(tmp_path):
    scripts.run_interrupted(
        """
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        m, x, y = net(), np.ones((64, 4), "float32"), np.zeros(64, "int32")
        path = os.environ["SENT"] + ".hornbeam"
        m.fit(x, y, verbose=0, callbacks=[hb.callbacks.ModelCheckpoint(path)])
        print("ready", flush=True)
        try:
            m.fit(x, y, epochs=10**6, verbose=0, callbacks=[hb.callbacks.ModelCheckpoint(path)])
        except SystemExit as e:
            assert e.code == 7
        assert np.isfinite(hb.models.load_model(path).get_weights()[0]).all()
        m.fit(x, y, verbose=0)
        """,
        tmp_path,
        (signal.SIGTERM,),
    )


def test_fault_47_a_signals_handler_may_use_the_model(tmp_path):
    scripts.run_interrupted(
        """
        f = hb.function(lambda x: ops.while_loop(lambda i, n: i < n, lambda i, n: (i + 1.0, n), (x * 0.0, x))[0], threads=2)
        seen = []
        def handler(*_):
            with np.errstate(all="raise"):
                seen.append((float(f(np.float32(10))), np.float32(1e-40) * np.float32(0.5) > 0))
        signal.signal(signal.SIGUSR1, handler)
        print("ready", flush=True)
        assert float(f(np.float32(6_000_000))) == 6_000_000
        assert seen == [(10, True)], seen
        """,
        tmp_path,
        (signal.SIGUSR1,),
        seconds=0.2,
    )


def test_fault_48_an_exception_in_a_callback():
    class Boom(hb.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("mine")

    m = net()
    with pytest.raises(RuntimeError, match="mine") as e:
        m.fit(X, Y, verbose=0, callbacks=[Boom()])
    assert "on_train_batch_end" in {f.name for f in traceback.extract_tb(e.tb)}
    m.fit(X, Y, verbose=0)


def test_fault_48_an_exception_in_a_generator():
    def source():
        yield X, Y
        raise KeyError("mine")

    m = net()
    with pytest.raises(KeyError, match="mine") as e:
        m.fit(source(), verbose=0)
    assert "source" in {f.name for f in traceback.extract_tb(e.tb)}
    assert int(m.optimizer.iterations.numpy()) == 1  # the batch before it was taken
    assert "hornbeam-prefetch" not in {t.name for t in threading.enumerate()}
    m.fit(X, Y, verbose=0)


def test_fault_48_nobody_reads_on_but_the_thread_ends():
    ended = threading.Event()

    def source():
        try:
            while True:
                yield X, Y
        finally:
            ended.set()

    class Stop(hb.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        net().fit(source(), verbose=0, callbacks=[Stop()])
    assert ended.wait(10)


def test_fault_48_an_exception_in_a_custom_metric():
    class Mine(hb.metrics.Mean):
        fails = True

        def update_state(self, y_true, y_pred, sample_weight=None):
            if Mine.fails:
                raise ZeroDivisionError("mine")
            super().update_state(y_pred)

    m = net()
    m.compile("sgd", "sparse_categorical_crossentropy", metrics=[Mine(name="mine")])
    kept = m.get_weights()
    with pytest.raises(ZeroDivisionError, match="mine") as e:
        m.fit(X, Y, verbose=0)
    assert "update_state" in {f.name for f in traceback.extract_tb(e.tb)}
    for a, b in zip(kept, m.get_weights()):
        np.testing.assert_array_equal(a, b)
    Mine.fails = False
    assert m.fit(X, Y, verbose=0).history["mine"][0] == pytest.approx(1 / 3, rel=1e-5)


def test_fault_49_a_generator_whose_batches_change():
    sizes = [8, 3, 1, 8]
    m = net()
    m.fit(((X[:n], Y[:n]) for n in sizes), verbose=0)
    assert int(m.optimizer.iterations.numpy()) == 4
    with pytest.raises(ValueError, match=r"\(None, 4\).*5"):
        m.fit(((np.ones((8, n), "float32"), Y) for n in (4, 5)), verbose=0)
    with pytest.raises(ValueError, match=r"same number of samples. Received: \[8, 7\]"):
        m.fit(((X, Y[:n]) for n in (8, 7)), verbose=0)
    m.fit(X, Y, verbose=0)


@pytest.mark.parametrize("batch", [None, (None, None), (None, Y)])
def test_fault_49_a_generator_of_nothing(batch):
    with pytest.raises(ValueError, match="gave a batch without inputs. Received: "):
        net().fit(iter([batch]), verbose=0)
    with pytest.raises(ValueError, match="no batches"):
        net().fit(iter([]), verbose=0)


def test_fault_49_a_generator_of_fewer_batches_than_promised():
    m = net()
    with pytest.warns(UserWarning, match="ran out of data after [23] of 10 batches"):
        history = m.fit(iter([(X, Y)] * 13), steps_per_epoch=10, epochs=3, verbose=0)
    assert int(m.optimizer.iterations.numpy()) == 15 and history.epoch == [0, 1, 2]  # Keras' last epoch: the first two
    with pytest.warns(UserWarning, match="ran out of data after 2 of 4 batches"):
        m.evaluate(iter([(X, Y)] * 2), steps=4, verbose=0)


def test_fault_49_a_generator_without_end():
    def source():
        while True:
            yield X, Y

    m = net()
    m.fit(source(), steps_per_epoch=5, epochs=2, verbose=0)
    assert int(m.optimizer.iterations.numpy()) == 10
    assert m.predict(((X,) for _ in iter(int, 1)), steps=3, verbose=0).shape == (24, 3)
