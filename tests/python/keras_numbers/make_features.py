"""Records what the layers for numbers and categories give in Keras on TensorFlow. usage: KERAS_BACKEND=tensorflow python make_features.py"""

import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import feature_cases
import keras
import numpy as np


def main():
    found = {}
    for name, result in feature_cases.cases(keras.layers, keras.utils.FeatureSpace).items():
        array = np.asarray(result)
        values = array.ravel().tolist()
        if array.dtype.kind == "f":
            values = [float(f"{v:.9g}") for v in values]
        found[name] = [str(array.dtype), list(array.shape), values]
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(case)}" for name, case in found.items())
    pathlib.Path(__file__).with_name("features.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
