"""For type checkers: `minidl.keras.applications.resnet` is minidl.applications.resnet itself."""

from minidl.applications.resnet import *
