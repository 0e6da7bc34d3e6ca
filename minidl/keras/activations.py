"""For type checkers: `minidl.keras.activations` is minidl.activations itself."""

from minidl.activations import *
