"""Writes ``model.weights.h5`` and ``model.json`` (an input and what the model makes of it) with Keras 3. The test makes the
same model of Hornbeam's layers: ``python make.py`` in an environment with Keras and h5py, after a change of ``model``."""

import json
import os

import numpy as np


def model(k):
    """A model whose layers hold weights in every way: themselves, in cells, in wrappers, in models, in lists."""

    class Tail(k.layers.Layer):
        def __init__(self):
            super().__init__()
            self.steps = [k.layers.Dense(2), [k.layers.Dense(2)]]
            self._last = k.layers.Dense(1)

        def call(self, x):
            return self._last(self.steps[1][0](self.steps[0](x)))

    i = k.Input((4, 3))
    x = k.layers.BatchNormalization()(k.layers.Dense(3)(i))
    x = k.layers.RepeatVector(4)(k.layers.Bidirectional(k.layers.GRU(2))(x))
    x = k.layers.TimeDistributed(k.layers.Dense(2))(x)
    x = k.Sequential([k.Input((4, 2)), k.layers.Dense(2), k.layers.Dense(2)])(x)
    return k.Model(i, Tail()(x))


if __name__ == "__main__":
    import keras

    keras.utils.set_random_seed(0)
    made = model(keras)
    rng = np.random.default_rng(0)
    made.set_weights([rng.uniform(0.1, 1.0, w.shape) for w in made.get_weights()])
    here = os.path.dirname(os.path.abspath(__file__))
    made.save_weights(os.path.join(here, "model.weights.h5"))
    x = rng.standard_normal((2, 4, 3)).astype("float32")
    y = made.predict(x, verbose=0)
    with open(os.path.join(here, "model.json"), "w") as f:
        json.dump({"x": x.tolist(), "y": y.tolist()}, f)
        f.write("\n")
