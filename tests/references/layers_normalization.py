"""Normalizations."""

import numpy as np

from tests.references._layers import numbers_of

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(5, 6)).astype("float32") + 2
CUBE = RNG.normal(size=(3, 4, 6)).astype("float32")
IMAGES = RNG.normal(size=(2, 3, 3, 4)).astype("float32")
MASK = np.array([[1, 1, 0, 1], [1, 0, 0, 0], [1, 1, 1, 1]], bool)

LAYERS = {
    "batch": (lambda keras: keras.layers.BatchNormalization(), MATRIX),
    "batch_images": (
        lambda keras: keras.layers.BatchNormalization(
            momentum=0.8,
            epsilon=0.1,
            gamma_initializer="random_uniform",
            beta_initializer="ones",
            gamma_regularizer="l2",
            moving_mean_initializer="ones",
        ),
        IMAGES,
    ),
    "batch_first": (lambda keras: keras.layers.BatchNormalization(axis=1, scale=False), IMAGES),
    "batch_masked": (lambda keras: keras.layers.BatchNormalization(center=False), CUBE, {"mask": MASK}),
    "batch_frozen": (lambda keras: keras.layers.BatchNormalization(trainable=False), MATRIX),
    "batch_renorm": (
        lambda keras: keras.layers.BatchNormalization(
            renorm=True,
            renorm_clipping={"rmin": 0.5, "rmax": 1.2, "dmax": 0.5},
            renorm_momentum=0.8,
            moving_variance_initializer=keras.initializers.Constant(4.0),
        ),
        MATRIX,
    ),
    "batch_renorm_masked": (lambda keras: keras.layers.BatchNormalization(renorm=True), CUBE, {"mask": MASK}),
    "batch_mask_broadcast": (lambda keras: keras.layers.BatchNormalization(), CUBE, {"mask": MASK[:, :1]}),
    "layer": (lambda keras: keras.layers.LayerNormalization(), CUBE),
    "layer_axes": (
        lambda keras: keras.layers.LayerNormalization(axis=[1, 2], gamma_initializer="random_normal", epsilon=0.01),
        CUBE,
    ),
    "layer_axis": (lambda keras: keras.layers.LayerNormalization(axis=1, center=False, scale=False), CUBE),
    "group": (lambda keras: keras.layers.GroupNormalization(groups=2, gamma_initializer="random_normal"), IMAGES),
    "group_first": (lambda keras: keras.layers.GroupNormalization(groups=3, axis=1, beta_initializer="ones"), IMAGES),
    "rms": (lambda keras: keras.layers.RMSNormalization(), CUBE),
    "rms_epsilon": (lambda keras: keras.layers.RMSNormalization(epsilon=0.1), MATRIX),
    "unit": (lambda keras: keras.layers.UnitNormalization(), CUBE),
    "unit_axes": (lambda keras: keras.layers.UnitNormalization(axis=[1, 2]), CUBE),
    "spectral": (lambda keras: keras.layers.SpectralNormalization(keras.layers.Dense(3), power_iterations=2), MATRIX),
}


def cases(keras):
    """The numbers of each layer."""
    return numbers_of(keras, LAYERS)
