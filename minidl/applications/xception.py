"""Xception: residual blocks of depthwise separable convolutions."""

from __future__ import annotations

from minidl import layers
from minidl.applications.imagenet_utils import decode_predictions, preprocessor
from minidl.applications.network import DOWNLOADS, Request, batch_normalized, variant
from minidl.core.symbolic import KerasTensor
from minidl.models import Model

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

# Number of the block -> channels of its separable convolutions; the blocks that do not halve the image add their input.
BLOCKS = {2: (128, 128), 3: (256, 256), 4: (728, 728), **{i: (728,) * 3 for i in range(5, 13)}, 13: (728, 1024)}
HALVED = (2, 3, 4, 13)


def _build(request: Request) -> Model:
    x = image = request.image(default_size=299, min_size=71)
    for i, (channels, stride) in enumerate(((32, 2), (64, 1)), 1):
        x = layers.Conv2D(channels, 3, strides=stride, use_bias=False, name=f"block1_conv{i}")(x)
        x = layers.Activation("relu", name=f"block1_conv{i}_act")(batch_normalized(x, f"block1_conv{i}_bn"))
    for number, widths in BLOCKS.items():
        x = _block(x, number, widths)
    for i, channels in enumerate((1536, 2048), 1):
        x = layers.Activation("relu", name=f"block14_sepconv{i}_act")(_separable(x, f"block14_sepconv{i}", channels))
    if request.include_top:
        x = request.classifier(layers.GlobalAveragePooling2D(name="avg_pool")(x))
    else:
        x = request.pooled(x)
    ending = "" if request.include_top else "_notop"
    return request.model(image, x, f"{DOWNLOADS}xception/xception_weights_tf_dim_ordering_tf_kernels{ending}.h5")


def _block(x: KerasTensor, number: int, widths: tuple[int, ...]) -> KerasTensor:
    residual, name = x, f"block{number}"
    if number in HALVED:
        residual = layers.Conv2D(widths[-1], 1, strides=2, padding="same", use_bias=False)(x)
        residual = batch_normalized(residual)
    for i, channels in enumerate(widths, 1):
        if (number, i) != (2, 1):  # the first block has activated its output
            x = layers.Activation("relu", name=f"{name}_sepconv{i}_act")(x)
        x = _separable(x, f"{name}_sepconv{i}", channels)
    if number in HALVED:
        x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return layers.add([x, residual])


def _separable(x: KerasTensor, name: str, channels: int) -> KerasTensor:
    x = layers.SeparableConv2D(channels, 3, padding="same", use_bias=False, name=name)(x)
    return batch_normalized(x, f"{name}_bn")


Xception = variant("Xception", __name__, _build, "Xception (Chollet, 2016, https://arxiv.org/abs/1610.02357).")
preprocess_input = preprocessor("tf")
