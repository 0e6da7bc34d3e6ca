"""Convolutions and poolings."""

import numpy as np

from minidl import layers
from minidl.testing import LayerCase as Row

RNG = np.random.default_rng(0)
STEPS = RNG.normal(size=(2, 5, 4)).astype("float32")
IMAGES = RNG.normal(size=(2, 5, 6, 4)).astype("float32")
VOLUMES = RNG.normal(size=(2, 4, 3, 4, 2)).astype("float32")
FIRST = {"data_format": "channels_first"}

ROWS = {
    "Conv1D": Row(layers.Conv1D, {"filters": 3, "kernel_size": 2, "padding": "causal", "dilation_rate": 2}, STEPS),
    "Conv2D": Row(layers.Conv2D, {"filters": 3, "kernel_size": 3, "activation": "relu"}, IMAGES),
    "Conv2D groups": Row(
        layers.Conv2D, {"filters": 4, "kernel_size": 3, "groups": 2, "strides": 2, "padding": "same"}, IMAGES
    ),
    "Conv2D first": Row(layers.Conv2D, {"filters": 3, "kernel_size": 2, "use_bias": False, **FIRST}, IMAGES),
    "Conv3D": Row(layers.Conv3D, {"filters": 2, "kernel_size": 2}, VOLUMES),
    "Conv1DTranspose": Row(layers.Conv1DTranspose, {"filters": 3, "kernel_size": 3, "strides": 2}, STEPS),
    "Conv2DTranspose": Row(
        layers.Conv2DTranspose, {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", **FIRST}, IMAGES
    ),
    "Conv3DTranspose": Row(layers.Conv3DTranspose, {"filters": 2, "kernel_size": 2}, VOLUMES),
    "DepthwiseConv1D": Row(layers.DepthwiseConv1D, {"kernel_size": 3, "padding": "same"}, STEPS),
    "DepthwiseConv2D": Row(layers.DepthwiseConv2D, {"kernel_size": 3, "depth_multiplier": 2}, IMAGES),
    "SeparableConv1D": Row(layers.SeparableConv1D, {"filters": 3, "kernel_size": 3}, STEPS),
    "SeparableConv2D": Row(layers.SeparableConv2D, {"filters": 3, "kernel_size": 3, **FIRST}, IMAGES),
    "MaxPooling1D": Row(layers.MaxPooling1D, {"pool_size": 3, "strides": 2, "padding": "same"}, STEPS),
    "MaxPooling2D": Row(layers.MaxPooling2D, {}, IMAGES),
    "MaxPooling3D": Row(layers.MaxPooling3D, {}, VOLUMES),
    "AveragePooling1D": Row(layers.AveragePooling1D, {"pool_size": 2, "padding": "same"}, STEPS),
    "AveragePooling2D": Row(layers.AveragePooling2D, {"pool_size": 2, **FIRST}, IMAGES),
    "AveragePooling3D": Row(layers.AveragePooling3D, {"pool_size": 2}, VOLUMES),
    "GlobalMaxPooling1D": Row(layers.GlobalMaxPooling1D, {}, STEPS),
    "GlobalMaxPooling2D": Row(layers.GlobalMaxPooling2D, {"keepdims": True}, IMAGES),
    "GlobalMaxPooling3D": Row(layers.GlobalMaxPooling3D, {**FIRST}, VOLUMES),
    "GlobalAveragePooling1D": Row(layers.GlobalAveragePooling1D, {}, STEPS),
    "GlobalAveragePooling2D": Row(layers.GlobalAveragePooling2D, {**FIRST}, IMAGES),
    "GlobalAveragePooling3D": Row(layers.GlobalAveragePooling3D, {"keepdims": True}, VOLUMES),
    "AdaptiveMaxPooling1D": Row(layers.AdaptiveMaxPooling1D, {"output_size": 3}, STEPS),
    "AdaptiveMaxPooling2D": Row(layers.AdaptiveMaxPooling2D, {"output_size": [2, 3], **FIRST}, IMAGES),
    "AdaptiveMaxPooling3D": Row(layers.AdaptiveMaxPooling3D, {"output_size": 2}, VOLUMES),
    "AdaptiveAveragePooling1D": Row(layers.AdaptiveAveragePooling1D, {"output_size": 3}, STEPS),
    "AdaptiveAveragePooling2D": Row(layers.AdaptiveAveragePooling2D, {"output_size": [2, 3]}, IMAGES),
    "AdaptiveAveragePooling3D": Row(layers.AdaptiveAveragePooling3D, {"output_size": 2}, VOLUMES),
}
