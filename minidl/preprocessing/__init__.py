"""Keras's older names of functions that prepare data; most are those of `minidl.utils`."""

from minidl.preprocessing import image, sequence
from minidl.utils import image_dataset_from_directory, text_dataset_from_directory, timeseries_dataset_from_array

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
