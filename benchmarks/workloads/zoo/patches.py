"""Classifiers that cut an image into patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.workloads.zoo.base import encoder_block, positions, programs, trained_and_used
from benchmarks.workloads.zoo.images import Images

PATCH, BLOCKS, HEADS = 4, 2, 4  # pixels along the edge of a patch, blocks, heads of attention


@dataclass(frozen=True)
class Patches(Images):
    """A classifier of patches."""

    width: int = 64


WORKLOADS = trained_and_used(
    Patches("zoo-vit", "vision Transformer: 64 patches, width 64, 4 heads", model="vit"),
    Patches("zoo-mixer", "MLP-Mixer: 64 patches, width 64", model="mixer"),
    Patches("zoo-convnext", "ConvNeXt: depthwise 7x7, layer norm, gelu", model="convnext"),
)


def _patches(keras: Any, inputs: Any, work: Images) -> Any:
    """(batch, patches, width)."""
    x = keras.layers.Conv2D(work.width, PATCH, PATCH)(inputs)
    return keras.layers.Reshape((-1, work.width))(x)


def _classify(keras: Any, inputs: Any, x: Any, work: Images) -> Any:
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.LayerNormalization()(x))
    return keras.Model(inputs, keras.layers.Dense(work.classes, activation="softmax")(x))


def vit(keras: Any, work: Images) -> Any:
    """Dosovitskiy et al., 2021, with the mean of the patches instead of a class token."""
    inputs = keras.Input(work.shape)
    x = positions(keras, _patches(keras, inputs, work))
    for _ in range(BLOCKS):
        x = encoder_block(keras, x, HEADS)
    return _classify(keras, inputs, x, work)


def mixer(keras: Any, work: Images) -> Any:
    """Tolstikhin et al., 2021."""
    layers, inputs = keras.layers, keras.Input(work.shape)
    x = _patches(keras, inputs, work)
    patches = x.shape[1]
    for _ in range(BLOCKS):
        y = layers.Permute((2, 1))(layers.LayerNormalization()(x))
        y = layers.Dense(patches)(layers.Dense(work.width, activation="gelu")(y))
        x = layers.add([x, layers.Permute((2, 1))(y)])
        y = layers.LayerNormalization()(x)
        y = layers.Dense(work.width)(layers.Dense(4 * work.width, activation="gelu")(y))
        x = layers.add([x, y])
    return _classify(keras, inputs, x, work)


def convnext(keras: Any, work: Images) -> Any:
    """One stage of Liu et al., 2022."""
    layers, inputs = keras.layers, keras.Input(work.shape)
    x = layers.LayerNormalization()(layers.Conv2D(work.width, PATCH, PATCH)(inputs))
    for _ in range(BLOCKS):
        y = layers.LayerNormalization()(layers.DepthwiseConv2D(7, padding="same")(x))
        y = layers.Dense(work.width)(layers.Dense(4 * work.width, activation="gelu")(y))
        x = layers.add([x, y])
    return _classify(keras, inputs, layers.Reshape((-1, work.width))(x), work)


MODELS = {build.__name__: build for build in (vit, mixer, convnext)}
train, predict = programs(MODELS)
