"""Every call recorded from real Keras gives the same dtypes, shapes and values here."""

import inspect
import re

import golden
import pytest

import hornbeam as hb

RECORDED = {family: golden.load(family) for family in golden.FAMILIES}
CASES = {family: golden.cases(family, hb) for family in golden.FAMILIES}
TOLERANCE = {
    "layers": (1e-4, 1e-5),
    "layer_options": (1e-4, 1e-5),
    "cells": (1e-4, 1e-5),
    "colour": (1e-5, 1e-4),
    "augmentation": (1e-4, 1e-3),
    "metrics": (2e-5, 1e-5),
    "initializers": (0.03, 0.03),
    "mixed": (3e-2, 3e-2),
    "optimizers": (2e-4, 2e-5),
    "sound": (1e-4, 1e-4),
}  # (rtol, atol): of random numbers, and of long computations


@pytest.mark.parametrize("family", golden.FAMILIES)
def test_every_case_is_recorded(family):
    assert list(CASES[family]) == list(RECORDED[family])


@pytest.mark.parametrize("family,name", [(f, n) for f in golden.FAMILIES for n in RECORDED[f]])
def test_as_keras(family, name):
    golden.compare(golden.arrays(CASES[family][name]()), RECORDED[family][name], *TOLERANCE.get(family, ()))


FACES = {  # the classes' module, their base, the families whose cases name them
    "losses": (hb.losses, hb.losses.Loss, ["losses"]),
    "metrics": (hb.metrics, hb.metrics.Metric, ["metrics"]),
    "initializers": (hb.initializers, hb.initializers.Initializer, ["initializers", "sound"]),
    "regularizers": (hb.regularizers, hb.regularizers.Regularizer, ["parts"]),
    "constraints": (hb.constraints, hb.constraints.Constraint, ["parts"]),
    "optimizers": (hb.optimizers, hb.optimizers.Optimizer, ["optimizers", "mixed"]),
    "schedules": (hb.optimizers.schedules, hb.optimizers.schedules.LearningRateSchedule, ["optimizers"]),
    "layers": (hb.layers, hb.layers.Layer, ["layers", "layer_options", "cells", "augmentation", "colour", "sound"]),
}
WITHOUT = {
    "Discretization": "has no gradient here, zeros in Keras: tests/python/test_features.py",
    "Hashing": "Keras needs TensorFlow for it: tests/python/keras_numbers",
    "HashedCrossing": "likewise",
    "LossFunctionWrapper": "Keras does not show it; every other loss and own losses stand for it",
    "InputLayer": "gives what it is given",
    "Wrapper": "a base class",
    **dict.fromkeys(
        ("IntegerLookup", "StringLookup", "TextVectorization"), "Keras needs TensorFlow: tests/python/test_text.py"
    ),
}


def _named_in(families):
    """Every word of the recorded cases' names."""
    return {word for f in families for name in RECORDED[f] for word in re.findall(r"\w+", name)}


@pytest.mark.parametrize("face", FACES)
def test_every_public_class_has_a_case(face):
    module, base, families = FACES[face]
    public = {  # an alias is the class that it names
        c.__name__
        for n, c in vars(module).items()
        if not n.startswith("_") and isinstance(c, type) and issubclass(c, base) and c is not base
    }
    assert public
    assert public - _named_in(families) - set(WITHOUT) == set()


def test_every_loss_function_and_activation_has_a_case():
    losses = {f.__name__ for f in vars(hb.losses).values() if inspect.isfunction(f)}  # an alias is what it names
    functions = {*losses, *hb.activations.__all__} - {"get", "serialize", "deserialize"}
    assert functions - _named_in(["losses", "layers", "layer_options"]) == set()


def test_no_exception_is_left_over():
    shown = {n for module, *_ in FACES.values() for n in vars(module)}
    named = _named_in(golden.FAMILIES)
    assert all(n in shown and n not in named for n in WITHOUT)
