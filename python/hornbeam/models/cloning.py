"""Models from configs, and copies of models: the same architecture, new weights."""

from __future__ import annotations

import json
from typing import Any

from hornbeam.core.registry import deserialize_keras_object
from hornbeam.core.validation import unsupported
from hornbeam.layers.input import InputLayer


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Any = None,
    call_function: Any = None,
    recursive: bool = False,
) -> Any:
    """A new model of the same architecture, with freshly initialized weights. It is not compiled.

    Args:
        model: a functional or Sequential model, or one that ``get_config`` describes.
        input_tensors: only None.
        clone_function: ``layer -> layer``, called for each layer but the inputs; None for a new one of its config.
        call_function: only None.
        recursive: only False.

    Example:
        >>> import hornbeam as hb
        >>> model = hb.Sequential([hb.Input((3,)), hb.layers.Dense(2)])
        >>> clone_model(model).count_params()
        8
    """
    unsupported("input_tensors", input_tensors, None)
    unsupported("call_function", call_function, None)
    unsupported("recursive", recursive, False)
    config = model.get_config()
    if clone_function is not None:
        if not callable(clone_function) or "layers" not in config:
            raise ValueError(
                "`clone_function` must be a function, and the model functional or Sequential. Received: "
                f"clone_function={clone_function!r} for a {type(model).__name__}"
            )
        own = {layer.name: layer for layer in model.layers if not isinstance(layer, InputLayer)}
        for entry in config["layers"]:
            layer = own.get(entry["config"].get("name"))
            if layer is not None:
                entry["layer"] = clone_function(layer)
    return type(model).from_config(config)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that ``to_json`` described, with new weights, compiled if that one was.

    Args:
        json_string: what ``to_json`` returned.
        custom_objects: classes and functions by name, for those that are not registered.
    """
    return deserialize_keras_object(json.loads(json_string), custom_objects)


def model_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that a config of ``serialize_keras_object`` describes, with new weights.

    Args:
        config: with "class_name" and "config".
        custom_objects: classes and functions by name, for those that are not registered.
    """
    return deserialize_keras_object(config, custom_objects)
