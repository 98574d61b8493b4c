"""Configs, files and the registry of classes that configs may name."""

from hornbeam.saving.model_file import load_model, save_model  # noqa: F401
from hornbeam.saving.registry import (  # noqa: F401
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    register_keras_serializable,
    serialize_keras_object,
)
