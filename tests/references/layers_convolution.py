"""Convolutions and poolings."""

import numpy as np

from tests.references._layers import numbers_of

RNG = np.random.default_rng(0)
STEPS = RNG.normal(size=(2, 7, 4)).astype("float32")
IMAGES = RNG.normal(size=(2, 5, 6, 4)).astype("float32")
TIES = RNG.integers(0, 2, size=(2, 5, 6, 2)).astype("float32")
VOLUMES = RNG.normal(size=(2, 4, 3, 4, 2)).astype("float32")
MASK = np.array([[1, 1, 1, 0, 0, 1, 0], [1, 0, 0, 0, 0, 0, 0]], bool)
FIRST = "channels_first"

LAYERS = {
    "conv_1d": (lambda keras: keras.layers.Conv1D(3, 3, strides=2, activation="relu"), STEPS),
    "conv_1d_causal": (lambda keras: keras.layers.Conv1D(3, 2, padding="causal", dilation_rate=2), STEPS),
    "conv_2d": (lambda keras: keras.layers.Conv2D(3, (3, 2), kernel_regularizer="l2", bias_initializer="ones"), IMAGES),
    "conv_2d_same": (lambda keras: keras.layers.Conv2D(3, 3, strides=2, padding="same"), IMAGES),
    "conv_2d_dilated": (lambda keras: keras.layers.Conv2D(3, 2, dilation_rate=(2, 1), padding="same"), IMAGES),
    "conv_2d_groups": (lambda keras: keras.layers.Conv2D(6, 3, groups=2, use_bias=False), IMAGES),
    "conv_2d_first": (lambda keras: keras.layers.Conv2D(5, 3, padding="same", data_format=FIRST, groups=5), IMAGES),
    "conv_3d": (lambda keras: keras.layers.Conv3D(3, 2, strides=(1, 1, 2)), VOLUMES),
    "conv_1d_transpose": (lambda keras: keras.layers.Conv1DTranspose(3, 3, strides=2, padding="same"), STEPS),
    "conv_2d_transpose": (lambda keras: keras.layers.Conv2DTranspose(3, (3, 2), strides=(2, 3)), IMAGES),
    "conv_2d_transpose_padding": (
        lambda keras: keras.layers.Conv2DTranspose(3, 3, strides=2, padding="same", output_padding=1),
        IMAGES,
    ),
    "conv_2d_transpose_dilated": (lambda keras: keras.layers.Conv2DTranspose(3, 2, dilation_rate=2), IMAGES),
    "conv_3d_transpose": (lambda keras: keras.layers.Conv3DTranspose(2, 2, strides=2, data_format=FIRST), VOLUMES),
    "depthwise_1d": (lambda keras: keras.layers.DepthwiseConv1D(3, strides=2, padding="same"), STEPS),
    "depthwise_2d": (lambda keras: keras.layers.DepthwiseConv2D(3, depth_multiplier=2, activation="tanh"), IMAGES),
    "depthwise_2d_first": (lambda keras: keras.layers.DepthwiseConv2D(2, data_format=FIRST, dilation_rate=2), IMAGES),
    "separable_1d": (lambda keras: keras.layers.SeparableConv1D(3, 3, padding="same"), STEPS),
    "separable_2d": (lambda keras: keras.layers.SeparableConv2D(3, 3, depth_multiplier=2, padding="same"), IMAGES),
    "separable_2d_first": (lambda keras: keras.layers.SeparableConv2D(3, 2, strides=2, data_format=FIRST), IMAGES),
    "max_pooling_1d": (lambda keras: keras.layers.MaxPooling1D(3, strides=2, padding="same"), STEPS),
    "max_pooling_2d": (lambda keras: keras.layers.MaxPooling2D(), IMAGES),
    "max_pooling_2d_ties": (lambda keras: keras.layers.MaxPooling2D((3, 2), strides=1), TIES),
    "max_pooling_2d_first": (lambda keras: keras.layers.MaxPooling2D(2, padding="same", data_format=FIRST), IMAGES),
    "max_pooling_3d": (lambda keras: keras.layers.MaxPooling3D(2), VOLUMES),
    "average_pooling_1d": (lambda keras: keras.layers.AveragePooling1D(3, strides=1, padding="same"), STEPS),
    "average_pooling_2d": (lambda keras: keras.layers.AveragePooling2D(2), IMAGES),
    "average_pooling_2d_same": (
        lambda keras: keras.layers.AveragePooling2D((2, 3), padding="same", data_format=FIRST),
        IMAGES,
    ),
    "average_pooling_3d": (lambda keras: keras.layers.AveragePooling3D(2), VOLUMES),
    "global_max_1d": (lambda keras: keras.layers.GlobalMaxPooling1D(), STEPS),
    "global_max_2d": (lambda keras: keras.layers.GlobalMaxPooling2D(keepdims=True), TIES),
    "global_average_1d": (lambda keras: keras.layers.GlobalAveragePooling1D(), STEPS),
    "global_average_1d_masked": (lambda keras: keras.layers.GlobalAveragePooling1D(), STEPS, {"mask": MASK}),
    "global_average_2d": (lambda keras: keras.layers.GlobalAveragePooling2D(FIRST), IMAGES),
    "global_average_3d": (lambda keras: keras.layers.GlobalAveragePooling3D(), VOLUMES),
    "adaptive_average_1d": (lambda keras: keras.layers.AdaptiveAveragePooling1D(3), STEPS),
    "adaptive_average_2d": (lambda keras: keras.layers.AdaptiveAveragePooling2D((2, 4)), IMAGES),
    "adaptive_max_2d": (lambda keras: keras.layers.AdaptiveMaxPooling2D((2, 4), data_format=FIRST), IMAGES),
    "adaptive_max_3d": (lambda keras: keras.layers.AdaptiveMaxPooling3D(2), VOLUMES),
}


def cases(keras):
    """The numbers of each layer."""
    return numbers_of(keras, LAYERS)
