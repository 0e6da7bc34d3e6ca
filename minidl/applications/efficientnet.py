"""EfficientNet: inverted residual blocks with squeeze-and-excitation, in eight sizes."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

from minidl import layers
from minidl.applications.imagenet_utils import STDDEV, decode_predictions
from minidl.applications.network import (
    Request,
    batch_normalized,
    channels_axis,
    padded_for_stride,
    round_to_multiple,
    variant,
)
from minidl.core.symbolic import KerasTensor
from minidl.initializers import VarianceScaling
from minidl.models import Model

DOWNLOADS = "https://storage.googleapis.com/keras-applications/"
SIZES = {  # size -> (width, depth, pixels along an edge, dropout)
    "B0": (1.0, 1.0, 224, 0.2),
    "B1": (1.0, 1.1, 240, 0.2),
    "B2": (1.1, 1.2, 260, 0.3),
    "B3": (1.2, 1.4, 300, 0.3),
    "B4": (1.4, 1.8, 380, 0.4),
    "B5": (1.6, 2.2, 456, 0.4),
    "B6": (1.8, 2.6, 528, 0.5),
    "B7": (2.0, 3.1, 600, 0.5),
}
__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]


class Stage(NamedTuple):
    """Blocks of one shape: the first has the stride, and changes the number of channels."""

    kernel: int
    blocks: int
    channels: int
    expansion: int
    stride: int


STAGES = (
    Stage(3, 1, 16, 1, 1),
    Stage(3, 2, 24, 6, 2),
    Stage(5, 2, 40, 6, 2),
    Stage(3, 3, 80, 6, 2),
    Stage(5, 3, 112, 6, 1),
    Stage(5, 4, 192, 6, 2),
    Stage(3, 1, 320, 6, 1),
)
DROPPED = 0.2  # share of the examples that skip the last block; less for earlier ones
SQUEEZED = 0.25


def _build(size: str, request: Request) -> Model:
    width, depth, pixels, dropout = SIZES[size]
    image = request.image(pixels, min_size=32)
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Normalization(axis=channels_axis())(x)
    if request.weights == "imagenet":  # whose normalization is by the variance
        x = layers.Rescaling([1 / math.sqrt(stddev) for stddev in STDDEV])(x)
    x = padded_for_stride(x, 3, "stem_conv_pad")
    x = layers.Conv2D(
        round_to_multiple(32 * width), 3, strides=2, use_bias=False, kernel_initializer=_drawn(), name="stem_conv"
    )(x)
    x = _active(x, "stem_bn", "stem_activation")
    repeats = [math.ceil(depth * stage.blocks) for stage in STAGES]
    done = 0
    for number, (stage, blocks) in enumerate(zip(STAGES, repeats), 1):
        for i in range(blocks):
            shape = stage._replace(
                channels=round_to_multiple(stage.channels * width), stride=stage.stride if i == 0 else 1
            )
            x = _block(x, f"block{number}{chr(97 + i)}_", shape, DROPPED * done / sum(repeats))
            done += 1
    x = _pointwise(x, "top_conv", round_to_multiple(1280 * width))
    x = _active(x, "top_bn", "top_activation")
    if request.include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(dropout, name="top_dropout")(x)
        x = request.classifier(x, kernel_initializer=VarianceScaling(1 / 3, "fan_out", "uniform"))
    else:
        x = request.pooled(x, "avg_pool", "max_pool")
    ending = "" if request.include_top else "_notop"
    return request.model(image, x, f"{DOWNLOADS}efficientnet{size.lower()}{ending}.h5")


def _block(inputs: KerasTensor, name: str, stage: Stage, drop_rate: float) -> KerasTensor:
    axis = channels_axis()
    before: Any = inputs.shape[axis]
    channels = before * stage.expansion
    x = inputs
    if stage.expansion != 1:
        x = _pointwise(x, f"{name}expand_conv", channels)
        x = _active(x, f"{name}expand_bn", f"{name}expand_activation")
    if stage.stride == 2:
        x = padded_for_stride(x, stage.kernel, f"{name}dwconv_pad")
    x = layers.DepthwiseConv2D(
        stage.kernel,
        strides=stage.stride,
        padding="valid" if stage.stride == 2 else "same",
        use_bias=False,
        depthwise_initializer=_drawn(),
        name=f"{name}dwconv",
    )(x)
    x = _active(x, f"{name}bn", f"{name}activation")
    gate = layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    gate = layers.Reshape((channels, 1, 1) if axis == 1 else (1, 1, channels), name=f"{name}se_reshape")(gate)
    squeezed = max(1, int(before * SQUEEZED))
    gate = _pointwise(gate, f"{name}se_reduce", squeezed, activation="swish", use_bias=True)
    gate = _pointwise(gate, f"{name}se_expand", channels, activation="sigmoid", use_bias=True)
    x = layers.multiply([x, gate], name=f"{name}se_excite")
    x = batch_normalized(_pointwise(x, f"{name}project_conv", stage.channels), f"{name}project_bn")
    if stage.stride == 1 and before == stage.channels:
        if drop_rate > 0:
            x = layers.Dropout(drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
        x = layers.add([x, inputs], name=f"{name}add")
    return x


def _active(x: KerasTensor, normalization: str, activation: str) -> KerasTensor:
    return layers.Activation("swish", name=activation)(batch_normalized(x, normalization))


def _pointwise(x: KerasTensor, name: str, channels: int, use_bias: bool = False, **kwargs: Any) -> KerasTensor:
    return layers.Conv2D(
        channels, 1, padding="same", use_bias=use_bias, kernel_initializer=_drawn(), name=name, **kwargs
    )(x)


def _drawn() -> VarianceScaling:
    return VarianceScaling(2.0, "fan_out", "truncated_normal")


(
    EfficientNetB0,
    EfficientNetB1,
    EfficientNetB2,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB5,
    EfficientNetB6,
    EfficientNetB7,
) = (
    variant(
        f"EfficientNet{size}",
        __name__,
        functools.partial(_build, size),
        f"EfficientNet {size}, for pixels from 0 to 255 (Tan, Le, 2019, https://arxiv.org/abs/1905.11946).",
    )
    for size in SIZES
)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """The same x: the network scales its pixels itself."""
    return x
