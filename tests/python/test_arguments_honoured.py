"""Arguments that layers, ops, models and utilities share with Keras change what they say they change, or are refused."""

import numpy as np
import pytest

import hornbeam as hb

L, ops = hb.layers, hb.ops
X = np.linspace(-1.0, 1.0, 24, dtype="float32").reshape(2, 4, 3)


def lines(model, **options):
    out = []
    model.summary(line_length=100, print_fn=out.append, **options)
    return out[0].split("\n")


def stack():
    return hb.Sequential([hb.Input((3,)), *(L.Dense(2, name=n) for n in ("first", "middle_a", "middle_b", "last"))])


def listed(model, **options):
    return [
        n for n in ("first", "middle_a", "middle_b", "last") if any(f" {n} (" in x for x in lines(model, **options))
    ]


def test_summary_lists_a_range_of_layers():
    model = stack()
    assert listed(model) == ["first", "middle_a", "middle_b", "last"]
    assert listed(model, layer_range=("middle_a", "middle_b")) == ["middle_a", "middle_b"]
    assert listed(model, layer_range=["middle", "middle"]) == ["middle_a", "middle_b"]
    assert listed(model, layer_range=("last", "middle_a")) == ["middle_a", "middle_b", "last"]
    for bad in (("first",), "first", ("first", "none"), (1, 2)):
        with pytest.raises(ValueError, match="layer_range="):
            model.summary(layer_range=bad)


def test_summary_takes_positions():
    model = stack()
    rule = lines(model, positions=[0.5, 0.75, 1.0])[1]
    widths = [len(part) for part in rule.strip("\u250f\u2513").split("\u2533")]
    assert abs(widths[0] - 2 * widths[1]) <= 4 and widths[1] == widths[2]
    for bad in ([0.5, 1.0], [0.5, 0.4, 1.0], 3, [0.5, 0.75, 1.5]):
        with pytest.raises(ValueError, match="positions"):
            model.summary(positions=bad)


@pytest.mark.parametrize("layer", [L.LSTM, L.GRU, L.SimpleRNN])
def test_recurrent_layers_pass_their_dtype_on(layer):
    made = layer(2, dtype="float64")
    assert made(X.astype("float64")).dtype == "float64"
    assert {w.dtype for w in made.weights} == {"float64"}


def test_initializers_take_axes():
    shape = (4, 3, 2)  # of a kernel with a window of 4, thus 12 inputs
    plain = hb.initializers.VarianceScaling(2.0, "fan_in", "uniform", seed=3)(shape)
    axes = hb.initializers.VarianceScaling(2.0, "fan_in", "uniform", 3, input_axes=[0], output_axes=[1, -1])
    np.testing.assert_allclose(axes(shape), plain * np.sqrt(12 / 4), rtol=1e-6)
    glorot = hb.initializers.GlorotUniform(3, input_axes=[0], output_axes=[1, 2])(shape)
    np.testing.assert_allclose(glorot, plain * np.sqrt(1 / 2 * 12 / 5), rtol=1e-6)
    again = hb.initializers.deserialize(hb.initializers.serialize(axes))
    np.testing.assert_array_equal(again(shape), axes(shape))
    with pytest.raises(ValueError, match=r"input_axes=\[0\], output_axes=None"):
        hb.initializers.HeNormal(input_axes=[0])


def test_a_lambda_is_held_to_its_output_shape():
    double = L.Lambda(lambda t: ops.concatenate([t, t], -1), output_shape=(4, 6))
    assert double(X).shape == (2, 4, 6)
    assert L.Lambda(lambda t: t, output_shape=lambda shape: shape)(X).shape == X.shape
    assert L.Lambda(lambda t: [t, t[:, 0]], output_shape=[(None, 3), (3,)])(X)[1].shape == (2, 3)
    for wrong in ((4, 3), (6,), lambda shape: shape):
        with pytest.raises(ValueError, match="output_shape="):
            L.Lambda(lambda t: ops.concatenate([t, t], -1), output_shape=wrong)(X)


def test_prod_multiplies_in_its_dtype():
    assert ops.prod([1.5, 2.5], dtype="int32").numpy() == 2
    assert ops.prod(np.full(3, 2, "int32"), dtype="float32").dtype == "float32"


def test_finalize_variable_values_takes_a_list():
    v, w = hb.Variable([1.0]), hb.Variable([1.0])
    optimizer = hb.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5)
    for _ in range(2):
        optimizer.apply([np.ones(1, "float32")] * 2, [v, w])
    optimizer.finalize_variable_values([w])
    assert (v.numpy()[0], w.numpy()[0]) == (0.0, 0.25)


def test_models_are_plotted_as_asked(tmp_path):
    model = hb.Sequential([hb.Input((3,)), L.Dense(2, "relu", name="d")])
    plain = hb.utils.model_to_dot(model)
    assert "rankdir=TB, dpi=200, splines=ortho" in plain and "d (Dense)" in plain and "float32" not in plain
    full = hb.utils.model_to_dot(
        model, True, True, False, "LR", dpi=72, splines="curved", show_layer_activations=True, show_trainable=True
    )
    assert (
        '"{Dense|activation: relu|(None, 2)|float32|trainable}"' in full
        and "rankdir=LR, dpi=72, splines=curved" in full
    )
    hb.utils.plot_model(model, str(tmp_path / "m.dot"), show_shapes=True)
    assert "(None, 2)" in (tmp_path / "m.dot").read_text()


@pytest.mark.parametrize(
    "name, call",
    [
        ("jit_compile", lambda v: stack().compile("sgd", "mse", jit_compile=v)),
        ("auto_scale_loss", lambda v: stack().compile("sgd", "mse", auto_scale_loss=v)),
        ("max_shard_size", lambda v: stack().save_weights("never", max_shard_size=v)),
        ("overwrite_with_gradient", lambda v: L.Layer().add_weight((1,), overwrite_with_gradient=v)),
        ("aggregation", lambda v: hb.Variable([1.0], aggregation=v)),
        ("synchronization", lambda v: hb.Variable([1.0], synchronization=v)),
        ("layout", lambda v: hb.Variable([1.0], layout=v)),
        ("record_history", lambda v: hb.KerasTensor((2,), record_history=v)),
        ("shape", lambda v: hb.Input(v, tensor=hb.Input((3,)))),
        ("ragged", lambda v: hb.Input((3,), ragged=v)),
        ("sparse", lambda v: ops.convert_to_tensor(X, sparse=v)),
        ("attn_logits_soft_cap", lambda v: ops.dot_product_attention(*[X[None]] * 3, attn_logits_soft_cap=v)),
        ("ordered", lambda v: hb.random.SeedGenerator(1).next(ordered=v)),
        ("preferred_backend", lambda v: hb.utils.split_dataset(X, 0.5, preferred_backend=v)),
        ("expand_nested", lambda v: hb.utils.model_to_dot(stack(), expand_nested=v)),
    ],
)
def test_what_there_is_not_is_refused(name, call):
    with pytest.raises(ValueError, match=f"`{name}`.*Received: {name}='other'"):
        call("other")


def test_scan_joins_a_positive_number_of_steps():
    with pytest.raises(ValueError, match="Received: unroll=0"):
        ops.scan(lambda c, x: (c, x), 0.0, X, unroll=0)
