"""VGG19: `vgg16.vgg` with three more convolutions."""

from __future__ import annotations

from minidl.applications.imagenet_utils import decode_predictions
from minidl.applications.network import Request, variant
from minidl.applications.vgg16 import preprocess_input, vgg
from minidl.models import Model

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]


def _vgg19(request: Request) -> Model:
    return vgg(request, (2, 2, 4, 4, 4))


VGG19 = variant(
    "VGG19",
    __name__,
    _vgg19,
    "VGG with 16 convolutions and 3 dense layers (Simonyan, Zisserman, 2014, https://arxiv.org/abs/1409.1556).",
)
