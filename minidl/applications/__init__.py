"""Image classifiers of the literature, with the layers and names of Keras's, so that weights are exchanged."""

from minidl.applications import (
    efficientnet,
    imagenet_utils,
    mobilenet,
    mobilenet_v2,
    resnet,
    resnet50,
    resnet_v2,
    vgg16,
    vgg19,
    xception,
)
from minidl.applications.efficientnet import (
    EfficientNetB0,
    EfficientNetB1,
    EfficientNetB2,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB5,
    EfficientNetB6,
    EfficientNetB7,
)
from minidl.applications.mobilenet import MobileNet
from minidl.applications.mobilenet_v2 import MobileNetV2
from minidl.applications.resnet import ResNet50, ResNet101, ResNet152
from minidl.applications.resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
from minidl.applications.vgg16 import VGG16
from minidl.applications.vgg19 import VGG19
from minidl.applications.xception import Xception

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "MobileNet",
    "MobileNetV2",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "VGG19",
    "Xception",
    "efficientnet",
    "imagenet_utils",
    "mobilenet",
    "mobilenet_v2",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
]
