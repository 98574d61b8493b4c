"""Dtype policies of layers and models, and losses that are scaled; tests/golden compares their numbers with Keras'."""

import copy
import pickle

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops

X = np.random.RandomState(0).normal(size=(16, 4)).astype("float32")
Y = np.random.RandomState(1).normal(size=(16, 2)).astype("float32")
MIXED = [("mixed_float16", "float16"), ("mixed_bfloat16", "bfloat16")]
SERIALIZED = {
    "module": "keras",
    "class_name": "DTypePolicy",
    "config": {"name": "mixed_bfloat16"},
    "registered_name": None,
}


@pytest.fixture(autouse=True)
def plain_policy():
    yield
    hb.utils.clear_session()


# ---- policies ----
@pytest.mark.parametrize("name", ["float32", "float64", "float16", "bfloat16", "uint8"])
def test_a_plain_policy_is_of_one_dtype(name):
    policy = hb.DTypePolicy(name)
    assert (policy.name, policy.compute_dtype, policy.variable_dtype) == (name, name, name)
    assert policy.quantization_mode is None and repr(policy) == f'<DTypePolicy "{name}">'


@pytest.mark.parametrize("name, compute", MIXED)
def test_a_mixed_policy_keeps_float32(name, compute):
    policy = hb.dtype_policies.get(name)
    assert (policy.compute_dtype, policy.variable_dtype) == (compute, "float32")
    twins = [hb.dtype_policies.get(hb.dtype_policies.serialize(policy)), copy.deepcopy(policy)]
    twins += [
        pickle.loads(pickle.dumps(policy)),
        hb.FloatDTypePolicy(name),
        type(policy).from_config(policy.get_config()),
    ]
    assert all(policy == t and hash(policy) == hash(t) for t in twins)
    assert policy != hb.DTypePolicy("float32") and policy != name


def test_what_is_no_policy_is_refused():
    for given in ("mixed_float32", "", "text", "int8_from_float32"):
        with pytest.raises(ValueError, match=f"Cannot convert.*Received: dtype='{given}'"):
            L.Dense(2, dtype=given)
    with pytest.raises(ValueError, match="Cannot interpret `dtype` argument.*Received: dtype=3"):
        L.Dense(2, dtype=3)
    with pytest.raises(TypeError, match="'name' must be a string.*Received: name=3"):
        hb.DTypePolicy(3)
    for given in (None, 3):
        with pytest.raises(ValueError, match=f"Invalid `policy` argument.*Received: policy={given}"):
            hb.config.set_dtype_policy(given)


def test_the_default_policy():
    assert hb.config.dtype_policy() == hb.DTypePolicy("float32")
    hb.config.set_floatx("float64")
    try:
        assert L.Dense(2).dtype == "float64"
    finally:
        hb.config.set_floatx("float32")
    hb.mixed_precision.set_global_policy("mixed_bfloat16")
    assert hb.mixed_precision.global_policy() == hb.DTypePolicy() == L.Dense(2).dtype_policy
    assert L.Dense(2, dtype="float32").compute_dtype == "float32"
    assert hb.Input((3,)).dtype == "float32" and hb.losses.MeanSquaredError().dtype == "float32"
    hb.utils.clear_session()
    assert L.Dense(2).dtype_policy.name == "float32"


# ---- layers ----
@pytest.mark.parametrize("name, compute", MIXED)
def test_a_layer_computes_in_one_dtype_and_keeps_another(name, compute):
    layer = L.Dense(3, dtype=name, kernel_regularizer="l2")
    y = layer(X)
    assert (y.dtype, layer.dtype, layer.variable_dtype, layer.compute_dtype) == (compute, "float32", "float32", compute)
    assert [w.dtype for w in layer.weights] == ["float32", "float32"] and layer.losses[0].dtype == "float32"
    halves = [ops.cast(t, compute) for t in (X, layer.kernel, layer.bias)]
    np.testing.assert_array_equal(np.asarray(y), np.asarray(ops.add(ops.matmul(*halves[:2]), halves[2])))
    layer.dtype_policy = "float32"
    assert layer(X).dtype == "float32"


class Reader(L.Layer):
    """Notes in which dtype its weights are read."""

    def build(self, input_shape):
        self.cast, self.kept = (self.add_weight((4,), autocast=a) for a in (True, False))
        self.count = self.add_weight((), "zeros", "int32", trainable=False)

    def call(self, x):
        self.seen = [v.dtype for v in (self.cast, self.kept, self.count)]
        assert self.seen == [v.value.dtype for v in (self.cast, self.kept, self.count)]
        self.count.assign(self.count + 1)
        return x * self.cast


def test_weights_are_read_in_what_the_layer_computes_in():
    layer = Reader(dtype="mixed_bfloat16")
    assert layer(X).dtype == "bfloat16" and layer.seen == ["bfloat16", "float32", "int32"]
    assert [v.dtype for v in layer.weights] == ["float32", "float32", "int32"]
    alone = Reader()
    alone(X)
    assert alone.seen == ["float32", "float32", "int32"]


