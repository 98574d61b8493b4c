"""Utilities: seeds, labels, splits, boxes, plots."""

from hornbeam.core.custom_objects import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from hornbeam.core.registry import deserialize_keras_object, serialize_keras_object
from hornbeam.data.batches import pack_x_y_sample_weight, unpack_x_y_sample_weight
from hornbeam.data.dataset import PyDataset, Sequence
from hornbeam.utils import bounding_boxes
from hornbeam.utils.arrays import normalize, pad_sequences, split_dataset, to_categorical
from hornbeam.utils.feature_space import FeatureSpace
from hornbeam.utils.plotting import model_to_dot, plot_model
from hornbeam.utils.session import clear_session, set_random_seed

__all__ = [
    "CustomObjectScope",
    "FeatureSpace",
    "PyDataset",
    "Sequence",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
