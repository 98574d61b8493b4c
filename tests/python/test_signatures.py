"""Public classes, functions and methods take what Keras' take, first and in its order, with its defaults; the rest is refused."""

import ast
import inspect
import json
import pathlib
from itertools import zip_longest

import numpy as np
import pytest
from make_keras_signatures import parameters, resolve
from test_arguments_shown import ALL, CALLBACKS, make

import hornbeam as hb

L = hb.layers
KERAS = json.loads((pathlib.Path(__file__).parent / "keras_signatures.json").read_text())
OURS = {path: found for path in KERAS if (found := resolve("hornbeam", path)) is not None}
EXCEPTIONS = {  # what ours leave out, or have otherwise
    "KerasTensor.reshape": {"newshape": "takes the dimensions one by one too, as arrays do"},
    "Model.export": {
        "format": "writes this package's own format",
        "verbose": "says nothing",
        "input_signature": "takes a `sample` instead, or what the model was trained with",
    },
    "layers.RNN.compute_mask": {"_": "is named here, as in every other compute_mask"},
    "metrics.Metric.add_weight": {"initializer": "Keras' None makes no variable"},
}


def same(ours, theirs):
    """Whether defaults mean the same: a number stands for a tuple of it, and where Keras wants a value ours may have one."""
    if theirs == "required" or ours == theirs:
        return True
    try:
        return len({*np.ravel(ast.literal_eval(ours)), *np.ravel(ast.literal_eval(theirs))}) == 1
    except (ValueError, SyntaxError):
        return False


@pytest.mark.parametrize("path", sorted(OURS))
def test_parameters_are_keras(path):
    found, known = parameters(OURS[path]), EXCEPTIONS.get(path, {})
    pairs = [(k, o) for k, o in zip_longest(KERAS[path], found, fillvalue=("", "")) if k[0] and k[0] not in known]
    assert [o[0] for _, o in pairs] == [k[0] for k, _ in pairs]
    assert [(k, o) for k, o in pairs if not same(o[1], k[1])] == []


def passes_others_on(cls):
    """Whether a constructor takes keyword arguments that are its function's or hooks."""
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(cls.__init__).parameters.values())


def test_exceptions_are_needed():
    for path, names in EXCEPTIONS.items():
        ours, theirs = dict(parameters(OURS[path])), dict(KERAS[path])
        assert [n for n in names if n in ours and same(ours[n], theirs[n])] == [], path


def test_most_of_keras_is_compared():
    assert len(OURS) > 600


@pytest.mark.parametrize(
    "cls",
    [c for c in (*ALL, *CALLBACKS) if issubclass(c, L.Layer) or not passes_others_on(c)],
    ids=lambda c: f"{c.__module__.split('.')[1]}.{c.__name__}",
)
def test_the_class_that_was_called_refuses(cls):
    with pytest.raises(TypeError, match=rf"\b{cls.__name__}\b.*'no_such_argument'"):
        make(cls, no_such_argument=1)


def test_what_was_meant_is_named():
    with pytest.raises(TypeError, match=r"LSTM got an unexpected keyword argument 'unitz'\. Did you mean 'units'\?"):
        L.LSTM(3, unitz=4)
    with pytest.raises(
        TypeError, match=r"Conv2DTranspose got .* 'kernel_initialiser'\. Did you mean 'kernel_initializer'\?"
    ):
        L.Conv2DTranspose(3, 2, kernel_initialiser="zeros")
    with pytest.raises(TypeError, match=r"Dense got an unexpected keyword argument 'qqq'$"):
        L.Dense(3, qqq=4)


def test_no_documented_argument_is_missing():
    """The doc of a class with many arguments names them all."""
    missing = {}
    for cls in ALL:
        if "__init__" not in vars(cls) or "Args:" not in (cls.__doc__ or ""):
            continue
        names = [n for n in inspect.signature(cls).parameters if n not in ("args", "kwargs", "name", "dtype")]
        lost = [n for n in names if n not in cls.__doc__]
        if lost:
            missing[cls.__name__] = lost
    assert missing == {}
