"""Keras' names for what makes data sets of files: see ``hornbeam.utils``."""

from hornbeam.preprocessing import image, sequence
from hornbeam.utils.image_dataset import image_dataset_from_directory
from hornbeam.utils.text_dataset import text_dataset_from_directory
from hornbeam.utils.timeseries_dataset import timeseries_dataset_from_array

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
