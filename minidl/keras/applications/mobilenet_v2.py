"""For type checkers: `minidl.keras.applications.mobilenet_v2` is minidl.applications.mobilenet_v2 itself."""

from minidl.applications.mobilenet_v2 import *
