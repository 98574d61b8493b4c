"""Hornbeam: deep learning in a few megabytes.

The whole training step is compiled into one static graph by a C++ core; the API is Keras'.
"""

from hornbeam import (  # noqa: F401
    activations,
    callbacks,
    config,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    random,
    regularizers,
    saving,
    utils,
)
from hornbeam._core import Dim, FormatError, GradientError  # noqa: F401
from hornbeam._version import __version__  # noqa: F401
from hornbeam.core.autodiff import GradientTape, custom_gradient, grad, gradients, value_and_grad  # noqa: F401
from hornbeam.core.function import function  # noqa: F401
from hornbeam.core.symbolic import KerasTensor  # noqa: F401
from hornbeam.core.tensor import Tensor  # noqa: F401
from hornbeam.core.variable import Variable  # noqa: F401
from hornbeam.layers import Input, Layer  # noqa: F401
from hornbeam.losses import Loss  # noqa: F401
from hornbeam.metrics import Metric  # noqa: F401
from hornbeam.models import Functional, Model, Sequential  # noqa: F401
from hornbeam.optimizers import Optimizer  # noqa: F401
from hornbeam.profiling import profile  # noqa: F401
from hornbeam.saving.model_file import load_model  # noqa: F401
from hornbeam.show_config import show_config  # noqa: F401
