"""Convolutional classifiers of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.workloads.zoo.base import programs, trained_and_used
from benchmarks.workloads.zoo.images import Images

STAGES = 3  # each of twice the channels and half the edge of the one before
AUGMENTATION = {"translation": 0.1, "rotation": 0.05, "zoom": 0.1}  # largest parts of the edge, of a turn, of the size


@dataclass(frozen=True)
class Convolutional(Images):
    """A convolutional classifier."""


WORKLOADS = trained_and_used(
    Convolutional("zoo-lenet", "LeNet-5: 5x5 windows, tanh, average pooling", model="lenet", size=28),
    Convolutional("zoo-resnet", "residual net: strided and 1x1 convolutions without bias", model="resnet"),
    Convolutional("zoo-bottleneck", "residual net of bottlenecks: 1x1, 3x3, 1x1", model="bottleneck"),
    Convolutional("zoo-mobilenet", "inverted residuals of depthwise convolutions (MobileNetV2)", model="mobilenet"),
    Convolutional("zoo-xception", "separable convolutions, strided max pooling (Xception)", model="xception"),
    Convolutional("zoo-densenet", "densely connected convolutions (DenseNet)", model="densenet"),
    Convolutional("zoo-inception", "parallel 1x1, 3x3, 5x5 convolutions and pooling (GoogLeNet)", model="inception"),
    Convolutional("zoo-augmented", "convolutions after random flip, shift, rotation, zoom", model="augmented"),
)


def _conv(keras: Any, x: Any, filters: int, window: int, strides: int = 1) -> Any:
    x = keras.layers.Conv2D(filters, window, strides, padding="same", use_bias=False)(x)
    return keras.layers.BatchNormalization()(x)


def _conv_relu(keras: Any, x: Any, filters: int, window: int, strides: int = 1) -> Any:
    return keras.layers.ReLU()(_conv(keras, x, filters, window, strides))


def _classify(keras: Any, inputs: Any, x: Any, work: Images) -> Any:
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(work.classes, activation="softmax")(x))


def lenet(keras: Any, work: Images) -> Any:
    """LeCun et al., 1998."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(work.shape),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(work.classes, activation="softmax"),
        ]
    )


def resnet(keras: Any, work: Images) -> Any:
    """He et al., 2016, two blocks in a stage."""
    layers, inputs = keras.layers, keras.Input(work.shape)
    x = _conv_relu(keras, inputs, work.width, 3)
    for stage in range(STAGES):
        filters = work.width << stage
        for strides in (2 if stage else 1, 1):
            y = _conv(keras, _conv_relu(keras, x, filters, 3, strides), filters, 3)
            shortcut = x if x.shape[-1] == filters else _conv(keras, x, filters, 1, strides)
            x = layers.ReLU()(layers.add([shortcut, y]))
    return _classify(keras, inputs, x, work)


def bottleneck(keras: Any, work: Images) -> Any:
    """The blocks of ResNet-50, two in a stage; four times more channels outside."""
    layers, inputs = keras.layers, keras.Input(work.shape)
    x = _conv_relu(keras, inputs, work.width, 3, 2)
    for stage in range(STAGES):
        filters = work.width << stage
        for strides in (2 if stage else 1, 1):
            y = _conv_relu(keras, x, filters, 1)
            y = _conv_relu(keras, y, filters, 3, strides)
            y = _conv(keras, y, 4 * filters, 1)
            shortcut = x if x.shape[-1] == 4 * filters else _conv(keras, x, 4 * filters, 1, strides)
            x = layers.ReLU()(layers.add([shortcut, y]))
    return _classify(keras, inputs, x, work)


def mobilenet(keras: Any, work: Images) -> Any:
    """Sandler et al., 2018: six times more channels inside."""
    layers, inputs = keras.layers, keras.Input(work.shape)
    x = layers.ReLU(6.0)(_conv(keras, inputs, work.width, 3, 2))
    for stage in range(STAGES):
        filters = work.width << stage
        for strides in (2 if stage else 1, 1):
            y = layers.ReLU(6.0)(_conv(keras, x, 6 * x.shape[-1], 1))
            y = layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(y)
            y = layers.ReLU(6.0)(layers.BatchNormalization()(y))
            y = _conv(keras, y, filters, 1)
            x = layers.add([x, y]) if x.shape[-1] == filters else y
    return _classify(keras, inputs, x, work)


def xception(keras: Any, work: Images) -> Any:
    """The entry flow of Chollet, 2017."""
    layers, inputs = keras.layers, keras.Input(work.shape)
    x = _conv_relu(keras, inputs, work.width, 3)
    for stage in range(1, STAGES):
        filters = work.width << stage
        y = x
        for _ in range(2):
            y = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(layers.ReLU()(y))
            y = layers.BatchNormalization()(y)
        y = layers.MaxPooling2D(3, 2, padding="same")(y)
        x = layers.add([_conv(keras, x, filters, 1, 2), y])
    return _classify(keras, inputs, x, work)


def densenet(keras: Any, work: Images) -> Any:
    """Huang et al., 2017: normalization and relu before each convolution, four layers in a block."""
    layers, inputs = keras.layers, keras.Input(work.shape)
    x = layers.Conv2D(2 * work.width, 3, padding="same", use_bias=False)(inputs)
    for stage in range(STAGES):
        if stage:
            x = layers.ReLU()(layers.BatchNormalization()(x))
            x = layers.AveragePooling2D(2)(layers.Conv2D(x.shape[-1] // 2, 1, use_bias=False)(x))
        for _ in range(4):
            y = layers.ReLU()(layers.BatchNormalization()(x))
            y = layers.Conv2D(work.width, 3, padding="same", use_bias=False)(y)
            x = layers.concatenate([x, y])
    return _classify(keras, inputs, layers.ReLU()(layers.BatchNormalization()(x)), work)


def inception(keras: Any, work: Images) -> Any:
    """Two modules of Szegedy et al., 2015."""
    layers, inputs, width = keras.layers, keras.Input(work.shape), work.width
    x = layers.Conv2D(width, 3, 2, padding="same", activation="relu")(inputs)
    for _ in range(2):
        reduced = [layers.Conv2D(width, 1, activation="relu")(x) for _ in range(3)]
        x = layers.concatenate(
            [
                reduced[0],
                layers.Conv2D(2 * width, 3, padding="same", activation="relu")(reduced[1]),
                layers.Conv2D(width, 5, padding="same", activation="relu")(reduced[2]),
                layers.Conv2D(width, 1, activation="relu")(layers.MaxPooling2D(3, 1, padding="same")(x)),
            ]
        )
    return _classify(keras, inputs, x, work)


def augmented(keras: Any, work: Images) -> Any:
    """A plain network, which sees no image twice."""
    layers, most = keras.layers, AUGMENTATION
    return keras.Sequential(
        [
            keras.Input(work.shape),
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(most["translation"], most["translation"]),
            layers.RandomRotation(most["rotation"]),
            layers.RandomZoom(most["zoom"]),
            layers.Conv2D(work.width, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(2 * work.width, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(4 * work.width, activation="relu"),
            layers.Dense(work.classes, activation="softmax"),
        ]
    )


MODELS = {
    build.__name__: build for build in (lenet, resnet, bottleneck, mobilenet, xception, densenet, inception, augmented)
}
train, predict = programs(MODELS)
