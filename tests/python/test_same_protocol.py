"""What Keras' own tests ask of every object: when a layer counts as built, names of arguments, equality."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers, ops

WITHOUT_WEIGHTS = [
    lambda: layers.ReLU(),
    lambda: layers.Dropout(0.5),
    lambda: layers.Flatten(),
    lambda: layers.MaxPooling2D(),
    lambda: layers.Add(),
    lambda: layers.ZeroPadding2D(),
    lambda: layers.Lambda(lambda x: x),
    lambda: layers.GlobalAveragePooling1D(),
]


@pytest.mark.parametrize("make", WITHOUT_WEIGHTS)
def test_layers_without_weights_are_built_at_once(make):
    assert make().built


def test_layers_with_weights_or_a_build_are_not():
    class Own(layers.ReLU):
        def build(self, input_shape):
            self.gain = self.add_weight((), "ones")

        def call(self, inputs):
            return super().call(inputs) * self.gain

    class Users(hb.Layer):
        def call(self, inputs):
            return inputs

    class Net(hb.Model):
        def call(self, inputs):
            return inputs

    assert not any(x.built for x in (layers.Dense(2), Own(), Users(), Net(), hb.Sequential([layers.ReLU()])))
    layer = Own()
    assert np.allclose(layer(np.array([-1.0, 2.0], "float32")), [0, 2])
    assert layer.built and len(layer.weights) == 1


def test_a_wrapper_builds_the_layer_inside():
    class Twice(layers.Wrapper):
        def call(self, inputs):
            return 2 * self.layer(inputs)

    wrapper = Twice(layers.Dense(3))
    assert not wrapper.built
    wrapper.build((None, 4))
    assert wrapper.built and wrapper.layer.kernel.shape == (4, 3)


def test_masks_are_given_by_keyword():
    x, y = np.ones((2, 3), "float32"), np.ones((2, 3), "float32")
    a, b = np.array([[True, False, False]] * 2), np.array([[False, False, True]] * 2)
    assert np.array_equal(layers.Add().compute_mask([x, y], mask=[a, b]), a | b)
    assert layers.Add().compute_mask([x, y], mask=[a, None]) is None
    assert layers.Concatenate().compute_mask([x, y], mask=[None, None]) is None
    assert np.array_equal(layers.Masking(1.0).compute_mask(np.ones((1, 2, 3)), mask=None), [[False, False]])
    assert layers.GlobalAveragePooling1D().compute_mask(x, mask=a) is None
    lstm = layers.LSTM(2, return_sequences=True)
    assert lstm.compute_mask(np.ones((2, 3, 1)), mask=a) is a


@pytest.mark.parametrize("layer", [layers.Add, layers.Concatenate])
def test_masks_that_do_not_fit_the_inputs_are_refused(layer):
    x = np.ones((2, 3), "float32")
    mask = np.ones((2, 3), bool)
    with pytest.raises(ValueError, match="`mask` should be a list. Received: mask="):
        layer().compute_mask([x, x], x)
    with pytest.raises(ValueError, match="`inputs` should be a list. Received: inputs="):
        layer().compute_mask(x, [mask, mask])
    with pytest.raises(ValueError, match="same length. Received: 2 inputs and 1 masks"):
        layer().compute_mask([x, x], [mask])


def test_an_embedding_is_built_without_a_shape():
    layer = layers.Embedding(5, 2, input_length=3)
    layer.build()
    assert layer.embeddings.shape == (5, 2)


def test_symbolic_tensors_take_kerass_arguments():
    x = hb.KerasTensor((None, 3), "int", sparse=False, ragged=False, name="x")
    assert (x.shape, x.dtype, x.name) == ((None, 3), "int32", "x")
    for kind in ("sparse", "ragged"):
        with pytest.raises(ValueError, match=f"dense. Received: .*{kind}=True"):
            hb.KerasTensor((2,), **{kind: True})
    with pytest.raises(TypeError, match="`dtype` must be one of"):
        hb.KerasTensor((2,), "complex64")
    with pytest.raises(ValueError, match="shape=-1"):
        hb.KerasTensor((-1,))


def test_variables_are_compared_by_value():
    v, w = hb.Variable([1.0, 2.0]), hb.Variable([1.0, 3.0])
    assert np.array_equal(v == w, [True, False]) and np.array_equal(v != w, [False, True])
    assert np.array_equal(v == 1.0, [True, False]) and np.array_equal(1.0 != v, [False, True])
    assert (v == None) is False and (v != "one") is True  # noqa: E711
    assert {v: 1, w: 2}[w] == 2 and len({v, w, v}) == 2
    model = hb.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    assert model.optimizer.iterations == 0
    model.fit(np.ones((4, 2)), np.ones((4, 1)), batch_size=2, verbose=0)
    assert model.optimizer.iterations == 2 and not model.optimizer.iterations == 0


def test_optimizer_weights_are_set():
    kernel = hb.Variable(np.ones(3, "float32"))
    optimizer = hb.optimizers.Adam(0.5)
    with pytest.raises(ValueError, match="call build"):
        optimizer.set_weights([])
    optimizer.build([kernel])
    optimizer.apply([np.full(3, 2.0, "float32")])
    kept = [np.array(v) for v in optimizer.variables]
    optimizer.apply([np.full(3, -1.0, "float32")])
    optimizer.set_weights(kept)
    assert all(np.array_equal(v, k) for v, k in zip(optimizer.variables, kept)) and optimizer.iterations == 1
    before = [np.array(v) for v in optimizer.variables]
    with pytest.raises(ValueError, match="the variables have shapes"):
        optimizer.set_weights([*(0 * k for k in kept[:-1]), np.zeros((4,), "float32")])
    assert all(np.array_equal(v, b) for v, b in zip(optimizer.variables, before))


def test_small_arguments():
    given = np.arange(4.0).reshape(2, 2)
    assert np.array_equal(hb.initializers.get(ops.convert_to_tensor(given))((2, 2)), given)
    hb.config.set_image_data_format("channels_last")
    with pytest.raises(ValueError, match="data_format='channels_first'"):
        hb.config.set_image_data_format("channels_first")
    assert hb.config.image_data_format() == "channels_last"
    assert np.array_equal(hb.constraints.Constraint()(given), given)
    assert layers.SpatialDropout2D(0.5, "channels_last", 3).get_config()["data_format"] == "channels_last"
    with pytest.raises(ValueError, match="data_format"):
        layers.SpatialDropout2D(0.5, data_format="channels_first")
