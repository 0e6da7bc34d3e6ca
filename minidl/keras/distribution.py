"""For type checkers: `minidl.keras.distribution` is minidl.distribution itself."""

from minidl.distribution import *
