"""For type checkers: `minidl.keras.applications.vgg19` is minidl.applications.vgg19 itself."""

from minidl.applications.vgg19 import *
