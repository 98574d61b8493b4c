"""Hornbeam: deep learning in a few megabytes.

The whole training step is compiled into one static graph by a C++ core; the API is Keras'.
"""

import importlib as _importlib
import types as _types
import typing as _typing

from hornbeam import (
    activations,
    callbacks,
    config,
    constraints,
    data,
    dtype_policies,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    ops,
    optimizers,
    random,
    regularizers,
    saving,
)
from hornbeam._core import Dim, FormatError, GradientError
from hornbeam._dtype_policy import DTypePolicy, FloatDTypePolicy
from hornbeam._version import __version__  # noqa: F401
from hornbeam.core.autodiff import GradientTape, custom_gradient, grad, gradients, value_and_grad
from hornbeam.core.devices import device
from hornbeam.core.function import function
from hornbeam.core.symbolic import KerasTensor
from hornbeam.core.tensor import Tensor
from hornbeam.core.variable import Variable
from hornbeam.layers import Input, Layer
from hornbeam.losses import Loss
from hornbeam.metrics import Metric
from hornbeam.models import Functional, Model, Sequential
from hornbeam.optimizers import Optimizer
from hornbeam.profiling import profile
from hornbeam.saving.model_file import load_model
from hornbeam.show_config import show_config

if _typing.TYPE_CHECKING:
    from hornbeam import datasets, preprocessing, utils

__all__ = [
    "DTypePolicy",
    "Dim",
    "FloatDTypePolicy",
    "FormatError",
    "Functional",
    "GradientError",
    "GradientTape",
    "Input",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Sequential",
    "Tensor",
    "Variable",
    "activations",
    "callbacks",
    "config",
    "constraints",
    "custom_gradient",
    "data",
    "datasets",
    "device",
    "dtype_policies",
    "function",
    "grad",
    "gradients",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "profile",
    "random",
    "regularizers",
    "saving",
    "show_config",
    "utils",
    "value_and_grad",
]

_LATE = ("datasets", "preprocessing", "utils")  # imported when they are asked for: training does without them


def __getattr__(name: str) -> _types.ModuleType:
    if name not in _LATE:
        raise AttributeError(f"module 'hornbeam' has no attribute {name!r}")
    return _importlib.import_module(f"hornbeam.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})
