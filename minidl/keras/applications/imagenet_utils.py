"""For type checkers: `minidl.keras.applications.imagenet_utils` is minidl.applications.imagenet_utils itself."""

from minidl.applications.imagenet_utils import *
