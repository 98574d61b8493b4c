"""Models."""

from hornbeam.layers.wrappers import _sample_by_sample
from hornbeam.models.cloning import clone_model, model_from_config, model_from_json  # noqa: F401
from hornbeam.models.model import Functional, Model  # noqa: F401
from hornbeam.models.sequential import Sequential  # noqa: F401
from hornbeam.saving.model_file import load_model, save_model  # noqa: F401

_sample_by_sample.update((Model.call, Sequential.call))
