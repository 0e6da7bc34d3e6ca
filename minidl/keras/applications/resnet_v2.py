"""For type checkers: `minidl.keras.applications.resnet_v2` is minidl.applications.resnet_v2 itself."""

from minidl.applications.resnet_v2 import *
