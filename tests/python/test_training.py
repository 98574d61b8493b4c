"""compile, fit and what surrounds them; every kind of network trains to a stated figure."""

import csv
import json

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import _core, ops
from hornbeam import layers as L
from hornbeam.core.tensor import emit
from hornbeam.training.steps import Step

R = np.random.default_rng(0)


def blobs(n=600, classes=3, d=6):
    y = R.integers(0, classes, n).astype("int32")
    centers = R.standard_normal((classes, d)) * 3
    return (centers[y] + R.standard_normal((n, d))).astype("float32"), y


def test_linear_regression_finds_the_line():
    x = R.standard_normal((256, 3)).astype("float32")
    y = x @ np.float32([[2.0], [-1.0], [0.5]]) + 0.3
    m = hb.Sequential([hb.Input((3,)), L.Dense(1)])
    m.compile(hb.optimizers.SGD(0.1), "mse")
    m.fit(x, y, epochs=40, verbose=0)
    np.testing.assert_allclose(m.get_weights()[0].ravel(), [2, -1, 0.5], atol=1e-3)
    assert m.evaluate(x, y, verbose=0) < 1e-5


def test_logistic_regression_and_mlp():
    x, y = blobs(classes=2)
    m = hb.Sequential([hb.Input((6,)), L.Dense(1, activation="sigmoid")])
    m.compile("adam", "binary_crossentropy", metrics=["accuracy", "AUC"])
    h = m.fit(x, y, epochs=40, verbose=0, validation_split=0.2)
    assert h.history["val_accuracy"][-1] > 0.95 and h.history["val_AUC"][-1] > 0.98
    assert list(h.history) == ["AUC", "accuracy", "loss", "val_AUC", "val_accuracy", "val_loss"]
    x, y = blobs()
    m = hb.Sequential(
        [hb.Input((6,)), L.Dense(32, activation="relu", kernel_regularizer="l2"), L.Dense(3, activation="softmax")]
    )
    m.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    m.fit(x, y, epochs=20, verbose=0)
    assert m.evaluate(x, y, verbose=0, return_dict=True)["accuracy"] > 0.95


