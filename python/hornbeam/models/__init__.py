"""Models."""

from hornbeam.layers.wrappers import _sample_by_sample
from hornbeam.models.cloning import clone_model, model_from_config, model_from_json
from hornbeam.models.model import Functional, Model
from hornbeam.models.sequential import Sequential
from hornbeam.saving.model_file import load_model, save_model

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "save_model",
]

_sample_by_sample.update((Model.call, Sequential.call))
