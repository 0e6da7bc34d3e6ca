"""Regularization, reshaping and merging."""

import numpy as np

from tests.references._layers import numbers_of

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(3, 4)).astype("float32")
CUBE = RNG.normal(size=(3, 4, 6)).astype("float32")
IMAGES = RNG.normal(size=(2, 4, 5, 3)).astype("float32")
VOLUMES = RNG.normal(size=(2, 3, 4, 3, 2)).astype("float32")
PAIR = [CUBE, RNG.normal(size=(3, 4, 6)).astype("float32")]

LAYERS = {
    "spatial_dropout_1d": (lambda keras: keras.layers.SpatialDropout1D(0.5), CUBE),
    "spatial_dropout_2d": (lambda keras: keras.layers.SpatialDropout2D(0.3, "channels_first", seed=4), IMAGES),
    "spatial_dropout_3d": (lambda keras: keras.layers.SpatialDropout3D(0.3), VOLUMES),
    "gaussian_noise": (lambda keras: keras.layers.GaussianNoise(0.3), CUBE),
    "gaussian_dropout": (lambda keras: keras.layers.GaussianDropout(0.3, seed=2), CUBE),
    "alpha_dropout": (lambda keras: keras.layers.AlphaDropout(0.3), CUBE),
    "alpha_dropout_noise_shape": (lambda keras: keras.layers.AlphaDropout(0.3, noise_shape=(None, 1, None)), CUBE),
    "activity_regularization": (lambda keras: keras.layers.ActivityRegularization(0.125, 0.25), CUBE),
    "reshape": (lambda keras: keras.layers.Reshape((2, -1, 3)), CUBE),
    "permute": (lambda keras: keras.layers.Permute((2, 1)), CUBE),
    "repeat_vector": (lambda keras: keras.layers.RepeatVector(3), MATRIX),
    "cropping_1d": (lambda keras: keras.layers.Cropping1D(), CUBE),
    "cropping_2d": (lambda keras: keras.layers.Cropping2D(((1, 0), (0, 2))), IMAGES),
    "cropping_3d": (lambda keras: keras.layers.Cropping3D((1, 1, 0)), VOLUMES),
    "zero_padding_1d": (lambda keras: keras.layers.ZeroPadding1D((1, 2)), CUBE),
    "zero_padding_2d": (lambda keras: keras.layers.ZeroPadding2D((1, 2), data_format="channels_first"), IMAGES),
    "zero_padding_3d": (lambda keras: keras.layers.ZeroPadding3D(), VOLUMES),
    "up_sampling_1d": (lambda keras: keras.layers.UpSampling1D(3), CUBE),
    "up_sampling_2d": (lambda keras: keras.layers.UpSampling2D((1, 2)), IMAGES),
    "up_sampling_2d_bilinear": (lambda keras: keras.layers.UpSampling2D(2, interpolation="bilinear"), IMAGES),
    "up_sampling_2d_bicubic": (lambda keras: keras.layers.UpSampling2D(2, interpolation="bicubic"), IMAGES),
    "up_sampling_2d_lanczos": (
        lambda keras: keras.layers.UpSampling2D(2, data_format="channels_first", interpolation="lanczos3"),
        IMAGES,
    ),
    "up_sampling_3d": (lambda keras: keras.layers.UpSampling3D(2), VOLUMES),
    "add": (lambda keras: keras.layers.Add(), [*PAIR, CUBE]),
    "add_broadcast": (lambda keras: keras.layers.Add(), [CUBE, CUBE[:, 0]]),
    "subtract": (lambda keras: keras.layers.Subtract(), PAIR),
    "multiply": (lambda keras: keras.layers.Multiply(), PAIR),
    "average": (lambda keras: keras.layers.Average(), [*PAIR, CUBE]),
    "maximum": (lambda keras: keras.layers.Maximum(), PAIR),
    "minimum": (lambda keras: keras.layers.Minimum(), PAIR),
    "concatenate": (lambda keras: keras.layers.Concatenate(), [CUBE, CUBE[..., :2]]),
    "dot": (lambda keras: keras.layers.Dot(axes=(1, 2)), [CUBE, RNG.normal(size=(3, 5, 4)).astype("float32")]),
    "dot_vectors": (lambda keras: keras.layers.Dot(axes=1, normalize=True), [MATRIX, MATRIX[:, ::-1]]),
}


def cases(keras):
    """The numbers of each layer."""
    return numbers_of(keras, LAYERS)
