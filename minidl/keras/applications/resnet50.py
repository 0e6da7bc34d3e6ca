"""For type checkers: `minidl.keras.applications.resnet50` is minidl.applications.resnet50 itself."""

from minidl.applications.resnet50 import *
