"""For type checkers: `minidl.keras.applications.vgg16` is minidl.applications.vgg16 itself."""

from minidl.applications.vgg16 import *
