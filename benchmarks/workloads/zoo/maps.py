"""Networks whose output is an image: segmentation, and images made again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.workload import Split
from benchmarks.workloads.zoo.base import Zoo, programs, trained_and_used

LATENT = 16  # units between encoder and decoder of the variational autoencoder
KL_WEIGHT = 1e-3  # of the divergence, compared with the mean over pixels
_RADIUS, _NOISE = 0.3, 0.2  # of discs, of the edge; of pixels


@dataclass(frozen=True)
class Maps(Zoo):
    """A network that gives an image."""

    classes: int = 4

    def data(self, split: Split = "train") -> tuple[np.ndarray, np.ndarray]:
        """Images (size, size, 1) of discs in noise; the target is how many cover a pixel, or the image."""
        rows, random = self._generator(split)
        grid = np.stack(np.meshgrid(*[np.linspace(0, 1, self.size)] * 2), axis=-1)
        centers = random.random((rows, self.classes - 1, 1, 1, 2))
        covered = (((grid - centers) ** 2).sum(axis=-1) < _RADIUS**2).sum(axis=1)
        noise = _NOISE * random.random((rows, self.size, self.size))
        x = (covered / self.classes + noise).astype("float32")[..., None]
        return x, covered.astype("int32") if self.has_labels else x


WORKLOADS = trained_and_used(
    Maps("zoo-unet", "U-Net: two levels, skips, transposed 2x2 convolutions", model="unet", batch_size=16, rows=320),
    Maps(
        "zoo-autoencoder",
        "convolutional autoencoder: 5x5, stride 2, transposed",
        model="autoencoder",
        loss="mean_squared_error",
    ),
    Maps("zoo-vae", "variational autoencoder: convolutions, add_loss", model="vae", loss="mean_squared_error"),
)


def unet(keras: Any, work: Maps) -> Any:
    """Ronneberger et al., 2015, with padding."""
    layers, inputs = keras.layers, keras.Input((work.size, work.size, 1))

    def twice(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    x, skips = inputs, []
    for filters in (work.width, 2 * work.width):
        skips.append(twice(x, filters))
        x = layers.MaxPooling2D()(skips[-1])
    x = twice(x, 4 * work.width)
    for filters in (2 * work.width, work.width):
        x = layers.Conv2DTranspose(filters, 2, 2)(x)
        x = twice(layers.concatenate([skips.pop(), x]), filters)
    return keras.Model(inputs, layers.Conv2D(work.classes, 1, activation="softmax")(x))


def autoencoder(keras: Any, work: Maps) -> Any:
    """Strided instead of pooled, as in Radford et al., 2016."""
    layers, width = keras.layers, work.width
    return keras.Sequential(
        [
            keras.Input((work.size, work.size, 1)),
            layers.Conv2D(width, 5, 2, padding="same", activation="relu"),
            layers.Conv2D(2 * width, 5, 2, padding="same", activation="relu"),
            layers.Conv2DTranspose(width, 5, 2, padding="same", activation="relu"),
            layers.Conv2DTranspose(1, 5, 2, padding="same"),
        ]
    )


def vae(keras: Any, work: Maps) -> Any:
    """Kingma & Welling, 2014: the layer that samples adds the divergence to the loss."""
    layers, inputs, ops = keras.layers, keras.Input((work.size, work.size, 1)), keras.ops

    class Sampling(layers.Layer):  # type: ignore[misc, name-defined]  # a class of the library that is passed
        def __init__(self) -> None:
            super().__init__()
            self.seed = keras.random.SeedGenerator()

        def call(self, inputs: Any) -> Any:
            mean, log_variance = inputs
            divergence = -0.5 * ops.mean(1 + log_variance - ops.square(mean) - ops.exp(log_variance))
            self.add_loss(KL_WEIGHT * divergence)
            return mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=self.seed)

    x = layers.Conv2D(work.width, 3, 2, padding="same", activation="relu")(inputs)
    x = layers.Flatten()(layers.Conv2D(2 * work.width, 3, 2, padding="same", activation="relu")(x))
    z = Sampling()([layers.Dense(LATENT)(x), layers.Dense(LATENT)(x)])
    edge = work.size // 4
    x = layers.Dense(edge * edge * 2 * work.width, activation="relu")(z)
    x = layers.Reshape((edge, edge, 2 * work.width))(x)
    x = layers.Conv2DTranspose(work.width, 3, 2, padding="same", activation="relu")(x)
    return keras.Model(inputs, layers.Conv2DTranspose(1, 3, 2, padding="same")(x))


MODELS = {build.__name__: build for build in (unet, autoencoder, vae)}
train, predict = programs(MODELS)
