"""Writes layer_orders.json: the order of layers and weights that real Keras gives random functional models.

``python make_layer_orders.py`` with Keras 3 installed; the test makes the same models in Hornbeam.
"""

import json
import os
import random


def model(keras, seed):
    """A random graph of Dense and Add layers, some shared, some ops, with one or two inputs and outputs."""
    r = random.Random(seed)
    inputs = [keras.Input((3,), name=f"in{i}") for i in range(r.choice((1, 1, 2, 3)))]
    tensors, layers = list(inputs), []
    for i in range(r.randint(3, 12)):
        kind = r.choice(("dense", "dense", "add", "shared", "op", "norm"))
        t = r.choice(tensors[-4:])
        if kind == "add" and len(tensors) > 1:
            tensors.append(keras.layers.Add(name=f"add{i}")(r.sample(tensors, 2)))
        elif kind == "shared" and layers:
            tensors.append(r.choice(layers)(t))
        elif kind == "op":
            tensors.append(keras.ops.relu(t))
        elif kind == "norm":
            tensors.append(keras.layers.BatchNormalization(name=f"norm{i}")(t))
        else:
            layers.append(keras.layers.Dense(3, name=f"dense{i}"))
            tensors.append(layers[-1](t))
    made = tensors[len(inputs) :]
    return keras.Model(inputs, r.sample(made, r.choice((1, min(2, len(made))))))


def order(keras, seed):
    """Names of the layers, and the layer and name of each weight; None where the outputs do not depend on the inputs."""
    try:
        m = model(keras, seed)
    except ValueError:
        return None
    return [[x.name for x in m.layers], ["/".join(w.path.split("/")[-2:]) for w in m.weights]]


if __name__ == "__main__":
    import keras

    path = os.path.join(os.path.dirname(__file__), "layer_orders.json")
    with open(path, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(order(keras, seed)) for seed in range(60)) + "\n]\n")
