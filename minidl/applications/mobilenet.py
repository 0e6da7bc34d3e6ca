"""MobileNet: depthwise and pointwise convolutions in alternation."""

from __future__ import annotations

import os
from typing import Any

from minidl import layers
from minidl.applications.imagenet_utils import decode_predictions, preprocessor
from minidl.applications.network import ARGUMENTS, DOWNLOADS, Request, batch_normalized
from minidl.core.symbolic import KerasTensor
from minidl.core.typing import Shape
from minidl.models import Model

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
PRETRAINED = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}  # width -> how it is written in the name of a file
SIZES = (128, 160, 192, 224)


def MobileNet(  # noqa: N802, D103  (the docstring is below)
    input_shape: Shape | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
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
    if weights == "imagenet" and (alpha not in PRETRAINED or depth_multiplier != 1):
        raise ValueError(
            f"MobileNet: weights='imagenet' need alpha in {list(PRETRAINED)} and depth_multiplier=1, got {alpha} and "
            f"{depth_multiplier}."
        )
    image = request.image(size, min_size=32)
    x = layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(image)
    x = _active(x, "conv1")
    for i, (channels, stride) in enumerate(BLOCKS, 1):
        if stride == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
        padding = "valid" if stride == 2 else "same"
        x = layers.DepthwiseConv2D(
            3, stride, padding, depth_multiplier=depth_multiplier, use_bias=False, name=f"conv_dw_{i}"
        )(x)
        x = _active(x, f"conv_dw_{i}")
        x = layers.Conv2D(int(channels * alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{i}")(x)
        x = _active(x, f"conv_pw_{i}")
    if include_top:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((classes,), name="reshape_2")(x)
        x = layers.Activation(request.checked_activation(), name="predictions")(x)
    else:
        x = request.pooled(x)
    file = f"{DOWNLOADS}mobilenet/mobilenet_{PRETRAINED.get(alpha)}_{size}_tf{'' if include_top else '_no_top'}.h5"
    return request.model(image, x, file, f"mobilenet_{alpha:0.2f}_{request.rows(size)}")


MobileNet.__doc__ = f"""MobileNet (Howard and others, 2017, https://arxiv.org/abs/1704.04861).

    `alpha` multiplies the channels of each layer, `depth_multiplier` those of the depthwise convolutions; `dropout` is
    the rate before the classifier.
{ARGUMENTS}"""
preprocess_input = preprocessor("tf")


def _active(x: KerasTensor, name: str) -> KerasTensor:
    return layers.ReLU(6.0, name=f"{name}_relu")(batch_normalized(x, f"{name}_bn"))
