"""What all applications share: the image that goes in, the classifier or the pooling at the end, the weights."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any

import jax

from minidl import activations, config, layers
from minidl.core.symbolic import KerasTensor
from minidl.core.typing import Shape
from minidl.layers import InputLayer
from minidl.models import Model
from minidl.utils.files import get_file

DOWNLOADS = "https://storage.googleapis.com/tensorflow/keras-applications/"

ARGUMENTS = """
    Args:
        include_top: whether the model ends in the classifier.
        weights: "imagenet", the path of a file of weights, or None for first weights that are drawn.
        input_tensor: a symbolic tensor that the model begins with; None for an `Input` of input_shape.
        input_shape: sizes of an image; None for those of the paper, and for any size without the classifier.
        pooling: what follows the last block without the classifier: "avg", "max" or None.
        classes: number of classes.
        classifier_activation: the activation of the classifier; None for logits.
        name: name of the model.

    Returns:
        A functional `Model`, with the layers and the names of Keras's: files of weights are exchanged both ways.

    Raises:
        ValueError: an invalid shape, images that are too small, or weights that do not exist.
        OSError: the weights of "imagenet" are not in `~/.keras/models`, where Keras keeps them, and cannot be
            downloaded.
"""


@dataclasses.dataclass
class Request:
    """What the caller of an application asked for, checked; see ARGUMENTS."""

    include_top: bool
    weights: Any
    input_tensor: Any
    input_shape: Any
    pooling: str | None
    classes: int
    classifier_activation: Any
    name: str | None

    def __post_init__(self) -> None:
        if self.weights not in (None, "imagenet") and not os.path.exists(self.weights):
            raise ValueError(
                f"weights={self.weights!r} is not a file: expected None, 'imagenet' or the path of a file of weights."
            )
        if self.weights == "imagenet" and self.include_top and self.classes != 1000:
            raise ValueError(
                f"weights='imagenet' with include_top=True has 1000 classes, got classes={self.classes}: take "
                "include_top=False and add a classifier."
            )
        if self.pooling not in (None, "avg", "max"):
            raise ValueError(f"pooling must be None, 'avg' or 'max', got {self.pooling!r}.")

    def image(self, default_size: int, min_size: int) -> KerasTensor:
        """The symbolic images that the network begins with."""
        if self.input_tensor is None:
            return layers.Input(self._image_shape(default_size, min_size))
        if not isinstance(self.input_tensor, KerasTensor):
            raise ValueError(f"input_tensor must be a symbolic tensor, as Input(...) gives, got {self.input_tensor!r}.")
        return self.input_tensor

    def pooled(self, x: KerasTensor, *names: str | None) -> KerasTensor:
        """The output without the classifier; the names are those of the average and of the maximum."""
        average, maximum = names or (None, None)
        if self.pooling == "avg":
            return layers.GlobalAveragePooling2D(name=average)(x)
        return layers.GlobalMaxPooling2D(name=maximum)(x) if self.pooling == "max" else x

    def classifier(self, x: KerasTensor, **kwargs: Any) -> KerasTensor:
        """The last layer, "predictions"."""
        return layers.Dense(self.classes, self.checked_activation(), name="predictions", **kwargs)(x)

    def checked_activation(self) -> Any:
        """The activation of the classifier; given weights are of a softmax."""
        allowed = activations.get("softmax"), activations.get(None)
        if self.weights is not None and activations.get(self.classifier_activation) not in allowed:
            raise ValueError(
                "classifier_activation must be 'softmax' or None with given weights, got "
                f"{self.classifier_activation!r}."
            )
        return self.classifier_activation

    def model(self, image: KerasTensor, outputs: KerasTensor, file: str, name: str | None = None) -> Model:
        """The model with its weights; `file` is the address of those of ImageNet."""
        inputs = image if self.input_tensor is None else _sources(image)
        model = Model(inputs, outputs, name=self.name or name)
        if self.weights is not None:
            model.load_weights(
                get_file(None, file, cache_subdir="models") if self.weights == "imagenet" else self.weights
            )
        return model

    def square(self, sizes: Sequence[int]) -> int:
        """The edge of the images where it is one of those that there are weights for, else the largest of these."""
        given = self.input_tensor.shape[1:] if isinstance(self.input_tensor, KerasTensor) else self.input_shape
        height, width = (None, None) if given is None else _spatial(given)
        return height if height is not None and height == width and height in sizes else max(sizes)

    def rows(self, default_size: int) -> int | None:
        """The height of the images, for the name of a model; with the weights of ImageNet the size of theirs."""
        if self.weights == "imagenet":
            return default_size
        return _spatial(self._image_shape(default_size, 1))[0]

    def _image_shape(self, default_size: int, min_size: int) -> Shape:
        last = config.image_data_format() == "channels_last"
        shape = None if self.input_shape is None else tuple(self.input_shape)
        if shape is not None and len(shape) != 3:
            raise ValueError(f"input_shape must have three sizes, such as (224, 224, 3), got {self.input_shape!r}.")
        channels = 3 if shape is None else shape[-1 if last else 0]
        if self.weights == "imagenet" and channels != 3:
            raise ValueError(f"weights='imagenet' are of images with 3 channels, got input_shape={shape}.")
        size = default_size if self.include_top else None
        if shape is None:
            return (size, size, 3) if last else (3, size, size)
        height, width = _spatial(shape)
        if self.include_top and None in shape:
            raise ValueError(f"include_top=True needs images of a known size, got input_shape={shape}.")
        if self.weights == "imagenet" and self.include_top and {height, width} != {default_size}:
            raise ValueError(
                f"weights='imagenet' with include_top=True are of images of {default_size} x {default_size}, got "
                f"input_shape={shape}."
            )
        if min(height or min_size, width or min_size) < min_size:
            raise ValueError(f"Images must be at least {min_size} x {min_size}, got input_shape={shape}.")
        return shape


def variant(title: str, module: str, build: Callable[[Request], Model], summary: str) -> Callable[..., Model]:
    """An application with Keras's arguments; `build` makes the network."""

    def application(
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: Shape | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str = title.lower(),
    ) -> Model:
        return build(
            Request(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
        )

    application.__name__ = application.__qualname__ = title
    application.__module__ = module
    application.__doc__ = f"{summary}\n{ARGUMENTS}"
    return application


def channels_axis() -> int:
    """The axis of the channels, from 0."""
    return 3 if config.image_data_format() == "channels_last" else 1


def _spatial(shape: Shape) -> Shape:
    """Height and width of the shape of an image."""
    return tuple(shape[:2]) if config.image_data_format() == "channels_last" else tuple(shape[1:])


def batch_normalized(x: KerasTensor, name: str | None = None, **kwargs: Any) -> KerasTensor:
    """Batch normalization of each channel."""
    return layers.BatchNormalization(axis=channels_axis(), name=name, **kwargs)(x)


def padded_for_stride(x: KerasTensor, kernel_size: int, name: str) -> KerasTensor:
    """Zeros around, so that a convolution of stride 2 without padding gives half of the pixels, rounded up.

    A size that is not known is taken as even: an odd one gives half, rounded down.
    """
    half = kernel_size // 2
    margins = tuple((half - (1 if size is None else 1 - size % 2), half) for size in _spatial(x.shape[1:]))
    return layers.ZeroPadding2D(margins, name=name)(x)


def round_to_multiple(channels: float, divisor: int = 8) -> int:
    """The nearest multiple of the divisor that is not more than 10% smaller."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def _sources(tensor: KerasTensor) -> list[KerasTensor]:
    """The inputs of the graph that gives a symbolic tensor."""
    found: dict[int, KerasTensor] = {}
    waiting = [tensor]
    seen = set()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        if tensor.producer is None or isinstance(tensor.producer.operation, InputLayer):
            found[id(tensor)] = tensor
        else:
            waiting += reversed(jax.tree.leaves(tensor.producer.inputs))
    return list(found.values())
