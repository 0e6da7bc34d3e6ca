"""VGG: blocks of 3x3 convolutions, each ended by max pooling."""

from __future__ import annotations

from collections.abc import Sequence

from minidl import layers
from minidl.applications.imagenet_utils import decode_predictions, preprocessor
from minidl.applications.network import DOWNLOADS, Request, variant
from minidl.models import Model

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

CHANNELS = (64, 128, 256, 512, 512)  # of the convolutions of each block


def vgg(request: Request, depths: Sequence[int]) -> Model:
    """The network with the given number of convolutions in each block."""
    x = image = request.image(default_size=224, min_size=32)
    for block, (channels, depth) in enumerate(zip(CHANNELS, depths), 1):
        for i in range(1, depth + 1):
            x = layers.Conv2D(channels, 3, padding="same", activation="relu", name=f"block{block}_conv{i}")(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    if request.include_top:
        x = layers.Flatten(name="flatten")(x)
        for name in ("fc1", "fc2"):
            x = layers.Dense(4096, activation="relu", name=name)(x)
        x = request.classifier(x)
    else:
        x = request.pooled(x)
    family = f"vgg{sum(depths) + 3}"  # with the three dense layers
    ending = "" if request.include_top else "_notop"
    return request.model(image, x, f"{DOWNLOADS}{family}/{family}_weights_tf_dim_ordering_tf_kernels{ending}.h5")


def _vgg16(request: Request) -> Model:
    return vgg(request, (2, 2, 3, 3, 3))


VGG16 = variant(
    "VGG16",
    __name__,
    _vgg16,
    "VGG with 13 convolutions and 3 dense layers (Simonyan, Zisserman, 2014, https://arxiv.org/abs/1409.1556).",
)
preprocess_input = preprocessor("caffe")
