"""ResNet V2: residual blocks that normalize and activate before each convolution."""

from __future__ import annotations

import functools

from minidl import layers
from minidl.applications.imagenet_utils import decode_predictions, preprocessor
from minidl.applications.network import Request, variant
from minidl.applications.resnet import DEPTHS, normalized_relu, resnet
from minidl.core.symbolic import KerasTensor
from minidl.models import Model

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]


def _stack(x: KerasTensor, number: int, channels: int, blocks: int) -> KerasTensor:
    for i in range(1, blocks + 1):  # the last block of each stack but the last halves the image
        x = _block(x, f"conv{number}_block{i}", channels, 2 if i == blocks and number < 5 else 1, projected=i == 1)
    return x


def _block(x: KerasTensor, name: str, channels: int, stride: int, projected: bool) -> KerasTensor:
    active = normalized_relu(x, f"{name}_preact_bn", f"{name}_preact_relu")
    if projected:
        shortcut = layers.Conv2D(4 * channels, 1, strides=stride, name=f"{name}_0_conv")(active)
    else:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_1_conv")(active)
    x = normalized_relu(x, f"{name}_1_bn", f"{name}_1_relu")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.Conv2D(channels, 3, strides=stride, use_bias=False, name=f"{name}_2_conv")(x)
    x = normalized_relu(x, f"{name}_2_bn", f"{name}_2_relu")
    x = layers.Conv2D(4 * channels, 1, name=f"{name}_3_conv")(x)
    return layers.Add(name=f"{name}_out")([shortcut, x])


def _build(depth: str, request: Request) -> Model:
    return resnet(request, _stack, DEPTHS[depth], f"resnet{depth}v2", preactivated=True)


ResNet50V2, ResNet101V2, ResNet152V2 = (
    variant(
        f"ResNet{depth}V2",
        __name__,
        functools.partial(_build, depth),
        f"ResNet V2 with {depth} layers (He, Zhang, Ren, Sun, 2016, https://arxiv.org/abs/1603.05027).",
    )
    for depth in DEPTHS
)
preprocess_input = preprocessor("tf")
