"""Configs, files and the registry of classes that configs may name."""

from hornbeam.core.custom_objects import (  # noqa: F401
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from hornbeam.core.registry import deserialize_keras_object, serialize_keras_object  # noqa: F401
from hornbeam.saving.model_file import load_model, save_model  # noqa: F401
