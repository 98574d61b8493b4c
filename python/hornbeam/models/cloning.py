"""Copies of models: the same architecture, new weights."""

from __future__ import annotations

import json
from typing import Any

from hornbeam.saving.registry import deserialize_keras_object


def clone_model(model: Any, **_: Any) -> Any:
    """A new model of the same config, with freshly initialized weights."""
    return type(model).from_config(json.loads(model.to_json())["config"])


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that ``to_json`` described, with new weights."""
    return deserialize_keras_object(json.loads(json_string), custom_objects)