def test_xor():
    x, y = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]]), np.float32([0, 1, 1, 0])
    m = hb.Sequential([hb.Input((2,)), L.Dense(8, activation="tanh"), L.Dense(1, activation="sigmoid")])
    m.compile(hb.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    assert m.fit(x, y, epochs=300, verbose=0).history["accuracy"][-1] == 1.0


def digits():
    from hornbeam.examples.digits import load

    return load()


def test_lenet_and_a_residual_net_read_digits():
    xt, yt, xv, yv = digits()
    lenet = hb.Sequential(
        [
            hb.Input((8, 8, 1)),
            L.Conv2D(6, 3, padding="same", activation="tanh"),
            L.AveragePooling2D(),
            L.Conv2D(16, 3, activation="tanh"),
            L.Flatten(),
            L.Dense(64, activation="tanh"),
            L.Dense(10, activation="softmax"),
        ]
    )
    lenet.compile(hb.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    lenet.fit(xt, yt, epochs=12, verbose=0)
    assert lenet.evaluate(xv, yv, verbose=0, return_dict=True)["accuracy"] > 0.95

    def block(t, f, stride=1):
        y = L.ReLU()(L.BatchNormalization(momentum=0.9)(L.Conv2D(f, 3, stride, "same", use_bias=False)(t)))
        y = L.BatchNormalization(momentum=0.9)(L.Conv2D(f, 3, padding="same", use_bias=False)(y))
        if stride != 1 or t.shape[-1] != f:
            t = L.Conv2D(f, 1, stride, use_bias=False)(t)
        return L.ReLU()(L.Add()([t, y]))

    i = hb.Input((8, 8, 1))
    t = block(block(L.Conv2D(8, 3, padding="same")(i), 8), 16, 2)
    resnet = hb.Model(i, L.Dense(10)(L.GlobalAveragePooling2D()(t)))
    resnet.compile(
        hb.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        hb.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    resnet.fit(xt, yt, epochs=8, verbose=0)
    assert resnet.evaluate(xv, yv, verbose=0, return_dict=True)["accuracy"] > 0.93


def test_lstm_remembers_and_a_transformer_finds_the_larger_count():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, (600, 6)).astype("float32")[..., None]
    y = x[:, 0, 0].astype("int32")  # the first of six
    m = hb.Sequential([hb.Input((6, 1)), L.LSTM(16), L.Dense(2)])
    m.compile(hb.optimizers.Adam(0.02), hb.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    assert m.fit(x, y, epochs=25, verbose=0).history["accuracy"][-1] > 0.98

    ids = rng.integers(1, 9, (500, 12)).astype("int32")
    label = ((ids > 4).sum(1) > 6).astype("int32")
    i = hb.Input((12,), dtype="int32")
    t = L.Embedding(9, 16)(i)
    for _ in range(2):
        t = L.LayerNormalization()(L.Add()([t, L.MultiHeadAttention(2, 8)(t, t)]))
        t = L.LayerNormalization()(L.Add()([t, L.Dense(16)(L.Dense(32, activation="gelu")(t))]))
    m = hb.Model(i, L.Dense(2)(L.GlobalAveragePooling1D()(t)))
    m.compile(
        hb.optimizers.AdamW(3e-3, weight_decay=1e-4),
        hb.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    assert m.fit(ids, label, epochs=12, verbose=0).history["accuracy"][-1] > 0.95


def test_gan_step_with_two_optimizers():
    class GAN(hb.Model):
        def __init__(self):
            super().__init__()
            self.g = hb.Sequential([hb.Input((4,)), L.Dense(16, activation="relu"), L.Dense(2)])
            self.d = hb.Sequential([hb.Input((2,)), L.Dense(16, activation="relu"), L.Dense(1)])
            self.seed = hb.random.SeedGenerator(0)
            self.g_loss, self.d_loss = hb.metrics.Mean(name="g_loss"), hb.metrics.Mean(name="d_loss")

        def compile(self, g_optimizer, d_optimizer):
            super().compile()
            self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer

        def train_step(self, real):
            if isinstance(real, tuple):
                real = real[0]
            n = ops.shape(real)[0]
            bce = hb.losses.BinaryCrossentropy(from_logits=True)
            with hb.GradientTape() as tape:
                fake = self.g(hb.random.normal((n, 4), seed=self.seed))
                d_loss = bce(ops.ones((n, 1)), self.d(real)) + bce(ops.zeros((n, 1)), self.d(fake))
            self.d_optimizer.apply(tape.gradient(d_loss, self.d.trainable_weights), self.d.trainable_weights)
            with hb.GradientTape() as tape:
                fake = self.g(hb.random.normal((n, 4), seed=self.seed))
                g_loss = bce(ops.ones((n, 1)), self.d(fake))
            self.g_optimizer.apply(tape.gradient(g_loss, self.g.trainable_weights), self.g.trainable_weights)
            self.g_loss.update_state(g_loss)
            self.d_loss.update_state(d_loss)
            return {"g_loss": self.g_loss.result(), "d_loss": self.d_loss.result()}

    gan = GAN()
    gan.compile(hb.optimizers.Adam(0.005), hb.optimizers.Adam(0.005))
    data = (R.standard_normal((512, 2)) * 0.3 + [3, -2]).astype("float32")
    before = [w.copy() for w in gan.g.get_weights()]
    h = gan.fit(data, epochs=40, batch_size=64, verbose=0)
    assert set(h.history) >= {"g_loss", "d_loss"} and all(
        not np.array_equal(a, b) for a, b in zip(before, gan.g.get_weights())
    )
    made = np.asarray(gan.g(R.standard_normal((400, 4)).astype("float32")))
    assert np.abs(made.mean(0) - [3, -2]).max() < 1.5


def test_eager_and_graph_steps_agree_and_subclassing_works():
    class Net(hb.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = L.Dense(8, activation="tanh"), L.Dense(1)

        def call(self, x):
            return self.b(self.a(x))

    x, y = R.standard_normal((32, 4)).astype("float32"), R.standard_normal((32, 1)).astype("float32")
    finals = []
    for eager in (False, True):
        hb.utils.set_random_seed(3)
        m = Net()
        m.compile(hb.optimizers.Adam(0.01), "mse", metrics=["mae"], run_eagerly=eager)
        logs = m.fit(x, y, epochs=3, shuffle=False, batch_size=8, verbose=0).history
        finals.append((logs["loss"], m.get_weights()))
    np.testing.assert_allclose(finals[0][0], finals[1][0], rtol=1e-5)
    for a, b in zip(finals[0][1], finals[1][1]):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_several_inputs_and_outputs():
    a, b = hb.Input((3,), name="a"), hb.Input((2,), name="b")
    t = L.Concatenate()([L.Dense(4)(a), b])
    m = hb.Model([a, b], {"cls": L.Dense(3, activation="softmax", name="cls")(t), "reg": L.Dense(1, name="reg")(t)})
    m.compile(
        "adam",
        {"cls": "sparse_categorical_crossentropy", "reg": "mse"},
        loss_weights={"reg": 0.5},
        metrics={"cls": ["accuracy"], "reg": ["mae"]},
    )
    x = [R.standard_normal((40, 3)).astype("float32"), R.standard_normal((40, 2)).astype("float32")]
    y = {"cls": R.integers(0, 3, 40), "reg": R.standard_normal((40, 1))}
    h = m.fit(x, y, epochs=2, verbose=0, validation_data=(x, y))
    assert set(h.history) == {
        p + k for p in ("", "val_") for k in ("cls_accuracy", "cls_loss", "loss", "reg_loss", "reg_mae")
    }
    assert h.history["loss"][-1] == pytest.approx(h.history["cls_loss"][-1] + 0.5 * h.history["reg_loss"][-1], rel=1e-4)
    out = m.predict({"a": x[0], "b": x[1]}, verbose=0)
    assert out["cls"].shape == (40, 3) and out["reg"].shape == (40, 1)


OPTIMIZERS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adagrad", {}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {}),
    ("Nadam", {}),
    ("Adamax", {}),
    ("Lion", {}),
    ("Adam", {"clipnorm": 1.0}),
    ("Adam", {"global_clipnorm": 1.0}),
    ("Adam", {"clipvalue": 0.1}),
    ("Adam", {"use_ema": True}),
    ("SGD", {"gradient_accumulation_steps": 2}),
    ("Adam", {"learning_rate": "cosine"}),
]


@pytest.mark.parametrize("name,kwargs", OPTIMIZERS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(OPTIMIZERS)])
def test_optimizers_go_down_and_round_trip(name, kwargs):
    if kwargs.get("learning_rate") == "cosine":
        kwargs = {"learning_rate": hb.optimizers.schedules.CosineDecay(0.01, 100)}
    kwargs = {"learning_rate": 0.01, **kwargs}
    optimizer = getattr(hb.optimizers, name)(**kwargs)
    config = optimizer.get_config()
    assert all(config[k] == v for k, v in kwargs.items() if k != "learning_rate")
    twin = type(optimizer).from_config(json.loads(json.dumps(config)))

    def run(optimizer):
        w = hb.Variable(np.float32([1.0, -2.0, 3.0]))

        def step():
            loss = ops.sum(ops.square(w))
            optimizer.apply([hb.gradients(loss, w)], [w])
            return loss

        run = hb.function(step)
        losses = [float(run()) for _ in range(60)]
        return losses, w.numpy(), [v.numpy() for v in optimizer.variables]

    losses, w, slots = run(optimizer)
    updates = 60 // (optimizer.gradient_accumulation_steps or 1)
    assert losses[-1] < losses[0] and int(optimizer.iterations.numpy()) == updates
    again, w2, slots2 = run(twin)
    assert again == losses
    for a, b in zip([w, *slots], [w2, *slots2], strict=True):
        np.testing.assert_array_equal(a, b)


def test_adam_and_sgd_follow_their_formulas():
    w = hb.Variable(np.float32([1.0, -2.0]))
    opt = hb.optimizers.Adam(0.1)
    m = v = np.zeros(2)
    ref = np.array([1.0, -2.0])
    for t in range(1, 4):
        g = 2 * ref
        opt.apply([ops.convert_to_tensor(2 * w.numpy())], [w])
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        ref = ref - 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-7)
        np.testing.assert_allclose(w.numpy(), ref, rtol=1e-5)


def test_callbacks(tmp_path):
    x, y = blobs(200)
    m = hb.Sequential([hb.Input((6,)), L.Dense(3, activation="softmax")])
    m.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    seen = []
    stop = hb.callbacks.EarlyStopping(monitor="loss", min_delta=10.0, patience=1, restore_best_weights=True)
    h = m.fit(
        x,
        y,
        epochs=10,
        verbose=0,
        validation_split=0.1,
        callbacks=[
            stop,
            hb.callbacks.CSVLogger(tmp_path / "log.csv"),
            hb.callbacks.ModelCheckpoint(tmp_path / "m-{epoch:02d}.hornbeam"),
            hb.callbacks.ReduceLROnPlateau(monitor="loss", min_delta=10.0, patience=1, factor=0.5),
            hb.callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: seen.append(b)),
        ],
    )
    assert len(h.history["loss"]) == 2 and len(seen) == 2 * 6
    assert [r[0] for r in csv.reader((tmp_path / "log.csv").read_text().splitlines())] == ["epoch", "0", "1"]
    assert (tmp_path / "m-01.hornbeam").exists()
    assert float(np.asarray(m.optimizer.learning_rate)) == pytest.approx(0.0005)
    m.fit(x, y, epochs=1, verbose=0, callbacks=[hb.callbacks.ModelCheckpoint(tmp_path / "often.hornbeam", save_freq=3)])
    assert (tmp_path / "often.hornbeam").exists()
    with pytest.raises(ValueError, match="no hook 'on_lunch'"):
        hb.callbacks.LambdaCallback(on_lunch=print)
    h = m.fit(x, y, epochs=2, verbose=0, callbacks=[hb.callbacks.LearningRateScheduler(lambda e: 0.1 / (e + 1))])
    assert h.history["learning_rate"] == pytest.approx([0.1, 0.05])


def test_nonfinite_losses_leave_the_weights_alone():
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    bad = x.copy()
    bad[3, 1] = np.nan
    m = hb.Sequential([hb.Input((2,)), L.Dense(1)])
    m.compile("sgd", "mse", on_nonfinite="raise")
    m.fit(x, y, verbose=0)
    kept = m.get_weights()
    with pytest.raises(ValueError, match="finite"):
        m.fit(bad, y, verbose=0)
    m.compile("sgd", "mse")
    m.fit(bad, y, epochs=3, verbose=0, callbacks=[hb.callbacks.TerminateOnNaN()])
    for a, b in zip(kept, m.get_weights()):
        np.testing.assert_array_equal(a, b)
    m.fit(bad, y, verbose=0)  # Keras' behaviour without the callback
    assert np.isnan(m.get_weights()[0]).any()


def test_generators_datasets_weights_and_validation():
    x, y = blobs(100)

    class Data(hb.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return x[i * 25 : (i + 1) * 25], y[i * 25 : (i + 1) * 25]

    m = hb.Sequential([L.Dense(3, activation="softmax")])
    m.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
    assert len(m.fit(Data(), epochs=2, verbose=0, validation_data=Data()).history["val_loss"]) == 2

    def endless():
        while True:
            yield x[:10], y[:10], np.ones(10, "float32")

    m.fit(endless(), steps_per_epoch=3, epochs=2, verbose=0)
    m.fit(x, y, class_weight={0: 2.0, 1: 0.5}, verbose=0)
    m.fit(x, y, sample_weight=np.zeros(100, "float32"), verbose=0)
    assert m.evaluate(x, y, sample_weight=np.zeros(100, "float32"), verbose=0, return_dict=True)["loss"] == 0
    with pytest.raises(ZeroDivisionError):
        m.fit((i for i in [1 / 0 for _ in range(1)]), verbose=0)


def test_progress_output(capsys):
    x, y = blobs(64)
    m = hb.Sequential([hb.Input((6,)), L.Dense(3, activation="softmax")])
    m.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    m.fit(x, y, epochs=2)
    text = capsys.readouterr().out
    assert "Epoch 1/2" in text and "2/2" in text and "accuracy: " in text and "━" in text
    m.summary()
    assert "Total params: 23" in capsys.readouterr().out


def test_same_bits_for_any_number_of_threads():
    xt, yt, *_ = digits()
    results = []
    for threads in (1, 2, 3):
        hb.utils.set_random_seed(7)
        m = hb.Sequential(
            [
                hb.Input((8, 8, 1)),
                L.Conv2D(24, 3, padding="same"),
                L.BatchNormalization(),
                L.ReLU(),
                L.MaxPooling2D(),
                L.Dropout(0.2),
                L.Flatten(),
                L.Dense(10, activation="softmax"),
            ]
        )
        m.compile("adam", "sparse_categorical_crossentropy", threads=threads)
        m.fit(xt[:300], yt[:300], epochs=2, batch_size=64, verbose=0)
        results.append(m.get_weights())
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a.view("uint32"), b.view("uint32"))


def test_digits_example_reaches_its_figure():
    from hornbeam.examples.digits import train

    scores = [train(seed)[2] for seed in range(5)]
    assert np.mean(scores) >= 0.98, scores


def test_working_memory_is_close_to_the_least_possible():
    i = hb.Input((8, 8, 1))
    t = L.MaxPooling2D()(L.BatchNormalization()(L.Conv2D(16, 3, padding="same", activation="relu")(i)))
    t = L.Add()([t, L.Conv2D(16, 3, padding="same", activation="gelu")(t)])
    conv = hb.Model(i, L.Dense(10, activation="softmax")(L.Flatten()(t)))
    lstm = hb.Sequential(
        [hb.Input((12, 4)), L.LSTM(16, return_sequences=True), L.GRU(8), L.Dense(10, activation="softmax")]
    )
    for m in (conv, lstm):
        m.compile("adam", "sparse_categorical_crossentropy")
        x, y = np.zeros((32, *m.input_shape[1:]), "float32"), np.zeros(32, "int32")
        s = Step(m, "train").program((x, y, None)).executable.stats([x.shape, y.shape])
        assert 1.0 <= s["arena_bytes"] / s["live_bytes"] <= 1.1


def test_normalization_folded_into_weights_predicts_the_same():
    x = np.random.default_rng(0).standard_normal((40, 9, 9, 3)).astype("float32")
    m = hb.Sequential(
        [
            hb.Input((9, 9, 3)),
            L.Conv2D(8, 3),
            L.BatchNormalization(),
            L.ReLU(),
            L.DepthwiseConv2D(3, use_bias=False),
            L.BatchNormalization(scale=False),
            L.Conv2DTranspose(5, 3, strides=2),
            L.BatchNormalization(center=False),
            L.Flatten(),
            L.Dense(4),
            L.BatchNormalization(),
        ]
    )
    m.compile("adam", "mse")
    m.fit(x, np.ones((40, 4), "float32"), epochs=3, verbose=0)
    step = Step(m, "predict").program((x,))
    plain = _core.Executable(step.graph, disable=["fold_scales"])
    assert str(step.executable.graph) != str(plain.graph)
    want = plain.run([x])[0]
    np.testing.assert_allclose(m.predict(x, batch_size=40, verbose=0), want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(m.predict(x, batch_size=7, verbose=0), want, rtol=1e-4, atol=1e-5)  # several runs
    m.fit(x, np.ones((40, 4), "float32"), verbose=0)  # changes what was folded
    np.testing.assert_allclose(m.predict(x, batch_size=7, verbose=0), plain.run([x])[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shortcut_first", [True, False])
def test_what_follows_a_normalization_runs_in_its_sweep(shortcut_first, threads):
    """relu, and a residual that is there already, behind batch norm while training: the same losses and moving statistics."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 7, 5, 3)).astype("float32"), rng.standard_normal((12, 7, 5, 19)).astype("float32")

    def train(disable):
        hb.utils.set_random_seed(0)
        i = hb.Input((7, 5, 3))
        t = L.ReLU()(L.BatchNormalization()(L.Conv2D(19, 3, padding="same", use_bias=False)(i)))
        other = L.Conv2D(19, 1)
        shortcut = other(i) if shortcut_first else None
        t = L.BatchNormalization()(L.Conv2D(19, 3, padding="same", use_bias=False)(t))
        m = hb.Model(i, L.ReLU()(L.Add()([t, shortcut if shortcut_first else other(i)])))
        m.compile("adam", "mse", threads=threads)
        step = Step(m, "train").program((x, y, None))
        executable = _core.Executable(step.graph, disable=disable, threads=threads)
        losses = [float(executable.run([x, y])[0]) for _ in range(4)]
        joined = sum("batch_norm(" in line and "program=" in line for line in str(executable.graph).splitlines())
        return losses, [np.array(w) for w in m.get_weights()], joined

    on, off = train([]), train(["fuse_epilogue"])
    assert on[2] > off[2] == 0
    np.testing.assert_allclose(on[0], off[0], rtol=1e-5)
    for a, b in zip(on[1], off[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


def test_what_reads_a_normalization_and_its_statistics_stays_behind_it():
    x = np.random.default_rng(0).standard_normal((50, 19)).astype("float32") + 2.0
    ones, zeros = np.ones(19, "float32"), np.zeros(19, "float32")

    def step(x):
        y, mean, variance = emit("batch_norm", [x, ones, zeros], epsilon=1e-3)
        return hb.ops.relu(y * mean + variance), mean

    on, off = hb.function(step)(x), hb.function(step, disable=["fuse_epilogue"])(x)
    for a, b in zip(on, off, strict=True):
        np.testing.assert_array_equal(a, b)
    want = np.maximum((x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3) * x.mean(0) + x.var(0), 0)
    np.testing.assert_allclose(on[0], want, rtol=1e-4, atol=1e-4)
