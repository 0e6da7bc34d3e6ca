"""MobileNetV2: inverted residual blocks, which are narrow between and wide within."""

from __future__ import annotations

import os
from typing import Any

from minidl import layers
from minidl.applications.imagenet_utils import decode_predictions, preprocessor
from minidl.applications.network import (
    ARGUMENTS,
    DOWNLOADS,
    Request,
    batch_normalized,
    channels_axis,
    padded_for_stride,
    round_to_multiple,
)
from minidl.core.symbolic import KerasTensor
from minidl.core.typing import Shape
from minidl.models import Model

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

STAGES = (  # channels, stride of the first block, blocks
    (16, 1, 1),
    (24, 2, 2),
    (32, 2, 3),
    (64, 2, 4),
    (96, 1, 3),
    (160, 2, 3),
    (320, 1, 1),
)
EXPANSION = 6  # of all blocks but the first
PRETRAINED = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
SIZES = (96, 128, 160, 192, 224)


def MobileNetV2(  # noqa: N802, D103  (the docstring is below)
    input_shape: Shape | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    request = Request(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    size = request.square(SIZES)
    if weights == "imagenet" and alpha not in PRETRAINED:
        raise ValueError(f"MobileNetV2: weights='imagenet' need alpha in {PRETRAINED}, got {alpha}.")
    image = request.image(size, min_size=32)
    x = layers.Conv2D(round_to_multiple(32 * alpha), 3, 2, "same", use_bias=False, name="Conv1")(image)
    x = layers.ReLU(6.0, name="Conv1_relu")(_normalized(x, "bn_Conv1"))
    number = 0
    for channels, stride, blocks in STAGES:
        for i in range(blocks):
            x = _block(x, number, round_to_multiple(int(channels * alpha)), stride if i == 0 else 1)
            number += 1
    x = layers.Conv2D(round_to_multiple(1280 * max(alpha, 1.0)), 1, use_bias=False, name="Conv_1")(x)
    x = layers.ReLU(6.0, name="out_relu")(_normalized(x, "Conv_1_bn"))
    x = request.classifier(layers.GlobalAveragePooling2D()(x)) if include_top else request.pooled(x)
    file = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{size}{'' if include_top else '_no_top'}.h5"
    return request.model(image, x, f"{DOWNLOADS}mobilenet_v2/{file}", f"mobilenetv2_{alpha:0.2f}_{request.rows(size)}")


MobileNetV2.__doc__ = f"""MobileNetV2 (Sandler and others, 2018, https://arxiv.org/abs/1801.04381).

    `alpha` multiplies the channels of each layer.
{ARGUMENTS}"""
preprocess_input = preprocessor("tf")


def _block(inputs: KerasTensor, number: int, channels: int, stride: int) -> KerasTensor:
    name = f"block_{number}_" if number else "expanded_conv_"
    before: Any = inputs.shape[channels_axis()]
    x = inputs
    if number:
        x = layers.Conv2D(EXPANSION * before, 1, padding="same", use_bias=False, name=f"{name}expand")(x)
        x = layers.ReLU(6.0, name=f"{name}expand_relu")(_normalized(x, f"{name}expand_BN"))
    if stride == 2:
        x = padded_for_stride(x, 3, f"{name}pad")
    padding = "valid" if stride == 2 else "same"
    x = layers.DepthwiseConv2D(3, stride, padding, use_bias=False, name=f"{name}depthwise")(x)
    x = layers.ReLU(6.0, name=f"{name}depthwise_relu")(_normalized(x, f"{name}depthwise_BN"))
    x = layers.Conv2D(channels, 1, padding="same", use_bias=False, name=f"{name}project")(x)
    x = _normalized(x, f"{name}project_BN")
    return layers.Add(name=f"{name}add")([inputs, x]) if before == channels and stride == 1 else x


def _normalized(x: KerasTensor, name: str) -> KerasTensor:
    return batch_normalized(x, name, epsilon=1e-3, momentum=0.999)
