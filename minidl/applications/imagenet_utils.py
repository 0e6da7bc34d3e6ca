"""Images before, and predictions after, a network that was trained on ImageNet."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import config, ops
from minidl.utils.files import get_file

CLASSES = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
MODES = ("caffe", "tf", "torch")
MEAN = {"caffe": (103.939, 116.779, 123.68), "torch": (0.485, 0.456, 0.406)}  # of BGR in 0..255, of RGB in 0..1
STDDEV = (0.229, 0.224, 0.225)


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Scale pixels from 0 to 255 to what a network was trained on.

    Args:
        x: an image or a batch of images: an array of NumPy, which is not changed, or any tensor, symbolic ones too.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        mode: "tf" scales to -1..1; "torch" to 0..1, less the means of ImageNet, over its standard deviations; "caffe"
            reverses the channels, RGB to BGR, and subtracts the means.

    Raises:
        ValueError: an unknown mode or data_format.

    Example:
    >>> preprocess_input(np.array([[[0, 127.5, 255]]]), mode="tf")
    array([[[-1.,  0.,  1.]]])
    """
    if mode not in MODES:
        raise ValueError(f"preprocess_input: mode must be one of {MODES}, got {mode!r}.")
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}.")
    if "int" in _dtype(x):
        x = x.astype(config.floatx()) if isinstance(x, np.ndarray) else ops.cast(x, config.floatx())
    if mode == "tf":
        return x / 127.5 - 1.0
    axis = len(x.shape) - 1 if data_format == "channels_last" else len(x.shape) - 3
    shape = [3 if i == axis else 1 for i in range(len(x.shape))]
    mean = np.reshape(np.array(MEAN[mode], _dtype(x)), shape)
    if mode == "torch":
        return (x / 255.0 - mean) / np.reshape(np.array(STDDEV, _dtype(x)), shape)
    return x[(slice(None),) * axis + (slice(None, None, -1),)] - mean


def preprocessor(mode: str) -> Callable[..., Any]:
    """The `preprocess_input` of a family."""

    def scaled(x: Any, data_format: str | None = None) -> Any:
        return preprocess_input(x, data_format, mode)

    scaled.__name__ = scaled.__qualname__ = "preprocess_input"
    scaled.__doc__ = f"Scale pixels from 0 to 255: `imagenet_utils.preprocess_input(x, data_format, mode={mode!r})`."
    return scaled


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, Any]]]:
    """The most probable classes of ImageNet.

    Args:
        preds: (batch, 1000).
        top: how many.

    Returns:
        For each example (id, name, probability), the most probable first.

    Raises:
        ValueError: another shape.
        OSError: the file of class names is not in `~/.keras/models`, and cannot be downloaded.
    """
    predictions = np.asarray(preds)
    if predictions.ndim != 2 or predictions.shape[1] != 1000:
        raise ValueError(f"decode_predictions takes predictions of shape (batch, 1000), got {predictions.shape}.")
    with open(get_file(None, CLASSES, cache_subdir="models"), encoding="utf-8") as file:
        names = json.load(file)
    best = np.argsort(predictions, axis=1)[:, -top:][:, ::-1]
    return [[(*names[str(i)], row[i]) for i in order] for row, order in zip(predictions, best)]


def _dtype(x: Any) -> str:
    """The name of a dtype of NumPy, JAX, TensorFlow or a symbolic tensor."""
    return str(getattr(x.dtype, "name", x.dtype))
