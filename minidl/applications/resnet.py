"""ResNet: residual blocks of three convolutions, 1x1, 3x3 and 1x1."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from minidl import layers
from minidl.applications.imagenet_utils import decode_predictions, preprocessor
from minidl.applications.network import DOWNLOADS, Request, batch_normalized, variant
from minidl.core.symbolic import KerasTensor
from minidl.models import Model

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]

DEPTHS = {"50": (3, 4, 6, 3), "101": (3, 4, 23, 3), "152": (3, 8, 36, 3)}  # blocks in each of the four stacks
CHANNELS = (64, 128, 256, 512)

Stack = Callable[[KerasTensor, int, int, int], KerasTensor]  # x, number of the stack, channels, blocks


def resnet(request: Request, stack: Stack, depths: Sequence[int], file: str, preactivated: bool = False) -> Model:
    """The network of four stacks; with preactivation the first normalization comes after them."""
    image = request.image(default_size=224, min_size=32)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
    x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    if not preactivated:
        x = normalized_relu(x, "conv1_bn", "conv1_relu")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for number, (channels, blocks) in enumerate(zip(CHANNELS, depths), 2):
        x = stack(x, number, channels, blocks)
    if preactivated:
        x = normalized_relu(x, "post_bn", "post_relu")
    if request.include_top:
        x = request.classifier(layers.GlobalAveragePooling2D(name="avg_pool")(x))
    else:
        x = request.pooled(x, "avg_pool", "max_pool")
    ending = "" if request.include_top else "_notop"
    return request.model(image, x, f"{DOWNLOADS}resnet/{file}_weights_tf_dim_ordering_tf_kernels{ending}.h5")


def normalized(x: KerasTensor, name: str) -> KerasTensor:
    """Batch normalization with the epsilon of the first implementation."""
    return batch_normalized(x, name, epsilon=1.001e-5)


def normalized_relu(x: KerasTensor, normalization: str, activation: str) -> KerasTensor:
    """Batch normalization and ReLU."""
    return layers.Activation("relu", name=activation)(normalized(x, normalization))


def _stack(x: KerasTensor, number: int, channels: int, blocks: int) -> KerasTensor:
    for i in range(1, blocks + 1):
        x = _block(x, f"conv{number}_block{i}", channels, 2 if i == 1 and number > 2 else 1, projected=i == 1)
    return x


def _block(x: KerasTensor, name: str, channels: int, stride: int, projected: bool) -> KerasTensor:
    shortcut = x
    if projected:
        shortcut = layers.Conv2D(4 * channels, 1, strides=stride, name=f"{name}_0_conv")(x)
        shortcut = normalized(shortcut, f"{name}_0_bn")
    x = layers.Conv2D(channels, 1, strides=stride, name=f"{name}_1_conv")(x)
    x = normalized_relu(x, f"{name}_1_bn", f"{name}_1_relu")
    x = layers.Conv2D(channels, 3, padding="same", name=f"{name}_2_conv")(x)
    x = normalized_relu(x, f"{name}_2_bn", f"{name}_2_relu")
    x = normalized(layers.Conv2D(4 * channels, 1, name=f"{name}_3_conv")(x), f"{name}_3_bn")
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _build(depth: str, request: Request) -> Model:
    return resnet(request, _stack, DEPTHS[depth], f"resnet{depth}")


ResNet50, ResNet101, ResNet152 = (
    variant(
        f"ResNet{depth}",
        __name__,
        functools.partial(_build, depth),
        f"ResNet with {depth} layers (He, Zhang, Ren, Sun, 2015, https://arxiv.org/abs/1512.03385).",
    )
    for depth in DEPTHS
)
preprocess_input = preprocessor("caffe")