def test_a_layer_inside_reads_by_its_own_policy():
    class Outer(L.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.plain, self.same, self.uncast = Reader(dtype="float32"), Reader(), Reader(autocast=False)
            self.own = self.add_weight((4,))

        def call(self, x):
            y = [layer(x).dtype for layer in (self.plain, self.same, self.uncast)]
            assert y == ["float32"] * 3 and self.own.dtype == "bfloat16"
            return x * self.own

    outer = Outer(dtype="mixed_bfloat16")
    assert outer(X).dtype == "bfloat16" and outer.own.dtype == "float32"
    assert {layer.seen[0] for layer in (outer.plain, outer.same, outer.uncast)} == {"float32"}


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_are_of_the_weights_dtype(compiled):
    layer = L.Dense(2, dtype="mixed_bfloat16")
    layer.build((None, 4))

    def gradients(x):
        with hb.GradientTape() as tape:
            loss = ops.sum(layer(x))
        assert loss.dtype == "bfloat16"
        return tape.gradient(loss, layer.trainable_weights)

    kernel, bias = (hb.function(gradients) if compiled else gradients)(X)
    assert kernel.dtype == bias.dtype == "float32"
    want = np.asarray(ops.cast(X, "bfloat16")).sum(0)
    np.testing.assert_allclose(np.asarray(kernel), np.stack([want, want], 1), 4e-3)


# ---- configs and files ----
def test_configs_name_a_dtype_or_hold_a_policy():
    assert L.Dense(2, dtype="float64").get_config()["dtype"] == "float64"
    config = L.Dense(2, dtype="mixed_bfloat16").get_config()
    assert config["dtype"] == {**SERIALIZED, "module": "hornbeam"}
    for given in (config["dtype"], SERIALIZED, "mixed_bfloat16"):
        assert L.Dense.from_config({**config, "dtype": given}).dtype_policy == hb.DTypePolicy("mixed_bfloat16")
    assert L.Dense.from_config({**config, "dtype": {**SERIALIZED, "config": {"name": "float32"}}}).dtype == "float32"


def stack(policy):
    hb.utils.set_random_seed(3)
    hb.config.set_dtype_policy(policy)
    model = hb.Sequential(
        [hb.Input((4,)), L.Dense(6, "relu"), L.BatchNormalization(), L.LayerNormalization(), L.Dense(2)]
    )
    hb.utils.clear_session()
    return model


@pytest.mark.parametrize("name, compute", MIXED)
def test_a_model_is_saved_with_its_policies(tmp_path, name, compute):
    model = stack(name)
    model.compile(hb.optimizers.Adam(0.01), "mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    model.save(tmp_path / "m.hornbeam")
    twin = hb.load_model(tmp_path / "m.hornbeam")
    assert [layer.dtype_policy.name for layer in twin.layers] == [name] * 4 and type(twin.optimizer) is type(
        model.optimizer
    )
    for m in (model, twin):
        m.fit(X, Y, epochs=2, batch_size=8, shuffle=False, verbose=0)
        m.run_eagerly = True
        m.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    kept = [[v.numpy() for v in (*m.variables, *m.optimizer.variables)] for m in (model, twin)]
    for a, b in zip(*kept, strict=True):
        np.testing.assert_array_equal(a, b)
    assert model(X).dtype == compute and {v.dtype for v in model.weights} == {"float32"}
    model.save_weights(tmp_path / "w.weights.h5")
    other = stack(name)
    other.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))


def test_copies_of_variables_keep_bfloat16():
    v = hb.Variable([1.0], dtype="bfloat16")
    assert copy.deepcopy(v).dtype == pickle.loads(pickle.dumps(v)).dtype == "bfloat16"


# ---- scaled losses ----
@pytest.mark.parametrize("name, given, scales", [("mixed_float16", True, True), ("mixed_float16", False, False)])
def test_compile_scales_losses_in_float16(name, given, scales):
    model = stack(name)
    model.compile("sgd", "mse", auto_scale_loss=given)
    assert isinstance(model.optimizer, hb.optimizers.LossScaleOptimizer) is scales


def test_compile_scales_no_other_losses():
    for name in ("float32", "float16", "mixed_bfloat16"):
        model = stack(name)
        model.compile("sgd", "mse")
        assert isinstance(model.optimizer, hb.optimizers.SGD)
    model, own = stack("mixed_float16"), hb.optimizers.LossScaleOptimizer(hb.optimizers.SGD())
    model.compile(own, "mse")
    assert model.optimizer is own


