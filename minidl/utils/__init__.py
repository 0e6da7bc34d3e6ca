"""Utilities for models, data and arrays."""

from minidl.callbacks.history_plot import plot_history
from minidl.core.dtypes import standard as standardize_dtype
from minidl.core.messages import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from minidl.core.symbolic import is_keras_tensor
from minidl.random import set_random_seed
from minidl.saving import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from minidl.utils import bounding_boxes
from minidl.utils.arrays import normalize, to_categorical
from minidl.utils.audio_dataset import audio_dataset_from_directory
from minidl.utils.batches import pack_x_y_sample_weight, unpack_x_y_sample_weight
from minidl.utils.feature_space import FeatureSpace
from minidl.utils.files import get_file
from minidl.utils.finders import find_batch_size, find_learning_rate
from minidl.utils.image_dataset import image_dataset_from_directory
from minidl.utils.images import array_to_img, img_to_array, load_img, save_img
from minidl.utils.plotting import model_to_dot, plot_model
from minidl.utils.progbar import Progbar
from minidl.utils.py_dataset import PyDataset, Sequence
from minidl.utils.sequences import pad_sequences
from minidl.utils.session import clear_session
from minidl.utils.split_dataset import split_dataset
from minidl.utils.text_dataset import text_dataset_from_directory
from minidl.utils.timeseries import timeseries_dataset_from_array

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
    "disable_interactive_logging",
    "enable_interactive_logging",
    "find_batch_size",
    "find_learning_rate",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_history",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
