"""Utilities: files, pictures and folders of them as data sets, seeds, labels, boxes, plots."""

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
from hornbeam.utils.arrays import normalize, pad_sequences, to_categorical
from hornbeam.utils.audio_dataset import audio_dataset_from_directory
from hornbeam.utils.downloads import get_file
from hornbeam.utils.feature_space import FeatureSpace
from hornbeam.utils.image_dataset import image_dataset_from_directory
from hornbeam.utils.images import array_to_img, img_to_array, load_img, save_img
from hornbeam.utils.plotting import model_to_dot, plot_model
from hornbeam.utils.progress import Progbar
from hornbeam.utils.session import clear_session, set_random_seed
from hornbeam.utils.splitting import split_dataset
from hornbeam.utils.text_dataset import text_dataset_from_directory
from hornbeam.utils.timeseries_dataset import timeseries_dataset_from_array

__all__ = [
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