@pytest.mark.parametrize("compiled", [False, True])
def test_the_scale_follows_the_gradients(compiled):
    weight, inner = hb.Variable([1.0, 2.0]), hb.optimizers.Adam(0.5, use_ema=True)
    optimizer = hb.optimizers.LossScaleOptimizer(inner, initial_scale=4.0, dynamic_growth_steps=2)
    optimizer.build([weight])

    def step(g):
        optimizer.apply([g, None], [weight, weight])

    run = hb.function(step) if compiled else step
    scales, counts = [], []
    for g in (1.0, 2.0, np.inf, np.nan, 3.0, 4.0, 5.0):
        before = [v.numpy() for v in (weight, *inner.variables)]
        run(np.array([g, 1.0], "float32"))
        same = [np.array_equal(a, v.numpy()) for a, v in zip(before, (weight, *inner.variables))]
        assert all(same) if not np.isfinite(g) else not any(same[:2])
        scales.append(float(optimizer.dynamic_scale.numpy()))
        counts.append(int(optimizer.step_counter.numpy()))
    assert scales == [4.0, 8.0, 4.0, 2.0, 2.0, 4.0, 4.0] and counts == [1, 0, 0, 0, 1, 0, 1]
    assert int(optimizer.iterations.numpy()) == 5 and float(optimizer.scale_loss(2.0)) == 8.0


def test_what_is_the_inner_optimizers():
    inner = hb.optimizers.SGD(0.5, loss_scale_factor=8.0)
    optimizer = hb.optimizers.LossScaleOptimizer(inner, initial_scale=4.0)
    optimizer.learning_rate = 0.25
    assert inner.loss_scale_factor is None and float(inner.learning_rate.numpy()) == 0.25
    assert [v.name for v in optimizer.variables] == ["step_counter", "dynamic_scale", "iteration", "learning_rate"]
    twin = hb.optimizers.get(hb.optimizers.serialize(optimizer))
    assert twin.get_config() == optimizer.get_config() and len(twin.get_config()) == 4
    model = stack("mixed_float16")
    model.compile("sgd", "mse", on_nonfinite="skip")
    model.optimizer.dynamic_scale.assign(2.0**60)
    model.fit(X, Y, batch_size=8, verbose=0)  # gradients that are not finite are no reason to skip, but halve the scale
    assert float(model.optimizer.dynamic_scale.numpy()) == 2.0**58 and int(model.optimizer.iterations.numpy()) == 0


def test_arguments_that_are_not_the_wrappers_are_refused():
    make, sgd = hb.optimizers.LossScaleOptimizer, hb.optimizers.SGD()
    make(sgd, dynamic=True, weight_decay=None, use_ema=False, ema_momentum=0.99)
    for options, match in (
        ({"dynamic": False}, "set `loss_scale_factor`.*Received: dynamic=False"),
        ({"clipnorm": 0.5}, "set `clipnorm` on the `inner_optimizer`. Received: clipnorm=0.5"),
        ({"foo": 1, "bar": 2}, "does not support arguments: `foo`, `bar`"),
        ({"initial_scale": 0.0}, "`initial_scale` must be positive. Received: initial_scale=0.0"),
        ({"dynamic_growth_steps": 0}, "`dynamic_growth_steps`"),
    ):
        with pytest.raises(ValueError, match=match):
            make(sgd, **options)
    for given in ("sgd", make(sgd)):
        with pytest.raises(TypeError, match="`inner_optimizer` must be an optimizer.*Received: inner_optimizer="):
            make(given)


# ---- training in any policy ----
@pytest.mark.parametrize("name", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"])
def test_a_functional_model_trains_and_is_saved(tmp_path, name):
    hb.config.set_dtype_policy(name)
    hb.utils.set_random_seed(1)
    inputs = hb.Input((5, 4))
    x = L.Bidirectional(L.GRU(3, return_sequences=True))(inputs)
    x = ops.relu(L.MultiHeadAttention(2, 3)(x, x) + x)
    x = L.GlobalAveragePooling1D()(L.TimeDistributed(L.Dense(4))(x))
    model = hb.Model(inputs, L.Dense(2, "softmax", dtype="float32")(x))
    model.compile(hb.optimizers.SGD(0.1, momentum=0.5), "categorical_crossentropy")
    compute, kept = hb.config.dtype_policy().compute_dtype, hb.config.dtype_policy().variable_dtype
    assert (x.dtype, model.output.dtype) == (compute, "float32")
    data = np.random.RandomState(5).normal(size=(16, 5, 4)).astype("float32")
    losses = model.fit(data, np.eye(2)[np.arange(16) % 2], epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and {w.dtype for w in model.weights} == {kept, "float32"}
    slots = [v.dtype for v in model.optimizer.variables if "momentum" in v.name]
    assert slots == [w.dtype for w in model.trainable_weights]
    model.save(tmp_path / "m.hornbeam")
    twin = hb.load_model(tmp_path / "m.hornbeam")
    np.testing.assert_array_equal(twin.predict(data, verbose=0), model.predict(data, verbose=0))
